#!/bin/sh
# What `gdk component build` runs in this folder: one ZIP for each architecture and the recipe, where the Greengrass
# Development Kit's `gdk component publish` looks for them. It takes the boards' binaries from target/boards
# (cross/build pi-32 pi-64), or from the folder that BOARDS names.
#
# The kit uploads all ZIPs into one folder and finds the recipe's artifacts by their names, so these differ here, and
# with them the folders that the nucleus unpacks into.
set -eu
cd "$(dirname "$0")"
boards="${BOARDS:-../../target/boards}"
name=homing.Send
version="$(sed -n "s/^ComponentVersion: '\(.*\)'/\1/p" recipe.yaml)"
artifacts="greengrass-build/artifacts/$name/$version"

rm -rf greengrass-build
mkdir -p "$artifacts" greengrass-build/recipes
for pair in arm:pi-32 aarch64:pi-64; do
    binary="$boards/${pair#*:}/homing"
    if [ ! -f "$binary" ]; then
        echo "build.sh: no $binary; run cross/build ${pair#*:}" >&2
        exit 66
    fi
    python3 -m zipfile -c "$artifacts/homing-${pair%:*}.zip" "$binary"
done
sed -e "s|/arm/homing\.zip|/homing-arm.zip|; s|/aarch64/homing\.zip|/homing-aarch64.zip|" recipe.yaml |
    awk '/homing-arm\.zip/ { architecture = "arm" } /homing-aarch64\.zip/ { architecture = "aarch64" }
         { gsub("Path}/homing/homing", "Path}/homing-" architecture "/homing"); print }' \
        >greengrass-build/recipes/recipe.yaml

//! The pages for images, containers and Greengrass: what they put together has the program in it, and it runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::device::Device;
use crate::support::packages;

#[test]
fn images_get_the_program_and_its_folders() {
    let Some(device) = Device::start("images page", &["md5sum"]) else { return };
    device.make_boards(&["pi-32"], Path::new(env!("CARGO_BIN_EXE_homing")));
    let script = device.page("boards/images/README.md").script;
    let recipe = fs::read_to_string(repository().join("boards/images/homing.bb")).unwrap();
    let installs = recipe.split_once("do_install() {\n").unwrap().1.split_once("\n}").unwrap().0;
    // What bitbake gives to the recipe's shell.
    let bitbake =
        installs.replace("${S}", "recipes-homing/homing/homing").replace("${D}", "yocto").replace("${prefix}", "/usr");
    device.run_successfully(&format!(
        "export TARGET_DIR=buildroot\nmkdir -p buildroot/etc yocto\n{script}\n{bitbake}\n\
         for root in buildroot files yocto; do $root/usr/bin/homing --version; test -d $root/var/lib/homing; \
         test -L $root/usr/bin/docker-credential-homing; test -s $root/etc/homing/config.json; done\n\
         grep '^[*]/5 .*/usr/bin/homing -v send /run/camera/latest.jpg' buildroot/var/spool/cron/crontabs/root\n\
         grep '^[*]/15 .*/usr/bin/homing -v send /tmp/latest.log' files/etc/crontabs/root\n\
         test ! -e yocto/etc/cron.d\n"
    ));
    for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let output = Command::new("md5sum").arg(repository().join(file)).output().unwrap();
        let sum = String::from_utf8(output.stdout).unwrap()[..32].to_owned();
        assert!(recipe.contains(&format!("file://{file};md5={sum}")), "{file}: {sum}");
        assert!(recipe.contains(&format!(" file://{file}")), "{file} is not among the sources");
    }
}

#[test]
fn the_container_image_is_one_file_that_delivers() {
    let Some(device) = Device::start("containers page", &["buildah"]) else { return };
    let Some(binary) = target_file("boards/pc/homing") else {
        packages::skip("containers page", "no static binary; run cross/build pc");
        return;
    };
    device.make_boards(&["pc"], &binary);
    let script = device.page("boards/containers/README.md").script;
    // A container without a kernel's own isolation, as the tests may run in one themselves.
    let said = device.run_successfully(&format!(
        "printf '{STORAGE}' >/run/storage.conf\nexport CONTAINERS_STORAGE_CONF=/run/storage.conf BUILDAH_ISOLATION=chroot\n{script}\n\
         buildah inspect --type image --format 'user {{{{.OCIv1.Config.User}}}} entry {{{{.OCIv1.Config.Entrypoint}}}}' homing\n\
         container=$(buildah from homing)\nroot=$(buildah mount $container)\necho \"files: $(cd $root; find . -type f)\"\n\
         chmod 755 /etc/homing /run/camera; chmod 644 /run/camera/latest.jpg; chown 65532 /etc/homing/private.pem.key\n\
         buildah run --volume /etc/homing:/etc/homing:ro --volume /run/camera:/run/camera:ro $container \
         /homing send /run/camera/latest.jpg\n"
    ));
    assert!(said.contains("user 65532:65532 entry [/homing]"), "{said}");
    assert!(said.contains("files: ./homing\n"), "{said}");
    assert_eq!(device.objects(), ["camera-1/latest.jpg"], "{said}");
}

#[test]
fn the_greengrass_project_builds_what_its_kit_looks_for() {
    let Some(device) = Device::start("Greengrass page", &["python3"]) else { return };
    device.make_boards(&["pi-32", "pi-64"], Path::new(env!("CARGO_BIN_EXE_homing")));
    let script = device.page("boards/greengrass/README.md").script;
    let said = device.run_successfully(&format!(
        "cp -rL boards copy; rm boards; mv copy boards\n{script}\ncd boards/greengrass/greengrass-build\n\
         for archive in artifacts/homing.Send/*/*.zip; do echo \"$archive: $(python3 -m zipfile -l $archive | tail -n 1)\"; done\n\
         cp recipes/recipe.yaml \"$FOLDER/recipe.yaml\"\n"
    ));
    let version = env!("CARGO_PKG_VERSION");
    let built = fs::read_to_string(device.file("recipe.yaml")).unwrap();
    // The kit finds an artifact by its file's name, and the nucleus unpacks it into a folder of that name.
    for architecture in ["arm", "aarch64"] {
        assert!(
            said.contains(&format!("artifacts/homing.Send/{version}/homing-{architecture}.zip: homing ")),
            "{said}"
        );
        assert!(
            built.contains(&format!("URI: s3://BUCKET/homing.Send/{version}/homing-{architecture}.zip")),
            "{built}"
        );
        assert!(
            built.contains(&format!("exec '{{artifacts:decompressedPath}}/homing-{architecture}/homing' -v")),
            "{built}"
        );
    }
    // Else it is the recipe that tests/machine runs.
    let recipe = fs::read_to_string(repository().join("boards/greengrass/recipe.yaml")).unwrap();
    let changed: BTreeSet<&str> =
        recipe.lines().zip(built.lines()).filter(|(a, b)| a != b).map(|pair| pair.0).collect();
    assert_eq!((recipe.lines().count(), changed.len()), (built.lines().count(), 3), "{changed:?}");

    let text = fs::read_to_string(repository().join("boards/greengrass/gdk-config.json")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["component"].as_object().unwrap().len(), 1);
    let component = &config["component"]["homing.Send"];
    assert_eq!(component["version"], version);
    assert_eq!(component["build"]["build_system"], "custom");
    assert_eq!(component["build"]["custom_build_command"], serde_json::json!(["sh", "build.sh"]));
    for place in
        [&component["author"], &component["publish"]["bucket"], &component["publish"]["region"], &config["gdk_version"]]
    {
        assert!(place.is_string(), "{config}");
    }
}

#[test]
fn shellcheck_finds_nothing_in_the_project() {
    if packages::available("shellcheck", &["shellcheck"]) {
        let output = Command::new("shellcheck").arg(repository().join("boards/greengrass/build.sh")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// What cross/build has made.
fn target_file(name: &str) -> Option<PathBuf> {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .ancestors()
        .take(3)
        .map(|folder| folder.join(name))
        .chain([repository().join("target").join(name)])
        .find(|file| file.is_file())
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Of its own, as the folders of the device are overlays already, on which overlays do not work.
const STORAGE: &str = "[storage]\\ndriver = \"vfs\"\\ngraphroot = \"/var/lib/containers/homing\"\\nrunroot = \"/run/containers/homing\"\\n";

//! The Debian packages: what lintian says of them, and dpkg installing the armhf one on an emulated machine, in a root
//! made of Debian's own packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::board;
use crate::emulator::{Machine, Parts, Settings, target_file};
use crate::support::directory::Directory;
use crate::support::packages;
use crate::support::process::run;

#[test]
fn lintian_finds_nothing_but_what_is_overridden() {
    if !packages::available("lintian", &["lintian", "dpkg-deb", "python3"]) {
        return;
    }
    let directory = Directory::new("lintian");
    for (board, architecture) in [("pi-32", "armhf"), ("pi-64", "arm64")] {
        let Some(package) = package(&directory, board) else { return };
        let field = |name: &str| run("dpkg-deb", ["--field", package.to_str().unwrap(), name]).trim().to_owned();
        assert_eq!(field("Architecture"), architecture);
        assert_eq!(field("Version"), format!("{}-1", env!("CARGO_PKG_VERSION")));
        assert_eq!(field("Depends"), "", "the program is static");
        let output = Command::new("lintian")
            .args(["--fail-on", "error,warning,info", "--tag-display-limit", "0"])
            .args(["--allow-root", package.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        // An override that overrides nothing is no longer true.
        assert!(!String::from_utf8_lossy(&output.stdout).contains("override"), "{output:?}");
    }
}

#[test]
fn a_package_made_twice_has_the_same_bytes() {
    let directory = Directory::new("package");
    let Some(package_file) = package(&directory, "pi-32") else { return };
    let first = fs::read(package_file).unwrap();
    assert!(first == fs::read(package(&directory, "pi-32").unwrap()).unwrap());
}

#[test]
fn dpkg_installs_the_package_on_a_32_bit_machine_and_it_delivers() {
    let Some(parts) = Parts::find("dpkg on a 32-bit machine") else { return };
    let (directory, sandbox) = (Directory::new("dpkg"), board::sandbox());
    let package = package(&directory, "pi-32").unwrap();
    let mut initramfs = parts.initramfs(INSTALL);
    initramfs.tree("debian", &debian_root(&parts, &directory));
    initramfs.file("debian/homing.deb", 0o644, &fs::read(package).unwrap());
    board::add_files(&mut initramfs, "device", &sandbox);
    let mut machine = Machine::start(&parts, &directory, initramfs, &Settings { memory: MEMORY, clock: "utc" });

    let version = format!("install ok installed {}-1 armhf", env!("CARGO_PKG_VERSION"));
    assert_eq!(machine.wait_for("installed:"), version, "{}", machine.console());
    assert_eq!(machine.wait_for("version:"), format!("homing {}", env!("CARGO_PKG_VERSION")));
    let helper = format!("docker-credential-homing (homing) {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(machine.wait_for("helper:"), helper);
    let modes = machine.wait_for("modes:");
    assert_eq!(
        modes,
        "750 0:0 /etc/homing 640 0:0 /etc/homing/config.json 700 0:0 /var/lib/homing 755 0:0 /usr/bin/homing"
    );
    machine.wait_for("delivered");
    assert_eq!(sandbox.messages().len(), 1, "{}", machine.console());
    assert_eq!(machine.wait_for("after installing again:"), "the configuration is ours");
    assert_eq!(machine.wait_for("after removing:"), "the configuration is ours, no program");
    assert_eq!(machine.wait_for("after purging:"), "no configuration", "{}", machine.console());
}

/// Makes a board's package; `None` where its binary is missing.
fn package(directory: &Directory, board: &str) -> Option<PathBuf> {
    let Some(binary) = target_file(&format!("boards/{board}/homing")) else {
        packages::skip("Debian packages", &format!("the {board} binary is missing; run cross/build {board}"));
        return None;
    };
    // A target folder of this test's own: others may make packages at the same time.
    let folder = directory.join(format!("boards/{board}"));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(binary, folder.join("homing")).unwrap();
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/debian/build"))
        .arg(board)
        .env("CARGO_TARGET_DIR", directory.path())
        .env("DEBFULLNAME", "Device Team")
        .env("DEBEMAIL", "devices@example.org")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let made = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    made.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "deb"))
}

/// A root folder with dpkg and what it needs, from Debian's packages for armhf, and busybox for the shell.
fn debian_root(parts: &Parts, directory: &Directory) -> PathBuf {
    let root = directory.join("debian");
    for entry in fs::read_dir(parts.path("debs")).unwrap() {
        run("dpkg-deb", ["-x", entry.unwrap().path().to_str().unwrap(), root.to_str().unwrap()]);
    }
    // Conversions between character sets, manuals and translations: most of the bytes, and nothing dpkg needs.
    for unneeded in ["usr/lib/arm-linux-gnueabihf/gconv", "usr/share/man", "usr/share/locale", "usr/share/doc"] {
        let _ = fs::remove_dir_all(root.join(unneeded));
    }
    for folder in ["dev", "proc", "tmp", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    fs::copy(parts.path("busybox"), root.join("bin/busybox")).unwrap();
    root
}

/// dpkg reads whole databases into memory; this machine is not the one that proves a small size.
const MEMORY: u32 = 256;

const INSTALL: &str = r#"
mount -o bind /dev /debian/dev
mount -t proc proc /debian/proc
cp /etc/hosts /etc/passwd /etc/group /debian/etc/
echo 'a reading' >/debian/tmp/reading.log
# Everything from here on happens in Debian's root. Its tar and dpkg are Debian's, sh, rm and the like busybox's.
cat >/debian/run <<'END'
say() { echo "machine: $*"; }
for applet in sh rm cat diff stat cp sed grep start-stop-daemon; do ln -sf busybox /bin/$applet; done
# ldconfig is libc-bin's, which is not here; dpkg looks for it before it does anything.
printf '#!/bin/sh\n' >/sbin/ldconfig && busybox chmod 755 /sbin/ldconfig
dpkg -i /homing.deb
say "installed: $(dpkg-query -W -f '${Status} ${Version} ${Architecture}' homing)"
say "version: $(homing --version)"
say "helper: $(docker-credential-homing version)"
say "modes: $(echo $(stat -c '%a %u:%g %n' /etc/homing /etc/homing/config.json /var/lib/homing /usr/bin/homing))"
cp /device/* /etc/homing/
homing -v send /tmp/reading.log && say delivered
configuration() { if grep -q sandbox /etc/homing/config.json; then echo 'the configuration is ours'; else echo 'no configuration'; fi 2>/dev/null; }
program() { [ -e /usr/bin/homing ] || [ -L /usr/bin/docker-credential-homing ] || echo ', no program'; }
dpkg -i /homing.deb </dev/null
say "after installing again: $(configuration)"
dpkg -r homing
say "after removing: $(configuration)$(program)"
dpkg -P homing
say "after purging: $(configuration)"
END
mkdir /debian/device && cp /device/* /debian/device/
PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /debian /bin/busybox sh /run
"#;

//! Where nothing may be kept, and that homing works there all the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use crate::bench::{Bench, files_below, mode, namespaces, superuser};
use crate::support::directory::Directory;

const SUITE: &str = "places for the credential cache";
/// The runs see this test's own folder, on a disk, as /run: what homing would write there can be looked at.
const RUN_ON_DISK: &str = "mkdir -p $BENCH/run; mount --bind $BENCH/run /run; exec \"$@\"";

#[test]
fn run_homing_is_the_place_without_a_runtime_directory() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    for variable in ["", "relative/path", "/nowhere"] {
        let asked = bench.asked();
        let twice = "mount -t tmpfs none /run; \"$@\"; echo; \"$@\"; echo; stat -c '%a %F' /run/homing /run/homing/*";
        let run = bench.in_namespace(twice, "credentials").env("XDG_RUNTIME_DIR", variable).run();
        run.expect_code(0);
        assert_eq!(bench.asked(), asked + 1, "{run}");
        let mut lines: Vec<&str> = run.stdout.lines().collect();
        let places = lines.split_off(2);
        assert_eq!(lines[0], lines[1]);
        assert_eq!(places, ["700 directory", "600 regular file", "600 regular empty file"], "{run}");
    }
    assert!(bench.files().is_empty());
}

#[test]
fn an_initramfs_is_memory_too() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    let twice = "mount -t ramfs none /run; \"$@\"; echo; \"$@\"";
    let run = bench.in_namespace(twice, "credentials").env("XDG_RUNTIME_DIR", "").run();
    assert_eq!((run.expect_code(0).stdout.lines().count(), bench.asked()), (2, 1));
}

#[test]
fn a_mount_in_memory_of_its_own_will_do_and_one_on_a_disk_will_not() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    let own = format!(
        "mkdir -p $BENCH/run/homing; {}",
        RUN_ON_DISK.replace("exec \"$@\"", "mount -t tmpfs -o mode=700 none /run/homing; \"$@\"; \"$@\"",)
    );
    bench.in_namespace(&own, "credentials").env("XDG_RUNTIME_DIR", "").run().expect_code(0);
    assert_eq!(bench.asked(), 1);
    let disk = "mount -t tmpfs none /run; mkdir -p -m 700 /run/homing $BENCH/disk; mount --bind $BENCH/disk /run/homing; chmod 700 /run/homing; \"$@\" -vv";
    let run = bench.in_namespace(disk, "credentials").env("XDG_RUNTIME_DIR", "").run();
    run.expect_code(0).expect_error("not in memory");
    assert!(files_below(&bench.sandbox.folder().join("disk")).is_empty());
}

#[test]
fn on_a_disk_no_file_is_written_anywhere() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    let disk = Directory::new("runtime-on-disk");
    let home = Directory::new("home");
    for asked in 1..=2 {
        let run = bench.in_namespace(RUN_ON_DISK, "credentials").arg("-vv").env("XDG_RUNTIME_DIR", disk.path());
        let run = run.env("HOME", home.path()).env("TMPDIR", home.path()).run();
        run.expect_code(0).expect_error("not in memory (tmpfs or ramfs)").expect_error("/run/homing");
        assert_eq!(bench.asked(), asked);
    }
    // A refusal neither.
    bench.answer(403, "{}");
    bench.in_namespace(RUN_ON_DISK, "credentials").env("XDG_RUNTIME_DIR", disk.path()).run().expect_code(77);
    for place in [disk.path(), home.path(), &bench.sandbox.folder().join("run")] {
        assert!(fs::read_dir(place).unwrap().next().is_none(), "{}", place.display());
    }
    // Nor into a directory that somebody made there for it.
    fs::create_dir(disk.join("homing")).unwrap();
    fs::set_permissions(disk.join("homing"), Permissions::from_mode(0o700)).unwrap();
    bench.sandbox.clear_fault(homing_sandbox::Service::Credentials);
    bench.in_namespace(RUN_ON_DISK, "credentials").env("XDG_RUNTIME_DIR", disk.path()).run().expect_code(0);
    assert!(files_below(disk.path()).is_empty());
}

#[test]
fn a_directory_that_others_may_enter_is_not_used() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    fs::create_dir(bench.cache()).unwrap();
    for wide in [0o755, 0o770, 0o711, 0o702] {
        fs::set_permissions(bench.cache(), Permissions::from_mode(wide)).unwrap();
        refused(&bench, "others have access to it");
        assert_eq!(mode(bench.cache()), wide);
    }
    fs::set_permissions(bench.cache(), Permissions::from_mode(0o700)).unwrap();
    bench.homing("credentials").run().expect_code(0);
    assert_eq!(bench.files().len(), 2);
}

#[test]
fn a_directory_of_another_user_s_is_not_used() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE) && superuser(SUITE)) else { return };
    fs::create_dir(bench.cache()).unwrap();
    fs::set_permissions(bench.cache(), Permissions::from_mode(0o700)).unwrap();
    chown(bench.cache(), Some(NOBODY), Some(NOBODY)).unwrap();
    refused(&bench, "belongs to another user");
    // As when a variable of the user's stays set for root: nothing of root's goes into what is the user's.
    fs::remove_dir(bench.cache()).unwrap();
    chown(&bench.runtime.path, Some(NOBODY), Some(NOBODY)).unwrap();
    refused(&bench, "belongs to another user");
    assert!(!bench.cache().exists());
}

#[test]
fn a_symbolic_link_or_a_file_in_the_directory_s_place_is_not_used() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    let elsewhere = bench.runtime.path.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o700)).unwrap();
    symlink(&elsewhere, bench.cache()).unwrap();
    refused(&bench, "symbolic link");
    assert!(files_below(&elsewhere).is_empty());
    fs::remove_file(bench.cache()).unwrap();
    fs::write(bench.cache(), "").unwrap();
    refused(&bench, "no directory");
}

#[test]
fn on_read_only_memory_the_command_still_works() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    let script = "mount -t tmpfs -o ro none /run; \"$@\"; echo; \"$@\"";
    let run = bench.in_namespace(script, "credentials").env("XDG_RUNTIME_DIR", "").run();
    assert_eq!((run.expect_code(0).stdout.lines().count(), bench.asked()), (2, 2));
    // What was kept before can still be read.
    let script = "mount -t tmpfs none /run; \"$@\"; echo; mount -o remount,ro /run; \"$@\"";
    let run = bench.in_namespace(script, "credentials").env("XDG_RUNTIME_DIR", "").run();
    assert_eq!((run.expect_code(0).stdout.lines().count(), bench.asked()), (2, 3));
}

#[test]
fn in_full_memory_the_command_still_works_and_nothing_half_written_stays() {
    let Some(bench) = Bench::start(SUITE).filter(|_| namespaces(SUITE)) else { return };
    for (full, left) in [
        (
            "mount -t tmpfs -o size=16k none /run; mkdir -m 700 /run/homing; cat /dev/zero >/run/filler 2>/dev/null || true",
            "lock",
        ),
        ("mount -t tmpfs -o nr_inodes=2 none /run; mkdir -m 700 /run/homing", ""),
        ("mount -t tmpfs -o nr_inodes=1 none /run", ""),
    ] {
        let script = format!("{full}; \"$@\" -vv >/dev/null; \"$@\" >/dev/null; ls /run/homing 2>/dev/null || true");
        let asked = bench.asked();
        let run = bench.in_namespace(&script, "credentials").env("XDG_RUNTIME_DIR", "").run();
        run.expect_code(0).expect_error("No space left on device");
        assert_eq!(bench.asked(), asked + 2, "{run}");
        let stays: Vec<&str> = run.stdout.lines().map(|name| name.split_once('.').unwrap().1).collect();
        assert_eq!(stays.join(" "), left, "{run}");
    }
}

/// Two runs that both ask, and say why.
fn refused(bench: &Bench, reason: &str) {
    let asked = bench.asked();
    for count in 1..=2 {
        let run = bench.in_namespace(RUN_ON_DISK, "credentials").arg("-vv").run();
        run.expect_code(0).expect_error(reason);
        assert_eq!(bench.asked(), asked + count, "{run}");
    }
    assert!(files_below(Path::new(&bench.sandbox.folder().join("run"))).is_empty());
}

/// The user `nobody` of Debian and most others.
const NOBODY: u32 = 65534;

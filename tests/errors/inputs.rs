//! What is wrong with the file itself.

use crate::support::{Run, Scene, servers};
use homing_sandbox::{Arrival, Service};
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

#[test]
fn a_missing_file_is_named() {
    let scene = Scene::new();
    let file = scene.path("no-such-file.jpg");
    let run = scene.send(&file);
    run.failed(66, "no_such_file").names(&["no-such-file.jpg"]).advises("check the path").may_pass(false);
    assert_eq!(scene.connections(), 0, "nothing is to be sent, and yet something was connected to");
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let mut scene = Scene::new();
    let file = scene.small();
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    let mut command = scene.command(&["send", "--json"]);
    command.arg(&file);
    let run = if rustix::process::geteuid().is_root() {
        // Root may read everything: become somebody who owns the sandbox's files, but not this one.
        let program = readable_copy(&scene);
        open_to(&scene, NOBODY);
        chown(&file, Some(0), Some(0)).unwrap();
        let mut other = Command::new("setpriv");
        other.args(["--reuid", &NOBODY.to_string(), "--regid", &NOBODY.to_string(), "--clear-groups"]);
        other.arg(program).args(command.get_args()).env_clear();
        Run::of(&mut other)
    } else {
        Run::of(&mut command)
    };
    run.failed(66, "permission_denied").names(&["small.jpg", "ermission denied"]).advises("let this user read");
    scene.assert_nothing_arrived(&run);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    scene.check(&run);
}

#[test]
fn a_directory_is_refused_with_what_to_do() {
    let scene = Scene::new();
    let folder = scene.path("photos");
    fs::create_dir(&folder).unwrap();
    scene.send(&folder).failed(65, "is_directory").names(&["photos", "is a directory"]).advises("tar");
}

#[test]
fn a_fifo_is_refused_and_not_waited_for() {
    let scene = Scene::new();
    let fifo = scene.path("pipe");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("coreutils are there");
    assert!(made.success());
    scene.send(&fifo).failed(65, "no_regular_file").names(&["pipe", "no regular file"]).advises("homing publish");
    let device = std::path::Path::new("/dev/null");
    scene.send(device).failed(65, "no_regular_file").names(&["/dev/null"]);
}

#[test]
fn a_file_behind_a_file_is_an_error_of_the_path() {
    let mut scene = Scene::new();
    let inside = scene.small().join("below");
    scene.send(&inside).failed(66, "cannot_open").names(&["small.jpg/below", "ot a directory"]);
}

#[test]
fn an_empty_file_is_sent_inside_a_message() {
    let mut scene = Scene::new();
    let file = scene.file("empty.txt", b"");
    scene.send(&file).succeeded();
    let messages = scene.sandbox.messages();
    let message: serde_json::Value = serde_json::from_slice(&messages[0].payload).unwrap();
    assert_eq!((message["type"].as_str(), message["content"].as_str()), (Some("file_content"), Some("")));
    assert_eq!(message["size"], 0);
}

#[test]
fn an_empty_file_is_sent_as_an_object_when_nothing_may_go_inline() {
    let mut scene = Scene::new();
    let file = scene.file("empty.txt", b"");
    scene.set("inline_limit", 0);
    let run = scene.send(&file);
    run.succeeded();
    assert_eq!(scene.sandbox.objects().len(), 1, "{run:?}; {:?}", scene.sandbox.arrivals());
    let object = &scene.sandbox.objects()[0];
    assert_eq!((object.bytes, object.key.as_str()), (0, "sandbox-thing/empty.txt"));
    assert_eq!(scene.sandbox.messages().len(), 1);
}

#[test]
fn a_file_that_grows_or_shrinks_while_it_goes_to_s3_is_no_object() {
    for (name, size) in [("grown", 300_000), ("shrunk", 100_000), ("emptied", 0)] {
        let mut scene = Scene::new();
        let file = scene.path("changing.bin");
        fs::write(&file, vec![1; 200_000]).unwrap();
        let changing = file.clone();
        // Only when S3 is connected to has the file been opened and measured.
        let door = servers::gate(scene.sandbox.port(Service::S3), move || {
            OpenOptions::new().write(true).open(&changing).and_then(|file| file.set_len(size)).unwrap();
        });
        scene.set("endpoints", serde_json::json!({ "s3": format!("https://localhost:{door}") }));
        let run = scene.send(&file);
        let failure = run.failed(75, "file_changed");
        failure.names(&["changing.bin", "200000", "nothing of it was delivered"]).advises("rename it").may_pass(true);
        assert!(scene.sandbox.objects().is_empty(), "{name}: {run:?}");
        assert_eq!(fs::metadata(&file).unwrap().len(), size, "homing changed it");
    }
}

#[test]
fn a_file_that_grows_or_shrinks_before_it_is_in_a_message_is_no_message() {
    for size in [6000, 4000, 0] {
        let mut scene = Scene::new();
        let file = scene.path("changing.bin");
        fs::write(&file, [1; 5000]).unwrap();
        let changing = file.clone();
        let door = servers::gate(scene.sandbox.port(Service::Mqtt), move || {
            let mut file = OpenOptions::new().write(true).open(&changing).unwrap();
            file.set_len(size).and_then(|()| file.flush()).unwrap();
        });
        scene.set("data_endpoint", format!("localhost:{door}"));
        scene.send(&file).failed(75, "file_changed").names(&["changing.bin", "5000"]).may_pass(true);
    }
}

#[test]
fn a_replaced_file_is_sent_as_it_was_opened() {
    let mut scene = Scene::new();
    let (file, other) = (scene.path("latest.jpg"), scene.path("latest.new"));
    fs::write(&file, [1; 200_000]).unwrap();
    fs::write(&other, [2; 100]).unwrap();
    let (from, to) = (other.clone(), file.clone());
    let door = servers::gate(scene.sandbox.port(Service::S3), move || drop(fs::rename(&from, &to)));
    scene.set("endpoints", serde_json::json!({ "s3": format!("https://localhost:{door}") }));
    scene.send(&file).succeeded();
    assert_eq!(scene.sandbox.objects()[0].bytes, 200_000);
}

#[test]
fn a_name_that_is_no_utf_8_is_refused_and_others_arrive_whole() {
    use std::os::unix::ffi::OsStrExt;
    let mut scene = Scene::new();
    let file = scene.path("x").with_file_name(std::ffi::OsStr::from_bytes(b"caf\xe9.jpg"));
    fs::write(&file, b"x").unwrap();
    scene.send(&file).failed(65, "name_not_utf8").advises("rename");
    let file = scene.file("Grüße – 写真 \u{1f600} \"quoted\"\n.txt", &[1; 60_000]);
    scene.send(&file).succeeded();
    let objects = scene.sandbox.objects();
    assert_eq!(objects[0].key, "sandbox-thing/Grüße – 写真 \u{1f600} \"quoted\"\n.txt");
    assert!(matches!(scene.sandbox.arrivals()[1], Arrival::Message(_)));
}

/// A copy of the binary where anybody may run it: the build folder may be closed to others.
fn readable_copy(scene: &Scene) -> std::path::PathBuf {
    let copy = scene.path("homing");
    fs::copy(env!("CARGO_BIN_EXE_homing"), &copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    copy
}

/// Gives the sandbox's folder, its certificates and the configurations to `user`.
fn open_to(scene: &Scene, user: u32) {
    let certificates = scene.path("certificates");
    for folder in [scene.sandbox.folder(), &certificates] {
        chown(folder, Some(user), Some(user)).unwrap();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            chown(entry.path(), Some(user), Some(user)).unwrap();
        }
    }
}

/// The user `nobody` of Debian and most others.
const NOBODY: u32 = 65534;

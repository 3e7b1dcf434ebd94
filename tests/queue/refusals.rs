//! What cannot be queued stays where it is.

use crate::scene::{Scene, each};
use crate::support::{Run, bytes};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_file_without_an_address_is_not_queued() {
    let scene = Scene::new();
    let large = scene.large("l.bin");
    let mut configuration = scene.sandbox.configuration();
    configuration.as_object_mut().unwrap().remove("bucket");
    let run = Run::without_configuration("send")
        .args(["--queue", "--json", "--config-json", &configuration.to_string(), "--queue-dir"])
        .arg(&scene.queue)
        .arg(&large)
        .finish();
    assert_eq!(run.code, Some(78), "{run:?}");
    assert_eq!(run.json_lines()[0]["error"]["code"], "missing_setting");
    assert_eq!(fs::read(&large).unwrap(), bytes(60_000));
    assert_eq!(scene.counts(), (0, 0));
}

#[test]
fn one_bad_file_does_not_stop_the_others_and_the_exit_code_is_the_worst() {
    let scene = Scene::new();
    let (good, missing) = (scene.small("good.txt"), scene.sandbox.folder().join("absent"));
    let folder = scene.sandbox.folder().to_owned();
    let run = scene.send(&[&missing, &good, &folder]).finish();
    assert_eq!(run.code, Some(66), "{run:?}");
    assert_eq!(each(&run.json_lines(), "result"), ["failed", "delivered", "failed"]);
    assert_eq!(run.stderr.matches("homing: ").count(), 2, "{run:?}");
}

#[test]
fn a_queue_that_cannot_be_used_is_told_and_the_file_stays() {
    let scene = Scene::new();
    let file = scene.small("a.txt");
    fs::write(&scene.queue, "a file").unwrap();
    let run = scene.send(&[&file]).finish();
    assert!(run.code != Some(0) && run.code != Some(75), "{run:?}");
    assert!(run.stderr.contains(scene.queue.to_str().unwrap()), "{run:?}");
    assert_eq!(run.json_lines()[0]["result"], "failed");
    fs::remove_file(&scene.queue).unwrap();
    // Where others can write, they could exchange what is queued.
    fs::create_dir(&scene.queue).unwrap();
    fs::set_permissions(&scene.queue, fs::Permissions::from_mode(0o777)).unwrap();
    let run = scene.send(&[&file]).finish();
    assert_eq!(run.code, Some(78), "{run:?}");
    assert_eq!(fs::read(&file).unwrap(), bytes(500));
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    let scene = Scene::new();
    for (command, arguments) in [
        ("drain", &["file"][..]),
        ("drain", &["--keep"]),
        ("send", &["--keep", "file"]),
        ("send", &["--now", "file"]),
        ("send", &["--queue"]),
        ("put", &["--queue", "file", "s3://bucket/key"]),
        ("queue", &[]),
        ("queue", &["frobnicate"]),
        ("queue", &["retry"]),
        ("queue", &["list", "--now"]),
    ] {
        let run = scene.run(command).args(arguments).finish();
        assert_eq!(run.code, Some(64), "{command} {arguments:?}: {run:?}");
        assert!(run.stderr.contains("homing help "), "{run:?}");
    }
    for (flag, value) in [("--queue-max-bytes", "many"), ("--queue-when-full", "explode"), ("--queue-max-age", "-1")] {
        let run = scene.run("drain").args([flag, value]).finish();
        assert_eq!(run.code, Some(78), "{run:?}");
        assert!(run.stderr.contains(flag), "{run:?}");
    }
    assert!(!scene.queue.exists());
}

//! The queue's directory.

use crate::support::Scene;
use crate::visit::Visit;
use homing_sandbox::{Fault, Service, Silence};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

const PLACE: (&str, &str) = ("queue", "queue.dir");

fn scene() -> Scene {
    let mut scene = Scene::new();
    let directory = scene.path("queue");
    scene.set("queue", json!({ "dir": directory }));
    scene
}

/// With one file in it that could not be delivered.
fn filled() -> Scene {
    let mut scene = scene();
    let file = scene.path("photo.jpg");
    fs::write(&file, [7; 5000]).unwrap();
    let data = scene.config["data_endpoint"].take();
    scene.set("data_endpoint", "localhost:1");
    let run = scene.finish(scene.command(&["send", "--queue"]).arg(&file));
    assert_eq!(run.code, 75, "{run:?}");
    scene.set("data_endpoint", data);
    scene
}

#[test]
fn one_that_is_not_there_is_not_made() {
    let scene = scene();
    Visit::of(&scene).skipped(PLACE.0, PLACE.1, "homing send --queue makes it").ends_with(0);
    assert!(!scene.path("queue").exists());
}

#[test]
fn what_waits_and_what_is_free_is_told() {
    let scene = filled();
    let visit = Visit::of(&scene);
    let details = visit.ends_with(0).ok(PLACE.0, PLACE.1);
    assert_eq!((&details["waiting"], &details["bytes"]), (&1.into(), &5000.into()), "{details}");
    assert_eq!(details["mode"], "0700");
    assert_eq!(details["uid"], rustix::process::geteuid().as_raw());
    assert!(details["free_bytes"].as_u64().unwrap() > 0 && details["delivered_by_process"].is_null(), "{details}");
}

#[test]
fn a_disk_without_room() {
    let mut scene = filled();
    for (key, what) in [("min_free_bytes", "bytes"), ("min_free_inodes", "inodes")] {
        scene.config["queue"] = json!({ "dir": scene.path("queue"), key: 1_000_000_000_000_000_u64 });
        let visit = Visit::of(&scene);
        if visit.step("configuration", "")["result"] == "failed" {
            panic!("{visit:?}");
        }
        // Some file systems do not count inodes.
        if what == "inodes" && visit.step(PLACE.0, PLACE.1)["details"]["free_inodes"].is_null() {
            continue;
        }
        visit.failed(PLACE.0, PLACE.1, "disk_full", &[what, "make room"]).ends_with(74);
    }
}

#[test]
fn a_queue_that_is_full() {
    let mut scene = filled();
    scene.config["queue"] = json!({ "dir": scene.path("queue"), "max_bytes": 4000 });
    Visit::of(&scene).failed(PLACE.0, PLACE.1, "queue_full", &["5000 bytes", "homing drain"]).ends_with(73);
}

#[test]
fn a_directory_into_which_others_may_write() {
    let scene = filled();
    fs::set_permissions(scene.path("queue"), fs::Permissions::from_mode(0o777)).unwrap();
    Visit::of(&scene).failed(PLACE.0, PLACE.1, "unsafe_directory", &["chmod go-w"]).ends_with(78);
}

#[test]
fn a_directory_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut scene = filled();
    std::os::unix::fs::chown(scene.path("queue"), Some(65_534), None).unwrap();
    Visit::of(&scene).failed(PLACE.0, PLACE.1, "foreign_directory", &["uid 65534"]).ends_with(78);
    // And this user's, for him.
    std::os::unix::fs::chown(scene.path("queue"), Some(0), None).unwrap();
    fs::set_permissions(scene.sandbox.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = scene.path("homing");
    fs::copy(env!("CARGO_BIN_EXE_homing"), &program).unwrap();
    let command = scene.command(&["check", "--json"]);
    let mut other = std::process::Command::new("setpriv");
    other.args(["--reuid", "65534", "--clear-groups"]).arg(&program).args(command.get_args()).env_clear();
    Visit::by(&mut other).failed(PLACE.0, PLACE.1, "queue_not_writable", &["user 65534 cannot write"]);
    // One that is not there, and that he may not make.
    scene.config["queue"] = json!({ "dir": scene.path("absent/queue") });
    let command = scene.command(&["check", "--json"]);
    let mut other = std::process::Command::new("setpriv");
    other.args(["--reuid", "65534", "--clear-groups"]).arg(&program).args(command.get_args()).env_clear();
    let words = ["user 65534 cannot make", "Permission denied", "install -d -m 700 -o 65534"];
    Visit::by(&mut other).failed(PLACE.0, PLACE.1, "queue_not_writable", &words);
    assert!(!scene.path("absent").exists());
}

#[test]
fn something_that_is_no_directory() {
    let scene = scene();
    fs::write(scene.path("queue"), "x").unwrap();
    Visit::of(&scene).failed(PLACE.0, PLACE.1, "not_a_directory", &["is no directory"]).ends_with(78);
}

#[test]
fn a_lock_whose_holder_hangs() {
    let scene = filled();
    // A drain that waits for a PUBACK for ever, and so has the lock.
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().silence(Silence::Reply));
    let mut drain = scene.command(&["drain", "--now"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let holder = drain.id().to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_locked =
        || fs::read_to_string("/proc/locks").unwrap().lines().any(|line| line.contains(&format!(" {holder} ")));
    while !is_locked() {
        assert!(Instant::now() < deadline, "no lock");
        std::thread::sleep(Duration::from_millis(10));
    }
    let process = rustix::process::Pid::from_child(&drain);
    rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    scene.sandbox.clear_fault(Service::Mqtt);
    let status = || fs::read_to_string(format!("/proc/{holder}/stat")).unwrap();
    while !status().contains(") T ") {
        assert!(Instant::now() < deadline, "not stopped");
        std::thread::sleep(Duration::from_millis(10));
    }
    let visit = Visit::of(&scene);
    visit.failed(PLACE.0, PLACE.1, "stale_lock", &[&format!("process {holder}"), "kill -CONT"]).ends_with(75);
    drain.kill().unwrap();
    drain.wait().unwrap();
    // With its process the lock has ended.
    Visit::of(&scene).ends_with(0).ok(PLACE.0, PLACE.1);
}

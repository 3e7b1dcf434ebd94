//! One drainer at a time.

use std::process::Stdio;
use std::time::Duration;

use homing_sandbox::{Fault, Service, Silence};

use crate::scene::{Scene, each};
use crate::support::wait;

#[test]
fn a_second_drain_ends_at_once_with_0_and_says_so_and_what_is_sent_meanwhile_is_queued() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.large("1.bin")]);
    scene.sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply));
    let mut first = scene.drain().into_command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while scene.puts() == 0 {
        assert!(first.try_wait().unwrap().is_none(), "the first drain waits for S3");
        std::thread::yield_now();
    }
    let second = scene.drain().succeed();
    assert!(second.stderr.contains("another homing delivers the queue"), "{second:?}");
    assert_eq!(second.json_lines()[0]["result"], "busy");

    let file = scene.small("2.txt");
    let sent = scene.send(&[&file]).finish();
    assert_eq!(sent.code, Some(75), "{sent:?}");
    assert_eq!(sent.json_lines()[0]["error"]["code"], "queue_busy");
    assert!(!file.exists());

    // A drain that is killed leaves its lock to the next, and its entry.
    first.kill().unwrap();
    wait(&mut first, Duration::from_secs(60)).unwrap();
    scene.sandbox.clear_fault(Service::S3);
    let run = scene.drain().succeed();
    assert_eq!(each(&run.json_lines(), "file"), ["1.bin", "2.txt"]);
}

#[test]
fn the_timeout_is_the_whole_runs() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.large("1.bin"), &scene.large("2.bin"), &scene.large("3.bin")]);
    scene.sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply));
    let run = scene.drain().args(["--timeout", "2"]).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert_eq!(scene.counts(), (3, 0));
    assert!(scene.puts() <= 1, "the others were not attempted");
}

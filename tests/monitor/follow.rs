//! `drain --follow`: what it delivers, what it survives, and how it ends.

use homing_sandbox::{Fault, MqttFault, Service, Silence};
use rustix::process::Signal;

use crate::follower::{Scene, put};
use crate::support::file;

#[test]
fn what_others_queue_is_delivered_by_the_one_that_follows() {
    let scene = Scene::new();
    let mut follower = scene.follow(&[]);
    let path = file(&scene.sandbox, "a.txt", 100);
    let queued = scene.run("send").args(["--queue", "--json"]).arg(&path).finish();
    assert_eq!(queued.code, Some(75), "queued, and left to the other: {queued:?}");
    assert_eq!(queued.json_lines()[0]["error"]["code"], "queue_busy");
    assert_eq!(scene.wait_for(&mut follower, 1), ["a.txt"]);
    scene.wait_until(&mut follower, "the queue is empty", || scene.waiting() == 0);
    let second = scene.run("drain").arg("--follow").finish();
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.stderr.contains("another homing delivers the queue"), "{second:?}");
}

#[test]
fn what_waited_already_is_delivered_and_failures_end_nothing() {
    let scene = Scene::new();
    // The first CONNECT is refused: server busy.
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Connack(0x89)).times(1));
    let path = file(&scene.sandbox, "a.txt", 100);
    let queued = scene.run("send").args(["--queue", "--now"]).arg(&path).env("HTTPS_PROXY", "http://127.0.0.1:1");
    assert_eq!(queued.finish().code, Some(75));
    let mut follower = scene.follow(&[]);
    assert_eq!(scene.wait_for(&mut follower, 1), ["a.txt"]);
    scene.wait_until(&mut follower, "the status file tells of it", || scene.status()["queue"]["entries"] == 0);
    let status = scene.status();
    assert_eq!(status["result"], "success", "{status}");
    assert_eq!(status["last_success"], status["time"]);
}

#[test]
fn a_queue_that_is_gone_ends_it_so_that_it_is_started_again() {
    let scene = Scene::new();
    let mut follower = scene.follow(&["--poll", "1"]);
    std::fs::remove_dir_all(&scene.queue).unwrap();
    assert_eq!(follower.exit_code(), Some(74), "{}", follower.said());
    assert_eq!(scene.status()["last_error"]["code"], "queue_gone");
}

#[test]
fn a_signal_ends_it_while_it_waits() {
    for signal in [Signal::TERM, Signal::INT] {
        let scene = Scene::new();
        let mut follower = scene.watch(&[]);
        assert_eq!(follower.end(signal), Some(signal.as_raw()), "{}", follower.said());
    }
}

#[test]
fn a_signal_ends_it_within_an_upload_and_the_next_run_goes_on() {
    let scene = Scene::new();
    scene.sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply));
    let mut follower = scene.watch(&[]);
    put(&scene.inbox, "large.bin", &[7; 100_000]);
    let requests = || scene.sandbox.counts(Service::S3).requests;
    scene.wait_until(&mut follower, "the upload is under way", || requests() > 0);
    assert_eq!(follower.end(Signal::TERM), Some(Signal::TERM.as_raw()), "{}", follower.said());
    assert_eq!((scene.left().len(), scene.waiting()), (0, 1));
    scene.sandbox.clear_fault(Service::S3);
    scene.run("drain").arg("--now").succeed();
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len(), scene.waiting()), (1, 1, 0));
}

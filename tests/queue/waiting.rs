//! After runs in which AWS did not answer, the next one waits.

use crate::scene::{Scene, summary};
use homing_sandbox::{Answer, Fault, Service};
use std::fs;

#[test]
fn a_service_that_did_not_answer_is_left_alone_for_a_while() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.large("1.bin")]);
    forget(&scene);
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(Answer::slow_down()));
    for _ in 0..4 {
        scene.drain().finish();
    }
    scene.sandbox.clear_fault(Service::S3);
    scene.sandbox.clear_records();
    // Four failures are worth 40 seconds at least, and a cron job has no more than these.
    let run = scene.run("drain").args(["--json", "--timeout", "20"]).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert!(run.stderr.contains("in the last 4 runs") && run.stderr.contains("--now"), "{run:?}");
    let sent = scene.run("send").args(["--queue", "--json"]).arg(scene.small("2.txt")).finish();
    assert_eq!(sent.code, Some(75), "{sent:?}");
    assert_eq!(sent.json_lines()[0]["error"]["code"], "waiting");
    assert_eq!(scene.sandbox.counts(Service::Credentials).connections, 0, "nobody was asked");

    assert_eq!(summary(&scene.drain().succeed()), (2, 0, 0));
    // And it is forgotten.
    assert_eq!(scene.run("send").args(["--queue"]).arg(scene.small("3.txt")).finish().code, Some(0));
}

#[test]
fn a_short_wait_is_waited() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("1.txt")]);
    budget(&scene, 1, crate::support::now() + 2);
    let run = scene.run("drain").succeed();
    assert!(run.stderr.contains("the next attempt is in"), "{run:?}");
    assert_eq!(scene.sandbox.messages().len(), 1);
}

#[test]
fn a_wait_that_a_wrong_clock_left_behind_does_not_count() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("1.txt")]);
    budget(&scene, 7, crate::support::now() + 100_000_000);
    let run = scene.run("drain").succeed();
    assert_eq!((run.stderr.as_str(), scene.sandbox.messages().len()), ("", 1));
}

#[test]
fn an_empty_queue_has_nothing_to_wait_for() {
    let scene = Scene::new();
    scene.drain().succeed();
    budget(&scene, 7, crate::support::now() + 250);
    assert_eq!(scene.run("drain").succeed().stderr, "");
}

fn budget(scene: &Scene, failed_runs: u32, not_before: i64) {
    let text = format!(r#"{{"failed_runs":{failed_runs},"not_before":{not_before}}}"#);
    fs::write(scene.queue.join("retry-budget.json"), text).unwrap();
}

fn forget(scene: &Scene) {
    let _ = fs::remove_file(scene.queue.join("retry-budget.json"));
}

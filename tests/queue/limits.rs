//! How much may wait, and for how long.

use crate::scene::{Scene, offline};
use crate::support::bytes;
use std::fs;

#[test]
fn a_full_queue_refuses_the_new_file_which_stays() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("1.txt")]);
    let second = scene.small("2.txt");
    let run = offline(scene.send(&[&second])).args(["--queue-max-bytes", "999"]).finish();
    assert_eq!(run.code, Some(73), "{run:?}");
    let line = &run.json_lines()[0];
    assert_eq!((line["result"].as_str(), line["error"]["code"].as_str()), (Some("failed"), Some("queue_full")));
    assert_eq!(fs::read(&second).unwrap(), bytes(500));
    assert_eq!(scene.counts(), (1, 0));
}

#[test]
fn or_it_drops_the_oldest_and_says_so() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("1.txt")]);
    let second = scene.small("2.txt");
    let full = ["--queue-max-bytes", "999", "--queue-when-full", "drop-oldest"];
    let run = offline(scene.send(&[&second])).args(full).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert!(run.stderr.contains("1.txt") && run.stderr.contains("deleted"), "{run:?}");
    let left: Vec<_> = scene.list().iter().map(|entry| entry["file"].clone()).collect();
    assert_eq!(left, ["2.txt"]);
}

#[test]
fn a_disk_that_is_nearly_full_takes_nothing_more() {
    let scene = Scene::new();
    let file = scene.small("1.txt");
    let run = offline(scene.send(&[&file])).args(["--queue-min-free-bytes", "1000000000000000"]).finish();
    assert_eq!(run.code, Some(74), "{run:?}");
    assert!(file.exists() && scene.counts() == (0, 0));
}

#[test]
fn what_is_too_old_is_given_up_and_may_be_retried() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("1.txt")]);
    // Its age has whole seconds: it is over the limit after two at most.
    let mut runs = 0;
    while scene.counts() == (1, 0) {
        let run = offline(scene.drain()).args(["--queue-max-age", "1"]).finish();
        runs += 1;
        assert!(runs < 1000, "{run:?}");
        assert_eq!(run.code, Some(if scene.counts() == (0, 1) { 65 } else { 75 }), "{run:?}");
    }
    assert_eq!(scene.list()[0]["error"]["code"], "too_old");
    scene.run("queue").args(["retry", "failed"]).succeed();
    scene.drain().succeed();
    assert_eq!(scene.sandbox.messages().len(), 1);
}

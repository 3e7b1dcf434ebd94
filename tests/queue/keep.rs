//! `--keep`: a copy is queued, and what becomes of the file then is no matter.

use crate::scene::{Scene, offline};
use crate::support::{bytes, json, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;

#[test]
fn the_file_stays_and_may_change_afterwards() {
    let scene = Scene::new();
    let (small, large) = (scene.small("a.txt"), scene.large("b.bin"));
    let run = offline(scene.send(&[&small, &large])).arg("--keep").finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert_eq!((fs::read(&small).unwrap(), fs::read(&large).unwrap()), (bytes(500), bytes(60_000)));
    // In place, so that a hard link would show it.
    fs::write(&small, "other").unwrap();
    fs::write(&large, "other").unwrap();
    scene.drain().succeed();
    assert_eq!(scene.sandbox.objects()[0].sha256, sha256(&bytes(60_000)));
    assert_eq!(json(&scene.sandbox.messages()[0])["content"], STANDARD.encode(bytes(500)));
    assert!(small.exists() && large.exists());
}

#[test]
fn a_dry_run_queues_nothing() {
    let scene = Scene::new();
    let file = scene.small("a.txt");
    scene.send(&[&file]).arg("--dry-run").succeed();
    assert!(file.exists() && !scene.queue.exists());
}

//! Which files are taken out of a watched directory, and when.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

#[path = "../support/faketime.rs"]
mod faketime;
use faketime::{faketime, under};

use crate::follower::{Scene, put};
use crate::support::{bytes, json, sha256};

#[test]
fn a_file_is_taken_when_it_is_closed_and_arrives_whole() {
    let scene = Scene::new();
    let mut follower = scene.watch(&[]);
    let content = bytes(200_000);
    let mut slow = File::create(scene.inbox.join("slow.bin")).unwrap();
    slow.write_all(&content[..100_000]).unwrap();
    put(&scene.inbox, "quick.txt", b"whole");
    assert_eq!(scene.wait_for(&mut follower, 1), ["quick.txt"]);
    assert_eq!(scene.left(), BTreeSet::from(["slow.bin".to_owned()]), "half written, and left alone");
    slow.write_all(&content[100_000..]).unwrap();
    drop(slow);
    assert_eq!(scene.wait_for(&mut follower, 2), ["quick.txt", "slow.bin"]);
    assert_eq!(scene.sandbox.objects()[0].sha256, sha256(&content));
    scene.wait_until(&mut follower, "the queue is empty", || scene.waiting() == 0);
    assert!(scene.left().is_empty());
}

#[test]
fn what_is_renamed_in_is_taken_and_unfinished_names_are_not() {
    let scene = Scene::new();
    let mut follower = scene.watch(&[]);
    let elsewhere = scene.sandbox.folder().join("elsewhere");
    put(scene.sandbox.folder(), "elsewhere", b"elsewhere");
    for name in ["a.jpg.part", ".hidden", "b~", "c.tmp"] {
        put(&scene.inbox, name, b"x");
    }
    symlink(&elsewhere, scene.inbox.join("link.jpg")).unwrap();
    fs::create_dir(scene.inbox.join("directory")).unwrap();
    fs::rename(scene.inbox.join("a.jpg.part"), scene.inbox.join("a.jpg")).unwrap();
    fs::rename(&elsewhere, scene.inbox.join("moved.jpg")).unwrap();
    // In whatever order: another test's child that is being made has a copy of what is open here, for a moment.
    let names: BTreeSet<String> = scene.wait_for(&mut follower, 2).into_iter().collect();
    assert_eq!(names, ["a.jpg", "moved.jpg"].map(str::to_owned).into());
    let left = [".hidden", "b~", "c.tmp", "link.jpg", "directory"].map(str::to_owned);
    assert_eq!(scene.left(), left.into());
}

#[test]
fn a_writer_that_never_closes_is_waited_for_by_settling() {
    let scene = Scene::new();
    let mut follower = scene.watch(&["--settle", "1"]);
    let mut open = File::create(scene.inbox.join("open.log")).unwrap();
    open.write_all(b"all of it").unwrap();
    put(&scene.inbox, "closed.log", b"closed");
    let names: BTreeSet<String> = scene.wait_for(&mut follower, 2).into_iter().collect();
    assert_eq!(names, ["closed.log", "open.log"].map(str::to_owned).into());
    drop(open);
}

#[test]
fn what_was_there_before_is_taken_unless_somebody_writes_to_it() {
    let scene = Scene::new();
    put(&scene.inbox, "old.txt", b"old");
    let mut open = File::create(scene.inbox.join("open.txt")).unwrap();
    open.write_all(b"half").unwrap();
    // Once with inotify, which tells of the closing; once without, by looking.
    let mut follower = scene.watch(&[]);
    assert_eq!(scene.wait_for(&mut follower, 1), ["old.txt"]);
    assert_eq!(scene.left(), BTreeSet::from(["open.txt".to_owned()]));
    open.write_all(b" and half").unwrap();
    drop(open);
    assert_eq!(scene.wait_for(&mut follower, 2), ["old.txt", "open.txt"]);
    assert_eq!(json(&scene.sandbox.messages()[1])["size"], 13);
}

#[test]
fn without_inotify_the_directory_is_looked_at() {
    let scene = Scene::new();
    let mut open = File::create(scene.inbox.join("open.txt")).unwrap();
    open.write_all(b"half").unwrap();
    let mut follower = scene.watch(&["--poll", "1"]);
    put(&scene.inbox, "a.txt", b"a");
    // Unchanged for longer than this one, and left alone.
    assert_eq!(scene.wait_for(&mut follower, 1), ["a.txt"]);
    assert_eq!(scene.left(), BTreeSet::from(["open.txt".to_owned()]));
    open.write_all(b" and half").unwrap();
    drop(open);
    assert_eq!(scene.wait_for(&mut follower, 2), ["a.txt", "open.txt"]);
    assert_eq!(json(&scene.sandbox.messages()[1])["size"], 13);
}

#[test]
fn a_burst_of_500_files_arrives_once_each() {
    let scene = Scene::new();
    let mut follower = scene.watch(&[]);
    let names: BTreeSet<String> = (0..500).map(|number| format!("{number:03}.txt")).collect();
    for name in &names {
        put(&scene.inbox, name, name.as_bytes());
    }
    let arrived = scene.wait_for(&mut follower, names.len());
    scene.wait_until(&mut follower, "the queue is empty", || scene.waiting() == 0);
    assert_eq!(scene.sandbox.messages().len(), names.len());
    assert_eq!(arrived.into_iter().collect::<BTreeSet<String>>(), names);
    assert!(scene.left().is_empty());
}

#[test]
fn a_run_of_cron_takes_what_is_old_enough_and_leaves_the_rest() {
    let scene = Scene::new();
    put(&scene.inbox, "a.txt", b"a");
    let run = || scene.run("drain").arg("--watch").arg(&scene.inbox);
    run().args(["--settle", "3600"]).succeed();
    assert_eq!((scene.left().len(), scene.sandbox.messages().len()), (1, 0), "it may be unfinished");
    run().args(["--settle", "0"]).succeed();
    assert_eq!((scene.left().len(), scene.sandbox.messages().len()), (0, 1));
}

#[test]
fn what_is_said_of_objects_is_said_of_each_file_that_is_taken() {
    let scene = Scene::new();
    put(&scene.inbox, "a.log", &bytes(60_000));
    let run = scene.run("drain").args(["--settle", "0", "--watch"]).arg(&scene.inbox);
    run.args(["--content-type", "text/x-log", "--metadata", "site=roof", "--tag", "kind=log"])
        .args(["--storage-class", "STANDARD_IA", "--sse", "AES256", "--if-none-match", "--presign", "--expires", "60"])
        .succeed();
    let object = scene.sandbox.objects().remove(0);
    assert_eq!((object.bytes, object.content_type.as_deref()), (60_000, Some("text/x-log")));
    assert_eq!(object.metadata.get("site").map(String::as_str), Some("roof"));
    assert_eq!((object.storage_class.as_deref(), object.tagging.as_deref()), (Some("STANDARD_IA"), Some("kind=log")));
    assert_eq!(object.server_side_encryption.as_deref(), Some("AES256"));
    assert_eq!(object.header("if-none-match"), Some("*"));
    assert!(json(&scene.sandbox.messages()[0])["expires"].is_string(), "its URL is presigned");
    // And by one that stays.
    let mut follower = scene.watch(&["--tag", "kind=video"]);
    put(&scene.inbox, "b.bin", &bytes(60_001));
    scene.wait_for(&mut follower, 2);
    assert_eq!(scene.sandbox.objects()[1].tagging.as_deref(), Some("kind=video"));
}

#[test]
fn what_cannot_be_watched_or_queued_is_told_and_left_where_it_is() {
    let scene = Scene::new();
    let missing = scene.run("drain").args(["--follow", "--watch", "/nowhere/at/all"]).finish();
    assert_eq!(missing.code, Some(66), "{missing:?}");
    put(&scene.inbox, "a.txt", &[b'x'; 100]);
    let full = scene.run("drain").args(["--settle", "0", "--queue-max-bytes", "10"]).arg("--watch").arg(&scene.inbox);
    let full = full.finish();
    assert_ne!(full.code, Some(0), "{full:?}");
    assert!(full.stderr.contains("a.txt: not queued"), "{full:?}");
    assert_eq!(scene.left().len(), 1);
    assert_eq!(scene.status()["last_error"]["code"], "queue_full", "{full:?}");
}

#[test]
fn a_directory_that_is_not_there_keeps_nothing_else_from_its_delivery() {
    let scene = Scene::new();
    put(scene.sandbox.folder(), "queued.txt", b"queued");
    let queued = scene.sandbox.folder().join("queued.txt");
    let offline = scene.run("send").args(["--queue", "--now"]).arg(queued).env("HTTPS_PROXY", "http://127.0.0.1:1");
    assert_eq!(offline.finish().code, Some(75));
    put(&scene.inbox, "watched.txt", b"watched");
    let run = scene.run("drain").args(["--now", "--settle", "0", "--watch", "/nowhere/at-all", "--watch"]);
    let run = run.arg(&scene.inbox).finish();
    assert_eq!(run.code, Some(66), "{run:?}");
    assert!(run.stderr.contains("/nowhere/at-all"), "{run:?}");
    let names: Vec<_> = scene.sandbox.messages().iter().map(|message| json(message)["name"].clone()).collect();
    assert_eq!(names, ["queued.txt", "watched.txt"], "{run:?}");
}

#[test]
fn a_file_from_the_future_is_taken_when_it_was_seen_to_be_unchanged() {
    let Some(faketime) = faketime() else { return };
    let scene = Scene::new();
    put(&scene.inbox, "a.txt", b"written before the clock was put back");
    let drain = |settle: &str, timeout: &str| {
        let drain = scene.run("drain").args(["--now", "--settle", settle, "--timeout", timeout, "--watch"]);
        under(&faketime, "-1d", &drain.arg(&scene.inbox).into_command()).output().unwrap()
    };
    // Not for longer than there is time.
    let output = drain("600", "1");
    assert_eq!((output.status.code(), scene.waiting(), scene.left().len()), (Some(0), 0, 1), "{output:?}");
    let began = Instant::now();
    // The sandbox's certificates are not valid yet: it stays in the queue.
    let output = drain("2", "60");
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!((output.status.code(), scene.waiting(), scene.left().len()), (Some(75), 1, 0), "{output:?}");
}

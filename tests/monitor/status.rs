//! The status file: what is in it, and that whoever reads it reads all of it.

use std::fs::{self, File};
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::follower::Scene;
use crate::support::{Run, file};

#[test]
fn it_tells_of_the_last_run_the_last_success_and_the_last_error() {
    let scene = Scene::new();
    let failed = scene.run("send").arg("/nowhere/a.jpg").finish();
    let status = scene.status();
    assert_eq!(
        (status["result"].as_str(), status["exit_code"].as_i64()),
        (Some("failure"), failed.code.map(i64::from))
    );
    assert_eq!((&status["command"], &status["last_error"]["code"]), (&"send".into(), &"no_such_file".into()));
    assert!(status["last_error"]["message"].as_str().unwrap().contains("/nowhere/a.jpg"));
    assert_eq!((status.get("last_success"), status.get("queue")), (None, None));

    let large = file(&scene.sandbox, "large.bin", 60_000);
    scene.run("send").arg(&large).succeed();
    let status = scene.status();
    assert_eq!((&status["result"], &status["exit_code"]), (&"success".into(), &0.into()));
    assert_eq!(status["last_success"], status["time"]);
    assert_eq!(status["last_error"]["code"], "no_such_file", "of the run before");
    assert!((1..=43_200).contains(&status["credentials_life"].as_u64().unwrap()), "{status}");

    // A wrong setting is an error as well, and the file's name is known all the same.
    let wrong = scene.run("publish").args(["a/b", "-m", "x", "--qos", "7"]).finish();
    assert_eq!(wrong.code, Some(78));
    let later = scene.status();
    assert_eq!((&later["command"], &later["exit_code"]), (&"publish".into(), &78.into()));
    assert_eq!(later["last_success"], status["last_success"]);
}

#[test]
fn it_tells_how_full_the_queue_is() {
    let scene = Scene::new();
    let path = file(&scene.sandbox, "a.txt", 100);
    let queued =
        scene.run("send").args(["--queue", "--now"]).arg(&path).env("HTTPS_PROXY", "http://127.0.0.1:1").finish();
    assert_eq!(queued.code, Some(75));
    let queue = scene.status()["queue"].clone();
    let number = |name: &str| queue[name].as_u64().unwrap();
    assert_eq!((number("entries"), number("bytes"), number("failed")), (1, 100, 0));
    assert!(number("oldest_age") < 600);
    scene.run("drain").arg("--now").succeed();
    let status = scene.status();
    assert_eq!((&status["queue"]["entries"], status["queue"].get("oldest_age")), (&0.into(), None));
    assert_eq!((&status["command"], &status["result"]), (&"drain".into(), &"success".into()));
}

#[test]
fn whoever_reads_it_reads_all_of_it() {
    let scene = Scene::new();
    let write = || scene.run("send").arg("/nowhere/a.jpg").finish();
    write();
    // Who has opened it keeps what there was.
    let mut open = File::open(&scene.status).unwrap();
    let before = fs::read_to_string(&scene.status).unwrap();
    write();
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, before);

    let done = AtomicBool::new(false);
    let reads = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&scene.status).unwrap();
                let status: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
                assert_eq!(status["last_error"]["code"], "no_such_file");
                reads += 1;
            }
            reads
        });
        let writers: Vec<_> = (0..2).map(|_| scope.spawn(|| (0..15).for_each(|_| drop(write())))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    println!("{reads} reads while 30 runs wrote");
    assert!(reads > 30);
    let names = fs::read_dir(scene.status.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("status.json")).count(), 1, "no drafts are left");
}

#[test]
fn one_that_cannot_be_written_fails_no_delivery() {
    let scene = Scene::new();
    let path = file(&scene.sandbox, "a.txt", 100);
    for place in ["/nowhere/status.json", "/dev/null"] {
        let run = Run::new(&scene.sandbox, "send").args(["-v", "--status-file", place]).arg(&path).succeed();
        assert!(run.stderr.contains("cannot write the status file"), "{run:?}");
    }
    assert_eq!(scene.sandbox.messages().len(), 2);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

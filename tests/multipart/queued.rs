//! Uploads of queued files: what one `drain` has begun, the next one goes on with, and only then tells of the file.

use homing_sandbox::{Answer, Fault, Sandbox, Service, Silence};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Finished, Run, sandbox, wait};
use super::{PART, asked, in_parts, sha256_of, sparse};

#[test]
fn the_next_drain_sends_only_the_missing_parts_after_a_kill() {
    let sandbox = sandbox();
    let (file, sha256) = queued(&sandbox, 3 * PART + 1);
    // Killed in the middle of part 3: parts 1 and 2 are there.
    sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply).skip(3));
    let mut child = drain(&sandbox).into_command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sandbox.counts(Service::S3).requests < 4 {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it came not that far");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    wait(&mut child, Duration::from_secs(60)).unwrap();
    sandbox.clear_fault(Service::S3);
    let upload = sandbox.pending_uploads().remove(0);
    assert_eq!(upload.parts, [1, 2]);
    assert!(sandbox.messages().is_empty() && record(&sandbox).is_some_and(|text| text.contains(&upload.upload_id)));
    sandbox.clear_records();
    drain(&sandbox).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 3", "part 4", "complete"]);
    delivered(&sandbox, &file, &sha256);
}

#[test]
fn each_drain_goes_on_where_the_one_before_was_refused() {
    let sandbox = sandbox();
    let (file, sha256) = queued(&sandbox, 2 * PART + 1);
    for (then, refused) in [
        (&["create", "part 1", "part 2"][..], 2),
        (&["list", "part 2", "part 3"], 2),
        (&["list", "part 3", "complete"], 2),
    ] {
        sandbox.set_fault(Service::S3, Fault::new().answer(Answer::slow_down()).skip(refused));
        let run = drain(&sandbox).arg("--json").finish();
        assert_eq!(run.code, Some(75), "{run:?}");
        assert_eq!(asked(&sandbox), then);
        assert!(sandbox.messages().is_empty());
        sandbox.clear_fault(Service::S3);
        sandbox.clear_records();
    }
    drain(&sandbox).succeed();
    assert_eq!(asked(&sandbox), ["list", "complete"]);
    delivered(&sandbox, &file, &sha256);
}

#[test]
fn a_role_that_is_wrong_for_an_hour_costs_no_part() {
    let sandbox = sandbox();
    let (file, sha256) = queued(&sandbox, 2 * PART + 1);
    let denied = Answer::s3_error(403, "AccessDenied", "Access Denied");
    sandbox.set_fault(Service::S3, Fault::new().answer(denied).skip(2).times(1));
    assert_eq!(drain(&sandbox).finish().code, Some(75));
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2"]);
    sandbox.clear_records();
    drain(&sandbox).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 2", "part 3", "complete"]);
    delivered(&sandbox, &file, &sha256);
}

/// What is known of a file's upload leaves with the file.
#[test]
fn an_upload_that_is_refused_for_good_is_aborted_and_not_remembered() {
    let sandbox = sandbox();
    queued(&sandbox, PART + 1);
    let no = Answer::s3_error(400, "InvalidTag", "no");
    sandbox.set_fault(Service::S3, Fault::new().answer(no).skip(2).times(1));
    let run = drain(&sandbox).finish();
    assert_ne!(run.code, Some(0), "{run:?}");
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2", "abort"]);
    assert!(sandbox.pending_uploads().is_empty() && record(&sandbox).is_none());
}

/// Queues a file of that many bytes on a device without a network; gives its name and SHA-256.
fn queued(sandbox: &Sandbox, length: u64) -> (String, String) {
    let file = sparse(sandbox, "video.bin", length);
    let sha256 = sha256_of(&file);
    let offline = settings(Run::new(sandbox, "send"), sandbox).args(["--queue", "--now"]).arg(&file);
    let run = offline.env("HTTPS_PROXY", "http://127.0.0.1:1").finish();
    assert_eq!((run.code, file.exists()), (Some(75), false), "{run:?}");
    ("video.bin".to_owned(), sha256)
}

fn drain(sandbox: &Sandbox) -> Run {
    settings(Run::new(sandbox, "drain"), sandbox).arg("--now")
}

fn settings(run: Run, sandbox: &Sandbox) -> Run {
    in_parts(run, sandbox).env("HOMING_MAX_ATTEMPTS", "1")
}

/// It is there once, whole, and so is its message; nothing is left of it here.
#[track_caller]
fn delivered(sandbox: &Sandbox, name: &str, sha256: &str) {
    let (objects, messages) = (sandbox.objects(), sandbox.messages());
    assert_eq!((objects.len(), messages.len()), (1, 1));
    assert_eq!(objects[0].sha256, sha256);
    let message: Value = serde_json::from_slice(&messages[0].payload).unwrap();
    assert_eq!((message["name"].as_str(), message["key"].as_str()), (Some(name), Some(objects[0].key.as_str())));
    assert!(sandbox.pending_uploads().is_empty() && record(sandbox).is_none());
    let finished: Finished = drain(sandbox).arg("--json").succeed();
    assert_eq!(finished.json_lines()[0]["left"], 0);
    assert_eq!(sandbox.messages().len(), 1);
}

/// What the queue remembers of the upload.
fn record(sandbox: &Sandbox) -> Option<String> {
    found(&sandbox.folder().join("queue")).map(|path| fs::read_to_string(path).unwrap())
}

fn found(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).find_map(|path| {
        if path.is_dir() { found(&path) } else { Some(path).filter(|path| path.ends_with("upload.json")) }
    })
}

//! Uploads that are interrupted, and go on, or begin anew.

use homing_sandbox::{Answer, Fault, Sandbox, Service, Silence};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Run, sandbox, wait};
use super::{PART, asked, in_parts, put, sha256_of, sparse, states};

/// Uploads until S3 has read the request behind the first `requests` of this run, and kills homing while it waits for the
/// answer.
fn killed_after(sandbox: &Sandbox, file: &Path, requests: u32) {
    let before = sandbox.counts(Service::S3).requests;
    sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply).skip(requests));
    let mut child = put(sandbox, file)
        .into_command()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sandbox.counts(Service::S3).requests - before <= u64::from(requests) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it came not that far");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    wait(&mut child, Duration::from_secs(60)).unwrap();
    sandbox.clear_fault(Service::S3);
    sandbox.clear_records();
}

#[test]
fn after_a_kill_only_the_missing_parts_are_sent() {
    // More parts than a page lists.
    let sandbox = Sandbox::builder().list_page(1).start().unwrap();
    let file = sparse(&sandbox, "a", 3 * PART + 1);
    // Killed in the middle of part 3: parts 1 and 2 are there.
    killed_after(&sandbox, &file, 3);
    assert_eq!(sandbox.pending_uploads()[0].parts, [1, 2]);
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "list", "part 3", "part 4", "complete"]);
    assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256_of(&file));
    assert!(states(&sandbox).is_empty() && sandbox.pending_uploads().is_empty());
}

#[test]
fn killed_wherever_it_goes_on_there() {
    let sandbox = sandbox();
    for (requests, then) in [
        // While it begins: nothing is known of that upload.
        (0, &["create", "part 1", "part 2", "complete"][..]),
        (1, &["list", "part 1", "part 2", "complete"]),
        (2, &["list", "part 2", "complete"]),
        (3, &["list", "complete"]),
    ] {
        let file = sparse(&sandbox, &format!("a{requests}"), PART + 1);
        killed_after(&sandbox, &file, requests);
        put(&sandbox, &file).succeed();
        assert_eq!(asked(&sandbox), then, "{requests}");
        assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256_of(&file));
        assert!(states(&sandbox).is_empty());
    }
}

#[test]
fn a_broken_connection_leaves_the_upload_for_the_next_run() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", 2 * PART);
    let end = Fault::new().answer(Answer::slow_down()).skip(2);
    sandbox.set_fault(Service::S3, end);
    let run = put(&sandbox, &file).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert!(run.stderr.contains("it goes on behind the 1 of 2 parts"), "{}", run.stderr);
    sandbox.clear_fault(Service::S3);
    sandbox.clear_records();
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 2", "complete"]);
}

#[test]
fn s3_s_word_counts() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", 2 * PART + 1);
    killed_after(&sandbox, &file, 3);
    sandbox.lose_part(1);
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 1", "part 3", "complete"]);
    assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256_of(&file));
}

#[test]
fn a_part_that_is_not_what_was_recorded_is_sent_again() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    killed_after(&sandbox, &file, 2);
    let state = states(&sandbox).remove(0);
    let text = fs::read_to_string(&state).unwrap();
    let etag = text.split("\"etag\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    fs::write(&state, text.replace(&etag, "0123456789abcdef0123456789abcdef")).unwrap();
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 1", "part 2", "complete"]);
}

#[test]
fn a_role_that_may_not_ask_goes_by_what_it_remembers() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    killed_after(&sandbox, &file, 2);
    sandbox
        .set_fault(Service::S3, Fault::new().answer(Answer::s3_error(403, "AccessDenied", "Access Denied")).times(1));
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 2", "complete"]);
    assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256_of(&file));
    // Where that was wrong, S3 says so at the end, and all of it is sent anew.
    let file = sparse(&sandbox, "b", PART + 1);
    killed_after(&sandbox, &file, 2);
    sandbox.lose_part(1);
    sandbox
        .set_fault(Service::S3, Fault::new().answer(Answer::s3_error(403, "AccessDenied", "Access Denied")).times(1));
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "part 2", "complete", "abort", "create", "part 1", "part 2", "complete"]);
}

#[test]
fn an_upload_that_s3_has_forgotten_begins_anew() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    killed_after(&sandbox, &file, 2);
    sandbox.forget_uploads();
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "create", "part 1", "part 2", "complete"]);
    // In the middle, too.
    sandbox.clear_records();
    let gone = Answer::s3_error(404, "NoSuchUpload", "The specified upload does not exist.");
    sandbox.set_fault(Service::S3, Fault::new().answer(gone).skip(2).times(1));
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2", "abort", "create", "part 1", "part 2", "complete"]);
    assert!(sandbox.pending_uploads().is_empty());
}

#[test]
fn a_file_that_has_changed_begins_anew_and_the_old_upload_is_aborted() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    for change in [0, 1] {
        killed_after(&sandbox, &file, 2);
        // As long as before, or longer.
        let opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
        opened.set_len(PART + 1 + change).unwrap();
        opened.set_modified(std::time::SystemTime::now() + Duration::from_secs(5 + change)).unwrap();
        put(&sandbox, &file).succeed();
        assert_eq!(asked(&sandbox), ["abort", "create", "part 1", "part 2", "complete"], "{change}");
        assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256_of(&file));
        assert!(sandbox.pending_uploads().is_empty());
    }
    // Other headers make another object, too.
    killed_after(&sandbox, &file, 2);
    put(&sandbox, &file).args(["--metadata", "a=b"]).succeed();
    assert_eq!(asked(&sandbox)[..2], ["abort", "create"]);
    // One that no longer goes in parts takes none of the room either.
    killed_after(&sandbox, &file, 2);
    fs::write(&file, "short").unwrap();
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["abort", "put"]);
    assert!(sandbox.pending_uploads().is_empty() && states(&sandbox).is_empty());
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_given_up() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", 2 * PART);
    let delay = Fault::new().delay(Duration::from_millis(1500)).skip(1).times(1);
    sandbox.set_fault(Service::S3, delay);
    let child =
        put(&sandbox, &file).arg("--json").into_command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Its first part has been read, and is waiting for the answer.
    while sandbox.counts(Service::S3).requests < 2 {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(2));
    }
    let opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
    opened.set_modified(std::time::SystemTime::now() + Duration::from_secs(9)).unwrap();
    let output = child.wait_with_output().unwrap();
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), line["error"]["code"].as_str()), (Some(75), Some("file_changed")));
    assert_eq!(asked(&sandbox), ["create", "part 1", "abort"]);
    assert!(states(&sandbox).is_empty() && sandbox.pending_uploads().is_empty());
}

#[test]
fn without_a_place_for_its_state_an_upload_works_and_leaves_nothing() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    put(&sandbox, &file).env("HOMING_QUEUE_DIR", "/proc/nowhere").succeed();
    sandbox.clear_records();
    sandbox
        .set_fault(Service::S3, Fault::new().answer(Answer::s3_error(400, "InvalidArgument", "no")).skip(2).times(1));
    put(&sandbox, &file).env("HOMING_QUEUE_DIR", "/proc/nowhere").finish();
    assert_eq!(asked(&sandbox).last().unwrap(), "abort");
    assert!(sandbox.pending_uploads().is_empty());
}

#[test]
fn two_runs_of_the_same_upload_do_not_meet() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply).skip(2));
    let mut child = put(&sandbox, &file).into_command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sandbox.counts(Service::S3).requests <= 2 {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(2));
    }
    let run = put(&sandbox, &file).arg("--json").finish();
    assert_eq!((run.code, run.json_lines()[0]["error"]["code"].as_str()), (Some(75), Some("busy")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_completion_whose_answer_was_lost_is_known_by_its_object() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    // All goes over one connection: somewhere in its replies is that of the completion.
    let is_lost = (0..20).map(|step| step * 200).any(|cut| {
        sandbox.clear_records();
        sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(cut).times(1));
        let put = in_parts(Run::new(&sandbox, "put"), &sandbox).arg(&file).arg("--if-none-match");
        let run = put.arg(format!("s3://sandbox-bucket/{cut}")).finish();
        assert_eq!((run.code, sandbox.objects().len()), (Some(0), 1), "{cut}: {run:?}");
        assert!(states(&sandbox).is_empty(), "{cut}");
        asked(&sandbox).iter().any(|request| request.starts_with("HEAD"))
    });
    assert!(is_lost, "no answer to a completion was lost");
    // What others have put together is not the own one.
    sandbox.clear_fault(Service::S3);
    let run = put(&sandbox, &file).succeed();
    let pending = sandbox.pending_uploads().len();
    let again = put(&sandbox, &file).arg("--if-none-match").finish();
    assert!(again.code == Some(77) && again.stderr.contains("another object"), "{run:?} {again:?}");
    assert!(states(&sandbox).is_empty() && sandbox.pending_uploads().len() == pending);
}

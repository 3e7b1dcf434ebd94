//! `homing put --abort-stale`.

use homing_sandbox::{Answer, Fault, Sandbox, Service};
use std::time::Duration;

use super::support::{Run, sandbox};
use super::{PART, in_parts, sparse, states};

/// Begins an upload of `key` that S3 does not answer.
fn begun(sandbox: &Sandbox, key: &str) {
    let file = sparse(sandbox, "a", PART + 1);
    // The first part is refused until homing gives up; it stays to be resumed.
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::slow_down()).skip(1));
    let run = in_parts(Run::new(sandbox, "put"), sandbox).arg(file).arg(format!("s3://sandbox-bucket/{key}")).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    sandbox.clear_fault(Service::S3);
}

fn abort(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let run = in_parts(Run::new(sandbox, "put"), sandbox).args(["--abort-stale", "--json"]).args(arguments).succeed();
    run.json_lines()
        .iter()
        .map(|line| format!("{} {}", line["result"].as_str().unwrap(), line["key"].as_str().unwrap()))
        .collect()
}

fn pending(sandbox: &Sandbox) -> Vec<String> {
    let mut keys: Vec<String> = sandbox.pending_uploads().into_iter().map(|upload| upload.key).collect();
    keys.sort();
    keys
}

#[test]
fn old_uploads_of_this_device_are_aborted_and_no_others() {
    // More of them than a page lists.
    let sandbox = Sandbox::builder().list_page(2).start().unwrap();
    for key in ["sandbox-thing/a", "sandbox-thing/b", "sandbox-thing/c", "another/a", "sandbox-thing-2/a"] {
        begun(&sandbox, key);
    }
    let all = pending(&sandbox);
    assert_eq!((all.len(), states(&sandbox).len()), (5, 5));
    assert_eq!(abort(&sandbox, &["s3://sandbox-bucket"]), [""; 0], "none is a week old");
    assert_eq!(abort(&sandbox, &["s3://sandbox-bucket", "--older-than", "3600"]), [""; 0]);
    sandbox.age_uploads(Duration::from_secs(2 * 3600));
    let would_be = abort(&sandbox, &["s3://sandbox-bucket", "--older-than", "3600", "--dry-run"]);
    assert_eq!(would_be, ["dry-run sandbox-thing/a", "dry-run sandbox-thing/b", "dry-run sandbox-thing/c"]);
    assert_eq!(pending(&sandbox), all);
    let aborted = abort(&sandbox, &["s3://sandbox-bucket", "--older-than", "3600"]);
    assert_eq!(aborted, ["aborted sandbox-thing/a", "aborted sandbox-thing/b", "aborted sandbox-thing/c"]);
    assert_eq!(pending(&sandbox), ["another/a", "sandbox-thing-2/a"]);
    assert_eq!(abort(&sandbox, &["s3://sandbox-bucket/another", "--older-than", "0"]), ["aborted another/a"]);
    assert_eq!(pending(&sandbox), ["sandbox-thing-2/a"]);
}

#[test]
fn a_devices_clock_that_is_ahead_makes_no_upload_old() {
    let sandbox = sandbox();
    begun(&sandbox, "sandbox-thing/a");
    let ten_days = Duration::from_secs(10 * 24 * 3600);
    // Begun just now, by S3's clock.
    sandbox.set_clock_offset(Service::S3, -i64::try_from(ten_days.as_secs()).unwrap());
    sandbox.age_uploads(ten_days);
    let run = |arguments: &[&str]| {
        let run = Run::new(&sandbox, "put").env("HOMING_MAX_ATTEMPTS", "3").args(["--abort-stale", "--json"]);
        run.args(arguments).arg("s3://sandbox-bucket").succeed().json_lines().len()
    };
    assert_eq!((run(&[]), pending(&sandbox).len()), (0, 1));
    assert_eq!((run(&["--older-than", "0"]), pending(&sandbox).len()), (1, 0));
}

#[test]
fn what_cannot_be_aborted_is_told() {
    let sandbox = sandbox();
    begun(&sandbox, "sandbox-thing/a");
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::s3_error(403, "AccessDenied", "Access Denied")).skip(1));
    let run = in_parts(Run::new(&sandbox, "put"), &sandbox)
        .args(["--abort-stale", "--json", "--older-than", "0", "s3://sandbox-bucket"])
        .finish();
    assert_eq!(run.code, Some(77), "{run:?}");
    let line = &run.json_lines()[0];
    assert_eq!((line["result"].as_str(), line["error"]["code"].as_str()), (Some("failed"), Some("AccessDenied")));
    assert!(run.stderr.contains("s3:AbortMultipartUpload"), "{}", run.stderr);
    assert_eq!(pending(&sandbox), ["sandbox-thing/a"]);
}

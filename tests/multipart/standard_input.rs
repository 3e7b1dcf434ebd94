//! `homing put - s3://…`.

use homing_sandbox::{Answer, Fault, Sandbox, Service};
use serde_json::json;

use super::support::{Run, bytes, sandbox, sha256};
use super::{PART, asked, in_parts};

fn put(sandbox: &Sandbox, input: Vec<u8>) -> Run {
    let spool = sandbox.folder().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    in_parts(Run::new(sandbox, "put"), sandbox)
        .args(["-", "s3://sandbox-bucket/in/log.txt"])
        .env("TMPDIR", spool)
        .input(input)
}

#[test]
fn what_ends_within_the_first_part_is_one_put() {
    let sandbox = sandbox();
    for length in [0, 1, 100_000, PART as usize] {
        sandbox.clear_records();
        let content = bytes(length);
        let run = put(&sandbox, content.clone()).arg("--json").succeed();
        let object = sandbox.objects().pop().unwrap();
        assert_eq!((object.bytes, object.sha256), (length as u64, sha256(&content)));
        assert_eq!((object.key.as_str(), object.content_type.as_deref()), ("in/log.txt", Some("text/plain")));
        let line = run.json_lines().remove(0);
        assert_eq!((&line["file"], &line["bytes"]), (&json!("-"), &json!(length)));
        assert_eq!(asked(&sandbox), ["put"], "{length}");
    }
}

#[test]
fn what_goes_on_goes_in_parts() {
    let sandbox = sandbox();
    for (length, parts) in
        [(PART + 1, vec![PART, 1]), (2 * PART, vec![PART, PART]), (2 * PART + 9, vec![PART, PART, 9])]
    {
        let content = bytes(length as usize);
        let run = put(&sandbox, content.clone())
            .args(["--json", "--payload", "signed-trailer", "--checksum", "crc32c"])
            .succeed();
        let object = sandbox.objects().pop().unwrap();
        assert_eq!((object.bytes, object.sha256, object.parts), (length, sha256(&content), parts));
        assert!(object.checksum.is_some());
        assert_eq!(run.json_lines()[0]["bytes"], length);
    }
    assert!(sandbox.pending_uploads().is_empty());
    assert_eq!(std::fs::read_dir(sandbox.folder().join("spool")).unwrap().count(), 0);
}

#[test]
fn a_part_of_it_is_sent_again_and_what_fails_is_aborted() {
    let sandbox = sandbox();
    let content = bytes(2 * PART as usize + 9);
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::slow_down()).skip(2).times(1));
    put(&sandbox, content.clone()).succeed();
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2", "part 2", "part 3", "complete"]);
    assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256(&content));
    sandbox.clear_records();
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::early_access_denied()).skip(2).times(1));
    let run = put(&sandbox, content).finish();
    assert_eq!(run.code, Some(77), "{run:?}");
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2", "abort"]);
    assert!(sandbox.pending_uploads().is_empty());
}

#[test]
fn it_needs_a_whole_key_and_a_dry_run_does_not_read_it() {
    let sandbox = sandbox();
    let run = Run::new(&sandbox, "put").args(["-", "s3://sandbox-bucket/in/"]).finish();
    assert_eq!(run.code, Some(64), "{run:?}");
    let run = put(&sandbox, bytes(10)).args(["--dry-run", "--json"]).succeed();
    assert_eq!(run.json_lines()[0]["result"], "dry-run");
    assert_eq!(asked(&sandbox), [""; 0]);
}

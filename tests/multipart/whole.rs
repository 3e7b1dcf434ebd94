//! Uploads that nothing happens to, and those that S3 refuses.

use homing_sandbox::{Answer, Fault, Sandbox, Service};
use serde_json::json;

use super::support::{Run, sandbox};
use super::{PART, asked, put, sha256_of, sparse, states};

#[test]
fn a_file_in_parts_becomes_one_object_with_its_headers() {
    let sandbox = Sandbox::builder().versioned(true).start().unwrap();
    let file = sparse(&sandbox, "video.mp4", 2 * PART + 7);
    let run = put(&sandbox, &file)
        .args([
            "--json",
            "--metadata",
            "site=roof",
            "--tag",
            "kind=log",
            "--storage-class",
            "STANDARD_IA",
            "--sse",
            "AES256",
        ])
        .succeed();
    let object = sandbox.objects().pop().unwrap();
    assert_eq!((object.key.as_str(), object.bytes), ("some key/ü.bin", 2 * PART + 7));
    assert_eq!((object.sha256, object.parts), (sha256_of(&file), vec![PART, PART, 7]));
    assert_eq!(object.content_type.as_deref(), Some("video/mp4"));
    assert_eq!(object.metadata.get("site").map(String::as_str), Some("roof"));
    assert_eq!((object.storage_class.as_deref(), object.tagging.as_deref()), (Some("STANDARD_IA"), Some("kind=log")));
    assert_eq!(object.server_side_encryption.as_deref(), Some("AES256"));
    let line = run.json_lines().remove(0);
    let etag = line["etag"].as_str().unwrap().to_owned();
    assert!(etag.ends_with("-3"), "{etag}");
    assert_eq!(
        line,
        json!({
            "file": file, "result": "delivered", "via": "s3", "bucket": "sandbox-bucket",
            "key": "some key/ü.bin", "etag": etag, "bytes": 2 * PART + 7,
        })
    );
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2", "part 3", "complete"]);
    assert!(states(&sandbox).is_empty() && sandbox.pending_uploads().is_empty());
    // All of it over one connection.
    assert_eq!(sandbox.counts(Service::S3).connections, 1);
}

#[test]
fn only_what_is_larger_than_the_threshold_goes_in_parts() {
    let sandbox = sandbox();
    for (length, requests) in [(PART, &["put"][..]), (PART + 1, &["create", "part 1", "part 2", "complete"])] {
        sandbox.clear_records();
        put(&sandbox, &sparse(&sandbox, "a", length)).succeed();
        assert_eq!(asked(&sandbox), requests, "{length}");
        assert_eq!(sandbox.objects().pop().unwrap().bytes, length);
    }
    // What one PutObject cannot carry goes in parts in any case.
    sandbox.clear_records();
    let file = sandbox.folder().join("huge");
    std::fs::File::create(&file).unwrap().set_len((5 << 30) + 1).unwrap();
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::early_access_denied()).times(1));
    let threshold = ["--multipart-threshold", "5368709120"];
    let run = Run::new(&sandbox, "put").args(threshold).arg(&file).arg("s3://sandbox-bucket/huge").finish();
    assert_eq!((run.code, asked(&sandbox)), (Some(77), vec!["create".to_owned()]));
    // What the threshold is when nobody sets one.
    sandbox.clear_records();
    let file = sparse(&sandbox, "b", 30 << 20);
    Run::new(&sandbox, "put").arg(file).arg("s3://sandbox-bucket/b").succeed();
    assert_eq!(asked(&sandbox), ["put"]);
}

#[test]
fn every_payload_mode_and_checksum_is_verified_by_part_and_as_a_whole() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 100_001);
    let sha256 = sha256_of(&file);
    for payload in ["signed", "signed-trailer", "unsigned-trailer"] {
        for checksum in ["none", "crc32", "crc32c", "crc64nvme", "sha256"] {
            // Every algorithm in one mode, and every mode with one algorithm.
            if payload != "signed-trailer" && !matches!(checksum, "none" | "crc64nvme") {
                continue;
            }
            let run = put(&sandbox, &file).args(["--payload", payload, "--checksum", checksum]).finish();
            if run.code == Some(78) {
                // A mode with a trailer and no checksum is none.
                continue;
            }
            assert_eq!(run.code, Some(0), "{payload} {checksum}: {run:?}");
            let object = sandbox.objects().pop().unwrap();
            assert_eq!((object.bytes, &object.sha256), (PART + 100_001, &sha256), "{payload} {checksum}");
            let composite = object.checksum.as_deref().is_some_and(|text| text.ends_with("-2"));
            assert_eq!(composite, checksum == "sha256", "{payload} {checksum}: {:?}", object.checksum);
            if checksum != "none" {
                assert!(object.checksum.is_some(), "{payload} {checksum}");
                let kind = if checksum == "sha256" { "COMPOSITE" } else { "FULL_OBJECT" };
                assert_eq!(object.header("x-amz-checksum-type"), Some(kind));
            }
        }
    }
}

#[test]
fn a_200_with_an_error_in_it_is_no_success() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    // White space first, as S3 sends it while it is at work.
    let error = "\n\n  <?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>";
    let fault = Fault::new().answer(Answer::new(200, "application/xml", error)).skip(3);
    sandbox.set_fault(Service::S3, fault.clone().times(1));
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 2", "complete", "complete"]);
    // One that stays is told, and the upload with it.
    sandbox.clear_records();
    sandbox.set_fault(Service::S3, fault);
    let run = put(&sandbox, &file).arg("--json").finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert_eq!(run.json_lines()[0]["error"]["code"], "InternalError");
    assert!(run.stderr.contains("run the same command again"), "{}", run.stderr);
    assert_eq!((sandbox.objects().len(), sandbox.pending_uploads().len(), states(&sandbox).len()), (0, 1, 1));
    // The parts are all there: only the end is missing.
    sandbox.clear_fault(Service::S3);
    sandbox.clear_records();
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["list", "complete"]);
}

#[test]
fn what_s3_refuses_for_good_is_aborted() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    for (fault, code) in [
        (Fault::new().answer(Answer::early_access_denied()).skip(2), "AccessDenied"),
        (Fault::new().answer(Answer::s3_error(412, "PreconditionFailed", "no")).skip(3), "PreconditionFailed"),
    ] {
        sandbox.set_fault(Service::S3, fault.times(1));
        let run = put(&sandbox, &file).args(["--json", "--if-none-match"]).finish();
        assert_eq!((run.code, &run.json_lines()[0]["error"]["code"]), (Some(77), &json!(code)));
        assert_eq!(asked(&sandbox).last().unwrap(), "abort", "{code}");
        assert!(sandbox.pending_uploads().is_empty() && states(&sandbox).is_empty(), "{code}");
    }
    // S3 itself decides when the upload is completed.
    put(&sandbox, &file).succeed();
    let run = put(&sandbox, &file).args(["--json", "--if-none-match"]).finish();
    assert_eq!(run.json_lines()[0]["error"]["code"], "PreconditionFailed");
    assert!(sandbox.pending_uploads().is_empty());
}

#[test]
fn throttled_parts_are_sent_again() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a", PART + 1);
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::slow_down()).skip(1).times(1));
    put(&sandbox, &file).succeed();
    assert_eq!(asked(&sandbox), ["create", "part 1", "part 1", "part 2", "complete"]);
    assert_eq!(sandbox.objects().pop().unwrap().sha256, sha256_of(&file));
}

#[test]
fn send_takes_the_same_way_and_announces_the_object() {
    let sandbox = sandbox();
    let file = sparse(&sandbox, "a.bin", PART + 1);
    super::in_parts(Run::new(&sandbox, "send"), &sandbox)
        .args(["--payload", "signed-trailer", "--checksum", "crc64nvme"])
        .arg(&file)
        .succeed();
    let object = sandbox.objects().pop().unwrap();
    assert_eq!((object.bytes, object.parts.len()), (PART + 1, 2));
    let message = super::support::json(&sandbox.messages()[0]);
    assert!(message["etag"].as_str().unwrap().ends_with("-2"), "{message}");
    assert_eq!(message["size"], PART + 1);
}

//! What is stored beside an object's bytes.

use homing_sandbox::Service;

use crate::support::{Run, bytes, file, sandbox, sha256};

#[test]
fn the_content_type_follows_the_extension() {
    let sandbox = sandbox();
    let expected = [
        ("a.jpg", "image/jpeg"),
        ("a.JPEG", "image/jpeg"),
        ("a.json", "application/json"),
        ("a.txt", "text/plain"),
        ("a.unknown-extension", "application/octet-stream"),
        ("none", "application/octet-stream"),
    ];
    Run::new(&sandbox, "send").args(expected.map(|(name, _)| file(&sandbox, name, 60_000))).succeed();
    for (object, (name, media_type)) in sandbox.objects().iter().zip(expected) {
        let content_type = object.content_type.as_deref().unwrap_or_default();
        // A text's charset is not for homing to guess, but it may be said.
        assert_eq!(content_type.split(';').next(), Some(media_type), "{name}");
    }
    assert_eq!(sandbox.objects().len(), expected.len());
}

#[test]
fn every_header_that_can_be_asked_for_is_kept() {
    for command in ["send", "put"] {
        let sandbox = sandbox();
        let path = file(&sandbox, "a.jpg", 60_000);
        let run = Run::new(&sandbox, command).arg(path);
        let run = if command == "put" { run.arg("s3://sandbox-bucket/a.jpg") } else { run };
        run.args(["--content-type", "application/x-thing; version=2"])
            .args(["--metadata", "Camera=front door", "--metadata", "shot-number=17", "--metadata", "empty="])
            .args(["--storage-class", "STANDARD_IA"])
            .args(["--tag", "kind=photo", "--tag", "größe=a b+c/d=e"])
            .args(["--sse", "aws:kms", "--sse-kms-key-id", "arn:aws:kms:eu-west-1:111122223333:key/example"])
            .succeed();
        let object = sandbox.objects().remove(0);
        assert_eq!(object.sha256, sha256(&bytes(60_000)));
        assert_eq!(object.content_type.as_deref(), Some("application/x-thing; version=2"));
        let metadata: Vec<(&str, &str)> =
            object.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(metadata, [("camera", "front door"), ("empty", ""), ("shot-number", "17")]);
        assert_eq!(object.storage_class.as_deref(), Some("STANDARD_IA"));
        let tags = object.tagging.unwrap();
        let tags: Vec<(String, String)> = tags
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(key, value)| (decoded(key), decoded(value)))
            .collect();
        assert_eq!(tags, [("kind".into(), "photo".into()), ("größe".into(), "a b+c/d=e".into())]);
        assert_eq!(object.server_side_encryption.as_deref(), Some("aws:kms"));
        assert_eq!(object.sse_kms_key_id.as_deref(), Some("arn:aws:kms:eu-west-1:111122223333:key/example"));
    }
}

#[test]
fn what_is_not_asked_for_is_not_sent() {
    let sandbox = sandbox();
    Run::new(&sandbox, "send").arg(file(&sandbox, "a.bin", 60_000)).succeed();
    let object = sandbox.objects().remove(0);
    assert!(object.metadata.is_empty());
    assert_eq!((object.storage_class, object.tagging, object.server_side_encryption), (None, None, None));
    assert!(object.headers.iter().all(|(name, _)| name != "if-none-match" && name != "x-amz-acl"));
}

#[test]
fn if_none_match_never_overwrites() {
    let sandbox = sandbox();
    let (first, second) = (file(&sandbox, "first", 60_000), file(&sandbox, "second", 60_001));
    let put =
        |path| Run::new(&sandbox, "put").args(["--json", "--if-none-match"]).arg(path).arg("s3://sandbox-bucket/k");
    put(&first).succeed();
    let run = put(&second).finish();
    assert_eq!(run.code, Some(77), "{run:?}");
    let line = &run.json_lines()[0];
    assert_eq!((line["result"].as_str(), line["error"]["code"].as_str()), (Some("failed"), Some("PreconditionFailed")));
    assert_eq!(line["error"]["retryable"], false);
    let statuses: Vec<u16> = sandbox
        .exchanges()
        .iter()
        .filter(|exchange| exchange.service == Service::S3)
        .map(|exchange| exchange.status)
        .collect();
    // The last is a look at whose object is there.
    assert_eq!(statuses, [200, 412, 200]);
    assert_eq!(sandbox.objects().len(), 1);
    // Without it, an object is replaced.
    Run::new(&sandbox, "put").arg(&second).arg("s3://sandbox-bucket/k").succeed();
    assert_eq!(sandbox.objects()[1].sha256, sha256(&bytes(60_001)));
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

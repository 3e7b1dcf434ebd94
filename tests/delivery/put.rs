//! `homing put`.

use homing_sandbox::Service;
use serde_json::json;

use crate::support::{Run, bytes, file, sandbox, sha256};

#[test]
fn one_file_becomes_one_object_and_no_message() {
    let sandbox = sandbox();
    for size in [0, 1, 51_200, 200_000] {
        let path = file(&sandbox, &format!("{size}.bin"), size);
        let run = Run::new(&sandbox, "put")
            .arg("--json")
            .arg(&path)
            .arg(format!("s3://sandbox-bucket/some key/{size}"))
            .succeed();
        let object = sandbox.objects().pop().unwrap();
        assert_eq!((object.key, object.bytes), (format!("some key/{size}"), size as u64));
        assert_eq!(object.sha256, sha256(&bytes(size)));
        let line = run.json_lines().remove(0);
        let etag = line["etag"].as_str().unwrap().to_owned();
        assert_eq!(
            line,
            json!({
                "file": path, "result": "delivered", "via": "s3", "bucket": "sandbox-bucket",
                "key": format!("some key/{size}"), "etag": etag, "bytes": size,
            })
        );
    }
    assert_eq!((sandbox.messages().len(), sandbox.counts(Service::Mqtt).connections), (0, 0));
}

#[test]
fn a_key_that_ends_in_a_slash_or_is_left_out_gets_the_file_s_name() {
    let sandbox = sandbox();
    let path = file(&sandbox, "name with ü.bin", 10);
    for (target, key) in [
        ("s3://sandbox-bucket/folder/", "folder/name with ü.bin"),
        ("s3://sandbox-bucket/a/b//", "a/b//name with ü.bin"),
        ("s3://sandbox-bucket/", "name with ü.bin"),
        ("s3://sandbox-bucket", "name with ü.bin"),
        ("s3://sandbox-bucket/{name}%20+", "{name}%20+"),
    ] {
        Run::new(&sandbox, "put").arg(&path).arg(target).succeed();
        assert_eq!(sandbox.objects().pop().unwrap().key, key, "{target}");
    }
}

#[test]
fn a_bucket_of_its_own_needs_no_bucket_thing_or_topic_in_the_configuration() {
    let sandbox = sandbox();
    let mut configuration = sandbox.configuration();
    for name in ["bucket", "thing_name", "data_endpoint", "https_port"] {
        configuration.as_object_mut().unwrap().remove(name);
    }
    Run::without_configuration("put")
        .args(["--config-json", &configuration.to_string()])
        .arg(file(&sandbox, "a", 10))
        .arg("s3://sandbox-bucket/a")
        .succeed();
    assert_eq!(sandbox.objects().len(), 1);
}

#[test]
fn a_dry_run_puts_nothing() {
    let sandbox = sandbox();
    let run = Run::new(&sandbox, "put")
        .args(["--dry-run", "--json"])
        .arg(file(&sandbox, "a", 10))
        .arg("s3://sandbox-bucket/folder/")
        .succeed();
    let line = run.json_lines().remove(0);
    assert_eq!((&line["result"], &line["key"]), (&json!("dry-run"), &json!("folder/a")));
    assert!(Service::ALL.into_iter().all(|service| sandbox.counts(service).connections == 0));
}

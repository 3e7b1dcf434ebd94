//! The main job: whole files, inside a message or through S3.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homing::protocol::time::iso8601;
use homing_sandbox::{Arrival, Message, Sandbox, Service, Via};
use serde_json::json;

use crate::support::{self, Run, bytes, file, now, sandbox, sha256, text};

#[test]
fn files_of_every_size_arrive_byte_for_byte_over_one_connection_each() {
    let sandbox = sandbox();
    let inline = [0, 1, 51_200];
    let by_s3 = [51_201, 65_536, 65_537, 1024 * 1024 + 1];
    let sizes: Vec<usize> = inline.into_iter().chain(by_s3).collect();
    let files: Vec<PathBuf> = sizes.iter().map(|size| file(&sandbox, &format!("{size}.bin"), *size)).collect();

    let before = now();
    let run = Run::new(&sandbox, "send").args(&files).succeed();
    let after = now();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));

    let objects = sandbox.objects();
    let stored: Vec<(&str, u64, &str)> =
        objects.iter().map(|object| (object.key.as_str(), object.bytes, object.sha256.as_str())).collect();
    let expected: Vec<(String, u64, String)> =
        by_s3.iter().map(|size| (format!("sandbox-thing/{size}.bin"), *size as u64, sha256(&bytes(*size)))).collect();
    let expected: Vec<(&str, u64, &str)> =
        expected.iter().map(|(key, size, hash)| (key.as_str(), *size, hash.as_str())).collect();
    assert_eq!(stored, expected);

    let messages = sandbox.messages();
    assert_eq!(messages.len(), sizes.len());
    let mut ids = std::collections::BTreeSet::new();
    for (message, size) in messages.iter().zip(&sizes) {
        assert_eq!((message.topic.as_str(), message.qos, message.via), ("file/upload", 1, Via::Mqtt));
        assert_eq!(message.client_id, "sandbox-thing-homing");
        let time = time_of(message);
        assert!((before..=after).map(iso8601).any(|second| *second == *time), "{time}");
        let id = id_of(message);
        assert!(id.len() == 32 && id.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{id}");
        assert!(ids.insert(id.clone()), "an id twice: {id}");
        let (content, hash) = (bytes(*size), sha256(&bytes(*size)));
        let expected = if inline.contains(size) {
            let content = STANDARD.encode(content);
            format!(
                r#"{{"type":"file_content","content":"{content}","name":"{size}.bin","size":{size},"sha256":"{hash}","thing":"sandbox-thing","time":"{time}","message_id":"{id}"}}"#
            )
        } else {
            let (port, etag) = (sandbox.port(Service::S3), etag_of(message));
            format!(
                r#"{{"type":"s3_url","url":"https://localhost:{port}/sandbox-bucket/sandbox-thing/{size}.bin","name":"{size}.bin","size":{size},"etag":"{etag}","thing":"sandbox-thing","time":"{time}","message_id":"{id}","bucket":"sandbox-bucket","key":"sandbox-thing/{size}.bin"}}"#
            )
        };
        assert_eq!(text(message), expected);
    }

    // Several files: one credential fetch and one connection to each service.
    let counts = |service| (sandbox.counts(service).connections, sandbox.counts(service).requests);
    assert_eq!(counts(Service::Credentials), (1, 1));
    assert_eq!(counts(Service::Mqtt), (1, 1));
    assert_eq!(counts(Service::S3), (1, by_s3.len() as u64));
    assert_eq!(counts(Service::Publish), (0, 0));
}

#[test]
fn small_files_need_neither_credentials_nor_s3() {
    let sandbox = sandbox();
    let small = file(&sandbox, "small", 5120);
    Run::new(&sandbox, "send").arg(small).succeed();
    assert_eq!(sandbox.messages().len(), 1);
    assert_eq!((sandbox.counts(Service::Credentials).connections, sandbox.counts(Service::S3).connections), (0, 0));
}

#[test]
fn the_largest_inline_limit_still_fits_a_message_and_the_smallest_sends_everything_to_s3() {
    for via in ["mqtt", "https"] {
        let sandbox = sandbox();
        let name = "\u{1}".repeat(255);
        let path = file(&sandbox, &name, 96_567);
        Run::new(&sandbox, "send").args(["--via", via, "--inline-limit", "96567"]).arg(path).succeed();
        let messages = sandbox.messages();
        assert!(messages[0].payload.len() <= 131_072);
        assert_eq!(support::json(&messages[0])["content"], STANDARD.encode(bytes(96_567)));
    }
    let sandbox = sandbox();
    let files = [file(&sandbox, "0", 0), file(&sandbox, "1", 1)];
    Run::new(&sandbox, "send").args(["--inline-limit", "0"]).args(files).succeed();
    let kinds: Vec<serde_json::Value> =
        sandbox.messages().iter().map(|message| support::json(message)["type"].clone()).collect();
    assert_eq!(kinds, ["s3_url", "s3_url"]);
}

#[test]
fn a_hundred_mebibytes_arrive() {
    let sandbox = sandbox();
    let size = 100 * 1024 * 1024;
    let content = bytes(size);
    let large = support::write(sandbox.folder(), "large.bin", &content);
    Run::new(&sandbox, "send").arg(large).succeed();
    let objects = sandbox.objects();
    assert_eq!((objects.len(), objects[0].bytes, objects[0].sha256.as_str()), (1, size as u64, &*sha256(&content)));
    assert_eq!(support::json(&sandbox.messages()[0])["size"], size);
}

#[test]
fn an_object_is_there_before_its_message_is() {
    let sandbox = sandbox();
    let files = [file(&sandbox, "first", 60_000), file(&sandbox, "second", 70_000)];
    Run::new(&sandbox, "send").args(files).succeed();
    let kinds: Vec<bool> = sandbox.arrivals().iter().map(|arrival| matches!(arrival, Arrival::Object(_))).collect();
    assert_eq!(kinds, [true, false, true, false]);
}

#[test]
fn a_version_and_a_checksum_are_in_the_message() {
    let sandbox = Sandbox::builder().versioned(true).start().unwrap();
    let path = file(&sandbox, "v.bin", 60_000);
    Run::new(&sandbox, "send").args(["--payload", "signed-trailer", "--checksum", "sha256"]).arg(path).succeed();
    let message = support::json(&sandbox.messages()[0]);
    assert_eq!(message["version_id"].as_str().map(str::len), Some(32));
    let hash = ring::digest::digest(&ring::digest::SHA256, &bytes(60_000));
    assert_eq!(message["checksum_sha256"], STANDARD.encode(hash));
}

#[test]
fn a_device_without_a_thing_name_leaves_it_out() {
    let sandbox = sandbox();
    let mut configuration = sandbox.configuration();
    configuration.as_object_mut().unwrap().remove("thing_name");
    let path = file(&sandbox, "n.bin", 60_000);
    Run::without_configuration("send")
        .args(["--config-json", &configuration.to_string(), "--client-id", "somebody", "--key", "{name}"])
        .arg(path)
        .succeed();
    let messages = sandbox.messages();
    assert_eq!(messages[0].client_id, "somebody");
    assert_eq!(support::json(&messages[0])["thing"], serde_json::Value::Null);
    let exchanges = sandbox.exchanges();
    let asked = exchanges.iter().find(|exchange| exchange.service == Service::Credentials).unwrap();
    assert!(asked.headers.iter().all(|(name, _)| name != "x-amzn-iot-thingname"));
}

#[test]
fn over_https_and_with_either_quality_of_service() {
    for (via, qos) in [("mqtt", 0), ("https", 0), ("https", 1)] {
        let sandbox = sandbox();
        let files = [file(&sandbox, "small.bin", 3), file(&sandbox, "large.bin", 60_000)];
        let run =
            Run::new(&sandbox, "send").args(["--json", "--via", via, "--qos", &qos.to_string()]).args(&files).succeed();
        // Nothing acknowledges QoS 0 over MQTT, so it may still be on its way.
        sandbox.wait_for_arrivals(3, std::time::Duration::from_secs(10));
        let messages = sandbox.messages();
        let seen: Vec<(Via, u8, &str)> =
            messages.iter().map(|message| (message.via, message.qos, message.topic.as_str())).collect();
        let expected = if via == "mqtt" { Via::Mqtt } else { Via::Https };
        assert_eq!(seen, [(expected, qos, "file/upload"); 2], "{via} {qos}");
        assert_eq!(support::json(&messages[0])["content"], STANDARD.encode(bytes(3)));
        assert_eq!(support::json(&messages[1])["key"], "sandbox-thing/large.bin");
        let ways: Vec<serde_json::Value> = run.json_lines().iter().map(|line| line["via"].clone()).collect();
        assert_eq!(ways, [json!(via), json!("s3")]);
        if via == "https" {
            assert_eq!(sandbox.counts(Service::Mqtt).connections, 0);
            assert_eq!(
                (sandbox.counts(Service::Publish).connections, sandbox.counts(Service::Publish).requests),
                (1, 2)
            );
        }
    }
}

#[test]
fn over_https_no_client_id_is_needed() {
    let sandbox = sandbox();
    let mut configuration = sandbox.configuration();
    configuration.as_object_mut().unwrap().remove("thing_name");
    let path = file(&sandbox, "small.bin", 3);
    Run::without_configuration("send")
        .args(["--config-json", &configuration.to_string(), "--via", "https"])
        .arg(path)
        .succeed();
    assert_eq!(sandbox.messages().len(), 1);
}

#[test]
fn a_dry_run_sends_nothing() {
    let sandbox = sandbox();
    let files = [file(&sandbox, "small.bin", 3), file(&sandbox, "large.bin", 60_000)];
    let run = Run::new(&sandbox, "send").args(["--dry-run", "--json"]).args(&files).succeed();
    let lines = run.json_lines();
    assert_eq!(lines[0]["result"], "dry-run");
    assert_eq!((&lines[0]["via"], &lines[0]["topic"]), (&json!("mqtt"), &json!("file/upload")));
    assert_eq!((&lines[1]["via"], &lines[1]["key"]), (&json!("s3"), &json!("sandbox-thing/large.bin")));
    for service in Service::ALL {
        assert_eq!(sandbox.counts(service).connections, 0, "{}", service.name());
    }
}

#[test]
fn one_bad_file_does_not_keep_the_others_back() {
    let sandbox = sandbox();
    let (good, large) = (file(&sandbox, "good.bin", 3), file(&sandbox, "large.bin", 60_000));
    let run = Run::new(&sandbox, "send").arg("--json").args([&good, &sandbox.folder().join("absent"), &large]).finish();
    assert_eq!(run.code, Some(66), "{run:?}");
    let results: Vec<(String, String)> = run
        .json_lines()
        .iter()
        .map(|line| (line["file"].as_str().unwrap().to_owned(), line["result"].as_str().unwrap().to_owned()))
        .collect();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    assert!(results.contains(&(path(&good), "delivered".into())), "{results:?}");
    assert!(results.contains(&(path(&large), "delivered".into())), "{results:?}");
    assert!(results.contains(&(path(&sandbox.folder().join("absent")), "failed".into())), "{results:?}");
    assert_eq!((sandbox.messages().len(), sandbox.objects().len()), (2, 1));
}

fn time_of(message: &Message) -> String {
    support::json(message)["time"].as_str().unwrap().to_owned()
}

fn etag_of(message: &Message) -> String {
    let etag = support::json(message)["etag"].as_str().unwrap().to_owned();
    assert!(etag.len() >= 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit()), "{etag}");
    etag
}

fn id_of(message: &Message) -> String {
    support::json(message)["message_id"].as_str().unwrap().to_owned()
}

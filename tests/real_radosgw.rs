//! homing's S3 against Ceph's object gateway, which checks the signature of the header and of every chunk, and session
//! tokens that its own STS gave out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "real_radosgw/get.rs"]
mod get;
mod support;

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::boto::Keys;
use support::content::bytes;
use support::directory::Directory;
use support::homing::{Config, Homing, Outcome, homing};
use support::mosquitto::{self, Mosquitto};
use support::nginx::{self, Builder, Provider};
use support::packages;
use support::pki::Authority;
use support::radosgw::{self, FOREIGN_BUCKET, MISSING_BUCKET, Radosgw};
use support::{BUCKET, REGION, ROLE_ALIAS, THING};

#[test]
fn a_large_file_goes_from_the_device_certificate_to_the_object_and_the_message() {
    let Some(store) = store() else { return };
    if !packages::available("radosgw with nginx and mosquitto", &[nginx::PROGRAMS, mosquitto::PROGRAMS].concat()) {
        return;
    }
    let directory = Directory::new("radosgw-device");
    let authority = Authority::new("fleet authority");
    let mut broker = Mosquitto::start(&authority, &["localhost"]);
    let reply = store.session(3600).provider_reply();
    let server = authority.server(&directory, "server", &["localhost"]);
    let mut builder = Builder::new();
    let provider = Provider { protocols: "TLSv1.3", server: &server, device_authority: &authority, reply: &reply };
    let provider = builder.credential_provider(&provider);
    let _nginx = builder.start();
    let trust = authority.pem().to_owned() + &std::fs::read_to_string(&store.ca_file).unwrap();
    let ca_file = directory.write("ca.pem", trust);
    let device = authority.device(&directory, "device", THING);
    let content = bytes(20 * 1024 * 1024 + 7);
    let file = directory.write("recording 1.mp4", &content);
    let observer = broker.observe("file/upload", 1);

    let outcome = Config::new(&device, &ca_file)
        .with("credential_endpoint", format!("localhost:{provider}"))
        .with("role_alias", ROLE_ALIAS)
        .with("data_endpoint", format!("localhost:{}", broker.port))
        .with("topic", "file/upload")
        .with("bucket", BUCKET)
        .with("key", "{thing}/{name}")
        .with("endpoint_url", store.endpoint())
        .with("path_style", true)
        .homing(&directory, &["--json", "send", file.to_str().unwrap()])
        .run();

    outcome.expect_code(0);
    let key = format!("{THING}/recording 1.mp4");
    assert!(store.owner().get_object(BUCKET, &key) == content, "the object's bytes differ; {outcome}");
    let line = &outcome.json_lines()[0];
    assert_eq!((&line["result"], &line["via"]), (&json!("delivered"), &json!("s3")), "{outcome}");
    assert_eq!((&line["bucket"], &line["key"]), (&json!(BUCKET), &json!(key)), "{outcome}");
    assert_eq!(line["bytes"], content.len(), "{outcome}");
    let message: Value = serde_json::from_slice(&observer.messages()[0].payload).unwrap();
    assert_eq!(message["type"], "s3_url");
    assert_eq!((&message["bucket"], &message["key"]), (&json!(BUCKET), &json!(key)));
    assert_eq!(message["size"], content.len());
    let url = message["url"].as_str().unwrap();
    assert_eq!(url, format!("{}/{BUCKET}/{THING}/recording%201.mp4", store.endpoint()));
}

#[test]
fn every_length_around_a_chunk_boundary_arrives_whole() {
    let Some(bench) = Bench::start() else { return };
    for length in [1, 8191, 8192, 8193, 65_535, 65_536, 65_537, 3 * 65_536] {
        let content = bytes(length);
        let key = format!("lengths/{length}");
        bench.put_with(&["--chunk-size", "8192"], &content, BUCKET, &key).expect_code(0);
        assert!(bench.store.owner().get_object(BUCKET, &key) == content, "{length} bytes in chunks of 8192");
        bench.put(&content, BUCKET, &key).expect_code(0);
        assert!(bench.store.owner().get_object(BUCKET, &key) == content, "{length} bytes in chunks of 65536");
    }
}

#[test]
fn an_empty_file_becomes_an_empty_object() {
    // The gateway takes a decoded length of 0 for a request without a body, and then compares the hash of nothing with
    // x-amz-content-sha256: an empty object must not be sent in chunks.
    let Some(bench) = Bench::start() else { return };
    bench.put(b"", BUCKET, "empty").expect_code(0);
    assert!(bench.store.owner().get_object(BUCKET, "empty").is_empty());
}

#[test]
fn keys_with_any_utf_8_are_signed_and_stored_as_they_are() {
    let Some(bench) = Bench::start() else { return };
    for key in [
        "plain",
        "with space",
        "a+b",
        "100%",
        "%20",
        "a%2Fb",
        "température/été.jpg",
        "写真/東京 1.jpg",
        "emoji-🎥",
        "q?x=1&y=2#fragment",
        "quotes'\"and*(stars)!~",
        "=equals;semi:colon@at,comma$",
        "deep/er/../dots/./here",
        "double//slash",
    ] {
        let key = format!("keys/{key}");
        bench.put(key.as_bytes(), BUCKET, &key).expect_code(0);
        assert_eq!(bench.store.owner().get_object(BUCKET, &key), key.as_bytes(), "{key:?}");
    }
}

#[test]
fn content_type_and_metadata_are_stored_with_the_object() {
    let Some(bench) = Bench::start() else { return };
    let file = bench.directory.write("picture.jpg", bytes(100));
    let url = format!("s3://{BUCKET}/headers/picture.jpg");
    bench.homing(&["put", file.to_str().unwrap(), &url, "--metadata", "camera=north gate"]).run().expect_code(0);
    let head = bench.store.owner().call("s3", "head_object", json!({ "Bucket": BUCKET, "Key": "headers/picture.jpg" }));
    assert_eq!(head["ContentType"], "image/jpeg");
    assert_eq!(head["Metadata"]["camera"], "north gate");
    // What aws-chunked adds must not become part of the object.
    assert_eq!(head["ContentLength"], 100);

    bench.homing(&["put", file.to_str().unwrap(), &url, "--content-type", "text/x-own"]).run().expect_code(0);
    let head = bench.store.owner().call("s3", "head_object", json!({ "Bucket": BUCKET, "Key": "headers/picture.jpg" }));
    assert_eq!(head["ContentType"], "text/x-own");
}

#[test]
fn if_none_match_keeps_the_object_that_is_already_there() {
    let Some(bench) = Bench::start() else { return };
    bench.put_with(&["--if-none-match"], b"first", BUCKET, "once").expect_code(0);
    let outcome = bench.put_with(&["--if-none-match"], b"second", BUCKET, "once");
    outcome.expect_code(77).expect_error("PreconditionFailed");
    assert_eq!(bench.store.owner().get_object(BUCKET, "once"), b"first");
}

#[test]
fn a_wrong_secret_is_reported_with_code_and_request_id() {
    let Some(mut bench) = Bench::start() else { return };
    bench.keys.secret_access_key.push('x');
    let outcome = bench.put(b"content", BUCKET, "wrong-secret");
    outcome.expect_code(77).expect_error("SignatureDoesNotMatch").expect_nowhere(&bench.keys.secret_access_key);
    bench.expect_request_id(&outcome);
    bench.expect_absent("wrong-secret");
}

#[test]
fn a_refusal_before_the_body_is_read_is_reported_and_not_lost() {
    let Some(mut bench) = Bench::start() else { return };
    bench.keys.secret_access_key.push('x');
    // Far more than the sockets' buffers hold, so that the gateway closes while homing is still writing.
    let outcome = bench.put(&bytes(40 * 1024 * 1024), BUCKET, "early");
    outcome.expect_code(77).expect_error("SignatureDoesNotMatch");
    bench.expect_request_id(&outcome);
    bench.expect_absent("early");
}

#[test]
fn an_unknown_access_key_is_reported() {
    let Some(mut bench) = Bench::start() else { return };
    bench.keys = Keys { access_key_id: "NOBODYNOBODYNOBODYNO".to_owned(), session_token: None, ..bench.keys.clone() };
    let outcome = bench.put(b"content", BUCKET, "unknown");
    outcome.expect_code(77);
    bench.expect_boto3s_refusal(&outcome);
    bench.expect_request_id(&outcome);
}

#[test]
fn a_token_that_was_tampered_with_is_refused() {
    let Some(mut bench) = Bench::start() else { return };
    let token = bench.keys.session_token.as_mut().unwrap();
    let last = token.len() - 12;
    let other = if token.as_bytes()[last] == b'A' { "B" } else { "A" };
    token.replace_range(last..=last, other);
    let token = token.clone();
    let outcome = bench.put(b"content", BUCKET, "tampered");
    outcome.expect_code(77).expect_nowhere(&token);
    bench.expect_boto3s_refusal(&outcome);
    bench.expect_request_id(&outcome);
    bench.expect_absent("tampered");
}

#[test]
fn temporary_keys_without_their_token_are_refused() {
    let Some(mut bench) = Bench::start() else { return };
    bench.keys.session_token = None;
    let outcome = bench.put(b"content", BUCKET, "no-token");
    outcome.expect_code(77);
    bench.expect_boto3s_refusal(&outcome);
    bench.expect_absent("no-token");
}

#[test]
fn an_expired_token_is_refused() {
    let Some(mut bench) = Bench::start() else { return };
    bench.keys = bench.store.session(1);
    // The one second that the session lives, and another for the gateway's whole-second clock.
    thread::sleep(Duration::from_secs(3));
    let outcome = bench.put(b"content", BUCKET, "expired");
    outcome.expect_code(77);
    bench.expect_boto3s_refusal(&outcome);
    bench.expect_request_id(&outcome);
    bench.expect_absent("expired");
}

#[test]
fn a_bucket_that_does_not_exist_is_reported() {
    let Some(bench) = Bench::start() else { return };
    let outcome = bench.put(b"content", MISSING_BUCKET, "object");
    outcome.expect_code(77).expect_error("NoSuchBucket").expect_error(MISSING_BUCKET);
    bench.expect_request_id(&outcome);
}

#[test]
fn a_bucket_that_the_roles_policy_does_not_allow_is_reported() {
    let Some(bench) = Bench::start() else { return };
    let outcome = bench.put(b"content", FOREIGN_BUCKET, "object");
    outcome.expect_code(77).expect_error("AccessDenied").expect_error(FOREIGN_BUCKET);
    bench.expect_request_id(&outcome);
    assert!(bench.store.owner().list_keys(FOREIGN_BUCKET).is_empty());
}

#[test]
fn a_store_of_an_unknown_authority_is_not_trusted() {
    let Some(bench) = Bench::start() else { return };
    let other = Authority::new("some other authority").write(&bench.directory, "other.pem");
    let outcome = bench.put_with(&["--ca-file", other.to_str().unwrap()], b"content", BUCKET, "untrusted");
    outcome.expect_code(69).expect_error("certificate").expect_error("localhost");
    bench.expect_absent("untrusted");
}

#[test]
fn a_file_in_parts_is_stored_and_a_stale_upload_aborted() {
    let Some(bench) = Bench::start() else { return };
    let content = bytes(11 * 1024 * 1024);
    let parts = ["--part-size", "5242880", "--multipart-threshold", "5242880"];
    let queue = bench.directory.join("queue");
    let put = |options: &[&str], key: &str| {
        let file = bench.directory.write(&key.replace('/', "-"), &content);
        let url = format!("s3://{BUCKET}/{key}");
        let arguments = [&["-v", "put", file.to_str().unwrap(), &url], &parts[..], options].concat();
        bench.homing(&arguments).env("HOMING_QUEUE_DIR", &queue).run()
    };
    put(&[], "parts/ü 1").expect_code(0);
    assert!(bench.store.owner().get_object(BUCKET, "parts/ü 1") == content, "the object's bytes differ");

    let url = format!("s3://{BUCKET}/parts/stdin");
    let arguments = [&["put", "-", &url][..], &parts].concat();
    let outcome = bench.homing(&arguments).env("TMPDIR", bench.directory.path()).stdin(content.clone()).run();
    outcome.expect_code(0);
    assert!(bench.store.owner().get_object(BUCKET, "parts/stdin") == content, "the object's bytes differ");

    // Nothing is left of either, nor after one that the gateway refuses.
    let uploads =
        || bench.store.owner().call("s3", "list_multipart_uploads", json!({ "Bucket": BUCKET }))["Uploads"].clone();
    assert!(uploads().as_array().is_none_or(Vec::is_empty), "{}", uploads());

    // An upload that somebody else began and left: found by its age, told, and aborted.
    let begin = json!({ "Bucket": BUCKET, "Key": "parts/left" });
    bench.store.owner().call("s3", "create_multipart_upload", begin);
    let owner = bench.store.owner().keys.clone().unwrap();
    let url = format!("s3://{BUCKET}/parts/");
    let abort = |older_than: &str| {
        bench
            .homing(&["--json", "put", "--abort-stale", "--older-than", older_than, &url])
            .keys(&owner)
            .env("AWS_SESSION_TOKEN", "")
            .run()
    };
    assert!(abort("3600").expect_code(0).json_lines().is_empty());
    // The device's own session token is not the owner's.
    let lines = abort("0").expect_code(0).json_lines();
    assert_eq!((&lines[0]["result"], &lines[0]["key"]), (&json!("aborted"), &json!("parts/left")));
    assert!(uploads().as_array().is_none_or(Vec::is_empty), "{}", uploads());
}

#[test]
fn an_upload_that_was_killed_goes_on_at_the_next_part() {
    let Some(bench) = Bench::start() else { return };
    let content = bytes(41 * 1024 * 1024);
    let file = bench.directory.write("killed", &content);
    let queue = bench.directory.join("queue");
    let parts = ["--part-size", "5242880", "--multipart-threshold", "5242880"];
    let done = || -> usize {
        let Ok(entries) = std::fs::read_dir(queue.join("uploads")) else { return 0 };
        let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
        texts.map(|text| text.matches("\"part\":").count()).sum()
    };
    // The gateway may be faster than this test: then it is another object's turn.
    let key = (0..9).map(|attempt| format!("killed/{attempt}")).find(|key| {
        let url = format!("s3://{BUCKET}/{key}");
        let arguments = [&["-v", "put", file.to_str().unwrap(), &url], &parts[..]].concat();
        let mut child = bench.homing(&arguments).env("HOMING_QUEUE_DIR", &queue).spawn();
        while child.try_wait().unwrap().is_none() && done() < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        done() >= 2
    });
    let url = format!("s3://{BUCKET}/{}", key.expect("no upload could be killed in its middle"));
    let known = done();
    let arguments = [&["-v", "put", file.to_str().unwrap(), &url], &parts[..]].concat();
    let outcome = bench.homing(&arguments).env("HOMING_QUEUE_DIR", &queue).run();
    outcome.expect_code(0);
    // This role may put objects and not list parts: its own memory is all there is, and S3's ETags confirm it.
    assert!(outcome.stderr.contains(&format!("{known} of 9 parts are there")), "{outcome}");
    let key = url.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
    assert!(bench.store.owner().get_object(BUCKET, key) == content, "the object's bytes differ");
    assert_eq!(done(), 0);
}

/// The store with a device's temporary keys.
struct Bench {
    store: &'static Radosgw,
    keys: Keys,
    directory: Directory,
}

impl Bench {
    fn start() -> Option<Self> {
        let store = store()?;
        Some(Self { store, keys: store.session(3600), directory: Directory::new("put") })
    }

    /// homing with the keys in the environment and nothing else.
    fn homing(&self, arguments: &[&str]) -> Homing {
        let endpoint = self.store.endpoint();
        let settings = ["--credentials", "environment", "--region", REGION, "--path-style"];
        homing(settings.into_iter().chain(["--endpoint-url", &endpoint]).chain(arguments.iter().copied()))
            .env("HOMING_CA_FILE", &self.store.ca_file)
            .keys(&self.keys)
    }

    fn put(&self, content: &[u8], bucket: &str, key: &str) -> Outcome {
        self.put_with(&[], content, bucket, key)
    }

    fn put_with(&self, options: &[&str], content: &[u8], bucket: &str, key: &str) -> Outcome {
        let file = self.directory.write("content", content);
        let url = format!("s3://{bucket}/{key}");
        self.homing(&["put", file.to_str().unwrap(), &url].iter().chain(options).copied().collect::<Vec<_>>()).run()
    }

    /// Fails unless the error names the gateway's id of the request: `tx`, then the same text as in its own log.
    fn expect_request_id(&self, outcome: &Outcome) {
        let id = outcome.stderr.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'));
        let id = id.into_iter().find(|word| word.starts_with("tx0") && word.len() > 20);
        assert!(id.is_some(), "no request id in {outcome}");
    }

    /// Fails unless the error names the code that boto3 gets with the same keys.
    fn expect_boto3s_refusal(&self, outcome: &Outcome) {
        let parameters = json!({ "Bucket": BUCKET, "Key": "refused", "Body": "content" });
        let reply = self.store.client(self.keys.clone()).attempt("s3", "put_object", parameters, None);
        let code = reply["error"]["Code"].as_str().unwrap_or_else(|| panic!("boto3 was not refused: {reply}"));
        outcome.expect_error(code);
    }

    fn expect_absent(&self, key: &str) {
        let keys = self.store.owner().list_keys(BUCKET);
        assert!(!keys.iter().any(|listed| listed == key), "{key} is there after a refusal: {keys:?}");
    }
}

/// One store for all tests: it takes a quarter of a minute to start.
fn store() -> Option<&'static Radosgw> {
    static STORE: LazyLock<Option<Radosgw>> =
        LazyLock::new(|| packages::available("radosgw", radosgw::PROGRAMS).then(Radosgw::start));
    STORE.as_ref()
}

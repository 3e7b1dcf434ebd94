//! Fetching from Ceph's object gateway: it knows ranges and conditions, and checks the signatures of URLs.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::json;

use super::Bench;
use super::support::content::bytes;
use super::support::homing::{Homing, Outcome, prepare};
use super::support::radosgw::MISSING_BUCKET;
use super::support::{BUCKET, REGION, packages};

#[test]
fn objects_arrive_byte_for_byte() {
    let Some(bench) = Bench::start() else { return };
    for length in [0, 1, 65_537, 20 * MIB + 7] {
        let content = bytes(length);
        bench.put(&content, BUCKET, "get/whole").expect_code(0);
        let file = bench.directory.join("whole");
        let outcome = bench.get(&["--json"], BUCKET, "get/whole", &file);
        outcome.expect_code(0);
        assert!(fs::read(&file).unwrap() == content, "{length} bytes; {outcome}");
        assert_eq!(outcome.json_lines()[0]["bytes"], length);
    }
    for key in ["get/with space", "get/a+b%20c", "get/写真/東京 1.jpg", "get/q?x=1&y=2#f", "get/../dots/./x", "get//x"]
    {
        bench.put(key.as_bytes(), BUCKET, key).expect_code(0);
        let file = bench.directory.join("key");
        bench.get(&[], BUCKET, key, &file).expect_code(0);
        assert_eq!(fs::read(&file).unwrap(), key.as_bytes(), "{key:?}");
    }
}

#[test]
fn a_download_that_was_cut_is_resumed() {
    let Some(bench) = Bench::start() else { return };
    let content = bytes(20 * MIB + 7);
    bench.put(&content, BUCKET, "get/cut").expect_code(0);
    let file = bench.directory.join("cut");
    let relay = Relay::start(bench.store.port, 8 * MIB as u64, 1);
    let outcome = bench.get_by(&relay, &["--verbose"], "get/cut", &file);
    outcome.expect_code(0).expect_error("resuming at byte");
    assert!(fs::read(&file).unwrap() == content, "{outcome}");
    // All of it once, and what TLS and the replies' heads add.
    assert!(relay.received() < 21 * MIB as u64, "{} bytes", relay.received());

    // Each connection breaks: the command gives up, and the next one goes on.
    let relay = Relay::start(bench.store.port, 5 * MIB as u64, 3);
    bench.get_by(&relay, &[], "get/cut", &file).expect_code(69).expect_error("run the same command again");
    assert!(part(&file).exists());
    bench.get_by(&relay, &[], "get/cut", &file).expect_code(0);
    assert!(fs::read(&file).unwrap() == content);
    assert!(relay.received() < 21 * MIB as u64, "{} bytes", relay.received());
}

#[test]
fn an_object_that_was_replaced_is_fetched_anew() {
    let Some(bench) = Bench::start() else { return };
    bench.put(&bytes(20 * MIB), BUCKET, "get/replaced").expect_code(0);
    let file = bench.directory.join("replaced");
    let relay = Relay::start(bench.store.port, 5 * MIB as u64, 3);
    bench.get_by(&relay, &[], "get/replaced", &file).expect_code(69);
    let newer = bytes(MIB);
    bench.put(&newer, BUCKET, "get/replaced").expect_code(0);
    bench.get_by(&relay, &["--verbose"], "get/replaced", &file).expect_code(0).expect_error("is another one now");
    assert!(fs::read(&file).unwrap() == newer);
}

#[test]
fn nothing_is_fetched_while_it_has_not_changed() {
    let Some(bench) = Bench::start() else { return };
    let file = bench.directory.join("kept");
    for (content, result) in [("one", "received"), ("one", "not-changed"), ("two", "received"), ("two", "not-changed")]
    {
        if result == "received" {
            bench.put(content.as_bytes(), BUCKET, "get/kept").expect_code(0);
        }
        let outcome = bench.get(&["--json", "--if-changed"], BUCKET, "get/kept", &file);
        outcome.expect_code(0);
        assert_eq!(outcome.json_lines()[0]["result"], result, "{outcome}");
        assert_eq!(fs::read(&file).unwrap(), content.as_bytes());
    }
}

#[test]
fn what_cannot_be_fetched_is_told() {
    let Some(bench) = Bench::start() else { return };
    let file = bench.directory.join("none");
    bench.get(&[], MISSING_BUCKET, "k", &file).expect_code(77).expect_error("NoSuchBucket");
    let owner = bench.store.owner();
    owner.call("s3", "create_bucket", json!({ "Bucket": "private-bucket" }));
    owner.call("s3", "put_object", json!({ "Bucket": "private-bucket", "Key": "k", "Body": "private" }));
    let outcome = bench.get(&[], "private-bucket", "k", &file);
    outcome.expect_code(77).expect_error("AccessDenied").expect_error("s3:GetObject");
    bench.expect_request_id(&outcome);
    bench.get(&[], BUCKET, "get/no such", &file).expect_code(66).expect_error("NoSuchKey");
    assert!(!file.exists() && !part(&file).exists());
}

#[test]
fn presigned_urls_are_good_for_what_they_say() {
    let Some(bench) = Bench::start() else { return };
    if !packages::available("presigned URLs", &["curl", "faketime"]) {
        return;
    }
    let content = bytes(200_000);
    let file = bench.directory.write("upload", &content);
    let put = bench.presign(&["--put", "--expires", "600"], "presigned/ü 1?&=+");
    assert_eq!(bench.curl(&["-T", file.to_str().unwrap(), &put]).0, 200);
    assert!(bench.store.owner().get_object(BUCKET, "presigned/ü 1?&=+") == content);
    let get = bench.presign(&[], "presigned/ü 1?&=+");
    assert_eq!(bench.curl(&[&get]), (200, content));
    assert_eq!(bench.curl(&[&put]).0, 403);
    assert_eq!(bench.curl(&["-T", file.to_str().unwrap(), &get]).0, 403);
    for wrong in [get.replace("presigned/", "get/"), get.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601")] {
        assert_eq!(bench.curl(&[&wrong]).0, 403, "{wrong}");
    }

    let faked = |time: &str| {
        let mut command = Command::new(packages::find("faketime").unwrap());
        command.args(["-f", time, env!("CARGO_BIN_EXE_homing"), "presign", "--expires", "60"]);
        let outcome = bench.with_settings(prepare(command)).arg(object("presigned/ü 1?&=+")).run();
        outcome.expect_code(0);
        outcome.stdout.trim_end().to_owned()
    };
    assert_eq!(bench.curl(&[&faked("-1s")]).0, 200);
    assert_eq!(bench.curl(&[&faked("-120s")]).0, 403);
}

impl Bench {
    fn get(&self, options: &[&str], bucket: &str, key: &str, file: &Path) -> Outcome {
        let url = format!("s3://{bucket}/{key}");
        let arguments = [&["get", &url, file.to_str().unwrap()], options].concat();
        self.homing(&arguments).run()
    }

    /// The same through a relay, from the device's bucket.
    fn get_by(&self, relay: &Relay, options: &[&str], key: &str, file: &Path) -> Outcome {
        let endpoint = format!("https://localhost:{}", relay.port);
        // More than the one that runs of these tests have: resuming is another attempt.
        self.get(&[options, &["--endpoint-url", &endpoint, "--max-attempts", "3"]].concat(), BUCKET, key, file)
    }

    fn presign(&self, options: &[&str], key: &str) -> String {
        let url = object(key);
        let outcome = self.homing(&[&["presign", &url], options].concat()).run();
        outcome.expect_code(0);
        outcome.stdout.trim_end().to_owned()
    }

    fn with_settings(&self, call: Homing) -> Homing {
        let endpoint = self.store.endpoint();
        let settings =
            ["--credentials", "environment", "--region", REGION, "--path-style", "--endpoint-url", &endpoint];
        settings.into_iter().fold(call, Homing::arg).keys(&self.keys)
    }

    /// Status and body of curl's request.
    fn curl(&self, arguments: &[&str]) -> (u16, Vec<u8>) {
        let body = self.directory.join("curl-body");
        let _ = fs::remove_file(&body);
        let output = Command::new(packages::find("curl").unwrap())
            .args(["--silent", "--show-error", "--globoff", "--noproxy", "*", "--write-out", "%{http_code}"])
            .arg("--cacert")
            .arg(&self.store.ca_file)
            .arg("--output")
            .arg(&body)
            .args(arguments)
            .output()
            .unwrap();
        let status = String::from_utf8_lossy(&output.stdout).parse().unwrap_or_else(|_| panic!("{output:?}"));
        (status, fs::read(body).unwrap_or_default())
    }
}

fn object(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

fn part(file: &Path) -> PathBuf {
    format!("{}.part", file.display()).into()
}

/// A door in front of a server that cuts the first connections after so many bytes towards the client.
struct Relay {
    port: u16,
    received: Arc<AtomicU64>,
}

impl Relay {
    /// Cuts the first `times` connections.
    fn start(server: u16, bytes: u64, times: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let mut left = times;
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let limit = if left > 0 { bytes } else { u64::MAX };
                left = left.saturating_sub(1);
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
                let counter = Arc::clone(&counter);
                thread::spawn(move || relay(&client, &server, limit, &counter));
            }
        });
        Self { port, received }
    }

    /// Bytes towards the client so far.
    fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }
}

fn relay(client: &TcpStream, server: &TcpStream, limit: u64, counter: &AtomicU64) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::copy(&mut &*client, &mut &*server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let mut buffer = [0; 16 * 1024];
        let mut passed = 0;
        while let Ok(count @ 1..) = (&mut &*server).read(&mut buffer) {
            let count = usize::try_from((limit - passed).min(count as u64)).unwrap();
            if (&mut &*client).write_all(&buffer[..count]).is_err() {
                break;
            }
            passed += count as u64;
            counter.fetch_add(count as u64, Ordering::SeqCst);
            if passed == limit {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

const MIB: usize = 1024 * 1024;

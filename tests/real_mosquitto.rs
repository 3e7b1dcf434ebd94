//! homing's MQTT against Eclipse Mosquitto: mutual TLS, access lists under MQTT 5, ALPN on port 443.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::content::bytes;
use support::directory::Directory;
use support::homing::{Config, Outcome};
use support::mosquitto::{self, Mosquitto};
use support::pki::Authority;
use support::{THING, nginx, packages, process};

#[test]
fn a_small_file_arrives_inside_one_message_with_qos_1() {
    let Some(mut bench) = Bench::start() else { return };
    let content = bytes(5 * 1024);
    let file = bench.directory.write("reading.bin", &content);
    let observer = bench.broker.observe("file/upload", 1);

    let outcome = bench.run(&["--json", "send", file.to_str().unwrap()]);

    outcome.expect_code(0);
    let messages = observer.messages();
    assert_eq!((messages[0].topic.as_str(), messages[0].qos), ("file/upload", 1));
    let message: Value = serde_json::from_slice(&messages[0].payload).unwrap();
    assert_eq!(message["type"], "file_content");
    assert_eq!(message["name"], "reading.bin");
    assert_eq!(message["size"], 5 * 1024);
    assert_eq!(message["thing"], THING);
    assert_eq!(STANDARD.decode(message["content"].as_str().unwrap()).unwrap(), content);
    let lines = outcome.json_lines();
    assert_eq!(lines.len(), 1, "{outcome}");
    assert_eq!((&lines[0]["result"], &lines[0]["via"]), (&json!("delivered"), &json!("mqtt")), "{outcome}");
    assert_eq!(lines[0]["topic"], "file/upload", "{outcome}");
    // The broker's own record of what it was sent: quality of service 1, not retained, and by MQTT 5.
    bench.broker.wait_for_log(&format!("Received PUBLISH from {THING}-homing (d0, q1, r0"));
    bench.broker.wait_for_log(&format!("as {THING}-homing (p5"));
}

#[test]
fn a_file_at_the_inline_limit_and_an_empty_one_arrive_whole() {
    let Some(mut bench) = Bench::start() else { return };
    let largest = bench.directory.write("largest.bin", bytes(51_200));
    let empty = bench.directory.write("empty.bin", "");
    let observer = bench.broker.observe("file/upload", 2);

    bench.run(&["send", largest.to_str().unwrap(), empty.to_str().unwrap()]).expect_code(0);

    let contents: Vec<Vec<u8>> = observer.messages().iter().map(|message| inline_content(&message.payload)).collect();
    assert!(contents[0] == bytes(51_200) && contents[1].is_empty());
}

#[test]
fn several_files_share_one_connection() {
    let Some(mut bench) = Bench::start() else { return };
    let files: Vec<_> = (1..=5).map(|number| bench.directory.write(&format!("{number}.bin"), bytes(number))).collect();
    let observer = bench.broker.observe("file/upload", 5);

    let names = files.iter().map(|file| file.to_str().unwrap());
    let arguments: Vec<&str> = ["--json", "send"].into_iter().chain(names).collect();
    let outcome = bench.run(&arguments);

    outcome.expect_code(0);
    assert_eq!(outcome.json_lines().len(), 5, "{outcome}");
    let lengths: Vec<usize> =
        observer.messages().iter().map(|message| inline_content(&message.payload).len()).collect();
    assert_eq!(lengths, [1, 2, 3, 4, 5]);
    let log = bench.broker.log();
    assert_eq!(log.matches(&format!("as {THING}-homing (p5")).count(), 1, "{log}");
}

#[test]
fn publish_takes_its_message_from_an_argument_a_file_or_standard_input() {
    let Some(mut bench) = Bench::start() else { return };
    let observer = bench.broker.observe("dt/#", 5);
    let file = bench.directory.write("message", [0, 255, b'\n', b'"']);

    bench.run(&["publish", "dt/argument", "-m", "21.5 °C"]).expect_code(0);
    bench.run(&["publish", "dt/file", "-f", file.to_str().unwrap(), "-q", "0"]).expect_code(0);
    bench.config.homing(&bench.directory, &["publish", "dt/stdin", "-"]).stdin("from\nstdin").run().expect_code(0);
    bench.config.homing(&bench.directory, &["publish", "dt/lines", "--lines"]).stdin("one\ntwo\n").run().expect_code(0);

    let messages = observer.messages();
    let seen: Vec<(&str, u8, &[u8])> =
        messages.iter().map(|message| (message.topic.as_str(), message.qos, &message.payload[..])).collect();
    let expected: [(&str, u8, &[u8]); 5] = [
        ("dt/argument", 1, "21.5 °C".as_bytes()),
        ("dt/file", 0, &[0, 255, b'\n', b'"']),
        ("dt/stdin", 1, b"from\nstdin"),
        ("dt/lines", 1, b"one"),
        ("dt/lines", 1, b"two"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_client_id_is_not_the_bare_thing_name_unless_configured() {
    let Some(mut bench) = Bench::start() else { return };
    bench.run(&["publish", "dt/x", "-m", "1"]).expect_code(0);
    bench.broker.wait_for_log(&format!("as {THING}-homing (p5"));
    bench.run(&["--client-id", "another-name", "publish", "dt/x", "-m", "1"]).expect_code(0);
    bench.broker.wait_for_log("as another-name (p5");
}

#[test]
fn a_topic_that_the_access_list_denies_is_a_failure_with_the_brokers_reason() {
    let Some(mut bench) = Bench::start() else { return };

    let outcome = bench.run(&["publish", "forbidden/topic", "-m", "x"]);

    outcome.expect_code(77).expect_error("not authorized").expect_error("forbidden/topic");
    // Proof that the broker did deny it, rather than anything of ours.
    bench.broker.wait_for_log(&format!("Denied PUBLISH from {THING}-homing"));
}

#[test]
fn a_file_whose_topic_is_denied_is_reported_as_failed() {
    let Some(mut bench) = Bench::start() else { return };
    let file = bench.directory.write("reading.bin", "x");

    let outcome = bench.run(&["--json", "--topic", "forbidden/topic", "send", file.to_str().unwrap()]);

    outcome.expect_code(77);
    let line = &outcome.json_lines()[0];
    assert_eq!(line["result"], "failed", "{outcome}");
    assert_eq!(line["error"]["retryable"], false, "{outcome}");
    assert!(line["error"]["message"].as_str().unwrap().to_lowercase().contains("not authorized"), "{outcome}");
    bench.broker.wait_for_log(&format!("Denied PUBLISH from {THING}-homing"));
}

#[test]
fn a_certificate_of_a_rogue_authority_is_refused_by_the_broker() {
    let Some(bench) = Bench::start() else { return };
    let rogue = Authority::new("rogue authority").device(&bench.directory, "rogue", THING);
    let config = bench.config_for(&rogue, bench.broker.port).homing(&bench.directory, &["publish", "dt/x", "-m", "x"]);

    let outcome = config.run();

    assert!(matches!(outcome.code, 69 | 77), "{outcome}");
    outcome.expect_error("certificate");
    let log = bench.broker.log();
    assert!(!log.contains(&format!("as {THING}-homing")), "the broker let it in: {log}");
}

#[test]
fn the_broker_demands_a_certificate_and_homing_never_goes_without() {
    let Some(mut bench) = Bench::start() else { return };
    // Without one nobody gets in …
    let port = bench.broker.port.to_string();
    let status = std::process::Command::new(packages::find("mosquitto_sub").unwrap())
        .args(["-h", "localhost", "-p", &port, "-t", "x", "-W", "20", "-C", "1", "--cafile"])
        .arg(bench.directory.join("ca.pem"))
        .output()
        .unwrap()
        .status;
    assert!(!status.success());
    bench.broker.wait_for_log("peer did not return a certificate");
    // … and a configuration without one is refused before any connection is made.
    let config = bench.config_for_device().without("certificate").without("private_key");
    let outcome = config.homing(&bench.directory, &["publish", "dt/x", "-m", "x"]).run();
    outcome.expect_code(78).expect_error("certificate");
}

#[test]
fn a_broker_of_an_unknown_authority_is_not_trusted() {
    let Some(bench) = Bench::start() else { return };
    let other = Authority::new("some other authority").write(&bench.directory, "other.pem");
    let config = bench.config_for_device().with("ca_file", other.to_str());

    let outcome = config.homing(&bench.directory, &["publish", "dt/x", "-m", "x"]).run();

    outcome.expect_code(69).expect_error("ca-file").expect_error("certificate");
    let log = bench.broker.log();
    assert!(!log.contains(&format!("as {THING}-homing")), "{log}");
}

#[test]
fn a_broker_with_a_certificate_for_another_host_is_not_trusted() {
    let Some(bench) = Bench::start_named(&["elsewhere.example"]) else { return };

    let outcome = bench.run(&["publish", "dt/x", "-m", "x"]);

    outcome.expect_code(69).expect_error("localhost").expect_error_with_any(&["name", "not valid for"]);
    let log = bench.broker.log();
    assert!(!log.contains(&format!("as {THING}-homing")), "{log}");
}

#[test]
fn a_broker_that_is_not_there_is_unavailable() {
    let Some(bench) = Bench::start() else { return };
    let port = process::free_port();
    let config = bench.config_for_device().with("data_endpoint", format!("localhost:{port}"));
    let outcome = config.homing(&bench.directory, &["publish", "dt/x", "-m", "x"]).run();
    outcome.expect_code(69).expect_error(&port.to_string()).expect_error("refused");
}

#[test]
fn on_port_443_the_alpn_protocol_chooses_mqtt_or_https() {
    if !packages::available("ALPN on port 443", nginx::PROGRAMS) {
        return;
    }
    if TcpListener::bind((ALPN_ADDRESS, 443)).is_err() {
        return packages::skip("ALPN on port 443", "this user may not listen on port 443; run as root");
    }
    let Some(mut bench) = Bench::start_named(&["localhost", ALPN_ADDRESS]) else { return };
    let identity = bench.authority.server(&bench.directory, "front", &["localhost", ALPN_ADDRESS]);
    let mut builder = nginx::Builder::new();
    let https = builder.https_publish(&identity, &bench.authority);
    builder.alpn_switch(ALPN_ADDRESS, 443, bench.broker.port, https);
    let front = builder.start();
    let config = bench.config_for_device().with("data_endpoint", format!("{ALPN_ADDRESS}:443"));
    let observer = bench.broker.observe("dt/#", 1);

    config.homing(&bench.directory, &["publish", "dt/mqtt", "-m", "by MQTT"]).run().expect_code(0);
    config.homing(&bench.directory, &["--via", "https", "publish", "dt/https", "-m", "by HTTPS"]).run().expect_code(0);

    assert_eq!(observer.messages()[0].payload, b"by MQTT");
    let requests = front.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0], json!({ "method": "POST", "uri": "/topics/dt%2Fhttps?qos=1", "body": "by HTTPS" }));
}

/// A broker, a device and its configuration.
struct Bench {
    directory: Directory,
    authority: Authority,
    broker: Mosquitto,
    config: Config,
}

impl Bench {
    fn start() -> Option<Self> {
        Self::start_named(&["localhost"])
    }

    /// With a broker whose certificate is for these names.
    fn start_named(names: &[&str]) -> Option<Self> {
        if !packages::available("mosquitto", mosquitto::PROGRAMS) {
            return None;
        }
        let directory = Directory::new("mosquitto-device");
        let authority = Authority::new("fleet authority");
        authority.write(&directory, "ca.pem");
        let broker = Mosquitto::start(&authority, names);
        let device = authority.device(&directory, "device", THING);
        let config = Config::new(&device, &directory.join("ca.pem"))
            .with("data_endpoint", format!("localhost:{}", broker.port))
            .with("topic", "file/upload");
        Some(Self { directory, authority, broker, config })
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.config.homing(&self.directory, arguments).run()
    }

    fn config_for_device(&self) -> Config {
        self.config.clone()
    }

    fn config_for(&self, identity: &support::pki::Identity, port: u16) -> Config {
        Config::new(identity, &self.directory.join("ca.pem")).with("data_endpoint", format!("localhost:{port}"))
    }
}

fn inline_content(payload: &[u8]) -> Vec<u8> {
    let message: Value = serde_json::from_slice(payload).unwrap();
    assert_eq!(message["type"], "file_content");
    STANDARD.decode(message["content"].as_str().unwrap()).unwrap()
}

/// An address of loopback's own, so that port 443 of 127.0.0.1 stays free for whoever has it.
const ALPN_ADDRESS: &str = "127.0.77.1";

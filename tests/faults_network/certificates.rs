//! Servers that are not who they say, and device certificates that are no longer good: nothing of a file and no secret
//! goes out.

use crate::support::tls_server::{Authority, Special, TlsServer, server_config, unless_revoked};
use crate::support::{Bench, Run, TestFile, Verdict, report};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use serde_json::json;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Which server is not to be trusted, or does not trust the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Credentials,
    S3,
    Mqtt,
    Https,
}

const PLACES: [Place; 4] = [Place::Credentials, Place::S3, Place::Mqtt, Place::Https];
const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLS 1.2", &TLS12), ("TLS 1.3", &TLS13)];

#[test]
fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    let mut bench = Bench::new();
    let ours = Authority::new();
    let unknown = Authority::new();
    trust(&mut bench, &ours);
    let day_before = Special { until: Some(-1), ..Special::default() };
    let day_after = Special { from: Some(1), ..Special::default() };
    let elsewhere = Special { elsewhere: true, ..Special::default() };
    let mut stolen = ours.server(Special::default());
    stolen.key = unknown.server(Special::default()).key;
    let cases = [
        ("wrong CA", unknown.server(Special::default()), "unknown_issuer"),
        ("expired", ours.server(day_before), "server_certificate_expired"),
        ("not yet valid", ours.server(day_after), "server_certificate_not_yet_valid"),
        ("wrong host", ours.server(elsewhere), "wrong_host_name"),
        // A wrong signature is a wrong signature, whether an authority's or the server's own.
        ("key of another certificate", stolen, "unknown_issuer"),
    ];
    for (name, credential, code) in &cases {
        let mut figures = Figures::default();
        for place in PLACES {
            for (_, version) in VERSIONS {
                let config = server_config(&credential.certificate, &credential.key, None, &[version]);
                let server = TlsServer::silent(config);
                let run = attempt(&mut bench, place, &server);
                figures.add(&server);
                assert_eq!(figures.application, 0, "bytes went to a stranger: {name}, {place:?}: {run:?}");
                let Verdict::Failure { code: told, .. } = run.verdict() else { panic!("{name}, {place:?}: {run:?}") };
                assert!(told == *code, "{name}, {place:?}: {run:?}");
                assert_eq!(server.seen.get(|seen| &seen.handshakes), 0, "{name}, {place:?}: {run:?}");
            }
        }
        // An alert is all that may follow the ClientHello: 7 bytes, 24 encrypted, and the dummy ChangeCipherSpec.
        assert!(figures.behind_hello <= figures.connections * ALERT, "{name}: {figures:?}");
        report(&format!("TLS: {name}"), figures.text(code));
    }
}

#[test]
fn a_revoked_device_certificate_gets_no_byte_of_a_file_out() {
    let mut bench = Bench::new();
    let authority = Authority::of_sandbox(bench.sandbox.certificates());
    let ours = Authority::new();
    trust(&mut bench, &ours);
    let (device, list) = authority.revoked_device(bench.sandbox.thing_name());
    bench.config["certificate"] = json!(write(&bench, "revoked.pem.crt", &device.certificate));
    bench.config["private_key"] = json!(write(&bench, "revoked.pem.key", &device.key));
    for place in [Place::Credentials, Place::Mqtt, Place::Https] {
        let mut figures = Figures::default();
        for (_, version) in VERSIONS {
            let shown = ours.server(Special::default());
            let verifier = unless_revoked(&authority, list.clone());
            let server = TlsServer::silent(server_config(&shown.certificate, &shown.key, Some(verifier), &[version]));
            let run = attempt(&mut bench, place, &server);
            let Verdict::Failure { code, .. } = run.verdict() else { panic!("{place:?}: {run:?}") };
            assert_eq!(code, "certificate_refused", "{place:?}: {run:?}");
            figures.add(&server);
            assert_eq!(server.seen.get(|seen| &seen.handshakes), 0, "{place:?}: {run:?}");
        }
        assert_eq!(figures.application, 0);
        // With TLS 1.3 the device has proved itself, and may speak, before it is told that it is refused: an HTTPS
        // request has then left, encrypted for a server that has proved itself, too. MQTT waits for CONNACK, and
        // without credentials nothing goes to S3.
        if place != Place::Https {
            assert!(figures.behind_hello < FILE as u64, "{place:?}: {figures:?}");
        }
        report(&format!("TLS: revoked client certificate, {place:?}"), figures.text("certificate_refused"));
    }
}

#[test]
fn a_key_that_is_not_the_certificates_does_not_even_connect() {
    let mut bench = Bench::new();
    let other = bench.sandbox.certificates().other_key.clone();
    bench.config["private_key"] = json!(other);
    for place in PLACES {
        let unused = Authority::new().server(Special::default());
        let server = TlsServer::silent(server_config(&unused.certificate, &unused.key, None, rustls::ALL_VERSIONS));
        let run = attempt(&mut bench, place, &server);
        let Verdict::Failure { exit_code, code, .. } = run.verdict() else { panic!("{place:?}: {run:?}") };
        assert_eq!((exit_code, code.as_str()), (78, "key_mismatch"), "{run:?}");
        assert_eq!(server.seen.get(|seen| &seen.connections), 0);
    }
    let connections: u64 =
        homing_sandbox::Service::ALL.into_iter().map(|service| bench.sandbox.counts(service).connections).sum();
    assert_eq!(connections, 0);
    report("TLS: mismatched key", "4 runs | connections: 0, bytes sent: 0 | ended with key_mismatch");
}

/// Sends a file in the way that leads past this server; nothing may arrive anywhere.
#[track_caller]
fn attempt(bench: &mut Bench, place: Place, server: &TlsServer) -> Run {
    let name = "secret.bin";
    let file: TestFile = bench.file(name, FILE);
    let sandbox_config = bench.config.clone();
    let inline_limit = match place {
        Place::Credentials | Place::S3 => 0,
        Place::Mqtt | Place::Https => 51_200,
    };
    match place {
        Place::Credentials => bench.config["credential_endpoint"] = json!(server.place()),
        Place::S3 => bench.config["endpoints"]["s3"] = json!(format!("https://{}", server.place())),
        Place::Mqtt => bench.config["data_endpoint"] = json!(server.place()),
        Place::Https => {
            bench.config["data_endpoint"] = json!("127.0.0.1");
            bench.config["https_port"] = json!(server.port);
            bench.config["via"] = json!("https");
        }
    }
    let (run, key) = bench.send(&file, inline_limit);
    bench.config = sandbox_config;
    assert!(!bench.ledger.has_object(&key), "{place:?}: {run:?}");
    assert_eq!(bench.ledger.announced(&key) + bench.ledger.announced(name), 0, "{place:?}: {run:?}");
    run
}

/// Lets homing trust `authority`, too.
fn trust(bench: &mut Bench, authority: &Authority) {
    let own = fs::read_to_string(&bench.sandbox.certificates().ca).unwrap();
    bench.config["ca_file"] = json!(write(bench, "trusted.pem", &format!("{own}{}", authority.certificate)));
}

fn write(bench: &Bench, name: &str, pem: &str) -> PathBuf {
    let path = bench.sandbox.folder().join(name);
    fs::write(&path, pem).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

#[derive(Debug, Default)]
struct Figures {
    runs: u32,
    connections: u64,
    behind_hello: u64,
    application: u64,
}

impl Figures {
    fn add(&mut self, server: &TlsServer) {
        server.settle();
        self.runs += 1;
        self.connections += server.seen.get(|seen| &seen.connections);
        self.behind_hello += server.seen.get(|seen| &seen.behind_hello);
        self.application += server.seen.get(|seen| &seen.application);
    }

    fn text(&self, code: &str) -> String {
        let mut text = format!("{} runs, TLS 1.2 and 1.3", self.runs);
        let _ = write!(
            text,
            " | bytes of body or secret decrypted: {}; behind {} ClientHellos on the wire: {} | ended with {code}",
            self.application, self.connections, self.behind_hello
        );
        text
    }
}

const FILE: usize = 4096;
/// A ChangeCipherSpec (6 bytes) and an encrypted alert (24).
const ALERT: u64 = 30;

//! homing's credential provider client, and its HTTPS publishing, against nginx with `ssl_verify_client on`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::directory::Directory;
use support::homing::{Config, Outcome};
use support::nginx::{self, Builder, Nginx, Provider};
use support::pki::{Authority, Identity, KeyForm, KeyKind};
use support::{ROLE_ALIAS, THING, packages};

#[test]
fn credentials_arrive_over_tls_1_3_and_over_tls_1_2() {
    let Some(bench) = Bench::start() else { return };
    for (protocol, port) in bench.ports() {
        let outcome = bench.credentials(&bench.device, port, "json");
        outcome.expect_code(0);
        assert!(outcome.stdout.contains(ACCESS_KEY_ID), "{protocol}: {outcome}");
        assert!(outcome.stdout.contains(&secret()), "{protocol}: {outcome}");
    }
}

#[test]
fn nginx_speaks_only_the_protocol_it_is_told() {
    let Some(bench) = Bench::start() else { return };
    if !packages::available("nginx with curl", &["curl"]) {
        return;
    }
    // The ground that the test above stands on: the other version is really refused.
    assert_eq!(bench.curl(bench.tls_1_3, &["--tls-max", "1.2"]), "000");
    assert_eq!(bench.curl(bench.tls_1_2, &["--tlsv1.3"]), "000");
    assert_eq!(bench.curl(bench.tls_1_3, &["--tlsv1.3"]), "200");
    assert_eq!(bench.curl(bench.tls_1_2, &["--tls-max", "1.2"]), "200");
}

#[test]
fn the_formats_are_those_that_sdks_and_shells_read() {
    let Some(bench) = Bench::start() else { return };
    let process = bench.credentials(&bench.device, bench.tls_1_3, "process");
    let reply: Value = serde_json::from_str(&process.stdout).unwrap_or_else(|error| panic!("{error}: {process}"));
    assert_eq!(reply["Version"], 1);
    assert_eq!(reply["AccessKeyId"], ACCESS_KEY_ID);
    assert_eq!(reply["SecretAccessKey"], secret());
    assert_eq!(reply["SessionToken"], token());
    assert_eq!(reply["Expiration"], "2049-12-31T23:59:59Z");

    let environment = bench.credentials(&bench.device, bench.tls_1_3, "env");
    let script = format!(
        "{}\nprintf '%s|' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\"; env",
        environment.stdout
    );
    let shell = Command::new("sh").args(["-c", &script]).env_clear().output().unwrap();
    let printed = String::from_utf8(shell.stdout).unwrap();
    assert!(printed.starts_with(&format!("{ACCESS_KEY_ID}|{}|{}|", secret(), token())), "{printed}\n{environment}");
    assert!(printed.contains(&format!("\nAWS_SESSION_TOKEN={}", token())), "not exported: {printed}");
}

#[test]
fn every_kind_and_form_of_device_key_works() {
    let Some(bench) = Bench::start() else { return };
    if !packages::available("nginx with OpenSSL's keys", &["openssl"]) {
        return;
    }
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
        for form in [KeyForm::Pkcs8, KeyForm::Traditional] {
            let name = format!("{kind:?}-{form:?}");
            let device = bench.authority.device_with_key(&bench.directory, &name, THING, kind, form);
            for (protocol, port) in bench.ports() {
                let outcome = bench.credentials(&device, port, "json");
                assert_eq!(outcome.code, 0, "{name} over {protocol}: {outcome}");
            }
        }
    }
}

#[test]
fn a_device_certificate_of_an_intermediate_authority_is_sent_with_its_chain() {
    let Some(bench) = Bench::start() else { return };
    let intermediate = bench.authority.intermediate("factory authority");
    let device = intermediate.device(&bench.directory, "chained", THING);
    for (_, port) in bench.ports() {
        // nginx knows only the root: the leaf alone is not enough, so success below proves that the chain was sent.
        let outcome = bench.credentials(&device, port, "json");
        assert!(matches!(outcome.code, 69 | 77), "{outcome}");
    }
    device.append_chain(&intermediate);
    for (protocol, port) in bench.ports() {
        let outcome = bench.credentials(&device, port, "json");
        assert_eq!(outcome.code, 0, "{protocol}: {outcome}");
    }
}

#[test]
fn a_server_certificate_of_an_intermediate_authority_is_trusted_by_its_root() {
    if !packages::available("nginx", nginx::PROGRAMS) {
        return;
    }
    let directory = Directory::new("nginx-device");
    let root = Authority::new("root");
    let intermediate = root.intermediate("intermediate");
    let server = intermediate.server(&directory, "server", &["localhost"]);
    server.append_chain(&intermediate);
    let reply = reply();
    let mut builder = Builder::new();
    let provider = Provider { protocols: "TLSv1.3", server: &server, device_authority: &root, reply: &reply };
    let port = builder.credential_provider(&provider);
    let _nginx = builder.start();
    let device = root.device(&directory, "device", THING);
    let config = Config::new(&device, &root.write(&directory, "root.pem"));

    let outcome = config
        .with("credential_endpoint", format!("localhost:{port}"))
        .with("role_alias", ROLE_ALIAS)
        .homing(&directory, &["credentials", "--format", "json"])
        .run();

    outcome.expect_code(0);
}

#[test]
fn a_rogue_device_certificate_is_refused_and_no_credentials_are_printed() {
    let Some(bench) = Bench::start() else { return };
    let rogue = Authority::new("fleet authority").device(&bench.directory, "rogue", THING);
    for (_, port) in bench.ports() {
        let outcome = bench.credentials(&rogue, port, "json");
        assert!(matches!(outcome.code, 69 | 77), "{outcome}");
        assert!(outcome.stdout.is_empty(), "{outcome}");
        // nginx finishes the handshake and refuses by HTTP, without a word of AWS's.
        outcome.expect_error("400").expect_error("credential provider");
    }
}

#[test]
fn the_provider_demands_a_certificate_of_everybody() {
    let Some(bench) = Bench::start() else { return };
    if !packages::available("nginx with curl", &["curl"]) {
        return;
    }
    for (_, port) in bench.ports() {
        let url = format!("https://localhost:{port}/role-aliases/{ROLE_ALIAS}/credentials");
        let ca_file = bench.directory.join("ca.pem");
        let header = format!("x-amzn-iot-thingname: {THING}");
        let arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", &header, "--cacert"];
        let output = Command::new("curl").args(arguments).arg(ca_file).arg(url).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "400");
    }
}

#[test]
fn an_unknown_role_alias_is_refused_with_what_to_look_at() {
    let Some(bench) = Bench::start() else { return };
    let config = bench.config(&bench.device, bench.tls_1_3).with("role_alias", "no-such-alias");

    let outcome = config.homing(&bench.directory, &["credentials"]).run();

    outcome.expect_code(77).expect_error("no-such-alias").expect_error("iot:AssumeRoleWithCertificate");
    assert!(outcome.stdout.is_empty(), "{outcome}");
}

#[test]
fn a_wrong_thing_name_is_refused_with_what_to_look_at() {
    let Some(bench) = Bench::start() else { return };
    let config = bench.config(&bench.device, bench.tls_1_3).with("thing_name", "another-thing");

    let outcome = config.homing(&bench.directory, &["credentials"]).run();

    outcome.expect_code(77).expect_error("another-thing").expect_error("thing");
    assert!(outcome.stdout.is_empty(), "{outcome}");
}

#[test]
fn a_provider_of_an_unknown_authority_or_for_another_host_is_not_trusted() {
    let Some(bench) = Bench::start() else { return };
    let other = Authority::new("some other authority").write(&bench.directory, "other.pem");
    let config = bench.config(&bench.device, bench.tls_1_3).with("ca_file", other.to_str());
    let outcome = config.homing(&bench.directory, &["credentials"]).run();
    outcome.expect_code(69).expect_error("certificate").expect_error("ca-file");
    assert!(outcome.stdout.is_empty(), "{outcome}");

    // The certificate is for localhost, not for the address.
    let config =
        bench.config(&bench.device, bench.tls_1_3).with("credential_endpoint", format!("127.0.0.1:{}", bench.tls_1_3));
    let outcome = config.homing(&bench.directory, &["credentials"]).run();
    outcome.expect_code(69).expect_error("127.0.0.1").expect_error_with_any(&["name", "not valid for"]);
    assert!(outcome.stdout.is_empty(), "{outcome}");
}

#[test]
fn publishing_by_https_posts_the_message_under_mutual_tls() {
    let Some(bench) = Bench::start() else { return };
    let mut builder = Builder::new();
    let server = bench.authority.server(&bench.directory, "publish", &["localhost"]);
    let port = builder.https_publish(&server, &bench.authority);
    let front = builder.start();
    let config = bench.config(&bench.device, bench.tls_1_3).with("data_endpoint", format!("localhost:{port}"));
    let publish = ["--via", "https", "publish", "dt/room 1/température", "-m", "21.5"];

    config.homing(&bench.directory, &publish).run().expect_code(0);

    let uri = "/topics/dt%2Froom%201%2Ftemp%C3%A9rature?qos=1";
    assert_eq!(front.requests(), [json!({ "method": "POST", "uri": uri, "body": "21.5" })]);

    let rogue = Authority::new("fleet authority").device(&bench.directory, "rogue", THING);
    let config =
        Config::new(&rogue, &bench.directory.join("ca.pem")).with("data_endpoint", format!("localhost:{port}"));
    let outcome = config.homing(&bench.directory, &publish).run();
    assert!(matches!(outcome.code, 69 | 77), "{outcome}");
    assert_eq!(front.requests().len(), 1, "a rogue's request came through");
}

/// An nginx with two credential providers, one for each TLS version, and a device.
struct Bench {
    directory: Directory,
    authority: Authority,
    device: Identity,
    tls_1_2: u16,
    tls_1_3: u16,
    _nginx: Nginx,
}

impl Bench {
    fn start() -> Option<Self> {
        if !packages::available("nginx", nginx::PROGRAMS) {
            return None;
        }
        let directory = Directory::new("nginx-device");
        let authority = Authority::new("fleet authority");
        authority.write(&directory, "ca.pem");
        let server = authority.server(&directory, "server", &["localhost"]);
        let device = authority.device(&directory, "device", THING);
        let reply = reply();
        let mut builder = Builder::new();
        let mut provider = |protocols| {
            builder.credential_provider(&Provider {
                protocols,
                server: &server,
                device_authority: &authority,
                reply: &reply,
            })
        };
        let (tls_1_2, tls_1_3) = (provider("TLSv1.2"), provider("TLSv1.3"));
        Some(Self { directory, device, tls_1_2, tls_1_3, _nginx: builder.start(), authority })
    }

    fn ports(&self) -> [(&'static str, u16); 2] {
        [("TLS 1.3", self.tls_1_3), ("TLS 1.2", self.tls_1_2)]
    }

    fn config(&self, identity: &Identity, port: u16) -> Config {
        Config::new(identity, &self.directory.join("ca.pem"))
            .with("credential_endpoint", format!("localhost:{port}"))
            .with("role_alias", ROLE_ALIAS)
    }

    fn credentials(&self, identity: &Identity, port: u16, format: &str) -> Outcome {
        self.config(identity, port).homing(&self.directory, &["credentials", "--format", format]).run()
    }

    /// The status code that curl gets with the device's certificate; 000 when the handshake fails.
    fn curl(&self, port: u16, arguments: &[&str]) -> String {
        let output = Command::new("curl")
            .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", &format!("x-amzn-iot-thingname: {THING}")])
            .arg("--cacert")
            .arg(self.directory.join("ca.pem"))
            .arg("--cert")
            .arg(&self.device.certificate)
            .arg("--key")
            .arg(&self.device.key)
            .args(arguments)
            .arg(format!("https://localhost:{port}/role-aliases/{ROLE_ALIAS}/credentials"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A reply as AWS gives it: a token near the largest size that homing takes.
fn reply() -> String {
    json!({ "credentials": {
        "accessKeyId": ACCESS_KEY_ID,
        "secretAccessKey": secret(),
        "sessionToken": token(),
        "expiration": "2049-12-31T23:59:59Z",
    }})
    .to_string()
}

fn secret() -> String {
    "wJalr/XUtnFEMI+K7MDENG".repeat(2)[..40].to_owned()
}

fn token() -> String {
    "IQoJb3JpZ2luX2VjEJv//////////wEaCXVzLWVhc3QtMSJHMEUCIQ+".repeat(100)[..4096].to_owned()
}

const ACCESS_KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";

//! A peer that goes away at any byte ends homing with an error of its own words: no hang, no spin, no success
//! (RUSTSEC-2024-0336 was an endless loop in TLS at such a moment).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use homing_sandbox::{Cut, DelayProxy, Direction, ProxiedConnection, Sandbox, Service, Turn};

use rustls::version::TLS12;

use crate::recorder::Recorder;
use crate::support::{Finished, Run, file, sandbox};

#[test]
fn of_the_credential_provider() {
    each_cut(Service::Credentials, Direction::ToClient, &|sandbox, endpoint| {
        Run::new(sandbox, "credentials").args(["--credential-endpoint", endpoint])
    });
}

#[test]
fn of_the_credential_provider_in_tls_1_2() {
    let sandbox = sandbox();
    let recorder = Recorder::start(&sandbox, Service::Credentials, &[&TLS12], &[]);
    each_cut_at(&sandbox, recorder.port(), Direction::ToClient, &|sandbox, endpoint| {
        Run::new(sandbox, "credentials").args(["--credential-endpoint", endpoint])
    });
}

#[test]
fn of_s3_while_it_answers() {
    each_cut(Service::S3, Direction::ToClient, &put);
}

#[test]
fn of_s3_while_it_is_sent_the_file() {
    each_cut(Service::S3, Direction::ToServer, &put);
}

#[test]
fn of_the_broker() {
    // rumqttd 0.20 panics when a client whose CONNACK it could not deliver comes again, so each run has a name of its own.
    let number = AtomicUsize::new(0);
    each_cut(Service::Mqtt, Direction::ToClient, &|sandbox, endpoint| {
        let client_id = format!("client-{}", number.fetch_add(1, Ordering::Relaxed));
        Run::new(sandbox, "publish").args(["t", "-m", "x", "--data-endpoint", endpoint, "--client-id", &client_id])
    });
}

#[test]
fn of_the_https_publish_endpoint() {
    each_cut(Service::Publish, Direction::ToClient, &|sandbox, endpoint| {
        let (_, port) = endpoint.split_once(':').unwrap();
        Run::new(sandbox, "publish").args(["t", "-m", "x", "--via", "https", "--https-port", port])
    });
}

#[test]
fn of_the_container_endpoint() {
    each_cut(Service::Container, Direction::ToClient, &|sandbox, endpoint| {
        let path = sandbox.container_endpoint().full_uri;
        let (_, path) = path.strip_prefix("http://").unwrap().split_once('/').unwrap();
        Run::new(sandbox, "credentials")
            .args(["--credentials", "container"])
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{endpoint}/{path}"))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", sandbox.container_endpoint().authorization_token)
    });
}

fn put(sandbox: &Sandbox, endpoint: &str) -> Run {
    let path = sandbox.folder().join("files/cut.bin");
    Run::new(sandbox, "put").args(["--endpoint-url", endpoint]).arg(path).arg("s3://sandbox-bucket/cut.bin")
}

/// Cuts the connection after every few bytes of a whole conversation, in both ways of cutting.
fn each_cut(service: Service, direction: Direction, prepare: &dyn Fn(&Sandbox, &str) -> Run) {
    let sandbox = sandbox();
    each_cut_at(&sandbox, sandbox.port(service), direction, prepare);
}

fn each_cut_at(sandbox: &Sandbox, port: u16, direction: Direction, prepare: &dyn Fn(&Sandbox, &str) -> Run) {
    file(sandbox, "cut.bin", FILE_SIZE);
    let target = SocketAddr::from(([127, 0, 0, 1], port));
    let proxy = DelayProxy::start(target, Duration::ZERO).unwrap();
    let endpoint = format!("localhost:{}", proxy.port());
    prepare(sandbox, &endpoint).succeed();
    // The goodbyes of a process that has ended may still be on their way through the proxy.
    thread::sleep(Duration::from_millis(100));
    let needed = needed_of(&proxy.connections()[0], direction);
    let delivered = sandbox.arrivals().len();

    for (cut, position) in positions(needed).into_iter().enumerate() {
        let how = if cut % 2 == 0 { Cut::Close } else { Cut::Reset };
        proxy.set_cut(Some((direction, position, how)));
        let seen = proxy.connections().len();
        let start = Instant::now();
        let run = prepare(sandbox, &endpoint).env("HOMING_MAX_ATTEMPTS", "1").finish();
        let context = format!("{how:?} after {position} of {needed} bytes: {run:?}");
        assert!(start.elapsed() < AT_ONCE, "{context}");
        if run.code == Some(0) {
            // MQTT tries once more when the connection dies under a message; a resumed TLS session has fewer bytes, and
            // may be done before the cut.
            let tries = &proxy.connections()[seen..];
            assert!(tries.len() == 2 && needed_of(&tries[1], direction) <= position, "{context}");
        } else {
            check_failure(&run, &context);
        }
    }
    if direction == Direction::ToServer {
        assert_eq!(sandbox.arrivals().len(), delivered, "half a request had an effect");
    }
    proxy.set_cut(None);
    prepare(sandbox, &endpoint).succeed();
}

fn check_failure(run: &Finished, context: &str) {
    assert!(matches!(run.code, Some(69 | 75)), "{context}");
    assert_eq!(run.stdout, "", "{context}");
    assert!(run.stderr.starts_with("homing: "), "{context}");
    assert!(!run.stderr.contains("panicked"), "{context}");
}

/// The bytes of a conversation up to its goodbyes, which nobody has to wait for.
fn needed_of(whole: &ProxiedConnection, direction: Direction) -> u64 {
    let is_goodbye = |turn: &Turn| turn.direction == Direction::ToServer && turn.bytes <= GOODBYE;
    let end = whole.turns.iter().rposition(is_goodbye).unwrap_or(whole.turns.len());
    whole.turns[..end].iter().filter(|turn| turn.direction == direction).map(|turn| turn.bytes).sum()
}

/// The first bytes one by one, some in between, and the last.
fn positions(needed: u64) -> Vec<u64> {
    let mut positions: Vec<u64> = (1..6).chain((1..SAMPLES).map(|sample| needed * sample / SAMPLES)).collect();
    positions.push(needed - SIGNATURE_VARIATION);
    positions.sort_unstable();
    positions.dedup();
    positions
}

const SAMPLES: u64 = 24;
const FILE_SIZE: usize = 60_000;
/// DISCONNECT of MQTT 5 in a record of its own and close_notify, in TLS 1.2: 5 bytes of header, 8 of nonce and 16 of tag
/// each, and 4 and 2 of content. Every request is longer.
const GOODBYE: u64 = 64;
/// An ECDSA signature, of which a handshake has two, is up to three bytes longer or shorter the next time.
const SIGNATURE_VARIATION: u64 = 6;
/// No deadline of homing's is as short; a run that ends by one of them has not noticed that the peer is gone.
const AT_ONCE: Duration = Duration::from_secs(8);

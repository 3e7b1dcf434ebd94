//! How often `send` waits for the network.
//!
//! A delaying proxy stands in front of every service. What a whole run takes is measured with no delay and with a long
//! one; the difference divided by the difference in round-trip time is the number of round trips on the critical
//! path. It is a ratio of times of the same machine, so that its speed, and what starting the process, signing and moving
//! the bytes cost, cancel out.
//!
//! TCP's own handshake counts: on loopback it is over at once, so the proxy lets a connection's first bytes arrive no
//! sooner than three one-way delays after it was opened: two for SYN and SYN-ACK, one for themselves.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use homing_sandbox::{DelayProxy, Direction, ProxiedConnection, Sandbox, Service};

use crate::support::{Run, file, sandbox};

#[test]
fn a_mebibyte_takes_at_most_six_round_trips() {
    let sandbox = sandbox();
    let path = file(&sandbox, "mebibyte.bin", 1024 * 1024);
    let send = |proxies: &Proxies, via: &str| {
        let start = Instant::now();
        proxies.run(&sandbox).args(["--via", via]).arg(&path).succeed();
        start.elapsed()
    };
    for via in ["mqtt", "https"] {
        let near = Proxies::start(&sandbox, Duration::ZERO);
        let far = Proxies::start(&sandbox, ONE_WAY);
        // Other tests take the processor now and then, which can only make a run longer: the shortest counts. The runs
        // alternate, so that both kinds meet the same conditions.
        let (mut shortest_near, mut shortest_far) = (Duration::MAX, Duration::MAX);
        for _ in 0..RUNS {
            shortest_near = shortest_near.min(send(&near, via));
            shortest_far = shortest_far.min(send(&far, via));
        }
        let round_trips = (shortest_far.as_secs_f64() - shortest_near.as_secs_f64()) / (2.0 * ONE_WAY.as_secs_f64());
        println!("send of 1 MiB, message over {via}: {round_trips:.2} round trips");
        // TCP, TLS and the request to the credential provider; the put; the publish.
        assert!(round_trips < 6.5, "{round_trips}: near {shortest_near:?}, far {shortest_far:?}");
        // With less, the proxy would not have delayed.
        assert!(round_trips > 4.5, "{round_trips}: near {shortest_near:?}, far {shortest_far:?}");
    }
}

#[test]
fn mqtt_and_s3_are_opened_while_the_credentials_are_fetched() {
    let sandbox = sandbox();
    let proxies = Proxies::start(&sandbox, ONE_WAY);
    proxies.run(&sandbox).arg(file(&sandbox, "a.bin", 60_000)).succeed();
    let (credentials, s3, mqtt) =
        (connection(&proxies.credentials), connection(&proxies.s3), connection(&proxies.mqtt));

    // In TLS 1.3 the provider's first turn is its side of the handshake, the second its reply (with session tickets
    // in front).
    let reply = credentials.turns.iter().filter(|turn| turn.direction == Direction::ToClient).nth(1).unwrap();
    let reply = reply.at + ONE_WAY;
    for (name, other) in [("S3", &s3), ("MQTT", &mqtt)] {
        let opened = other.accepted.saturating_duration_since(credentials.accepted);
        assert!(opened < ONE_WAY, "{name} was opened {opened:?} after the credential provider");
        // Their TLS handshakes, too, had been answered.
        let hello = other.turns.iter().find(|turn| turn.direction == Direction::ToClient).unwrap();
        assert!(hello.at + ONE_WAY < reply, "{name}'s handshake came after the credentials");
    }
}

#[test]
fn further_files_cost_a_put_and_a_publish_each() {
    let sandbox = sandbox();
    let files: Vec<_> = (0..4).map(|index| file(&sandbox, &format!("{index}.bin"), 60_000 + index)).collect();
    let (near, far) = (Proxies::start(&sandbox, Duration::ZERO), Proxies::start(&sandbox, ONE_WAY));
    let send = |proxies: &Proxies| {
        let start = Instant::now();
        proxies.run(&sandbox).args(&files).succeed();
        start.elapsed()
    };
    let (mut shortest_near, mut shortest_far) = (Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        shortest_near = shortest_near.min(send(&near));
        shortest_far = shortest_far.min(send(&far));
    }
    let round_trips = (shortest_far.as_secs_f64() - shortest_near.as_secs_f64()) / (2.0 * ONE_WAY.as_secs_f64());
    println!("send of 4 files: {round_trips:.2} round trips");
    // Three for the credentials, two for each file, and half of one for the machine's moods.
    assert!(round_trips < 3.0 + 4.0 * 2.0 + 1.0, "{round_trips}");
}

/// A proxy in front of each service.
struct Proxies {
    credentials: DelayProxy,
    s3: DelayProxy,
    mqtt: DelayProxy,
    publish: DelayProxy,
}

impl Proxies {
    fn start(sandbox: &Sandbox, one_way: Duration) -> Self {
        let start =
            |service| DelayProxy::start(SocketAddr::from(([127, 0, 0, 1], sandbox.port(service))), one_way).unwrap();
        Self {
            credentials: start(Service::Credentials),
            s3: start(Service::S3),
            mqtt: start(Service::Mqtt),
            publish: start(Service::Publish),
        }
    }

    fn run(&self, sandbox: &Sandbox) -> Run {
        let localhost = |proxy: &DelayProxy| format!("localhost:{}", proxy.port());
        Run::new(sandbox, "send")
            .args(["--credential-endpoint", &localhost(&self.credentials)])
            .args(["--endpoint-url", &localhost(&self.s3)])
            .args(["--data-endpoint", &localhost(&self.mqtt)])
            .args(["--https-port", &self.publish.port().to_string()])
    }
}

fn connection(proxy: &DelayProxy) -> ProxiedConnection {
    let mut connections = proxy.connections();
    assert_eq!(connections.len(), 1);
    connections.remove(0)
}

/// As in the project's aim: 100 ms each way. Long beside what else a run takes, which keeps the ratio steady.
const ONE_WAY: Duration = Duration::from_millis(100);
const RUNS: usize = 3;

//! Servers that refuse half of all requests for the moment: everything is delivered all the same, and they are not asked
//! more often than is agreed.

use crate::support::{Bench, Extent, Random, Server, queue, report};
use homing_sandbox::{Answer, Fault, MqttFault};
use std::time::Duration;

#[test]
fn everything_is_delivered_by_servers_that_refuse_half_of_all_requests() {
    let random = Random::new();
    let count = Extent::from_environment().samples(USUAL, FULL);
    let json = |status, message: &str| Answer::new(status, "application/json", format!(r#"{{"message":"{message}"}}"#));
    let faults: [(&str, Fault, Fault, Option<MqttFault>); 5] = [
        ("503 SlowDown", Fault::new().answer(Answer::slow_down()), Fault::new().answer(json(503, "Slow down")), None),
        (
            "429",
            Fault::new().answer(Answer::s3_error(429, "TooManyRequestsException", "Rate exceeded")),
            Fault::new().answer(json(429, "Rate exceeded")),
            None,
        ),
        (
            "500",
            Fault::new().answer(Answer::s3_error(500, "InternalError", "We encountered an internal error.")),
            Fault::new().answer(json(500, "Internal Server Error")),
            None,
        ),
        // MQTT 5: 0x97, quota exceeded; 0x9F, connection rate exceeded.
        ("PUBACK 0x97", Fault::new(), Fault::new(), Some(MqttFault::Puback(0x97))),
        ("CONNACK 0x9f", Fault::new(), Fault::new(), Some(MqttFault::Connack(0x9f))),
    ];
    // Most of the time is waiting.
    std::thread::scope(|scope| {
        for (index, (name, s3, credentials, mqtt)) in faults.into_iter().enumerate() {
            let mut random = Random::seeded(random.seed + index as u64);
            scope.spawn(move || throttled(name, s3, credentials, mqtt, count, &mut random));
        }
    });
}

fn throttled(name: &str, s3: Fault, credentials: Fault, mqtt: Option<MqttFault>, count: usize, random: &mut Random) {
    let mut bench = Bench::new();
    bench.attempts = ATTEMPTS;
    // All go to S3, where it is S3 that throttles; else half of them.
    let lengths = if mqtt.is_none() { 51_201..60_000 } else { 100..102_400 };
    queue::fill(&mut bench, count, lengths, random);
    bench.sandbox.clear_records();
    for (server, fault) in [(Server::S3, s3), (Server::Credentials, credentials)] {
        bench.sandbox.set_fault(server.service(), fault.half(random.next()));
    }
    if let Some(fault) = mqtt {
        bench.sandbox.set_fault(Server::Mqtt.service(), Fault::new().mqtt(fault).half(random.next()));
    }
    let drained = queue::drain(&mut bench, RUNS, LIMIT);
    let (files, messages) = bench.ledger.announcements();
    assert_eq!(files, count);
    assert_eq!(bench.ledger.different_messages(), count, "a repeat is the same message");
    let [credentials, s3, mqtt] = Server::ALL.map(|server| bench.sandbox.counts(server.service()).requests);
    let budget = u64::from(ATTEMPTS);
    let exchanges = bench.sandbox.exchanges();
    for (key, attempts) in &drained.attempts_by_key {
        let path = format!("/{}/{key}", bench.sandbox.bucket());
        let puts = exchanges.iter().filter(|one| one.service == Server::S3.service() && one.path == path).count();
        assert!(puts > 0 && puts as u64 <= budget * u64::from(*attempts), "{name}: {puts} puts of {key}, {drained:?}");
    }
    assert!(credentials <= budget * u64::from(drained.runs), "{name}: {credentials} for credentials, {drained:?}");
    report(
        &format!("half of all requests: {name}"),
        format_args!(
            "{files} of {count} files delivered in {} runs of drain, {messages} messages | requests: S3 {s3} for {} \
             attempts at a file (at most {ATTEMPTS} each), credentials {credentials}, MQTT connections {mqtt}: {:.1} for \
             each file; seed {}",
            drained.runs,
            drained.attempts_by_key.values().sum::<u32>(),
            (s3 + credentials + mqtt) as f64 / count as f64,
            random.seed
        ),
    );
}

/// What homing does unless told otherwise.
const ATTEMPTS: u32 = 3;
const USUAL: usize = 12;
const FULL: usize = 200;
/// Half of all requests fail, so a file needs two on average: far more than it takes.
const RUNS: u32 = 200;
/// The deadline of a run of drain.
const LIMIT: Duration = Duration::from_secs(120);

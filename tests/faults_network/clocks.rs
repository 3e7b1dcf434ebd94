//! Clocks that are wrong: the device's by 16 minutes, by a day, in 1970, 2039 and 2106; and the servers'.

use crate::support::{Bench, Run, Verdict, report};
use homing_sandbox::Service;

#[path = "../support/faketime.rs"]
mod faketime;
use faketime::{faketime, under};

/// The device's time, as faketime takes it, and what may become of a delivery.
const CLOCKS: [(&str, &str, Expected); 7] = [
    ("-16 min", "-16m", Expected::Success),
    ("+16 min", "+16m", Expected::Success),
    // The sandbox's certificates are an hour old.
    ("-1 day", "-1d", Expected::ClockError),
    ("+1 day", "+1d", Expected::Success),
    ("1970", "@1970-01-01 00:00:10", Expected::ClockError),
    ("2039", "@2039-06-01 12:00:00", Expected::Either),
    // Behind 2^32 seconds; certificates have ended in 2049.
    ("2106", "@2106-03-01 12:00:00", Expected::ClockError),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Success,
    /// An error whose text has both clocks, or this one and a certificate's dates.
    ClockError,
    Either,
}

#[test]
fn a_devices_wrong_clock_is_corrected_once_or_named() {
    let Some(faketime) = faketime() else { return };
    for (name, time, expected) in CLOCKS {
        let mut outcomes = Vec::new();
        for (way, inline_limit) in [("inline", "51200"), ("S3", "0")] {
            let mut bench = bench();
            let file = bench.file("clock.bin", 3000);
            let mut command = bench.command(["send", "--inline-limit", inline_limit]);
            command.arg(&file.path);
            let run = bench.run(&mut under(&faketime, time, &command));
            outcomes.push(judge(&mut bench, &run, &format!("{name}, {way}"), expected, way));
        }
        report(&format!("device's clock {name}"), outcomes.join("; "));
    }
}

#[test]
fn servers_clocks_that_differ_are_followed() {
    for (name, seconds) in [("-16 min", -16 * 60), ("+16 min", 16 * 60), ("-1 day", -86_400), ("+1 day", 86_400)] {
        let mut bench = bench();
        for service in [Service::S3, Service::Credentials] {
            bench.sandbox.set_clock_offset(service, seconds);
        }
        let file = bench.file("clock.bin", 3000);
        let (run, _) = bench.send(&file, 0);
        let outcome = judge(&mut bench, &run, name, Expected::Success, "S3");
        report(&format!("servers' clocks {name}"), outcome);
    }
}

/// The sandbox itself, with attempts as users have them.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.attempts = 3;
    bench
}

/// Whether it is what was expected; and, in words, what it was and how often S3 was asked.
#[track_caller]
fn judge(bench: &mut Bench, run: &Run, name: &str, expected: Expected, way: &str) -> String {
    let verdict = run.verdict();
    let requests = bench.sandbox.counts(Service::S3).requests;
    assert!(requests <= 2, "one correction, so two requests at most, not {requests}: {name}: {run:?}");
    let messages = bench.ledger.announcements().1;
    assert_eq!(messages, u32::from(verdict.is_success()), "{name}: {run:?}");
    match &verdict {
        Verdict::Success => assert!(expected != Expected::ClockError, "{name}: {run:?}"),
        Verdict::Failure { code, .. } => {
            assert!(expected != Expected::Success, "{name}: {run:?}");
            assert!(CLOCK_ERRORS.contains(&code.as_str()), "{name}: {run:?}");
            assert!(run.stderr.contains("clock says"), "the clock is not named, {name}: {run:?}");
        }
    }
    let requests = if way == "S3" { format!(", S3 asked {requests} times") } else { String::new() };
    format!("{way}: {}{requests}", verdict.code())
}

/// Errors that name a clock: a certificate's dates, and a signature's.
const CLOCK_ERRORS: [&str; 7] = [
    "certificate_not_yet_valid",
    "certificate_expired",
    "server_certificate_not_yet_valid",
    "server_certificate_expired",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "credentials_expired",
];

//! A refusal is remembered for a while, and forgotten when something has changed.

use std::fs;

use homing_sandbox::{Answer, Fault, Service, Silence};
use serde_json::json;

use crate::bench::{Bench, clock};
use crate::support::homing::Outcome;

const SUITE: &str = "memory of a refusal";
const DENIED: &str = r#"{"message":"Access Denied"}"#;

#[test]
fn a_refusal_is_remembered_for_two_minutes_and_then_forgotten() {
    let Some(bench) = Bench::start(SUITE).filter(|_| clock(SUITE)) else { return };
    bench.answer(403, DENIED);
    let run = |seconds| bench.at(seconds, "credentials").arg("--json").run();
    let first = run(0);
    first.expect_code(77).expect_error("Access Denied");
    assert!(!first.stderr.contains("remembered"), "{first}");
    for seconds in [1, 60, 110] {
        let again = run(seconds);
        again.expect_code(77).expect_error("Access Denied").expect_error("remembered, and not asked again before 20");
        again.expect_error("--no-cache").expect_error("iot:AssumeRoleWithCertificate");
        let (first, again) = (error(&first), error(&again));
        assert_eq!((&first["code"], &first["retryable"]), (&again["code"], &again["retryable"]));
    }
    assert_eq!(bench.asked(), 1);
    bench.sandbox.clear_fault(Service::Credentials);
    run(110).expect_code(77);
    run(180).expect_code(0);
    assert_eq!(bench.asked(), 2);
    // Nothing of it is left.
    assert!(bench.files().iter().all(|file| !file.to_str().unwrap().ends_with(".refusal")));
}

#[test]
fn every_4xx_is_remembered_but_a_timeout() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let run = || bench.homing("credentials").run();
    let mut asked = 0;
    for (status, code) in [(400, 77), (401, 77), (403, 77), (404, 77), (429, 75)] {
        bench.answer(status, DENIED);
        let (first, again) = (run(), run());
        first.expect_code(code);
        again.expect_code(code).expect_error("remembered");
        asked += 1;
        assert_eq!(bench.asked(), asked, "{status}");
        fs::remove_file(bench.file(".refusal")).unwrap();
    }
    for status in [408, 500, 502, 503, 504] {
        bench.answer(status, DENIED);
        for _ in 0..2 {
            run().expect_code(75);
        }
        asked += 2;
        assert_eq!(bench.asked(), asked, "{status}");
    }
}

#[test]
fn the_data_endpoint_in_the_wrong_place_is_remembered_as_what_it_is() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.sandbox.set_fault(Service::Credentials, Fault::new().answer(Answer::not_found()));
    for _ in 0..2 {
        bench.homing("credentials").run().expect_code(78).expect_error("data endpoint");
    }
    assert_eq!(bench.asked(), 1);
}

#[test]
fn silence_and_broken_connections_and_nonsense_are_never_remembered() {
    let Some(bench) = Bench::start(SUITE) else { return };
    for fault in [
        Fault::new().silence(Silence::Reply),
        Fault::new().silence(Silence::Connection),
        Fault::new().reset_after_reply(0),
        Fault::new().answer(Answer::malformed_json()),
        Fault::new().answer(Answer::captive_portal()),
    ] {
        bench.sandbox.set_fault(Service::Credentials, fault);
        let run = bench.homing("credentials").arg("--stall-timeout").arg("1").arg("--connect-timeout").arg("1").run();
        run.expect_code(69);
        assert!(bench.files().iter().all(|file| !file.to_str().unwrap().ends_with(".refusal")), "{run}");
        bench.sandbox.clear_fault(Service::Credentials);
        bench.homing("credentials").run().expect_code(0);
        fs::remove_file(bench.file(".credentials")).unwrap();
    }
}

#[test]
fn no_cache_asks_at_once_and_a_success_ends_the_refusal() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.answer(403, DENIED);
    bench.homing("credentials").run().expect_code(77);
    bench.homing("credentials").arg("--no-cache").run().expect_code(77);
    assert_eq!(bench.asked(), 2);
    bench.sandbox.clear_fault(Service::Credentials);
    bench.homing("credentials").run().expect_code(77).expect_error("remembered");
    bench.homing("credentials").arg("--no-cache").run().expect_code(0);
    assert_eq!(bench.asked(), 3);
    bench.homing("credentials").run().expect_code(0);
    assert_eq!(bench.asked(), 4);
}

#[test]
fn a_failure_of_tls_is_remembered_for_five_minutes() {
    let Some(bench) = Bench::start(SUITE).filter(|_| clock(SUITE)) else { return };
    set(&bench, "ca_file", bench.sandbox.certificates().rogue_ca.to_str().unwrap());
    let connections = || bench.sandbox.counts(Service::Credentials).connections;
    let run = |seconds| bench.at(seconds, "credentials").arg("--json").run();
    let first = run(0);
    first.expect_code(69);
    assert_eq!(error(&first)["code"], "unknown_issuer");
    for seconds in [100, 200, 290] {
        let again = run(seconds);
        again.expect_code(69).expect_error("remembered").expect_error("--no-cache");
        assert_eq!(error(&again)["code"], "unknown_issuer");
    }
    assert_eq!(connections(), 1);
    run(400).expect_code(69);
    assert_eq!(connections(), 2);
}

#[test]
fn a_certificate_that_the_server_refuses_is_not_shown_again_and_again() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let certificates = bench.sandbox.certificates();
    let (certificate, key) = (certificates.rogue_certificate.clone(), certificates.rogue_key.clone());
    for _ in 0..3 {
        let run = bench.homing("credentials").arg("--certificate").arg(&certificate).arg("--private-key").arg(&key);
        run.run().expect_code(77).expect_error("refused the device certificate");
    }
    assert_eq!(bench.sandbox.counts(Service::Credentials).connections, 1);
}

#[test]
fn it_is_forgotten_when_the_configuration_has_changed() {
    let Some(bench) = Bench::start(SUITE) else { return };
    // Trust that does not suit, then another file of that name.
    let (certificates, ca_file) = (bench.sandbox.certificates(), bench.sandbox.folder().join("ca-file.pem"));
    fs::copy(&certificates.rogue_ca, &ca_file).unwrap();
    set(&bench, "ca_file", ca_file.to_str().unwrap());
    bench.homing("credentials").run().expect_code(69);
    bench.homing("credentials").run().expect_code(69).expect_error("remembered");
    fs::copy(&certificates.ca, &ca_file).unwrap();
    bench.homing("credentials").run().expect_code(0);
    fs::remove_file(bench.file(".credentials")).unwrap();

    // A name that is wrong, then the right one.
    let wrong = || bench.homing("credentials").arg("--role-alias").arg("wrong").run();
    wrong().expect_code(77);
    wrong().expect_code(77).expect_error("remembered");
    bench.homing("credentials").run().expect_code(0);
}

#[test]
fn it_is_forgotten_when_the_clock_has_gone_backwards() {
    let Some(bench) = Bench::start(SUITE).filter(|_| clock(SUITE)) else { return };
    bench.answer(403, DENIED);
    bench.at(3600, "credentials").run().expect_code(77);
    bench.at(3500, "credentials").run().expect_code(77);
    assert_eq!(bench.asked(), 2);
}

#[test]
fn credentials_that_are_still_good_are_used_in_spite_of_a_refusal() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let kept = bench.homing("credentials").run().stdout;
    bench.answer(403, DENIED);
    // Only these are not good enough.
    bench.homing("credentials").arg("--min-ttl").arg("3700").run().expect_code(77);
    assert_eq!(bench.homing("credentials").run().stdout, kept);
    bench.homing("credentials").arg("--min-ttl").arg("3700").run().expect_code(77).expect_error("remembered");
    assert_eq!(bench.asked(), 2);
}

#[test]
fn a_failure_of_credentials_is_an_outcome_for_programs() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.answer(403, DENIED);
    for _ in 0..2 {
        let run = bench.homing("credentials").arg("--json").run();
        run.expect_code(77);
        let error = error(&run);
        assert_eq!((&error["code"], &error["retryable"]), (&json!("http_403"), &json!(false)));
        assert!(error["message"].as_str().unwrap().contains("Access Denied"));
    }
    let run = bench.homing("credentials").arg("--json").arg("--role-alias").arg("").run();
    run.expect_code(78);
    assert_eq!(error(&run)["code"], "empty");
    // Without being asked for, nothing stands where credentials are expected.
    assert_eq!(bench.homing("credentials").run().expect_code(77).stdout, "");
}

/// The error of the one outcome line.
fn error(run: &Outcome) -> serde_json::Value {
    let lines = run.json_lines();
    let [outcome] = &lines[..] else { panic!("one outcome is expected: {run}") };
    assert_eq!(outcome["result"], "failed", "{run}");
    outcome["error"].clone()
}

fn set(bench: &Bench, key: &str, value: &str) {
    let mut configuration = bench.sandbox.configuration();
    configuration[key] = value.into();
    fs::write(bench.config(), configuration.to_string()).unwrap();
}

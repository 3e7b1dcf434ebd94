//! Runs that follow each other, or start together, ask once.

use std::time::Duration;

use homing_sandbox::{Fault, Sandbox, Service};
use rustix::fs::{FlockOperation, flock};

use crate::bench::{Bench, clock};

const SUITE: &str = "credential cache";

#[test]
fn a_job_each_minute_asks_once_an_hour() {
    let Some(bench) = Bench::start(SUITE).filter(|_| clock(SUITE)) else { return };
    let mut printed = Vec::new();
    // Every third minute from 0 to 54; the next asks, because 5 minutes are kept in reserve.
    for minute in (0..=54).step_by(3) {
        printed.push(bench.at(minute * 60, "credentials").run().expect_code(0).stdout.clone());
        assert_eq!(bench.asked(), 1, "in minute {minute}");
    }
    assert!(printed.iter().all(|text| *text == printed[0]), "other credentials were printed");
    for (minute, asked) in [(56, 2), (59, 2), (109, 2), (112, 3), (166, 3)] {
        let run = bench.at(minute * 60, "credentials").run();
        assert_ne!(run.expect_code(0).stdout, printed[0]);
        assert_eq!(bench.asked(), asked, "in minute {minute}");
    }
}

#[test]
fn every_command_takes_what_another_has_left() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let file = bench.sandbox.folder().join("a.bin");
    std::fs::write(&file, vec![7; 60_000]).unwrap();
    bench.homing("send").arg(&file).run().expect_code(0);
    let place = format!("s3://{}/b.bin", bench.sandbox.bucket());
    let put = bench.homing("put").arg("-v").arg(&file).arg(&place).run();
    put.expect_code(0).expect_error("credentials: from an earlier run, good until 20");
    for format in ["process", "env", "json"] {
        bench.homing("credentials").arg("--format").arg(format).run().expect_code(0);
    }
    assert_eq!((bench.asked(), bench.sandbox.objects().len()), (1, 2));
}

#[test]
fn credentials_that_aws_knows_no_more_are_forgotten() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let file = bench.sandbox.folder().join("a.bin");
    std::fs::write(&file, vec![7; 60_000]).unwrap();
    let place = format!("s3://{}/b.bin", bench.sandbox.bucket());
    let put = || bench.homing("put").arg(&file).arg(&place).run();
    let send = || bench.homing("send").arg(&file).run();
    put().expect_code(0);
    send().expect_code(0);
    assert_eq!(bench.asked(), 1);
    // Revoked, or expired by AWS's clock.
    bench.sandbox.expire_credentials();
    put().expect_code(77).expect_error("ExpiredToken");
    put().expect_code(0);
    assert_eq!(bench.asked(), 2);
    bench.sandbox.expire_credentials();
    send().expect_code(77).expect_error("ExpiredToken");
    send().expect_code(0);
    assert_eq!(bench.asked(), 3);
    // A right that they lack is another matter.
    bench.homing("put").arg(&file).arg("s3://another-bucket/b.bin").run().expect_code(77);
    send().expect_code(0);
    assert_eq!(bench.asked(), 3);
}

#[test]
fn what_is_kept_is_as_good_as_new_in_every_format() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let first = bench.homing("credentials").run();
    first.expect_code(0);
    assert_eq!(bench.homing("credentials").run().stdout, first.stdout);
    let new = &first.json_lines()[0];
    let kept = &bench.homing("credentials").arg("--format").arg("json").run().json_lines()[0]["credentials"];
    for (process, json) in [
        ("AccessKeyId", "accessKeyId"),
        ("SecretAccessKey", "secretAccessKey"),
        ("SessionToken", "sessionToken"),
        ("Expiration", "expiration"),
    ] {
        assert_eq!(new[process], kept[json]);
    }
    assert_eq!(bench.asked(), 1);
}

#[test]
fn runs_that_start_together_ask_once() {
    let Some(bench) = Bench::start(SUITE) else { return };
    // Long enough for all to be there before there is an answer.
    bench.sandbox.set_fault(Service::Credentials, Fault::new().delay(Duration::from_millis(700)));
    let printed: Vec<String> = std::thread::scope(|scope| {
        let run = || bench.homing("credentials").run().expect_code(0).stdout.clone();
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(bench.asked(), 1);
    assert!(printed.iter().all(|text| *text == printed[0]));
}

#[test]
fn refusals_are_shared_by_runs_that_start_together() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let refusal = homing_sandbox::Answer::new(403, "application/json", r#"{"message":"Access Denied"}"#);
    let fault = Fault::new().answer(refusal).delay(Duration::from_millis(700));
    bench.sandbox.set_fault(Service::Credentials, fault);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| bench.homing("credentials").run().expect_code(77).expect_error("Access Denied").code);
        }
    });
    assert_eq!(bench.asked(), 1);
}

#[test]
fn nobody_waits_for_ever_for_a_run_that_hangs() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let first = bench.homing("credentials").run().stdout;
    std::fs::remove_file(bench.file(".credentials")).unwrap();
    let lock = std::fs::File::open(bench.file(".lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let run = bench.homing("credentials").arg("-vv").arg("--connect-timeout").arg("1").run();
    run.expect_code(0).expect_error("held it for too long");
    assert_ne!(run.stdout, first);
    assert_eq!(bench.asked(), 2);
    // Whoever has the lock keeps what it gets; others do not write in between.
    assert_eq!(bench.files().len(), 1);
}

#[test]
fn another_role_thing_certificate_or_endpoint_has_credentials_of_its_own() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    let certificates = bench.sandbox.certificates();
    let other_certificate = certificates.other_certificate.to_str().unwrap();
    let other_key = certificates.other_key.to_str().unwrap();
    let other_name = format!("127.0.0.1:{}", bench.sandbox.port(Service::Credentials));
    for (number, (arguments, code)) in [
        (vec!["--role-alias", "another"], 77),
        (vec!["--thing-name", "another"], 77),
        (vec!["--certificate", other_certificate, "--private-key", other_key], 77),
        (vec!["--certificate", other_certificate, "--private-key", other_key, "--thing-name", "other-thing"], 0),
        (vec!["--credential-endpoint", &other_name], 0),
    ]
    .into_iter()
    .enumerate()
    {
        arguments.iter().fold(bench.homing("credentials"), |run, argument| run.arg(argument)).run().expect_code(code);
        assert_eq!(bench.asked(), 2 + number as u64, "{arguments:?}");
    }
    bench.homing("credentials").run().expect_code(0);
    assert_eq!(bench.asked(), 6);
}

#[test]
fn whoever_has_not_the_private_key_gets_nothing() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    let other_key = &bench.sandbox.certificates().other_key;
    let run = bench.homing("credentials").arg("--private-key").arg(other_key).run();
    run.expect_code(78).expect_error("does not belong to the certificate");
    assert_eq!(run.stdout, "");
}

#[test]
fn no_cache_asks_and_keeps_nothing() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").arg("--no-cache").run().expect_code(0);
    assert!(!bench.cache().exists());
    let kept = bench.homing("credentials").run().stdout;
    for off in ["--no-cache", "--credential-cache=false"] {
        assert_ne!(bench.homing("credentials").arg(off).run().expect_code(0).stdout, kept);
    }
    bench.homing("credentials").env("HOMING_CREDENTIAL_CACHE", "false").run().expect_code(0);
    assert_eq!(bench.asked(), 5);
    assert_eq!(bench.homing("credentials").run().stdout, kept);
    assert_eq!(bench.homing("credentials").arg("--no-cache=false").run().stdout, kept);
    assert_eq!(bench.asked(), 5);
}

#[test]
fn the_configuration_can_switch_it_off() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let mut configuration = bench.sandbox.configuration();
    configuration["credential_cache"] = false.into();
    std::fs::write(bench.config(), configuration.to_string()).unwrap();
    for _ in 0..2 {
        bench.homing("credentials").env("HOMING_CREDENTIAL_CACHE", "").run().expect_code(0);
    }
    assert_eq!(bench.asked(), 2);
    assert!(!bench.cache().exists());
}

#[test]
fn whoever_wants_them_to_live_longer_gets_new_ones_or_an_error_that_says_what_is_possible() {
    let Some(bench) = Bench::start(SUITE).filter(|_| clock(SUITE)) else { return };
    let run = |minute: i64, seconds: &str| bench.at(minute * 60, "credentials").arg("--min-ttl").arg(seconds).run();
    run(0, "900").expect_code(0);
    run(30, "1500").expect_code(0);
    assert_eq!(bench.asked(), 1);
    run(30, "2400").expect_code(0);
    assert_eq!(bench.asked(), 2);
    let failure = run(31, "7200");
    failure.expect_code(78).expect_error("--min-ttl").expect_error("asks for 7200 s").expect_error("900 to 43200 s");
    failure.expect_error("credentialDurationSeconds");
    assert_eq!((failure.stdout.as_str(), bench.asked()), ("", 3));
    // What came is kept all the same, for those who want less.
    run(31, "3300").expect_code(0);
    assert_eq!(bench.asked(), 3);
    run(31, "50000").expect_code(78).expect_error("out of range");
}

#[test]
fn other_sources_keep_nothing_and_are_asked_for_their_life_too() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let endpoint = bench.sandbox.container_endpoint();
    let container = |seconds: &str| {
        let run = bench.homing("credentials").arg("--credentials").arg("container").arg("--min-ttl").arg(seconds);
        run.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &endpoint.full_uri)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", &endpoint.authorization_token)
            .run()
    };
    container("3000").expect_code(0);
    container("3000").expect_code(0);
    container("7200").expect_code(78).expect_error("from the container live 3").expect_error("asks for 7200 s");
    assert_eq!(bench.sandbox.counts(Service::Container).requests, 3);
    let environment = bench.homing("credentials").arg("--credentials").arg("environment").arg("--min-ttl").arg("60");
    let environment = environment.arg("-v").env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "key");
    environment.run().expect_code(0).expect_error("nothing says how long");
    assert_eq!(bench.asked(), 0);
    assert!(!bench.cache().exists());
}

#[test]
fn credentials_that_live_less_than_five_minutes_are_used_and_not_kept() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let sandbox = Sandbox::builder().credential_lifetime(Duration::from_secs(299)).start().unwrap();
    let bench = Bench { sandbox, ..bench };
    let file = bench.sandbox.folder().join("a.bin");
    std::fs::write(&file, vec![7; 60_000]).unwrap();
    for asked in 1..=2 {
        bench.homing("send").arg(&file).run().expect_code(0);
        assert_eq!(bench.asked(), asked);
    }
    assert!(bench.files().iter().all(|file| file.to_str().unwrap().ends_with(".lock")), "{:?}", bench.files());
}

#[test]
fn a_clock_that_went_backwards_makes_what_is_kept_untrusted() {
    let Some(bench) = Bench::start(SUITE).filter(|_| clock(SUITE)) else { return };
    bench.at(3600, "credentials").run().expect_code(0);
    bench.at(0, "credentials").run().expect_code(0);
    assert_eq!(bench.asked(), 2);
    bench.at(60, "credentials").run().expect_code(0);
    assert_eq!(bench.asked(), 2);
}

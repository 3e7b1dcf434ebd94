//! Credentials that end while they are in use.

use std::thread;
use std::time::{Duration, Instant};

use homing_sandbox::{Answer, Service};

use crate::scene::Scene;

#[test]
fn credentials_that_end_during_a_run_are_fetched_again() {
    let scene = Scene::new();
    // While this wait lasts, they end.
    scene.answers(Service::S3, Answer::slow_down().header("retry-after", "5"), 1);
    let run = scene.send(&scene.large());
    let running = thread::spawn(move || run.run());
    let patience = Instant::now() + Duration::from_secs(120);
    while scene.statuses(Service::S3).is_empty() && Instant::now() < patience {
        thread::sleep(Duration::from_millis(5));
    }
    scene.sandbox.expire_credentials();
    let outcome = running.join().unwrap();
    scene.assert_delivered_once(&outcome);
    outcome.expect_error("ExpiredToken").expect_error("new credentials");
    assert_eq!(scene.statuses(Service::S3).len(), 3, "{outcome}");
    assert_eq!(scene.statuses(Service::Credentials), [200, 200], "{outcome}");
}

#[test]
fn they_are_fetched_again_only_once() {
    let scene = Scene::new();
    scene.always_answers(Service::S3, Answer::s3_error(400, "ExpiredToken", "The provided token has expired."));
    let outcome = scene.send(&scene.large()).run();
    outcome.expect_code(77).expect_error("ExpiredToken").expect_error("after 2 attempts in ");
    assert_eq!(scene.statuses(Service::S3), [400, 400], "{outcome}");
    assert_eq!(scene.statuses(Service::Credentials), [200, 200], "{outcome}");
    scene.assert_nothing_arrived(&outcome);
}

#[test]
fn a_service_that_speaks_json_has_its_credentials_replaced_as_well() {
    let scene = Scene::new();
    let expired = r#"{"__type":"ExpiredTokenException","message":"The security token is expired"}"#;
    scene.answers(Service::CodeArtifact, Answer::new(400, "application/json", expired), 1);
    scene.homing("codeartifact").args(["token", "sandbox-domain"]).run().expect_code(0);
    assert_eq!(scene.statuses(Service::CodeArtifact), [400, 200]);
    assert_eq!(scene.statuses(Service::Credentials), [200, 200]);
}

#[test]
fn those_of_the_environment_cannot_be_replaced() {
    let scene = Scene::new();
    let issued = scene.sandbox.issue_credentials(Duration::ZERO).unwrap();
    let outcome = scene
        .homing("put")
        .args(["--credentials", "environment"])
        .env("AWS_ACCESS_KEY_ID", issued.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", issued.secret_access_key)
        .env("AWS_SESSION_TOKEN", issued.session_token)
        .arg(scene.large())
        .arg(format!("s3://{}/key", scene.sandbox.bucket()))
        .run();
    outcome.expect_code(77).expect_error("ExpiredToken");
    assert_eq!(scene.statuses(Service::S3).len(), 1, "{outcome}");
}

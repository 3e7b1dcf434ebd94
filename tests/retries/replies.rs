//! Replies that ask for patience.

use std::time::{Duration, Instant};

use homing_sandbox::{Answer, Fault, MqttFault, Service};

use crate::scene::Scene;

const JSON: &str = "application/json";

#[test]
fn what_is_throttled_twice_is_delivered_by_the_third_attempt() {
    for answer in [
        Answer::slow_down(),
        Answer::s3_error(500, "InternalError", "We encountered an internal error. Please try again."),
        Answer::s3_error(400, "RequestTimeout", "Your socket connection was not read from."),
        Answer::s3_error(400, "BadDigest", "It did not match."),
        Answer::ok_with_s3_error(),
        Answer::slow_down().before_body(),
    ] {
        let scene = Scene::new();
        scene.answers(Service::S3, answer, 2);
        let outcome = scene.send(&scene.large()).run();
        scene.assert_delivered_once(&outcome);
        assert_eq!(scene.statuses(Service::S3).len(), 3, "{outcome}");
        outcome.expect_error("attempt 2 of 3 in").expect_error("attempt 3 of 3 in");
    }
}

#[test]
fn the_credential_provider_and_the_json_services_are_tried_again_as_well() {
    let scene = Scene::new();
    scene.answers(Service::Credentials, Answer::new(429, JSON, r#"{"message":"Rate exceeded"}"#), 2);
    scene.assert_delivered_once(&scene.send(&scene.large()).run());
    assert_eq!(scene.statuses(Service::Credentials), [429, 429, 200]);

    let throttled = Answer::new(400, JSON, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
    scene.answers(Service::CodeArtifact, throttled, 2);
    let token = scene.homing("codeartifact").args(["token", "sandbox-domain"]).run();
    token.expect_code(0);
    assert_eq!(scene.statuses(Service::CodeArtifact), [400, 400, 200]);
}

#[test]
fn attempts_end_at_the_configured_number() {
    for (attempts, flags) in [(3, &[][..]), (2, &["--max-attempts", "2"]), (1, &["--max-attempts", "1"])] {
        let scene = Scene::new();
        scene.always_answers(Service::S3, Answer::slow_down());
        let outcome = scene.send(&scene.large()).args(flags).run();
        outcome.expect_code(75).expect_error("SlowDown");
        assert_eq!(scene.statuses(Service::S3).len(), attempts, "{outcome}");
        assert_eq!(outcome.stderr.contains(&format!("after {attempts} attempts in ")), attempts > 1, "{outcome}");
        scene.assert_nothing_arrived(&outcome);
    }
    let scene = Scene::new();
    scene.always_answers(Service::S3, Answer::slow_down());
    scene.send(&scene.large()).without("HOMING_MAX_ATTEMPTS").env("AWS_MAX_ATTEMPTS", "2").run().expect_code(75);
    assert_eq!(scene.statuses(Service::S3).len(), 2);
}

#[test]
fn what_is_refused_is_asked_once() {
    for (answer, code) in [
        (Answer::s3_error(403, "AccessDenied", "Access Denied"), 77),
        (Answer::s3_error(404, "NoSuchBucket", "No such bucket"), 77),
        (Answer::s3_error(501, "NotImplemented", "A header you provided implies functionality"), 77),
    ] {
        let scene = Scene::new();
        scene.always_answers(Service::S3, answer);
        let outcome = scene.send(&scene.large()).run();
        outcome.expect_code(code);
        assert_eq!(scene.statuses(Service::S3).len(), 1, "{outcome}");
    }
}

#[test]
fn a_server_that_says_when_is_not_asked_sooner() {
    for (name, value, least) in
        [("retry-after", "2", Duration::from_secs(2)), ("x-amz-retry-after", "2500", Duration::from_millis(2500))]
    {
        let scene = Scene::new();
        scene.answers(Service::S3, Answer::slow_down().header(name, value), 1);
        let outcome = scene.send(&scene.large()).run();
        scene.assert_delivered_once(&outcome);
        let exchanges = scene.exchanges(Service::S3);
        let waited = exchanges[1].at.duration_since(exchanges[0].at);
        assert!(waited >= least, "{name}: {waited:?}; {outcome}");
    }
}

#[test]
fn a_server_that_says_tomorrow_is_left_to_the_next_run() {
    let scene = Scene::new();
    scene.always_answers(Service::S3, Answer::slow_down().header("retry-after", "86400"));
    let outcome = scene.send(&scene.large()).run();
    outcome.expect_code(75).expect_error("asks to wait 86400 s");
    assert_eq!(scene.statuses(Service::S3).len(), 1, "{outcome}");
}

#[test]
fn no_wait_goes_beyond_the_timeout_of_the_command() {
    let scene = Scene::new();
    scene.always_answers(Service::S3, Answer::slow_down().header("retry-after", "50"));
    let began = Instant::now();
    let outcome = scene.send(&scene.large()).args(["--timeout", "30"]).run();
    outcome.expect_code(75).expect_error("SlowDown").expect_error("no time is left for another attempt");
    assert!(began.elapsed() < Duration::from_secs(45), "{outcome}");
    assert_eq!(scene.statuses(Service::S3).len(), 1, "{outcome}");
}

#[test]
fn half_of_all_requests_may_fail_and_everything_is_delivered_once() {
    let scene = Scene::new();
    let half = |fault: Fault| fault.every(2);
    scene.fault(Service::Credentials, half(Fault::new().answer(Answer::new(500, JSON, "{}"))));
    scene.fault(Service::S3, half(Fault::new().answer(Answer::slow_down())));
    scene.fault(Service::Mqtt, half(Fault::new().mqtt(MqttFault::Puback(0x97))));
    let files: Vec<_> = (0..5).map(|index| scene.file(&format!("{index}.bin"), 60_000 + index)).collect();
    let outcome = scene.homing("send").arg("--json").args(&files).run();
    outcome.expect_code(0);
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (5, 5), "{outcome}");
    assert_eq!(scene.statuses(Service::S3), [503, 200].repeat(5), "{outcome}");
    println!("half of all requests fail: 5 of 5 files delivered in 10 puts and 10 publishes");
}

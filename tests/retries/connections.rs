//! Connections that break.

use homing_sandbox::{Fault, Service};

use crate::scene::Scene;
use crate::support::homing::MAX_ATTEMPTS;

#[test]
fn a_connection_that_was_opened_ahead_and_is_dead_costs_no_attempt() {
    let scene = Scene::new();
    scene.fault(Service::S3, Fault::new().reset_after_request(0).times(1));
    let outcome = scene.send(&scene.large()).env(MAX_ATTEMPTS, "1").run();
    scene.assert_delivered_once(&outcome);
    assert_eq!(scene.sandbox.counts(Service::S3).connections, 2, "{outcome}");
    outcome.expect_error("once more over a fresh connection");
}

#[test]
fn a_connection_that_was_used_before_and_is_dead_costs_no_attempt() {
    let scene = Scene::new();
    scene.send(&scene.large()).run().expect_code(0);
    let first = scene.exchanges(Service::S3).remove(0);
    let head = first.headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum::<usize>();
    let body = first.headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse::<usize>().unwrap();
    let line = "PUT  HTTP/1.1\r\n".len() + first.path.len();
    scene.sandbox.clear_records();
    // In the middle of the second request's head.
    let reset = line + head + "\r\n".len() + body + 200;
    scene.fault(Service::S3, Fault::new().reset_after_request(reset as u64).times(1));
    let files = [scene.large(), scene.file("other.bin", 200_000)];
    let outcome = scene.homing("send").args(["-v", "--json"]).args(&files).env(MAX_ATTEMPTS, "1").run();
    outcome.expect_code(0).expect_error("once more over a fresh connection");
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (2, 2), "{outcome}");
    assert_eq!(scene.sandbox.counts(Service::S3).connections, 2, "{outcome}");
}

#[test]
fn a_fresh_connection_that_breaks_is_an_attempt() {
    let scene = Scene::new();
    scene.fault(Service::S3, Fault::new().reset_after_request(0));
    let outcome = scene.send(&scene.large()).run();
    outcome.expect_code(69).expect_error("after 3 attempts in ");
    // The one that was opened ahead, and one an attempt.
    assert_eq!(scene.sandbox.counts(Service::S3).connections, 4, "{outcome}");
    scene.assert_nothing_arrived(&outcome);
}

#[test]
fn an_upload_that_breaks_off_begins_again_from_its_first_byte() {
    let scene = Scene::new();
    scene.fault(Service::S3, Fault::new().reset_after_request(100_000).times(2));
    let outcome = scene.send(&scene.large()).run();
    scene.assert_delivered_once(&outcome);
    let stored = scene.sandbox.objects().remove(0);
    let path = scene.sandbox.folder().join("s3").join(&stored.bucket).join(&stored.key);
    assert_eq!(std::fs::read(path).unwrap(), std::fs::read(scene.large()).unwrap());
}

#[test]
fn a_credential_provider_that_breaks_off_is_asked_again() {
    let scene = Scene::new();
    scene.fault(Service::Credentials, Fault::new().reset_after_request(0).times(2));
    scene.assert_delivered_once(&scene.send(&scene.large()).run());
    assert_eq!(scene.sandbox.counts(Service::Credentials).connections, 3);
}

#[test]
fn a_download_is_tried_again_before_its_first_byte_and_resumed_behind_it() {
    let scene = Scene::new();
    scene.send(&scene.large()).run().expect_code(0);
    let key = scene.sandbox.objects()[0].key.clone();
    let target = scene.sandbox.folder().join("fetched");
    let get = || scene.homing("get").arg("-v").arg(format!("s3://{}/{key}", scene.sandbox.bucket())).arg(&target).run();
    for fault in [
        Fault::new().answer(homing_sandbox::Answer::slow_down()).times(2),
        Fault::new().reset_after_reply(0).times(3),
        Fault::new().reset_after_reply(100_000).times(2),
    ] {
        scene.fault(Service::S3, fault);
        get().expect_code(0);
        assert!(std::fs::read(&target).unwrap() == std::fs::read(scene.large()).unwrap());
        std::fs::remove_file(&target).unwrap();
    }
}

//! `stall_timeout` is how long nothing moves, and not how long anything takes.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use homing_sandbox::{FaultyLink, LinkFault, Service};

use crate::scene::Scene;
use crate::support::homing::{MAX_ATTEMPTS, Outcome};

#[test]
fn an_upload_may_take_long_as_long_as_bytes_of_it_go() {
    let scene = Scene::new();
    // A piece takes longer than the limit; and what the system holds when it has taken the last one takes longer still.
    let (outcome, took) = put(&scene, LinkFault { bytes_per_second: Some(RATE), ..LinkFault::default() });
    outcome.expect_code(0);
    assert!(took > Duration::from_secs(u64::from(LENGTH as u32 / RATE)), "{took:?}");
    assert_eq!(scene.statuses(Service::S3), [200], "{outcome}");
    assert_eq!(scene.sandbox.objects()[0].bytes, LENGTH as u64, "{outcome}");
}

#[test]
fn an_upload_of_which_nothing_goes_any_more_ends() {
    let scene = Scene::new();
    // In the middle of a piece, and with all of it in the buffers.
    for after in [2 << 20, LENGTH as u64 - 200_000] {
        let (outcome, took) = put(&scene, LinkFault { silent_after: Some(after), ..LinkFault::default() });
        outcome.expect_code(69).expect_error("no answer in time").expect_error("--stall-timeout");
        let line = outcome.json_lines().pop().unwrap();
        assert_eq!(line["error"]["code"], "timeout", "{outcome}");
        assert!(took >= STALL && took < STALL * 4, "{took:?}: {outcome}");
    }
    assert!(scene.sandbox.objects().is_empty());
}

/// One attempt to put a file in pieces of 1 MiB over a link of this kind, and how long it took.
fn put(scene: &Scene, fault: LinkFault) -> (Outcome, Duration) {
    let link = FaultyLink::start((Ipv4Addr::LOCALHOST, scene.sandbox.port(Service::S3)).into()).unwrap();
    link.set_plan(move |_| fault);
    let began = Instant::now();
    let outcome = scene
        .homing("put")
        .env(MAX_ATTEMPTS, "1")
        .args(["--json", "--path-style", "--chunk-size", "1048576", "--stall-timeout"])
        .arg(STALL.as_secs().to_string())
        .arg("--endpoint-url")
        .arg(format!("https://localhost:{}", link.port()))
        .arg(scene.file("file.bin", LENGTH))
        .arg(format!("s3://{}/key", scene.sandbox.bucket()))
        .run();
    (outcome, began.elapsed())
}

/// More than the buffers of loopback hold.
const LENGTH: usize = 6_000_000;
/// Bytes a second.
const RATE: u32 = 400_000;
const STALL: Duration = Duration::from_secs(2);

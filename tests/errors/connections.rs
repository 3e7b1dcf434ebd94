//! Servers that cannot be reached: exit code 69, soon enough, and worth another try.

use crate::support::{Scene, servers};
use homing_sandbox::{Fault, Service, Silence};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// Each service that `send` may have to reach, and a file for which it does.
const PLACES: [(&str, Service); 4] = [
    ("data_endpoint", Service::Mqtt),
    ("credential_endpoint", Service::Credentials),
    ("endpoints", Service::S3),
    ("https", Service::Publish),
];

#[test]
fn a_refused_connection_is_told_with_address_and_port() {
    for (key, service) in PLACES {
        let closed = servers::closed_port();
        let (scene, file) = scene_with(key, service, &format!("localhost:{}", closed.port));
        let failure = scene.send(&file).failed(69, "connection_refused");
        failure.names(&[&format!("localhost:{}", closed.port), "refused the connection"]);
        failure.advises("endpoint and its port").may_pass(true);
    }
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    for (key, service) in PLACES {
        let (scene, file) = scene_with(key, service, "does-not-exist.invalid:443");
        let failure = scene.send(&file).failed(69, "name_not_resolved");
        failure.names(&["does-not-exist.invalid"]).advises("spelling").may_pass(true);
    }
}

#[test]
fn a_black_hole_ends_with_the_connect_timeout() {
    for (key, service) in PLACES {
        let hole = servers::black_hole();
        let (mut scene, file) = scene_with(key, service, &format!("localhost:{}", hole.port));
        scene.set("connect_timeout", 1);
        let run = scene.send(&file);
        let failure = run.failed(69, "connect_timeout");
        failure.names(&[&format!("localhost:{}", hole.port)]).advises("firewall").may_pass(true);
        assert!(run.took < Duration::from_secs(15), "{run:?}");
    }
}

#[test]
fn a_black_hole_ends_with_the_timeout_of_the_whole_command() {
    let hole = servers::black_hole();
    let (scene, file) = scene_with("data_endpoint", Service::Mqtt, &format!("localhost:{}", hole.port));
    let run = scene.send_with(&file, &["--timeout", "1"]);
    run.failed(69, "connect_timeout").may_pass(true);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn a_server_that_does_not_answer_tls_ends_with_the_connect_timeout() {
    for (key, service) in PLACES {
        let mut scene = Scene::new();
        let file = file_for(&mut scene, service);
        let port = scene.sandbox.port(service);
        aim(&mut scene, key, &format!("localhost:{port}"));
        scene.set("connect_timeout", 1);
        scene.sandbox.set_fault(service, Fault::new().silence(Silence::Connection));
        let run = scene.send(&file);
        run.failed(69, "tls_timeout").names(&["localhost", "handshake"]).advises("port").may_pass(true);
        assert!(run.took < Duration::from_secs(15), "{run:?}");
    }
}

#[test]
fn a_server_that_speaks_something_else_is_told() {
    for greeting in ["SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let port = servers::tcp(move |mut stream| {
            servers::write(&mut stream, greeting.as_bytes());
            servers::drain(&mut stream, &std::sync::atomic::AtomicU64::new(0));
        });
        let (scene, file) = scene_with("data_endpoint", Service::Mqtt, &format!("localhost:{port}"));
        scene.send(&file).failed(69, "not_tls").names(&["localhost", "does not speak TLS"]).advises("port");
    }
}

#[test]
fn a_server_that_closes_in_the_handshake_is_told_and_may_pass() {
    let port = servers::tcp(|mut stream| {
        // The ClientHello is taken, so that closing is no reset.
        let _ = std::io::Read::read(&mut stream, &mut [0; 16 * 1024]);
    });
    let (scene, file) = scene_with("data_endpoint", Service::Mqtt, &format!("localhost:{port}"));
    let failure = scene.send(&file).failed(69, "connection_closed");
    failure.names(&["localhost", "closed the connection"]).advises("try again").may_pass(true);
}

#[test]
fn without_credentials_what_goes_inline_is_still_delivered() {
    let closed = servers::closed_port();
    let (mut scene, large) =
        scene_with("credential_endpoint", Service::Credentials, &format!("localhost:{}", closed.port));
    let small = scene.small();
    let run = scene.finish(scene.command(&["send", "--json"]).args([&large, &small]));
    assert_eq!(run.code, 69);
    let outcomes = run.outcomes();
    assert_eq!((&outcomes[0]["result"], &outcomes[1]["result"]), (&json!("failed"), &json!("delivered")), "{run:?}");
    assert_eq!(scene.sandbox.messages().len(), 1);
}

fn scene_with(key: &str, service: Service, place: &str) -> (Scene, PathBuf) {
    let mut scene = Scene::new();
    aim(&mut scene, key, place);
    let file = file_for(&mut scene, service);
    (scene, file)
}

fn file_for(scene: &mut Scene, service: Service) -> PathBuf {
    match service {
        Service::Mqtt | Service::Publish => scene.small(),
        _ => scene.large(),
    }
}

fn aim(scene: &mut Scene, key: &str, place: &str) {
    match key {
        "endpoints" => scene.set("endpoints", json!({ "s3": format!("https://{place}") })),
        "https" => scene.unset("https_port").set("data_endpoint", place).set("via", "https"),
        _ => scene.set(key, place),
    };
}

//! Credentials from a container endpoint, and from the environment.

use crate::support::{Scene, servers};
use homing_sandbox::{Answer, Service};
use std::fs;

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    // 0.0.0.0 reaches this machine, but is no loopback address.
    let reached = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = std::sync::Arc::clone(&reached);
    let port = servers::tcp(move |mut stream| servers::drain(&mut stream, &counter));
    for host in ["192.0.2.1", "0.0.0.0", "169.254.169.254", "[::ffff:192.0.2.1]"] {
        let mut scene = container_scene();
        let file = scene.large();
        scene.set("connect_timeout", 1).variable(FULL_URI, format!("http://{host}:{port}/"));
        let failure = scene.send(&file).failed(78, "container_endpoint_not_allowed");
        failure.names(&[FULL_URI, host, "plain HTTP", "169.254.170.2"]).advises("https://").may_pass(false);
    }
    assert_eq!(reached.load(std::sync::atomic::Ordering::SeqCst), 0, "the token went out");
}

#[test]
fn a_container_uri_that_is_none_names_its_variable() {
    let mut scene = container_scene();
    let file = scene.large();
    for value in ["localhost/path", "ftp://localhost/", "http://localhost:99999/", "http://user@localhost/"] {
        scene.variable(FULL_URI, value);
        scene.send(&file).failed(78, "container_uri_invalid").names(&[FULL_URI, value]).advises("http://");
    }
    scene.variable(FULL_URI, "").variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2/x");
    scene.send(&file).failed(78, "container_uri_invalid").names(&["RELATIVE_URI", "v2/x"]);
}

#[test]
fn a_token_with_a_line_break_is_refused_and_not_shown() {
    let mut scene = container_scene();
    let file = scene.large();
    scene.variable(TOKEN, "canary-token\r\nX-Injected: 1").keep_secret("canary-token");
    let failure = scene.send_with(&file, &["-vvv"]).failed(78, "container_token_invalid");
    failure.names(&[TOKEN, "line break"]).advises("line break").may_pass(false);
    let path = scene.path("token");
    fs::write(&path, "canary-token\nX-Injected: 1\n").unwrap();
    scene.variable(TOKEN_FILE, path.to_str().unwrap());
    scene.send_with(&file, &["-vvv"]).failed(78, "container_token_invalid").names(&[TOKEN_FILE]);
    assert_eq!(scene.sandbox.counts(Service::Container).requests, 0);
}

#[test]
fn the_tokens_file_counts_before_its_variable() {
    let mut scene = container_scene();
    let file = scene.large();
    let right = scene.sandbox.container_endpoint().authorization_token;
    let path = scene.path("token");
    fs::write(&path, format!("{right}\n")).unwrap();
    scene.variable(TOKEN, "wrong").variable(TOKEN_FILE, path.to_str().unwrap());
    scene.send(&file).succeeded();
    scene.sandbox.clear_records();
    fs::write(&path, "canary-token").unwrap();
    scene.variable(TOKEN, right).keep_secret("canary-token");
    let failure = scene.send_with(&file, &["-vvv"]).failed(77, "http_403");
    failure.names(&["localhost:", FULL_URI, "403", "Authorization token is not valid"]).advises(TOKEN_FILE);
    scene.variable(TOKEN_FILE, "/nowhere/token");
    let failure = scene.send(&file).failed(78, "token_file_unreadable");
    failure.names(&["/nowhere/token", TOKEN_FILE]).advises("check");
}

#[test]
fn a_container_endpoint_that_answers_nonsense_is_told() {
    let mut scene = container_scene();
    let file = scene.large();
    for (answer, exit_code, code, what) in [
        (Answer::captive_portal(), 69, "credentials_malformed", "not the JSON expected"),
        (Answer::new(200, "application/json", "{}"), 69, "credentials_malformed", "AccessKeyId is missing"),
        (Answer::new(404, "text/plain", "Not Found"), 77, "http_404", "Not Found"),
        (Answer::new(500, "text/plain", "Failed to get connection"), 75, "http_500", "Failed to get connection"),
    ] {
        scene.answer(Service::Container, answer);
        scene.send(&file).failed(exit_code, code).names(&["localhost:", what]);
    }
}

#[test]
fn half_set_environment_credentials_name_the_missing_half() {
    let mut scene = container_scene();
    let file = scene.large();
    scene.variable(FULL_URI, "").keep_secret("wJalrXUtnFEMI");
    for (set, value, missing) in [
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI", "AWS_ACCESS_KEY_ID"),
    ] {
        scene.variable(set, value);
        let failure = scene.send(&file).failed(78, "environment_credentials_incomplete");
        failure.names(&[missing, "not set"]).advises(set).may_pass(false);
        scene.variable(set, "");
    }
    scene.variable("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE").variable("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI\n");
    let failure = scene.send(&file).failed(78, "environment_credentials_invalid");
    failure.names(&["AWS_SECRET_ACCESS_KEY", "line break"]);
}

#[test]
fn no_source_at_all_is_told_with_the_ways_to_have_one() {
    let mut scene = container_scene();
    let file = scene.large();
    scene.variable(FULL_URI, "");
    let failure = scene.send(&file).failed(78, "no_credentials");
    failure.names(&["role alias", "container", "environment"]).advises("--role-alias");
    for (source, variable) in [("container", FULL_URI), ("environment", "AWS_ACCESS_KEY_ID")] {
        let run = scene.send_with(&file, &["--credentials", source]);
        let failure = run.failed(78, "no_credentials");
        assert!(format!("{failure:?}").contains(variable), "{run:?}");
    }
}

#[test]
fn another_source_is_not_tried_after_one_that_fails() {
    let mut scene = Scene::new();
    let file = scene.large();
    let issued = scene.sandbox.issue_credentials(std::time::Duration::from_secs(600)).unwrap();
    scene
        .variable("AWS_ACCESS_KEY_ID", issued.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", issued.secret_access_key);
    scene.variable("AWS_SESSION_TOKEN", issued.session_token).set("role_alias", "no-such-alias");
    scene.send(&file).failed(77, "http_403");
    scene.send_with(&file, &["--credentials", "environment"]).succeeded();
}

/// No role alias; the container endpoint of the sandbox with the right token.
fn container_scene() -> Scene {
    let mut scene = Scene::new();
    let endpoint = scene.sandbox.container_endpoint();
    scene.unset("role_alias").unset("credential_endpoint");
    scene.variable(FULL_URI, endpoint.full_uri).variable(TOKEN, endpoint.authorization_token);
    scene
}

const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

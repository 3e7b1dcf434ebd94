//! What the credential provider refuses or answers wrongly.

use crate::support::{Scene, servers};
use homing_sandbox::{Answer, Fault, Service, Silence};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const JSON: &str = "application/json";

#[test]
fn an_unknown_role_alias_is_told_with_what_to_look_at() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("role_alias", "no-such-alias");
    let failure = scene.send(&file).failed(77, "http_403");
    failure.names(&["localhost:", "403", "Access Denied", "\"no-such-alias\"", "\"sandbox-thing\"", "request id "]);
    failure.advises("iot:AssumeRoleWithCertificate").advises("attached to the certificate").may_pass(false);
    let failure = scene.homing(&["credentials"]).failed_without_outcome(77);
    failure.names(&["no-such-alias"]).advises("iot:AssumeRoleWithCertificate");
}

#[test]
fn a_wrong_thing_name_is_told() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("thing_name", "another-thing");
    let failure = scene.send(&file).failed(77, "http_403");
    failure.names(&["Invalid thing name passed", "\"another-thing\""]).advises("thing_name").may_pass(false);
}

#[test]
fn the_data_endpoint_in_the_credential_endpoints_place_is_recognized_by_its_reply() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.answer(Service::Credentials, Answer::not_found());
    let failure = scene.send(&file).failed(78, "data_endpoint_used");
    failure.names(&["credential_endpoint", "localhost:", "is the data endpoint"]);
    failure.advises("iot:CredentialProvider").may_pass(false);
}

#[test]
fn replies_that_make_no_sense_name_the_provider_and_what_is_wrong() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.keep_secret("c2VjcmV0LWNhbmFyeQ");
    let with = |fields: &str| Answer::new(200, JSON, format!(r#"{{"credentials":{{{fields}}}}}"#));
    for (answer, code, what) in [
        (Answer::malformed_json(), "credentials_truncated", "ends in the middle of the JSON"),
        (Answer::new(200, JSON, ""), "credentials_truncated", "after 0 bytes"),
        (Answer::new(200, JSON, "{"), "credentials_truncated", "after 1 bytes"),
        (Answer::captive_portal(), "credentials_malformed", "not the JSON expected"),
        (Answer::new(200, JSON, [0xff, 0xfe, 0]), "credentials_malformed", "not the JSON expected"),
        (Answer::new(200, JSON, "[".repeat(5000)), "credentials_malformed", "not the JSON expected"),
        (
            Answer::oversized_credentials(4097),
            "credentials_too_long",
            "sessionToken in its reply is longer than 4096 bytes",
        ),
        (Answer::oversized_credentials(1 << 20), "credentials_too_long", "longer than"),
        (Answer::new(200, JSON, "{}"), "credentials_malformed", "credentials.accessKeyId is missing"),
        (
            with(r#""accessKeyId":"ASIA","sessionToken":"c2VjcmV0LWNhbmFyeQ","expiration":"2099-01-01T00:00:00Z""#),
            "credentials_malformed",
            "credentials.secretAccessKey is missing",
        ),
        (
            with(r#""accessKeyId":"ASIA","secretAccessKey":"c2VjcmV0LWNhbmFyeQ","expiration":"2099-01-01T00:00:00Z""#),
            "credentials_malformed",
            "credentials.sessionToken is missing",
        ),
        (
            with(r#""accessKeyId":"ASIA","secretAccessKey":"c2VjcmV0LWNhbmFyeQ","sessionToken":"t""#),
            "credentials_malformed",
            "credentials.expiration is missing",
        ),
        (
            with(
                r#""accessKeyId":"ASIA","secretAccessKey":"c2VjcmV0LWNhbmFyeQ","sessionToken":"t","expiration":"soon""#,
            ),
            "credentials_malformed",
            "credentials.expiration in its reply is no ISO 8601 time",
        ),
        (
            with(
                r#""accessKeyId":5,"secretAccessKey":"c2VjcmV0LWNhbmFyeQ","sessionToken":"t","expiration":"2099-01-01T00:00:00Z""#,
            ),
            "credentials_malformed",
            "another type than text",
        ),
        (
            with(
                r#""accessKeyId":"ASIA\nx: y","secretAccessKey":"c2VjcmV0LWNhbmFyeQ","sessionToken":"t","expiration":"2099-01-01T00:00:00Z""#,
            ),
            "credentials_malformed",
            "characters that it cannot have",
        ),
    ] {
        scene.answer(Service::Credentials, answer);
        let failure = scene.send(&file).failed(69, code);
        failure.names(&["credential provider localhost:", what]).advises("captive portal");
    }
}

#[test]
fn the_longest_token_that_is_allowed_is_taken() {
    let mut scene = Scene::with(homing_sandbox::Sandbox::builder().token_length(4096));
    let file = scene.large();
    scene.send(&file).succeeded();
    assert_eq!(scene.sandbox.objects().len(), 1);
}

#[test]
fn a_reply_that_is_cut_short_is_told_and_may_pass() {
    let mut scene = Scene::new();
    let file = scene.large();
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            servers::write(
                &mut stream,
                b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"credentials\":{\"accessKeyId\":",
            );
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    scene.set("credential_endpoint", format!("localhost:{port}"));
    let failure = scene.send(&file).failed(69, "truncated_reply");
    failure.names(&["localhost", "before its reply was complete"]).may_pass(true);
}

#[test]
fn a_reply_of_a_gigabyte_is_not_read_to_its_end() {
    const GIGABYTE: u64 = 1 << 30;
    let mut scene = Scene::new();
    let file = scene.large();
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let port = servers::tls(scene.sandbox.certificates(), move |mut stream| {
        if servers::read_head(&mut stream).is_err() {
            return;
        }
        servers::write(&mut stream, format!("HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n").as_bytes());
        let piece = [b'{'; 16 * 1024];
        while std::io::Write::write_all(&mut stream, &piece).is_ok() {
            if counter.fetch_add(piece.len() as u64, Ordering::SeqCst) >= GIGABYTE {
                break;
            }
        }
    });
    scene.set("credential_endpoint", format!("localhost:{port}"));
    scene.send(&file).failed(69, "credentials_too_long").names(&["localhost:", "longer than"]).advises("captive");
    assert!(written.load(Ordering::SeqCst) < GIGABYTE / 16, "{written:?} bytes went out");
}

#[test]
fn headers_without_end_and_what_is_no_http_are_told() {
    for (reply, code, what) in [
        (format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000)), "oversized_reply", "headers are too large"),
        ("SSH-2.0-OpenSSH_9.2p1 Debian\r\n".repeat(3), "malformed_reply", "not HTTP"),
        (String::new(), "truncated_reply", "before its reply was complete"),
    ] {
        let mut scene = Scene::new();
        let file = scene.large();
        let port = servers::tls(scene.sandbox.certificates(), move |mut stream| {
            if servers::read_head(&mut stream).is_ok() {
                servers::write(&mut stream, reply.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        scene.set("credential_endpoint", format!("localhost:{port}"));
        scene.send(&file).failed(69, code).names(&["localhost", what]);
    }
}

#[test]
fn throttling_and_the_providers_own_faults_are_temporary() {
    let mut scene = Scene::new();
    let file = scene.large();
    for status in [429, 500, 503] {
        let body = r#"{"message":"Internal failure"}"#;
        scene.answer(Service::Credentials, Answer::new(status, JSON, body).header("x-amzn-requestid", "c0ffee"));
        let failure = scene.send(&file).failed(75, &format!("http_{status}"));
        failure.names(&["localhost:", &status.to_string(), "Internal failure", "request id c0ffee"]);
        failure.advises("try again").may_pass(true);
    }
}

#[test]
fn a_redirect_of_the_credential_provider_is_not_followed() {
    let mut scene = Scene::new();
    let file = scene.large();
    let port = scene.sandbox.port(Service::Publish);
    let location = format!("https://localhost:{port}/");
    scene.answer(Service::Credentials, Answer::new(302, "text/html", "moved").header("location", location));
    scene.send(&file).failed(69, "http_302").names(&["302"]).advises("credential_endpoint");
    assert_eq!(scene.sandbox.counts(Service::Publish).connections, 0, "the redirect was followed");
}

#[test]
fn a_provider_that_falls_silent_is_given_up() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("stall_timeout", 1);
    scene.sandbox.set_fault(Service::Credentials, Fault::new().silence(Silence::Reply));
    let run = scene.send(&file);
    run.failed(69, "timeout").names(&["localhost"]).advises("try again").may_pass(true);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn credentials_that_expire_before_the_put_are_told() {
    let mut scene = Scene::with(homing_sandbox::Sandbox::builder().credential_lifetime(Duration::ZERO));
    let file = scene.large();
    let failure = scene.send(&file).failed(77, "ExpiredToken");
    failure.names(&["s3://sandbox-bucket/sandbox-thing/large.jpg", "ExpiredToken"]).advises("new credentials");
    failure.may_pass(true);
}

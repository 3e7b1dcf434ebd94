//! What S3 refuses or answers wrongly, early or late.

use crate::support::{Scene, servers};
use homing_sandbox::{Answer, Fault, Service, Silence};
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MEBIBYTE: u64 = 1 << 20;

#[test]
fn an_error_document_is_told_with_code_message_and_request_id() {
    let mut scene = Scene::new();
    let file = scene.large();
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>User &amp; role may \
               not</Message><RequestId>4442587FB7D0A2F9</RequestId><HostId>host</HostId></Error>";
    scene.answer(Service::S3, Answer::new(403, "application/xml", xml));
    let failure = scene.send(&file).failed(77, "AccessDenied");
    failure.names(&["s3://sandbox-bucket/sandbox-thing/large.jpg", "403", "AccessDenied", "User & role may not"]);
    failure.names(&["4442587FB7D0A2F9"]).advises("s3:PutObject").may_pass(false);
}

#[test]
fn an_error_without_a_document_is_told_by_its_status() {
    let mut scene = Scene::new();
    let file = scene.large();
    for (status, exit_code, code) in
        [(403, 77, "http_403"), (412, 77, "http_412"), (500, 75, "http_500"), (503, 75, "http_503")]
    {
        scene.answer(Service::S3, Answer::new(status, "text/html", "<html>sorry</html>"));
        let failure = scene.send(&file).failed(exit_code, code);
        failure.names(&["s3://sandbox-bucket/", &status.to_string()]).may_pass(exit_code == 75);
    }
}

#[test]
fn a_success_that_carries_an_error_is_none() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.answer(Service::S3, Answer::ok_with_s3_error());
    let failure = scene.send(&file).failed(75, "InternalError");
    failure.names(&["200", "InternalError", "internal error", "request id "]).advises("try again").may_pass(true);
}

#[test]
fn a_success_that_is_not_s3s_is_none() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.answer(Service::S3, Answer::captive_portal());
    scene.send(&file).failed(69, "unexpected_reply").names(&["ETag"]).advises("not S3");
}

#[test]
fn the_wrong_region_is_told_with_the_right_one() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.answer(Service::S3, Answer::permanent_redirect("sandbox-bucket", "ap-northeast-1"));
    let failure = scene.send(&file).failed(78, "PermanentRedirect");
    failure
        .names(&["301", "PermanentRedirect"])
        .advises("set region to ap-northeast-1 (it is eu-west-1)")
        .may_pass(false);
    let elsewhere = Answer::temporary_redirect("sandbox-bucket", "https://elsewhere.example/")
        .header("x-amz-bucket-region", "us-west-2");
    scene.answer(Service::S3, elsewhere);
    let failure = scene.send(&file).failed(78, "TemporaryRedirect");
    failure.names(&["307"]).advises("us-west-2");
    // The sandbox's own check of the credential scope: AuthorizationHeaderMalformed with the region in it.
    scene.sandbox.clear_fault(Service::S3);
    scene.set("region", "us-east-2");
    let failure = scene.send(&file).failed(78, "AuthorizationHeaderMalformed");
    failure.names(&["us-east-2", "eu-west-1"]).advises("set region to eu-west-1 (it is us-east-2)");
}

#[test]
fn a_redirect_is_not_followed() {
    let mut scene = Scene::new();
    let file = scene.large();
    let port = scene.sandbox.port(Service::Publish);
    scene.answer(Service::S3, Answer::temporary_redirect("sandbox-bucket", &format!("https://localhost:{port}/")));
    scene.send(&file).failed(78, "TemporaryRedirect").advises("region");
    assert_eq!(scene.sandbox.counts(Service::Publish).connections, 0);
}

#[test]
fn throttling_is_temporary() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.answer(Service::S3, Answer::slow_down());
    let failure = scene.send(&file).failed(75, "SlowDown");
    failure.names(&["503", "reduce your request rate"]).advises("try again").may_pass(true);
}

#[test]
fn a_bucket_that_does_not_exist_is_told() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("bucket", "no-such-bucket");
    scene.send(&file).failed(77, "NoSuchBucket").names(&["s3://no-such-bucket/"]).advises("bucket");
}

#[test]
fn an_object_that_is_there_already_is_protected_when_asked() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.send_with(&file, &["--if-none-match"]).succeeded();
    scene.sandbox.clear_records();
    let failure = scene.send_with(&file, &["--if-none-match"]).failed(77, "PreconditionFailed");
    failure.names(&["sandbox-thing/large.jpg", "412"]).advises("--if-none-match");
}

#[test]
fn an_early_refusal_is_reported_and_the_file_not_read_to_its_end() {
    let mut scene = Scene::new();
    let file = scene.sparse("100MiB.bin", 100 * MEBIBYTE);
    // Answers when it has the head, then goes on reading and counts what still comes.
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let port = servers::tls(scene.sandbox.certificates(), move |mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            servers::write(&mut stream, &servers::http_reply("403 Forbidden", REFUSAL));
            servers::drain(&mut stream, &counter);
        }
    });
    scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    let failure = scene.send(&file).failed(77, "AccessDenied");
    failure.names(&["403", "Early refusal", "EARLY1234"]).advises("s3:PutObject");
    assert!(received.load(Ordering::SeqCst) < 32 * MEBIBYTE, "{received:?} bytes were sent after the refusal");
}

#[test]
fn an_early_refusal_is_reported_even_when_the_connection_is_closed_behind_it() {
    let mut scene = Scene::new();
    let file = scene.sparse("100MiB.bin", 100 * MEBIBYTE);
    scene.answer(Service::S3, Answer::early_access_denied());
    scene.send(&file).failed(77, "AccessDenied").names(&["403", "AccessDenied"]).advises("s3:PutObject");
    // The rudest way: an answer, and the socket closed with the body unread, so that the device is sent a reset.
    for times in 0..8 {
        let port = servers::tls(scene.sandbox.certificates(), move |mut stream| {
            if servers::read_head(&mut stream).is_ok() {
                // Some of the body, so that the device is at different places when it hears of it.
                let mut some = vec![0; times * 200_000];
                let _ = std::io::Read::read_exact(&mut stream, &mut some);
                servers::write(&mut stream, &servers::http_reply("403 Forbidden", REFUSAL));
            }
        });
        scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
        scene.send(&file).failed(77, "AccessDenied").names(&["403", "Early refusal", "EARLY1234"]);
    }
}

#[test]
fn a_success_before_the_whole_body_is_sent_is_an_error() {
    let mut scene = Scene::new();
    let file = scene.sparse("100MiB.bin", 100 * MEBIBYTE);
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            let reply = b"HTTP/1.1 200 OK\r\nETag: \"0123\"\r\nContent-Length: 0\r\n\r\n";
            servers::write(&mut stream, reply);
            servers::drain(&mut stream, &AtomicU64::new(0));
        }
    });
    scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    scene
        .send(&file)
        .failed(69, "early_success")
        .names(&["localhost", "before it had been sent everything"])
        .advises("endpoint");
}

#[test]
fn a_connection_that_breaks_in_the_body_is_told_and_may_pass() {
    for bytes in [0, 100_000] {
        let mut scene = Scene::new();
        let file = scene.sparse("8MiB.bin", 8 * MEBIBYTE);
        let port = servers::tls(scene.sandbox.certificates(), move |mut stream| {
            if servers::read_head(&mut stream).is_ok() {
                let _ = std::io::Read::read_exact(&mut stream, &mut vec![0; bytes]);
                // Closed with some of the body unread: a reset. Closed with nothing unread yet, it would be an end.
                let _ = stream.sock.peek(&mut [0]);
            }
        });
        scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
        let failure = scene.send(&file).failed(69, "connection_reset");
        failure.names(&["localhost", "reset by the other side"]).advises("try again").may_pass(true);
    }
}

#[test]
fn a_server_that_ends_without_an_answer_is_told() {
    let mut scene = Scene::new();
    let file = scene.large();
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        let head = servers::read_head(&mut stream).unwrap_or_default();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let _ = std::io::Read::read_exact(&mut stream, &mut vec![0; length.unwrap_or(0)]);
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    let failure = scene.send(&file).failed(69, "truncated_reply");
    failure.names(&["localhost", "before its reply was complete"]).advises("endpoint").may_pass(true);
}

#[test]
fn a_server_that_falls_silent_after_the_body_is_given_up() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("stall_timeout", 1);
    scene.sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply));
    let run = scene.send(&file);
    run.failed(69, "timeout").names(&["localhost", "no answer in time"]).advises("try again").may_pass(true);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn a_server_that_stops_reading_is_given_up() {
    let mut scene = Scene::new();
    let file = scene.sparse("100MiB.bin", 100 * MEBIBYTE);
    scene.set("stall_timeout", 1);
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        let _ = servers::read_head(&mut stream);
        std::thread::sleep(Duration::from_secs(60));
    });
    scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    let run = scene.send(&file);
    run.failed(69, "timeout").names(&["localhost"]).advises("try again").may_pass(true);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn the_whole_command_has_a_deadline_too() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("timeout", 1);
    scene.sandbox.set_fault(Service::S3, Fault::new().silence(Silence::Reply));
    let run = scene.send(&file);
    run.failed(69, "timeout").names(&["localhost"]).advises("--timeout");
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn a_message_that_fails_behind_the_upload_says_that_the_object_is_stored() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(homing_sandbox::MqttFault::Puback(0x87)));
    let mut command = scene.command(&["send", "--json"]);
    let run = scene.finish(command.arg(&file));
    let failure = run.failed(77, "mqtt_not_authorized");
    failure.names(&["s3://sandbox-bucket/sandbox-thing/large.jpg", "stored, but not announced", "file/upload"]);
    failure.advises("iot:Publish");
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (1, 0));
}

const REFUSAL: &str =
    "<Error><Code>AccessDenied</Code><Message>Early refusal</Message><RequestId>EARLY1234</RequestId></Error>";

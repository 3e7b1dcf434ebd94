//! The HTTPS services with a client that shows every byte: identities, refusals, faults.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use homing_sandbox::{Answer, Fault, Sandbox, Service, Silence, Via};
use support::{CREDENTIALS, connect, connect_as, request};

fn sandbox() -> Sandbox {
    Sandbox::builder().start().unwrap()
}

#[test]
fn the_credential_provider_checks_alias_thing_and_path() {
    let sandbox = sandbox();
    let ask = |head: &str| request(&mut connect(&sandbox, Service::Credentials), head, b"").unwrap();
    let good = ask(&format!("{CREDENTIALS}\r\nx-amzn-iot-thingname: sandbox-thing"));
    assert_eq!(good.status, 200);
    let reply: serde_json::Value = serde_json::from_str(&good.body).unwrap();
    assert_eq!(reply["credentials"]["sessionToken"].as_str().unwrap().len(), 900);
    assert!(reply["credentials"]["expiration"].as_str().unwrap().ends_with('Z'));

    let wrong_thing = ask(&format!("{CREDENTIALS}\r\nx-amzn-iot-thingname: other-thing"));
    assert_eq!((wrong_thing.status, wrong_thing.body.as_str()), (403, r#"{"message":"Invalid thing name passed"}"#));
    let wrong_alias = ask("GET /role-aliases/other/credentials HTTP/1.1\r\nhost: localhost");
    assert_eq!((wrong_alias.status, wrong_alias.body.as_str()), (403, r#"{"message":"Access Denied"}"#));
    let wrong_path = ask("GET /credentials HTTP/1.1\r\nhost: localhost");
    assert_eq!(wrong_path.status, 404);
    assert!(wrong_path.body.starts_with(r#"{"message":"Not Found","traceId":""#));
    assert_eq!(sandbox.exchanges().len(), 4);
}

#[test]
fn only_certificates_of_the_right_authority_and_in_their_time_get_in() {
    let sandbox = sandbox();
    let files = sandbox.certificates();
    let attempt = |identity| request(&mut connect_as(&sandbox, Service::Credentials, identity, &[]), CREDENTIALS, b"");
    attempt(None).unwrap_err();
    attempt(Some((&files.rogue_certificate, &files.rogue_key))).unwrap_err();
    attempt(Some((&files.expired_certificate, &files.device_key))).unwrap_err();
    assert_eq!(attempt(Some((&files.other_certificate, &files.other_key))).unwrap().status, 200);
    let counts = sandbox.counts(Service::Credentials);
    assert_eq!((counts.connections, counts.failed_handshakes, counts.requests), (4, 3, 1));
}

#[test]
fn https_publish_records_topic_qos_and_thing() {
    let sandbox = sandbox();
    let files = sandbox.certificates();
    let mut stream = connect_as(
        &sandbox,
        Service::Publish,
        Some((&files.device_certificate, &files.device_key)),
        &["x-amzn-http-ca"],
    );
    let head = "POST /topics/a%2Fb%20c?qos=1 HTTP/1.1\r\nhost: localhost";
    let reply = request(&mut stream, head, b"payload").unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.body.starts_with(r#"{"message":"OK","traceId":""#));
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"x-amzn-http-ca"[..]));
    let message = sandbox.messages().remove(0);
    assert_eq!((message.topic.as_str(), message.qos, message.via), ("a/b c", 1, Via::Https));
    assert_eq!(message.payload, b"payload");
    assert_eq!(message.thing_name.as_deref(), Some("sandbox-thing"));

    let too_large = vec![b'x'; 131_073];
    let reply = request(&mut connect(&sandbox, Service::Publish), head, &too_large).unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(sandbox.messages().len(), 1);
}

#[test]
fn container_credentials_want_the_raw_token() {
    let sandbox = sandbox();
    let endpoint = sandbox.container_endpoint();
    let ask = |authorization: &str| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", sandbox.port(Service::Container))).unwrap();
        let head = format!(
            "GET /2016-11-01/credentialprovider/ HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}"
        );
        request(&mut stream, &head, b"").unwrap()
    };
    let reply = ask(&endpoint.authorization_token);
    assert_eq!(reply.status, 200);
    let reply: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert!(["AccessKeyId", "SecretAccessKey", "Token", "Expiration"].iter().all(|name| reply[name].is_string()));
    assert_eq!(ask(&format!("Bearer {}", endpoint.authorization_token)).status, 403);
}

#[test]
fn faults_do_what_they_say_and_end_when_they_should() {
    let sandbox = sandbox();
    let ask = || request(&mut connect(&sandbox, Service::Credentials), CREDENTIALS, b"");
    let set = |fault: Fault| sandbox.set_fault(Service::Credentials, fault.times(1));

    set(Fault::new().delay(Duration::from_millis(300)));
    let start = Instant::now();
    assert_eq!(ask().unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));

    set(Fault::new().reset_after_request(10));
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::ConnectionReset);

    set(Fault::new().reset_after_reply(25));
    let mut stream = connect(&sandbox, Service::Credentials);
    stream.write_all(format!("{CREDENTIALS}\r\n\r\n").as_bytes()).unwrap();
    let mut got = Vec::new();
    assert_eq!(stream.read_to_end(&mut got).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(got, b"HTTP/1.1 200 OK\r\ncontent-");

    set(Fault::new().answer(Answer::truncated_credentials()));
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::UnexpectedEof);

    set(Fault::new().answer(Answer::oversized_credentials(1_000_000)));
    assert!(ask().unwrap().body.len() > 1_000_000);

    for silence in [Silence::Connection, Silence::Reply] {
        set(Fault::new().silence(silence));
        let mut stream = connect(&sandbox, Service::Credentials);
        stream.sock.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert_eq!(request(&mut stream, CREDENTIALS, b"").unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    set(Fault::new().answer(Answer::slow_down()).skip(1));
    let statuses: Vec<u16> = (0..3).map(|_| ask().unwrap().status).collect();
    assert_eq!(statuses, [200, 503, 200]);
}

#[test]
fn an_early_403_comes_before_the_body_has_been_read() {
    let sandbox = sandbox();
    sandbox.set_fault(Service::S3, Fault::new().answer(Answer::early_access_denied()));
    let mut stream = connect(&sandbox, Service::S3);
    let head = "PUT /sandbox-bucket/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\nfirst bytes";
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let reply = support::parse(&bytes).unwrap();
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("<Code>AccessDenied</Code>"), "{}", reply.body);
}

#[test]
fn a_clock_that_is_off_shows_in_the_date_header() {
    let sandbox = sandbox();
    sandbox.set_clock_offset(Service::Credentials, 86_400 * 365 * 20);
    let reply = request(&mut connect(&sandbox, Service::Credentials), CREDENTIALS, b"").unwrap();
    let date = reply.header("date").unwrap();
    let year = date.split(' ').nth(3).unwrap().parse::<i32>().unwrap();
    assert!(year >= time::OffsetDateTime::now_utc().year() + 19, "{date}");
    assert_eq!(date.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len());
}

#[test]
fn nothing_is_left_behind() {
    let sandbox = sandbox();
    let folder = sandbox.folder().to_owned();
    let port = sandbox.port(Service::Mqtt);
    assert!(folder.is_dir());
    drop(sandbox);
    assert!(!folder.exists());
    assert_eq!(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

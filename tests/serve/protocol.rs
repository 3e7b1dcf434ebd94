//! Requests as they should be, and as they should not be.

use std::io::{Read, Write};

use crate::serving::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, Serving, read_head, read_response};

#[test]
fn credentials_are_served_as_ecs_and_greengrass_do() {
    let serving = Serving::with_fixed_keys(&[]);

    let response = serving.fetch();

    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.head.contains("content-type: application/json\r\n"), "{response:?}");
    assert!(response.head.contains("cache-control: no-store\r\n"), "{response:?}");
    let json = response.json();
    let object = json.as_object().unwrap();
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(names, ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]);
    assert_eq!(object["AccessKeyId"], ACCESS_KEY_ID);
    assert_eq!(object["SecretAccessKey"], SECRET_ACCESS_KEY);
    assert_eq!(serving.token().len(), 64);
    assert_ne!(serving.token(), Serving::with_fixed_keys(&[]).token());
}

#[test]
fn whoever_has_not_the_token_is_refused() {
    let serving = Serving::with_fixed_keys(&[]);
    let token = serving.token();
    let with = |header: &str| serving.exchange(&format!("GET /credentials HTTP/1.1\r\nHost: a\r\n{header}\r\n"));

    let missing = with("");
    assert_eq!((missing.status, &missing.json()["code"]), (401, &"MissingAuthenticationToken".into()), "{missing:?}");
    assert!(missing.head.contains("www-authenticate: "), "{missing:?}");
    let mut almost = token.to_owned();
    almost.replace_range(63.., if token.ends_with('0') { "1" } else { "0" });
    let wrong =
        ["", "x", &almost, &token[..63], &format!("{token}0"), &format!("Bearer {token}"), &token.to_uppercase()];
    for wrong in wrong.into_iter().filter(|wrong| *wrong != token) {
        let refused = with(&format!("Authorization: {wrong}\r\n"));
        assert_eq!((refused.status, &refused.json()["code"]), (403, &"AccessDenied".into()), "{refused:?}");
        assert!(!refused.body.contains(token) && !refused.body.contains(ACCESS_KEY_ID), "{refused:?}");
    }
    assert_eq!(with(&format!("Authorization: {token}\r\n")).status, 200);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let serving = Serving::with_fixed_keys(&[]);
    let ask = |line: &str| serving.exchange(&serving.request().replacen("GET /credentials HTTP/1.1", line, 1));
    for (line, status, code) in [
        ("GET / HTTP/1.1", 404, "NotFound"),
        ("GET /credentials/ HTTP/1.1", 404, "NotFound"),
        ("GET /../credentials HTTP/1.1", 404, "NotFound"),
        ("POST /credentials HTTP/1.1", 405, "MethodNotAllowed"),
        ("OPTIONS /credentials HTTP/1.1", 405, "MethodNotAllowed"),
        ("GET http://a/credentials HTTP/1.1", 400, "BadRequest"),
        ("GET /credentials HTTP/2.0", 400, "BadRequest"),
    ] {
        let response = ask(line);
        assert_eq!((response.status, &response.json()["code"]), (status, &code.into()), "{line}: {response:?}");
    }
    assert!(ask("PUT /credentials HTTP/1.1").head.contains("allow: get\r\n"));
    assert_eq!(ask("GET /credentials?a=b HTTP/1.1").status, 200);
}

#[test]
fn a_reply_to_head_has_no_body() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut stream = serving.connect();
    stream.write_all(serving.request().replacen("GET", "HEAD", 1).as_bytes()).unwrap();
    let head = read_head(&mut stream).unwrap();
    assert!(head.starts_with("http/1.1 405 "), "{head}");
    // The next thing on the connection is the next response.
    stream.write_all(serving.request().as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
}

#[test]
fn nonsense_is_answered_and_the_connection_closed() {
    let serving = Serving::with_fixed_keys(&[]);
    let long = format!("GET /credentials HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(100_000));
    let many = format!("GET /credentials HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(1000));
    for (request, status) in [
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0 this is TLS\r\n\r\n", 400),
        ("GET /credentials\r\n\r\n", 400),
        ("GET /credentials HTTP/1.1\r\n\r\n", 400),
        ("GET /credentials HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("POST /credentials HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
        ("POST /credentials HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (&long, 431),
        (&many, 431),
    ] {
        let mut stream = serving.connect();
        stream.write_all(request.as_bytes()).unwrap();
        // The response comes whole, though the server has not read all of the request.
        let response = read_response(&mut stream).unwrap_or_else(|| panic!("{}", &request[..30]));
        assert_eq!(response.status, status, "{response:?}");
        assert!(response.head.contains("connection: close\r\n"), "{response:?}");
        assert!(response.json()["message"].is_string());
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(serving.fetch().status, 200);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut stream = serving.connect();
    stream.set_nodelay(true).unwrap();
    for byte in serving.request().as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
}

#[test]
fn many_requests_may_come_at_once() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut stream = serving.connect();
    let missing = serving.request().replacen("/credentials", "/missing", 1);
    let requests = [serving.request(), missing].concat().repeat(200);
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(requests.as_bytes()).unwrap());
    for number in 0..400 {
        let expected = if number % 2 == 0 { 200 } else { 404 };
        assert_eq!(read_response(&mut stream).unwrap().status, expected, "{number}");
    }
    writing.join().unwrap();
    // Each response has had its place: none is left over.
    stream.write_all(serving.request().replacen("Host", "Connection: close\r\nHost", 1).as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let serving = Serving::with_fixed_keys(&[]);
    let stream = serving.connect();
    let mut writer = stream.try_clone().unwrap();
    let requests = serving.request().repeat(1000);
    // Until nothing goes any more: the server stops to read when its responses are not.
    writer.set_write_timeout(Some(crate::serving::PATIENCE)).unwrap();
    let error = loop {
        match writer.write_all(requests.as_bytes()) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset),
        "not closed: {error}"
    );
    assert_eq!(serving.fetch().status, 200);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut stream = serving.connect();
    let request = format!("GET /credentials HTTP/1.0\r\nAuthorization: {}\r\n\r\n", serving.token());
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn half_a_connection_is_enough_for_a_request() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut stream = serving.connect();
    stream.write_all(serving.request().as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
}

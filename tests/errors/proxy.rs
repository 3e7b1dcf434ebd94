//! The environment's proxy: refused, unauthorized, nonsense.

use crate::support::{Scene, servers};
use homing_sandbox::{ConnectProxy, Service};
use std::time::Duration;

#[test]
fn a_proxy_that_cannot_be_reached_is_told_with_its_variable() {
    for via in ["mqtt", "https"] {
        let closed = servers::closed_port();
        let mut scene = Scene::new();
        let file = scene.small();
        scene.set("via", via).variable("HTTPS_PROXY", format!("http://127.0.0.1:{}", closed.port));
        let failure = scene.send(&file).failed(69, "connection_refused");
        failure.names(&["proxy 127.0.0.1:", "HTTPS_PROXY", "localhost:"]).may_pass(true);
        assert_eq!(scene.connections(), 0, "the proxy was gone around");
    }
}

#[test]
fn a_proxy_that_wants_a_password_is_told_without_showing_the_wrong_one() {
    let mut scene = Scene::new();
    let (small, large) = (scene.small(), scene.large());
    let proxy = ConnectProxy::start_with_authentication("user", "right-password").unwrap();
    scene.keep_secret("hunter2-canary").keep_secret("dXNlcjpodW50ZXIyLWNhbmFyeQ");
    for value in [format!("http://{}", proxy.address()), format!("http://user:hunter2-canary@{}", proxy.address())] {
        scene.variable("HTTPS_PROXY", value);
        for file in [&small, &large] {
            let failure = scene.send_with(file, &["-vvv"]).failed(77, "proxy_refused");
            failure.names(&[&proxy.address().to_string(), "HTTPS_PROXY", "localhost:", "407"]);
            failure.advises("user name and password").may_pass(false);
        }
    }
    assert_eq!(scene.connections(), 0);
    scene.variable("HTTPS_PROXY", format!("http://user:right-password@{}", proxy.address()));
    scene.send(&large).succeeded();
    // Every connection went through it.
    let ports = [Service::Mqtt, Service::Credentials, Service::S3].map(|service| scene.sandbox.port(service));
    let requests = proxy.requests();
    for port in ports {
        let target = format!("localhost:{port}");
        assert!(requests.iter().any(|request| request.target == target && request.status == 200), "{requests:?}");
    }
}

#[test]
fn a_proxy_that_answers_nonsense_is_told() {
    for (reply, why) in [
        ("SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "does not speak HTTP"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"),
        ("HTTP/1.1 2xx\r\n\r\n", "does not speak HTTP"),
        ("HTTP/1.1 200 OK\r\nX", "closed the connection"),
        ("", "closed the connection"),
    ] {
        let mut scene = Scene::new();
        let file = scene.small();
        let port = servers::tcp(move |mut stream| {
            let _ = servers::read_head(&mut stream);
            servers::write(&mut stream, reply.as_bytes());
        });
        scene.variable("HTTPS_PROXY", format!("http://127.0.0.1:{port}"));
        let failure = scene.send(&file).failed(69, "proxy_failed");
        failure.names(&[&format!("127.0.0.1:{port}"), "HTTPS_PROXY", "localhost:", why]).advises("HTTPS_PROXY");
        failure.may_pass(true);
        assert_eq!(scene.connections(), 0);
    }
}

#[test]
fn a_proxy_that_answers_without_end_or_not_at_all_is_given_up() {
    let endless = servers::tcp(|mut stream| {
        let _ = servers::read_head(&mut stream);
        servers::write(&mut stream, b"HTTP/1.1 200 OK\r\n");
        while std::io::Write::write_all(&mut stream, &[b'x'; 4096]).is_ok() {}
    });
    let silent = servers::tcp(|mut stream| servers::drain(&mut stream, &std::sync::atomic::AtomicU64::new(0)));
    for (port, why) in [(endless, "endless"), (silent, "did not answer in time")] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.set("connect_timeout", 1).variable("HTTPS_PROXY", format!("http://127.0.0.1:{port}"));
        let run = scene.send(&file);
        run.failed(69, "proxy_failed").names(&[why]).advises("HTTPS_PROXY");
        assert!(run.took < Duration::from_secs(15), "{run:?}");
    }
}

#[test]
fn a_proxy_variable_that_cannot_be_used_is_told_without_its_password() {
    for value in ["socks5://user:hunter2@127.0.0.1:1", "https://user:hunter2@127.0.0.1:1", "http://user:hunter2@"] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.variable("ALL_PROXY", value).keep_secret("hunter2");
        let failure = scene.send(&file).failed(78, "bad_proxy");
        failure.names(&["ALL_PROXY"]).advises("http://HOST:PORT");
        assert_eq!(scene.connections(), 0);
    }
}

#[test]
fn hosts_without_proxy_are_reached_directly() {
    let closed = servers::closed_port();
    let mut scene = Scene::new();
    let file = scene.large();
    scene.variable("HTTPS_PROXY", format!("http://127.0.0.1:{}", closed.port)).variable("NO_PROXY", "localhost");
    scene.send(&file).succeeded();
}

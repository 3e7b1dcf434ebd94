//! The proxies in front of real services of the sandbox.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use homing_sandbox::{ConnectProxy, Sandbox, Service};

/// Asks for a tunnel and gives the status line's code.
fn tunnel(proxy: &ConnectProxy, target: &str, authorization: &str) -> (TcpStream, u16) {
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    write!(stream, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let status = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    (stream, status)
}

#[test]
fn a_tunnel_leads_to_a_routed_name_and_is_recorded() {
    let sandbox = Sandbox::builder().start().unwrap();
    let proxy = ConnectProxy::start_with_authentication("user", "secret").unwrap();
    let target = "credentials.example.com:443";
    proxy.route(target, SocketAddr::from(([127, 0, 0, 1], sandbox.port(Service::Container))));

    assert_eq!(tunnel(&proxy, target, "").1, 407);
    // The Base64 of user:secret.
    let authorization = "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";
    assert_eq!(tunnel(&proxy, "elsewhere.example.com:443", authorization).1, 502);
    let (mut stream, status) = tunnel(&proxy, target, authorization);
    assert_eq!(status, 200);
    let reply = support::request(&mut stream, "GET / HTTP/1.1\r\nhost: localhost", b"").unwrap();
    assert_eq!(reply.status, 404);

    let statuses: Vec<u16> = proxy.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [407, 502, 200]);
    assert_eq!(proxy.requests()[2].target, target);
}

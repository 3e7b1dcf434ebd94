//! Clients that hold their connections: a thousand of them cost no memory and keep nobody out.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::serving::{PATIENCE, Serving, read_response};

/// What a thousand clients may add to homing's memory, KiB: its table of them, and as many halves of requests as it
/// keeps.
const BOUND: u64 = 384;

#[test]
fn a_thousand_idle_clients_cost_no_memory() {
    let serving = Serving::with_fixed_keys(&[]);
    assert_eq!(serving.fetch().status, 200);
    let before = [serving.memory("VmRSS"), serving.memory("VmHWM")];

    let clients: Vec<TcpStream> = many(&serving, |number, mut client| {
        if number % 2 == 0 {
            client.write_all(serving.request().as_bytes()).unwrap();
            assert_eq!(read_response(&mut client).unwrap().status, 200);
        }
        client
    });

    assert_eq!(serving.fetch().status, 200, "the client after the thousand");
    assert_bounded(&serving, before);
    // They are all still there.
    for mut client in clients {
        client.write_all(serving.request().as_bytes()).unwrap();
        assert_eq!(read_response(&mut client).unwrap().status, 200);
    }
    assert_bounded(&serving, before);
}

#[test]
fn a_thousand_halves_of_requests_cost_no_memory() {
    let serving = Serving::with_fixed_keys(&[]);
    assert_eq!(serving.fetch().status, 200);
    let before = [serving.memory("VmRSS"), serving.memory("VmHWM")];
    let half = format!("GET /credentials HTTP/1.1\r\nX: {}", "x".repeat(4000));

    let clients: Vec<TcpStream> = many(&serving, |_, mut client| {
        client.write_all(half.as_bytes()).unwrap();
        client
    });

    assert_eq!(serving.fetch().status, 200, "the client after the thousand");
    assert_bounded(&serving, before);
    drop(clients);
}

#[test]
fn when_all_places_are_taken_the_oldest_client_makes_room() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut first = serving.connect();
    first.write_all(serving.request().as_bytes()).unwrap();
    assert_eq!(read_response(&mut first).unwrap().status, 200);

    let clients = many(&serving, |_, client| client);
    let more = many(&serving, |_, client| client);

    assert_eq!(serving.fetch().status, 200);
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0, "the first client is still connected");
    drop((clients, more));
}

#[test]
fn who_takes_too_long_for_a_request_is_let_go() {
    let serving = Serving::with_fixed_keys(&[]);
    let mut client = serving.connect();
    client.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    let request = format!("GET /credentials HTTP/1.1\r\nX: {}", "x".repeat(3000));
    let mut bytes = request.bytes();
    // A byte each time that nothing has come for a while: always busy, never done.
    crate::serving::until("it is let go", || {
        let sent = client.write_all(&[bytes.next().unwrap()]);
        let mut byte = [0];
        match (sent, client.read(&mut byte)) {
            (Err(_), _) | (_, Ok(0)) => Some(()),
            (_, Ok(_)) => panic!("there is an answer to half a request"),
            (_, Err(error)) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => None,
            (_, Err(_)) => Some(()),
        }
    });
    assert_eq!(serving.fetch().status, 200);
}

fn assert_bounded(serving: &Serving, before: [u64; 2]) {
    let after = [serving.memory("VmRSS"), serving.memory("VmHWM")];
    for (before, after) in before.into_iter().zip(after) {
        assert!(after <= before + BOUND, "{before} KiB before, {after} KiB after");
    }
}

/// A thousand connections.
fn many<T>(serving: &Serving, client: impl Fn(usize, TcpStream) -> T) -> Vec<T> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|files| files < FILES) {
        limit.current = Some(FILES);
        setrlimit(Resource::Nofile, limit).unwrap();
    }
    let connect = |number: usize| {
        let stream = serving.connect();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        client(number, stream)
    };
    (0..1000).map(connect).collect()
}

/// Open files of this test program: several thousand connections at a time.
const FILES: u64 = 8192;

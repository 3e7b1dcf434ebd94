//! Small servers for what the sandbox does not do: doors that open late, ports that answer nothing, raw TLS.

use homing_sandbox::Certificates;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

pub type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Serves every connection in a thread of its own, for as long as the test process lives.
pub fn tcp(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    tcp_at(Ipv4Addr::LOCALHOST, serve)
}

/// The same at another loopback address.
pub fn tcp_at(address: Ipv4Addr, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("a loopback port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// TLS with the sandbox's server certificate, no client certificate asked for.
pub fn tls(certificates: &Certificates, serve: impl Fn(Tls) + Send + Sync + 'static) -> u16 {
    let chain = CertificateDer::pem_file_iter(&certificates.server_certificate)
        .expect("the sandbox wrote it")
        .collect::<Result<Vec<_>, _>>()
        .expect("it is PEM");
    let key = PrivateKeyDer::from_pem_file(&certificates.server_key).expect("the sandbox wrote it");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("certificate and key belong together");
    let config = Arc::new(config);
    tcp(move |tcp| {
        // A reply held back by Nagle's algorithm would be lost when the server then closes with a reset.
        tcp.set_nodelay(true).expect("a connected socket");
        let connection = ServerConnection::new(Arc::clone(&config)).expect("the configuration is good");
        serve(StreamOwned::new(connection, tcp));
    })
}

/// Reads a request's head, up to and with the empty line.
pub fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Reads until the other side ends, and counts.
pub fn drain(stream: &mut impl Read, count: &AtomicU64) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::SeqCst);
    }
}

/// A door in front of `port`: `opened` runs when somebody connects, before a byte is passed on.
pub fn gate(port: u16, opened: impl Fn() + Send + Sync + 'static) -> u16 {
    gate_at(Ipv4Addr::LOCALHOST, port, opened)
}

/// The same at another loopback address.
pub fn gate_at(address: Ipv4Addr, port: u16, opened: impl Fn() + Send + Sync + 'static) -> u16 {
    tcp_at(address, move |client| {
        opened();
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
        let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
        let up = thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        let (mut from_server, mut to_client) = (server, client);
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
        let _ = up.join();
    })
}

/// A port that refuses every connection for as long as the value lives: bound, but nobody listens.
pub struct ClosedPort {
    pub port: u16,
    _socket: OwnedFd,
}

pub fn closed_port() -> ClosedPort {
    let (socket, port) = bound_socket();
    ClosedPort { port, _socket: socket }
}

/// A port where packets vanish: the queue of connections is full and nobody takes from it, so that SYNs are dropped.
pub struct BlackHole {
    pub port: u16,
    _socket: OwnedFd,
    _queued: Vec<TcpStream>,
}

pub fn black_hole() -> BlackHole {
    let (socket, port) = bound_socket();
    listen(&socket, 0).expect("a bound socket can listen");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let mut queued = Vec::new();
    while let Ok(stream) = connect() {
        queued.push(stream);
        assert!(queued.len() < 64, "the queue does not fill");
    }
    BlackHole { port, _socket: socket, _queued: queued }
}

/// An HTTP reply with `Connection: close`.
pub fn http_reply(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

/// Writes all of it, as far as the other side lets us.
pub fn write(stream: &mut impl Write, bytes: &[u8]) {
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
}

fn bound_socket() -> (OwnedFd, u16) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a loopback port is free");
    let address = getsockname(&socket).expect("it is bound");
    let port = SocketAddr::try_from(address).expect("it is IPv4").port();
    (socket, port)
}

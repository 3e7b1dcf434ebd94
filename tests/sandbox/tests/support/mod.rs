#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]
//! A bare TLS client, so that these tests see every byte.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use homing_sandbox::{Sandbox, Service};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

pub(crate) type Connection = StreamOwned<ClientConnection, TcpStream>;

/// Connects to a service with the device's certificate.
pub(crate) fn connect(sandbox: &Sandbox, service: Service) -> Connection {
    let certificates = sandbox.certificates();
    connect_as(sandbox, service, Some((&certificates.device_certificate, &certificates.device_key)), &[])
}

/// Connects with any identity and ALPN; the handshake itself happens with the first bytes.
pub(crate) fn connect_as(
    sandbox: &Sandbox,
    service: Service,
    identity: Option<(&Path, &Path)>,
    protocols: &[&str],
) -> Connection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&sandbox.certificates().ca).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", sandbox.port(service))).unwrap();
    tcp.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
    StreamOwned::new(tls, tcp)
}

/// A reply read to the end of its connection.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(": ").is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(|text| line(text)).and_then(|text| text.split_once(": ")).map(|(_, value)| value)
    }
}

/// Sends one request with `Connection: close` and reads the reply.
pub(crate) fn request(stream: &mut (impl Read + Write), head: &str, body: &[u8]) -> io::Result<Reply> {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    stream.write_all(format!("{head}\r\n{length}connection: close\r\n\r\n").as_bytes())?;
    stream.write_all(body)?;
    stream.flush()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes)
}

/// Takes a whole reply apart.
pub(crate) fn parse(bytes: &[u8]) -> io::Result<Reply> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Reply { status, head: head.to_owned(), body: body.to_owned() })
}

/// The request for credentials that the sandbox answers with success.
pub(crate) const CREDENTIALS: &str = "GET /role-aliases/sandbox-role-alias/credentials HTTP/1.1\r\nhost: localhost";
/// Long enough for a busy machine, short enough that a test ends.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(20);

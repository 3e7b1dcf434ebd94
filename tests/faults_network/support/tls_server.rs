//! TLS servers that do what no service does, and count what they get: on the wire, and decrypted.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SanType, SerialNumber,
};
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use time::OffsetDateTime;

pub type Tls = StreamOwned<ServerConnection, Counted>;

/// What a server got, all connections together.
#[derive(Debug, Default)]
pub struct Seen {
    pub connections: AtomicU64,
    /// Those of them that have ended.
    ended: AtomicU64,
    /// Handshakes that the server, too, found good.
    pub handshakes: AtomicU64,
    /// Bytes behind the ClientHello on the wire, of whatever kind.
    pub behind_hello: AtomicU64,
    /// Decrypted bytes.
    pub application: AtomicU64,
    /// Bytes that the server got rid of, decrypted.
    pub sent: AtomicU64,
}

impl Seen {
    pub fn get(&self, count: impl Fn(&Self) -> &AtomicU64) -> u64 {
        count(self).load(Ordering::SeqCst)
    }
}

/// A server for as long as the test process lives.
pub struct TlsServer {
    pub port: u16,
    pub seen: Arc<Seen>,
}

impl TlsServer {
    /// Gives every connection whose handshake succeeds to `serve`, in a thread of its own, and then reads what still
    /// comes.
    pub fn start(
        config: ServerConfig,
        serve: impl Fn(&mut Tls, &Seen) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (config, serve, seen) = (Arc::new(config), Arc::new(serve), Arc::new(Seen::default()));
        let shown = Arc::clone(&seen);
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (config, serve, seen) = (Arc::clone(&config), Arc::clone(&serve), Arc::clone(&seen));
                thread::spawn(move || {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    // What breaks is the client's affair.
                    let _ = connection(tcp, config, &seen, &*serve);
                    seen.ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, seen: shown }
    }

    /// The same, for servers that say nothing: what comes is counted.
    pub fn silent(config: ServerConfig) -> Self {
        Self::start(config, |_, _| Ok(()))
    }

    /// Waits until everything that came has been counted: the client has ended, and so will its connections.
    pub fn settle(&self) {
        while self.seen.get(|seen| &seen.ended) < self.seen.get(|seen| &seen.connections) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn connection(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Arc<Seen>,
    serve: &(impl Fn(&mut Tls, &Seen) -> io::Result<()> + ?Sized),
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(SILENCE))?;
    let counted = Counted { tcp, read: 0, hello: Vec::new(), seen: Arc::clone(seen) };
    let mut tls = StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, counted);
    let mut served = Ok(());
    while served.is_ok() && tls.conn.is_handshaking() {
        served = tls.conn.complete_io(&mut tls.sock).map(drop);
    }
    if served.is_ok() {
        seen.handshakes.fetch_add(1, Ordering::SeqCst);
        served = serve(&mut tls, seen);
    }
    // Whatever comes now is counted, too.
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = tls.read(&mut buffer) {
        seen.application.fetch_add(count as u64, Ordering::SeqCst);
    }
    while let Ok(1..) = tls.sock.read(&mut buffer) {}
    served
}

/// A socket that counts what is read from it.
pub struct Counted {
    tcp: TcpStream,
    read: u64,
    /// The ClientHello's record's header.
    hello: Vec<u8>,
    seen: Arc<Seen>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.tcp.read(buffer)?;
        let missing = HEADER.saturating_sub(self.hello.len()).min(count);
        self.hello.extend_from_slice(&buffer[..missing]);
        let before = self.read;
        self.read += count as u64;
        if let [.., high, low] = self.hello[..] {
            let end = HEADER as u64 + u64::from(u16::from_be_bytes([high, low]));
            let behind = self.read.saturating_sub(end) - before.saturating_sub(end);
            self.seen.behind_hello.fetch_add(behind, Ordering::SeqCst);
        }
        Ok(count)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// An authority of ours, by the name of the sandbox's.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: String,
}

/// What is special about a certificate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Special {
    /// Valid from so many days from now on.
    pub from: Option<i64>,
    /// Valid until so many days from now.
    pub until: Option<i64>,
    /// For no name of ours.
    pub elsewhere: bool,
}

/// A certificate, and its key.
pub struct Credential {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let parameters = authority_parameters();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    /// The sandbox's own, to issue more in its name.
    pub fn of_sandbox(certificates: &homing_sandbox::Certificates) -> Self {
        let key = KeyPair::from_pem(&std::fs::read_to_string(&certificates.ca_key).unwrap()).unwrap();
        let certificate = std::fs::read_to_string(&certificates.ca).unwrap();
        Self { issuer: Issuer::new(authority_parameters(), key), certificate }
    }

    /// A server's, for 127.0.0.1 and localhost.
    pub fn server(&self, special: Special) -> Credential {
        let mut parameters = parameters("localhost");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.subject_alt_names = if special.elsewhere {
            vec![SanType::DnsName("elsewhere.example".try_into().unwrap())]
        } else {
            vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into()), SanType::DnsName("localhost".try_into().unwrap())]
        };
        let day = |days: i64| OffsetDateTime::now_utc() + time::Duration::days(days);
        parameters.not_before = special.from.map_or(parameters.not_before, day);
        parameters.not_after = special.until.map_or(parameters.not_after, day);
        self.sign(parameters)
    }

    /// A device's, and the list by which it is revoked.
    pub fn revoked_device(&self, thing_name: &str) -> (Credential, CertificateRevocationListDer<'static>) {
        let serial_number = SerialNumber::from(REVOKED);
        let mut parameters = parameters(thing_name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.serial_number = Some(serial_number.clone());
        let now = OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number,
                revocation_time: now - time::Duration::hours(1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap();
        (self.sign(parameters), list.der().clone())
    }

    fn sign(&self, parameters: CertificateParams) -> Credential {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().pem();
        Credential { certificate, key: key.serialize_pem() }
    }
}

/// A server that shows `certificate` and signs with `key`, whether or not they belong together.
pub fn server_config(
    certificate: &str,
    key: &str,
    client: Option<Arc<dyn ClientCertVerifier>>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = any_supported_type(&PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
    let builder =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_protocol_versions(versions).unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}

/// The sandbox's own server certificate, no certificate asked for: for servers that are trusted and should not be.
pub fn trusted(certificates: &homing_sandbox::Certificates) -> ServerConfig {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    server_config(&read(&certificates.server_certificate), &read(&certificates.server_key), None, rustls::ALL_VERSIONS)
}

/// Asks clients for a certificate of `authority` that is not on the list.
pub fn unless_revoked(
    authority: &Authority,
    list: CertificateRevocationListDer<'static>,
) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .with_crls([list])
        .build()
        .unwrap()
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = parameters("homing sandbox CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn parameters(common_name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.not_before = OffsetDateTime::now_utc() - time::Duration::days(30);
    parameters.not_after = OffsetDateTime::now_utc() + time::Duration::days(3650);
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

/// Of a TLS record: type, version, length.
const HEADER: usize = 5;
/// A client that says nothing for so long has nothing more to say; longer than any run's own deadlines.
const SILENCE: Duration = Duration::from_secs(60);
const REVOKED: u64 = 4711;

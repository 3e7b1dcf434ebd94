//! A connection made step by step, for whoever wants to know how each step went. Nothing is sent over it.

use super::connect::{Target, describe};
use super::proxy::Proxy;
use super::stream::Stream;
use super::tls;
use super::witness::Witness;
use crate::error::Result;
use rustls::{CipherSuite, ClientConfig, ProtocolVersion};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A TCP connection.
#[derive(Debug)]
pub struct Reached(TcpStream);

/// How the attempt to connect to one address went.
#[derive(Debug)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// How long it took, or why it failed.
    pub outcome: std::io::Result<Duration>,
}

/// How TLS is to be spoken, and who sees what the server shows.
pub struct TlsProbe {
    config: Arc<ClientConfig>,
    witness: Arc<Witness>,
}

/// What a TLS handshake has agreed on.
#[derive(Debug)]
pub struct Agreed {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The cipher suite as IANA names it.
    pub cipher: &'static str,
    /// The protocol that the server has chosen of those offered (ALPN).
    pub protocol: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Connects to the first address of each family (IPv4, IPv6) that can be reached, each within its share of the time
/// until `deadline`, and gives every attempt, and the first connection.
///
/// # Errors
/// None could be reached.
pub fn reach(target: &Target, addresses: &[SocketAddr], deadline: Instant) -> (Vec<Attempt>, Result<Reached>) {
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut reached = None;
    for (index, address) in addresses.iter().enumerate() {
        let is_known = |attempt: &Attempt| attempt.outcome.is_ok() && attempt.address.is_ipv6() == address.is_ipv6();
        if attempts.iter().any(is_known) {
            continue;
        }
        let began = Instant::now();
        let remaining = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(began) / remaining;
        // A time of zero is refused as a mistake.
        let connected = TcpStream::connect_timeout(address, share.max(Duration::from_millis(1)));
        let outcome = connected.map(|stream| {
            reached.get_or_insert(stream);
            began.elapsed()
        });
        attempts.push(Attempt { address: *address, outcome });
    }
    let failed = || {
        let last = attempts.last();
        let error = last.and_then(|last| Some((last.address, last.outcome.as_ref().err()?.kind().into())));
        describe(target, error)
    };
    let reached = reached.map(Reached).ok_or_else(failed);
    (attempts, reached)
}

impl Reached {
    /// Asks the proxy that was reached for a tunnel to `target`.
    ///
    /// # Errors
    /// As [`Proxy::tunnel`].
    pub fn tunnel(self, proxy: &Proxy, target: &Target, deadline: Instant) -> Result<Self> {
        proxy.tunnel(self.0, target, deadline).map(Self)
    }

    /// Completes a TLS handshake with `host`, and says goodbye.
    ///
    /// # Errors
    /// What [`tls::explain`] makes of a failed handshake.
    pub fn handshake(self, host: &str, probe: &TlsProbe, deadline: Instant) -> Result<Agreed> {
        let began = Instant::now();
        let stream = Stream::open_over(self.0, host, probe.config.clone(), deadline)?;
        let took = began.elapsed();
        let agreed = stream.tls();
        let version = match agreed.and_then(|tls| tls.protocol_version()) {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        };
        let suite = agreed.and_then(|tls| tls.negotiated_cipher_suite()).map(|suite| suite.suite());
        let cipher = CIPHERS.iter().find(|(known, _)| Some(*known) == suite).map_or("", |(_, name)| name);
        let protocol =
            agreed.and_then(|tls| tls.alpn_protocol()).map(|name| String::from_utf8_lossy(name).into_owned());
        Ok(Agreed { version, cipher, protocol, took })
    }
}

impl TlsProbe {
    /// As [`tls::witnessed_config`].
    ///
    /// # Errors
    /// As that.
    pub fn new(trust: &tls::Trust, identity: Option<&tls::Identity>, alpn: &[&[u8]]) -> Result<Self> {
        let (config, witness) = tls::witnessed_config(trust, identity, alpn)?;
        Ok(Self { config, witness })
    }

    /// What the server showed, its own certificate first, each in DER; empty: nothing.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        self.witness.chain()
    }

    /// The trusted authority that the server's certificates lead to; `None`: to none.
    pub fn root(&self) -> Option<String> {
        self.witness.root()
    }
}

/// The cipher suites that are offered, by name; rustls's own table has every suite there ever was.
const CIPHERS: [(CipherSuite, &str); 9] = [
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

//! Who sees the certificates that a server shows. Judging them is rustls's.

use super::crypto;
use crate::protocol::x509;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Result<T> = std::result::Result<T, rustls::Error>;

/// Verifies as rustls's own verifier does, and keeps the certificates that it was shown last.
#[derive(Debug)]
pub struct Witness {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    chain: Mutex<Vec<Vec<u8>>>,
}

impl Witness {
    /// Verifies by `roots`.
    pub(super) fn new(roots: Arc<RootCertStore>) -> Self {
        Self { roots, algorithms: crypto::SIGNATURES, chain: Mutex::default() }
    }

    /// What the server showed last, its own certificate first, each in DER; empty: none yet.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        self.seen().clone()
    }

    /// The trusted authority that the chain leads to, by its names; `None`: to none of them.
    pub fn root(&self) -> Option<String> {
        let chain = self.seen();
        chain.iter().find_map(|shown| {
            let issuer = x509::read(shown)?.issuer;
            let is_known = self.roots.roots.iter().any(|root| root.subject.as_ref() == issuer);
            is_known.then(|| x509::Name(issuer).to_string())
        })
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // A panic cannot leave it half written.
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified> {
        *self.seen() = std::iter::once(end_entity).chain(intermediates).map(|shown| shown.to_vec()).collect();
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, self.algorithms.all)?;
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

//! TLS settings of the sandbox's servers: rustls, TLS 1.3 and 1.2.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::Certificates;

/// Whether a server asks for the device's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientCertificate {
    Required,
    NotAsked,
}

/// A server's side. With `protocols`, a client that offers ALPN must offer one of them.
pub(crate) fn acceptor(
    certificates: &Certificates,
    client_certificate: ClientCertificate,
    protocols: &[&str],
) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match client_certificate {
        ClientCertificate::NotAsked => builder.with_no_client_auth(),
        ClientCertificate::Required => {
            let roots = Arc::new(roots(&certificates.ca)?);
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots, provider).build().map_err(io::Error::other)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = identity(&certificates.server_certificate, &certificates.server_key)?;
    let mut config = builder.with_single_cert(chain, key).map_err(io::Error::other)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's side of the MQTT gateway towards the broker behind it.
pub(crate) fn gateway_connector(certificates: &Certificates) -> io::Result<TlsConnector> {
    let (chain, key) = identity(&certificates.gateway_certificate, &certificates.gateway_key)?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots(&certificates.ca)?)
        .with_client_auth_cert(chain, key)
        .map_err(io::Error::other)?;
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(file: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).map_err(io::Error::other)?).map_err(io::Error::other)?;
    Ok(roots)
}

fn identity(certificate: &Path, key: &Path) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(io::Error::other)?;
    Ok((chain, PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?))
}

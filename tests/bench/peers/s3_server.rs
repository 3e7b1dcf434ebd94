//! s3s-fs, as it is published, behind TLS with one cipher suite: the one that AWS's own endpoints choose first.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::support::pki::Identity;

/// The one set of credentials.
pub(crate) const ACCESS_KEY_ID: &str = "ASIABENCHBENCHBENCH0";
/// Belongs to [`ACCESS_KEY_ID`].
pub(crate) const SECRET_ACCESS_KEY: &str = "the/secret+of+the/device+in+this/benchmark";

/// A running server; it ends when this is dropped.
pub(crate) struct S3Server {
    pub(crate) port: u16,
    _runtime: Runtime,
}

impl S3Server {
    /// Serves the folders of `root` as buckets to who signs with the key and shows the session token.
    pub(crate) fn start(root: &Path, identity: &Identity, session_token: &str) -> io::Result<Self> {
        let files = FileSystem::new(root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        builder.set_access(Token(session_token.to_owned()));
        let service = builder.build();
        let acceptor = TlsAcceptor::from(Arc::new(tls(identity)?));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        runtime.spawn(serve(listener, acceptor, service));
        Ok(Self { port, _runtime: runtime })
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, service: S3Service) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else { continue };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            // Else each answer would wait for the acknowledgement of the last.
            let _ = tcp.set_nodelay(true);
            let Ok(stream) = acceptor.accept(tcp).await else { return };
            // A connection that breaks is the client's affair: what it delivered is looked at.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn tls(identity: &Identity) -> io::Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(&identity.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(io::Error::other)?;
    let provider = CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..ring::default_provider()
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// s3s-fs does not look at session tokens.
struct Token(String);

#[async_trait::async_trait]
impl S3Access for Token {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let token = context.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
        if context.credentials().is_some() && token == Some(&self.0) {
            return Ok(());
        }
        Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"))
    }
}

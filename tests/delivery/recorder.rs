//! A TLS server in front of one service of the sandbox that writes down what a client does: its ClientHello, the version
//! agreed on, and every byte inside TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use homing_sandbox::{Sandbox, Service};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{Acceptor, WebPkiClientVerifier};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

/// A running recorder; dropping it cuts its connections.
pub struct Recorder {
    port: u16,
    conversations: Arc<Mutex<Vec<Conversation>>>,
    runtime: Option<Runtime>,
}

/// One connection.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// Server name indication.
    pub server_name: Option<String>,
    /// What was offered by ALPN, in order.
    pub offered: Vec<String>,
    /// What was agreed on by ALPN.
    pub protocol: Option<String>,
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// Whether the client showed a certificate.
    pub client_certificate: bool,
    /// Every byte from the client, inside TLS.
    pub sent: Vec<u8>,
}

impl Recorder {
    /// Starts a recorder in front of `service`, with these versions of TLS and these protocols for ALPN.
    pub fn start(
        sandbox: &Sandbox,
        service: Service,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let conversations = Arc::default();
        let relay = Relay {
            server: server_config(sandbox, service, versions, protocols),
            connector: TlsConnector::from(client_config(sandbox)),
            target: SocketAddr::from(([127, 0, 0, 1], sandbox.port(service))),
            conversations: Arc::clone(&conversations),
        };
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay.clone().connection(client));
            }
        });
        Self { port, conversations, runtime: Some(runtime) }
    }

    /// Where clients connect, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every connection whose handshake was finished.
    pub fn conversations(&self) -> Vec<Conversation> {
        self.conversations.lock().unwrap().clone()
    }

    /// The only connection there was.
    #[track_caller]
    pub fn conversation(&self) -> Conversation {
        let mut conversations = self.conversations();
        assert_eq!(conversations.len(), 1);
        conversations.remove(0)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Relay {
    server: Arc<ServerConfig>,
    connector: TlsConnector,
    target: SocketAddr,
    conversations: Arc<Mutex<Vec<Conversation>>>,
}

impl Relay {
    async fn connection(self, client: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        let start = LazyConfigAcceptor::new(Acceptor::default(), client).await?;
        let hello = start.client_hello();
        let mut conversation = Conversation {
            server_name: hello.server_name().map(str::to_owned),
            offered: hello.alpn().into_iter().flatten().map(text).collect(),
            ..Conversation::default()
        };
        let client = start.into_stream(Arc::clone(&self.server)).await?;
        let tls = client.get_ref().1;
        conversation.version = tls.protocol_version();
        conversation.protocol = tls.alpn_protocol().map(text);
        conversation.client_certificate = tls.peer_certificates().is_some();
        let number = {
            let mut conversations = self.conversations.lock().unwrap();
            conversations.push(conversation);
            conversations.len() - 1
        };
        let server = TcpStream::connect(self.target).await?;
        server.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let (server_reader, server_writer) = tokio::io::split(self.connector.connect(name, server).await?);
        let (client_reader, client_writer) = tokio::io::split(client);
        let note = |bytes: &[u8]| self.conversations.lock().unwrap()[number].sent.extend_from_slice(bytes);
        let to_server = pass_on(client_reader, server_writer, note);
        let to_client = pass_on(server_reader, client_writer, |_| ());
        tokio::try_join!(to_server, to_client).map(|_| ())
    }
}

async fn pass_on(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    note: impl Fn(&[u8]),
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            return writer.shutdown().await;
        }
        note(&buffer[..count]);
        writer.write_all(&buffer[..count]).await?;
        writer.flush().await?;
    }
}

fn server_config(
    sandbox: &Sandbox,
    service: Service,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ServerConfig> {
    let certificates = sandbox.certificates();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match service {
        Service::S3 | Service::Container | Service::CodeArtifact | Service::Repositories | Service::Sts => {
            builder.with_no_client_auth()
        }
        Service::Credentials | Service::Mqtt | Service::Publish => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(sandbox)), provider).build().unwrap(),
        ),
    };
    let chain = vec![CertificateDer::from_pem_file(&certificates.server_certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&certificates.server_key).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Towards the sandbox the recorder is the device.
fn client_config(sandbox: &Sandbox) -> Arc<ClientConfig> {
    let certificates = sandbox.certificates();
    let chain = vec![CertificateDer::from_pem_file(&certificates.device_certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&certificates.device_key).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(sandbox))
        .with_client_auth_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

fn roots(sandbox: &Sandbox) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&sandbox.certificates().ca).unwrap()).unwrap();
    roots
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

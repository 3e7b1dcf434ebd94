//! A running sandbox.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::builder::SandboxBuilder;
use crate::certificates::Certificates;
use crate::codeartifact::{self, CodeArtifact, PackageToken, Packages, Repositories};
use crate::configuration::{Ports, configuration};
use crate::container_credentials::{self, ContainerCredentials};
use crate::credential_provider::{CredentialProvider, CredentialSettings};
use crate::faults::{Fault, FaultSwitch};
use crate::http_server::{Handler, HttpServer};
use crate::https_publish::HttpsPublish;
use crate::mqtt::MqttGateway;
use crate::records::{Arrival, Counts, HttpExchange, Message, Object, PendingUpload, Records, Service};
use crate::s3::S3Handler;
use crate::s3_multipart::Uploads;
use crate::sessions::{IssuedCredentials, Sessions, UPPER_CASE_AND_DIGITS, random_text};
use crate::sts::Sts;
use crate::tls::{ClientCertificate, acceptor};

/// A running stand-in AWS. Dropping it ends every server and removes its folder.
pub struct Sandbox {
    settings: SandboxBuilder,
    certificates: Certificates,
    ports: Ports,
    configuration: PathBuf,
    container_token: String,
    records: Records,
    sessions: Sessions,
    packages: Packages,
    uploads: Uploads,
    switches: Switches,
    // Ended before the folder goes, so that nothing writes into it any more.
    runtime: Option<Runtime>,
    folder: TempDir,
}

/// Where container credentials are, for the variables `AWS_CONTAINER_CREDENTIALS_FULL_URI` and
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEndpoint {
    /// `http://localhost:PORT/…`; the server listens on 127.0.0.1 only, as Greengrass's does.
    pub full_uri: String,
    /// The value that `Authorization` must carry.
    pub authorization_token: String,
}

impl Sandbox {
    /// Begins the settings of a new sandbox.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    /// The configuration file for homing.
    pub fn config_path(&self) -> &Path {
        &self.configuration
    }

    /// The content of the configuration file, to be changed and written anew by tests.
    pub fn configuration(&self) -> Value {
        configuration(&self.settings, &self.certificates, self.ports)
    }

    /// A folder that goes with the sandbox.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate and key files.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The port of a service on 127.0.0.1.
    pub fn port(&self, service: Service) -> u16 {
        match service {
            Service::Credentials => self.ports.credentials,
            Service::S3 => self.ports.s3,
            Service::Mqtt => self.ports.mqtt,
            Service::Publish => self.ports.publish,
            Service::Container => self.ports.container,
            Service::CodeArtifact => self.ports.codeartifact,
            Service::Repositories => self.ports.repositories,
            Service::Sts => self.ports.sts,
        }
    }

    /// The thing name in the device's certificate.
    pub fn thing_name(&self) -> &str {
        &self.settings.thing_name
    }

    /// The bucket that is there from the start.
    pub fn bucket(&self) -> &str {
        &self.settings.bucket
    }

    /// The container credentials endpoint.
    pub fn container_endpoint(&self) -> ContainerEndpoint {
        ContainerEndpoint {
            full_uri: format!("http://localhost:{}{}", self.ports.container, container_credentials::PATH),
            authorization_token: self.container_token.clone(),
        }
    }

    /// `DOMAIN/REPOSITORY` in CodeArtifact, the only one.
    pub fn package_repository(&self) -> String {
        format!("{}/{}", codeartifact::DOMAIN, codeartifact::REPOSITORY)
    }

    /// The account that owns the domain of [`Self::package_repository`].
    pub fn domain_owner(&self) -> &str {
        codeartifact::OWNER
    }

    /// Puts a package index (plain HTTP, on loopback) behind the repository: pypiserver, or a registry for npm.
    pub fn set_package_index(&self, index: SocketAddr) {
        self.packages.set_index(index);
    }

    /// Every token for packages that was issued so far.
    pub fn package_tokens(&self) -> Vec<PackageToken> {
        self.packages.issued()
    }

    /// Credentials as if the credential provider had issued them now, good for `lifetime`.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn issue_credentials(&self, lifetime: Duration) -> io::Result<IssuedCredentials> {
        self.sessions.issue(self.settings.token_length, lifetime)
    }

    /// Ends every set of credentials issued so far: S3 refuses them with ExpiredToken.
    pub fn expire_credentials(&self) {
        self.sessions.expire_all();
    }

    /// The multipart uploads that have begun and not ended.
    pub fn pending_uploads(&self) -> Vec<PendingUpload> {
        self.uploads.pending()
    }

    /// Ends every multipart upload, as a bucket's lifecycle rule does: S3 knows them no more.
    pub fn forget_uploads(&self) {
        self.uploads.forget_all();
    }

    /// Loses the part of this number in every multipart upload.
    pub fn lose_part(&self, number: u16) {
        self.uploads.lose_part(number);
    }

    /// Lets every multipart upload have begun earlier.
    pub fn age_uploads(&self, by: Duration) {
        self.uploads.age(by);
    }

    /// Everything that has arrived so far, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.records.arrivals()
    }

    /// The same, and forgets them: for whoever looks thousands of times.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        self.records.take_arrivals()
    }

    /// The objects that have arrived so far, in order.
    pub fn objects(&self) -> Vec<Object> {
        let object = |arrival| if let Arrival::Object(object) = arrival { Some(object) } else { None };
        self.arrivals().into_iter().filter_map(object).collect()
    }

    /// The messages that have arrived so far, over MQTT and HTTPS, in order.
    pub fn messages(&self) -> Vec<Message> {
        let message = |arrival| if let Arrival::Message(message) = arrival { Some(message) } else { None };
        self.arrivals().into_iter().filter_map(message).collect()
    }

    /// Waits until at least `count` things have arrived, and gives everything that is there then or after the timeout.
    /// Needed for QoS 0 only: what was answered with success is there before the answer is.
    pub fn wait_for_arrivals(&self, count: usize, timeout: Duration) -> Vec<Arrival> {
        let deadline = Instant::now() + timeout;
        loop {
            let arrivals = self.arrivals();
            let left = deadline.saturating_duration_since(Instant::now());
            if arrivals.len() >= count || left.is_zero() {
                return arrivals;
            }
            self.records.wait_beyond(arrivals.len(), left);
        }
    }

    /// Waits for arrivals beyond the first `seen`, and gives those; empty after the timeout.
    pub fn wait_beyond(&self, seen: usize, timeout: Duration) -> Vec<Arrival> {
        self.records.wait_beyond(seen, timeout)
    }

    /// Every HTTP request that was answered so far.
    pub fn exchanges(&self) -> Vec<HttpExchange> {
        self.records.exchanges()
    }

    /// How often a service was reached so far.
    pub fn counts(&self, service: Service) -> Counts {
        self.records.counts(service)
    }

    /// Forgets arrivals, exchanges and counts; stored objects stay stored.
    pub fn clear_records(&self) {
        self.records.clear();
    }

    /// Makes a service misbehave from now on (see [`Fault::times`]), instead of any fault before.
    pub fn set_fault(&self, service: Service, fault: Fault) {
        self.switches.of(service).set(Some(fault));
    }

    /// Makes a service behave again.
    pub fn clear_fault(&self, service: Service) {
        self.switches.of(service).set(None);
    }

    /// Sets a service's clock off by this many seconds: its `Date` header, the expirations it gives, and the time with which
    /// S3 compares a request's (RequestTimeTooSkewed beyond 15 minutes).
    pub fn set_clock_offset(&self, service: Service, seconds: i64) {
        self.switches.of(service).set_clock_offset(seconds);
    }

    pub(crate) fn start(settings: SandboxBuilder) -> io::Result<Self> {
        let folder = make_folder(settings.folder.as_deref())?;
        let mut server_names =
            vec![format!("{}.localhost", settings.bucket), "*.localhost".to_owned(), "s3.localhost".to_owned()];
        server_names.extend(settings.server_names.iter().cloned());
        let certificates =
            Certificates::create(&folder.path().join("certificates"), &settings.thing_name, &server_names)?;
        let objects = folder.path().join("s3");
        fs::create_dir_all(objects.join(&settings.bucket))?;
        let container_token = random_text(CONTAINER_TOKEN_LENGTH, UPPER_CASE_AND_DIGITS)?;

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
        let records = Records::default();
        let sessions = Sessions::new();
        let switches = Switches::default();
        let starter =
            Starter { runtime: &runtime, records: &records, switches: &switches, certificates: &certificates };
        let credential_settings = CredentialSettings {
            role_alias: settings.role_alias.clone(),
            token_length: settings.token_length,
            lifetime: settings.credential_lifetime,
        };
        let provider = CredentialProvider {
            settings: credential_settings.clone(),
            sessions: sessions.clone(),
            switch: switches.of(Service::Credentials),
        };
        let container = ContainerCredentials {
            settings: credential_settings,
            authorization_token: container_token.clone(),
            sessions: sessions.clone(),
            switch: switches.of(Service::Container),
        };
        let uploads = Uploads::new(folder.path().join("s3-parts"), settings.list_page);
        let s3 = S3Handler::new(
            objects,
            &settings,
            uploads.clone(),
            sessions.clone(),
            records.clone(),
            switches.of(Service::S3),
        )?;
        let publish = HttpsPublish { records: records.clone() };
        let packages = Packages::default();
        let repositories = starter.http(
            Service::Repositories,
            Some(ClientCertificate::NotAsked),
            &["http/1.1"],
            Repositories { packages: packages.clone() },
        )?;
        let codeartifact = CodeArtifact {
            region: settings.region.clone(),
            lifetime: settings.credential_lifetime,
            token_length: settings.package_token_length,
            sessions: sessions.clone(),
            packages: packages.clone(),
            repositories,
            switch: switches.of(Service::CodeArtifact),
        };
        let sts = Sts {
            region: settings.region.clone(),
            role: settings.role_alias.clone(),
            sessions: sessions.clone(),
            switch: switches.of(Service::Sts),
        };
        let ports = Ports {
            credentials: starter.http(Service::Credentials, Some(ClientCertificate::Required), &[], provider)?,
            s3: starter.http(Service::S3, Some(ClientCertificate::NotAsked), &["http/1.1"], s3)?,
            mqtt: starter.mqtt()?,
            publish: starter.http(
                Service::Publish,
                Some(ClientCertificate::Required),
                &["x-amzn-http-ca", "http/1.1"],
                publish,
            )?,
            container: starter.http(Service::Container, None, &[], container)?,
            codeartifact: starter.http(
                Service::CodeArtifact,
                Some(ClientCertificate::NotAsked),
                &["http/1.1"],
                codeartifact,
            )?,
            repositories,
            sts: starter.http(Service::Sts, Some(ClientCertificate::NotAsked), &["http/1.1"], sts)?,
        };

        let configuration_path = folder.path().join("config.json");
        let content = serde_json::to_string_pretty(&configuration(&settings, &certificates, ports))?;
        fs::write(&configuration_path, content + "\n")?;
        Ok(Self {
            settings,
            certificates,
            ports,
            configuration: configuration_path,
            container_token,
            records,
            sessions,
            packages,
            uploads,
            switches,
            runtime: Some(runtime),
            folder,
        })
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// The folder that is asked for, or a new one among the system's temporary files; either is removed with what it is
/// given to. It is absolute, so that `config.json` is good in any directory.
fn make_folder(asked: Option<&Path>) -> io::Result<TempDir> {
    let Some(asked) = asked else {
        return tempfile::Builder::new().prefix("homing-sandbox-").tempdir();
    };
    let asked = std::path::absolute(asked)?;
    let (Some(parent), Some(name)) = (asked.parent(), asked.file_name()) else {
        return Err(io::Error::other(format!("no folder can be made at {}", asked.display())));
    };
    // With no random part in its name, one that is there already is an error.
    tempfile::Builder::new().prefix(name).rand_bytes(0).tempdir_in(parent)
}

/// One fault switch a service.
#[derive(Default)]
struct Switches([Arc<FaultSwitch>; Service::ALL.len()]);

impl Switches {
    fn of(&self, service: Service) -> Arc<FaultSwitch> {
        Arc::clone(&self.0[service as usize])
    }
}

struct Starter<'a> {
    runtime: &'a Runtime,
    records: &'a Records,
    switches: &'a Switches,
    certificates: &'a Certificates,
}

impl Starter<'_> {
    fn http(
        &self,
        service: Service,
        tls: Option<ClientCertificate>,
        protocols: &[&str],
        handler: impl Handler,
    ) -> io::Result<u16> {
        let server = HttpServer {
            service,
            tls: tls.map(|client| acceptor(self.certificates, client, protocols)).transpose()?,
            switch: self.switches.of(service),
            records: self.records.clone(),
            handler: Arc::new(handler),
        };
        let listener = self.runtime.block_on(TcpListener::bind(any_port()))?;
        let port = listener.local_addr()?.port();
        self.runtime.spawn(server.run(listener));
        Ok(port)
    }

    fn mqtt(&self) -> io::Result<u16> {
        let gateway =
            MqttGateway::new(self.runtime, self.certificates, self.switches.of(Service::Mqtt), self.records.clone())?;
        let listener = self.runtime.block_on(TcpListener::bind(any_port()))?;
        let port = listener.local_addr()?.port();
        self.runtime.spawn(gateway.run(listener));
        Ok(port)
    }
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Enough for a client, a fault and a stalled connection at once; the machines that run the tests are small.
const WORKERS: usize = 2;
/// How long servers may take to let go of their files.
const SHUTDOWN: Duration = Duration::from_secs(2);
/// As long as Greengrass's.
const CONTAINER_TOKEN_LENGTH: usize = 16;

//! What the configuration says about connections, made ready: trust, identity, proxy, deadlines.

use super::attempts::Retries;
use super::credential_cache::CacheInUse;
use super::signer::{Signer, SigningClock};
use crate::config::Config;
use crate::error::Result;
use crate::net::connect::{self, Target};
use crate::net::http::{Client, Settings};
use crate::net::probe::TlsProbe;
use crate::net::proxy::Proxy;
use crate::net::stream::{Stream, unix_time};
use crate::net::tls::{self, Identity, PemFile, Trust};
use crate::options::Id;
use rustls::ClientConfig;
use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// Makes clients and connections for one run of a command. Certificates are read once, when first needed.
pub struct Network<'c> {
    config: &'c Config,
    proxy: Option<Arc<Proxy>>,
    deadline: Option<Instant>,
    trust: OnceCell<Trust>,
    identity: OnceCell<Identity>,
    cache_in_use: CacheInUse,
    retries: Retries,
    clock: SigningClock,
    signer: RefCell<Option<Signer>>,
}

impl<'c> Network<'c> {
    /// Reads the environment's proxy. The total deadline, where there is one, begins now.
    ///
    /// # Errors
    /// A proxy variable that cannot be used.
    pub fn new(config: &'c Config) -> Result<Self> {
        let proxy = Proxy::from_environment(|name| std::env::var(name).ok())?.map(Arc::new);
        let deadline = config.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Self {
            config,
            proxy,
            deadline,
            trust: OnceCell::new(),
            identity: OnceCell::new(),
            cache_in_use: CacheInUse::default(),
            retries: Retries::new(config.max_attempts, deadline),
            clock: SigningClock::default(),
            signer: RefCell::default(),
        })
    }

    /// What it was made from.
    pub fn config(&self) -> &'c Config {
        self.config
    }

    /// How often things are attempted in this run.
    pub fn retries(&self) -> &Retries {
        &self.retries
    }

    /// The clock that requests are signed by.
    pub fn clock(&self) -> &SigningClock {
        &self.clock
    }

    /// Who signs this run's requests, once that is known.
    pub fn signer(&self) -> Option<Signer> {
        self.signer.borrow().clone()
    }

    /// From now on it is this one.
    pub fn hold_signer(&self, signer: Signer) {
        self.signer.replace(Some(signer));
    }

    /// When the whole command must be over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Who the device is: SHA-256 of its certificate. Only whoever has the private key, too, gets it.
    ///
    /// # Errors
    /// Certificate or key cannot be used.
    pub fn certificate_fingerprint(&self) -> Result<[u8; 32]> {
        self.identity().map(Identity::fingerprint)
    }

    /// Where this run's credentials are kept, once there are some.
    pub fn cache_in_use(&self) -> &CacheInUse {
        &self.cache_in_use
    }

    /// Host and port of the proxy that connections go through, where there is one.
    pub fn proxy_target(&self) -> Option<Target> {
        self.proxy.as_deref().map(Proxy::target)
    }

    /// A client that shows the device certificate: for the credential provider and the data endpoint.
    ///
    /// # Errors
    /// Certificate, key or CA file cannot be used.
    pub fn device_client(&self, alpn: &[&[u8]]) -> Result<Client> {
        Ok(self.client(Some(self.device_tls(alpn)?), |_| false))
    }

    /// A client that shows no certificate: for S3.
    ///
    /// # Errors
    /// The CA file cannot be used.
    pub fn public_client(&self) -> Result<Client> {
        Ok(self.client(Some(tls::client_config(self.trust()?, None, &[])?), |_| false))
    }

    /// A client without TLS, for addresses that `allowed` lets pass: the container credentials endpoint.
    pub fn plain_client(&self, allowed: fn(IpAddr) -> bool) -> Client {
        self.client(None, allowed)
    }

    /// Something that opens connections with the device certificate to `host`, from any thread.
    ///
    /// # Errors
    /// Certificate, key or CA file cannot be used.
    pub fn device_connector(
        &self,
        host: &str,
        port: u16,
        alpn: &[&[u8]],
    ) -> Result<impl Fn() -> Result<Stream> + Send + use<>> {
        let target = Target { host: host.to_owned(), port };
        let tls = self.device_tls(alpn)?;
        let (proxy, deadline, timeout) = (self.proxy.clone(), self.deadline, self.config.connect_timeout);
        Ok(move || {
            let until = Instant::now() + timeout;
            Stream::open(&target, proxy.as_deref(), tls.clone(), deadline.map_or(until, |end| until.min(end)))
        })
    }

    /// Every address that `host` has.
    ///
    /// # Errors
    /// There is no such name, or no answer in time.
    pub fn addresses(&self, host: &str, port: u16) -> Result<impl Iterator<Item = IpAddr>> {
        let target = Target { host: host.to_owned(), port };
        let found = connect::resolve(&target, self.connect_deadline())?;
        Ok(found.into_iter().map(|address| address.ip()))
    }

    /// The proxy that connections to `host` go through, where there is one.
    pub fn proxy_for(&self, host: &str) -> Option<&Proxy> {
        self.proxy.as_deref().filter(|proxy| proxy.is_for(host))
    }

    /// A TLS handshake to be looked at, with the device certificate where `as_device` and where it can be used.
    ///
    /// # Errors
    /// The CA file cannot be used.
    pub fn tls_probe(&self, as_device: bool, alpn: &[&[u8]]) -> Result<TlsProbe> {
        let identity = if as_device { self.identity().ok() } else { None };
        TlsProbe::new(self.trust()?, identity, alpn)
    }

    /// When a connection that is begun now has to be there.
    pub fn connect_deadline(&self) -> Instant {
        let until = Instant::now() + self.config.connect_timeout;
        self.deadline.map_or(until, |end| until.min(end))
    }

    fn client(&self, tls: Option<Arc<ClientConfig>>, plain_allowed: fn(IpAddr) -> bool) -> Client {
        Client::new(Settings {
            tls,
            plain_allowed,
            proxy: self.proxy.clone(),
            connect_timeout: self.config.connect_timeout,
            idle_timeout: self.config.stall_timeout,
            deadline: self.deadline,
        })
    }

    fn device_tls(&self, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>> {
        tls::client_config(self.trust()?, Some(self.identity()?), alpn)
    }

    fn trust(&self) -> Result<&Trust> {
        if let Some(trust) = self.trust.get() {
            return Ok(trust);
        }
        let origin = self.config.origin(Id::CaFile).to_string();
        let file = self.config.ca_file.as_deref().map(|path| PemFile { path, origin: &origin });
        let trust = Trust::load(file, self.config.ca_replace)?;
        Ok(self.trust.get_or_init(|| trust))
    }

    fn identity(&self) -> Result<&Identity> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity);
        }
        self.config.require(&[Id::Certificate, Id::PrivateKey])?;
        let (certificate_origin, key_origin) =
            (self.config.origin(Id::Certificate).to_string(), self.config.origin(Id::PrivateKey).to_string());
        let identity = Identity::load(
            PemFile { path: self.config.certificate()?, origin: &certificate_origin },
            PemFile { path: self.config.private_key()?, origin: &key_origin },
            self.config.strict,
            unix_time(),
        )?;
        Ok(self.identity.get_or_init(|| identity))
    }
}

//! `homing check`: the way of a delivery, step by step, each told in a line, with what to do where one fails.
//!
//! ```text
//! configuration ─ files ─ certificate ─▶ each endpoint: name, tcp (or proxy), tls, alpn, endpoint_kind
//!                                           │
//!       mqtt (publish) ◀── data_endpoint ───┤
//!         │                                 ├── credential_endpoint ─▶ clock, role_alias ─▶ credentials_life
//!         └─ accepted: it is active ──────────────────────────────────▶  │
//!                                           ├── endpoints.sts ────────▶ identity
//!                                           └── endpoints.s3 ─────────▶ s3 (s3_write)
//! queue
//! ```
//!
//! A step that needs what an earlier one did not get is skipped, and says why.

mod certificate;
mod clock;
mod configuration;
mod credentials;
mod details;
mod endpoint;
mod endpoint_kind;
mod files;
mod identity;
mod mqtt;
mod queue;
mod refusal;
mod report;
mod s3;

use super::network::Network;
use super::place::Place;
use super::signer::Signer;
use super::{Screen, credentials as sources, messenger};
use crate::aws::endpoint::{Service, Variant};
use crate::cli::Check;
use crate::config::{Config, CredentialSource, Examined, Origin, Sources};
use crate::error::Result;
use crate::net::connect::Target;
use crate::options::Id;
use details::Details;
use endpoint::Probed;
use report::Report;
use std::ffi::OsString;

/// What the steps have in common.
struct Visit<'v> {
    config: &'v Config,
    network: &'v Network<'v>,
    report: &'v mut Report,
    /// Whether a server's clock has been compared with the device's.
    clock_is_told: bool,
    /// How many servers' certificates are not valid by the device's clock, and whether any is.
    out_of_date: u8,
    is_tls_ok: bool,
    /// Why the device certificate cannot be shown, where it cannot.
    no_certificate: Option<&'static str>,
    /// The proxy itself cannot be connected to, which has been told.
    proxy_is_out_of_reach: bool,
    /// The device has no network, which has been told.
    is_offline: bool,
    /// The data endpoint has let the device in, so that its certificate is active.
    is_active: bool,
    /// The data endpoint has refused the certificate in TLS.
    is_refused: bool,
}

/// Looks at everything, tells of each step, and gives the exit code of the first that failed.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(flags: &[(Id, OsString)], command: &Check, screen: &Screen) -> Result<u8> {
    let mut report = Report::new(screen.json);
    let examined = Config::examine(&Sources::of_process(flags));
    configuration::look(&examined, &mut report);
    let Examined { mut config, .. } = examined;
    // What fails now is to be told now.
    config.max_attempts = 1;
    files::look(&config, &mut report);
    match Network::new(&config) {
        Ok(network) => {
            let no_certificate = certificate::look(&config, &network, &mut report);
            let report = &mut report;
            let clock_is_told = clock::look_at_own(report);
            let mut visit = Visit {
                config: &config,
                network: &network,
                report,
                clock_is_told,
                out_of_date: 0,
                is_tls_ok: false,
                no_certificate,
                proxy_is_out_of_reach: false,
                is_offline: false,
                is_active: false,
                is_refused: false,
            };
            visit.network_steps(command);
        }
        Err(error) => {
            report.failed("proxy", "", Details::default(), &error);
            report.skipped("network", "", "the proxy's variable cannot be used");
        }
    }
    queue::look(&config, &mut report);
    report.finish()
}

impl Visit<'_> {
    fn network_steps(&mut self, command: &Check) {
        let config = self.config;
        let source = sources::choose(config);
        let by_role_alias = matches!(source, Ok(CredentialSource::RoleAlias));
        let provider = match (&config.credential_endpoint, by_role_alias) {
            (Some(endpoint), true) => {
                let target = Target { host: endpoint.host.clone(), port: endpoint.port.unwrap_or(HTTPS_PORT) };
                let probed = self.probe(CREDENTIAL_ENDPOINT, &target, true, &[], true);
                endpoint_kind::look(self, Id::CredentialEndpoint, endpoint);
                probed
            }
            // Told with the role alias, or not needed.
            _ => Probed::Unset,
        };
        let data = match (&config.data_endpoint, messenger::destination(config)) {
            (Some(endpoint), Ok((target, alpn))) => {
                let probed = self.probe(DATA_ENDPOINT, &target, true, alpn, true);
                endpoint_kind::look(self, Id::DataEndpoint, endpoint);
                probed
            }
            _ => Probed::Unset,
        };
        let place = self.bucket();
        let store = match &place {
            Some(place) => match place.bucket().authority().and_then(|host| Target::parse(&host, HTTPS_PORT)) {
                Ok(target) => self.probe(S3_ENDPOINT, &target, false, &[], true),
                Err(error) => {
                    self.report.failed("s3", S3_ENDPOINT, Details::default(), &error);
                    Probed::Failed
                }
            },
            None => Probed::Unset,
        };
        mqtt::look(self, data, command.write);
        let credentials = credentials::obtain(self, source, provider);
        let life = credentials.as_ref().map(|credentials| credentials.expiration);
        let signer = credentials.map(|credentials| Signer::of(credentials, self.network));
        identity::look(self, signer.as_ref());
        if let Some(place) = &place {
            s3::look(self, signer.as_ref(), place, store, command.write);
            if store == Probed::Well && !self.clock_is_told {
                clock::ask(self, place);
            }
        }
        if !self.clock_is_told {
            clock::conclude(self);
        }
        credentials::look_at_life(self, life);
    }

    /// The bucket that is configured; without one there is nothing to say of S3.
    fn bucket(&mut self) -> Option<Place> {
        let Some(bucket) = &self.config.bucket else {
            let is_set = self.is_set(Id::Bucket);
            let why = if is_set { "bucket cannot be used: see configuration" } else { "bucket is not set" };
            self.report.skipped("s3", S3_ENDPOINT, why);
            return None;
        };
        if self.config.endpoint_url.is_none() && self.is_set(Id::EndpointUrl) {
            // AWS's own, which would be asked instead, is not meant.
            self.report.skipped("s3", S3_ENDPOINT, "endpoints.s3 cannot be used: see configuration");
            return None;
        }
        let place = Place::from_config(self.config, bucket);
        place.map_err(|error| self.report.failed("s3", S3_ENDPOINT, Details::default(), &error)).ok()
    }

    /// Whether something sets it; where it has no value all the same, that was a mistake.
    fn is_set(&self, id: Id) -> bool {
        *self.config.origin(id) != Origin::Default
    }

    /// Host and port of STS, where these credentials are AWS's own.
    fn sts(&self) -> Option<Target> {
        let config = self.config;
        let own = config.endpoint_sts.as_ref();
        if own.is_none() && config.endpoint_url.as_ref().is_some_and(|store| !store.is_aws()) {
            return None;
        }
        let variant = Variant { fips: config.use_fips_endpoint, dual_stack: config.use_dualstack_endpoint };
        let authority = match own {
            Some(endpoint) => endpoint.to_string(),
            None => Service::Sts.host(config.region.as_deref()?, variant).ok()?,
        };
        Target::parse(&authority, HTTPS_PORT).ok()
    }
}

const CREDENTIAL_ENDPOINT: &str = "credential_endpoint";
const DATA_ENDPOINT: &str = "data_endpoint";
const S3_ENDPOINT: &str = "endpoints.s3";
const STS_ENDPOINT: &str = "endpoints.sts";
const HTTPS_PORT: u16 = 443;

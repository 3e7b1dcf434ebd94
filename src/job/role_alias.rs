//! Credentials for the device certificate: kept ones, or new ones from AWS IoT Core's credential provider.

use super::attempts::attempted;
use super::credential_cache::{Circumstances, CredentialCache, Kept, Key, Lock};
use super::credentials::{Wanted, ask};
use super::network::Network;
use crate::aws::iot_credentials::RoleAliasCredentials;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::net::stream::unix_time;
use crate::net::tls;
use crate::options::Id;
use crate::protocol::credentials::Credentials;
use crate::protocol::time::iso8601;
use std::cell::Cell;
use std::time::Instant;

/// Gets credentials for the configured role alias.
///
/// # Errors
/// The configuration lacks something; the provider refuses, or refused within the last minutes; it cannot be reached.
pub(super) fn obtain(config: &Config, network: &Network<'_>, wanted: &Wanted) -> Result<Box<Credentials>> {
    let endpoint = required_endpoint(config)?;
    let call = configured(config, &endpoint)?;
    if !wanted.use_cache {
        let credentials = fetch(network, &call).map_err(|failure| failure.error)?;
        if let Some(cache) = cache(config, network, &call, false)? {
            cache.forget_refusal();
        }
        return Ok(credentials);
    }
    let Some(cache) = cache(config, network, &call, true)? else {
        return fetch(network, &call).map_err(|failure| failure.error);
    };
    let cache = network.cache_in_use().hold(cache);
    let look = || cache.look(&call, unix_time(), wanted.min_ttl).map(given);
    if let Some(found) = look() {
        return found;
    }
    let patience = Instant::now() + config.connect_timeout;
    let lock = cache.lock(network.deadline().map_or(patience, |end| patience.min(end)));
    // Whoever had the lock may have asked meanwhile.
    match look() {
        Some(found) => found,
        None => fetch_and_keep(network, &call, lock.as_ref()),
    }
}

/// The credential endpoint, once everything is there that asking it takes.
///
/// # Errors
/// The configuration lacks something; all of that is named.
pub(super) fn required_endpoint(config: &Config) -> Result<String> {
    config.require(&[Id::CredentialEndpoint, Id::RoleAlias, Id::Certificate, Id::PrivateKey])?;
    Ok(config.credential_endpoint()?.to_string())
}

/// The call for the configured role alias at `endpoint`.
///
/// # Errors
/// There is no role alias.
pub(super) fn configured<'a>(config: &'a Config, endpoint: &'a str) -> Result<RoleAliasCredentials<'a>> {
    Ok(RoleAliasCredentials { endpoint, role_alias: config.role_alias()?, thing_name: config.thing_name.as_deref() })
}

/// What earlier runs have left of the credentials that are configured; nobody is asked.
pub(super) fn kept(config: &Config, network: &Network<'_>) -> Option<Kept> {
    let endpoint = config.credential_endpoint.as_ref()?.to_string();
    let call = configured(config, &endpoint).ok()?;
    cache(config, network, &call, false).ok()??.look(&call, unix_time(), 0)
}

fn cache(
    config: &Config,
    network: &Network<'_>,
    call: &RoleAliasCredentials<'_>,
    create: bool,
) -> Result<Option<CredentialCache>> {
    let key = Key {
        endpoint: call.endpoint,
        role_alias: call.role_alias,
        thing_name: call.thing_name,
        certificate: network.certificate_fingerprint()?,
    };
    let proxy = network.proxy_target().map(|target| target.to_string());
    let circumstances =
        Circumstances { ca_file: config.ca_file.as_deref(), ca_replace: config.ca_replace, proxy: proxy.as_deref() };
    Ok(CredentialCache::open(&key, &circumstances, create))
}

fn given(kept: Kept) -> Result<Box<Credentials>> {
    match kept {
        Kept::Credentials(credentials) => {
            let end = credentials.expiration.map(iso8601).unwrap_or_default();
            log::info!("credentials: from an earlier run, good until {end}");
            Ok(credentials)
        }
        Kept::Refusal(refusal) => Err(refusal.into_error()),
    }
}

fn fetch_and_keep(
    network: &Network<'_>,
    call: &RoleAliasCredentials<'_>,
    lock: Option<&Lock<'_>>,
) -> Result<Box<Credentials>> {
    let fetched = fetch(network, call);
    match (&fetched, lock) {
        (Ok(credentials), Some(lock)) => lock.keep(credentials, unix_time()),
        (Err(Failure { error, memory: Some(seconds) }), Some(lock)) => lock.remember(error, unix_time(), *seconds),
        _ => {}
    }
    fetched.map_err(|failure| failure.error)
}

/// Why there are no credentials, and for how many seconds asking again is pointless.
struct Failure {
    error: Error,
    memory: Option<i64>,
}

fn fetch(network: &Network<'_>, call: &RoleAliasCredentials<'_>) -> std::result::Result<Box<Credentials>, Failure> {
    let passing = |error| Failure { error, memory: None };
    let request = call.request().map_err(passing)?;
    let client = network.device_client(&[]).map_err(passing)?;
    let status = Cell::new(None);
    let answer = attempted(network, || {
        status.set(None);
        ask(&client, &request, |reply, _| {
            status.set(Some(reply.status));
            call.parse(reply)
        })
    });
    answer.map_err(|error| {
        let memory = match status.get() {
            // 408 is a timeout: nobody has refused anything.
            Some(status @ 400..=499) if status != 408 => Some(REFUSAL_MEMORY),
            None if tls::is_failure(&error) => Some(TLS_FAILURE_MEMORY),
            _ => None,
        };
        Failure { error, memory }
    })
}

/// Seconds for which a refusal is remembered: a device without a right must not ask for it every second for years, and
/// whoever gives it the right does not want to wait. Greengrass waits as long.
const REFUSAL_MEMORY: i64 = 120;
/// Seconds for a failure of TLS, which takes somebody to change a certificate (aws-greengrass-nucleus#1719: repeated
/// every 2 s for hours).
const TLS_FAILURE_MEMORY: i64 = 300;

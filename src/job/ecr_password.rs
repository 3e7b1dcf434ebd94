//! `homing ecr password`, and the same for whoever needs the password itself.

use super::network::Network;
use super::screen;
use super::service::ServiceClient;
use super::signer::Signer;
use crate::aws::ecr::{GetAuthorizationToken, RegistryLogin};
use crate::aws::ecr_public::GetPublicAuthorizationToken;
use crate::aws::ecr_registry::Registry;
use crate::aws::endpoint::{Service, Variant};
use crate::config::Config;
use crate::error::Result;
use crate::protocol::time::iso8601;
use std::io::Write;
use zeroize::Zeroizing;

/// Prints the password, and nothing else.
///
/// # Errors
/// It cannot be had, or standard output cannot be written.
pub fn run(config: &Config, public: bool) -> Result<u8> {
    let login = fetch(config, if public { Some(Registry::Public) } else { None })?;
    screen::print(|out| {
        out.write_all(login.password().as_bytes())?;
        out.write_all(b"\n")
    })?;
    Ok(0)
}

/// Fetches user and password for a registry; `None`: for the account's own, in the configured region.
///
/// # Errors
/// The configuration lacks something, there are no credentials, or the service refuses.
pub fn fetch(config: &Config, registry: Option<Registry<'_>>) -> Result<Box<RegistryLogin>> {
    let network = Network::new(config)?;
    let client = match registry {
        Some(Registry::Public) => ServiceClient::open(config, &network, Service::EcrPublic),
        Some(Registry::Private { region, fips, dual_stack }) => {
            // Who names the registry so may have nothing but IPv6.
            ServiceClient::open_in(config, &network, Service::Ecr, region, Variant { fips, dual_stack })
        }
        None => ServiceClient::open(config, &network, Service::Ecr),
    }?;
    let signer = Signer::obtain(config, &network)?;
    let (authority, now) = (client.authority(), signer.time());
    let mut buffer = Zeroizing::new(vec![0; REPLY_CAPACITY]);
    let login = if registry == Some(Registry::Public) {
        let call = GetPublicAuthorizationToken { authority, now };
        let body = GetPublicAuthorizationToken::BODY;
        client.call(
            &network,
            &signer,
            || call.request(),
            body,
            &mut buffer,
            |reply, now| GetPublicAuthorizationToken { now, ..call }.parse(reply),
        )
    } else {
        let call = GetAuthorizationToken { authority, now };
        let body = GetAuthorizationToken::BODY;
        client.call(
            &network,
            &signer,
            || call.request(),
            body,
            &mut buffer,
            |reply, now| GetAuthorizationToken { now, ..call }.parse(reply),
        )
    }
    .map(Box::new)?;
    let until = login.expiration.map(iso8601);
    log::info!("registry password: from {authority}, good until {}", until.as_deref().unwrap_or("nobody knows when"));
    Ok(login)
}

/// A token of 8 KiB in base64, each of its slashes escaped, and the rest of the reply.
const REPLY_CAPACITY: usize = 24 * 1024;

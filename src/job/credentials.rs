//! Temporary credentials from wherever this device has them.
//!
//! In this order, unless `--credentials` names one: the role alias over mutual TLS, when one is configured; the
//! container endpoint, as Greengrass's token exchange service and ECS give it; the environment.

use super::network::Network;
use crate::aws::iot_credentials::RoleAliasCredentials;
use crate::aws::{container_credentials, environment};
use crate::config::{Config, CredentialSource};
use crate::error::{Error, Fault, Result};
use crate::net::http::{Body, Client};
use crate::options::Id;
use crate::protocol::credentials::Credentials;
use std::io::Read;
use zeroize::Zeroizing;

/// Gets credentials, and logs from where.
///
/// # Errors
/// No source is configured, or the one that is fails: homing never falls back from a source that fails to the
/// next, which might be another identity.
pub fn obtain(config: &Config, network: &Network<'_>) -> Result<Box<Credentials>> {
    let source = choose(config)?;
    log::info!("credentials: {}", name(source));
    match source {
        CredentialSource::RoleAlias => from_role_alias(config, network),
        CredentialSource::Container => from_container(network),
        CredentialSource::Environment => return from_environment(),
    }
    .map_err(|error| error.context(format_args!("no credentials from the {}", name(source))))
}

/// What the source is called in logs, as `--credentials` takes it.
pub const fn name(source: CredentialSource) -> &'static str {
    match source {
        CredentialSource::RoleAlias => "role-alias",
        CredentialSource::Container => "container",
        CredentialSource::Environment => "environment",
    }
}

/// The source that counts.
///
/// # Errors
/// [`Fault::Config`] when there is none.
pub fn choose(config: &Config) -> Result<CredentialSource> {
    if let Some(source) = config.credentials {
        return Ok(source);
    }
    if config.role_alias.is_some() || config.credential_endpoint.is_some() {
        return Ok(CredentialSource::RoleAlias);
    }
    if variable(FULL_URI).is_some() || variable(RELATIVE_URI).is_some() {
        return Ok(CredentialSource::Container);
    }
    if ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].into_iter().any(|name| variable(name).is_some()) {
        return Ok(CredentialSource::Environment);
    }
    Err(Error::new(
        Fault::Config,
        "no_credentials",
        "no source of AWS credentials is configured: no role alias, no container endpoint, none in the environment",
    )
    .with_remedy(Id::RoleAlias.option().ways_to_set(config.document())))
}

fn from_role_alias(config: &Config, network: &Network<'_>) -> Result<Box<Credentials>> {
    config.require(&[Id::CredentialEndpoint, Id::RoleAlias, Id::Certificate, Id::PrivateKey])?;
    let endpoint = config.credential_endpoint()?.to_string();
    let call = RoleAliasCredentials {
        endpoint: &endpoint,
        role_alias: config.role_alias()?,
        thing_name: config.thing_name.as_deref(),
    };
    let client = network.device_client(&[])?;
    let request = call.request()?;
    ask(&client, &request, |reply| call.parse(reply))
}

fn from_container(network: &Network<'_>) -> Result<Box<Credentials>> {
    let (relative_uri, full_uri) = (variable(RELATIVE_URI), variable(FULL_URI));
    let endpoint = container_credentials::locate(relative_uri.as_deref(), full_uri.as_deref())?.ok_or_else(|| {
        Error::new(Fault::Config, "no_credentials", format!("neither {FULL_URI} nor {RELATIVE_URI} is set"))
            .with_remedy("run homing where Greengrass's token exchange service or ECS sets one of them")
    })?;
    let (token, token_variable) = container_token()?;
    let request = endpoint.request(token.as_deref().map(String::as_str), token_variable)?;
    let client = if endpoint.tls {
        network.public_client()?
    } else {
        // Before anything is connected to; the client looks again at the address that it has reached.
        for address in network.addresses(endpoint.host, endpoint.port)? {
            if !container_credentials::plain_http_allowed(address) {
                return Err(endpoint.plain_http_refused(address));
            }
        }
        network.plain_client(container_credentials::plain_http_allowed)
    };
    ask(&client, &request, |reply| endpoint.parse(reply))
}

/// The token's file counts before its variable, because whoever set the file renews it. Gives the token, and where
/// it came from.
fn container_token() -> Result<(Option<Zeroizing<String>>, &'static str)> {
    let Some(path) = variable(TOKEN_FILE) else {
        return Ok((variable(TOKEN).map(Zeroizing::new), TOKEN));
    };
    let mut token = Zeroizing::new(String::with_capacity(TOKEN_MAXIMUM));
    let read = std::fs::File::open(&path).and_then(|file| file.take(TOKEN_MAXIMUM as u64).read_to_string(&mut token));
    match read {
        Ok(_) => Ok((Some(Zeroizing::new(token.trim_end_matches(['\n', '\r']).to_owned())), TOKEN_FILE)),
        Err(error) => Err(Error::new(
            Fault::Config,
            "token_file_unreadable",
            format!("cannot read the authorization token in '{path}' (from {TOKEN_FILE}): {error}"),
        )
        .with_remedy("check the path, and that this user may read the file")),
    }
}

fn from_environment() -> Result<Box<Credentials>> {
    let [access_key_id, secret_access_key, session_token] =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
            .map(|name| variable(name).map(Zeroizing::new));
    let text = |value: &Option<Zeroizing<String>>| value.as_ref().map(|value| value.to_string());
    environment::credentials(
        text(&access_key_id).as_deref(),
        text(&secret_access_key).as_deref(),
        text(&session_token).as_deref(),
    )?
    .map(Box::new)
    .ok_or_else(|| {
        Error::new(Fault::Config, "no_credentials", "the environment holds no AWS credentials")
            .with_remedy("set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN")
    })
}

fn ask(
    client: &Client,
    request: &crate::protocol::request::Request,
    parse: impl FnOnce(&crate::protocol::reply::Reply<'_>) -> Result<Credentials>,
) -> Result<Box<Credentials>> {
    let mut buffer = Zeroizing::new([0; REPLY_CAPACITY]);
    let answer = client.send(request, Body::Empty, &mut buffer[..])?;
    parse(&answer.reply()).map(Box::new)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
/// A session token of 4,096 bytes, each escaped at worst to 2, and the rest of the reply.
const REPLY_CAPACITY: usize = 12 * 1024;
/// Tokens are opaque; EKS's, the longest known, are JWTs of about 1 KiB.
const TOKEN_MAXIMUM: usize = 16 * 1024;

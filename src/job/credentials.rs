//! Temporary credentials from wherever this device has them.
//!
//! In this order, unless `--credentials` names one: the role alias over mutual TLS, when one is configured; the
//! container endpoint, as Greengrass's token exchange service and ECS give it; the environment.

use super::attempts::attempted;
use super::network::Network;
use super::role_alias;
use crate::aws::{container_credentials, environment};
use crate::config::limits::CREDENTIAL_LIFE_MAXIMUM;
use crate::config::{Config, CredentialSource};
use crate::error::{Error, Fault, Result};
use crate::net::http::{Body, Client};
use crate::net::stream::unix_time;
use crate::options::Id;
use crate::protocol::credentials::Credentials;
use crate::protocol::time::iso8601;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// Which credentials will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Seconds that they must still live. Those of an earlier run must live 5 minutes in any case.
    pub min_ttl: u64,
    /// Whether new ones that live shorter than `min_ttl` are an error; else they are taken as they are.
    pub min_ttl_is_required: bool,
    /// Whether those of an earlier run will do, and these are kept for the next ones.
    pub use_cache: bool,
}

impl Wanted {
    /// What the configuration says of them.
    pub fn from_config(config: &Config) -> Self {
        Self {
            min_ttl: config.min_ttl.unwrap_or(0),
            min_ttl_is_required: config.min_ttl.is_some(),
            use_cache: config.credential_cache,
        }
    }
}

/// Gets the credentials that the configuration asks for, and logs from where.
///
/// # Errors
/// No source is configured, or the one that is fails: homing never falls back from a source that fails to the
/// next, which might be another identity.
pub fn obtain(config: &Config, network: &Network<'_>) -> Result<Box<Credentials>> {
    obtain_with(config, network, &Wanted::from_config(config))
}

/// The same with other wishes than the configuration's: for whoever goes on for long and asks again.
///
/// # Errors
/// As [`obtain`]; and `min_ttl_not_met` where they live shorter than is required.
pub fn obtain_with(config: &Config, network: &Network<'_>, wanted: &Wanted) -> Result<Box<Credentials>> {
    let source = choose(config)?;
    log::info!("credentials: {}", name(source));
    let credentials = match source {
        CredentialSource::RoleAlias => role_alias::obtain(config, network, wanted),
        CredentialSource::Container => from_container(network),
        CredentialSource::Environment => from_environment(),
    };
    let credentials = match source {
        CredentialSource::Environment => credentials?,
        _ => credentials.map_err(|error| error.context(format_args!("no credentials from the {}", name(source))))?,
    };
    if wanted.min_ttl_is_required {
        check_life(config, source, &credentials, wanted.min_ttl, unix_time())?;
    }
    *EXPIRATION.lock().unwrap_or_else(PoisonError::into_inner) = credentials.expiration;
    Ok(credentials)
}

/// When the credentials expire that were obtained last, in seconds since the Unix epoch, where that is known: for
/// monitoring.
pub fn expiration() -> Option<i64> {
    *EXPIRATION.lock().unwrap_or_else(PoisonError::into_inner)
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

fn check_life(
    config: &Config,
    source: CredentialSource,
    credentials: &Credentials,
    min_ttl: u64,
    now: i64,
) -> Result<()> {
    let Some(life) = credentials.life(now) else {
        log::warn!("nothing says how long the {}'s credentials live: min_ttl is not looked at", name(source));
        return Ok(());
    };
    if u64::try_from(life).is_ok_and(|life| life >= min_ttl) {
        return Ok(());
    }
    let message = format!(
        "new credentials from the {} live {life} s by this device's clock ({}), and {} asks for {min_ttl} s",
        name(source),
        iso8601(now),
        config.described(Id::MinTtl),
    );
    let possible =
        format!("from 900 to {CREDENTIAL_LIFE_MAXIMUM} s, and no longer than the role's maximum session duration");
    Err(Error::new(Fault::Config, "min_ttl_not_met", message).with_remedy(match source {
        CredentialSource::RoleAlias => {
            format!("ask for less, or raise the role alias's credentialDurationSeconds: {possible}")
        }
        _ => "ask for less: whoever hands these credentials out decides how long they live".to_owned(),
    }))
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
        for address in attempted(network, || network.addresses(endpoint.host, endpoint.port))? {
            if !container_credentials::plain_http_allowed(address) {
                return Err(endpoint.plain_http_refused(address));
            }
        }
        network.plain_client(container_credentials::plain_http_allowed)
    };
    attempted(network, || ask(&client, &request, |reply, _| endpoint.parse(reply)))
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
    environment::credentials(
        access_key_id.as_deref().map(String::as_str),
        secret_access_key.as_deref().map(String::as_str),
        session_token.as_deref().map(String::as_str),
    )?
    .map(Box::new)
    .ok_or_else(|| {
        Error::new(Fault::Config, "no_credentials", "the environment holds no AWS credentials")
            .with_remedy("set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN")
    })
}

/// Sends a request for credentials, once, and reads the reply in storage that is wiped. `parse` is given the time in the
/// middle between sending and receiving, too.
pub(super) fn ask(
    client: &Client,
    request: &crate::protocol::request::Request,
    parse: impl FnOnce(&crate::protocol::reply::Reply<'_>, i64) -> Result<Credentials>,
) -> Result<Box<Credentials>> {
    let mut buffer = Zeroizing::new(vec![0; REPLY_CAPACITY]);
    let answer = client.send(request, Body::Empty, &mut buffer[..])?;
    parse(&answer.reply(), answer.midpoint).map(Box::new)
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

/// A process has one identity, and its credentials one life, wherever in it they are asked for.
static EXPIRATION: Mutex<Option<i64>> = Mutex::new(None);

//! `homing exec`: run a command with what it needs of AWS in its environment, and nowhere else.

use super::child::{CannotRun, ChildEnvironment};
use super::network::Network;
use super::secret::Secrets;
use super::serve::CredentialServer;
use super::signer::Signer;
use super::{codeartifact, exec_git, git_credential, screen};
use crate::cli::{Exec, GitSecret, SecretVariable};
use crate::config::{Config, Origin};
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::protocol::credentials::Credentials;
use crate::protocol::time::iso8601;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Fetches what was asked for and becomes the command. Gives an exit code only where the command cannot be run: 127
/// or 126.
///
/// # Errors
/// Something that was asked for is not to be had; the command was not run.
pub fn run(config: &Config, command: &Exec) -> Result<u8> {
    if let Err(why) = CannotRun::check(&command.program, std::env::var_os("PATH").as_deref()) {
        return Ok(screen::cannot_run(&why));
    }
    let mut environment = environment(config, command)?;
    if command.refresh {
        let server = CredentialServer::for_command(config)?;
        server.add_to(&mut environment, "--refresh", config)?;
        log::info!("running {:?}", command.program);
        return server.serve_command(config, environment.command_beside(&command.program, &command.arguments));
    }
    log::info!("running {:?}", command.program);
    Ok(screen::cannot_run(&environment.become_command(&command.program, &command.arguments)))
}

fn environment(config: &Config, command: &Exec) -> Result<ChildEnvironment> {
    let has_fixed_credentials = command.aws && !command.refresh;
    if !has_fixed_credentials && !command.has_secrets() && command.packages.is_none() {
        return Ok(ChildEnvironment::new());
    }
    let network = Network::new(config)?;
    let mut secrets = Secrets::new(config, &network);
    command.wanted_secrets().try_for_each(|secret| secrets.expect(secret))?;
    let signer = Signer::obtain(config, &network)?;
    let mut environment = ChildEnvironment::new();
    if has_fixed_credentials {
        add_aws(&mut environment, config, &signer.credentials())?;
    }
    if let Some(packages) = &command.packages {
        codeartifact::add(&mut environment, config, &network, &signer, packages)?;
    }
    for SecretVariable { name, secret } in &command.secrets {
        let value = secrets.text(&signer, secret).map_err(|error| error.context(format_args!("--secret {name}")))?;
        environment.set("--secret", name, value)?;
    }
    let mut passwords = Vec::new();
    for GitSecret { host, secret } in &command.git {
        let password = git_credential::password(&mut secrets, &signer, secret)
            .map_err(|error| error.context(format_args!("--git {}", host.host)))?;
        passwords.push((host, password));
    }
    if !passwords.is_empty() {
        exec_git::add(&mut environment, passwords, &own_path()?, |name| std::env::var(name).ok())?;
    }
    Ok(environment)
}

/// The variables of AWS's SDKs (AWS SDKs and Tools Reference Guide, "Environment variables").
fn add_aws(environment: &mut ChildEnvironment, config: &Config, credentials: &Credentials) -> Result<()> {
    let mut set = |name: &str, value: &str| environment.set("--aws", name, Zeroizing::new(value.to_owned()));
    set("AWS_ACCESS_KEY_ID", &credentials.access_key_id)?;
    set("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose())?;
    if !credentials.session_token.is_empty() {
        set("AWS_SESSION_TOKEN", credentials.session_token.expose())?;
    }
    if let Some(time) = credentials.expiration {
        set("AWS_CREDENTIAL_EXPIRATION", &iso8601(time))?;
    }
    add_region(environment, "--aws", config)
}

/// Lets the SDKs in the command use the credentials that it is given, in homing's region where that was said to homing
/// alone, and otherwise in the one that is in the environment already.
pub(super) fn add_region(environment: &mut ChildEnvironment, source: &str, config: &Config) -> Result<()> {
    let is_for_homing = matches!(config.origin(Id::Region), Origin::Flag(_) | Origin::Variable("HOMING_REGION"));
    let is_set = |name: &str| !is_for_homing && std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let existing = REGIONS.iter().find(|name| is_set(name)).and_then(|name| std::env::var(name).ok());
    if let Some(region) = existing.as_deref().or(config.region.as_deref()) {
        // SDKs differ in which of the two they read.
        let unset = REGIONS.iter().filter(|name| !is_set(name));
        unset.into_iter().try_for_each(|name| environment.set(source, name, Zeroizing::new(region.to_owned())))?;
    }
    // Where one is named, some SDKs do not look at the variables at all.
    PROFILES.iter().for_each(|name| environment.remove(name));
    Ok(())
}

/// Where this program is, for git to run it again.
fn own_path() -> Result<PathBuf> {
    std::env::current_exe().map_err(|error| {
        Error::new(Fault::Config, "own_path_unknown", format!("the path of homing itself cannot be found out: {error}"))
            .with_remedy("check that /proc is mounted")
    })
}

const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const PROFILES: [&str; 2] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];

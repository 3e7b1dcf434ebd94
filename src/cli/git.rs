//! `homing git-credential`, and how git's hosts are named on the command line: `[USER@]HOST=…`.

use super::secret::{SecretReference, pair};
use super::{Command, Given, usage};
use crate::config::values;
use crate::error::{Error, Result};
use crate::options::Id;
use std::ffi::{OsStr, OsString};

/// Answer git.
#[derive(Debug, PartialEq, Eq)]
pub struct GitCredential {
    /// What git wants.
    pub operation: GitOperation,
    /// For which hosts there are passwords, and where.
    pub hosts: Vec<(GitHost, GitPassword)>,
}

/// What git wants of a credential helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitOperation {
    /// A username and a password.
    Get,
    /// Anything else, `store` and `erase` among it: there is nothing to be done, and gitcredentials(7) wants what is
    /// not known ignored.
    Other,
}

/// A host that git reaches by HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHost {
    /// The username, where one was given.
    pub user: Option<String>,
    /// The host, and `:port` where it is not HTTPS's own; lower case.
    pub host: String,
}

impl GitHost {
    /// `host` as git compares it: `:443` is what a URL of HTTPS has without it (git-config(1),
    /// `http.<url>.*`, port number).
    pub fn without_default_port(host: &str) -> &str {
        match host.strip_suffix(DEFAULT_PORT) {
            // Not behind another port: that is no host, and must not become one.
            Some(name) if !name.contains(':') || name.ends_with(']') => name,
            _ => host,
        }
    }
}

/// A host and the secret that is its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSecret {
    /// The host.
    pub host: GitHost,
    /// Its password.
    pub secret: SecretReference,
}

/// Where a password for git comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitPassword {
    /// Secrets Manager.
    Secret(SecretReference),
    /// A variable of the environment.
    Variable(String),
}

impl Given {
    pub(super) fn git_credential(&self, positionals: &[OsString]) -> Result<Command> {
        let operation = match positionals {
            [operation] if operation == "get" => GitOperation::Get,
            [_] => GitOperation::Other,
            _ => {
                return Err(usage(
                    "wrong_arguments",
                    "homing git-credential needs one operation, which git adds itself: get",
                ));
            }
        };
        let secrets = self.git_secrets()?.into_iter().map(|git| (git.host, GitPassword::Secret(git.secret)));
        let mut hosts: Vec<_> = secrets.collect();
        for text in self.all(Id::GitVariable) {
            let (host, name) = git_host(Id::GitVariable, text)?;
            values::variable_name(name).map_err(|what| invalid(Id::GitVariable, name, &what))?;
            hosts.push((host, GitPassword::Variable(name.to_owned())));
        }
        check_unique(hosts.iter().map(|(host, _)| host))?;
        if hosts.is_empty() {
            return Err(usage("missing_argument", "homing git-credential needs to be told for which host")
                .with_remedy("--git HOST=ID[:KEY]"));
        }
        Ok(Command::GitCredential(GitCredential { operation, hosts }))
    }

    /// `--git [USER@]HOST=ID[:KEY]`, each.
    pub(super) fn git_secrets(&self) -> Result<Vec<GitSecret>> {
        let mut found = Vec::new();
        for text in self.all(Id::Git) {
            let (host, secret) = git_host(Id::Git, text)?;
            let secret = SecretReference::parse(secret).map_err(|what| invalid(Id::Git, secret, &what))?;
            found.push(GitSecret { host, secret });
        }
        check_unique(found.iter().map(|git| &git.host))?;
        Ok(found)
    }
}

/// Reads `[USER@]HOST=`, and gives what stands behind it.
fn git_host(option: Id, text: &OsStr) -> Result<(GitHost, &str)> {
    let (place, source) = pair(option, text)?;
    let (user, host) = match place.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, place),
    };
    values::git_host(host).map_err(|what| invalid(option, host, &what))?;
    if let Some(user) = user.filter(|user| user.is_empty() || user.contains(char::is_control)) {
        return Err(invalid(option, user, "is no username"));
    }
    let host = GitHost::without_default_port(host).to_ascii_lowercase();
    Ok((GitHost { user: user.map(str::to_owned), host }, source))
}

/// git would not know which of two to ask for.
fn check_unique<'a>(hosts: impl Iterator<Item = &'a GitHost>) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for GitHost { host, .. } in hosts {
        if seen.contains(&host.as_str()) {
            return Err(usage("conflict", format!("there are two passwords for the host {host}")));
        }
        seen.push(host);
    }
    Ok(())
}

fn invalid(option: Id, value: &str, what: &str) -> Error {
    usage("invalid_value", format!("--{}: {value:?} {what}", option.option().flag))
}

const DEFAULT_PORT: &str = ":443";

//! `homing exec`: what a command is given, and the command.

use super::codeartifact::Packages;
use super::git::GitSecret;
use super::secret::{SecretReference, SecretVariable};
use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

/// Run a command with more in its environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Exec {
    /// Whether it gets AWS credentials.
    pub aws: bool,
    /// Whether it gets them from a server that renews them.
    pub refresh: bool,
    /// Secrets that it gets in variables.
    pub secrets: Vec<SecretVariable>,
    /// Hosts for which the git that it runs gets a password.
    pub git: Vec<GitSecret>,
    /// The package repository that it finds.
    pub packages: Option<Packages>,
    /// The command: a name to be looked for in PATH, or a path.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Exec {
    /// Whether anything comes from Secrets Manager.
    pub fn has_secrets(&self) -> bool {
        self.wanted_secrets().next().is_some()
    }

    /// Which setting `--endpoint-url` is: that of the service that is called.
    pub(super) fn endpoint(&self) -> Id {
        if self.packages.is_some() { Id::EndpointCodeartifact } else { Id::EndpointSecretsmanager }
    }

    /// All that comes from Secrets Manager.
    pub fn wanted_secrets(&self) -> impl Iterator<Item = &SecretReference> {
        self.secrets.iter().map(|variable| &variable.secret).chain(self.git.iter().map(|git| &git.secret))
    }
}

impl Given {
    pub(super) fn exec(&self, positionals: &[OsString]) -> Result<Command> {
        let Some((program, arguments)) = positionals.split_first() else {
            return Err(usage("missing_argument", "homing exec needs a command to run"));
        };
        let (aws, refresh) = (self.has(Id::Aws), self.has(Id::Refresh));
        if refresh && !aws {
            return Err(usage("conflict", "--refresh is for the credentials of --aws"));
        }
        let exec = Exec {
            aws,
            refresh,
            secrets: self.secret_variables()?,
            git: self.git_secrets()?,
            packages: self.packages()?,
            program: program.clone(),
            arguments: arguments.to_vec(),
        };
        if !exec.aws && exec.packages.is_none() && !exec.has_secrets() {
            return Err(usage("nothing_to_give", "nothing was said that the command should be given").with_remedy(
                "say so before the command: --aws, --secret VARIABLE=ID[:KEY], --git HOST=ID[:KEY], \
                     --codeartifact DOMAIN/REPOSITORY",
            ));
        }
        if self.last(Id::EndpointUrl).is_some() && exec.packages.is_some() && exec.has_secrets() {
            return Err(usage("conflict", "--endpoint-url is for one service, and two are to be called").with_remedy(
                "set AWS_ENDPOINT_URL_CODEARTIFACT and AWS_ENDPOINT_URL_SECRETS_MANAGER, or \"endpoints\" in the configuration file",
            ));
        }
        Ok(Command::Exec(exec))
    }
}

//! `homing exec`: what a command is given, and the command.

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
            program: program.clone(),
            arguments: arguments.to_vec(),
        };
        if !exec.aws && !exec.has_secrets() {
            return Err(usage("nothing_to_give", "nothing was said that the command should be given")
                .with_remedy("say so before the command: --aws, --secret VARIABLE=ID[:KEY], --git HOST=ID[:KEY]"));
        }
        Ok(Command::Exec(exec))
    }
}

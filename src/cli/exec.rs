//! `homing exec`: what a command is given, and the command.

use super::codeartifact::Packages;
use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

/// Run a command with more in its environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Exec {
    /// Whether it gets AWS credentials.
    pub aws: bool,
    /// The package repository that it finds.
    pub packages: Option<Packages>,
    /// The command: a name to be looked for in PATH, or a path.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Given {
    pub(super) fn exec(&self, positionals: &[OsString]) -> Result<Command> {
        let Some((program, arguments)) = positionals.split_first() else {
            return Err(usage("missing_argument", "homing exec needs a command to run"));
        };
        let exec = Exec {
            aws: self.has(Id::Aws),
            packages: self.packages()?,
            program: program.clone(),
            arguments: arguments.to_vec(),
        };
        if !exec.aws && exec.packages.is_none() {
            return Err(usage("nothing_to_give", "nothing was said that the command should be given")
                .with_remedy("say so before the command: --aws, --codeartifact DOMAIN/REPOSITORY"));
        }
        Ok(Command::Exec(exec))
    }
}

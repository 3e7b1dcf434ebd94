//! `homing credentials`.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

/// How credentials are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsFormat {
    /// For `credential_process` in an AWS configuration file.
    Process,
    /// Shell `export`s.
    Env,
    /// As the provider sends them.
    Json,
}

impl Given {
    pub(super) fn credentials(&self, positionals: &[OsString]) -> Result<Command> {
        if let Some(argument) = positionals.first() {
            return Err(usage(
                "wrong_arguments",
                format!("homing credentials takes no argument, but was given {argument:?}"),
            ));
        }
        Ok(Command::Credentials(match self.word(Id::Format, &["process", "env", "json"])? {
            Some("env") => CredentialsFormat::Env,
            Some("json") => CredentialsFormat::Json,
            _ => CredentialsFormat::Process,
        }))
    }
}

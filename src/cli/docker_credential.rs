//! `homing docker-credential ACTION`, also by the name under which Docker looks for it.

use super::{Command, Given, usage};
use crate::error::Result;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What a Docker credential helper is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DockerAction {
    /// Give the user and password for the server that is named on standard input.
    Get,
    /// Name the servers there are passwords for.
    List,
    /// Keep a password.
    Store,
    /// Forget a password.
    Erase,
    /// Say which program and version this is.
    Version,
}

impl Given {
    pub(super) fn docker_credential(&self, positionals: &[OsString]) -> Result<Command> {
        let [action] = positionals else {
            return Err(usage("wrong_arguments", "homing docker-credential needs one action"));
        };
        let known = ACTIONS.iter().find(|(name, _)| action == name);
        known.map(|(_, action)| Command::DockerCredential(*action)).ok_or_else(|| {
            let names: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
            usage("unknown_action", format!("{action:?} is none of Docker's actions: {}", names.join(", ")))
        })
    }
}

/// The arguments with the command put in behind the program's name, where that name says it already.
pub fn with_command_of_name(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut arguments = arguments.peekable();
    let by_name = arguments.peek().is_some_and(|name| Path::new(name).file_name() == Some(OsStr::new(PROGRAM_NAME)));
    let name = arguments.next();
    name.into_iter().chain(by_name.then(|| "docker-credential".into())).chain(arguments)
}

/// Docker's prefix, and the name that users put into `credHelpers`.
const PROGRAM_NAME: &str = "docker-credential-homing";
const ACTIONS: [(&str, DockerAction); 5] = [
    ("get", DockerAction::Get),
    ("list", DockerAction::List),
    ("store", DockerAction::Store),
    ("erase", DockerAction::Erase),
    ("version", DockerAction::Version),
];

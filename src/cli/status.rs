//! `homing status`.

use super::{Command, Given, usage};
use crate::error::Result;
use std::ffi::OsString;

impl Given {
    pub(super) fn status(&self, positionals: &[OsString]) -> Result<Command> {
        match positionals {
            [] => Ok(Command::Status),
            _ => Err(usage("wrong_arguments", "homing status takes no argument")),
        }
    }
}

//! `homing ecr password`

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

impl Given {
    pub(super) fn ecr(&self, positionals: &[OsString]) -> Result<Command> {
        match positionals {
            [what] if what == "password" => Ok(Command::EcrPassword { public: self.has(Id::Public) }),
            [] => Err(usage("missing_argument", "homing ecr needs to know what: password")),
            _ => Err(usage("wrong_arguments", "homing ecr knows password only, without further arguments")),
        }
    }
}

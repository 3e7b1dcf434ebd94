//! `homing check`.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

/// Look at everything that a delivery needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Whether an object is stored and a message published.
    pub write: bool,
}

impl Given {
    pub(super) fn check(&self, positionals: &[OsString]) -> Result<Command> {
        if !positionals.is_empty() {
            return Err(usage("unexpected_argument", "homing check takes options only"));
        }
        Ok(Command::Check(Check { write: self.has(Id::Write) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    #[test]
    fn it_takes_no_arguments() {
        let parsed = |words: &[&str]| parse(["homing", "check"].iter().chain(words)).map(|given| given.command);
        assert_eq!(parsed(&[]), Ok(Command::Check(Check { write: false })));
        assert_eq!(parsed(&["--json", "--write"]), Ok(Command::Check(Check { write: true })));
        assert_eq!(parsed(&["s3"]).unwrap_err().exit_code(), 64);
    }
}

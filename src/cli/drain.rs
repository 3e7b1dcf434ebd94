//! `homing drain`.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

/// Deliver what is in the queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Drain {
    /// Do not wait after runs in which AWS did not answer.
    pub now: bool,
}

impl Given {
    pub(super) fn drain(&self, positionals: &[OsString]) -> Result<Command> {
        if !positionals.is_empty() {
            return Err(usage(
                "unexpected_argument",
                "homing drain takes no files: it delivers what homing send --queue left in the queue",
            ));
        }
        Ok(Command::Drain(Drain { now: self.has(Id::Now) }))
    }
}

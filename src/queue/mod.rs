//! Files that wait on this device's disk until they are delivered.
//!
//! ```text
//! QUEUE/                 this user's, and nobody else's to write to
//!   tmp/PID-N/           an entry being built or removed; locked by its process, else cleared by the next
//!   moving/ID/           complete, but its source is still to be removed
//!   pending/ID/          waits for its delivery
//!   failed/ID/           cannot be delivered; reason.json says why
//!   uploads/             the states of uploads that are not queued
//!   lock                 locked by the one that delivers
//!   last-addition        changes with every file that comes in
//!
//! ID/                    20261122T224331.000000-51200: time of arrival, and bytes
//!   data                 the file
//!   metadata.json        what makes a repeat the same as the first delivery
//!   upload.json          how far a multipart upload has come
//!
//!            add                  delivered, remove
//!  source ─▶ tmp ─▶ moving ─▶ pending ─▶ tmp ─▶ (nothing)
//!              └───(copied)───▶ │ ▲      ▲
//!                          fail ▼ │ retry│ remove
//!                             failed ────┘
//! ```
//!
//! An entry is a directory that is renamed whole, between directories of one file system, and each step is on the disk
//! before the next begins. Whenever the power fails or the process is killed, a file is either where it was or an entry;
//! at no time is it neither. All state is in the names: nothing has to be read to count the entries, and nothing that
//! is kept in memory is trusted when another process may know better, so any number of them may use a queue at once. Locks
//! are `flock`s, which end with their process.

mod add;
mod adding;
mod directory;
mod draft;
mod entry;
mod failure;
mod id;
mod leave;
mod limits;
mod metadata;
mod record;
mod recover;
mod room;
mod stamp;
mod step;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use id::EntryId;
pub use limits::{Limits, WhenFull};
pub use metadata::{Metadata, Object, Reason, Stored, Way};

use crate::error::{Error, Fault, Result};
use adding::Remembered;
use directory::Directory;
use failure::Failure;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A queue: one directory, which any number of processes may use at once.
#[derive(Debug)]
pub struct Queue {
    root: Directory,
    tmp: Directory,
    moving: Directory,
    pending: Directory,
    failed: Directory,
    limits: Limits,
    /// What is in it, for the next addition.
    remembered: Mutex<Option<Remembered>>,
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
pub struct Lock(#[allow(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Queue {
    /// Opens the queue in `directory`, which is made (mode 0700) where there is none, and finishes or takes back what
    /// killed processes left half done.
    ///
    /// # Errors
    /// [`Fault::Config`]: the directory, or one in it, is another user's, or others may write to it, or is no directory.
    /// [`Fault::Io`], [`Fault::CannotCreate`].
    pub fn open(directory: &Path, limits: Limits) -> Result<Self> {
        let cannot = |error: Error| error.context("the queue cannot be opened");
        let root = open_or_make(directory).map_err(cannot)?;
        root.check_private().map_err(cannot)?;
        let inside = |name| inside(&root, name).map_err(cannot);
        let (tmp, moving, pending, failed) = (inside(TMP)?, inside(MOVING)?, inside(PENDING)?, inside(FAILED)?);
        let queue = Self { root, tmp, moving, pending, failed, limits, remembered: Mutex::default() };
        queue.recover();
        Ok(queue)
    }

    /// Those that wait for their delivery, oldest first.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn entries(&self) -> Result<Vec<EntryId>> {
        Self::ids(&self.pending)
    }

    /// Those in `failed/`, oldest first.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn failed(&self) -> Result<Vec<EntryId>> {
        Self::ids(&self.failed)
    }

    /// The entry that prints as `text`, whether it waits or has failed.
    ///
    /// # Errors
    /// [`Fault::NoInput`], `no_such_entry`. [`Fault::Io`].
    pub fn find(&self, text: &str) -> Result<EntryId> {
        let mut ids = self.entries()?.into_iter().chain(self.failed()?);
        ids.find(|id| id.to_string() == text).ok_or_else(|| self.missing(&text))
    }

    /// The right to deliver; `None`: another process has it.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn lock(&self) -> Result<Option<Lock>> {
        loop {
            let file = self.root.open_lock(LOCK)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                // A file system without locks: then there are none.
                Err(TryLockError::Error(error)) => {
                    log::warn!("'{}' cannot be locked: {error}", self.root.path().join(LOCK).display());
                }
            }
            // Somebody may have removed it meanwhile, and the next one would lock another file.
            let locked = file.metadata().map_err(|error| self.root.failure_of("look at", LOCK, &error))?;
            let there = fs::symlink_metadata(self.root.path().join(LOCK));
            if there.is_ok_and(|there| stamp::is_same_file(&locked, &there)) {
                return Ok(Some(Lock(file)));
            }
        }
    }

    /// For those that keep a queue open for long: whether its path still names it.
    ///
    /// # Errors
    /// [`Fault::Io`], `queue_gone`: it was removed, or something was mounted over it.
    pub fn check_is_there(&self) -> Result<()> {
        let own = self.pending.metadata()?;
        if fs::metadata(self.pending.path()).is_ok_and(|there| stamp::is_same_file(&own, &there)) {
            return Ok(());
        }
        let message = format!("the queue '{}' is gone, or is another one now", self.root.path().display());
        Err(Error::new(Fault::Io, "queue_gone", message).with_retryable(true).with_remedy("start homing again"))
    }

    /// How much there is now, counted anew.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn counts(&self) -> Result<Counts> {
        let (pending, failed) = (self.entries()?, self.failed()?);
        Ok(Counts {
            pending: pending.len(),
            pending_bytes: room::total(&pending),
            failed: failed.len(),
            failed_bytes: room::total(&failed),
            oldest: pending.first().map(|id| id.arrival()),
        })
    }

    /// What is in the queue's directories and not homing's, and is left alone.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn foreign(&self) -> Result<Vec<PathBuf>> {
        let mut foreign = Vec::new();
        let mut look = |directory: &Directory, is_known: fn(&OsStr, bool) -> bool| {
            directory.list(|name, is_directory| {
                if !is_known(name, is_directory) {
                    foreign.push(directory.path().join(name));
                }
            })
        };
        look(&self.root, |name, is_directory| KNOWN.iter().any(|known| *known == (name.to_str(), is_directory)))?;
        look(&self.tmp, |name, is_directory| is_directory && draft::is_name(name))?;
        for directory in [&self.moving, &self.pending, &self.failed] {
            look(directory, |name, is_directory| is_directory && entry_id(name).is_some())?;
        }
        Ok(foreign)
    }

    /// Bytes and inodes that are free on its disk, where the file system says.
    pub fn free(&self) -> (Option<u64>, Option<u64>) {
        self.root.free()
    }

    /// The queue's directory.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Where new entries appear, for whoever watches.
    pub fn pending_path(&self) -> &Path {
        self.pending.path()
    }

    /// The directory for the states of uploads that are not queued; it is there.
    ///
    /// # Errors
    /// [`Fault::Config`]: it is another user's, or others may write to it. [`Fault::Io`].
    pub fn uploads_path(&self) -> Result<PathBuf> {
        Ok(inside(&self.root, UPLOADS)?.path().to_owned())
    }

    /// The entries in one of the directories, oldest first.
    fn ids(directory: &Directory) -> Result<Vec<EntryId>> {
        let mut ids = Vec::new();
        directory.list(|name, is_directory| ids.extend(entry_id(name).filter(|_| is_directory)))?;
        ids.sort_unstable();
        Ok(ids)
    }
}

fn entry_id(name: &OsStr) -> Option<EntryId> {
    EntryId::from_file_name(name.to_str()?)
}

/// Opens the queue's directory; it, and what leads to it, are made where they are not there.
fn open_or_make(path: &Path) -> Result<Directory> {
    match Directory::open(path) {
        Err(failure) if failure.is_missing() => {}
        Err(failure) if failure.errno() == Errno::NOTDIR => return Err(no_directory(path)),
        opened => return Ok(opened?),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::new("open", path, Errno::NOENT).into());
    };
    let parent = open_or_make(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
    make(&parent, name)?;
    Ok(Directory::open(path)?)
}

/// Opens one of the queue's own directories, and makes it where it is not there.
fn inside(root: &Directory, name: &str) -> Result<Directory> {
    let opened = match root.subdirectory(name) {
        Err(failure) if failure.is_missing() => {
            make(root, name.as_ref())?;
            root.subdirectory(name)
        }
        opened => opened,
    };
    let directory = opened.map_err(|failure| match failure.errno() {
        Errno::NOTDIR | Errno::LOOP => no_directory(&root.path().join(name)),
        _ => failure.into(),
    })?;
    directory.check_private()?;
    Ok(directory)
}

fn make(parent: &Directory, name: &OsStr) -> Result<()> {
    match parent.make_directory(name) {
        // Another process was faster.
        Err(failure) if failure.errno() == Errno::EXIST => Ok(()),
        made => Ok(made.and_then(|()| parent.sync())?),
    }
}

fn no_directory(path: &Path) -> Error {
    Error::new(Fault::Config, "not_a_directory", format!("'{}' is no directory", path.display()))
        .with_remedy("remove it, or name another directory for the queue")
}

const TMP: &str = "tmp";
const MOVING: &str = "moving";
const PENDING: &str = "pending";
const FAILED: &str = "failed";
const UPLOADS: &str = "uploads";
const LOCK: &str = "lock";
const LAST_ADDITION: &str = "last-addition";
/// The drainer's own file in the queue's directory.
pub const RETRY_BUDGET: &str = "retry-budget.json";
/// What is in a queue's directory, and whether it is a directory.
const KNOWN: [(Option<&str>, bool); 8] = [
    (Some(TMP), true),
    (Some(MOVING), true),
    (Some(PENDING), true),
    (Some(FAILED), true),
    (Some(UPLOADS), true),
    (Some(LOCK), false),
    (Some(LAST_ADDITION), false),
    (Some(RETRY_BUDGET), false),
];

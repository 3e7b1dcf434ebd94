//! Files that appear in directories, each as soon as it is complete, and never before.
//!
//! A file is complete when its writer has closed it or renamed it into the directory. One that was there before the
//! watch began, or came where inotify does not tell, is complete when nobody has it open for writing, as far as can be
//! told, and it has been unchanged for 10 s, or 70 s where that cannot be told. With a settling time, every file is complete when it has been unchanged for
//! that long, open or not.
//!
//! ```text
//! inotify ── watched ──▶ completion::Candidates ──▶ complete files, one after the other
//! readdir ── directory ──▶     ▲
//!     /proc ── writers ────────┘
//! ```

mod completion;
mod directory;
mod watched;
mod writers;

use crate::error::{Error, Fault, Result};
use directory::Directory;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How directories are watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// How long a file has to be unchanged, whether it is closed or not; `None`: closing says it.
    pub settle: Option<Duration>,
    /// Look that often, and ask inotify nothing; `None`: inotify, where there is.
    pub poll: Option<Duration>,
    /// Look once at what is there, and wait for nothing.
    pub once: bool,
}

/// Watches directories.
pub struct Watcher {
    directories: Vec<Directory>,
    ready: VecDeque<PathBuf>,
}

impl Watcher {
    /// Begins to watch. What is in the directories already counts as having appeared.
    ///
    /// # Errors
    /// [`Fault::NoInput`]: there is no such directory. [`Fault::Data`]: it is none. [`Fault::Config`]: this user may
    /// not take files out of it.
    pub fn open(directories: &[PathBuf], manner: Manner) -> Result<Self> {
        let directories = directories.iter().map(|path| Directory::open(path, manner)).collect::<Result<_>>()?;
        Ok(Self { directories, ready: VecDeque::new() })
    }

    /// The next complete file, for the caller to take away. `None`: there is none at the moment.
    pub fn take(&mut self) -> Option<PathBuf> {
        if self.ready.is_empty() {
            // No directory keeps the others waiting.
            for directory in &mut self.directories {
                self.ready.extend(directory.complete(PORTION));
            }
        }
        self.ready.pop_front()
    }

    /// The next complete file of those that there are now, where the directories are looked at once. `None`: that was
    /// the last. Waits where nothing else tells whether one is complete, but not beyond `end`.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn take_once(&mut self, end: Option<Instant>) -> Result<Option<PathBuf>> {
        loop {
            if let Some(file) = self.take() {
                return Ok(Some(file));
            }
            if self.directories.iter().all(Directory::is_looked_through) {
                let left = end.map_or(LONGEST_WAIT, |end| end.saturating_duration_since(Instant::now()));
                if left.is_zero() || self.directories.iter().all(Directory::is_through) {
                    return Ok(None);
                }
                self.wait(left)?;
            }
        }
    }

    /// A file could not be taken away: it is given again after this time.
    pub fn put_back(&mut self, file: &Path, after: Duration) {
        let Some(name) = file.file_name() else { return };
        if let Some(directory) = self.directories.iter_mut().find(|directory| directory.has(file)) {
            directory.put_back(name, after);
        }
    }

    /// Waits until there may be a complete file, or for `limit`.
    ///
    /// # Errors
    /// [`Fault::Io`]: the system does not let itself be asked.
    pub fn wait(&self, limit: Duration) -> Result<()> {
        let idle = self.directories.iter().map(Directory::idle).min().unwrap_or(Duration::MAX).min(limit);
        let mut descriptors: Vec<PollFd<'_>> = self
            .directories
            .iter()
            .filter_map(Directory::descriptor)
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
            .collect();
        // An hour fits, whatever the architecture; being woken early does no harm.
        let timeout = Timespec::try_from(idle.min(LONGEST_WAIT)).unwrap_or_default();
        match poll(&mut descriptors, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => {
                Err(Error::new(Fault::Io, "cannot_wait", format!("cannot wait for files to appear: {error}")))
            }
        }
    }
}

/// Files of a directory that are judged, and looked for among the open ones, at a time.
const PORTION: usize = 256;
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;

//! One watched directory: what inotify says of it, and what is in it when it is looked at.

use super::Manner;
use super::completion::{Candidates, News, Rules, Snapshot, Verdict, is_ignored};
use super::watched::{FOUND_SETTLE, Heard, Watched};
use super::writers::open_for_writing;
use crate::error::Result;
use rustix::process::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, ReadDir};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A directory and the files in it that are not taken yet.
pub struct Directory {
    path: PathBuf,
    manner: Manner,
    started: Instant,
    candidates: Candidates,
    /// `None`: there is no such directory for now.
    watched: Option<Watched>,
    /// Where the present look at all files has come to.
    listing: Option<ReadDir>,
    next_look: Duration,
}

impl Directory {
    /// Begins to watch; what is there already is found by looking.
    ///
    /// # Errors
    /// As [`Watched::start`].
    pub fn open(path: &Path, manner: Manner) -> Result<Self> {
        let watched = Watched::start(path, &manner)?;
        Ok(Self {
            path: path.to_owned(),
            manner,
            started: Instant::now(),
            candidates: candidates(&manner, &watched),
            watched: Some(watched),
            listing: None,
            next_look: Duration::ZERO,
        })
    }

    /// At most `limit` files that are complete now, the oldest first. Whoever gets them takes them, or says that they
    /// are [`put_back`](Self::put_back).
    pub fn complete(&mut self, limit: usize) -> Vec<PathBuf> {
        self.hear();
        self.look();
        let now = self.now();
        let mut complete: Vec<(OsString, Metadata)> = Vec::new();
        let mut are_settled = false;
        for name in self.candidates.due(now, limit) {
            let Some(metadata) = regular_file(&self.path.join(&name)) else {
                self.candidates.remove(&name);
                continue;
            };
            let age = Some(&metadata).filter(|_| self.may_trust_clock()).and_then(age);
            let verdict = self.candidates.judge(&name, snapshot(&metadata), age, now);
            if verdict != Verdict::NotYet {
                are_settled = verdict == Verdict::Complete;
                complete.push((name, metadata));
            } else if self.manner.once && age.is_some() {
                // The next run looks at it; but one that was changed by a clock that was put back later would be too
                // young until the clock is there again, in years perhaps.
                self.candidates.remove(&name);
            }
        }
        if !are_settled {
            self.leave_open_ones(&mut complete, now);
        }
        complete.sort_by_key(|(_, metadata)| (metadata.mtime(), metadata.mtime_nsec()));
        let taken = complete.into_iter().map(|(name, _)| {
            self.candidates.remove(&name);
            self.path.join(name)
        });
        taken.collect()
    }

    /// A file that was complete could not be taken: it is complete again after this time.
    pub fn put_back(&mut self, name: &OsStr, after: Duration) {
        if !self.manner.once {
            let again = self.now().saturating_add(after);
            self.candidates.put_back(name, again);
        }
    }

    /// Whether it is this directory's file.
    pub fn has(&self, file: &Path) -> bool {
        file.parent() == Some(&self.path)
    }

    /// Whether every file that there was has been looked at.
    pub fn is_looked_through(&self) -> bool {
        self.next_look > Duration::ZERO && self.listing.is_none() && self.candidates.due(self.now(), 1).is_empty()
    }

    /// Whether none is waited for.
    pub fn is_through(&self) -> bool {
        self.candidates.names().next().is_none()
    }

    /// What becomes readable when there is something new. `None`: nothing does.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // While there is no room the kernel keeps the events.
        self.watched.as_ref().filter(|_| !self.candidates.is_full())?.descriptor()
    }

    /// How long there is nothing to be done, but for what [`descriptor`](Self::descriptor) says.
    pub fn idle(&self) -> Duration {
        if self.listing.is_some() && !self.candidates.is_full() {
            return Duration::ZERO;
        }
        let due = self.candidates.next_due().unwrap_or(Duration::MAX);
        due.min(self.next_look).saturating_sub(self.now())
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes the events that have come.
    fn hear(&mut self) {
        let now = self.now();
        let Some(watched) = &self.watched else { return };
        let candidates = &mut self.candidates;
        let mut is_gone = false;
        watched.hear(|heard| {
            match heard {
                Heard::File(name, news) if !is_ignored(name) => candidates.note(name, news, now),
                Heard::File(..) => {}
                Heard::Overflow => {
                    log::debug!("inotify has lost events: looking at all files");
                    candidates.forget();
                }
                Heard::Gone => is_gone = true,
            }
            !candidates.is_full()
        });
        if is_gone {
            self.lose("it was removed, renamed or unmounted");
        }
    }

    /// Looks at what is in the directory, where it is time, as far as there is room.
    fn look(&mut self) {
        let now = self.now();
        if self.candidates.take_missed() && self.listing.is_none() {
            self.next_look = now;
        }
        if self.listing.is_none() && self.next_look <= now {
            self.begin_to_look(now);
        }
        let Some(listing) = &mut self.listing else { return };
        for _ in 0..LOOKED_AT_ONCE {
            if self.candidates.is_full() {
                return;
            }
            let Some(entry) = listing.next() else {
                self.listing = None;
                return;
            };
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if !is_ignored(&name) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                self.candidates.note(&name, News::Found, now);
            }
        }
    }

    fn begin_to_look(&mut self, now: Duration) {
        if self.watched.as_ref().is_some_and(|watched| !watched.is_at(&self.path)) {
            self.lose("another directory, or none, has its place");
        }
        if self.watched.is_none() {
            match Watched::start(&self.path, &self.manner) {
                Ok(watched) => {
                    log::warn!("'{}' is there again", self.path.display());
                    self.candidates = candidates(&self.manner, &watched);
                    self.watched = Some(watched);
                }
                Err(error) => log::debug!("{error}"),
            }
        }
        let Some(watched) = &self.watched else {
            self.next_look = now.saturating_add(GONE_LOOK);
            return;
        };
        self.next_look = now.saturating_add(watched.look_every(&self.manner));
        let gone = |name: &&OsStr| regular_file(&self.path.join(name)).is_none();
        let gone: Vec<OsString> = self.candidates.names().filter(gone).map(OsStr::to_owned).collect();
        gone.iter().for_each(|name| self.candidates.remove(name));
        match fs::read_dir(&self.path) {
            Ok(listing) => self.listing = Some(listing),
            Err(error) => log::warn!("cannot read the directory '{}': {error}", self.path.display()),
        }
    }

    /// Goes on without the directory, and looks whether it comes back.
    fn lose(&mut self, why: &str) {
        log::warn!("'{}' is not watched until it is there again: {why}", self.path.display());
        self.watched = None;
        self.listing = None;
        self.candidates.forget();
        self.next_look = Duration::ZERO;
    }

    /// Whether a file's age is the difference between its time of change and the clock. Where the clock may be set
    /// meanwhile, or the times are another machine's, only what was observed counts.
    fn may_trust_clock(&self) -> bool {
        self.manner.once || (self.manner.settle.is_none() && !self.watched.as_ref().is_some_and(Watched::is_network))
    }

    /// Takes those out that somebody has open for writing.
    fn leave_open_ones(&mut self, files: &mut Vec<(OsString, Metadata)>, now: Duration) {
        for name in open_for_writing(files) {
            files.retain(|(file, _)| *file != name);
            self.candidates.is_open(&name, now);
            if self.manner.once {
                self.candidates.remove(&name);
            }
        }
    }
}

fn candidates(manner: &Manner, watched: &Watched) -> Candidates {
    let found_settle = if watched.is_network() { NETWORK_SETTLE } else { FOUND_SETTLE };
    Candidates::new(Rules { settle: manner.settle, found_settle, hidden_settle: HIDDEN_SETTLE })
}

fn regular_file(path: &Path) -> Option<Metadata> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file)
}

fn snapshot(metadata: &Metadata) -> Snapshot {
    Snapshot {
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        is_hidden: is_hidden(metadata.uid(), geteuid().as_raw()),
    }
}

/// Whether `user` cannot look at the processes of a file's owner, which are most likely to write to it. Root can.
fn is_hidden(owner: u32, user: u32) -> bool {
    owner != user && user != 0
}

/// How long ago the file was changed, by the clock; `None`: in the future.
fn age(metadata: &Metadata) -> Option<Duration> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    now.checked_sub(Duration::from_secs(u64::try_from(metadata.ctime()).ok()?))
}

/// Another machine's writer is not seen in /proc, and its writes are seen up to 60 s late (nfs(5), acregmax).
const NETWORK_SETTLE: Duration = Duration::from_secs(70);
/// Another user's writer is not seen there either.
const HIDDEN_SETTLE: Duration = NETWORK_SETTLE;
/// How often it is looked whether a directory that is gone has come back.
const GONE_LOOK: Duration = Duration::from_secs(2);
/// Entries of the directory that are read before complete files are taken.
const LOOKED_AT_ONCE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_users_writers_are_hidden_from_all_but_root() {
        let cases = [(1000, 1000), (0, 0), (1000, 0), (0, 1000), (1001, 1000)];
        assert_eq!(cases.map(|(owner, user)| is_hidden(owner, user)), [false, false, false, true, true]);
    }
}

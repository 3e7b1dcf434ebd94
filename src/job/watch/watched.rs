//! What the kernel says of a directory: inotify(7).

use super::Manner;
use super::completion::News;
use crate::error::{Error, Fault, Result};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{Access, access, statfs};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// A directory that is watched, whatever its path comes to name later.
pub struct Watched {
    identity: (u64, u64),
    /// `None`: it has to be looked at from time to time.
    inotify: Option<OwnedFd>,
    is_network: bool,
}

/// One event.
pub enum Heard<'a> {
    /// Of a file.
    File(&'a OsStr, News),
    /// The kernel had no room for further events and dropped them.
    Overflow,
    /// The directory is not where it was any more.
    Gone,
}

impl Watched {
    /// Begins to watch the directory. Without inotify, which is warned of, it has to be looked at more often.
    ///
    /// # Errors
    /// [`Fault::NoInput`]: there is no such directory. [`Fault::Data`]: it is none. [`Fault::Config`]: this user may
    /// not take files out of it.
    pub fn start(path: &Path, manner: &Manner) -> Result<Self> {
        let shown = path.display();
        let error = |fault, code: &'static str, message: String| Error::new(fault, code, message);
        let metadata = fs::metadata(path).map_err(|problem| {
            error(Fault::NoInput, "no_such_directory", format!("cannot watch '{shown}': {problem}"))
                .with_remedy("make the directory first, or check the path")
        })?;
        if !metadata.is_dir() {
            return Err(error(Fault::Data, "no_directory", format!("cannot watch '{shown}': it is no directory"))
                .with_remedy("name the directory that the files appear in"));
        }
        if let Err(problem) = access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
            let message = format!("cannot take files out of '{shown}': {problem}");
            return Err(error(Fault::Config, "directory_not_writable", message)
                .with_remedy("let this user read and write the directory, or run homing as one who may"));
        }
        let inotify = (!manner.once && manner.poll.is_none()).then(|| begin(path)).and_then(|begun| {
            begun
                .inspect_err(|problem| {
                    log::warn!(
                        "inotify cannot watch '{shown}' ({}): looking every {} s",
                        reason(*problem),
                        POLL.as_secs()
                    );
                })
                .ok()
        });
        // Only now: what came to be there in between is not what is watched.
        let identity = identity(path).unwrap_or_default();
        let is_network = statfs(path).is_ok_and(|found| {
            // The type is a number of 32 bits, signed or not by architecture.
            NETWORK.contains(&(found.f_type as u32))
        });
        Ok(Self { identity, inotify, is_network })
    }

    /// Whether the path names this directory still.
    pub fn is_at(&self, path: &Path) -> bool {
        identity(path) == Some(self.identity)
    }

    /// Whether other machines may write to it, of whose doing inotify says nothing.
    pub fn is_network(&self) -> bool {
        self.is_network
    }

    /// How often all of it has to be looked at.
    pub fn look_every(&self, manner: &Manner) -> Duration {
        let is_told = self.inotify.is_some() && !self.is_network;
        manner.poll.unwrap_or(if is_told { LOOK } else { POLL })
    }

    /// What becomes readable with events.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Gives the events that have come, until `hear` wants no more; some are given all the same.
    pub fn hear(&self, mut hear: impl FnMut(Heard<'_>) -> bool) {
        let Some(inotify) = &self.inotify else { return };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        let mut goes_on = true;
        while goes_on || !reader.is_buffer_empty() {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return,
                Err(problem) => {
                    log::warn!("inotify: {problem}");
                    hear(Heard::Gone);
                    return;
                }
            };
            let flags = event.events();
            goes_on = if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                hear(Heard::Overflow)
            } else if flags.intersects(GONE) {
                hear(Heard::Gone)
            } else if let Some(name) = event.file_name().filter(|_| !flags.contains(ReadFlags::ISDIR)) {
                let is_complete = flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO);
                hear(Heard::File(
                    OsStr::from_bytes(name.to_bytes()),
                    if is_complete { News::Written } else { News::Created },
                ))
            } else {
                true
            };
        }
    }
}

fn begin(path: &Path) -> rustix::io::Result<OwnedFd> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let wanted = WatchFlags::CREATE | WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
    let own = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    inotify::add_watch(&inotify, path, wanted | own)?;
    Ok(inotify)
}

fn reason(problem: Errno) -> String {
    match problem {
        Errno::NOSYS => "this kernel has none".to_owned(),
        Errno::MFILE => "fs.inotify.max_user_instances is reached".to_owned(),
        Errno::NOSPC => "fs.inotify.max_user_watches is reached".to_owned(),
        other => other.to_string(),
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// The directory itself is another's, or nobody's.
const GONE: ReadFlags =
    ReadFlags::IGNORED.union(ReadFlags::UNMOUNT).union(ReadFlags::DELETE_SELF).union(ReadFlags::MOVE_SELF);
/// File systems that other machines write to, by their numbers in Linux's magic.h and in their own headers: NFS, SMB,
/// CIFS, SMB2, 9p, Ceph, AFS, FUSE (sshfs), and VirtualBox's shared folders.
const NETWORK: &[u32] =
    &[0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x5346_414f, 0x6573_5546, 0x786f_4256];
/// A few dozen events; the kernel keeps the others.
const BUFFER: usize = 4096;
/// How often a directory is looked at although inotify tells of it: for what is found only then, such as a file system
/// mounted over it.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked at where nobody tells.
const POLL: Duration = Duration::from_secs(5);
/// How long a file that was found, and that nobody is seen to have open for writing, has to be unchanged.
pub(super) const FOUND_SETTLE: Duration = Duration::from_secs(10);

//! A place for secrets: a directory in memory that only this user can look into.
//!
//! Files are opened by their directory's descriptor and never through a symbolic link, and looked at once they are open, so
//! that nobody can put another in between.

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The directory, open and found to be safe.
pub(super) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// Why a directory or a file is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The system says no.
    System(Errno),
    /// What is written there may outlive the power supply.
    Persistent,
    /// It belongs to another user.
    Foreign,
    /// Others may do something to it: its mode.
    Open(u32),
    /// It is no regular file.
    NoFile,
    /// It is larger than anything of ours.
    TooLarge,
    /// Somebody else has held the lock for all of the time.
    Locked,
}

impl Directory {
    /// `$XDG_RUNTIME_DIR/homing`, else `/run/homing`; with `create` it is made where it is not there. `None`, with a
    /// debug log of the reasons, where neither can be used.
    pub(super) fn open(create: bool) -> Option<Self> {
        // The XDG Base Directory Specification: a path that is not absolute is to be ignored.
        let of_user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let candidates = of_user.map(|path| (path, true)).into_iter().chain([(PathBuf::from(RUN), false)]);
        for (parent, of_user) in candidates {
            match Self::open_in(&parent, of_user, create) {
                Ok(descriptor) => return Some(Self { descriptor, path: parent.join(NAME) }),
                Err(reason) => log::debug!("credential cache: {}/{NAME}: {reason}", parent.display()),
            }
        }
        None
    }

    /// Its path, for logs.
    pub(super) fn shown(&self) -> impl fmt::Display {
        self.path.display()
    }

    /// Reads a whole file; `None` where there is none.
    pub(super) fn read<'b>(&self, name: &str, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Unusable> {
        // Opening something else than a file must not wait for anything.
        let file = match self.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK) {
            Err(Unusable::System(Errno::NOENT)) => return Ok(None),
            opened => opened?,
        };
        let mut length = 0;
        while length < buffer.len() {
            match rustix::io::read(&file, &mut buffer[length..]) {
                Ok(0) => return Ok(Some(&buffer[..length])),
                Ok(count) => length += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Unusable::TooLarge)
    }

    /// Puts a file with this content in the place of whatever has that name, all at once. For the holder of the lock
    /// only: what it writes has a fixed name until it is complete.
    pub(super) fn replace(&self, name: &str, content: &[u8]) -> Result<(), Unusable> {
        let unfinished = format!("{name}.new");
        // Of a run that was ended in the middle.
        self.remove(&unfinished);
        let written = self.write(&unfinished, content).and_then(|()| {
            rustix::fs::renameat(&self.descriptor, &unfinished, &self.descriptor, name).map_err(Unusable::from)
        });
        if written.is_err() {
            self.remove(&unfinished);
        }
        written
    }

    /// Removes a file, if there is one.
    pub(super) fn remove(&self, name: &str) {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => log::debug!("credential cache: {}/{name} stays: {error}", self.shown()),
        }
    }

    /// Locks a file, which stays behind empty, until what is returned is dropped.
    pub(super) fn lock(&self, name: &str, deadline: Instant) -> Result<OwnedFd, Unusable> {
        let file = self.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK)?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::INTR) => {}
                // flock has no deadline of its own.
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(LOCK_PAUSE),
                Err(Errno::WOULDBLOCK) => return Err(Unusable::Locked),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn open_in(parent: &Path, must_own_parent: bool, create: bool) -> Result<OwnedFd, Unusable> {
        let parent = rustix::fs::openat(CWD, parent, DIRECTORY, Mode::empty())?;
        if must_own_parent {
            check_owner(&rustix::fs::fstat(&parent)?)?;
        }
        let open = || rustix::fs::openat(&parent, NAME, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
        let directory = match open() {
            Err(Errno::NOENT) if create => {
                check_memory(&parent)?;
                match rustix::fs::mkdirat(&parent, NAME, Mode::RWXU) {
                    // Another run was faster.
                    Ok(()) | Err(Errno::EXIST) => open()?,
                    Err(error) => return Err(error.into()),
                }
            }
            opened => opened?,
        };
        check_access(&rustix::fs::fstat(&directory)?)?;
        check_memory(&directory)?;
        Ok(directory)
    }

    fn open_file(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Unusable> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)?;
        let found = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(Unusable::NoFile);
        }
        check_access(&found)?;
        Ok(file)
    }

    fn write(&self, name: &str, mut content: &[u8]) -> Result<(), Unusable> {
        let file = self.open_file(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        while !content.is_empty() {
            match rustix::io::write(&file, content) {
                Ok(count) => content = content.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl From<Errno> for Unusable {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(Errno::LOOP | Errno::NOTDIR) => {
                formatter.write_str("not used: it is a symbolic link, or no directory")
            }
            Self::System(error) => write!(formatter, "{error}"),
            Self::Persistent => formatter.write_str("not used: it is not in memory (tmpfs or ramfs)"),
            Self::Foreign => formatter.write_str("not used: it belongs to another user"),
            Self::Open(mode) => write!(formatter, "not used: others have access to it (mode {mode:04o})"),
            Self::NoFile => formatter.write_str("not used: it is no regular file"),
            Self::TooLarge => formatter.write_str("not used: it is too large"),
            Self::Locked => formatter.write_str("another run of homing has held it for too long"),
        }
    }
}

fn check_owner(found: &Stat) -> Result<(), Unusable> {
    if found.st_uid == geteuid().as_raw() { Ok(()) } else { Err(Unusable::Foreign) }
}

fn check_access(found: &Stat) -> Result<(), Unusable> {
    check_owner(found)?;
    let mode = found.st_mode & 0o7777;
    if mode & OTHERS_MASK == 0 { Ok(()) } else { Err(Unusable::Open(mode)) }
}

fn check_memory(directory: &OwnedFd) -> Result<(), Unusable> {
    // The kernel's type has another width and sign on every machine, its numbers 32 bits.
    let kind = rustix::fs::fstatfs(directory)?.f_type as u32;
    if matches!(kind, TMPFS_MAGIC | RAMFS_MAGIC) { Ok(()) } else { Err(Unusable::Persistent) }
}

const NAME: &str = "homing";
/// The Filesystem Hierarchy Standard's place for what is gone after a restart; in memory on every usual system.
const RUN: &str = "/run";
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Bits that let group or others do anything.
const OTHERS_MASK: u32 = 0o077;
/// `statfs(2)`. An initramfs is one or the other.
const TMPFS_MAGIC: u32 = 0x0102_1994;
const RAMFS_MAGIC: u32 = 0x8584_58f6;
/// Short beside a round trip to AWS, and rare enough to cost nothing.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

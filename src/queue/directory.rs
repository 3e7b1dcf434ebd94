//! The few file operations that the queue is made of. They name files by a directory that is open already, so that
//! nobody can lead them elsewhere by a symbolic link, and each failure says which file it was.

use super::failure::Failure;
use super::step::step;
use crate::error::{Error, Fault, Result as Checked};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Failure>;

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    file: File,
    path: PathBuf,
}

/// Whether a lock was to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Locked {
    Yes,
    /// Another one has it.
    Busy,
}

impl Directory {
    /// Opens a directory; symbolic links are followed.
    pub(super) fn open(path: &Path) -> Result<Self> {
        step("open", path)?;
        let opened = rustix::fs::open(path, DIRECTORY, Mode::empty());
        let file = opened.map_err(|errno| Failure::new("open", path, errno))?.into();
        Ok(Self { file, path: path.to_owned() })
    }

    /// Opens a directory in this one, which must not be a symbolic link.
    pub(super) fn subdirectory(&self, name: impl AsRef<OsStr>) -> Result<Self> {
        let path = self.path.join(name.as_ref());
        step("open", &path)?;
        let opened = rustix::fs::openat(&self.file, name.as_ref(), DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
        let file = opened.map_err(|errno| Failure::new("open", &*path, errno))?.into();
        Ok(Self { file, path })
    }

    /// Makes a directory that this user alone may enter.
    pub(super) fn make_directory(&self, name: impl AsRef<OsStr>) -> Result<()> {
        step("make the directory", &self.path.join(name.as_ref()))?;
        let made = rustix::fs::mkdirat(&self.file, name.as_ref(), Mode::RWXU);
        made.map_err(|errno| self.failure("make the directory", name, errno))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a directory into which others could put something, or that they could exchange for another.
    pub(super) fn check_private(&self) -> Checked<()> {
        let shown = self.path.display();
        let metadata = self.metadata()?;
        let own = rustix::process::geteuid().as_raw();
        if metadata.uid() != own {
            let message = format!("the directory '{shown}' belongs to another user (uid {})", metadata.uid());
            return Err(Error::new(Fault::Config, "foreign_directory", message)
                .with_remedy("run homing as that user, or name another directory for the queue"));
        }
        if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
            let message = format!("others may write to the directory '{shown}' (mode {:o})", metadata.mode() & 0o7777);
            return Err(Error::new(Fault::Config, "unsafe_directory", message)
                .with_remedy(format!("take that away: chmod go-w '{shown}'")));
        }
        Ok(())
    }

    /// Calls `found` with the name of everything in it, and whether that is a directory.
    pub(super) fn list(&self, mut found: impl FnMut(&OsStr, bool)) -> Result<()> {
        step("list", &self.path)?;
        let failed = |errno| Failure::new("list", &*self.path, errno);
        for entry in Dir::read_from(&self.file).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let is_directory = match entry.file_type() {
                FileType::Directory => true,
                // Some file systems do not say.
                FileType::Unknown => rustix::fs::statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
                _ => false,
            };
            found(name, is_directory);
        }
        Ok(())
    }

    /// Opens a file to read. It must not be a symbolic link, and a pipe is not waited for.
    pub(super) fn open_file(&self, name: impl AsRef<OsStr>) -> Result<File> {
        step("open", &self.path.join(name.as_ref()))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.file, name.as_ref(), flags, Mode::empty());
        opened.map(File::from).map_err(|errno| self.failure("open", name, errno))
    }

    /// Makes a new file, or empties the one that is there.
    pub(super) fn create_file(&self, name: impl AsRef<OsStr>) -> Result<File> {
        step("create", &self.path.join(name.as_ref()))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.file, name.as_ref(), flags, PRIVATE);
        opened.map(File::from).map_err(|errno| self.failure("create", name, errno))
    }

    /// Opens a file whose only use is its lock, and makes it where there is none.
    pub(super) fn open_lock(&self, name: impl AsRef<OsStr>) -> Result<File> {
        step("open", &self.path.join(name.as_ref()))?;
        // Nothing is written: one that is there can be opened on a read-only disk as well.
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.file, name.as_ref(), flags, PRIVATE);
        opened.map(File::from).map_err(|errno| self.failure("open", name, errno))
    }

    /// Reads a whole file; `None`: it has more than `maximum` bytes.
    pub(super) fn read(&self, name: impl AsRef<OsStr>, maximum: usize) -> Result<Option<Vec<u8>>> {
        let file = self.open_file(&name)?;
        let mut content = Vec::new();
        let read = file.take(maximum as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| self.failure_of("read", &name, &error))?;
        Ok((content.len() <= maximum).then_some(content))
    }

    /// Puts a file with this content there, on the disk, and replaces the one that is there whole. The directory is
    /// still to be synchronized.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let draft = format!("{name}.new");
        let mut file = self.create_file(&draft)?;
        let replaced = step("write", &self.path.join(&draft))
            .and_then(|()| file.write_all(content).map_err(|error| self.failure_of("write", &draft, &error)))
            .and_then(|()| self.sync_file(&draft, &file))
            .and_then(|()| self.rename(&draft, self, name));
        replaced.inspect_err(|_| drop(self.remove_file(&draft)))
    }

    /// Writes a file anew, in place: whoever reads it meanwhile, or after a kill or a power cut, may find it empty or as
    /// it was.
    pub(super) fn overwrite(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut file = self.create_file(name)?;
        step("write", &self.path.join(name))?;
        file.write_all(content).map_err(|error| self.failure_of("write", name, &error))
    }

    /// Gives the file `source` a second name here.
    pub(super) fn link(&self, source: &Path, name: impl AsRef<OsStr>) -> Result<()> {
        step("link", source)?;
        let linked = rustix::fs::linkat(rustix::fs::CWD, source, &self.file, name.as_ref(), AtFlags::empty());
        linked.map_err(|errno| Failure::new("link", source, errno))
    }

    /// Renames what is here to a name in `target`, where there must be no directory of that name that is not empty.
    pub(super) fn rename(&self, name: impl AsRef<OsStr>, target: &Self, new: impl AsRef<OsStr>) -> Result<()> {
        step("rename", &self.path.join(name.as_ref()))?;
        let renamed = rustix::fs::renameat(&self.file, name.as_ref(), &target.file, new.as_ref());
        renamed.map_err(|errno| self.failure("rename", name, errno))
    }

    /// Removes a file.
    pub(super) fn remove_file(&self, name: impl AsRef<OsStr>) -> Result<()> {
        step("remove", &self.path.join(name.as_ref()))?;
        let removed = rustix::fs::unlinkat(&self.file, name.as_ref(), AtFlags::empty());
        removed.map_err(|errno| self.failure("remove", name, errno))
    }

    /// Removes a directory that is empty.
    pub(super) fn remove_directory(&self, name: impl AsRef<OsStr>) -> Result<()> {
        step("remove", &self.path.join(name.as_ref()))?;
        let removed = rustix::fs::unlinkat(&self.file, name.as_ref(), AtFlags::REMOVEDIR);
        removed.map_err(|errno| self.failure("remove", name, errno))
    }

    /// Removes all files in it; further directories are not homing's and stay.
    pub(super) fn remove_files(&self) -> Result<()> {
        let mut names: Vec<OsString> = Vec::new();
        self.list(|name, is_directory| {
            if !is_directory {
                names.push(name.to_owned());
            }
        })?;
        for name in names {
            match self.remove_file(name) {
                Err(failure) if !failure.is_missing() => return Err(failure),
                _ => {}
            }
        }
        Ok(())
    }

    /// Brings its names onto the disk.
    pub(super) fn sync(&self) -> Result<()> {
        step("synchronize", &self.path)?;
        match rustix::fs::fsync(&self.file) {
            // Some network and user-space file systems cannot.
            Err(Errno::INVAL | Errno::NOTSUP) => {
                log::debug!("'{}' cannot be synchronized: its file system does not know how", self.path.display());
                Ok(())
            }
            done => done.map_err(|errno| Failure::new("synchronize", &*self.path, errno)),
        }
    }

    /// Brings the content of a file in it onto the disk.
    pub(super) fn sync_file(&self, name: impl AsRef<OsStr>, file: &File) -> Result<()> {
        step("synchronize", &self.path.join(name.as_ref()))?;
        file.sync_all().map_err(|error| self.failure_of("synchronize", name, &error))
    }

    /// Copies what is left of `source` into a new file, and gives the number of bytes. Where the file system can, the
    /// copy shares its blocks with the source: `copy_file_range` does that.
    pub(super) fn copy(&self, mut source: &File, name: impl AsRef<OsStr>) -> Result<u64> {
        let mut target = self.create_file(&name)?;
        step("write", &self.path.join(name.as_ref()))?;
        io::copy(&mut source, &mut target).map_err(|error| self.failure_of("write", name, &error))
    }

    pub(super) fn metadata(&self) -> Result<fs::Metadata> {
        self.file.metadata().map_err(|error| Failure::from_io("look at", &self.path, &error))
    }

    /// Whether this directory is still the one that has this name in `parent`.
    pub(super) fn is_at(&self, parent: &Self, name: impl AsRef<OsStr>) -> Result<bool> {
        let own = self.metadata()?;
        match rustix::fs::statat(&parent.file, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            // The fields' types differ from machine to machine.
            #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "not the same type everywhere")]
            Ok(there) => Ok((there.st_dev as u64, there.st_ino as u64) == (own.dev(), own.ino())),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(parent.failure("look at", name, errno)),
        }
    }

    /// Locks it for this process alone, and waits for that.
    pub(super) fn lock(&self) {
        if let Err(error) = self.file.lock() {
            self.is_without_locks(&error);
        }
    }

    /// Locks it together with others that only look, and waits until nobody else has it.
    pub(super) fn lock_shared(&self) {
        if let Err(error) = self.file.lock_shared() {
            self.is_without_locks(&error);
        }
    }

    /// Locks it for this process alone if nobody else has it.
    pub(super) fn try_lock(&self) -> Locked {
        match self.file.try_lock() {
            Ok(()) => Locked::Yes,
            Err(TryLockError::WouldBlock) => Locked::Busy,
            Err(TryLockError::Error(error)) => {
                self.is_without_locks(&error);
                Locked::Yes
            }
        }
    }

    /// Bytes and inodes that are free for this user; `None` where the file system does not say.
    pub(super) fn free(&self) -> (Option<u64>, Option<u64>) {
        #[cfg(test)]
        if let Some(free) = super::step::script::free() {
            return free;
        }
        let Ok(disk) = rustix::fs::fstatvfs(&self.file) else { return (None, None) };
        let bytes = (disk.f_blocks > 0).then(|| disk.f_bavail.saturating_mul(disk.f_frsize));
        (bytes, (disk.f_files > 0).then_some(disk.f_favail))
    }

    fn is_without_locks(&self, error: &io::Error) {
        log::debug!("'{}' is not locked: {error}", self.path.display());
    }

    pub(super) fn failure(&self, action: &'static str, name: impl AsRef<OsStr>, errno: Errno) -> Failure {
        Failure::new(action, self.path.join(name.as_ref()), errno)
    }

    pub(super) fn failure_of(&self, action: &'static str, name: impl AsRef<OsStr>, error: &io::Error) -> Failure {
        Failure::from_io(action, &self.path.join(name.as_ref()), error)
    }
}

/// Removes a file somewhere else.
pub(super) fn remove_elsewhere(path: &Path) -> Result<()> {
    step("remove", path)?;
    rustix::fs::unlink(path).map_err(|errno| Failure::new("remove", path, errno))
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Read and written by its owner alone.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The group's and all others' right to write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

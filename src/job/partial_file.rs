//! A file that is being fetched: `FILE.part` has its bytes, `FILE.part.json` says what they are of (`partial_state`).
//!
//! Whoever fetches holds a lock (`flock`) on `FILE.part`, so that two commands never write the same file.

use super::download::{Begun, Sink};
use super::partial_state::{Found, PartialState};
use crate::error::{Error, Fault, Result};
use crate::protocol::checksum::Checksum;
use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file on its way, locked by this process. When it is dropped before [`Self::commit`], what is there stays, to be
/// resumed.
pub struct PartialFile {
    target: PathBuf,
    path: PathBuf,
    file: File,
    state: PartialState,
    begun: Option<Begun>,
    position: u64,
    marked: u64,
    /// What was there is removed, or is the whole file under its final name.
    is_settled: bool,
}

impl PartialFile {
    /// Opens or makes `TARGET.part`, and finds out what of `object` (its name in full) is there already.
    ///
    /// # Errors
    /// [`Fault::CannotCreate`]: there is no such directory, or it may not be written to, or `target` is no file.
    /// [`Fault::Temporary`]: another process fetches it just now.
    pub fn open(target: &Path, object: &str) -> Result<Self> {
        let target = final_target(target)?;
        let path = with_suffix(&target, ".part");
        let state = PartialState::new(with_suffix(&target, ".part.json"), object);
        // The longest of the names: it must not turn out too long when the object is already on its way.
        match fs::symlink_metadata(state.path()) {
            Err(error) if error.kind() == ErrorKind::InvalidFilename => {
                return Err(cannot_create(state.path(), &error));
            }
            _ => {}
        }
        check_state(&state)?;
        let file = locked(&path, &state)?;
        if state.found() == Found::Others {
            fs::remove_file(state.path()).map_err(|error| foreign(state.path(), &format!("{OTHERS}: {error}")))?;
        }
        let mut partial = Self { target, path, file, state, begun: None, position: 0, marked: 0, is_settled: false };
        partial.recall();
        Ok(partial)
    }

    /// The file that it becomes.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes it the file: all of it on the disk first, then renamed.
    ///
    /// # Errors
    /// [`Fault::Io`]; [`Fault::Temporary`]: somebody has removed `FILE.part` meanwhile, and what has its name now, if
    /// anything, is not what was fetched.
    pub fn commit(mut self) -> Result<PathBuf> {
        let mode = fs::metadata(&self.target).map_or(0o666 & !umask(), |there| there.mode() & 0o777);
        self.file.sync_all().map_err(|error| self.unwritable(&error))?;
        // FAT has no modes, and says so.
        if let Err(error) = self.file.set_permissions(Permissions::from_mode(mode)) {
            log::debug!("'{}' keeps its mode: {error}", self.path.display());
        }
        if !self.is_in_place() {
            let message = format!(
                "'{}' was removed or replaced by another process while it was being fetched",
                self.path.display()
            );
            return Err(Error::new(Fault::Temporary, "part_replaced", message)
                .with_remedy("try again, and let nobody clean up there meanwhile"));
        }
        fs::rename(&self.path, &self.target).map_err(|error| {
            let (from, to) = (self.path.display(), self.target.display());
            Error::new(Fault::Io, "cannot_replace", format!("cannot rename '{from}' to '{to}': {error}"))
                .with_remedy("check the directory and the disk")
        })?;
        self.is_settled = true;
        self.state.remove();
        sync_directory(&self.target);
        Ok(std::mem::take(&mut self.target))
    }

    /// Finds out what is there. Whatever is wrong with it, the file is then fetched from its beginning.
    fn recall(&mut self) {
        let Some(recalled) = self.state.recall() else { return };
        let there = self.file.metadata().map_or(0, |metadata| metadata.len()).min(recalled.trusted);
        // The last byte is always asked for, so that the answer says whether the object is still the same.
        self.position = there.min(recalled.begun.size.saturating_sub(1));
        if self.position > 0 {
            self.marked = recalled.synced.min(self.position);
            self.begun = Some(recalled.begun);
        }
    }

    /// Says durably that everything up to here is on the disk.
    fn mark(&mut self) -> io::Result<()> {
        if self.state.is_open() {
            self.file.sync_data()?;
            self.state.mark(self.position)?;
            self.marked = self.position;
        }
        Ok(())
    }

    /// Removes what is there; its state last, for without it the bytes would be taken for somebody else's.
    fn discard(&mut self) {
        if self.is_settled {
            return;
        }
        self.is_settled = true;
        let is_in_place = self.is_in_place();
        if is_in_place {
            let _ = fs::remove_file(&self.path);
        }
        // One that is not open cannot be told from that of whoever has replaced the file.
        if is_in_place || self.state.is_open() {
            self.state.remove();
        }
    }

    /// Whether the file still has its name, and nobody else's has it.
    fn is_in_place(&self) -> bool {
        let there = fs::symlink_metadata(&self.path);
        self.file.metadata().is_ok_and(|own| there.is_ok_and(|there| is_same_file(&own, &there)))
    }

    fn unwritable(&mut self, error: &io::Error) -> Error {
        let (code, remedy) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                // It would only stay full, and other programs need it.
                self.discard();
                ("disk_full", "make room, or name a file on another disk")
            }
            ErrorKind::FileTooLarge => {
                ("file_too_large", "name a file on another file system: FAT takes at most 4 GiB")
            }
            _ => ("write_failed", "check the disk or memory card: dmesg shows its errors"),
        };
        Error::new(Fault::Io, code, format!("cannot write to '{}': {error}", self.path.display())).with_remedy(remedy)
    }

    /// Looks before the first byte is fetched.
    fn check_room(&self, needed: u64) -> Result<()> {
        let Ok(disk) = rustix::fs::fstatvfs(&self.file) else { return Ok(()) };
        let free = disk.f_bfree.saturating_mul(disk.f_frsize);
        // Some file systems say nothing of their size.
        if disk.f_blocks == 0 || needed <= free {
            return Ok(());
        }
        let message =
            format!("no room for '{}': {needed} bytes are to come, and {free} are free", self.target.display());
        Err(Error::new(Fault::Io, "disk_full", message).with_remedy("make room, or name a file on another disk"))
    }
}

impl Sink for PartialFile {
    fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref()
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn begin(&mut self, begun: Begun) -> Result<()> {
        self.start_over()?;
        self.check_room(begun.size)?;
        let written = self.state.begin(&begun);
        // Bytes without their state would be taken for somebody else's.
        sync_directory(&self.path);
        written.map_err(|error| self.unwritable(&error))?;
        self.begun = Some(begun);
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        let needed = self.begun.as_ref().map_or(0, |begun| begun.size.saturating_sub(self.position));
        let prepared = (|| {
            self.state.resume()?;
            self.file.set_len(self.position)?;
            self.file.seek(SeekFrom::Start(self.position))?;
            self.mark()
        })();
        prepared.map_err(|error| self.unwritable(&error))?;
        self.check_room(needed)
    }

    fn start_over(&mut self) -> Result<()> {
        (self.position, self.marked, self.begun) = (0, 0, None);
        // The bytes go before the state does, lest they be taken for another object's.
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| self.unwritable(&error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| self.unwritable(&error))?;
        self.position += bytes.len() as u64;
        let interval = self.begun.as_ref().map_or(MARK_EVERY, |begun| MARK_EVERY.max(begun.size / MARKS_MAXIMUM));
        if self.position - self.marked >= interval {
            self.mark().map_err(|error| self.unwritable(&error))?;
        }
        Ok(())
    }

    fn take_in(&mut self, checksum: &mut Checksum, buffer: &mut [u8]) -> Result<()> {
        let unreadable = |path: &Path, error: &io::Error| {
            Error::new(Fault::Io, "read_failed", format!("cannot read '{}': {error}", path.display()))
                .with_remedy("check the disk or memory card: dmesg shows its errors")
        };
        self.file.rewind().map_err(|error| unreadable(&self.path, &error))?;
        let mut left = self.position;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match self.file.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(unreadable(&self.path, &io::Error::from(ErrorKind::UnexpectedEof))),
                Ok(count) => {
                    checksum.update(&buffer[..count]);
                    left -= count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&self.path, &error)),
            }
        }
        Ok(())
    }

    fn reject(&mut self) -> String {
        self.discard();
        format!("'{}' was removed", self.path.display())
    }

    fn is_kept(&self) -> bool {
        !self.is_settled && self.position > 0
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        if self.position == 0 {
            // What was there before and has not been begun anew is another object's, and stays.
            if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                self.discard();
            }
        } else if let Err(error) = self.mark() {
            log::debug!("'{}' has no new mark: {error}", self.state.path().display());
        }
    }
}

/// The regular file that is to be replaced, behind symbolic links, or that is not there yet.
fn final_target(target: &Path) -> Result<PathBuf> {
    let shown = target.display();
    let is_link = fs::symlink_metadata(target).is_ok_and(|found| found.is_symlink());
    match fs::metadata(target) {
        Ok(found) if found.is_file() => {
            let resolved = if is_link { fs::canonicalize(target) } else { Ok(target.to_owned()) };
            resolved.map_err(|error| cannot_create(target, &error))
        }
        Ok(_) => Err(Error::new(Fault::CannotCreate, "no_regular_file", format!("'{shown}' is no regular file"))
            .with_remedy("name a file, or - for standard output")),
        Err(_) if is_link => {
            let message = format!("'{shown}' is a symbolic link to a file that is not there");
            Err(Error::new(Fault::CannotCreate, "dangling_link", message).with_remedy("name that file itself"))
        }
        Err(_) => Ok(target.to_owned()),
    }
}

/// Opens and locks the file of that name, which may be renamed or removed by another process while we do so.
fn locked(path: &Path, state: &PartialState) -> Result<File> {
    loop {
        let (file, is_new) = match no_follow().read(true).write(true).create_new(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                match no_follow().read(true).write(true).open(path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    opened => (opened.map_err(|error| cannot_create(path, &error))?, false),
                }
            }
            created => (created.map_err(|error| cannot_create(path, &error))?, true),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("'{}' is being fetched by another process", path.display());
                return Err(Error::new(Fault::Temporary, "busy", message).with_remedy("try again when it is done"));
            }
            // A file system without locks: then there are none.
            Err(TryLockError::Error(error)) => log::debug!("'{}' is not locked: {error}", path.display()),
        }
        let opened = file.metadata().map_err(|error| cannot_create(path, &error))?;
        if !fs::symlink_metadata(path).is_ok_and(|there| is_same_file(&opened, &there)) {
            continue;
        }
        if is_new {
            return Ok(file);
        }
        let is_known = match state.found() {
            Found::Own => true,
            // Nobody else says what a file of ours is.
            Found::Others => !is_ours_alone(&opened),
            Found::Nothing | Found::Foreign => false,
        };
        if !opened.is_file() || (opened.len() > 0 && !is_known) {
            return Err(foreign(path, "is there already, and not from a download of homing's"));
        }
        if is_ours_alone(&opened) {
            return Ok(file);
        }
        // Whoever owns it could still write to it when it is a file of ours; and under another name it may be a file
        // that was never meant.
        fs::remove_file(path).map_err(|error| foreign(path, &format!("{OTHERS}: {error}")))?;
    }
}

/// Whether this file is this user's, and has no other name.
pub(super) fn is_ours_alone(file: &fs::Metadata) -> bool {
    file.uid() == rustix::process::geteuid().as_raw() && file.nlink() == 1
}

/// The state's name may be that of a file that homing has nothing to do with, which would be overwritten or removed.
fn check_state(state: &PartialState) -> Result<()> {
    match state.found() {
        Found::Nothing | Found::Own | Found::Others => Ok(()),
        Found::Foreign => Err(foreign(state.path(), "is there already, and not from a download of homing's")),
    }
}

fn foreign(path: &Path, what: &str) -> Error {
    Error::new(Fault::CannotCreate, "foreign_file", format!("'{}' {what}", path.display()))
        .with_remedy("rename or remove it, or choose another FILE")
}

/// Whether these are of one file, under whatever names.
pub(super) fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// A name is as durable as its directory. Some file systems cannot be told so; theirs is then what it is.
pub(super) fn sync_directory(file: &Path) {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(error) = File::open(directory).and_then(|directory| directory.sync_all()) {
        log::debug!("'{}' is not synchronized: {error}", directory.display());
    }
}

fn cannot_create(path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "make the directory first",
        ErrorKind::PermissionDenied => "let this user write to the directory, or run homing as one who may",
        ErrorKind::ReadOnlyFilesystem => "name a file on a disk that can be written to",
        ErrorKind::InvalidFilename => "choose a shorter name: .part.json is added to it meanwhile",
        _ => "check the path and the disk",
    };
    Error::new(Fault::CannotCreate, "cannot_create", format!("cannot create '{}': {error}", path.display()))
        .with_remedy(remedy)
}

/// For this user alone, and never through a link that somebody else may have put there, nor waiting for a pipe.
pub(super) fn no_follow() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

/// What this process takes away from the modes of new files. It can only be learned by setting it.
fn umask() -> u32 {
    let mask = rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.as_raw_mode()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// What is the matter with a file that is not [`is_ours_alone`].
const OTHERS: &str = "is another user's, or has another name as well";
/// Bytes between marks: what a power cut costs at most, for a second of the slowest memory card.
const MARK_EVERY: u64 = 32 * 1024 * 1024;
/// The most marks in one download, so that the state stays small.
const MARKS_MAXIMUM: u64 = 512;

#[cfg(test)]
mod tests;

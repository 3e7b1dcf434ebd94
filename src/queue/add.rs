//! A file becomes an entry.
//!
//! ```text
//! tmp/PID-N     directory, locked: data (linked or copied), metadata.json; each and the directory synchronized
//!   │ rename, synchronize both directories              killed before: the source is as it was, and tmp/ is cleared
//!   ├──────────────── Keep::Copy ───────────────▶ pending/ID
//!   ▼ Keep::Move
//! moving/ID     remove the source, synchronize its directory
//!   │ rename, synchronize                               killed before: `recover` looks whether the source is there
//!   ▼
//! pending/ID
//! ```
//!
//! A drainer sees only what is in `pending/`, and there nothing is whose source could still be sent a second time, under
//! another key. The source's directory is synchronized before that: else a power cut could bring the source back after
//! its entry has been delivered.

use super::adding::{Adding, Listing};
use super::directory::{Directory, remove_elsewhere};
use super::draft::Draft;
use super::entry::{DATA, read_record, write_record};
use super::record::Record;
use super::room::Wanted;
use super::stamp::{Origin, Stamp};
use super::{Added, Dropped, EntryId, Keep, Metadata, Queue};
use crate::error::{Error, Fault, Result};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file that is to be queued.
struct Source<'a> {
    path: &'a Path,
    file: File,
    origin: Origin,
    /// It has more than one name.
    has_other_names: bool,
    is_symbolic_link: bool,
}

impl Queue {
    /// Queues the file `source`; when this returns, a power cut does not lose it. `now` in seconds since the Unix epoch.
    /// A symbolic link is followed, and with [`Keep::Move`] the link leaves, and not the file that it leads to.
    ///
    /// # Errors
    /// Whatever it is, the source is as it was. [`Fault::CannotCreate`], `queue_full`: the limits. [`Fault::Io`],
    /// `disk_full`, `read_only`, `io_error`…. [`Fault::Data`], `file_changed`: it has not the size that `metadata` says,
    /// or is being written to. [`Fault::NoInput`]: it cannot be opened.
    pub fn add(&self, source: &Path, keep: Keep, metadata: &Metadata, now: i64) -> Result<Added> {
        let mut dropped = Vec::new();
        self.add_file(source, keep, metadata, now, &mut dropped).map_err(|error| {
            for left in &dropped {
                log::warn!("the queue's entry {} ('{}') was dropped to make room", left.id, left.name);
            }
            error.context(format_args!("'{}' is not queued and stays as it is", source.display()))
        })
    }

    fn add_file(
        &self,
        path: &Path,
        keep: Keep,
        metadata: &Metadata,
        now: i64,
        dropped: &mut Vec<Dropped>,
    ) -> Result<Added> {
        let source = Source::open(path)?;
        source.check_size(metadata.size)?;
        if keep == Keep::Move
            && source.has_other_names
            && let Some(id) = self.finish_interrupted(&source)?
        {
            return Ok(Added { id, was_there: true, dropped: Vec::new() });
        }
        let mut draft = Draft::new(&self.tmp)?;
        let is_linked = keep == Keep::Move && source.link(draft.directory());
        if is_linked {
            self.make_room(&mut self.adding()?, Wanted::linked(metadata.size), dropped)?;
        } else {
            self.make_room(&mut self.adding()?, Wanted::to_be_copied(metadata.size), dropped)?;
            source.copy(draft.directory())?;
        }
        let file = settle(draft.directory())?;
        source.check_unchanged(file.size)?;
        let origin = (keep == Keep::Move).then(|| source.origin.clone());
        write_record(draft.directory(), &Record { metadata: metadata.clone(), file, origin, retried: None })?;
        let mut adding = self.adding()?;
        self.make_room(&mut adding, Wanted::complete(metadata.size), dropped)?;
        let id = match keep {
            Keep::Copy => self.place(&mut adding, &mut draft, &self.pending, now, metadata.size)?,
            Keep::Move => {
                source.check_is_there()?;
                let id = self.place(&mut adding, &mut draft, &self.moving, now, metadata.size)?;
                self.remove_source(&source, &mut draft, id)?;
                id
            }
        };
        adding.added(id);
        Ok(Added { id, was_there: false, dropped: std::mem::take(dropped) })
    }

    /// Gives the finished draft its id and its place.
    fn place(
        &self,
        adding: &mut Adding<'_>,
        draft: &mut Draft<'_>,
        target: &Directory,
        now: i64,
        size: u64,
    ) -> Result<EntryId> {
        // So that an entry that has just left and one that has just come do not look the same to anybody.
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_micros());
        let mut id = EntryId::next(None, now, micros, size);
        if adding.totals()?.newest.is_some_and(|newest| !id.is_later_than(newest)) {
            let Listing { pending, moving, failed } = adding.listing()?;
            id = EntryId::next(pending.iter().chain(moving).max().copied(), now, micros, size);
            while failed.iter().any(|other| other.is_same_arrival(id)) {
                id = id.successor();
            }
        }
        adding.announce()?;
        while let Err(failure) = self.tmp.rename(draft.name(), target, id.file_name()) {
            match failure.errno() {
                // Another process, on a file system without locks.
                Errno::EXIST | Errno::NOTEMPTY => id = id.successor(),
                _ => return Err(failure.into()),
            }
        }
        draft.give_away();
        // The new name first: between the two there is one name too many, not one too few.
        target
            .sync()
            .and_then(|()| self.tmp.sync())
            .map_err(|failure| {
                self.take_back(draft, target, id);
                failure.into()
            })
            .map(|()| id)
    }

    /// Removes the source of what is durable in `moving/`, and puts that into `pending/`.
    fn remove_source(&self, source: &Source<'_>, draft: &mut Draft<'_>, id: EntryId) -> Result<()> {
        match remove_elsewhere(source.path) {
            Err(failure) if !failure.is_missing() => {
                self.take_back(draft, &self.moving, id);
                let message = Error::from(failure).message().to_owned();
                return Err(Error::new(Fault::CannotCreate, "source_not_removable", message)
                    .with_remedy("use --keep, or let this user write to the file's directory"));
            }
            _ => {}
        }
        // From here on the entry is all there is of the file: whatever fails, it is queued, and `recover` goes on.
        if let Err(error) = self.finish_move(&source.origin, id) {
            log::warn!("the queue's entry {id} waits in moving/ for the next run: {}", error.message());
        }
        Ok(())
    }

    /// Puts an entry whose source is gone into `pending/`.
    pub(super) fn finish_move(&self, origin: &Origin, id: EntryId) -> Result<()> {
        let folder = origin.path.parent().unwrap_or(Path::new("/"));
        match Directory::open(folder).and_then(|folder| folder.sync()) {
            // With its directory the source is gone for good.
            Err(failure) if !failure.is_missing() => {
                log::debug!("{}", Error::from(failure).message());
            }
            _ => {}
        }
        self.moving.rename(id.file_name(), &self.pending, id.file_name())?;
        self.pending.sync()?;
        Ok(self.moving.sync()?)
    }

    /// Makes an entry a draft again, which is then removed.
    fn take_back(&self, draft: &mut Draft<'_>, from: &Directory, id: EntryId) {
        match from.rename(id.file_name(), &self.tmp, draft.name()) {
            Ok(()) => draft.take_back(),
            Err(failure) => {
                log::warn!("the entry {id} is in the queue, although that failed: {}", Error::from(failure).message());
            }
        }
        let _ = from.sync();
    }

    /// When a move was interrupted between linking and removing, and that was not noticed, its source is still there:
    /// the same file, under the same name, as an entry's. Then it is removed now.
    fn finish_interrupted(&self, source: &Source<'_>) -> Result<Option<EntryId>> {
        for id in self.entries()?.into_iter().filter(|id| id.size() == source.origin.size()) {
            let Ok(directory) = self.pending.subdirectory(id.file_name()) else { continue };
            let same = directory.open_file(DATA).ok().and_then(|data| data.metadata().ok());
            if !same.is_some_and(|data| source.origin.is_same_file(&data)) {
                continue;
            }
            let Ok(record) = read_record(&directory) else { continue };
            if record.origin.is_some_and(|origin| origin.path == source.origin.path) {
                remove_elsewhere(source.path)?;
                if let Some(folder) = source.origin.path.parent() {
                    Directory::open(folder)?.sync()?;
                }
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let shown = path.display();
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits().cast_signed();
        // Looked at before it is opened: some devices do something when they are opened.
        let found = fs::metadata(path).map_err(|error| cannot("open", path, &error))?;
        if found.is_dir() {
            return Err(Error::new(Fault::Data, "is_directory", format!("'{shown}' is a directory"))
                .with_remedy("name the files in it, or send an archive: tar cf archive.tar DIRECTORY"));
        }
        if !found.is_file() {
            return Err(Error::new(Fault::Data, "no_regular_file", format!("'{shown}' is no regular file"))
                .with_remedy("write the data to a file first"));
        }
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(|error| cannot("open", path, &error))?;
        let metadata = file.metadata().map_err(|error| cannot("look at", path, &error))?;
        let is_symbolic_link = fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink());
        Ok(Self {
            path,
            file,
            origin: Origin::new(path, &metadata),
            has_other_names: metadata.nlink() > 1,
            is_symbolic_link,
        })
    }

    /// Gives the file a second name, in the entry. Not possible across file systems, on FAT, for files that this user
    /// may not write to; and a file behind a symbolic link keeps its place, one with other names those, and there it may
    /// be written to.
    fn link(&self, directory: &Directory) -> bool {
        if self.is_symbolic_link || self.has_other_names {
            return false;
        }
        match directory.link(self.path, DATA) {
            Ok(()) => {
                let data = directory.open_file(DATA).ok().and_then(|data| data.metadata().ok());
                let is_same = data.is_some_and(|data| self.origin.is_same_file(&data));
                // Another file has got the name meanwhile.
                is_same || directory.remove_file(DATA).is_err()
            }
            Err(failure) => {
                log::debug!("{}: it is copied", Error::from(failure).message());
                false
            }
        }
    }

    fn copy(&self, directory: &Directory) -> Result<()> {
        let copied = directory.copy(&self.file, DATA)?;
        self.check_unchanged(copied)
    }

    fn check_size(&self, expected: u64) -> Result<()> {
        if self.origin.size() == expected { Ok(()) } else { Err(self.changed(expected)) }
    }

    /// Whether nobody has written to it, and `queued` bytes are in the queue.
    fn check_unchanged(&self, queued: u64) -> Result<()> {
        let now = self.file.metadata().map_err(|error| cannot("look at", self.path, &error))?;
        if self.origin.is(&now) && queued == now.len() { Ok(()) } else { Err(self.changed(self.origin.size())) }
    }

    /// Whether it is still in its place.
    fn check_is_there(&self) -> Result<()> {
        let there = fs::metadata(self.path).map_err(|error| cannot("move", self.path, &error))?;
        if self.origin.is(&there) {
            return Ok(());
        }
        log::debug!("'{}' is another file now, of {} bytes", self.path.display(), there.len());
        Err(self.changed(self.origin.size()))
    }

    fn changed(&self, expected: u64) -> Error {
        let message = format!("'{}' had {expected} bytes, and was written to meanwhile", self.path.display());
        Error::new(Fault::Data, "file_changed", message)
            .with_retryable(true)
            .with_remedy("queue it when its writer is done: write to another name and rename it when complete")
    }
}

/// Brings the entry's file onto the disk, whoever has written it.
fn settle(directory: &Directory) -> Result<Stamp> {
    let data = directory.open_file(DATA)?;
    directory.sync_file(DATA, &data)?;
    let metadata = data.metadata().map_err(|error| directory.failure_of("look at", DATA, &error))?;
    Ok(Stamp::of(&metadata))
}

fn cannot(action: &str, path: &Path, error: &io::Error) -> Error {
    let (code, remedy) = match error.kind() {
        ErrorKind::NotFound => ("no_such_file", "check the path"),
        ErrorKind::PermissionDenied => {
            ("permission_denied", "let this user read the file, or run homing as one who may")
        }
        _ => ("cannot_open", "check the file and the disk"),
    };
    Error::new(Fault::NoInput, code, format!("cannot {action} '{}': {error}", path.display())).with_remedy(remedy)
}

#[cfg(test)]
mod tests;

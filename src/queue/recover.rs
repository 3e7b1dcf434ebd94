//! What killed processes left half done.

use super::directory::{Directory, Locked};
use super::draft;
use super::entry::{data_metadata, read_record};
use super::{EntryId, Queue};
use crate::error::{Error, Result};
use std::fs;

impl Queue {
    /// Finishes or takes back what killed processes left half done; [`Self::open`] does it too. For those that keep a
    /// queue open for long.
    ///
    /// What cannot be done, on a read-only disk for example, is left for the next time.
    pub fn recover(&self) {
        let recovered = self.recover_moves().and_then(|()| self.clear_drafts());
        if let Err(error) = recovered {
            log::warn!("what an interrupted run left in the queue stays there: {}", error.message());
        }
    }

    /// A move that was interrupted is taken back when its source is there, unchanged: then whoever wanted it queued was
    /// never told that it is. Else its source is gone, or another file, and the entry is the file.
    fn recover_moves(&self) -> Result<()> {
        for id in Self::ids(&self.moving)? {
            let directory = match self.moving.subdirectory(id.file_name()) {
                Err(failure) if failure.is_missing() => continue,
                opened => opened?,
            };
            if directory.try_lock() == Locked::Busy || !directory.is_at(&self.moving, id.file_name())? {
                // Its process lives.
                continue;
            }
            self.recover_move(id, &directory)?;
        }
        Ok(())
    }

    fn recover_move(&self, id: EntryId, directory: &Directory) -> Result<()> {
        let origin = read_record(directory).ok().and_then(|record| record.origin);
        let Some(origin) = origin else {
            // The drainer will say what is wrong with it.
            self.moving.rename(id.file_name(), &self.pending, id.file_name())?;
            return Ok(self.pending.sync()?);
        };
        let source = fs::metadata(&origin.path).ok();
        let is_linked = |source: &fs::Metadata| {
            data_metadata(directory).is_ok_and(|data| super::stamp::is_same_file(source, &data))
        };
        if source.is_some_and(|source| origin.is(&source) || is_linked(&source)) {
            log::info!("'{}' was being queued when that was interrupted: it is not", origin.path.display());
            return self.discard(&self.moving, &id);
        }
        log::info!("'{}' was being queued when that was interrupted: it is now", origin.path.display());
        self.finish_move(&origin, id)
    }

    fn clear_drafts(&self) -> Result<()> {
        let mut names = Vec::new();
        self.tmp.list(|name, is_directory| {
            if is_directory && draft::is_name(name) {
                names.push(name.to_owned());
            }
        })?;
        for name in names {
            let directory = match self.tmp.subdirectory(&name) {
                Err(failure) if failure.is_missing() => continue,
                opened => opened?,
            };
            // Who builds an entry has it locked.
            if directory.try_lock() == Locked::Yes && directory.is_at(&self.tmp, &name)? {
                directory.remove_files()?;
                match self.tmp.remove_directory(&name) {
                    Err(failure) if !failure.is_missing() => {
                        log::warn!("a directory is left behind: {}", Error::from(failure).message());
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

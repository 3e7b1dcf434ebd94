//! An entry leaves: delivered, given up, put back, removed, dropped.

use super::directory::{Directory, Locked};
use super::draft::{self, next_name};
use super::entry::{REASON, UPLOAD, data_stamp, read_record, write_record};
use super::record::{Record, reason_to_json};
use super::{Dropped, EntryId, Queue, Reason, Way};
use crate::error::{Error, Fault, Result};
use rustix::io::Errno;

/// An entry that is locked for whoever removes it.
enum Grip {
    Held(Directory),
    /// Somebody reads or delivers it.
    Busy,
    /// There is none.
    Missing,
}

impl Queue {
    /// Takes a delivered entry away, with its file. One that is gone already is no error.
    ///
    /// # Errors
    /// [`Fault::Io`]: it may still be there, and be delivered again.
    pub fn delivered(&self, id: &EntryId) -> Result<()> {
        self.discard(&self.pending, id)
    }

    /// Puts an entry into `failed/`, with the reason. One that is gone already is no error. `now` in seconds since the
    /// Unix epoch.
    ///
    /// # Errors
    /// [`Fault::Io`]: it still waits.
    pub fn fail(&self, id: &EntryId, reason: &Error, now: i64) -> Result<()> {
        let name = id.file_name();
        if let Err(error) = self.write_reason(id, reason, now) {
            // It would be in everybody's way without being delivered.
            log::warn!("why the queue's entry {id} failed is not written down: {}", error.message());
        }
        match self.put(&self.pending, &name, &self.failed, *id) {
            Err(error) if error.is_missing() => Ok(()),
            put => Ok(put?),
        }
    }

    /// Puts an entry from `failed/` back among those that wait, under the same time of arrival: its attempts are
    /// forgotten, its age counts from `now`, and its file is taken as it is now.
    ///
    /// # Errors
    /// [`Fault::NoInput`], `no_such_entry`. [`Fault::Data`]: it is damaged. [`Fault::Io`].
    pub fn retry(&self, id: &EntryId, now: i64) -> Result<EntryId> {
        let name = id.file_name();
        let directory = self.failed.subdirectory(&name).map_err(|failure| self.missing_or(id, failure))?;
        let mut record = read_record(&directory)?;
        let file = data_stamp(&directory)?;
        if file != record.file {
            // What S3 has, and the parts of an upload, are another file's.
            if let Way::S3(object) = &mut record.metadata.way {
                object.stored = None;
            }
            match directory.remove_file(UPLOAD) {
                Err(failure) if !failure.is_missing() => return Err(failure.into()),
                _ => {}
            }
        }
        let metadata = &mut record.metadata;
        (metadata.attempts, metadata.last_attempt, metadata.last_error) = (0, None, None);
        (metadata.size, record.file, record.retried) = (file.size, file, Some(now));
        write_record(&directory, &record)?;
        let id = id.with_size(file.size);
        // It may be larger than it was.
        let mut adding = self.adding()?;
        adding.announce()?;
        self.put(&self.failed, &name, &self.pending, id).map_err(|failure| self.missing_or(&id, failure))?;
        // Should it stay, nobody looks at it there.
        let _ = directory.remove_file(REASON);
        Ok(id)
    }

    /// Removes an entry, whether it waits or has failed, with its file.
    ///
    /// # Errors
    /// [`Fault::NoInput`], `no_such_entry`. [`Fault::Temporary`], `entry_busy`: it is being delivered (an
    /// [`Entry`](super::Entry) of it lives, in this process or another). [`Fault::Io`].
    pub fn remove(&self, id: &EntryId) -> Result<()> {
        for parent in [&self.pending, &self.failed] {
            match self.grip(parent, id)? {
                Grip::Held(_directory) => return self.discard(parent, id),
                Grip::Busy => {
                    let message = format!("the entry {id} of the queue is just being delivered");
                    return Err(
                        Error::new(Fault::Temporary, "entry_busy", message).with_remedy("try again when that is over")
                    );
                }
                Grip::Missing => {}
            }
        }
        Err(self.missing(id))
    }

    /// Puts those into `failed/` that are older than [`Limits::max_age`](super::Limits::max_age), and gives them, to be
    /// reported; those that are being delivered stay. To be called by the drainer before it begins, and now and then.
    ///
    /// With a clock that is wrong (before [`Limits::clock_starts`](super::Limits::clock_starts)) nothing is too old, nor
    /// is what was queued by one; and what comes from the future has age 0.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn expire(&self, now: i64) -> Result<Vec<EntryId>> {
        let mut expired = Vec::new();
        let Some(max_age) = self.limits.max_age else { return Ok(expired) };
        let age = |since: i64| u64::try_from(now.saturating_sub(since)).unwrap_or(0);
        for id in self.entries()? {
            if age(id.arrival()) <= max_age {
                // They are in the order of their arrival.
                break;
            }
            if id.arrival() < self.limits.clock_starts {
                continue;
            }
            let Grip::Held(directory) = self.grip(&self.pending, &id)? else { continue };
            let record = read_record(&directory);
            if let Ok(Record { metadata, retried, .. }) = &record {
                // Where older entries wait, one that comes while the clock is wrong is given a time of theirs.
                let since = retried.unwrap_or(metadata.queued);
                if since < self.limits.clock_starts || retried.is_some_and(|retried| age(retried) <= max_age) {
                    continue;
                }
            }
            let name = record.map_or_else(|_| id.to_string(), |record| record.metadata.name);
            let waited = age(id.arrival());
            let message = format!("'{name}' was not delivered within {max_age} s: it has waited for {waited} s");
            let reason = Error::new(Fault::Data, "too_old", message)
                .with_remedy("homing queue retry tries it again; queue.max_age is the limit");
            self.fail(&id, &reason, now)?;
            expired.push(id);
        }
        Ok(expired)
    }

    /// Removes an entry to make room; `None`: it is being delivered, or gone.
    pub(super) fn drop_entry(&self, id: &EntryId) -> Result<Option<Dropped>> {
        for (parent, had_failed) in [(&self.failed, true), (&self.pending, false)] {
            if let Grip::Held(directory) = self.grip(parent, id)? {
                let name = read_record(&directory).map(|record| record.metadata.name).unwrap_or_default();
                self.discard(parent, id)?;
                return Ok(Some(Dropped { id: *id, name, had_failed }));
            }
        }
        Ok(None)
    }

    /// Renames an entry to `tmp/`, durably, and removes it there. In the other order a power cut could leave an entry
    /// without its file.
    pub(super) fn discard(&self, parent: &Directory, id: &EntryId) -> Result<()> {
        let old = id.file_name();
        let directory = match parent.subdirectory(&old) {
            Err(failure) if failure.is_missing() => return Ok(()),
            opened => opened?,
        };
        let new = loop {
            let new = next_name();
            match parent.rename(&old, &self.tmp, &new) {
                Ok(()) => break new,
                Err(failure) if matches!(failure.errno(), Errno::EXIST | Errno::NOTEMPTY) => {}
                Err(failure) if failure.is_missing() => return Ok(()),
                Err(failure) => return Err(failure.into()),
            }
        };
        parent.sync()?;
        draft::clear(&self.tmp, &new, &directory);
        Ok(())
    }

    /// Renames an entry from one directory to another, durably.
    fn put(
        &self,
        from: &Directory,
        name: &str,
        to: &Directory,
        mut id: EntryId,
    ) -> std::result::Result<(), super::failure::Failure> {
        while let Err(failure) = from.rename(name, to, id.file_name()) {
            match failure.errno() {
                // Possible only after the clock was put back while there was nothing in the queue.
                Errno::EXIST | Errno::NOTEMPTY => id = id.successor(),
                _ => return Err(failure),
            }
        }
        // The new name first: between the two there is one name too many, not one too few.
        to.sync()?;
        from.sync()
    }

    fn write_reason(&self, id: &EntryId, reason: &Error, now: i64) -> Result<()> {
        let directory = match self.pending.subdirectory(id.file_name()) {
            Err(failure) if failure.is_missing() => return Ok(()),
            opened => opened?,
        };
        directory.write(REASON, &reason_to_json(&Reason::new(reason, now))?)?;
        Ok(directory.sync()?)
    }

    /// Locks an entry for this process alone.
    fn grip(&self, parent: &Directory, id: &EntryId) -> Result<Grip> {
        let name = id.file_name();
        let directory = match parent.subdirectory(&name) {
            Err(failure) if failure.is_missing() => return Ok(Grip::Missing),
            opened => opened?,
        };
        if directory.try_lock() == Locked::Busy {
            return Ok(Grip::Busy);
        }
        Ok(if directory.is_at(parent, &name)? { Grip::Held(directory) } else { Grip::Missing })
    }
}

#[cfg(test)]
mod tests;

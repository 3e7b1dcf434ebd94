//! Room for one more file: found, made, or refused.

use super::adding::{Adding, Listing};
use super::limits::{INODES, OVERHEAD, Shortage, on_disk};
use super::{Dropped, EntryId, Queue, WhenFull};
use crate::error::{Error, Fault, Result};

/// What a new entry takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Bytes of the file.
    pub(super) size: u64,
    /// Bytes on the disk that it has not taken yet.
    pub(super) disk_bytes: u64,
    /// Inodes that it has not taken yet.
    pub(super) inodes: u64,
}

impl Wanted {
    /// A file that is still to be copied.
    pub(super) fn to_be_copied(size: u64) -> Self {
        Self { size, disk_bytes: on_disk(size), inodes: INODES }
    }

    /// A file that has got its name in the queue already.
    pub(super) fn linked(size: u64) -> Self {
        Self { size, disk_bytes: OVERHEAD, inodes: INODES - 1 }
    }

    /// An entry that is complete and waits for its place.
    pub(super) fn complete(size: u64) -> Self {
        Self { size, disk_bytes: 0, inodes: 0 }
    }
}

impl Queue {
    /// Makes room for `wanted`, or finds that there is none. What had to leave is added to `dropped`, also when the
    /// room does not suffice in the end.
    ///
    /// # Errors
    /// [`Fault::CannotCreate`], `queue_full`; [`Fault::Io`], `disk_full`. Nothing has left unless somebody else takes
    /// the room, or holds on to what should leave.
    pub(super) fn make_room(&self, adding: &mut Adding<'_>, wanted: Wanted, dropped: &mut Vec<Dropped>) -> Result<()> {
        if adding.remembered().is_some_and(|totals| self.shortage(wanted, totals.bytes).is_over()) {
            return Ok(());
        }
        let listing = adding.listing()?;
        let mut shortage = self.shortage(wanted, listing.bytes());
        if shortage.is_over() {
            return Ok(());
        }
        let ids = || listing.failed.iter().chain(&listing.pending).copied();
        let could_be_over = ids().fold(shortage, |shortage, id| shortage.without(id.size())).is_over();
        if self.limits.when_full == WhenFull::Refuse || !could_be_over {
            return Err(self.full(wanted, shortage, listing));
        }
        for id in ids().collect::<Vec<_>>() {
            if let Some(left) = self.drop_entry(&id)? {
                dropped.push(left);
                adding.left(id);
                shortage = shortage.without(id.size());
                if shortage.is_over() {
                    return Ok(());
                }
            }
        }
        Err(self.full(wanted, shortage, &Listing::of(self)?))
    }

    /// What is missing for `wanted` where the queue holds `bytes`.
    fn shortage(&self, wanted: Wanted, bytes: u64) -> Shortage {
        let queued = bytes.saturating_add(wanted.size);
        let (free_bytes, free_inodes) = self.root.free();
        let missing = |free: Option<u64>, wanted: u64, reserve: u64| match free {
            // A reserve that nobody asked for does not keep the last blocks from being used.
            Some(free) if reserve > 0 || wanted > 0 => wanted.saturating_add(reserve).saturating_sub(free),
            _ => 0,
        };
        Shortage {
            queue_bytes: queued.saturating_sub(self.limits.max_bytes),
            disk_bytes: missing(free_bytes, wanted.disk_bytes, self.limits.min_free_bytes),
            inodes: missing(free_inodes, wanted.inodes, self.limits.min_free_inodes),
        }
    }

    fn full(&self, wanted: Wanted, shortage: Shortage, listing: &Listing) -> Error {
        let shown = self.root.path().display();
        let size = wanted.size;
        if shortage.queue_bytes > 0 {
            let maximum = self.limits.max_bytes;
            let message = format!(
                "the queue '{shown}' is full: it holds {} bytes that wait and {} that failed, and may hold {maximum}; \
                 {size} more do not fit",
                total(&listing.pending).saturating_add(total(&listing.moving)),
                total(&listing.failed),
            );
            return Error::new(Fault::CannotCreate, "queue_full", message).with_retryable(size <= maximum).with_remedy(
                "deliver what waits (homing drain), remove what failed (homing queue list, homing queue remove), or \
                 raise queue.max_bytes",
            );
        }
        let (what, free, wanted, reserve) = if shortage.disk_bytes > 0 {
            ("bytes", self.root.free().0, wanted.disk_bytes, self.limits.min_free_bytes)
        } else {
            ("inodes", self.root.free().1, wanted.inodes, self.limits.min_free_inodes)
        };
        let free = free.unwrap_or(0);
        let message = format!(
            "the disk of the queue '{shown}' is full: {free} {what} are free, {wanted} are needed, and {reserve} are to \
             stay free"
        );
        Error::new(Fault::Io, "disk_full", message)
            .with_retryable(true)
            .with_remedy("make room on that disk, or let the queue leave less free on it")
    }
}

/// Bytes of all of them.
pub(super) fn total(ids: &[EntryId]) -> u64 {
    ids.iter().fold(0, |sum, id| sum.saturating_add(id.size()))
}

#[cfg(test)]
mod tests;

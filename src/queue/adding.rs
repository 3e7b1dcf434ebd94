//! The right to bring files into a queue, and what the queue holds in all: remembered from one addition to the next, so
//! that adding a file takes no longer the more there are.
//!
//! Files come in by [`Queue::add`] and [`Queue::retry`] alone, under one lock, and each that comes changes the mark in
//! `last-addition` before it has its place. While the mark is still the one that goes with what is remembered, nothing
//! has come in since; what others have taken away makes it too much at most. So what is remembered may say that there is
//! room. That there is none, only the names say, listed anew.

use super::directory::Directory;
use super::room::total;
use super::{EntryId, LAST_ADDITION, PENDING, Queue};
use crate::error::Result;
use std::hash::{BuildHasher, RandomState};
use std::sync::PoisonError;

/// What is in `pending/`, `moving/` and `failed/` together, at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Bytes of the files.
    pub(super) bytes: u64,
    /// The one that arrived last.
    pub(super) newest: Option<EntryId>,
}

/// The names of all entries, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) pending: Vec<EntryId>,
    /// Of killed processes: whoever moves a file now waits for the lock.
    pub(super) moving: Vec<EntryId>,
    pub(super) failed: Vec<EntryId>,
}

/// What changes whenever a file comes in.
type Mark = [u8; 8];

/// What a queue is known to hold as long as the mark is this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remembered {
    mark: Mark,
    totals: Totals,
}

/// While this lives, nobody else brings anything into the queue.
pub(super) struct Adding<'q> {
    queue: &'q Queue,
    mark: Option<Mark>,
    totals: Option<Totals>,
    listing: Option<Listing>,
    _lock: Directory,
}

impl Queue {
    /// Waits for the right to bring files in.
    pub(super) fn adding(&self) -> Result<Adding<'_>> {
        // Of its own each time: a lock is that of the open file.
        let lock = self.root.subdirectory(PENDING)?;
        lock.lock();
        // Where there is none, or it cannot be read, the names are listed, and that says what is wrong.
        let content = self.root.read(LAST_ADDITION, size_of::<Mark>()).ok().flatten();
        let mark = content.and_then(|content| Mark::try_from(content).ok());
        let remembered = *self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = remembered.filter(|remembered| mark == Some(remembered.mark));
        Ok(Adding { queue: self, mark, totals: remembered.map(|one| one.totals), listing: None, _lock: lock })
    }
}

impl Listing {
    pub(super) fn of(queue: &Queue) -> Result<Self> {
        Ok(Self { pending: queue.entries()?, moving: Queue::ids(&queue.moving)?, failed: queue.failed()? })
    }

    pub(super) fn bytes(&self) -> u64 {
        [&self.pending, &self.moving, &self.failed].iter().fold(0, |sum, ids| sum.saturating_add(total(ids)))
    }

    fn totals(&self) -> Totals {
        let newest = [&self.pending, &self.moving, &self.failed].iter().filter_map(|ids| ids.last()).max();
        Totals { bytes: self.bytes(), newest: newest.copied() }
    }
}

impl Adding<'_> {
    /// What is remembered of the queue; `None`: nothing that still holds.
    pub(super) fn remembered(&self) -> Option<Totals> {
        self.totals
    }

    /// What the queue holds, as it is remembered or listed.
    pub(super) fn totals(&mut self) -> Result<Totals> {
        match self.totals {
            Some(totals) => Ok(totals),
            None => Ok(self.listing()?.totals()),
        }
    }

    /// All that is in the queue; listed once, so that what leaves meanwhile is still in it.
    pub(super) fn listing(&mut self) -> Result<&Listing> {
        let listing = match self.listing.take() {
            Some(listing) => listing,
            None => {
                let listing = Listing::of(self.queue)?;
                self.remember(listing.totals());
                listing
            }
        };
        Ok(self.listing.insert(listing))
    }

    /// Tells the others that something comes in. To be called before it does.
    pub(super) fn announce(&mut self) -> Result<()> {
        // Nothing but a number that no other addition has.
        let mark = RandomState::new().hash_one(std::process::id()).to_le_bytes();
        self.mark = None;
        self.queue.root.overwrite(LAST_ADDITION, &mark)?;
        self.mark = Some(mark);
        Ok(())
    }

    /// Something has come in.
    pub(super) fn added(&mut self, id: EntryId) {
        if let Some(Totals { bytes, newest }) = self.totals {
            self.remember(Totals { bytes: bytes.saturating_add(id.size()), newest: newest.max(Some(id)) });
        }
    }

    /// Something has left.
    pub(super) fn left(&mut self, id: EntryId) {
        if let Some(Totals { bytes, newest }) = self.totals {
            self.remember(Totals { bytes: bytes.saturating_sub(id.size()), newest });
        }
    }

    fn remember(&mut self, totals: Totals) {
        self.totals = Some(totals);
        if let Some(mark) = self.mark {
            let mut remembered = self.queue.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            *remembered = Some(Remembered { mark, totals });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Fault};
    use crate::queue::step::script::recorded;
    use crate::queue::tests::{Bench, NOW};
    use crate::queue::{Added, Keep, Limits};
    use std::fs;

    fn limited(max_bytes: u64) -> Bench {
        Bench::with(Limits { max_bytes, ..Limits::NONE })
    }

    /// Adds a file of `size` bytes that arrives after all others, and says how often names were listed for it.
    fn add(queue: &Queue, bench: &Bench, number: u32, size: usize) -> Result<(Added, usize)> {
        let name = number.to_string();
        let path = bench.file(&name, &"x".repeat(size));
        let metadata = crate::queue::tests::metadata(&name, size);
        let (added, log) = recorded(|| queue.add(&path, Keep::Move, &metadata, NOW + i64::from(number)));
        added.map(|added| (added, log.iter().filter(|step| step.starts_with("list")).count()))
    }

    fn another(bench: &Bench) -> Queue {
        Queue::open(bench.queue.path(), bench.queue.limits).unwrap()
    }

    #[test]
    fn names_are_listed_once_and_then_no_more() {
        let bench = Bench::new();
        add(&bench.queue, &bench, 1, 1).unwrap();
        // Each of pending, moving and failed once.
        let new = another(&bench);
        let listed: Vec<usize> = (2..6).map(|number| add(&new, &bench, number, 1).unwrap().1).collect();
        assert_eq!(listed, [3, 0, 0, 0]);
        // Another's addition is one listing.
        assert_eq!(add(&bench.queue, &bench, 6, 1).unwrap().1, 3);
        assert_eq!(add(&bench.queue, &bench, 7, 1).unwrap().1, 0);
        assert_eq!(add(&new, &bench, 8, 1).unwrap().1, 3);
        // What has left is no reason to list.
        bench.queue.delivered(&bench.queue.entries().unwrap()[0]).unwrap();
        assert_eq!(add(&new, &bench, 9, 1).unwrap().1, 0);
        assert_eq!(bench.queue.entries().unwrap().len(), 8);
    }

    #[test]
    fn what_others_bring_in_counts() {
        let bench = limited(50);
        let other = another(&bench);
        add(&bench.queue, &bench, 1, 10).unwrap();
        add(&other, &bench, 2, 30).unwrap();
        assert_eq!(add(&bench.queue, &bench, 3, 11).unwrap_err().code(), "queue_full");
        add(&bench.queue, &bench, 4, 10).unwrap();
        assert_eq!(add(&other, &bench, 5, 1).unwrap_err().code(), "queue_full");
    }

    #[test]
    fn what_is_put_back_larger_than_it_was_counts() {
        let bench = limited(50);
        let id = add(&bench.queue, &bench, 1, 10).unwrap().0.id;
        bench.queue.fail(&id, &Error::new(Fault::Refused, "no", "no"), NOW).unwrap();
        add(&bench.queue, &bench, 2, 10).unwrap();
        fs::write(bench.queue.read(&id).unwrap().data, "x".repeat(25)).unwrap();
        another(&bench).retry(&id, NOW).unwrap();
        assert_eq!(add(&bench.queue, &bench, 3, 20).unwrap_err().code(), "queue_full");
        add(&bench.queue, &bench, 4, 15).unwrap();
    }

    #[test]
    fn nothing_is_refused_for_what_has_left() {
        let bench = limited(50);
        let id = add(&bench.queue, &bench, 1, 30).unwrap().0.id;
        another(&bench).delivered(&id).unwrap();
        add(&bench.queue, &bench, 2, 40).unwrap();
    }

    #[test]
    fn what_a_killed_process_left_half_moved_counts() {
        let bench = limited(50);
        let id = add(&bench.queue, &bench, 1, 30).unwrap().0.id;
        let other = another(&bench);
        let name = id.file_name();
        bench.queue.pending.rename(&name, &bench.queue.moving, &name).unwrap();
        assert_eq!(add(&other, &bench, 2, 21).unwrap_err().code(), "queue_full");
        add(&other, &bench, 3, 20).unwrap();
    }
}

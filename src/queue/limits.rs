//! How much the queue may hold, and what happens when that is reached.

/// The bounds of a queue. What is in `failed/` counts as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of files in the queue.
    pub max_bytes: u64,
    /// Bytes that stay free on the disk, for other programs.
    pub min_free_bytes: u64,
    /// Inodes that stay free on the disk.
    pub min_free_inodes: u64,
    /// Seconds after which an entry is given up; `None`: never.
    pub max_age: Option<u64>,
    /// What a file meets that does not fit.
    pub when_full: WhenFull,
    /// A clock that says less is wrong, in seconds since the Unix epoch: `BUILD_TIME`. What was queued by such a clock
    /// has no age that could be known, and is not given up for it.
    pub clock_starts: i64,
}

/// What happens to a file for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It is refused, and stays where it is: nothing that is queued is lost.
    #[default]
    Refuse,
    /// It is taken, and the oldest leave: those in `failed/` first, then those that wait; never one that is being
    /// delivered.
    DropOldest,
}

impl Limits {
    /// No bounds at all.
    pub const NONE: Self = Self {
        max_bytes: u64::MAX,
        min_free_bytes: 0,
        min_free_inodes: 0,
        max_age: None,
        when_full: WhenFull::Refuse,
        clock_starts: 0,
    };
}

/// What has to leave before there is room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shortage {
    /// Bytes of files, beyond what the queue may hold.
    pub(super) queue_bytes: u64,
    /// Bytes that have to become free on the disk.
    pub(super) disk_bytes: u64,
    /// Inodes that have to become free on the disk.
    pub(super) inodes: u64,
}

impl Shortage {
    pub(super) fn is_over(self) -> bool {
        self == Self::default()
    }

    /// What is missing when a file of `size` bytes has left.
    pub(super) fn without(self, size: u64) -> Self {
        Self {
            queue_bytes: self.queue_bytes.saturating_sub(size),
            disk_bytes: self.disk_bytes.saturating_sub(on_disk(size)),
            inodes: self.inodes.saturating_sub(INODES),
        }
    }
}

/// What a file of `size` bytes takes on the disk as an entry.
pub(super) fn on_disk(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
}

/// What most file systems give out at once.
const BLOCK: u64 = 4096;
/// Directory and metadata of an entry.
pub(super) const OVERHEAD: u64 = 2 * BLOCK;
/// An entry's directory, metadata and file.
pub(super) const INODES: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_leaves_makes_room() {
        let shortage = Shortage { queue_bytes: 10, disk_bytes: 10_000, inodes: 4 };
        assert!(!shortage.is_over());
        let shortage = shortage.without(1);
        assert_eq!(shortage, Shortage { queue_bytes: 9, disk_bytes: 0, inodes: 1 });
        assert!(shortage.without(9).is_over());
        assert_eq!((on_disk(0), on_disk(1), on_disk(4096)), (8192, 12_288, 12_288));
    }
}

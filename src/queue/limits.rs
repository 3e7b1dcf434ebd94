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

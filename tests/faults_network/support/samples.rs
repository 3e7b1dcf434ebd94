//! How much of a row is tried, by which seed, on both cores; and the line of its figures.

use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much of what is possible a run of the tests tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// `HOMING_FAULTS=full`.
    Everything,
    /// So many samples of each kind; `None` where nobody has said, and each row knows what fits CI.
    Samples(Option<usize>),
}

impl Extent {
    pub fn from_environment() -> Self {
        match std::env::var("HOMING_FAULTS").as_deref() {
            Ok("full") => Self::Everything,
            Ok(number) => Self::Samples(Some(number.parse().expect("HOMING_FAULTS is full, or a number of samples"))),
            Err(_) => Self::Samples(None),
        }
    }

    /// How many samples: `full` with everything, `usual` where nobody has said.
    pub fn samples(self, usual: usize, full: usize) -> usize {
        match self {
            Self::Everything => full,
            Self::Samples(number) => number.unwrap_or(usual),
        }
    }
}

/// Marsaglia's xorshift64.
#[derive(Debug, Clone)]
pub struct Random {
    pub seed: u64,
    state: u64,
}

impl Random {
    /// By `HOMING_FAULTS_SEED`, or by chance.
    pub fn new() -> Self {
        let seed = match std::env::var("HOMING_FAULTS_SEED") {
            Ok(seed) => seed.parse().expect("HOMING_FAULTS_SEED is a number"),
            // Short enough to be typed again.
            Err(_) => RandomState::new().hash_one(0) >> 40,
        };
        Self::seeded(seed)
    }

    pub fn seeded(seed: u64) -> Self {
        // The generator stays at 0 for ever; and near seeds are to be far apart.
        let mut random = Self { seed, state: (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 };
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// At least 0, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// Bytes that do not repeat.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            std::iter::repeat_with(|| self.next().to_le_bytes()).take(length / 8 + 1).flatten().collect();
        bytes.truncate(length);
        bytes
    }
}

/// Works every case off, each worker with what `prepare` makes for it.
pub fn in_parallel<C: Sync, W>(cases: &[C], prepare: impl Fn() -> W + Sync, work: impl Fn(&mut W, &C) + Sync) {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(cases.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut worker = prepare();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(&mut worker, case);
                }
            });
        }
    });
}

/// Prints a row's figures, past the test harness, which hides what a passing test prints.
pub fn report(row: &str, figures: impl Display) {
    let _ = writeln!(std::io::stderr(), "reliability: {row} | {figures}");
}

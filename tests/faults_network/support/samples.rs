//! How much of a row is tried, by which seed, for how long, on both cores; and the line of its figures.

use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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

/// When a row has taken so long as it may (`HOMING_FAULTS_MINUTES`): what is then left of its cases is not tried, and its
/// figures say how many were.
pub fn deadline() -> Option<Instant> {
    let minutes: f64 =
        std::env::var("HOMING_FAULTS_MINUTES").ok()?.parse().expect("HOMING_FAULTS_MINUTES is a number of minutes");
    Some(Instant::now() + Duration::from_secs_f64(minutes * 60.0))
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

    /// Puts the cases into an order of chance, so that the first of them are a sample of all (Fisher and Yates).
    pub fn shuffle<C>(&mut self, cases: &mut [C]) {
        for last in (1..cases.len()).rev() {
            cases.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Bytes that do not repeat.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// How many processors there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Works every case off, a worker for each processor, each worker with what `prepare` makes for it.
pub fn in_parallel<C: Sync, W>(cases: &[C], prepare: impl Fn() -> W + Sync, work: impl Fn(&mut W, &C) + Sync) {
    in_parallel_until(None, cores(), cases, prepare, work);
}

/// The same with so many workers, and with no case begun behind the deadline.
pub fn in_parallel_until<C: Sync, W>(
    deadline: Option<Instant>,
    workers: usize,
    cases: &[C],
    prepare: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &C) + Sync,
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(cases.len()) {
            scope.spawn(|| {
                let _stop = StopWhenOneFails(&next);
                let mut worker = prepare();
                while deadline.is_none_or(|deadline| Instant::now() < deadline)
                    && let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    work(&mut worker, case);
                }
            });
        }
    });
}

/// What one worker has found is told at once, and not hours later.
struct StopWhenOneFails<'a>(&'a AtomicUsize);

impl Drop for StopWhenOneFails<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(usize::MAX / 2, Ordering::Relaxed);
        }
    }
}

/// Prints a row's figures, past the test harness, which hides what a passing test prints; and whether they are of more
/// than the usual samples, so that tests/reliability keeps them.
pub fn report(row: &str, figures: impl Display) {
    let extent = if Extent::from_environment() == Extent::Samples(None) { "" } else { ", long run" };
    let _ = writeln!(std::io::stderr(), "reliability{extent}: {row} | {figures}");
}

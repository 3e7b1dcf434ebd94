//! Steps: every system call of a run has a place, by which the same call is found again in the next run.

use std::collections::HashMap;

use crate::calls::{Descriptors, errors, name};
use crate::tracer::{Call, Memory, Verdict, Watcher};
use nix::errno::Errno;

/// The place of a call: the how-manieth of its kind. Threads and timing decide how often a run waits or asks for a
/// lock; what it does to the disk stays the same from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub number: i64,
    pub changes_disk: bool,
    pub ordinal: usize,
}

/// A call that a run made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    pub place: Place,
    /// How it can fail.
    pub errors: &'static [Errno],
}

/// Looks at a run from outside, and does one thing at one call.
#[derive(Default)]
pub struct Stepper {
    /// Where and what; `None`: only looks.
    target: Option<(Place, Verdict)>,
    /// Whether that call was made.
    pub hit: bool,
    /// Every call, in order.
    pub made: Vec<Made>,
    descriptors: Descriptors,
    ordinals: HashMap<(i64, bool), usize>,
}

impl Stepper {
    /// Only looks.
    pub fn looking() -> Self {
        Self::default()
    }

    /// Does `verdict` at `place`.
    pub fn at(place: Place, verdict: Verdict) -> Self {
        Self { target: Some((place, verdict)), ..Self::default() }
    }
}

impl Watcher for Stepper {
    fn enter(&mut self, call: &Call, memory: &Memory) -> Verdict {
        self.descriptors.enter(call, memory);
        let changes_disk = self.descriptors.changes_disk(call);
        let ordinal = self.ordinals.entry((call.number, changes_disk)).or_default();
        let place = Place { number: call.number, changes_disk, ordinal: *ordinal };
        *ordinal += 1;
        self.made.push(Made { place, errors: errors(call, changes_disk) });
        match self.target {
            Some((target, verdict)) if target == place => {
                self.hit = true;
                verdict
            }
            _ => Verdict::Make,
        }
    }

    fn leave(&mut self, call: &Call, _: &Memory) {
        self.descriptors.leave(call);
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.changes_disk { " that changes the disk" } else { "" };
        write!(formatter, "{} {}{what}", name(self.number), self.ordinal)
    }
}

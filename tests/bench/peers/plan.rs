//! What is measured, how often, from the command line.

use std::path::PathBuf;

use homing_bench::results::{CONTENDERS, Contender, HUGE, Job, LARGE, MEDIUM, SMALL};
use lexopt::prelude::*;

/// One call of the benchmark.
pub(crate) struct Plan {
    pub(crate) homing: PathBuf,
    pub(crate) contenders: Vec<&'static Contender>,
    pub(crate) sizes: Vec<u64>,
    /// Rounds with the two smaller files.
    pub(crate) rounds: usize,
    pub(crate) delayed: bool,
    /// Nothing is written, and counts are asserted.
    pub(crate) quick: bool,
    /// Everything is measured, so that the results may be written.
    pub(crate) complete: bool,
    /// Nothing is measured: page, picture and table are written anew from results.json.
    pub(crate) render: bool,
}

impl Plan {
    pub(crate) fn read() -> Result<Self, lexopt::Error> {
        let mut plan = Self {
            homing: PathBuf::new(),
            contenders: CONTENDERS.iter().collect(),
            sizes: vec![SMALL, MEDIUM, LARGE, HUGE],
            rounds: ROUNDS,
            delayed: true,
            quick: false,
            complete: true,
            render: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("homing") => plan.homing = parser.value()?.into(),
                Long("rounds") => plan.rounds = parser.value()?.parse::<usize>()?.max(1),
                Long("quick") => {
                    plan.quick = true;
                    plan.rounds = QUICK_ROUNDS;
                    plan.sizes = vec![SMALL, MEDIUM];
                    plan.delayed = false;
                    plan.complete = false;
                }
                Long("only") => {
                    let names = parser.value()?.string()?;
                    plan.contenders = CONTENDERS
                        .iter()
                        .filter(|known| names.split(',').any(|name| known.name.starts_with(name)))
                        .collect();
                    plan.complete = false;
                }
                Long("sizes") => {
                    plan.sizes = parser.value()?.string()?.split(',').map(size).collect::<Result<_, _>>()?;
                    plan.complete = false;
                }
                // Of another binary than the one that ships.
                Long("partial") => plan.complete = false,
                Long("no-delay") => {
                    plan.delayed = false;
                    plan.complete = false;
                }
                Long("render") => plan.render = true,
                // cargo's own.
                Long("bench") => {}
                other => return Err(other.unexpected()),
            }
        }
        if plan.contenders.is_empty() || plan.homing.as_os_str().is_empty() {
            return Err("tests/bench/run --help says how this is called".into());
        }
        Ok(plan)
    }

    /// How often files of this length are delivered.
    pub(crate) fn rounds_of(&self, bytes: u64) -> usize {
        match bytes {
            HUGE.. => (self.rounds / 5).max(MINIMUM_ROUNDS.min(self.rounds)),
            LARGE.. => (self.rounds / 3).max(MINIMUM_ROUNDS.min(self.rounds)),
            _ => self.rounds,
        }
    }

    /// Who takes part with files of this length.
    pub(crate) fn contenders_of(&self, bytes: u64) -> Vec<&'static Contender> {
        let takes_part = |known: &&Contender| match (known.job, known.name) {
            // The limit of what takes a millisecond is the start of a program.
            (Job::Limit, _) => bytes >= LARGE,
            // Credentials are a matter of small files.
            (_, "homing-send-cached") => bytes == MEDIUM,
            // What is smaller is one request anyway.
            (_, "homing-put-whole") => bytes == HUGE,
            _ => true,
        };
        self.contenders.iter().copied().filter(takes_part).collect()
    }
}

fn size(text: &str) -> Result<u64, lexopt::Error> {
    match text {
        "5KB" => Ok(SMALL),
        "1MiB" => Ok(MEDIUM),
        "100MiB" => Ok(LARGE),
        "1GiB" => Ok(HUGE),
        other => Err(format!("--sizes: {other} is none of 5KB, 1MiB, 100MiB, 1GiB").into()),
    }
}

const ROUNDS: usize = 15;
const QUICK_ROUNDS: usize = 3;
/// Of the larger files, unless fewer are asked for.
const MINIMUM_ROUNDS: usize = 3;

//! A queue on a bench: filled while no server can be reached, then drained until nothing is left.

use super::bench::{Bench, Server};
use super::samples::Random;
use homing_sandbox::{Cut, Direction, LinkFault};
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// What it took to drain a queue.
#[derive(Debug, Default, Clone)]
pub struct Drained {
    pub runs: u32,
    /// Runs' attempts at each entry that goes to S3, by key.
    pub attempts_by_key: HashMap<String, u32>,
    /// The most memory of any run.
    pub peak_memory: u64,
}

/// Puts `count` files of `lengths` into the queue; none is delivered yet. All arguments of a run must fit.
pub fn fill(bench: &mut Bench, count: usize, lengths: std::ops::Range<u64>, random: &mut Random) {
    bench.config["queue"] = json!({ "dir": bench.sandbox.folder().join("queue") });
    bench.config["key"] = json!("{name}");
    for server in Server::ALL {
        let cut = LinkFault { cut: Some((Direction::ToServer, 0, Cut::Reset)), ..LinkFault::default() };
        bench.link(server).set_plan(move |_| cut);
    }
    let attempts = std::mem::replace(&mut bench.attempts, 1);
    let names: Vec<String> = (0..count).map(|number| format!("{number:05}.bin")).collect();
    for part in names.chunks(FILES_PER_RUN) {
        let paths: Vec<PathBuf> = part
            .iter()
            .map(|name| {
                let length = lengths.start + random.below(lengths.end - lengths.start);
                bench.new_file(name, random.bytes(length as usize))
            })
            .collect();
        let mut command = bench.command(["send", "--queue"]);
        let run = bench.run(command.args(&paths));
        run.lines();
        assert_eq!(run.code, 75, "they wait: {run:?}");
        assert!(paths.iter().all(|path| !path.exists()), "a file that is in the queue is there, too");
    }
    bench.attempts = attempts;
    assert_eq!(bench.ledger.announcements(), (0, 0));
    bench.heal();
}

/// Drains until nothing is left.
///
/// # Panics
/// When something is left after `runs` runs.
pub fn drain(bench: &mut Bench, runs: u32, limit: Duration) -> Drained {
    let mut drained = Drained::default();
    loop {
        drained.runs += 1;
        let mut command = bench.command_within(["drain", "--now"], limit);
        let run = bench.run_within(&mut command, limit);
        let lines = run.lines();
        let end = lines.last().unwrap_or_else(|| panic!("nothing is told: {run:?}"));
        assert_eq!(end["result"], "drained", "{run:?}");
        assert_eq!(end["failed"], 0, "nothing here is to be given up: {run:?}");
        for key in lines.iter().filter_map(|line| line["key"].as_str()) {
            *drained.attempts_by_key.entry(key.to_owned()).or_default() += 1;
        }
        drained.peak_memory = drained.peak_memory.max(run.peak_memory);
        if run.code == 0 {
            assert_eq!(end["left"], 0, "{run:?}");
            return drained;
        }
        assert_eq!(run.code, 75, "what is left may pass: {run:?}");
        assert!(drained.runs < runs, "still not done after {runs} runs: {run:?}");
    }
}

/// A command line holds 128 KiB at least.
const FILES_PER_RUN: usize = 500;

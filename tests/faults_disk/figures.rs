//! The figures of each row, for tests/RELIABILITY.md.

use std::io::Write;

/// Prints a row's figures. On the terminal itself: cargo hides what a passing test prints.
pub fn report(row: &str, figures: &str) {
    let _ = writeln!(std::io::stderr(), "reliability: {row} | {figures}");
}

/// Whether every step is to be taken.
pub fn full() -> bool {
    std::env::var("HOMING_FAULTS").is_ok_and(|value| value == "full")
}

/// The first of `steps` and each `nth` behind it; every one in a full run.
pub fn sampled<T>(steps: Vec<T>, nth: usize) -> Vec<T> {
    let nth = if full() { 1 } else { nth };
    steps.into_iter().step_by(nth).collect()
}

//! The figures of each row, for tests/RELIABILITY.md.

use std::io::Write;

/// Prints a row's figures. On the terminal itself: cargo hides what a passing test prints. Those of a full run say so, and
/// tests/reliability keeps them.
pub fn report(row: &str, figures: &str) {
    let extent = if full() { ", long run" } else { "" };
    let _ = writeln!(std::io::stderr(), "reliability{extent}: {row} | {figures}");
}

/// Whether every step is to be taken.
pub fn full() -> bool {
    std::env::var("HOMING_FAULTS").is_ok_and(|value| value == "full")
}

/// Says loudly that something cannot be tested here; in CI nothing may be left out.
pub fn skipped(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{reason}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: faults_disk: {reason}");
}

//! README, RESULTS.md and the picture say what results.json says.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fs;
use std::path::Path;

use homing_bench::results::Results;
use homing_bench::{page, picture};

#[test]
fn everything_shown_comes_from_the_same_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let json = read("results.json");
    let results: Results = serde_json::from_str(&json).unwrap();
    assert_eq!(json, page::json(&results).unwrap());
    assert_eq!(read("RESULTS.md"), page::page(&results), "write it anew with tests/bench/run");
    assert_eq!(read("results.svg"), picture::draw(&results));
    let readme = read("../../README.md");
    assert_eq!(page::with_short_form(&readme, &results), Some(readme), "the README's table is another run's");
}

//! The report: numbers that are compared from commit to commit, and a page that people read.

use crate::binary::Binary;
use crate::boards::Board;
use crate::memory::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Everything measured, as it is kept in `report.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// Binaries by board.
    pub boards: BTreeMap<String, Binary>,
    /// What `send` needs, by size of the file, on the machine that made the report.
    pub runs: Vec<Run>,
    /// Crates in the program, without those that only builds and tests need.
    pub crates: usize,
}

/// A budget that is broken, in words.
pub fn broken_budgets(report: &Report, boards: &[Board]) -> Vec<String> {
    let mut broken = Vec::new();
    for board in boards {
        let Some(binary) = report.boards.get(&board.name) else { continue };
        if binary.stripped_bytes > board.budget.binary_bytes {
            broken.push(format!(
                "{}: the binary has {} bytes, and may have {}",
                board.name,
                grouped(binary.stripped_bytes),
                grouped(board.budget.binary_bytes)
            ));
        }
    }
    let least = boards.iter().map(|board| board.budget.peak_resident_bytes).min().unwrap_or(u64::MAX);
    for run in report.runs.iter().filter(|run| run.peak_resident_bytes > least) {
        broken.push(format!(
            "send of {}: {} bytes resident at the peak, and at most {} are allowed",
            size(run.file_bytes),
            grouped(run.peak_resident_bytes),
            grouped(least)
        ));
    }
    if let (Some(small), Some(large)) = (run_by_s3(report).next(), run_by_s3(report).last()) {
        let more = large.allocations.saturating_sub(small.allocations);
        if more > ALLOCATIONS_APART {
            broken.push(format!(
                "{more} more allocations for {} than for {}: they must not depend on the file's size",
                size(large.file_bytes),
                size(small.file_bytes)
            ));
        }
    }
    broken
}

/// The page, as Markdown. `before` is the last committed report, where there is one.
pub fn page(report: &Report, before: Option<&Report>, boards: &[Board]) -> String {
    let mut page = String::from(HEAD);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(page, "\n| board | bytes | of its budget | since the last report |\n| --- | ---: | ---: | ---: |");
    for board in boards {
        let Some(binary) = report.boards.get(&board.name) else { continue };
        let bytes = binary.stripped_bytes;
        let share = bytes * 100 / board.budget.binary_bytes;
        let change = before
            .and_then(|before| before.boards.get(&board.name))
            .map_or("new".to_owned(), |old| change(old.stripped_bytes, bytes));
        let _ = writeln!(
            page,
            "| `{}` | {} | {share} % of {} | {change} |",
            board.name,
            grouped(bytes),
            grouped(board.budget.binary_bytes)
        );
    }
    let _ = writeln!(page, "\nThe program is made of {} crates, build and test tools not counted.", report.crates);

    page.push_str("\n## By crate\n\nCode and constants, from the symbols before stripping; inlined code counts where it was inlined.\n\n");
    table(&mut page, "crate", report, |binary| &binary.crates, CRATES_SHOWN);
    page.push_str("\n## By section\n\n");
    table(&mut page, "section", report, |binary| &binary.sections, SECTIONS_SHOWN);

    page.push_str(MEMORY_HEAD);
    for run in &report.runs {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            size(run.file_bytes),
            grouped(run.peak_resident_bytes),
            grouped(run.allocations),
            grouped(run.allocated_bytes),
            grouped(run.peak_heap_bytes)
        );
    }
    if let Some(grown) = before.map(|before| growth(report, before)).filter(|grown| !grown.is_empty()) {
        let _ = writeln!(page, "\n## What grew since the last report\n\n{grown}");
    }
    page
}

fn table(
    page: &mut String,
    what: &str,
    report: &Report,
    part: impl Fn(&Binary) -> &BTreeMap<String, u64>,
    shown: usize,
) {
    let mut most = BTreeMap::<&str, u64>::new();
    for binary in report.boards.values() {
        for (name, bytes) in part(binary) {
            let entry = most.entry(name).or_default();
            *entry = (*entry).max(*bytes);
        }
    }
    let mut names: Vec<_> = most.into_iter().collect();
    names.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let _ = write!(page, "| {what} |");
    for board in report.boards.keys() {
        let _ = write!(page, " `{board}` |");
    }
    page.push_str("\n| --- |");
    report.boards.keys().for_each(|_| page.push_str(" ---: |"));
    page.push('\n');
    for (name, _) in names.iter().take(shown) {
        let _ = write!(page, "| `{name}` |");
        for binary in report.boards.values() {
            let _ = write!(page, " {} |", part(binary).get(*name).map_or("–".to_owned(), |bytes| grouped(*bytes)));
        }
        page.push('\n');
    }
    if names.len() > shown {
        page.push_str("| all others |");
        for binary in report.boards.values() {
            let rest: u64 = names.iter().skip(shown).filter_map(|(name, _)| part(binary).get(*name)).sum();
            let _ = write!(page, " {} |", grouped(rest));
        }
        page.push('\n');
    }
}

/// Crates that grew by more than noise, the most first.
fn growth(report: &Report, before: &Report) -> String {
    let mut grown = Vec::new();
    for (board, binary) in &report.boards {
        let Some(old) = before.boards.get(board) else { continue };
        for (name, bytes) in &binary.crates {
            let was = old.crates.get(name).copied().unwrap_or(0);
            if *bytes > was + GROWTH_WORTH_TELLING {
                grown.push((bytes - was, format!("- `{board}`: `{name}` {} → {}\n", grouped(was), grouped(*bytes))));
            }
        }
    }
    grown.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    grown.into_iter().map(|(_, line)| line).collect()
}

fn run_by_s3(report: &Report) -> impl Iterator<Item = &Run> {
    report.runs.iter().filter(|run| run.file_bytes > 51_200)
}

fn change(old: u64, new: u64) -> String {
    match new.cmp(&old) {
        std::cmp::Ordering::Equal => "the same".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", grouped(new - old)),
        std::cmp::Ordering::Less => format!("−{}", grouped(old - new)),
    }
}

/// `1048576` → `1,048,576`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1048576` → `1 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

const HEAD: &str = "# What homing costs a device

Written by `cargo run -p size-report`; `--check` fails when a budget of a `boards/*/board.toml` is broken.

![bytes by crate and board](report.svg)
";

const MEMORY_HEAD: &str = "
## Memory

`homing send` against the sandbox: the peak of resident memory of `pc`'s static binary, as the kernel counts it, and the
allocations that homing takes from the system in all threads. They do not depend on the file's size: homing's own loop
makes none (`tests/chunk_allocations.rs`), and the buffer that rustls wants for each TLS record comes from a few that go
round (`src/record_memory.rs`).

| file | peak resident bytes | allocations | bytes allocated | heap bytes at the peak |
| --- | ---: | ---: | ---: | ---: |
";

/// How many more allocations a longer upload may make: a thread that comes later grows a buffer once more.
const ALLOCATIONS_APART: u64 = 32;
const CRATES_SHOWN: usize = 16;
const SECTIONS_SHOWN: usize = 10;
/// Smaller changes come with every other inlining decision.
const GROWTH_WORTH_TELLING: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boards::Budget;

    fn board() -> Board {
        let budget = Budget { binary_bytes: 1000, peak_resident_bytes: 4096 };
        Board { name: "b".into(), budget }
    }

    fn report(bytes: u64, resident: u64, allocations: [u64; 2]) -> Report {
        let run =
            |file_bytes, allocations| Run { file_bytes, peak_resident_bytes: resident, allocations, ..Run::default() };
        Report {
            boards: [("b".to_owned(), Binary { stripped_bytes: bytes, ..Binary::default() })].into(),
            runs: vec![run(1024, 1), run(1 << 20, allocations[0]), run(100 << 20, allocations[1])],
            crates: 3,
        }
    }

    #[test]
    fn each_budget_can_be_broken() {
        assert!(broken_budgets(&report(1000, 4096, [7, 7]), &[board()]).is_empty());
        assert!(broken_budgets(&report(1001, 4096, [7, 7]), &[board()])[0].contains("1,001 bytes"));
        assert_eq!(broken_budgets(&report(1000, 4097, [7, 7]), &[board()]).len(), 3);
        assert!(broken_budgets(&report(1000, 4096, [7, 7 + ALLOCATIONS_APART]), &[board()]).is_empty());
        let broken = broken_budgets(&report(1000, 4096, [7, 8 + ALLOCATIONS_APART]), &[board()]);
        assert!(broken[0].contains("must not depend on the file's size"), "{broken:?}");
    }

    #[test]
    fn the_page_says_what_grew() {
        let mut new = report(900, 1, [7, 7]);
        let old = new.clone();
        new.boards.get_mut("b").unwrap().crates.insert("ureq".into(), 5000);
        let page = page(&new, Some(&old), &[board()]);
        assert!(page.contains("| `b` | 900 | 90 % of 1,000 | the same |"), "{page}");
        assert!(page.contains("- `b`: `ureq` 0 → 5,000"), "{page}");
    }
}

//! SECURITY.md and tests/RELIABILITY.md promise nothing that no test shows, and say nothing of the build that is not so.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each row of a table of promises names a test, and every test that is named is one.
#[test]
fn every_promise_has_a_test_that_exists() {
    for (document, at_least) in [("SECURITY.md", 40), ("tests/RELIABILITY.md", 12)] {
        let promises = promises_with_tests(document);
        assert!(promises >= at_least, "{document} has lost its promises: {promises}");
    }
}

fn promises_with_tests(document: &str) -> usize {
    let text = read(document);
    let mut promises = 0;
    let mut wrong = Vec::new();
    let mut is_promises = false;
    for (index, line) in text.lines().enumerate() {
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            is_promises = false;
            continue;
        };
        let (promise, tests) = cells.split_once(" | ").unwrap();
        if ["shown by", "here"].contains(&tests) {
            is_promises = true;
        } else if is_promises && !line.starts_with("| ---") {
            promises += 1;
            let named = named_tests(tests);
            if named.is_empty() {
                wrong.push(format!("line {}: no test for {promise:?}", index + 1));
            }
            wrong.extend(named.into_iter().filter_map(|(file, test)| missing(file, test)));
        }
    }
    assert!(wrong.is_empty(), "{document}: {wrong:#?}");
    promises
}

#[test]
fn every_fuzz_target_is_promised_and_has_seeds() {
    let text = read("SECURITY.md");
    for entry in fs::read_dir(root().join("tests/fuzz/src/targets")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".rs").unwrap();
        // The framer writes; it reads nothing from outside.
        if !["mod", "chunk_framer"].contains(&name) {
            assert!(text.contains(&format!("`tests/fuzz/src/targets/{file}`")), "{file} is in no row");
        }
        if name != "mod" {
            assert!(read("tests/fuzz/src/targets/mod.rs").contains(&format!("(\"{name}\", {name}::run)")), "{name}");
            let seeds = fs::read_dir(root().join("tests/fuzz/seeds").join(name)).map(Iterator::count).unwrap_or(0);
            assert!(seeds >= 3, "{name} has {seeds} seeds");
        }
    }
}

/// Their lock file is one of its own, so that the program's has no fuzzer in it.
#[test]
fn the_fuzzers_have_the_program_s_dependencies() {
    let (ours, theirs) = (locked("Cargo.lock"), locked("tests/fuzz/Cargo.lock"));
    assert!(theirs.contains_key("rustls") && theirs.contains_key("libfuzzer-sys"));
    let other: Vec<_> = theirs
        .iter()
        .filter(|(name, versions)| ours.get(*name).is_some_and(|ours| !versions.is_subset(ours)))
        .collect();
    assert!(
        other.is_empty(),
        "{other:?}; cp Cargo.lock tests/fuzz/ && cargo update --workspace --manifest-path tests/fuzz/Cargo.toml"
    );
}

#[test]
fn ci_does_what_is_said_of_it() {
    let script = read(".ci/run");
    for line in [
        "\"$tools/bin/cargo-deny\" --offline check bans licenses sources",
        "cargo clippy --workspace --all-targets --locked -- -D warnings",
        "cross/build --from-source --check-reproducible pi-32",
        "CI=true tests/run",
        "HOMING_FUZZ_SEED=1 tests/fuzz/run 5",
    ] {
        assert!(script.lines().any(|known| known == line), "{line}");
    }
    assert!(read("tests/fuzz/run").contains("cargo build --quiet --locked "));
    assert!(read("tests/run").contains("cargo test --workspace --locked"));
}

#[test]
fn the_readme_leads_here() {
    assert!(read("README.md").contains("`SECURITY.md`"));
}

/// The tests in a cell: a file is followed by those of its functions that are meant; a fuzz target has none.
fn named_tests(cell: &str) -> Vec<(&str, Option<&str>)> {
    let mut found = Vec::new();
    let mut file = None;
    for word in cell.split('`').skip(1).step_by(2) {
        if word.ends_with(".rs") {
            file = Some(word);
            if word.starts_with("tests/fuzz/src/targets/") {
                found.push((word, None));
            }
        } else if let Some(file) = file {
            found.push((file, Some(word)));
        }
    }
    found
}

/// What is wrong with it; `None`: it is a test.
fn missing(file: &str, test: Option<&str>) -> Option<String> {
    let Ok(code) = fs::read_to_string(root().join(file)) else { return Some(format!("there is no {file}")) };
    let test = test?;
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let is_function = |line: &str| {
        line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(test)).is_some_and(|rest| rest.starts_with('('))
    };
    let Some(place) = lines.iter().position(|line| is_function(line)) else {
        return Some(format!("{file} has no {test}"));
    };
    // Its attributes stand directly before it; proptest takes the same one.
    let attributes = lines[..place].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let is_test = attributes.into_iter().any(|line| *line == "#[test]");
    (!is_test).then(|| format!("{file}: {test} is no test"))
}

/// The versions of each package.
fn locked(file: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = read(file);
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.strip_suffix('"')?.to_owned());
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for block in text.split("[[package]]").skip(1) {
        let find = |key| block.lines().find_map(|line| value(line, key)).unwrap();
        packages.entry(find("name = \"")).or_default().insert(find("version = \""));
    }
    packages
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

//! What the ELF headers must say: one file that needs nothing, and that is hard to attack.

use std::env;
use std::fs;

use crate::board::{Board, boards};
use crate::support::packages;
use crate::support::process::run;

#[test]
fn needs_no_interpreter_and_no_shared_library() {
    for board in readable("static binaries") {
        let (segments, dynamic) = (readelf("-lW", &board), readelf("-dW", &board));
        assert!(segments.contains("LOAD"), "{}: {segments}", board.name);
        assert!(!segments.contains("INTERP"), "{}: {segments}", board.name);
        assert!(!dynamic.contains("(NEEDED)"), "{}: {dynamic}", board.name);
    }
}

#[test]
fn is_position_independent_with_read_only_relocations_and_no_executable_stack() {
    for board in readable("hardened binaries") {
        let (segments, dynamic) = (readelf("-lW", &board), readelf("-dW", &board));
        assert!(segments.contains("Elf file type is DYN"), "{}: {segments}", board.name);
        assert!(segments.contains("GNU_RELRO"), "{}: {segments}", board.name);
        assert!(dynamic.contains("BIND_NOW") && dynamic.contains("PIE"), "{}: {dynamic}", board.name);
        let stack = segments.lines().find(|line| line.contains("GNU_STACK")).unwrap();
        assert!(flags(stack) == "RW", "{}: {stack}", board.name);
        let loaded: Vec<&str> = segments.lines().filter(|line| line.trim_start().starts_with("LOAD")).collect();
        assert!(loaded.iter().all(|line| !flags(line).contains('W') || !flags(line).contains('E')), "{loaded:?}");
    }
}

#[test]
fn is_stripped_and_its_symbols_are_beside_it() {
    for board in readable("stripped binaries") {
        assert!(!readelf("-SW", &board).contains(".symtab"), "{}", board.name);
        let with_symbols = board.binary.with_extension("unstripped");
        let sections = run("readelf", ["-SW", with_symbols.to_str().unwrap()]);
        assert!(sections.contains(".symtab"), "{}", board.name);
    }
}

/// Such texts would make the bytes depend on where the binary was built.
#[test]
fn has_no_text_of_the_building_machine() {
    for board in readable("texts in binaries") {
        let bytes = fs::read(&board.binary).unwrap();
        let home = env::var("HOME").unwrap();
        for folder in [env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR").trim_end_matches("/tmp"), &home] {
            // A home of "/" or "/root" proves nothing by itself; its registry of crates would be there with a longer text.
            let folder = if folder == home { format!("{home}/.cargo") } else { folder.to_owned() };
            let found = bytes.windows(folder.len()).any(|window| window == folder.as_bytes());
            assert!(!found, "{} has {folder} in it", board.name);
        }
    }
}

fn readable(suite: &str) -> Vec<Board> {
    if packages::available(suite, &["readelf"]) { boards(suite) } else { Vec::new() }
}

fn readelf(option: &str, board: &Board) -> String {
    run("readelf", [option, board.binary.to_str().unwrap()])
}

/// `R`, `W` and `E` of a segment's line: what stands between the sizes and the alignment.
fn flags(segment: &str) -> String {
    let words = segment.split_whitespace().skip(6);
    words.take_while(|word| word.chars().all(|flag| "RWE".contains(flag))).collect()
}

//! The manual page and the shells' completions, in boards/share: made here from the tables of options and commands, the
//! same as what is committed, complete, without mistakes, and tried in the shells themselves.
//!
//! `HOMING_WRITE_SHARE=1 cargo test --test completions` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod about;
mod bash;
mod fish;
mod installed;
mod manual;
mod shells;
#[path = "../support/mod.rs"]
mod support;
mod zsh;

use homing::cli::commands::COMMANDS;
use homing::options::OPTIONS;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn what_is_committed_is_what_the_tables_say() {
    for (name, text) in FILES.map(|(name, make)| (name, make())) {
        let path = share().join(name);
        if std::env::var_os("HOMING_WRITE_SHARE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        let differs = there.lines().zip(text.lines()).find(|(there, made)| there != made);
        assert!(there == text, "{name} is not up to date (HOMING_WRITE_SHARE=1 writes it): {differs:?}");
    }
}

#[test]
fn every_command_and_every_option_is_in_all_of_them() {
    for (name, _) in FILES {
        // The manual page's hyphens are escaped and its fonts named, fish's flags have no dashes.
        let text = fs::read_to_string(share().join(name)).unwrap();
        let text = text.replace("\\-", "-").replace("\\fB", " ").replace("\\fR", " ");
        let text = if name.ends_with(".fish") { text.replace(" -l ", " --") } else { text };
        let words: Vec<&str> = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')).collect();
        for command in COMMANDS {
            assert!(words.contains(&command.name), "{name} lacks {}", command.name);
        }
        for option in OPTIONS.iter().filter(|option| !option.flag.is_empty()) {
            let flag = format!("--{}", option.flag);
            assert!(words.contains(&flag.as_str()), "{name} lacks {flag}");
        }
    }
}

/// Where the files are.
pub fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/share")
}

/// Makes a file's text.
type Make = fn() -> String;
const FILES: [(&str, Make); 4] = [
    ("homing.1", manual::page),
    ("homing.bash", bash::script),
    ("_homing", zsh::script),
    ("homing.fish", fish::script),
];

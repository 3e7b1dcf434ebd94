//! A board as its `board.toml` describes it, and its binary under emulation.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use homing_sandbox::Sandbox;

use crate::support::homing::{Homing, prepare};
use crate::support::packages;

/// One folder of `boards/`.
pub(crate) struct Board {
    pub(crate) name: String,
    /// qemu's user emulator that is linked statically, and so works in any environment.
    pub(crate) emulator: String,
    /// The CPU that the emulator is to be.
    pub(crate) cpu: String,
    /// What `cross/build` made for it.
    pub(crate) binary: PathBuf,
}

/// Every board that can be run here; of another it has been said what is missing.
pub(crate) fn boards(suite: &str) -> Vec<Board> {
    let boards: Vec<Board> = folders().iter().map(|folder| Board::read(folder)).collect();
    assert!(boards.len() >= 4, "boards have got lost");
    boards.into_iter().filter(|board| board.is_available(suite)).collect()
}

/// The board of this name, where it can be run here.
pub(crate) fn board(suite: &str, name: &str) -> Option<Board> {
    boards(suite).into_iter().find(|board| board.name == name)
}

impl Board {
    /// Prepares `homing ARGUMENTS` under emulation.
    pub(crate) fn homing<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Homing {
        self.homing_on(&self.cpu, arguments)
    }

    /// The same on another CPU.
    pub(crate) fn homing_on<A: AsRef<OsStr>>(&self, cpu: &str, arguments: impl IntoIterator<Item = A>) -> Homing {
        let mut command = Command::new(packages::find(&self.emulator).unwrap());
        command.args(["-cpu", cpu]).arg(&self.binary).args(arguments);
        prepare(command)
    }

    /// Prepares `homing --config … ARGUMENTS` for the sandbox.
    pub(crate) fn homing_with(&self, sandbox: &Sandbox, arguments: &[&str]) -> Homing {
        self.homing(["--config", sandbox.config_path().to_str().unwrap()].iter().chain(arguments))
    }

    fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("board.toml")).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let value =
            |wanted: &str| value(&text, wanted).unwrap_or_else(|| panic!("{name}'s board.toml has no {wanted}"));
        assert_eq!(value("name"), name);
        Self { emulator: value("emulator.user"), cpu: value("emulator.user_cpu"), binary: binary(&name), name }
    }

    fn is_available(&self, suite: &str) -> bool {
        if !packages::available(suite, &[&self.emulator]) {
            return false;
        }
        let reason = match fs::metadata(&self.binary).and_then(|metadata| metadata.modified()) {
            Err(_) => "is missing",
            Ok(built) if built < newest_source() => "is older than its sources",
            Ok(_) => return true,
        };
        packages::skip(suite, &format!("{} {reason}; run cross/build all", self.binary.display()));
        false
    }
}

fn folders() -> Vec<PathBuf> {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    let entries = fs::read_dir(&boards).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|folder| folder.join("board.toml").is_file()).collect()
}

/// The target folder is wherever cargo was told; it is the parent of the one for tests' files.
fn binary(board: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("boards").join(board).join("homing")
}

/// When what the binaries are made from was last changed.
fn newest_source() -> SystemTime {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["src", "cross", "Cargo.toml", "Cargo.lock"].iter().map(|name| newest(&repository.join(name))).max().unwrap()
}

fn newest(path: &Path) -> SystemTime {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
        return entries.max().unwrap_or(SystemTime::UNIX_EPOCH);
    }
    fs::metadata(path).unwrap().modified().unwrap()
}

/// The value of `SECTION.KEY`, or of `KEY` above the first section, where it is a string on one line.
fn value(toml: &str, wanted: &str) -> Option<String> {
    let mut section = "";
    for line in toml.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ")
            && (wanted == key || wanted.strip_suffix(key).and_then(|rest| rest.strip_suffix('.')) == Some(section))
            && (section.is_empty() || wanted != key)
        {
            return Some(value.trim_matches('"').to_owned());
        }
    }
    None
}

//! The machine, the programs' versions, and what they take on a disk. Nothing that names the machine or its folders.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, io, thread};

use homing_bench::results::{Contender, Job, Machine};
use serde::Deserialize;

use crate::contenders;
use crate::support::packages;

/// What is known of a machine.
pub(crate) fn describe(homing: &Path, contenders: &[&Contender]) -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str, separator: char| -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(separator));
        line.unwrap_or_default().trim().trim_matches('"').to_owned()
    };
    let mut versions = BTreeMap::new();
    let mut note = |name: &str, program: &Path, argument: &str| {
        if let Some(version) = version(program, argument) {
            versions.insert(name.to_owned(), version);
        }
    };
    note("homing", homing, "--version");
    for program in contenders.iter().flat_map(|contender| contenders::programs(contender)) {
        let Some(path) = contenders::find(program) else { continue };
        match *program {
            packages::BOTO => note("Python", &path, "--version"),
            packages::AWS_CLI => note("AWS CLI", &path, "--version"),
            "rclone" | "s5cmd" => note(program, &path, "version"),
            "curl" | "jq" | "mosquitto_pub" => note(program, &path, "--version"),
            _ => {}
        }
    }
    if let Some(nginx) = packages::find("nginx") {
        note("nginx", &nginx, "-v");
    }
    if let Some(mosquitto) = packages::find("mosquitto") {
        note("mosquitto", &mosquitto, "-h");
    }
    versions.insert("s3s-fs".to_owned(), s3s_fs_version());
    versions.extend(python_side().versions);
    Machine {
        processor: value(&read("/proc/cpuinfo"), "model name", ':'),
        cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        system: value(&read("/etc/os-release"), "PRETTY_NAME", '='),
        versions,
    }
}

/// Bytes that each contender takes on a bare Debian.
pub(crate) fn installed(homing: &Path, contenders: &[&Contender]) -> io::Result<BTreeMap<String, u64>> {
    let mut installed = python_side().installed_bytes;
    if let Some(s5cmd) = contenders::find("s5cmd") {
        installed.insert("s5cmd".to_owned(), fs::metadata(s5cmd)?.len());
    }
    let homing = fs::metadata(homing)?.len();
    for contender in contenders.iter().filter(|contender| contender.name.starts_with("homing")) {
        installed.insert(contender.name.to_owned(), homing);
    }
    installed.retain(|name, _| contenders.iter().any(|known| known.name == name && known.job != Job::Limit));
    Ok(installed)
}

#[derive(Default, Deserialize)]
struct PythonSide {
    installed_bytes: BTreeMap<String, u64>,
    versions: BTreeMap<String, String>,
}

fn python_side() -> PythonSide {
    let python = packages::find(packages::BOTO).unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/installed.py");
    let output = Command::new(python).arg(script).output();
    output.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
}

/// The first word with a digit of what a program says of itself.
fn version(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&said);
    let word = text.split([' ', '\n', '/']).find(|word| word.contains(|digit: char| digit.is_ascii_digit()))?;
    Some(word.trim_start_matches(['v', 'j', 'q', '-']).trim_end_matches(',').to_owned())
}

/// The one that Cargo.lock names.
fn s3s_fs_version() -> String {
    let lock = include_str!("../../../Cargo.lock");
    let entry = lock.split("name = \"s3s-fs\"\nversion = \"").nth(1).unwrap_or_default();
    entry.split('"').next().unwrap_or_default().to_owned()
}

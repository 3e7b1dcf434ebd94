//! The peak resident memory of `homing send`, as users build it, for a small and for a very large file.
//!
//! `cargo test --test memory -- --nocapture` prints the figures. They are the kernel's own high-water mark (VmHWM in
//! `/proc/PID/status`), read when homing is done but for its last line of output: that goes into a pipe that is
//! full, so homing waits there, with everything behind it. The mark of a process that `wait4` reports could
//! be its parent's, from before it became homing.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use homing_sandbox::Sandbox;

#[test]
fn a_gibibyte_takes_no_more_memory_than_a_mebibyte() {
    let homing = release_build();
    let sandbox = Sandbox::builder().start().unwrap();
    let small = sparse(&sandbox, "mebibyte.bin", 1024 * 1024);
    let large = sparse(&sandbox, "gibibyte.bin", 1024 * 1024 * 1024);

    // Address space layout decides how many pages of the program's file are mapped at once; without randomization the
    // figures of two runs differ by the file alone.
    let fixed = Command::new("setarch").args(["-R", "true"]).status().is_ok_and(|status| status.success());
    // The first run finds parts of the program not yet in the page cache.
    peak(&sandbox, &homing, &small, fixed);
    let runs: Vec<Memory> = (0..SMALL_RUNS).map(|_| peak(&sandbox, &homing, &small, fixed)).collect();
    let of_small = median(&runs);
    let of_large = peak(&sandbox, &homing, &large, fixed);

    for (name, memory) in [("1 MiB", &of_small), ("1 GiB", &of_large)] {
        println!(
            "send of {name}: {} KiB resident at its peak ({} KiB of it private, the rest mapped from the program's and the \
             C library's files)",
            memory.peak, memory.private
        );
    }
    assert_eq!(sandbox.objects().last().unwrap().bytes, 1024 * 1024 * 1024);
    assert!(of_small.peak < LIMIT && of_large.peak < LIMIT, "over {LIMIT} KiB");
    assert!(of_small.private.abs_diff(of_large.private) <= DIFFERENCE, "private memory grows with the file");
    if fixed {
        assert!(of_small.peak.abs_diff(of_large.peak) <= DIFFERENCE, "memory grows with the file");
    } else {
        println!("setarch -R is not allowed here: the peaks differ by what address space randomization makes of them");
        let (least, most) =
            (runs.iter().map(|run| run.peak).min().unwrap(), runs.iter().map(|run| run.peak).max().unwrap());
        assert!((least.saturating_sub(DIFFERENCE)..=most + DIFFERENCE).contains(&of_large.peak), "{least} to {most}");
    }
}

/// In KiB.
#[derive(Debug, Clone, Copy)]
struct Memory {
    peak: u64,
    private: u64,
}

fn median(runs: &[Memory]) -> Memory {
    let mut sorted = runs.to_vec();
    sorted.sort_by_key(|run| run.peak);
    sorted[sorted.len() / 2]
}

/// Sends `file`, and looks at homing when nothing but its outcome is left to print.
fn peak(sandbox: &Sandbox, homing: &Path, file: &Path, fixed: bool) -> Memory {
    let seen = sandbox.arrivals().len();
    let (mut reader, writer) = full_pipe();
    let mut command = if fixed { Command::new("setarch") } else { Command::new(homing) };
    if fixed {
        command.arg("-R").arg(homing);
    }
    let foreign = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("AWS_") || name.starts_with("HOMING_") || name.to_ascii_lowercase().ends_with("_proxy")
    };
    for (name, _) in env::vars_os().filter(|(name, _)| foreign(name)) {
        command.env_remove(name);
    }
    command.args(["send", "--json", "--config"]).arg(sandbox.config_path()).arg(file);
    let mut child = command.stdin(Stdio::null()).stdout(writer).spawn().unwrap();
    // The command keeps a copy of the pipe's end, and the reader would wait for it for ever.
    drop(command);

    // The object and the message; then homing has its PUBACK and prints.
    let arrivals = sandbox.wait_for_arrivals(seen + 2, PATIENCE);
    assert_eq!(arrivals.len(), seen + 2, "not delivered in {PATIENCE:?}");
    thread::sleep(SETTLING);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert_eq!(child.try_wait().unwrap(), None, "homing did not wait for its output");

    let mut output = Vec::new();
    reader.read_to_end(&mut output).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(String::from_utf8_lossy(&output).contains(r#""result":"delivered""#));
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim_end_matches("kB").trim().parse().unwrap()
    };
    Memory { peak: field("VmHWM"), private: field("RssAnon") }
}

/// A pipe that takes not a byte more until it is read from.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    for block in [&[b'\n'; 4096][..], b"\n"] {
        loop {
            match writer.write(block) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

/// A file that takes no room on the disk.
fn sparse(sandbox: &Sandbox, name: &str, length: u64) -> PathBuf {
    let path = sandbox.folder().join(name);
    File::create(&path).unwrap().set_len(length).unwrap();
    path
}

/// The release binary, up to date.
fn release_build() -> PathBuf {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
        .args(["build", "--release", "--locked", "--bin", "homing", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "homing could not be built");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = |line: &str| -> Option<PathBuf> {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(message["executable"].as_str()?.into())
    };
    messages.lines().find_map(executable).unwrap()
}

/// KiB. The project's own limit: 6 MiB.
const LIMIT: u64 = 6 * 1024;
/// KiB. The project's own limit.
const DIFFERENCE: u64 = 64;
const SMALL_RUNS: usize = 5;
/// The sandbox hashes a gibibyte several times over.
const PATIENCE: Duration = Duration::from_secs(300);
/// Long enough for a PUBACK to become a line of output.
const SETTLING: Duration = Duration::from_millis(300);

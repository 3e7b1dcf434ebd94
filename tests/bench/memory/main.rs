//! The peak resident memory of `homing send` and `homing get`, as users build it, for small and for very large files.
//!
//! `cargo test --test memory -- --nocapture` prints the figures; see `homing_sandbox::peak_memory`.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

use homing_sandbox::Sandbox;
use homing_sandbox::peak_memory::{PeakMemory, layout_can_be_fixed, peak_memory, peak_memory_of_get};
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn a_gibibyte_takes_no_more_memory_than_a_mebibyte() {
    let homing = release_build();
    let sandbox = Sandbox::builder().start().unwrap();
    let small = sparse(&sandbox, "mebibyte.bin", 1024 * 1024);
    let large = sparse(&sandbox, "gibibyte.bin", 1024 * 1024 * 1024);

    let fixed = layout_can_be_fixed();
    // The first run finds parts of the program not yet in the page cache.
    peak_memory(&sandbox, &homing, &small).unwrap();
    let runs: Vec<PeakMemory> = (0..SMALL_RUNS).map(|_| peak_memory(&sandbox, &homing, &small).unwrap()).collect();
    let of_small = median(&runs);
    let of_large = peak_memory(&sandbox, &homing, &large).unwrap();

    for (name, memory) in [("1 MiB", &of_small), ("1 GiB", &of_large)] {
        println!(
            "send of {name}: {} KiB resident at its peak ({} KiB of it private, the rest mapped from the program's and the \
             C library's files)",
            memory.peak_bytes / 1024,
            memory.private_bytes / 1024
        );
    }
    let object = sandbox.objects().pop().unwrap();
    assert_eq!(object.bytes, 1024 * 1024 * 1024);
    assert_eq!(
        object.parts.len(),
        128,
        "it is above the threshold, so that this is the memory of an upload in parts, too"
    );
    assert!(of_small.peak_bytes < LIMIT && of_large.peak_bytes < LIMIT, "over {LIMIT} bytes");
    assert!(
        of_small.private_bytes.abs_diff(of_large.private_bytes) <= DIFFERENCE,
        "private memory grows with the file"
    );
    if fixed {
        assert!(of_small.peak_bytes.abs_diff(of_large.peak_bytes) <= DIFFERENCE, "memory grows with the file");
    } else {
        println!("setarch -R is not allowed here: the peaks differ by what address space randomization makes of them");
        let (least, most) = (
            runs.iter().map(|run| run.peak_bytes).min().unwrap(),
            runs.iter().map(|run| run.peak_bytes).max().unwrap(),
        );
        assert!(
            (least.saturating_sub(DIFFERENCE)..=most + DIFFERENCE).contains(&of_large.peak_bytes),
            "{least} to {most}"
        );
    }
}

#[test]
fn a_large_object_takes_no_more_memory_to_fetch_than_a_small_one() {
    let homing = release_build();
    let sandbox = Sandbox::builder().start().unwrap();
    let peak = |name: &str, length: u64| {
        let object = format!("s3://{}/{name}", sandbox.bucket());
        let stored = Command::new(&homing)
            .args(["--config".as_ref(), sandbox.config_path().as_os_str(), "put".as_ref()])
            .arg(sparse(&sandbox, name, length))
            .args([&object, "--checksum", "crc64nvme"])
            .env("HOMING_QUEUE_DIR", sandbox.folder().join("queue"))
            .status();
        assert!(stored.unwrap().success());
        let file = sandbox.folder().join(format!("{name}.fetched"));
        let memory = peak_memory_of_get(&sandbox, &homing, &object, &file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), length);
        println!("get of {name}: {} KiB resident at its peak", memory.peak_bytes / 1024);
        memory
    };
    // The first run finds parts of the program not yet in the page cache.
    peak("first", 1024 * 1024);
    let (small, large) = (peak("mebibyte", 1024 * 1024), peak("large", 256 * 1024 * 1024));
    assert!(small.peak_bytes < LIMIT && large.peak_bytes < LIMIT, "over {LIMIT} bytes");
    assert!(small.private_bytes.abs_diff(large.private_bytes) <= DIFFERENCE, "private memory grows with the object");
}

fn median(runs: &[PeakMemory]) -> PeakMemory {
    let mut sorted = runs.to_vec();
    sorted.sort_by_key(|run| run.peak_bytes);
    sorted[sorted.len() / 2]
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

/// Bytes. The project's own limit: 6 MiB.
const LIMIT: u64 = 6 * 1024 * 1024;
/// Bytes. The project's own limit.
const DIFFERENCE: u64 = 64 * 1024;
const SMALL_RUNS: usize = 5;

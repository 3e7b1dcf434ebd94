//! What `send` takes while it runs: resident memory of the program that users get, and the heap's counts of its twin
//! with a counting allocator.

use homing_sandbox::Sandbox;
use homing_sandbox::peak_memory::peak_memory;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

/// One `send`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Run {
    /// The file's size.
    pub file_bytes: u64,
    /// The most memory that was resident at once.
    pub peak_resident_bytes: u64,
    /// Calls of the heap for memory, in all threads.
    #[serde(default)]
    pub allocations: u64,
    /// Bytes asked for in all of them.
    #[serde(default)]
    pub allocated_bytes: u64,
    /// The most bytes in use at once.
    #[serde(default)]
    pub peak_heap_bytes: u64,
}

/// Measures `send` for files of these sizes. `homing` is measured for memory, `counted` for allocations.
///
/// # Errors
/// The sandbox or a program cannot be started, or does not deliver.
pub fn measure(homing: &Path, counted: &Path, sizes: &[u64]) -> io::Result<Vec<Run>> {
    let sandbox = Sandbox::builder().start().map_err(io::Error::other)?;
    let folder = tempfile::tempdir()?;
    sizes.iter().map(|size| run(&sandbox, folder.path(), homing, counted, *size)).collect()
}

fn run(sandbox: &Sandbox, folder: &Path, homing: &Path, counted: &Path, file_bytes: u64) -> io::Result<Run> {
    let path = folder.join(format!("{file_bytes}.bin"));
    File::create(&path)?.set_len(file_bytes)?;
    // The first run finds parts of the program not yet in the page cache.
    let mut peaks = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        peaks.push(peak_memory(sandbox, homing, &path)?.peak_bytes);
    }
    peaks.sort_unstable();

    let counts = folder.join("counts.json");
    let mut command = Command::new(counted);
    homing_sandbox::peak_memory::forget_foreign_variables(&mut command);
    let status = command
        .args(["send", "--config"])
        .arg(sandbox.config_path())
        .arg(&path)
        .env("HOMING_ALLOCATIONS", &counts)
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("homing-counted did not deliver: {status}")));
    }
    let mut run: Run = serde_json::from_str(&fs::read_to_string(&counts)?.replacen(
        '{',
        &format!("{{\"file_bytes\":{file_bytes},\"peak_resident_bytes\":{},", peaks[RUNS / 2]),
        1,
    ))?;
    run.file_bytes = file_bytes;
    fs::remove_file(path)?;
    Ok(run)
}

/// An odd number: the median counts.
const RUNS: usize = 5;

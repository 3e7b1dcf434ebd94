//! How much memory homing takes at its peak, as the kernel counts it.
//!
//! The figure is VmHWM in `/proc/PID/status`, read when homing is done but for its last line of output: that goes into
//! a pipe that is full, so homing waits there, with everything behind it. The mark of a process that `wait4` reports
//! could be its parent's, from before it became homing.

use crate::Sandbox;
use std::fs;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What one command took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeakMemory {
    /// Bytes resident at the peak, those mapped from files included.
    pub peak_bytes: u64,
    /// Bytes of its own at the end: heap, stacks, changed data.
    pub private_bytes: u64,
}

/// Sends `file` with `homing` to the sandbox, and looks when nothing but the outcome is left to print.
///
/// # Errors
/// homing cannot be started, or does not deliver.
pub fn peak_memory(sandbox: &Sandbox, homing: &Path, file: &Path) -> io::Result<PeakMemory> {
    let seen = sandbox.arrivals().len();
    let is_announced = || {
        let arrivals = sandbox.arrivals();
        arrivals.iter().skip(seen).any(|arrival| matches!(arrival, crate::Arrival::Message(_)))
    };
    measure(sandbox, homing, &["send".as_ref(), file], is_announced, r#""result":"delivered""#)
}

/// Fetches `object` (`s3://…`) with `homing` from the sandbox into `file`, which is not there yet, and looks when it is.
///
/// # Errors
/// homing cannot be started, or does not fetch it.
pub fn peak_memory_of_get(sandbox: &Sandbox, homing: &Path, object: &str, file: &Path) -> io::Result<PeakMemory> {
    measure(sandbox, homing, &["get".as_ref(), object.as_ref(), file], || file.exists(), r#""result":"received""#)
}

fn measure(
    sandbox: &Sandbox,
    homing: &Path,
    arguments: &[&Path],
    is_done: impl Fn() -> bool,
    outcome: &str,
) -> io::Result<PeakMemory> {
    let (mut reader, writer) = full_pipe()?;
    // Address space layout decides how many pages of the program's file are mapped at once; without randomization the
    // figures of two runs differ by the file alone.
    let mut command = if layout_can_be_fixed() { Command::new("setarch") } else { Command::new(homing) };
    if layout_can_be_fixed() {
        command.arg("-R").arg(homing);
    }
    forget_foreign_variables(&mut command);
    command.args(["--json", "--config"]).arg(sandbox.config_path()).args(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(writer).spawn()?;
    // The command keeps a copy of the pipe's end, and the reader would wait for it for ever.
    drop(command);

    let mut waited = Duration::ZERO;
    while !is_done() {
        if waited > PATIENCE || child.try_wait()?.is_some() {
            // Only what was started here, and it may be gone already.
            let _ = child.kill();
            return Err(io::Error::other(format!("homing did not get through with {arguments:?}")));
        }
        thread::sleep(SETTLING);
        waited += SETTLING;
    }
    thread::sleep(SETTLING);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    if child.try_wait()?.is_some() {
        return Err(io::Error::other("homing did not wait for its output to be read"));
    }
    let mut output = String::new();
    reader.read_to_string(&mut output)?;
    if !child.wait()?.success() || !output.contains(outcome) {
        return Err(io::Error::other(format!("homing did not succeed: {}", output.trim())));
    }
    let field = |name: &str| -> io::Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let kibibytes = line.trim_start_matches(':').trim_end_matches("kB").trim().parse::<u64>();
        kibibytes.map(|kibibytes| kibibytes * 1024).map_err(io::Error::other)
    };
    Ok(PeakMemory { peak_bytes: field("VmHWM")?, private_bytes: field("RssAnon")? })
}

/// Whether the kernel lets address space randomization be turned off for a program: not in every container.
pub fn layout_can_be_fixed() -> bool {
    Command::new("setarch").args(["-R", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Takes the caller's own settings for AWS, homing and proxies away from a command, and lets it leave no credentials
/// behind.
pub fn forget_foreign_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("AWS_") || text.starts_with("HOMING_") || text.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command.env("HOMING_CREDENTIAL_CACHE", "false");
}

/// A pipe that takes not a byte more until it is read from.
fn full_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, mut writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&writer, true)?;
    for block in [&[b'\n'; 4096][..], b"\n"] {
        loop {
            match writer.write(block) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
    rustix::io::ioctl_fionbio(&writer, false)?;
    Ok((reader, writer))
}

/// The sandbox hashes a gibibyte several times over.
const PATIENCE: Duration = Duration::from_secs(300);
/// Long enough for a PUBACK to become a line of output.
const SETTLING: Duration = Duration::from_millis(300);

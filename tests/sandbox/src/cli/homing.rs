//! Builds and runs the real homing.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Builds homing's release binary and gives its path. Quiet when there is nothing to build; when it takes a while, cargo's
/// own messages are shown.
pub(crate) fn build() -> io::Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // What `cargo run` says of this package is nothing to the other: build scripts look at it (ring's does), so that a
    // build from a person's shell would compile everything anew, and this one again after that.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let mut cargo = cargo
        .args([
            "build",
            "--release",
            "--bin",
            "homing",
            "--message-format",
            "json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (sender, messages) = mpsc::channel();
    let stderr = cargo.stderr.take().map(BufReader::new);
    thread::spawn(move || {
        for line in stderr.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let printer = thread::spawn(move || show_when_slow(&messages));

    let mut executable = None;
    for line in cargo.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let message: serde_json::Value = serde_json::from_str(&line?).unwrap_or_default();
        if message["target"]["name"] == "homing" && message["executable"].is_string() {
            executable = message["executable"].as_str().map(PathBuf::from);
        }
    }
    let status = cargo.wait()?;
    let kept = printer.join().unwrap_or_default();
    match executable {
        Some(executable) if status.success() => Ok(executable),
        _ => {
            for line in kept {
                eprintln!("{line}");
            }
            Err(io::Error::other("homing could not be built"))
        }
    }
}

/// Shows the messages from the moment when the build has lasted [`PATIENCE`]; gives those never shown.
fn show_when_slow(messages: &mpsc::Receiver<String>) -> Vec<String> {
    let start = Instant::now();
    let mut kept = Vec::new();
    loop {
        let left = PATIENCE.saturating_sub(start.elapsed());
        match messages.recv_timeout(left) {
            Ok(line) if start.elapsed() < PATIENCE => kept.push(line),
            Ok(line) => {
                kept.drain(..).for_each(|line| eprintln!("{line}"));
                eprintln!("{line}");
            }
            Err(RecvTimeoutError::Disconnected) => return kept,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("building homing (release; the first time takes a while)");
                kept.drain(..).for_each(|line| eprintln!("{line}"));
                while let Ok(line) = messages.recv() {
                    eprintln!("{line}");
                }
                return kept;
            }
        }
    }
}

/// Runs homing with this configuration: nothing of the caller's AWS, proxy or homing settings gets in. Kills it when `stop`
/// is raised.
pub(crate) fn run(executable: &Path, config: &Path, arguments: &[OsString], stop: &AtomicBool) -> io::Result<u8> {
    let mut command = Command::new(executable);
    for name in overriding_variables() {
        command.env_remove(name);
    }
    // The sandbox ends with this run, and its credentials with it.
    command.env("HOMING_CREDENTIAL_CACHE", "false");
    let (name, rest) = arguments.split_first().ok_or_else(|| io::Error::other("no command for homing"))?;
    let mut running = command.arg(name).arg("--config").arg(config).args(rest).spawn()?;
    let status = loop {
        if let Some(status) = running.try_wait()? {
            break status;
        }
        if stop.load(Ordering::Relaxed) {
            running.kill()?;
        }
        thread::sleep(CHILD_PAUSE);
    };
    // A process that a signal ended has no code; shells then use 128 and the signal's number.
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default();
    Ok(status
        .code()
        .map_or(128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)), |code| u8::try_from(code).unwrap_or(u8::MAX)))
}

/// The variables of this process's environment that homing would heed before its configuration file.
pub(crate) fn overriding_variables() -> Vec<OsString> {
    let overrides = |name: &OsString| {
        let name = name.to_string_lossy();
        // homing takes AWS_CA_BUNDLE only where nothing else names authorities, as config.json does.
        (name.starts_with("AWS_") && name != "AWS_CA_BUNDLE")
            || name.starts_with("HOMING_")
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    env::vars_os().map(|(name, _)| name).filter(overrides).collect()
}

/// The package root: this package lives two folders below it.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// An up-to-date build answers faster than this.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How soon homing's end is noticed.
const CHILD_PAUSE: Duration = Duration::from_millis(10);

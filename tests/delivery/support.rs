//! Runs homing, makes files for it, and reads what it says.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use homing_sandbox::{Message, Sandbox};
use serde_json::Value;

#[path = "../support/content.rs"]
mod content;

pub use content::{bytes, sha256};

/// A sandbox with its usual settings.
pub fn sandbox() -> Sandbox {
    Sandbox::builder().start().unwrap()
}

/// One run of homing that is being prepared. Nothing of the caller's AWS, proxy or homing settings gets in.
pub struct Run {
    command: Command,
    input: Vec<u8>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// `homing COMMAND --config …` for `sandbox`.
    pub fn new(sandbox: &Sandbox, command: &str) -> Self {
        Self::without_configuration(command).arg("--config").arg(sandbox.config_path())
    }

    /// `homing COMMAND` with no configuration at all.
    pub fn without_configuration(command: &str) -> Self {
        let mut process = Command::new(HOMING);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_foreign(name)) {
            process.env_remove(name);
        }
        // Tests count what each run asks for.
        process.arg(command).env("HOMING_CREDENTIAL_CACHE", "false");
        Self { command: process, input: Vec::new() }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What homing reads from standard input.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The command itself, for tests that start it in a way of their own.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it has not ended by itself after a generous time: homing has to have deadlines.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let mut child =
            self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = thread::spawn(move || {
            // A run that ends without having read its input is the test's to judge.
            let _ = stdin.write_all(&self.input);
        });
        let stdout = reader(child.stdout.take().unwrap());
        let stderr = reader(child.stderr.take().unwrap());
        let status = wait(&mut child, PATIENCE);
        let finished = |status: Option<ExitStatus>| Finished {
            code: status.and_then(|status| status.code()),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        };
        writer.join().unwrap();
        match status {
            Some(status) => finished(Some(status)),
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("homing had to be killed after {PATIENCE:?}: {:?}", finished(None));
            }
        }
    }

    /// Runs it to its end, which has to be a good one.
    #[track_caller]
    pub fn succeed(self) -> Finished {
        let finished = self.finish();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished
    }
}

impl Finished {
    /// Standard output as JSON, line by line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// Waits for the end of a process, but not longer than `patience`.
pub fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A file of that many bytes in the sandbox's own folder.
pub fn file(sandbox: &Sandbox, name: &str, length: usize) -> PathBuf {
    write(sandbox.folder(), name, &bytes(length))
}

/// A file in `folder`.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let folder = folder.join("files");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// The seconds since the Unix epoch.
pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// A message's payload as text.
pub fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

/// A message's payload as JSON.
pub fn json(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

fn reader(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("AWS_") || name.starts_with("HOMING_") || name.to_ascii_lowercase().ends_with("_proxy")
}

/// The binary under test.
pub const HOMING: &str = env!("CARGO_BIN_EXE_homing");
/// Longer than anything here takes on a machine that is busy with other tests; all of homing's own deadlines together
/// are shorter where a test waits for one.
const PATIENCE: Duration = Duration::from_secs(120);

//! One run of the binary, and what holds for every one: it ends by itself in time, with an exit code of sysexits; where
//! it fails, `--json` says why; and it never panics.

use serde_json::Value;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// The most memory that was seen resident, in bytes: VmHWM of `/proc/PID/status`, looked at every few milliseconds.
    pub peak_memory: u64,
}

/// What became of the one file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Success,
    Failure { exit_code: i32, code: String, retryable: bool },
}

impl Run {
    /// Runs `command` to its end.
    ///
    /// # Panics
    /// When it has not ended [`GRACE`] after `limit`, what it was told by `--timeout`.
    #[track_caller]
    pub fn of(command: &mut Command, limit: Duration) -> Self {
        let start = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
        let mut peak_memory = 0;
        let code = loop {
            peak_memory = peak_memory.max(memory_mark(&child));
            if let Some(status) = child.try_wait().unwrap() {
                // A signal has no code.
                break status.code().unwrap_or(-1);
            }
            if start.elapsed() > limit + GRACE {
                child.kill().unwrap();
                child.wait().unwrap();
                let told = (stdout.join().unwrap(), stderr.join().unwrap());
                panic!("still running {GRACE:?} after its deadline of {limit:?}: {told:?} {command:?}");
            }
            thread::sleep(LOOK_EVERY);
        };
        let took = start.elapsed();
        Self { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), took, peak_memory }
    }

    /// Standard output as JSON, line by line, with everything checked that holds for any run.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        assert!(SYSEXITS.contains(&self.code), "no exit code of sysexits: {self:?}");
        assert!(!self.stderr.contains("panicked") && !self.stderr.contains("RUST_BACKTRACE"), "a panic: {self:?}");
        let parsed = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.stdout.lines().map(parsed).collect()
    }

    /// The fate of a run's one file.
    #[track_caller]
    pub fn verdict(&self) -> Verdict {
        let lines = self.lines();
        let [outcome] = lines.as_slice() else { panic!("one outcome is expected: {self:?}") };
        let error = &outcome["error"];
        if self.code == 0 {
            assert!(outcome["result"] != "failed" && error.is_null(), "a success with an error: {self:?}");
            return Verdict::Success;
        }
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let (code, retryable) = (text("code"), error["retryable"].as_bool());
        assert!(!code.is_empty() && !text("message").is_empty(), "the error is not typed: {self:?}");
        let retryable = retryable.unwrap_or_else(|| panic!("not said whether to try again: {self:?}"));
        Verdict::Failure { exit_code: self.code, code, retryable }
    }
}

impl Verdict {
    /// The error's code, or `success`.
    pub fn code(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::Failure { code, .. } => code,
        }
    }

    pub fn is_success(&self) -> bool {
        *self == Self::Success
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    })
}

fn memory_mark(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    // Before it is homing, it is a copy of this process.
    if !status.starts_with("Name:\thoming") {
        return 0;
    }
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    kibibytes.and_then(|kibibytes| kibibytes.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The exit codes that homing has.
const SYSEXITS: [i32; 10] = [0, 64, 65, 66, 69, 73, 74, 75, 77, 78];
/// For starting, ending, and being kept waiting by a busy machine.
const GRACE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(2);

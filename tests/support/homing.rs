//! Runs the homing binary with nothing but what a test gives it.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::boto::Keys;
use super::directory::Directory;
use super::pki::Identity;
use super::{REGION, THING};

/// A call of homing in preparation.
pub(crate) struct Homing {
    command: Command,
    stdin: Vec<u8>,
}

/// How a call of homing ended.
pub(crate) struct Outcome {
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    description: String,
}

/// Prepares a call with these arguments, nothing in the environment but that no run leaves credentials for the next and
/// that nothing is tried twice (`tests/retries` is about that), and an empty standard input.
pub(crate) fn homing<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Homing {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    prepare(command)
}

/// Prepares a command that runs another build of homing, likewise.
pub(crate) fn prepare(mut command: Command) -> Homing {
    command.env_clear().env(CREDENTIAL_CACHE, "false").env(MAX_ATTEMPTS, "1");
    Homing { command, stdin: Vec::new() }
}

impl Homing {
    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives the keys in the `AWS_*` variables.
    pub(crate) fn keys(self, keys: &Keys) -> Self {
        let call =
            self.env("AWS_ACCESS_KEY_ID", &keys.access_key_id).env("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key);
        match &keys.session_token {
            Some(token) => call.env("AWS_SESSION_TOKEN", token),
            None => call,
        }
    }

    /// Gives bytes on standard input.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it, silently, for a test that ends it.
    pub(crate) fn spawn(mut self) -> std::process::Child {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs it to its end. One that never ends is killed, and the test fails with what it had printed.
    pub(crate) fn run(mut self) -> Outcome {
        let description = format!("{:?}", self.command);
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{description}: {error}"));
        let mut stdin = child.stdin.take().unwrap();
        let input = thread::spawn(move || {
            // homing may end before it has read everything; that is the test's to judge.
            let _ = stdin.write_all(&self.stdin);
        });
        let stdout = read_in_background(child.stdout.take().unwrap());
        let stderr = read_in_background(child.stderr.take().unwrap());
        let deadline = Instant::now() + PATIENCE;
        let mut killed = false;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() >= deadline && !killed {
                child.kill().unwrap();
                killed = true;
            }
            thread::sleep(Duration::from_millis(10));
        };
        input.join().unwrap();
        let outcome = Outcome {
            code: status.code().unwrap_or(-1),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
            description,
        };
        assert!(!killed, "did not end within {PATIENCE:?}: {outcome}");
        outcome
    }
}

impl Outcome {
    /// Fails unless it ended with this exit code.
    pub(crate) fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Fails unless standard error has this text, in any case.
    pub(crate) fn expect_error(&self, text: &str) -> &Self {
        assert!(self.stderr.to_lowercase().contains(&text.to_lowercase()), "no {text:?} on standard error of {self}");
        self
    }

    /// Fails unless standard error has at least one of these texts, in any case.
    pub(crate) fn expect_error_with_any(&self, texts: &[&str]) -> &Self {
        let stderr = self.stderr.to_lowercase();
        assert!(
            texts.iter().any(|text| stderr.contains(&text.to_lowercase())),
            "none of {texts:?} on stderr of {self}"
        );
        self
    }

    /// Fails if any output has this text: a secret.
    pub(crate) fn expect_nowhere(&self, secret: &str) -> &Self {
        assert!(!self.stdout.contains(secret) && !self.stderr.contains(secret), "a secret in the output of {self}");
        self
    }

    /// The JSON lines of `--json`.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}: {self}"));
        self.stdout.lines().map(parse).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}\nexit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.description, self.code, self.stdout, self.stderr
        )
    }
}

fn read_in_background(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A configuration file in the making.
#[derive(Clone)]
pub(crate) struct Config {
    values: serde_json::Map<String, Value>,
}

impl Config {
    /// The device's identity and whom it trusts: what every configuration has.
    pub(crate) fn new(identity: &Identity, ca_file: &Path) -> Self {
        let config = Self { values: serde_json::Map::new() };
        config
            .with("region", REGION)
            .with("thing_name", THING)
            .with("certificate", identity.certificate.to_str())
            .with("private_key", identity.key.to_str())
            .with("ca_file", ca_file.to_str())
    }

    /// Sets a key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.values.insert(key.to_owned(), value.into());
        self
    }

    /// Leaves a key out.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.values.remove(key);
        self
    }

    /// Writes it to a file in `directory` and gives its path.
    pub(crate) fn write(&self, directory: &Directory) -> PathBuf {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("config-{}.json", COUNTER.fetch_add(1, Ordering::Relaxed));
        directory.write(&name, serde_json::to_string_pretty(&self.values).unwrap())
    }

    /// Writes it to `directory` and prepares `homing --config FILE ARGUMENTS…`.
    pub(crate) fn homing(&self, directory: &Directory, arguments: &[&str]) -> Homing {
        let file = self.write(directory);
        homing(["--config", file.to_str().unwrap()].iter().chain(arguments))
    }
}

/// Whether runs leave credentials for the next one: tests count what each asks for.
pub(crate) const CREDENTIAL_CACHE: &str = "HOMING_CREDENTIAL_CACHE";
/// How often each request is tried.
pub(crate) const MAX_ATTEMPTS: &str = "HOMING_MAX_ATTEMPTS";
/// The program under test, as cargo built it.
const BINARY: &str = env!("CARGO_BIN_EXE_homing");
/// Longest run of homing in any test: far above what a slow machine needs, so that only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(180);

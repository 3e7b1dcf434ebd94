//! One finished run of the binary, and what its failure must say.

use serde_json::Value;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// One error as the binary told it.
#[derive(Debug)]
pub struct Failure {
    /// The stable code; empty where there is no outcome line to carry it.
    pub code: String,
    pub message: String,
    pub remedy: String,
    pub retryable: Option<bool>,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let start = Instant::now();
        let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        Self::from_output(output, start.elapsed())
    }

    pub fn from_output(output: Output, took: Duration) -> Self {
        Self {
            // A signal has no code: no test expects -1.
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took,
        }
    }

    /// The lines of `--json`.
    pub fn outcomes(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}; {self:?}")))
            .collect()
    }

    pub fn succeeded(&self) -> &Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The failure of a run with `--json` and one file; its text must be on standard error, too.
    #[track_caller]
    pub fn failed(&self, exit_code: i32, code: &str) -> Failure {
        assert_eq!(self.code, exit_code, "{self:?}");
        let outcomes = self.outcomes();
        let [outcome] = outcomes.as_slice() else { panic!("one outcome is expected: {self:?}") };
        let failure = Failure::of_outcome(outcome);
        assert_eq!(failure.code, code, "{self:?}");
        assert!(!failure.remedy.is_empty(), "nothing is said about what to do: {self:?}");
        assert!(self.stderr.contains(&failure.message), "standard error does not have the message: {self:?}");
        assert!(self.stderr.contains(&failure.remedy), "standard error does not say what to do: {self:?}");
        failure
    }

    /// The failure of a command that has no outcome lines.
    #[track_caller]
    pub fn failed_without_outcome(&self, exit_code: i32) -> Failure {
        assert_eq!(self.code, exit_code, "{self:?}");
        let text = self.stderr.strip_prefix("homing: ").unwrap_or_else(|| panic!("no error is told: {self:?}"));
        let (message, remedy) = text
            .trim_end()
            .split_once("\n  try: ")
            .unwrap_or_else(|| panic!("nothing is said about what to do: {self:?}"));
        Failure { code: String::new(), message: message.to_owned(), remedy: remedy.to_owned(), retryable: None }
    }
}

impl Failure {
    #[track_caller]
    pub fn of_outcome(outcome: &Value) -> Self {
        assert_eq!(outcome["result"], "failed", "{outcome}");
        let text = |name: &str| outcome["error"][name].as_str().unwrap_or_default().to_owned();
        Self {
            code: text("code"),
            message: text("message"),
            remedy: text("remedy"),
            retryable: outcome["error"]["retryable"].as_bool(),
        }
    }

    /// The message names all of these.
    #[track_caller]
    pub fn names(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.message.contains(part), "'{part}' is not named: {self:?}");
        }
        self
    }

    /// The remedy says this.
    #[track_caller]
    pub fn advises(&self, part: &str) -> &Self {
        assert!(self.remedy.contains(part), "the remedy does not say '{part}': {self:?}");
        self
    }

    #[track_caller]
    pub fn may_pass(&self, retryable: bool) -> &Self {
        assert_eq!(self.retryable, Some(retryable), "{self:?}");
        self
    }
}

//! When the next run may ask AWS again, after runs in which it did not answer. Kept in the queue's directory, so that a
//! cron job of the whole fleet does not ask all at once when a region comes back.

use crate::net::stream::unix_time;
use crate::protocol::json::{self, ObjectWriter};
use crate::protocol::spread;
use crate::queue::RETRY_BUDGET;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is known of the runs before this one. Only whoever has the queue's lock changes it.
#[derive(Debug)]
pub struct RetryBudget {
    path: PathBuf,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
struct State {
    /// Runs in a row.
    failed_runs: u32,
    /// Seconds since the Unix epoch.
    not_before: i64,
}

impl RetryBudget {
    /// Reads what earlier runs left in `directory`; nothing, if they left nothing that can be read.
    pub fn open(directory: &Path) -> Self {
        let path = directory.join(RETRY_BUDGET);
        let state = fs::read(&path).ok().and_then(|text| json::read(&text).ok()).unwrap_or_default();
        Self { path, state }
    }

    /// How long to wait before AWS is asked again.
    pub fn wait(&self) -> Duration {
        spread::remaining(self.state.not_before, unix_time())
    }

    /// Runs in a row in which AWS did not answer.
    pub fn failed_runs(&self) -> u32 {
        self.state.failed_runs
    }

    /// AWS has not answered in this run, either. `thing` is this device's name, if it has one.
    pub fn failed(&mut self, thing: Option<&str>) {
        let failed_runs = self.state.failed_runs.saturating_add(1);
        let wait = spread::wait(failed_runs, spread::hash(thing.unwrap_or_default()));
        // At most five minutes: fits. Rounded up, so that it is never nothing.
        let not_before = unix_time().saturating_add(wait.as_secs() as i64 + 1);
        self.replace(State { failed_runs, not_before });
    }

    /// AWS has answered.
    pub fn succeeded(&mut self) {
        if self.state != State::default() {
            self.state = State::default();
            // Where it cannot be removed, it is over in five minutes at most.
            let _ = fs::remove_file(&self.path);
        }
    }

    fn replace(&mut self, state: State) {
        self.state = state;
        let mut text = [0; CAPACITY];
        let mut writer = ObjectWriter::new(&mut text);
        writer.number("failed_runs", u64::from(state.failed_runs));
        writer.number("not_before", u64::try_from(state.not_before).unwrap_or(0));
        let Ok(length) = writer.finish() else { return };
        let draft = self.path.with_extension("new");
        // Lost with the power, it is made again by the next failure: no fsync.
        if let Err(error) = fs::write(&draft, &text[..length]).and_then(|()| fs::rename(&draft, &self.path)) {
            log::info!("the next run will not wait: '{}' cannot be written: {error}", self.path.display());
        }
    }
}

/// Two names, punctuation and two numbers.
const CAPACITY: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_remembered_from_run_to_run_and_forgotten_after_a_success() {
        let directory = tempfile();
        let mut first = RetryBudget::open(&directory);
        assert_eq!((first.wait(), first.failed_runs()), (Duration::ZERO, 0));
        first.failed(Some("camera-1"));
        first.failed(Some("camera-1"));
        let mut second = RetryBudget::open(&directory);
        assert_eq!(second.failed_runs(), 2);
        assert!(second.wait() >= Duration::from_secs(8) && second.wait() <= Duration::from_secs(21), "{second:?}");
        second.succeeded();
        assert_eq!(RetryBudget::open(&directory).wait(), Duration::ZERO);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_cannot_be_read_or_be_true_is_ignored() {
        let directory = tempfile();
        for text in ["", "{", r#"{"failed_runs":-1,"not_before":1}"#, r#"{"failed_runs":9,"not_before":9999999999}"#] {
            fs::write(directory.join(RETRY_BUDGET), text).unwrap();
            assert_eq!(RetryBudget::open(&directory).wait(), Duration::ZERO, "{text}");
        }
        fs::remove_dir_all(directory).unwrap();
    }

    fn tempfile() -> PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("homing-retry-budget-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }
}

//! A sandbox and a queue beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use homing_sandbox::{Sandbox, Service};
use serde_json::Value;

use crate::support::{Finished, Run, file, sandbox};

/// A sandbox, and a device whose queue is empty.
pub struct Scene {
    pub sandbox: Sandbox,
    pub queue: PathBuf,
}

impl Scene {
    pub fn new() -> Self {
        let sandbox = sandbox();
        let queue = sandbox.folder().join("queue");
        Self { sandbox, queue }
    }

    /// `homing COMMAND` with this queue. Nothing waits, unless a test wants it to: `drain` and `send --queue` say so.
    pub fn run(&self, command: &str) -> Run {
        // The attempts within a run are another suite's matter, and take their time.
        let run = Run::new(&self.sandbox, command).env("HOMING_MAX_ATTEMPTS", "1");
        run.arg("--queue-dir").arg(&self.queue)
    }

    /// `homing drain --now --json`.
    pub fn drain(&self) -> Run {
        self.run("drain").args(["--now", "--json"])
    }

    /// `homing send --queue --now --json`.
    pub fn send(&self, files: &[&Path]) -> Run {
        self.run("send").args(["--queue", "--now", "--json"]).args(files)
    }

    /// A file that fits into a message.
    pub fn small(&self, name: &str) -> PathBuf {
        file(&self.sandbox, name, 500)
    }

    /// A file that goes to S3.
    pub fn large(&self, name: &str) -> PathBuf {
        file(&self.sandbox, name, 60_000)
    }

    /// Queues files while nothing can be reached, each by a run of its own.
    #[track_caller]
    pub fn queue_offline(&self, files: &[&Path]) {
        for file in files {
            let run = offline(self.send(&[file])).finish();
            assert_eq!(run.code, Some(75), "{run:?}");
        }
    }

    /// What `homing queue list` knows.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        self.run("queue").args(["list", "--json"]).succeed().json_lines()
    }

    /// How many wait, and how many have failed.
    #[track_caller]
    pub fn counts(&self) -> (u64, u64) {
        let status = self.run("queue").args(["status", "--json"]).succeed().json_lines().remove(0);
        (status["waiting"].as_u64().unwrap(), status["failed"].as_u64().unwrap())
    }

    /// Lets the last attempts of all that wait be so many seconds ago.
    pub fn set_last_attempts(&self, ago: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        for entry in fs::read_dir(self.queue.join("pending")).unwrap() {
            let path = entry.unwrap().path().join("metadata.json");
            let mut metadata: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            metadata["last_attempt"] = (now - ago).into();
            fs::write(path, metadata.to_string()).unwrap();
        }
    }

    /// Requests that S3 has had so far.
    pub fn puts(&self) -> u64 {
        self.sandbox.counts(Service::S3).requests
    }

    /// The keys of the objects that arrived, in order, without the thing's name.
    pub fn keys(&self) -> Vec<String> {
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        self.sandbox.objects().iter().map(|object| name(&object.key)).collect()
    }

    /// Every byte in the queue's directory.
    pub fn everything_in_the_queue(&self) -> Vec<u8> {
        let mut found = Vec::new();
        let mut left = vec![self.queue.clone()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    left.push(entry.path());
                } else {
                    found.extend(fs::read(entry.path()).unwrap());
                }
            }
        }
        found
    }
}

/// The same run on a device that cannot reach anybody: everything goes through a proxy that is not there.
pub fn offline(run: Run) -> Run {
    run.env("HTTPS_PROXY", "http://127.0.0.1:1")
}

/// The field `name` of each line that is about a file.
pub fn each<'a>(lines: &'a [Value], name: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line.get("file").is_some()).map(|line| line[name].as_str().unwrap_or("")).collect()
}

/// The last line, which sums up.
#[track_caller]
pub fn summary(run: &Finished) -> (u64, u64, u64) {
    let lines = run.json_lines();
    let last = lines.last().unwrap();
    assert_eq!(last["result"], "drained", "{run:?}");
    let count = |name: &str| last[name].as_u64().unwrap();
    (count("delivered"), count("failed"), count("left"))
}

//! A homing that follows its queue, beside a sandbox.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use homing_sandbox::{Message, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Run, json, sandbox, wait};

/// A sandbox, a queue, and a directory that files appear in.
pub struct Scene {
    pub sandbox: Sandbox,
    pub queue: PathBuf,
    pub inbox: PathBuf,
    pub status: PathBuf,
}

/// `homing drain --follow`, killed with the test.
pub struct Follower {
    child: Child,
    log: PathBuf,
}

impl Scene {
    pub fn new() -> Self {
        let sandbox = sandbox();
        let path = |name: &str| sandbox.folder().join(name);
        let (queue, inbox, status) = (path("queue"), path("inbox"), path("status.json"));
        fs::create_dir(&inbox).unwrap();
        Self { sandbox, queue, inbox, status }
    }

    /// `homing COMMAND` with this queue and status file.
    pub fn run(&self, command: &str) -> Run {
        Run::new(&self.sandbox, command).arg("--queue-dir").arg(&self.queue).arg("--status-file").arg(&self.status)
    }

    /// Starts `homing drain --follow` with these arguments, and waits until it has looked at the queue and watches.
    pub fn follow(&self, arguments: &[&str]) -> Follower {
        let _ = fs::remove_file(&self.status);
        let log = self.sandbox.folder().join("follow.log");
        let mut command = self.run("drain").args(["--follow", "-v"]).args(arguments).into_command();
        let output = File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let mut follower = Follower { child, log };
        self.wait_until(&mut follower, "it follows", || self.status.exists());
        follower
    }

    /// The same with the inbox watched.
    pub fn watch(&self, arguments: &[&str]) -> Follower {
        let inbox = self.inbox.to_str().unwrap();
        self.follow(&[&["--watch", inbox], arguments].concat())
    }

    /// Waits until `condition` holds; fails with what homing has said when it never does, or homing ends before.
    #[track_caller]
    pub fn wait_until(&self, follower: &mut Follower, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            let ended = follower.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?} before {what}: {}", follower.said());
            assert!(Instant::now() < deadline, "waited {PATIENCE:?} until {what}: {}", follower.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until messages about that many files have come, and gives their names in order.
    #[track_caller]
    pub fn wait_for(&self, follower: &mut Follower, count: usize) -> Vec<String> {
        self.wait_until(follower, &format!("{count} messages"), || self.sandbox.messages().len() >= count);
        self.sandbox.messages().iter().map(name).collect()
    }

    /// What is in the inbox still.
    pub fn left(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.inbox).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What the status file says.
    #[track_caller]
    pub fn status(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.status).unwrap()).unwrap()
    }

    /// How many entries wait in the queue.
    pub fn waiting(&self) -> usize {
        fs::read_dir(self.queue.join("pending")).map_or(0, Iterator::count)
    }
}

impl Follower {
    /// What it has said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Sends a signal, and gives the one that ended it.
    #[track_caller]
    pub fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = wait(&mut self.child, SOON);
        status.unwrap_or_else(|| panic!("it goes on after {SOON:?}: {}", self.said())).signal()
    }
}

impl Follower {
    /// Waits until it has ended by itself, and gives its exit code.
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = wait(&mut self.child, SOON);
        status.unwrap_or_else(|| panic!("it goes on after {SOON:?}: {}", self.said())).code()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file's name that a message tells of.
pub fn name(message: &Message) -> String {
    json(message)["name"].as_str().unwrap().to_owned()
}

/// A file in `folder`, written and closed.
pub fn put(folder: &Path, name: &str, content: &[u8]) {
    fs::write(folder.join(name), content).unwrap();
}

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// A signal ends homing at once; this is for a busy machine, and shorter than any of homing's own deadlines.
const SOON: Duration = Duration::from_secs(10);

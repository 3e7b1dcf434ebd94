//! One run of one contender: measured, and looked at afterwards whether the right bytes have arrived.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homing_bench::results::{self, Contender, Count, Job, Tasks};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::contenders::{Call, INLINE_LIMIT, call};
use crate::scene::{Sample, Scene, sha256_of_file};
use crate::support::content;
use crate::support::mosquitto::Message;

/// Runs contenders.
pub(crate) struct Runner<'a> {
    pub(crate) scene: &'a mut Scene,
    pub(crate) homing: PathBuf,
    /// Deliveries that were verified.
    pub(crate) verified: u64,
    /// Runs that failed and were made again.
    pub(crate) failed: u64,
}

/// Which way to the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    Counted,
    Delayed,
}

impl Runner<'_> {
    /// A timed run.
    pub(crate) fn timed(&mut self, contender: &Contender, file: &Sample, way: Way) -> io::Result<results::Sample> {
        let report = self.run(contender, file, way, &[])?;
        Ok(serde_json::from_str(&report)?)
    }

    /// A timed run, and another one where it fails: so that ten minutes are not lost to one broken connection. It is said
    /// on the page, and a second failure is one.
    pub(crate) fn timed_twice(
        &mut self,
        contender: &Contender,
        file: &Sample,
        way: Way,
    ) -> io::Result<results::Sample> {
        self.timed(contender, file, way).or_else(|error| {
            eprintln!("\nonce more, because {error}");
            self.failed += 1;
            self.timed(contender, file, way)
        })
    }

    /// A run through the counting proxies, with its processes counted.
    pub(crate) fn counted(&mut self, contender: &Contender, file: &Sample) -> io::Result<Count> {
        let seen = self.scene.seen();
        let report = self.run(contender, file, Way::Counted, &["--count"])?;
        let tasks: Tasks = serde_json::from_str(&report)?;
        Ok(self.scene.count(contender.name, file.bytes, tasks, seen))
    }

    /// What a program that does nothing is said to take, in bytes.
    pub(crate) fn memory_floor(&mut self) -> io::Result<u64> {
        let nothing = Call { program: "/bin/true".into(), arguments: Vec::new(), environment: Vec::new(), key: None };
        let sample: results::Sample = serde_json::from_str(&self.measure("true", &nothing, &[])?)?;
        Ok(sample.peak_bytes)
    }

    fn run(&mut self, contender: &Contender, file: &Sample, way: Way, options: &[&str]) -> io::Result<String> {
        let place = match way {
            Way::Direct => &self.scene.direct,
            Way::Counted => &self.scene.counted,
            Way::Delayed => &self.scene.delayed,
        };
        let call = call(contender, &self.homing, self.scene, place, file);
        let object = call.key.as_deref().map(|key| self.scene.object(key));
        if let Some(object) = object.as_ref().filter(|object| object.exists()) {
            fs::remove_file(object)?;
        }
        let observer = (contender.job == Job::Deliver).then(|| self.scene.mosquitto.observe("file/upload", 1));
        let report = self.measure(contender.name, &call, options)?;
        let messages = observer.map(|observer| observer.messages()).unwrap_or_default();
        if contender.job != Job::Limit {
            verify(file, object.as_deref(), contender.job, &messages)
                .map_err(|what| io::Error::other(format!("{}, {} bytes: {what}", contender.name, file.bytes)))?;
            self.verified += 1;
        }
        Ok(report)
    }

    fn measure(&self, name: &str, call: &Call, options: &[&str]) -> io::Result<String> {
        let (output, log) = (self.scene.folder.join("measured"), self.scene.folder.join("said"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_measure"));
        command.args(options).arg(&output).arg(&call.program).args(&call.arguments);
        command.env_clear().envs(call.environment.iter().map(|(name, value)| (name, value)));
        let said = File::create(&log)?;
        let child = command
            .current_dir(self.scene.folder.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        if wait(child)? {
            return fs::read_to_string(output);
        }
        let said = fs::read_to_string(log).unwrap_or_default();
        let (program, arguments) = (call.program.display(), &call.arguments);
        Err(io::Error::other(format!("{name} failed: {program} {arguments:?}\n{said}")))
    }
}

/// Whether it succeeded; one that takes too long is ended, with all that it has started.
fn wait(mut child: Child) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    // Not waited for in a loop from the beginning: that would take time from who is measured.
    let group = Pid::from_child(&child);
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    });
    let status = child.wait();
    drop(sender);
    let _ = watchdog.join();
    Ok(status?.success())
}

/// Looks at what has arrived, or says what is wrong with it.
fn verify(file: &Sample, object: Option<&Path>, job: Job, messages: &[Message]) -> Result<(), String> {
    if let Some(object) = object {
        let sha256 = sha256_of_file(object).map_err(|error| format!("no object has arrived: {error}"))?;
        if sha256 != file.sha256 {
            return Err(format!("another object has arrived: SHA-256 {sha256} in place of {}", file.sha256));
        }
    }
    if job != Job::Deliver {
        return Ok(());
    }
    let [message] = messages else { return Err(format!("{} messages have arrived", messages.len())) };
    let payload: Value = serde_json::from_slice(&message.payload).map_err(|error| format!("a message: {error}"))?;
    let text = |field: &str| payload[field].as_str().unwrap_or_default();
    if file.bytes <= INLINE_LIMIT {
        let content = STANDARD.decode(text("content")).map_err(|error| format!("the content: {error}"))?;
        let sha256 = content::sha256(&content);
        if text("type") != "file_content" || sha256 != file.sha256 {
            return Err(format!("another content has arrived: SHA-256 {sha256} in place of {}", file.sha256));
        }
        return Ok(());
    }
    let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if text("type") != "s3_url" || !text("url").ends_with(&format!("/{name}")) {
        return Err(format!("the message names no object: {payload}"));
    }
    Ok(())
}

/// Longest run: a gibibyte on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

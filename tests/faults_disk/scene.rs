//! One device with files to deliver, one AWS, and the promise: nothing lost, nothing torn, repeats only of the same.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use homing_sandbox::{Arrival, Sandbox, SandboxBuilder};
use serde_json::Value;

pub use crate::content::bytes;
use crate::content::sha256;
use crate::figures::skipped;

/// A sandbox, and the folder of one step after the other.
pub struct Scene {
    pub sandbox: Sandbox,
    /// The queue lies on another file system than the files.
    far_queue: Option<PathBuf>,
    /// Files above [`PART`] go in parts of that size.
    in_parts: bool,
    step: Cell<usize>,
    runs: Cell<usize>,
}

/// A file to deliver.
#[derive(Debug, Clone)]
pub struct Original {
    pub path: PathBuf,
    pub content: Vec<u8>,
}

/// What became of the files of a step.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub delivered: usize,
    pub at_source: usize,
    pub repeated: usize,
    /// Delivered, and still at its source, whence it could be sent again under another id.
    pub at_both: usize,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Sandbox::builder())
    }

    /// With another AWS than the usual one.
    pub fn with(builder: SandboxBuilder) -> Self {
        let sandbox = builder.start().unwrap();
        Self { sandbox, far_queue: None, in_parts: false, step: Cell::new(0), runs: Cell::new(0) }
    }

    /// With files above [`PART`] going in parts of that size.
    pub fn in_parts() -> Self {
        let mut scene = Self::new();
        scene.in_parts = true;
        scene
    }

    /// With the queue on another file system than the files; `None`, said loudly, where there is no second one.
    pub fn with_far_queue() -> Option<Self> {
        let mut scene = Self::new();
        let memory = Path::new("/dev/shm");
        let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
        let folder = memory.join(scene.sandbox.folder().file_name().unwrap());
        let is_other = device(memory).is_some_and(|other| Some(other) != device(scene.sandbox.folder()));
        if !is_other || fs::create_dir(&folder).is_err() {
            skipped("there is no second file system on /dev/shm");
            return None;
        }
        scene.far_queue = Some(folder);
        Some(scene)
    }

    /// Begins a step: nothing has arrived, and there are two files, one that goes inline and one by S3.
    pub fn begin(&self) -> Vec<Original> {
        self.begin_empty();
        [("small.txt", SMALL), ("large.bin", LARGE)].map(|(name, length)| self.write(name, &bytes(length))).into()
    }

    /// Begins a step without files.
    pub fn begin_empty(&self) {
        self.clear();
        self.step.set(self.step.get() + 1);
        fs::create_dir_all(self.folder()).unwrap();
    }

    /// Forgets what has arrived, and removes the files and the queue.
    pub fn clear(&self) {
        let _ = fs::remove_dir_all(self.folder());
        let _ = fs::remove_dir_all(self.queue());
        self.sandbox.forget_uploads();
        self.sandbox.clear_records();
    }

    /// Makes a file.
    pub fn write(&self, name: &str, content: &[u8]) -> Original {
        let path = self.folder().join(name);
        fs::write(&path, content).unwrap();
        Original { path, content: content.to_vec() }
    }

    /// Where the files of this step are.
    pub fn folder(&self) -> PathBuf {
        self.sandbox.folder().join(format!("step-{}", self.step.get()))
    }

    /// The queue of this step.
    pub fn queue(&self) -> PathBuf {
        let folder = self.far_queue.as_deref().unwrap_or(self.sandbox.folder());
        folder.join(format!("queue-{}", self.step.get()))
    }

    /// Where the files of this step have a second name.
    pub fn kept(&self) -> PathBuf {
        self.sandbox.folder().join(format!("kept-{}", self.step.get()))
    }

    /// `homing COMMAND --config … …` with nothing of the caller's settings in it.
    pub fn command<A: AsRef<OsStr>>(&self, name: &str, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(HOMING);
        homing_sandbox::peak_memory::forget_foreign_variables(&mut command);
        // Cargo's own, with which the loader looks for every library in every folder.
        command.env_remove("LD_LIBRARY_PATH");
        // Waiting before the next attempt would show nothing here.
        command.env("HOMING_MAX_ATTEMPTS", "1");
        command.arg(name).arg("--config").arg(self.sandbox.config_path());
        if ["send", "drain"].contains(&name) {
            // The sandbox's broker does not bear a client that comes again after a broken handshake.
            self.runs.set(self.runs.get() + 1);
            command.args(["--now", "--queue-dir"]).arg(self.queue());
            command.args(["--client-id", &format!("client-{}", self.runs.get())]);
        }
        command.env("HOMING_INLINE_LIMIT", "1000");
        if self.in_parts {
            command.env("HOMING_PART_SIZE", PART.to_string()).env("HOMING_MULTIPART_THRESHOLD", PART.to_string());
        }
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// `homing send --queue … FILE FILE`.
    pub fn send_queued(&self, files: &[Original], flags: &[&str]) -> Command {
        let mut command = self.command("send", ["--queue"]);
        command.args(flags).args(files.iter().map(|file| &file.path));
        command
    }

    /// `homing drain`. Were a key made anew, it would be another one.
    pub fn drain(&self) -> Command {
        self.command("drain", ["--key", "made-anew/{name}", "--topic", "made/anew"])
    }

    /// `homing drain --watch`, which takes every file of the folder as it is.
    pub fn drain_watch(&self) -> Command {
        let mut command = self.command("drain", ["--settle", "0", "--watch"]);
        command.arg(self.folder());
        command
    }

    /// Drains the queue and checks the promise; then the folder is watched again, and nothing may be left anywhere.
    ///
    /// # Errors
    /// What is broken.
    pub fn watched_again(&self, files: &[Original], earlier: &[Arrival]) -> Result<Tally, String> {
        let first = self.drained(files, earlier)?;
        finished(self.drain_watch())?;
        let tally = self.drained(files, earlier)?;
        if tally.delivered < files.len() || tally.at_source > 0 {
            return Err(format!("watching again does not take what is left: {tally:?}"));
        }
        Ok(Tally { at_source: first.at_source, at_both: first.at_both, ..tally })
    }

    /// Drains the queue, sends again what is still at its source as the user's script would, and checks the promise.
    ///
    /// # Errors
    /// What is broken.
    pub fn recover(&self, files: &[Original], earlier: &[Arrival]) -> Result<Tally, String> {
        let mut tally = self.drained(files, earlier)?;
        if tally.delivered < files.len() {
            let mut arrivals = earlier.to_vec();
            arrivals.extend(self.sandbox.arrivals());
            let mut left = files.to_vec();
            left.retain(|file| arrived(file, &arrivals, self.sandbox.thing_name()) == Ok(0));
            finished(self.send_queued(&left, &[]))?;
            let again = self.judge(files, earlier)?;
            if again.delivered != files.len() {
                return Err(format!("after sending again {again:?}"));
            }
            tally.repeated = again.repeated;
        }
        Ok(tally)
    }

    /// Drains the queue and checks the promise.
    ///
    /// # Errors
    /// What is broken.
    pub fn drained(&self, files: &[Original], earlier: &[Arrival]) -> Result<Tally, String> {
        finished(self.drain())?;
        let tally = self.judge(files, earlier)?;
        let left = regular_files(&self.queue());
        let entries: Vec<&PathBuf> = left
            .iter()
            .filter(|path| ENTRY_PLACES.iter().any(|place| path.starts_with(self.queue().join(place))))
            .collect();
        if !entries.is_empty() {
            return Err(format!("the queue still has {entries:?}"));
        }
        Ok(tally)
    }

    /// What has become of every file, by what has arrived `earlier` and since the step began.
    ///
    /// # Errors
    /// A file is lost or torn, or arrived as something else.
    pub fn judge(&self, files: &[Original], earlier: &[Arrival]) -> Result<Tally, String> {
        let mut arrivals = earlier.to_vec();
        arrivals.extend(self.sandbox.arrivals());
        let mut tally = Tally::default();
        for file in files {
            let count = arrived(file, &arrivals, self.sandbox.thing_name())?;
            let at_source = match fs::read(&file.path) {
                Ok(content) if content == file.content => true,
                Ok(content) => return Err(format!("{} is torn: {} bytes", file.path.display(), content.len())),
                Err(_) => false,
            };
            tally.delivered += usize::from(count > 0);
            tally.at_source += usize::from(at_source);
            tally.at_both += usize::from(at_source && count > 0);
            tally.repeated += count.saturating_sub(1);
            if count == 0 && !at_source {
                return Err(format!("{} is lost; arrived: {}", file.path.display(), listed(&arrivals)));
            }
        }
        Ok(tally)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(folder) = &self.far_queue {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl Original {
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(OsStr::to_str).unwrap()
    }
}

/// How many messages have delivered the file.
fn arrived(file: &Original, arrivals: &[Arrival], thing: &str) -> Result<usize, String> {
    let name = file.name();
    let key = format!("{thing}/{name}");
    let mut ids = Vec::new();
    let mut is_stored = false;
    for arrival in arrivals {
        match arrival {
            Arrival::Object(object) if object.key.ends_with(name) => {
                if object.key != key || object.sha256 != sha256(&file.content) {
                    return Err(format!("{name} was stored as {object:?}"));
                }
                is_stored = true;
            }
            Arrival::Message(message) => {
                let payload: Value = serde_json::from_slice(&message.payload).map_err(|error| error.to_string())?;
                if payload["name"] != name {
                    continue;
                }
                let is_right = match payload["type"].as_str() {
                    Some("file_content") => payload["content"] == STANDARD.encode(&file.content),
                    _ => payload["key"] == key && payload["size"] == file.content.len() && is_stored,
                };
                if !is_right || message.topic == "made/anew" {
                    return Err(format!("{name} was announced as {} {payload}", message.topic));
                }
                ids.push(payload["message_id"].clone());
            }
            Arrival::Object(_) => {}
        }
    }
    match ids.iter().any(|id| !id.is_string() || *id != ids[0]) {
        true => Err(format!("{name} was announced with the ids {ids:?}")),
        false => Ok(ids.len()),
    }
}

/// Runs a command to its end, which has to be a good one.
pub fn finished(mut command: Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    let name = command.get_args().next().unwrap_or_default().to_string_lossy();
    Err(format!("homing {name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Arrivals in a few words each.
pub fn listed(arrivals: &[Arrival]) -> String {
    arrivals
        .iter()
        .map(|arrival| arrival.to_string().chars().take(200).collect::<String>())
        .collect::<Vec<_>>()
        .join("; ")
}

/// Every regular file below a folder.
pub fn regular_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(regular_files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

/// The binary under test.
pub const HOMING: &str = env!("CARGO_BIN_EXE_homing");
/// Bytes of a part of an upload: S3's minimum.
pub const PART: usize = 5 << 20;
/// Bytes of the file that goes inside its message.
const SMALL: usize = 300;
/// Bytes of the file that goes by S3.
const LARGE: usize = 5_000;
/// The directories of the queue in which entries are, whole or not.
const ENTRY_PLACES: [&str; 4] = ["tmp", "moving", "pending", "failed"];

//! The main job: each file inside a message, or into S3 with a message that names it.
//!
//! ```text
//! open and measure every file ── plan by size
//!        │
//!        ├─ thread: TCP, TLS, CONNECT to the data endpoint ────────────┐
//!        ├─ thread: TCP, TLS to S3 ──────────────┐                     │
//!        └─ credentials (TCP, TLS, one request) ─┴─ put, file by file ─┴─ publish, PUBACK
//! ```
//!
//! Files are delivered one after the other over the same connections. One file's failure does not stop the
//! others.

use super::delivery::{Address, Deliverer, Way};
use super::network::Network;
use super::outcome::{Outcome, Via, worst};
use super::source::Source;
use super::{Screen, send_queue};
use crate::cli::Send;
use crate::config::{Config, MESSAGE_SETTINGS};
use crate::error::{Fault, Result};
use crate::options::Id;
use std::path::{Path, PathBuf};

/// Sends every file, prints each one's outcome, and gives the exit code: the worst of them.
///
/// # Errors
/// What concerns no single file: the configuration, or an unwritable standard output.
pub fn run(config: &Config, command: &Send, screen: &mut Screen) -> Result<u8> {
    if let (Some(queueing), false) = (command.queue, command.dry_run) {
        return send_queue::run(config, command, queueing, screen);
    }
    let mut files: Vec<File<'_>> = command.files.iter().map(|path| File::prepare(path, config, command)).collect();
    require_settings(config, &files)?;
    if !command.dry_run && files.iter().any(|file| file.ready.is_ok()) {
        deliver(config, &mut files, screen)?;
    }
    for file in &files {
        if command.dry_run || file.ready.is_err() {
            file.report(command.dry_run, screen)?;
        }
    }
    Ok(worst(files.iter().filter_map(|file| file.result.as_ref().err())))
}

fn require_settings(config: &Config, files: &[File<'_>]) -> Result<()> {
    let is_ready = files.iter().any(|file| file.ready.is_ok());
    let unaddressed = |file: &File<'_>| file.ready.as_ref().is_err_and(|error| error.fault() == Fault::Config);
    // Without a thing name there is no key either, which each file says by itself, unless it is not all that is missing.
    let is_all = || config.require(&MESSAGE_SETTINGS).is_ok();
    if !is_ready && (!files.iter().any(unaddressed) || is_all()) {
        return Ok(());
    }
    let is_large = |file: &File<'_>| file.path.metadata().is_ok_and(|found| found.len() > config.inline_limit);
    let mut further = Vec::with_capacity(3);
    if !is_ready {
        further.push(Id::ThingName);
    }
    if files.iter().any(|file| file.goes_to_s3() || (!is_ready && unaddressed(file) && is_large(file))) {
        further.extend([Id::Bucket, Id::Region]);
    }
    config.require_for_messages(&further)
}

fn deliver(config: &Config, files: &mut [File<'_>], screen: &mut Screen) -> Result<()> {
    let network = Network::new(config)?;
    let capacity = |file: &File<'_>| Some(file.ready.as_ref().ok()?.address.message_capacity(config));
    let capacity = files.iter().filter_map(capacity).max();
    let mut deliverer = Deliverer::new(config, &network, capacity.unwrap_or(0));
    deliverer.open_messenger()?;
    if files.iter().any(File::goes_to_s3) {
        // Without credentials no file reaches S3, but what goes inline still does: each file says so itself.
        let _ = deliverer.open_store(config.bucket()?);
    }
    let mut printed = Ok(());
    for file in files.iter_mut() {
        let Ok(ready) = &mut file.ready else { continue };
        file.result = ready.deliver(&mut deliverer).map(|()| ready.address.via(config));
        // Nobody reads the outcomes any more? The files are to arrive all the same.
        printed = printed.and(file.report(false, screen));
    }
    deliverer.close();
    printed
}

/// One file on its way.
struct File<'a> {
    path: &'a Path,
    ready: Result<Ready>,
    result: Result<Via>,
}

/// A file that was opened, measured and addressed.
struct Ready {
    source: Source,
    address: Address,
    etag: String,
}

impl<'a> File<'a> {
    fn prepare(path: &'a PathBuf, config: &Config, command: &Send) -> Self {
        let ready = Ready::new(path, config, command);
        // Replaced as soon as the file is attempted.
        let result = ready.as_ref().map(|ready| ready.address.via(config)).map_err(Clone::clone);
        Self { path, ready, result }
    }

    fn goes_to_s3(&self) -> bool {
        self.ready.as_ref().is_ok_and(|ready| ready.address.way == Way::S3)
    }

    fn report(&self, dry_run: bool, screen: &mut Screen) -> Result<()> {
        let ready = self.ready.as_ref().ok();
        let address = ready.map(|ready| &ready.address);
        screen.outcome(&Outcome {
            file: Some(self.path),
            result: self.result.as_ref().map(|via| *via),
            dry_run,
            bucket: address.map_or("", |address| &address.bucket),
            key: address.map_or("", |address| &address.key),
            etag: ready.map_or("", |ready| &ready.etag),
            bytes: address.map(|address| address.size),
            topic: address.map_or("", |address| &address.topic),
        })
    }
}

impl Ready {
    fn new(path: &Path, config: &Config, command: &Send) -> Result<Self> {
        let mut source = Source::open(path)?;
        let address = Address::of(&mut source, config, &command.object, command.presign)?;
        Ok(Self { source, address, etag: String::new() })
    }

    fn deliver(&mut self, deliverer: &mut Deliverer<'_>) -> Result<()> {
        if self.address.way == Way::Inline {
            return deliverer.announce(&self.source, &self.address, None);
        }
        let stored = deliverer.store(&mut self.source, &self.address, None)?;
        self.etag.clone_from(&stored.etag);
        deliverer.announce(&self.source, &self.address, Some(&stored))
    }
}

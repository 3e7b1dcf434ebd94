//! `homing send --queue`: every file into the queue on this device's disk, and then what is in it on its way.

use super::Screen;
use super::delivery::{Address, Way};
use super::drain::{remember, told};
use super::drainer::{Attempt, Drainer, Summary};
use super::network::Network;
use super::outcome::{Outcome, Via, worst};
use super::queued::{metadata, open_queue};
use super::retry_budget::RetryBudget;
use super::screen::notice;
use super::source::Source;
use crate::cli::{Queueing, Send};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::stream::unix_time;
use crate::queue::{EntryId, Keep, Queue};
use std::path::Path;

/// Queues every file, then delivers what is in the queue as [`super::drain`] does, prints each file's outcome, and gives
/// the exit code: 0 when all are delivered, 75 when some are only queued, and otherwise the worst of those that could
/// not be queued or were refused.
///
/// Nothing that goes wrong behind the queueing is an error of the command: the files are safe, and a setting or a
/// certificate that is wrong may be right for the next run.
///
/// # Errors
/// The queue cannot be opened; standard output cannot be written.
pub fn run(config: &Config, command: &Send, queueing: Queueing, screen: &mut Screen) -> Result<u8> {
    let queue = open_queue(config)?;
    let mut files: Vec<File<'_>> =
        command.files.iter().map(|path| File::queue(path, &queue, config, command, queueing)).collect();
    let mut why = None;
    if files.iter().any(|file| file.id.is_some()) {
        why = deliver(config, &queue, queueing, &mut files).unwrap_or_else(Some);
    }
    let why = why.unwrap_or_else(|| {
        Error::new(Fault::Temporary, "not_attempted", "others were before it; homing drain goes on with it")
    });
    let mut printed = Ok(());
    for file in &mut files {
        if file.fate == Fate::Waits {
            file.fate = Fate::Queued(why.clone());
        }
        printed = printed.and(file.report(screen));
    }
    printed.map(|()| worst_of(&files))
}

/// Delivers what is in the queue, and says why the rest is not, where there is a reason.
fn deliver(config: &Config, queue: &Queue, queueing: Queueing, files: &mut [File<'_>]) -> Result<Option<Error>> {
    let Some(_lock) = queue.lock()? else {
        let message = "another homing delivers the queue, and takes this file too if it comes to it";
        return Ok(Some(Error::new(Fault::Temporary, "queue_busy", message)));
    };
    let mut budget = RetryBudget::open(queue.path());
    let wait = budget.wait();
    if !queueing.now && !wait.is_zero() {
        let error = Error::new(Fault::Temporary, "waiting", told(&budget, wait));
        return Ok(Some(error.with_remedy("--now tries at once")));
    }
    let network = Network::new(config)?;
    let mut report = |attempt: &Attempt<'_>| {
        match files.iter_mut().find(|file| file.id.as_ref() == Some(attempt.id)) {
            Some(file) => file.attempted(attempt),
            None => tell_of_another(attempt),
        }
        Ok(())
    };
    let summary: Summary = Drainer::new(config, &network, queue).pass(&mut report)?;
    remember(&mut budget, &summary, config);
    Ok(summary.problem)
}

/// Outcomes are of the files that were named. What else was in the queue is told where there is something to be done.
fn tell_of_another(attempt: &Attempt<'_>) {
    match attempt.result {
        Err(error) if !attempt.stays => {
            notice(&format!("{}, queued earlier, is given up: {}", attempt.name, error.message()));
        }
        Err(error) => log::info!("{}, queued earlier: {}", attempt.name, error.message()),
        Ok(_) => log::info!("{}, queued earlier, is delivered", attempt.name),
    }
}

/// One file and what became of it.
struct File<'a> {
    path: &'a Path,
    address: Option<Address>,
    id: Option<EntryId>,
    etag: String,
    fate: Fate,
}

#[derive(PartialEq, Eq)]
enum Fate {
    /// It is in the queue, and was not attempted.
    Waits,
    Delivered(Via),
    /// It stays in the queue, for this reason.
    Queued(Error),
    /// It could not be queued, or was given up.
    Failed(Error),
}

impl<'a> File<'a> {
    fn queue(path: &'a Path, queue: &Queue, config: &Config, command: &Send, queueing: Queueing) -> Self {
        let mut file = Self { path, address: None, id: None, etag: String::new(), fate: Fate::Waits };
        if let Err(error) = file.put_into(queue, config, command, queueing) {
            file.fate = Fate::Failed(error);
        }
        file
    }

    fn put_into(&mut self, queue: &Queue, config: &Config, command: &Send, queueing: Queueing) -> Result<()> {
        // Closed again before it is queued: who still writes to it shows by the file's being open.
        let address = Address::of(&mut Source::open(self.path)?, config, &command.object, command.presign)?;
        if address.way == Way::S3 {
            config.bucket()?;
        }
        let address = self.address.insert(address);
        let now = unix_time();
        let keep = if queueing.keep { Keep::Copy } else { Keep::Move };
        let added = queue.add(self.path, keep, &metadata(address, now), now)?;
        for dropped in &added.dropped {
            notice(&format!("the queue is full: {} ({}), the oldest in it, was deleted", dropped.name, dropped.id));
        }
        self.id = Some(added.id);
        Ok(())
    }

    fn attempted(&mut self, attempt: &Attempt<'_>) {
        attempt.etag.clone_into(&mut self.etag);
        self.fate = match attempt.result {
            Ok(via) => Fate::Delivered(via),
            Err(error) if attempt.stays => Fate::Queued(error.clone()),
            Err(error) => Fate::Failed(error.clone()),
        };
    }

    fn report(&self, screen: &mut Screen) -> Result<()> {
        let (result, stays) = match &self.fate {
            Fate::Delivered(via) => (Ok(*via), false),
            Fate::Queued(error) => (Err(error), true),
            Fate::Failed(error) => (Err(error), false),
            Fate::Waits => return Ok(()),
        };
        let address = self.address.as_ref();
        let outcome = Outcome {
            file: Some(self.path),
            result,
            dry_run: false,
            bucket: address.map_or("", |address| &address.bucket),
            key: address.map_or("", |address| &address.key),
            etag: &self.etag,
            bytes: address.map(|address| address.size),
            topic: address.map_or("", |address| &address.topic),
        };
        let id = self.id.as_ref().map(ToString::to_string).unwrap_or_default();
        screen.queue_outcome(&outcome, &id, stays)
    }
}

fn worst_of(files: &[File<'_>]) -> u8 {
    let failed = worst(files.iter().filter_map(|file| match &file.fate {
        Fate::Failed(error) => Some(error),
        _ => None,
    }));
    let some_are_queued = files.iter().any(|file| matches!(file.fate, Fate::Queued(_)));
    if failed == 0 && some_are_queued { Fault::Temporary.exit_code() } else { failed }
}

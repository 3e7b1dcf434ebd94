//! One pass over the queue: every entry that waits, oldest first.
//!
//! ```text
//! queue.read ── Source ─┬─ inline ────────────────────────────────────────┬─ publish, PUBACK ── queue.delivered
//!                       └─ put, S3 confirms ── noted durably in the entry ─┘
//! ```
//!
//! A process that is killed anywhere in it leaves an entry of which the same is done again: to the same key, with the
//! same bytes and the same message id; and once the put is noted, only the message.

use super::delivery::{Address, Deliverer, Way};
use super::drain_policy::{Step, Streaks, Verdict, is_of_a_service, verdict};
use super::network::Network;
use super::outcome::{Via, worst};
use super::queued;
use super::source::Source;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::stream::unix_time;
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;
use crate::queue::{Entry, EntryId, Metadata, Queue};
use std::time::Instant;

/// Delivers what is in a queue. Whoever uses it has the queue's lock.
pub struct Drainer<'n> {
    config: &'n Config,
    network: &'n Network<'n>,
    queue: &'n Queue,
}

/// What became of one entry.
pub struct Attempt<'a> {
    /// Which one.
    pub id: &'a EntryId,
    /// The file's name; empty where it cannot be read.
    pub name: &'a str,
    /// Where it was to go; `None` where that cannot be read.
    pub address: Option<&'a Address>,
    /// The object's ETag.
    pub etag: &'a str,
    /// Delivered how, or why not.
    pub result: std::result::Result<Via, &'a Error>,
    /// It was not delivered and is still in the queue, to be tried again.
    pub stays: bool,
}

/// What a pass has done.
#[derive(Debug, Default)]
pub struct Summary {
    /// Entries delivered.
    pub delivered: usize,
    /// Entries that went to `failed/`.
    pub given_up: usize,
    /// The exit code that those are worth.
    pub code: u8,
    /// Entries that wait still.
    pub left: usize,
    /// Why, where there was a reason: what stopped the pass, or else the last failure.
    pub problem: Option<Error>,
    /// A service did not answer: the next run had better wait.
    pub is_service_down: bool,
}

/// What is told of every attempt.
pub type Report<'r> = dyn FnMut(&Attempt<'_>) -> Result<()> + 'r;

impl<'n> Drainer<'n> {
    /// Prepares passes over `queue`.
    pub fn new(config: &'n Config, network: &'n Network<'n>, queue: &'n Queue) -> Self {
        Self { config, network, queue }
    }

    /// Attempts every entry once, those that arrive meanwhile too, and reports each attempt. Connections are opened when
    /// they are needed and closed at the end; what is kept in memory is 16 bytes an entry.
    ///
    /// [`super::drain_policy`] says what a failure means.
    ///
    /// # Errors
    /// The queue cannot be read. What `report` gives, but only at the end: files are delivered all the same.
    pub fn pass(&mut self, report: &mut Report<'_>) -> Result<Summary> {
        let mut pass = Pass {
            drainer: self,
            deliverer: Deliverer::for_any_message(self.config, self.network),
            streaks: Streaks::default(),
            summary: Summary::default(),
            no_objects: false,
            stopped: false,
            reported: Ok(()),
        };
        let walked = pass.expire(report).and_then(|()| pass.walk(report));
        let Pass { deliverer, mut summary, reported, .. } = pass;
        deliverer.close();
        walked?;
        summary.left = self.queue.counts()?.pending;
        reported.map(|()| summary)
    }
}

/// The length of what goes inside a message.
fn fitting(size: u64) -> Result<usize> {
    let fits = usize::try_from(size).ok().filter(|size| *size <= AWS_IOT_PAYLOAD_LIMIT);
    fits.ok_or_else(|| {
        Error::new(Fault::Data, "payload_too_large", format!("{size} bytes cannot travel inside a message"))
    })
}

struct Pass<'p, 'n> {
    drainer: &'p Drainer<'n>,
    deliverer: Deliverer<'p>,
    streaks: Streaks,
    summary: Summary,
    /// Nothing can go to S3.
    no_objects: bool,
    /// Nothing can go anywhere.
    stopped: bool,
    reported: Result<()>,
}

/// A step that failed.
struct Failure(Step, Error);

impl Pass<'_, '_> {
    fn expire(&mut self, report: &mut Report<'_>) -> Result<()> {
        let queue = self.drainer.queue;
        for id in queue.expire(unix_time())? {
            let name = queue.read(&id).map(|entry| entry.metadata.name).unwrap_or_default();
            let error = Error::new(Fault::Data, "too_old", "it waited longer than queue.max_age allows")
                .with_remedy("homing queue retry delivers it all the same");
            self.given_up(&error);
            self.tell(
                report,
                &Attempt { id: &id, name: &name, address: None, etag: "", result: Err(&error), stays: false },
            );
        }
        Ok(())
    }

    fn walk(&mut self, report: &mut Report<'_>) -> Result<()> {
        let mut last = None;
        loop {
            let mut entries = self.drainer.queue.entries()?;
            entries.retain(|id| last.is_none_or(|last| *id > last));
            let Some(newest) = entries.last() else { return Ok(()) };
            last = Some(*newest);
            for id in &entries {
                if self.drainer.network.deadline().is_some_and(|end| Instant::now() >= end) {
                    self.stop(Error::new(Fault::Temporary, "timeout", "the time of --timeout is over"));
                }
                if self.stopped {
                    return Ok(());
                }
                self.attempt(id, report);
            }
        }
    }

    fn attempt(&mut self, id: &EntryId, report: &mut Report<'_>) {
        let mut entry = match self.drainer.queue.read(id) {
            Ok(entry) if entry.failed.is_some() => return,
            Ok(entry) => entry,
            // Somebody has removed it meanwhile.
            Err(error) if error.code() == "no_such_entry" => return,
            Err(error) => return self.failed(id, None, None, &Failure(Step::Read, error), report),
        };
        let Metadata { attempts, last_attempt, .. } = entry.metadata;
        if !self.streaks.tries(attempts, unix_time().saturating_sub(last_attempt.unwrap_or(0))) {
            return;
        }
        let address = match queued::address(&entry.metadata) {
            Ok(address) => address,
            Err(error) => return self.failed(id, Some(&mut entry), None, &Failure(Step::Read, error), report),
        };
        if address.way == Way::S3 && self.no_objects {
            return;
        }
        let mut etag = String::new();
        match self.deliver(&mut entry, &address, &mut etag) {
            Ok(()) => self.delivered(id, &address, &etag, report),
            Err(failure) => self.failed(id, Some(&mut entry), Some(&address), &failure, report),
        }
    }

    fn deliver(&mut self, entry: &mut Entry, address: &Address, etag: &mut String) -> std::result::Result<(), Failure> {
        let at = |step: Step| move |error: Error| Failure(step, error);
        let mut source = Source::open(&entry.data).map_err(at(Step::Put))?;
        // For the media type and the progress; in the queue it has another.
        source.name.clone_from(&address.name);
        self.deliverer.open_messenger().map_err(at(Step::Messenger))?;
        if address.way == Way::Inline {
            // Whole in memory, so that what is checked is what is sent: at most inline_limit, below 96 KiB.
            let mut content = vec![0; fitting(source.size).map_err(at(Step::Publish))?];
            source.read_exact(&mut content, 0).and_then(|()| entry.check_unchanged()).map_err(at(Step::Read))?;
            return self.deliverer.announce_content(content, address).map_err(at(Step::Publish));
        }
        let known = queued::stored(&entry.metadata);
        if known.is_none() || address.presign.is_some() {
            self.deliverer.open_store(&address.bucket).map_err(at(Step::Store))?;
        }
        let stored = match known {
            Some(stored) => stored,
            None => {
                let stored =
                    self.deliverer.store(&mut source, address, Some(&entry.upload_state)).map_err(at(Step::Put))?;
                // Nobody is told of an object that is not what was queued.
                entry.check_unchanged().map_err(at(Step::Put))?;
                queued::note_stored(&mut entry.metadata, &stored);
                self.note(entry);
                stored
            }
        };
        etag.clone_from(&stored.etag);
        self.deliverer.announce(&source, address, Some(&stored)).map_err(at(Step::Publish))
    }

    /// Where it cannot be noted, the put or the attempt is made again, which does no harm.
    fn note(&self, entry: &Entry) {
        if let Err(error) = self.drainer.queue.update(&entry.id, &entry.metadata) {
            log::warn!("{}: {}", entry.metadata.name, error.message());
        }
    }

    fn delivered(&mut self, id: &EntryId, address: &Address, etag: &str, report: &mut Report<'_>) {
        self.streaks.delivered();
        self.summary.delivered += 1;
        let via = address.via(self.drainer.config);
        let attempt = Attempt { id, name: &address.name, address: Some(address), etag, result: Ok(via), stays: false };
        self.tell(report, &attempt);
        if let Err(error) = self.drainer.queue.delivered(id) {
            // A disk that takes no change: what is delivered from here on would be delivered again by every run.
            self.stop(error.context("delivered, but still in the queue, and to be delivered again"));
        }
    }

    fn failed(
        &mut self,
        id: &EntryId,
        entry: Option<&mut Entry>,
        address: Option<&Address>,
        Failure(step, error): &Failure,
        report: &mut Report<'_>,
    ) {
        let now = unix_time();
        let failed_before = entry.as_ref().is_some_and(|entry| entry.metadata.attempts > 0);
        let verdict = verdict(*step, error);
        self.summary.is_service_down |= is_of_a_service(error);
        let gives_up = verdict == Verdict::GiveUp
            && self.streaks.gives_up()
            && match self.drainer.queue.fail(id, error, now) {
                Ok(()) => true,
                Err(cannot) => {
                    self.stop(cannot);
                    false
                }
            };
        let name = match (&entry, address) {
            (Some(entry), _) => entry.metadata.name.clone(),
            (None, address) => address.map(|address| address.name.clone()).unwrap_or_default(),
        };
        if gives_up {
            self.given_up(error);
        } else {
            if let Some(entry) = entry {
                queued::note_failure(&mut entry.metadata, error, now);
                self.note(entry);
            }
            // Whether one that the disk does not let be read has failed before cannot be known: it counts for nothing.
            let is_unreadable = verdict == Verdict::Keep && *step == Step::Read && !error.retryable();
            let goes_on = is_unreadable || self.streaks.goes_on(failed_before);
            match verdict {
                Verdict::NoObjects => self.no_objects = true,
                Verdict::GiveUp | Verdict::Keep if goes_on => {}
                _ => self.stopped = true,
            }
            self.summary.problem = Some(error.clone());
        }
        self.tell(report, &Attempt { id, name: &name, address, etag: "", result: Err(error), stays: !gives_up });
    }

    fn given_up(&mut self, error: &Error) {
        self.summary.given_up += 1;
        // One of them at a time against the worst so far, by its code.
        self.summary.code = self.summary.code.max(worst(std::iter::once(error)));
    }

    fn stop(&mut self, error: Error) {
        self.stopped = true;
        self.summary.problem = Some(error);
    }

    fn tell(&mut self, report: &mut Report<'_>, attempt: &Attempt<'_>) {
        let reported = report(attempt);
        if self.reported.is_ok() {
            self.reported = reported;
        }
    }
}

//! `homing drain --follow`: delivers what comes into the queue as soon as it is there, until a signal comes.
//!
//! ```text
//! thread: watched directories ── intake ──▶ queue/pending ◀── homing send --queue, other processes
//!                                               │ inotify, or every minute
//!                        wait ◀── pass ◀────────┘
//!                          └─ after failures: protocol::spread
//! ```
//!
//! A signal ends it at once, whatever it is doing: the queue is made for a process that is killed at any moment, and
//! nothing has to be tidied up. So SIGTERM and SIGINT are left to the system, and the shell sees 143 and 130.

use super::Screen;
use super::drain::{busy, code, remember, report};
use super::drainer::{Attempt, Drainer, Summary};
use super::intake;
use super::network::Network;
use super::retry_budget::RetryBudget;
use super::status::StatusFile;
use crate::cli::Drain;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::protocol::spread;
use crate::queue::Queue;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// Delivers until a signal comes. Where another process delivers this queue it says so and ends with 0.
///
/// # Errors
/// A directory cannot be watched; the queue cannot be read, or is gone; standard output cannot be written. What goes wrong with a
/// delivery, or with the configuration of AWS, ends nothing: it is tried again.
pub fn run(
    config: &Config,
    command: &Drain,
    queue: &Queue,
    screen: &mut Screen,
    status: Option<&StatusFile>,
) -> Result<u8> {
    let Some(_lock) = queue.lock()? else { return busy(queue, screen) };
    end_as_first_process()?;
    let arrivals = Arrivals::watch(queue.pending_path(), command.poll);
    let trouble = intake::start(config, command)?;
    let mut budget = RetryBudget::open(queue.path());
    let mut failed_passes = 0;
    loop {
        let wait = budget.wait();
        if !wait.is_zero() {
            thread::sleep(wait);
            continue;
        }
        // Before the queue is looked at, so that nothing that comes meanwhile is missed.
        arrivals.forget();
        // What others bring to its place would be delivered by nobody: whoever restarts services starts with that.
        queue.check_is_there()?;
        let mut summary = Summary::default();
        if queue.counts()?.pending > 0 {
            summary = pass(config, queue, screen)?;
            remember(&mut budget, &summary, config);
        }
        failed_passes = if summary.left > 0 { failed_passes + 1 } else { 0 };
        if let Some(status) = status {
            let trouble = trouble.take();
            let exit_code = trouble.as_ref().map_or(0, Error::exit_code).max(code(&summary));
            status.report("drain", exit_code, trouble.or(screen.last_error.take()).or(summary.problem).as_ref());
        }
        if failed_passes == 0 {
            arrivals.wait();
        } else if budget.wait().is_zero() {
            // A network that is not there: it may be back any moment, and asking costs nobody else anything.
            thread::sleep(pause(failed_passes, config));
        }
    }
}

/// One pass, with connections and certificates of its own; `--timeout` counts for each.
fn pass(config: &Config, queue: &Queue, screen: &mut Screen) -> Result<Summary> {
    let network = match Network::new(config) {
        Ok(network) => network,
        Err(error) => {
            screen.report(error.clone());
            return Ok(Summary { left: queue.counts()?.pending, problem: Some(error), ..Summary::default() });
        }
    };
    let mut report = |attempt: &Attempt<'_>| report(attempt, screen);
    Drainer::new(config, &network, queue).pass(&mut report)
}

fn pause(failed_passes: u32, config: &Config) -> Duration {
    let hash = spread::hash(config.thing_name.as_deref().unwrap_or_default());
    spread::wait(failed_passes, hash).min(OFFLINE_PAUSE)
}

/// The first process of a container gets no signal that it has not asked for.
fn end_as_first_process() -> Result<()> {
    if std::process::id() != 1 {
        return Ok(());
    }
    for (signal, code) in [(SIGTERM, 143), (SIGINT, 130)] {
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::new(AtomicBool::new(true)))
            .map_err(|error| Error::new(Fault::Io, "no_signals", format!("cannot prepare for signals: {error}")))?;
    }
    Ok(())
}

/// Tells when something has come into the queue.
struct Arrivals {
    inotify: Option<OwnedFd>,
    /// The longest wait, event or not.
    interval: Duration,
}

impl Arrivals {
    fn watch(pending: &Path, poll: Option<Duration>) -> Self {
        let begin = || -> rustix::io::Result<OwnedFd> {
            let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            inotify::add_watch(&inotify, pending, WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::ONLYDIR)?;
            Ok(inotify)
        };
        let inotify = poll.is_none().then(begin).and_then(|begun| {
            begun
                .inspect_err(|error| log::warn!("inotify cannot watch the queue ({error}): looking from time to time"))
                .ok()
        });
        let usual = if inotify.is_some() { LOOK } else { POLL };
        Self { inotify, interval: poll.unwrap_or(usual) }
    }

    /// Throws away what has been told.
    fn forget(&self) {
        let Some(inotify) = &self.inotify else { return };
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        while !matches!(reader.next(), Err(error) if error != Errno::INTR) {}
    }

    /// Waits until something has come, at most for the interval.
    fn wait(&self) {
        let Some(inotify) = &self.inotify else { return thread::sleep(self.interval) };
        let timeout = Timespec::try_from(self.interval).unwrap_or_default();
        if poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&timeout)).is_err_and(|error| error != Errno::INTR) {
            thread::sleep(POLL);
        }
    }
}

/// The longest pause while there is no network.
const OFFLINE_PAUSE: Duration = Duration::from_secs(30);
/// How often the queue is looked at although inotify tells of it, and the status file is brought up to date.
const LOOK: Duration = Duration::from_secs(60);
/// How often where nobody tells.
const POLL: Duration = Duration::from_secs(5);
/// Bytes of events that are thrown away at a time.
const EVENTS: usize = 1024;

//! `homing drain`: what waits in the queue is delivered, then it is done.

use super::Screen;
use super::drainer::{Attempt, Drainer, Summary};
use super::network::Network;
use super::outcome::Outcome;
use super::queued::open_queue;
use super::retry_budget::RetryBudget;
use super::screen::notice;
use super::status::StatusFile;
use super::{follow, intake};
use crate::cli::Drain;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::queue::Queue;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Delivers what is in the queue, prints each entry's outcome, and gives the exit code: 0 when nothing is left, 75 when
/// something is, and that of the worst refusal when something went to `failed/`.
///
/// # Errors
/// The queue cannot be opened or read; standard output cannot be written.
pub fn run(config: &Config, command: &Drain, screen: &mut Screen, status: Option<&StatusFile>) -> Result<u8> {
    let queue = open_queue(config)?;
    if command.follow {
        return follow::run(config, command, &queue, screen, status);
    }
    let began = Instant::now();
    let not_queued = intake::once(config, command, &queue, screen)?;
    let mut config = config.clone();
    config.timeout = config.timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
    let code = once(&config, command, &queue, screen)?;
    Ok(if code == 0 || code == Fault::Temporary.exit_code() { not_queued.max(code) } else { code })
}

fn once(config: &Config, command: &Drain, queue: &Queue, screen: &mut Screen) -> Result<u8> {
    let Some(_lock) = queue.lock()? else {
        return busy(queue, screen);
    };
    let network = Network::new(config)?;
    let mut budget = RetryBudget::open(queue.path());
    if !command.now && !waited(&budget, queue, &network)? {
        return Ok(Fault::Temporary.exit_code());
    }
    let mut report = |attempt: &Attempt<'_>| report(attempt, screen);
    let summary = Drainer::new(config, &network, queue).pass(&mut report)?;
    remember(&mut budget, &summary, config);
    finish(&summary, queue, screen)
}

/// Says that another process delivers the queue, which is as good.
///
/// # Errors
/// Standard output cannot be written.
pub fn busy(queue: &Queue, screen: &mut Screen) -> Result<u8> {
    notice(&format!("another homing delivers the queue {} already: nothing to do", queue.path().display()));
    screen.json_only(|writer| {
        writer.text("result", "busy").text("queue", &queue.path().to_string_lossy());
    })
}

/// The exit code that a pass is worth.
pub fn code(summary: &Summary) -> u8 {
    match (summary.code, summary.left) {
        (0, 0) => 0,
        (0, _) => Fault::Temporary.exit_code(),
        (code, _) => code,
    }
}

/// Prints the outcome of one entry.
///
/// # Errors
/// Standard output cannot be written.
pub fn report(attempt: &Attempt<'_>, screen: &mut Screen) -> Result<()> {
    let address = attempt.address;
    let outcome = Outcome {
        file: Some(Path::new(attempt.name)).filter(|name| !name.as_os_str().is_empty()),
        result: attempt.result,
        dry_run: false,
        bucket: address.map_or("", |address| &address.bucket),
        key: address.map_or("", |address| &address.key),
        etag: attempt.etag,
        bytes: address.map(|address| address.size),
        topic: address.map_or("", |address| &address.topic),
    };
    screen.queue_outcome(&outcome, &attempt.id.to_string(), attempt.stays)
}

/// Notes whether AWS answered, for the next run.
pub fn remember(budget: &mut RetryBudget, summary: &Summary, config: &Config) {
    if summary.is_service_down && summary.left > 0 {
        budget.failed(config.thing_name.as_deref());
    } else if summary.delivered > 0 {
        budget.succeeded();
    }
}

/// Waits as long as earlier failures ask for; `false` where that is longer than there is time. Nothing to deliver is
/// nothing to wait for.
fn waited(budget: &RetryBudget, queue: &Queue, network: &Network<'_>) -> Result<bool> {
    let wait = budget.wait();
    if wait.is_zero() || queue.counts()?.pending == 0 {
        return Ok(true);
    }
    let told = told(budget, wait);
    if network.deadline().is_some_and(|end| Instant::now() + wait >= end) {
        notice(&format!("{told}, which is longer than --timeout; --now tries at once"));
        return Ok(false);
    }
    notice(&format!("{told}; --now tries at once"));
    thread::sleep(wait);
    Ok(true)
}

/// Why there is a wait, in words.
pub fn told(budget: &RetryBudget, wait: Duration) -> String {
    let runs = match budget.failed_runs() {
        1 => "run".to_owned(),
        runs => format!("{runs} runs"),
    };
    format!("AWS did not answer in the last {runs}: the next attempt is in {} s", wait.as_secs())
}

fn finish(summary: &Summary, queue: &Queue, screen: &mut Screen) -> Result<u8> {
    let Summary { delivered, given_up, left, .. } = *summary;
    let directory = queue.path().display();
    if left > 0 {
        let why = summary.problem.as_ref().map_or("", Error::message);
        let separator = if why.is_empty() { "" } else { ": " };
        notice(&format!("{left} left in the queue {directory}{separator}{why}"));
    }
    screen.done(&format!("{delivered} delivered, {given_up} given up, {left} left in {directory}"), |writer| {
        writer.text("result", "drained").text("queue", &queue.path().to_string_lossy());
        for (name, count) in [("delivered", delivered), ("failed", given_up), ("left", left)] {
            writer.number(name, count as u64);
        }
    })?;
    Ok(code(summary))
}

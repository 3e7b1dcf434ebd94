//! `homing drain --watch`: files that are complete, out of watched directories and into the queue.
//!
//! Each leaves its directory as `send --queue` takes it away: when it is durable in the queue, not before.

use super::Screen;
use super::delivery::{Address, Way};
use super::queued::{metadata, open_queue};
use super::screen::{complain, notice};
use super::source::Source;
use super::watch::{Manner, Watcher};
use crate::cli::Drain;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::background;
use crate::net::stream::unix_time;
use crate::queue::{Keep, Queue};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Queues what is complete in the directories now. Gives the exit code for those that could not be queued, and for
/// directories that cannot be looked at, which keep nothing else from its delivery; 0: all were.
///
/// # Errors
/// Waiting is not possible.
pub fn once(config: &Config, command: &Drain, queue: &Queue, screen: &mut Screen) -> Result<u8> {
    let end = config.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut code = 0;
    let mut refuse = |error: Error| {
        code = code.max(error.exit_code());
        screen.report(error);
    };
    'directories: for directory in &command.watch {
        let manner = Manner { once: true, ..manner(command) };
        let mut watcher = match Watcher::open(std::slice::from_ref(directory), manner) {
            Ok(watcher) => watcher,
            Err(error) => {
                refuse(error);
                continue;
            }
        };
        while let Some(file) = watcher.take_once(end)? {
            let Err(error) = take(config, command, queue, &file) else { continue };
            let concerns_all = !is_of_the_file(&error);
            refuse(error);
            if concerns_all {
                break 'directories;
            }
        }
    }
    Ok(code)
}

/// What keeps files from being queued at present, shared with the thread that queues them.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// The latest since the last call.
    pub fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Queues files of the directories from now on, in a thread of its own: a long upload keeps none waiting.
///
/// # Errors
/// A directory cannot be watched; the system gives no thread.
pub fn start(config: &Config, command: &Drain) -> Result<Trouble> {
    let trouble = Trouble::default();
    if command.watch.is_empty() {
        return Ok(trouble);
    }
    let intake = Intake {
        watcher: Watcher::open(&command.watch, manner(command))?,
        queue: open_queue(config)?,
        config: config.clone(),
        command: command.clone(),
        trouble: trouble.clone(),
    };
    let thread = background::start("watch", STACK, move || intake.run());
    thread.map(|_| trouble).map_err(|error| {
        Error::new(Fault::Temporary, "no_thread", format!("the system gives no thread to watch with: {error}"))
    })
}

struct Intake {
    watcher: Watcher,
    queue: Queue,
    config: Config,
    command: Drain,
    trouble: Trouble,
}

impl Intake {
    /// Goes on until the process ends.
    fn run(mut self) {
        let mut last = None;
        loop {
            while let Some(file) = self.watcher.take() {
                let Err(error) = take(&self.config, &self.command, &self.queue, &file) else {
                    last = None;
                    continue;
                };
                if error.code() == "no_such_file" {
                    log::debug!("{error}");
                    continue;
                }
                let is_of_the_file = is_of_the_file(&error);
                self.watcher.put_back(&file, if is_of_the_file { BAD_FILE_PAUSE } else { PAUSE });
                // What concerns all files is told once, not for each and again and again.
                let code = error.code().to_owned();
                if is_of_the_file || last.as_ref() != Some(&code) {
                    complain(&error);
                }
                *self.trouble.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                if !is_of_the_file {
                    last = Some(code);
                    thread::sleep(PAUSE);
                }
            }
            if let Err(error) = self.watcher.wait(PAUSE) {
                complain(&error);
                thread::sleep(PAUSE);
            }
        }
    }
}

fn take(config: &Config, command: &Drain, queue: &Queue, file: &Path) -> Result<()> {
    let not_queued = |error: Error| match error.code() {
        // It says already which file.
        "no_such_file" => error,
        _ => error.context(format_args!("{}: not queued", file.display())),
    };
    // Closed again before it is queued: who still writes to it shows by the file's being open.
    let address =
        Source::open(file).and_then(|mut source| Address::of(&mut source, config, &command.object, command.presign));
    let address = address.map_err(not_queued)?;
    if address.way == Way::S3 {
        config.bucket().map_err(not_queued)?;
    }
    let now = unix_time();
    let added = queue.add(file, Keep::Move, &metadata(&address, now), now).map_err(not_queued)?;
    for dropped in &added.dropped {
        notice(&format!("the queue is full: {} ({}), the oldest in it, was deleted", dropped.name, dropped.id));
    }
    log::info!("'{}' is queued as {}", file.display(), added.id);
    Ok(())
}

/// Whether another file may be queued all the same.
fn is_of_the_file(error: &Error) -> bool {
    matches!(error.fault(), Fault::Data | Fault::NoInput | Fault::Temporary) || error.code() == "read_failed"
}

fn manner(command: &Drain) -> Manner {
    Manner { settle: command.settle, poll: command.poll, once: false }
}

/// How long it takes before the next attempt when the queue takes nothing, such as for lack of room.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a file is left alone that cannot be queued as it is, such as for its name.
const BAD_FILE_PAUSE: Duration = Duration::from_secs(600);
/// Address space, of which only what is used becomes memory: the standard library's own default.
const STACK: usize = 2 * 1024 * 1024;

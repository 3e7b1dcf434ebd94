//! What the user gets to see: outcomes on standard output, failures on standard error.

use super::child::CannotRun;
use super::outcome::{Outcome, write_error};
use crate::error::{Error, Fault, Result};
use crate::logging::SYSLOG_ONLY;
use crate::protocol::json::ObjectWriter;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// Where and how outcomes are printed.
#[derive(Debug)]
pub struct Screen {
    /// One line of JSON for each outcome, whatever it is.
    pub json: bool,
    /// Successes too are told to people.
    pub talkative: bool,
    /// The last error that was reported, for the status file.
    pub last_error: Option<Error>,
}

impl Screen {
    /// JSON where asked for; otherwise successes are told on a terminal, or when `verbose`.
    pub fn new(json: bool, verbose: bool) -> Self {
        Self { json, talkative: verbose || std::io::stdout().is_terminal(), last_error: None }
    }

    /// Prints one outcome.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn outcome(&mut self, outcome: &Outcome<'_>) -> Result<()> {
        match outcome.result {
            Err(error) => self.report(match outcome.file {
                Some(file) => error.clone().context(file.display()),
                None => error.clone(),
            }),
            Ok(_) => tell_syslog(outcome),
        }
        if self.json {
            print(|out| outcome.write_json(out))
        } else if self.talkative || outcome.dry_run {
            print(|out| outcome.write_text(out))
        } else {
            Ok(())
        }
    }

    /// Prints the outcome of a queue's entry; `stays`: what failed remains in the queue, to be tried again.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn queue_outcome(&mut self, outcome: &Outcome<'_>, entry: &str, stays: bool) -> Result<()> {
        match outcome.result {
            Err(error) => {
                let file = outcome.file.unwrap_or(Path::new(entry)).display();
                self.report(match (stays, entry) {
                    (true, _) => error.clone().context(format_args!("{file}: queued, not delivered yet")),
                    // It never came into the queue, and says so itself.
                    (false, "") => error.clone().context(file),
                    (false, _) => error.clone().context(format_args!("{file}: given up")),
                });
            }
            Ok(_) => tell_syslog(outcome),
        }
        if self.json {
            print(|out| outcome.write_json_of(out, entry, stays))
        } else if self.talkative {
            print(|out| outcome.write_text(out))
        } else {
            Ok(())
        }
    }

    /// Prints what was done, as a line of JSON or as `text`; `json` is called twice.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn done(&mut self, text: &str, json: impl Fn(&mut ObjectWriter<'_>)) -> Result<()> {
        if self.json {
            let line = json_line(&json);
            print(|out| out.write_all(&line))
        } else if self.talkative {
            print(|out| writeln!(out, "{text}"))
        } else {
            Ok(())
        }
    }

    /// Prints a line of JSON where that was asked for, and gives the exit code of success; `json` is called twice.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn json_only(&mut self, json: impl Fn(&mut ObjectWriter<'_>)) -> Result<u8> {
        if self.json {
            let line = json_line(&json);
            print(|out| out.write_all(&line))?;
        }
        Ok(0)
    }

    /// Prints an error, and for programs a line of JSON that `json` begins; it is called twice.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn failed(&mut self, error: &Error, json: impl Fn(&mut ObjectWriter<'_>)) -> Result<()> {
        self.report(error.clone());
        if !self.json || error.code() == STDOUT_FAILED {
            return Ok(());
        }
        let line = json_line(&|writer| {
            json(writer);
            write_error(writer, error);
        });
        print(|out| out.write_all(&line))
    }

    /// Tells programs that none of these was delivered, for a reason that is no single one's. People are told once, by
    /// [`complain`].
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn none_of<'a>(&self, mut files: impl Iterator<Item = Option<&'a Path>>, error: &'a Error) -> Result<()> {
        // What could not be printed cannot be printed now.
        if !self.json || error.code() == STDOUT_FAILED {
            return Ok(());
        }
        files.try_for_each(|file| print(|out| Outcome::failed(file, error).write_json(out)))
    }

    /// Reports an error that is no single outcome's.
    pub fn report(&mut self, error: Error) {
        complain(&error);
        self.last_error = Some(error);
    }
}

pub(super) fn json_line(write: &dyn Fn(&mut ObjectWriter<'_>)) -> Vec<u8> {
    let object = |buffer: &mut [u8]| {
        let mut writer = ObjectWriter::new(buffer);
        write(&mut writer);
        writer.finish()
    };
    let mut line = vec![0; object(&mut []).unwrap_or_else(|full| full.needed)];
    // It has the room that was measured.
    let _ = object(&mut line);
    line.push(b'\n');
    line
}

/// Writes to standard output, at once.
///
/// # Errors
/// [`Fault::Io`]: it is closed, or the disk behind it is full.
pub fn print(write: impl FnOnce(&mut std::io::StdoutLock<'_>) -> std::io::Result<()>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    write(&mut out).and_then(|()| out.flush()).map_err(|error| {
        stdout_failed(&error)
            .with_remedy("files may have been delivered all the same: leave --json and -v away, or keep the reader")
    })
}

/// The error for a standard output that cannot be written.
pub fn stdout_failed(error: &std::io::Error) -> Error {
    let why = if error.kind() == ErrorKind::BrokenPipe { "its reader has gone".to_owned() } else { error.to_string() };
    Error::new(Fault::Io, STDOUT_FAILED, format!("cannot write to standard output: {why}"))
}

/// Tells people something that is no error, on standard error.
pub fn notice(text: &str) {
    // As with `complain`.
    let _ = writeln!(std::io::stderr().lock(), "homing: {text}");
    log::info!(target: SYSLOG_ONLY, "{text}");
}

/// Reports an error to people, on standard error, and to the system's logger.
pub fn complain(error: &Error) {
    // Where even this fails there is nobody left to tell; the exit code still says it.
    let _ = writeln!(std::io::stderr().lock(), "homing: {error}");
    log::error!(target: SYSLOG_ONLY, "{error}");
}

/// Tells the system's logger of a success, which people are told only when they want to know.
fn tell_syslog(outcome: &Outcome<'_>) {
    let mut text = Vec::new();
    if log::log_enabled!(target: SYSLOG_ONLY, log::Level::Info) && outcome.write_text(&mut text).is_ok() {
        log::info!(target: SYSLOG_ONLY, "{}", String::from_utf8_lossy(&text));
    }
}

/// Reports why a command cannot be run, and gives the exit code for that.
pub fn cannot_run(why: &CannotRun) -> u8 {
    complain(&why.error());
    why.exit_code()
}

const STDOUT_FAILED: &str = "stdout_failed";

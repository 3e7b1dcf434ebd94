//! A command that runs beside homing, and the signals that both get.
//!
//! The command stays in homing's process group, as with env(1): it has the terminal, and Ctrl-C and Ctrl-Z reach both.

use super::child::CannotRun;
use crate::error::{Error, Fault, Result};
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::PipeWriter;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that are noted when they come, instead of ending homing.
pub struct Signals(Vec<(i32, Arc<AtomicBool>)>);

impl Signals {
    /// Notes those signals from now on, and writes a byte into `wake` at each. One that homing was started to ignore,
    /// as nohup(1) does, stays ignored.
    ///
    /// # Errors
    /// [`Fault::Io`]: the system does not let itself be asked.
    pub fn watch(signals: &[i32], wake: &PipeWriter) -> Result<Self> {
        let ignored = ignored_signals();
        let is_ignored = |signal: &i32| *signal != SIGCHLD && ignored & (1 << (signal - 1)) != 0;
        let watch = |signal: i32| {
            let flag = Arc::new(AtomicBool::new(false));
            // In this order, so that whoever is woken finds the flag set.
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
            Ok((signal, flag))
        };
        let watched = signals.iter().copied().filter(|signal| !is_ignored(signal)).map(watch);
        watched
            .collect::<std::io::Result<_>>()
            .map(Self)
            .map_err(|error| Error::new(Fault::Io, "no_signals", format!("cannot prepare for signals: {error}")))
    }

    /// Those that have come since the last call.
    pub fn take(&self) -> impl Iterator<Item = i32> {
        self.0.iter().filter(|(_, flag)| flag.swap(false, Ordering::SeqCst)).map(|(signal, _)| *signal)
    }
}

/// A command that has been started.
pub struct Supervised {
    child: Child,
    signals: Signals,
}

impl Supervised {
    /// Starts the command. From now on signals are for it.
    ///
    /// # Errors
    /// What [`Signals::watch`] gives.
    pub fn start(mut command: Command, wake: &PipeWriter) -> Result<std::result::Result<Self, CannotRun>> {
        // Before it runs: its end may come at once. The command gets the signals as homing found them: exec resets
        // those that are caught, and only those.
        let signals = Signals::watch(PASSED_ON, wake)?;
        let started = command.spawn();
        Ok(started
            .map(|child| Self { child, signals })
            .map_err(|error| CannotRun::new(OsStr::new(command.get_program()), &error)))
    }

    /// Passes on the signals that have come. Gives the exit code when the command has ended: its own, or 128 and the
    /// number of the signal that ended it.
    pub fn turn(&mut self) -> Option<u8> {
        match self.child.try_wait() {
            Ok(Some(status)) => return Some(exit_code(status)),
            Ok(None) => {}
            Err(error) => {
                log::error!("cannot tell how the command has ended: {error}");
                return Some(Fault::Io.exit_code());
            }
        }
        let pid = Pid::from_child(&self.child);
        for number in self.signals.take().filter(|signal| *signal != SIGCHLD) {
            // The terminal sends these to its whole foreground group, of which the command is.
            if matches!(number, SIGINT | SIGQUIT) && is_in_foreground() {
                continue;
            }
            if let Some(signal) = Signal::from_named_raw(number) {
                log::debug!("signal {number} is passed on");
                // Has not been waited for, so the id is still its own.
                let _ = kill_process(pid, signal);
            }
        }
        None
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Whether the terminal, if there is one, sends its signals to homing's process group.
fn is_in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(terminal) == Ok(getpgrp()))
}

/// The signals that this process ignores; bit 0 is signal 1. See proc_pid_status(5), `SigIgn`.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// What ends a server that has no command.
pub const ENDING: &[i32] = &[SIGTERM, SIGINT, SIGHUP];
/// What a command is told, and its end.
const PASSED_ON: &[i32] = &[SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        let code = |wait_status: i32| exit_code(ExitStatus::from_raw(wait_status));
        assert_eq!([code(0), code(7 << 8), code(255 << 8)], [0, 7, 255]);
        assert_eq!([code(15), code(9), code(0x80 | 6)], [143, 137, 134]);
    }
}

//! Runs one command to its end and says what it took.
//!
//! ```text
//! measure OUTPUT COMMAND…            time, processor and memory
//! measure --count OUTPUT COMMAND…    processes and threads; slower, because each is stopped where it begins
//! ```
//!
//! It is as small as can be, because a process's peak of memory begins with that of the one that started it. OUTPUT is
//! written as one line of JSON ([`homing_bench::results::Sample`] or [`homing_bench::results::Tasks`]), and the exit code
//! is the command's.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs, io};

use homing_bench::results::{Sample, Tasks};
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let is_count = arguments.first().is_some_and(|first| first == "--count");
    if is_count {
        arguments.remove(0);
    }
    let [output, program, rest @ ..] = arguments.as_slice() else {
        eprintln!("measure: give OUTPUT and COMMAND");
        return ExitCode::FAILURE;
    };
    let outcome = if is_count { count(program, rest) } else { time(program, rest) };
    let written = outcome.and_then(|(code, line)| fs::write(output, line).map(|()| code));
    match written {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("measure: {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

fn time(program: &OsString, arguments: &[OsString]) -> io::Result<(u8, String)> {
    let start = Instant::now();
    let status = Command::new(program).args(arguments).status()?;
    let wall = start.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
    let sample = Sample {
        wall_s: wall.as_secs_f64(),
        user_s: seconds(usage.user_time()),
        system_s: seconds(usage.system_time()),
        // The kernel counts in KiB.
        peak_bytes: u64::try_from(usage.max_rss()).unwrap_or_default() * 1024,
    };
    Ok((exit_code(status.code()), serde_json::to_string(&sample)?))
}

fn count(program: &OsString, arguments: &[OsString]) -> io::Result<(u8, String)> {
    let mut shell = Command::new("sh");
    let child = shell.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(program).args(arguments).spawn()?;
    let process = Pid::from_raw(child.id().try_into().map_err(io::Error::other)?);
    waitpid(process, Some(WaitPidFlag::WUNTRACED))?;
    let options = Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options)?;
    kill(process, Signal::SIGCONT)?;

    let mut tasks = Tasks { processes: 1, threads: 0 };
    let mut code = None;
    loop {
        let (stopped, signal) = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(pid, status)) => {
                if pid == process {
                    code = Some(status);
                }
                continue;
            }
            Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                if event == Event::PTRACE_EVENT_FORK as i32 || event == Event::PTRACE_EVENT_VFORK as i32 {
                    tasks.processes += 1;
                } else if event == Event::PTRACE_EVENT_CLONE as i32 {
                    tasks.threads += 1;
                }
                (pid, None)
            }
            Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal)),
            Ok(_) => continue,
            // Nobody is left.
            Err(_) => break,
        };
        // One that was killed meanwhile cannot go on, and will be reported as gone.
        let _ = ptrace::cont(stopped, signal);
    }
    Ok((exit_code(code), serde_json::to_string(&tasks)?))
}

/// That of a command that a signal ended is as the shell says it: not zero.
fn exit_code(code: Option<i32>) -> u8 {
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(128)
}

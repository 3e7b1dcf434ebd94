//! Runs one program under ptrace(2), stopped before and after each of its system calls, whichever of its threads makes
//! them: so that a fault can be put at the very call that it is meant for, and is seen to have been there.
//!
//! Threads are stopped one by one, so the order of calls of one thread is exact and that of several is the one that was.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// One system call: its number and arguments, and, when it is left, what it returned (`-errno` where it failed).
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub number: i64,
    pub arguments: [u64; 6],
    pub result: i64,
}

/// What is to become of a call that has not been made yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Make,
    /// It is not made, and returns this error.
    Fail(Errno),
    /// The process is killed instead.
    Kill,
}

/// Who looks at every call.
pub trait Watcher {
    /// Before the call.
    fn enter(&mut self, call: &Call, memory: &Memory) -> Verdict;
    /// After it.
    fn leave(&mut self, _call: &Call, _memory: &Memory) {}
}

/// The memory of the process.
pub struct Memory(Option<File>);

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<Signal>,
    /// Standard output and standard error.
    pub printed: String,
}

/// Runs `command` to its end. Its environment and arguments are taken over, its streams are not.
#[expect(clippy::zombie_processes, reason = "waitpid(2) is called for it and its threads")]
pub fn trace(command: &Command, watcher: &mut dyn Watcher) -> Ended {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut child =
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh can be started");
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let process = Pid::from_raw(child.id().try_into().unwrap());
    let watchdog = Watchdog::start(process);
    let stopped = waitpid(process, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options).expect("this user may trace its own processes");
    kill(process, Signal::SIGCONT).unwrap();
    let mut session = Session { process, memory: Memory(None), within: HashMap::new(), failing: HashMap::new() };
    let (code, signal) = session.run(watcher);
    watchdog.stop();
    let mut texts = [String::new(), String::new()];
    stdout.read_to_string(&mut texts[0]).unwrap();
    stderr.read_to_string(&mut texts[1]).unwrap();
    Ended { code, signal, printed: texts.concat() }
}

struct Session {
    process: Pid,
    memory: Memory,
    /// The call that each thread is within.
    within: HashMap<Pid, Call>,
    /// The threads whose call is to fail.
    failing: HashMap<Pid, Errno>,
}

impl Session {
    fn run(&mut self, watcher: &mut dyn Watcher) -> (Option<i32>, Option<Signal>) {
        // Only what this thread has started: the next test traces its own.
        let flags = Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD);
        loop {
            match waitpid(None, flags).unwrap() {
                WaitStatus::Exited(pid, code) if pid == self.process => return (Some(code), None),
                WaitStatus::Signaled(pid, signal, _) if pid == self.process => return (None, Some(signal)),
                WaitStatus::PtraceSyscall(thread) => {
                    self.at_call(thread, watcher);
                    resume(thread, None);
                }
                WaitStatus::PtraceEvent(thread, _, event) => {
                    if event == ptrace::Event::PTRACE_EVENT_EXEC as i32 {
                        self.memory = Memory(File::open(format!("/proc/{}/mem", self.process)).ok());
                    }
                    resume(thread, None);
                }
                WaitStatus::Stopped(thread, signal) => resume(thread, Some(signal)),
                _ => {}
            }
        }
    }

    fn at_call(&mut self, thread: Pid, watcher: &mut dyn Watcher) {
        // A thread that has been killed meanwhile has no registers any more.
        let Ok(mut registers) = ptrace::getregs(thread) else { return };
        if let Some(mut call) = self.within.remove(&thread) {
            if let Some(errno) = self.failing.remove(&thread) {
                registers.rax = (-(errno as i64)).cast_unsigned();
                let _ = ptrace::setregs(thread, registers);
            }
            call.result = registers.rax.cast_signed();
            if self.memory.0.is_some() {
                watcher.leave(&call, &self.memory);
            }
            return;
        }
        let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
        let call = Call { number: registers.orig_rax.cast_signed(), arguments, result: 0 };
        self.within.insert(thread, call);
        // Before that it is the shell.
        if self.memory.0.is_none() {
            return;
        }
        match watcher.enter(&call, &self.memory) {
            Verdict::Make => {}
            Verdict::Fail(errno) => {
                // There is no such call, so nothing is done.
                registers.orig_rax = u64::MAX;
                ptrace::setregs(thread, registers).unwrap();
                self.failing.insert(thread, errno);
            }
            Verdict::Kill => kill(self.process, Signal::SIGKILL).unwrap(),
        }
    }
}

fn resume(thread: Pid, signal: Option<Signal>) {
    match ptrace::syscall(thread, signal) {
        // Killed meanwhile.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("{error}"),
    }
}

impl Memory {
    /// The text at `address`, up to its zero byte.
    pub fn text(&self, address: u64) -> String {
        let mut text = Vec::new();
        // Piece by piece: the next page may not be there.
        while text.len() < PATH_MAXIMUM {
            let position = address + text.len() as u64;
            let mut piece = vec![0; 64.min(4096 - (position % 4096) as usize)];
            let length = self.read_at(position, &mut piece);
            let piece = &piece[..length];
            match piece.iter().position(|byte| *byte == 0) {
                Some(end) => {
                    text.extend_from_slice(&piece[..end]);
                    break;
                }
                None if piece.is_empty() => break,
                None => text.extend_from_slice(piece),
            }
        }
        String::from_utf8(text).expect("the tests' paths are UTF-8")
    }

    /// `length` bytes at `address`.
    pub fn bytes(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = self.read_at(address, &mut bytes);
        bytes.truncate(read);
        bytes
    }

    fn read_at(&self, address: u64, buffer: &mut [u8]) -> usize {
        self.0.as_ref().and_then(|file| file.read_at(buffer, address).ok()).unwrap_or(0)
    }
}

/// Kills a process that does not end: homing has deadlines of its own, and a test must fail rather than hang.
struct Watchdog {
    ended: mpsc::Sender<()>,
    thread: thread::JoinHandle<bool>,
}

impl Watchdog {
    fn start(process: Pid) -> Self {
        let (ended, wait) = mpsc::channel();
        let thread = thread::spawn(move || {
            let late = wait.recv_timeout(PATIENCE).is_err();
            if late {
                let _ = kill(process, Signal::SIGKILL);
            }
            late
        });
        Self { ended, thread }
    }

    fn stop(self) {
        let _ = self.ended.send(());
        assert!(!self.thread.join().unwrap(), "homing had to be killed after {PATIENCE:?}");
    }
}

const PATH_MAXIMUM: usize = 4096;
/// Longer than all of homing's own deadlines, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(180);

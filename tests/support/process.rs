//! A server process under guard: started with its output in a log, waited for, and gone with the test.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::packages;

/// A running server. It is killed by its own process id when this is dropped, and also when the test program ends
/// without dropping it (a static, a crash, Ctrl-C): a small shell beside the server waits for the pipe from us to close.
pub(crate) struct Server {
    name: String,
    log: PathBuf,
    shell: Child,
}

impl Server {
    /// Starts `program` (found on PATH or in /usr/sbin) with its standard output and error in `directory/NAME.log`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        directory: &Path,
        name: &str,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Self {
        let program = packages::find(program).unwrap_or_else(|| panic!("{program} is not installed"));
        let log = directory.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let shell = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { name: name.to_owned(), log, shell }
    }

    /// Waits until the server accepts connections on `port` of `host`.
    pub(crate) fn wait_for_port(&mut self, host: &str, port: u16) {
        let address: SocketAddr = format!("{host}:{port}").parse().unwrap();
        self.wait_until(&format!("it listens on {address}"), || {
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
        });
    }

    /// Waits until `condition` holds; fails with the server's log when it ends before, or never gets there.
    pub(crate) fn wait_until(&mut self, description: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            if let Some(status) = self.shell.try_wait().unwrap() {
                panic!("{} ended with {status} before {description}; its log:\n{}", self.name, self.log());
            }
            assert!(
                Instant::now() < deadline,
                "{}: waited {PATIENCE:?} until {description}; its log:\n{}",
                self.name,
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the server has said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        if thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(LOG_SHOWN);
            let tail = log.char_indices().map(|(index, _)| index).find(|index| *index >= start).unwrap_or(0);
            eprintln!("--- the end of {}'s log:\n{}", self.name, &log[tail..]);
        }
    }
}

/// Runs a command to its end and gives its standard output; fails with everything it printed.
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let path = packages::find(program).unwrap_or_else(|| panic!("{program} is not installed"));
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A port on loopback that nobody listens on. It lies below Linux's ephemeral range (32768 and up), so that no outgoing
/// connection takes it before the server does; the process id spreads test programs that run side by side.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % u32::from(PORTS / 64)).unwrap() * 64;
    loop {
        let offset = (first + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind(("127.0.0.1", FIRST_PORT + offset)).is_ok() {
            return FIRST_PORT + offset;
        }
    }
}

/// Longest wait for a server to be ready: radosgw makes its pools first, and CI machines are slow and shared.
const PATIENCE: Duration = Duration::from_secs(180);
/// Bytes of a server's log that a failure shows.
const LOG_SHOWN: usize = 6000;
const FIRST_PORT: u16 = 20_000;
/// How many ports are ours to choose from: 20,000 to 31,999.
const PORTS: u16 = 12_000;

/// Starts the server, and a reader of our pipe that kills it when the pipe closes. Ends with the server's own status,
/// and never signals a process id that is no longer the server's: the reader is stopped before the id can be reused.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ cat <&3 >/dev/null; kill -9 "$server"; } 2>/dev/null &
reader=$!
exec 3<&-
wait "$server"
status=$?
kill "$reader" 2>/dev/null
exit "$status"
"#;

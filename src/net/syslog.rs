//! The system's logger: one datagram a line to its socket, as syslog(3) of the C library sends them (RFC 3164, without
//! the time, which the logger knows better). busybox's syslogd, rsyslog and systemd's journal read it.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// How grave a line is (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Severity {
    /// An error.
    Error = 3,
    /// A warning.
    Warning = 4,
    /// What was done.
    Informational = 6,
    /// A detail of it.
    Debug = 7,
}

/// A connection to the logger, made anew when the logger was started anew.
#[derive(Debug)]
pub struct Syslog {
    path: PathBuf,
    socket: Mutex<Option<UnixDatagram>>,
}

impl Syslog {
    /// The logger at `/dev/log`, or at the socket that the variable `HOMING_SYSLOG_SOCKET` names. Nothing is connected
    /// to yet.
    pub fn new() -> Self {
        let path = env::var_os(VARIABLE).filter(|path| !path.is_empty()).unwrap_or_else(|| OsString::from(SOCKET));
        Self { path: path.into(), socket: Mutex::new(None) }
    }

    /// Sends a line. Where nobody listens, or the logger is too slow to take it, it is lost: nothing that homing does
    /// waits for its log.
    pub fn send(&self, severity: Severity, text: &str) {
        let datagram = datagram(severity, std::process::id(), text);
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if socket.as_ref().is_some_and(|socket| !is_gone(&socket.send(datagram.as_bytes()))) {
            return;
        }
        *socket = self.connect().ok();
        if let Some(socket) = &*socket {
            let _ = socket.send(datagram.as_bytes());
        }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        Ok(socket)
    }
}

impl Default for Syslog {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a new connection may help: the logger that there was has ended.
fn is_gone(sent: &io::Result<usize>) -> bool {
    sent.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock)
}

/// One line, whatever is in the text: nothing in a file's name or a server's reply can pretend to be another line.
fn datagram(severity: Severity, process: u32, text: &str) -> String {
    let mut line = format!("<{}>homing[{process}]: ", FACILITY << 3 | severity as u8);
    let mut was_blank = false;
    for character in text.trim_end().chars() {
        let character = if matches!(character, '\n' | '\t') { ' ' } else { character };
        let is_blank = character == ' ';
        if is_blank && was_blank {
            continue;
        }
        was_blank = is_blank;
        let character = if character.is_control() { '?' } else { character };
        if line.len() + character.len_utf8() > LENGTH_MAXIMUM {
            break;
        }
        line.push(character);
    }
    line
}

/// Where the C library finds the logger, too.
const SOCKET: &str = "/dev/log";
const VARIABLE: &str = "HOMING_SYSLOG_SOCKET";
/// System daemons (RFC 5424, section 6.2.1).
const FACILITY: u8 = 3;
/// RFC 3164, section 4.1. busybox's syslogd cuts lines shorter by default.
const LENGTH_MAXIMUM: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_have_priority_name_and_process() {
        assert_eq!(datagram(Severity::Error, 7, "it failed"), "<27>homing[7]: it failed");
        assert_eq!(datagram(Severity::Warning, 7, "a"), "<28>homing[7]: a");
        assert_eq!(datagram(Severity::Informational, 7, "a"), "<30>homing[7]: a");
        assert_eq!(datagram(Severity::Debug, 7, "a"), "<31>homing[7]: a");
    }

    #[test]
    fn a_line_is_one_line_and_not_too_long() {
        let forged = "cannot open 'x\n<0>kernel: panic'\n  try: again\r\x1b[2J";
        assert_eq!(
            datagram(Severity::Error, 1, forged),
            "<27>homing[1]: cannot open 'x <0>kernel: panic' try: again??[2J"
        );
        let long = datagram(Severity::Error, 1, &"ä".repeat(5000));
        assert!((LENGTH_MAXIMUM - 1..=LENGTH_MAXIMUM).contains(&long.len()));
    }

    #[test]
    fn a_logger_that_is_not_there_comes_back_or_does_not_read_holds_nobody_up() {
        let folder = std::env::temp_dir().join(format!("homing-syslog-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log");
        let syslog = Syslog { path: path.clone(), socket: Mutex::new(None) };
        syslog.send(Severity::Error, "nobody");
        let mut buffer = [0; 2048];
        for text in ["first", "after it was started anew"] {
            let logger = UnixDatagram::bind(&path).unwrap();
            syslog.send(Severity::Error, text);
            let length = logger.recv(&mut buffer).unwrap();
            assert!(std::str::from_utf8(&buffer[..length]).unwrap().ends_with(text));
            fs::remove_file(&path).unwrap();
        }
        let _deaf = UnixDatagram::bind(&path).unwrap();
        // Far more than a socket's queue takes (net.unix.max_dgram_qlen).
        (0..10_000).for_each(|_| syslog.send(Severity::Error, "unread"));
        fs::remove_dir_all(&folder).unwrap();
    }
}

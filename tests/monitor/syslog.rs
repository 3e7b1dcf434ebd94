//! What the system's logger is told, at a socket of the test's own.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use homing_sandbox::Sandbox;

use crate::support::{Run, file, sandbox};

/// A logger that keeps what it is told.
struct Logger {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    reader: JoinHandle<Vec<String>>,
}

impl Logger {
    fn start(sandbox: &Sandbox) -> Self {
        let path = sandbox.folder().join("log");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let is_over = ends.clone();
        let reader = thread::spawn(move || {
            let mut lines = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                // Before it is read: what was sent by then is in the socket.
                let is_last = is_over.load(Ordering::SeqCst);
                match socket.recv(&mut buffer) {
                    Ok(length) => lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap()),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        if is_last {
                            return lines;
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        Self { path, ends, reader }
    }

    fn lines(self) -> Vec<String> {
        self.ends.store(true, Ordering::SeqCst);
        self.reader.join().unwrap()
    }

    fn run(&self, run: Run) -> Run {
        run.env("HOMING_SYSLOG_SOCKET", &self.path)
    }
}

#[test]
fn each_delivered_file_and_each_complaint_is_a_line() {
    let sandbox = sandbox();
    let logger = Logger::start(&sandbox);
    let good = file(&sandbox, "good.txt", 100);
    let run = logger.run(Run::new(&sandbox, "send")).arg("--syslog").arg(&good).arg("/nowhere/bad.txt").finish();
    assert_eq!(run.code, Some(66), "{run:?}");
    let lines = logger.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    // Facility daemon: 3 * 8, and the severities error 3 and information 6.
    let (told, complaint) =
        (lines.iter().find(|line| line.starts_with("<30>")), lines.iter().find(|line| line.starts_with("<27>")));
    let (told, complaint) = (told.unwrap(), complaint.unwrap());
    assert!(told.contains("good.txt: delivered, 100 bytes inline via mqtt on file/upload"), "{told}");
    assert!(complaint.contains("]: /nowhere/bad.txt: cannot open"), "{complaint}");
    assert!(lines.iter().all(|line| line[4..].starts_with("homing[") && !line.contains('\n')), "{lines:?}");
}

#[test]
fn a_wrong_setting_is_told_too_and_nothing_without_being_asked() {
    let sandbox = sandbox();
    let logger = Logger::start(&sandbox);
    logger.run(Run::new(&sandbox, "send")).arg("/nowhere/a").finish();
    let run =
        logger.run(Run::new(&sandbox, "send")).env("HOMING_SYSLOG", "true").env("HOMING_QOS", "7").arg("a").finish();
    assert_eq!(run.code, Some(78), "{run:?}");
    let lines = logger.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("<27>homing[") && lines[0].contains("HOMING_QOS"), "{lines:?}");
}

#[test]
fn no_secret_reaches_it_however_much_is_logged() {
    let sandbox = sandbox();
    let logger = Logger::start(&sandbox);
    let large = file(&sandbox, "large.bin", 60_000);
    logger.run(Run::new(&sandbox, "send")).args(["--syslog", "-vvv"]).arg(&large).succeed();
    let lines = logger.lines();
    assert!(lines.len() > 3, "{lines:?}");
    let object = sandbox.objects().remove(0);
    let header = |name: &str| object.headers.iter().find(|(found, _)| found == name).unwrap().1.clone();
    let signature = header("authorization").split("Signature=").nth(1).unwrap().to_owned();
    for secret in [header("x-amz-security-token"), signature] {
        assert!(secret.len() > 30 && !lines.iter().any(|line| line.contains(&secret[..30])), "{lines:?}");
    }
}

#[test]
fn a_logger_that_is_not_there_holds_nothing_up() {
    let sandbox = sandbox();
    let good = file(&sandbox, "good.txt", 100);
    Run::new(&sandbox, "send").env("HOMING_SYSLOG_SOCKET", "/nowhere/log").arg("--syslog").arg(&good).succeed();
    assert_eq!(sandbox.messages().len(), 1);
}

#[test]
fn a_logger_that_does_not_read_holds_nothing_up() {
    let sandbox = sandbox();
    let path = sandbox.folder().join("log");
    let _unread = UnixDatagram::bind(&path).unwrap();
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    while other.send_to(b"full", &path).is_ok() {}
    let good = file(&sandbox, "good.txt", 100);
    Run::new(&sandbox, "send").env("HOMING_SYSLOG_SOCKET", &path).arg("--syslog").arg(&good).succeed();
    assert_eq!(sandbox.messages().len(), 1);
}

//! `--status-file`: what monitoring reads of the last run, and of the runs before.
//!
//! ```json
//! {"time":"2026-11-22T10:15:02Z","version":"0.1.0","command":"drain","result":"failure","exit_code":75,
//!  "last_success":"2026-11-22T10:10:01Z",
//!  "last_error":{"code":"dns_failed","message":"…","time":"2026-11-22T10:15:02Z"},
//!  "queue":{"entries":3,"bytes":4096,"failed":0,"oldest_age":301},"credentials_life":2710}
//! ```
//!
//! The file is replaced by renaming, so that whoever reads it has the old one or the new one, whole. It is not
//! synchronized to the disk: it tells of this moment, the next run writes it anew, and memory cards wear.

use super::credentials;
use super::partial_file::{is_same_file, no_follow};
use super::screen::json_line;
use crate::config::Monitoring;
use crate::error::{Error, Result};
use crate::net::stream::unix_time;
use crate::protocol::json::{ObjectWriter, unescape};
use crate::protocol::json_walk::Value;
use crate::protocol::time::iso8601;
use crate::queue::{Counts, Limits, Queue};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// What became of a run.
#[derive(Debug)]
pub struct Run<'a> {
    /// The command's name.
    pub command: &'a str,
    /// Its exit code.
    pub exit_code: u8,
    /// Its last error.
    pub error: Option<&'a Error>,
    /// What is in the queue, where there is one.
    pub queue: Option<QueueStatus>,
    /// When the credentials expire that were used, in seconds since the Unix epoch.
    pub credentials_expire: Option<i64>,
    /// The time in seconds since the Unix epoch.
    pub now: i64,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// Entries that wait.
    pub entries: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Entries that were given up.
    pub failed: u64,
    /// When the oldest that waits was queued, in seconds since the Unix epoch.
    pub oldest: Option<i64>,
}

/// The file that monitoring reads.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    /// The queue that it tells of.
    queue: Option<PathBuf>,
}

impl StatusFile {
    /// The one that is configured.
    pub fn new(monitoring: &Monitoring) -> Option<Self> {
        monitoring.status_file.clone().map(|path| Self { path, queue: monitoring.queue.clone() })
    }

    /// Writes what became of a run that ends now, or of a part of one that goes on.
    pub fn report(&self, command: &str, exit_code: u8, error: Option<&Error>) {
        let queue = self.queue.as_deref().and_then(|directory| {
            queue_status(directory).inspect_err(|error| log::debug!("no queue in the status file: {error}")).ok()?
        });
        let credentials_expire = credentials::expiration();
        self.write(&Run { command, exit_code, error, queue, credentials_expire, now: unix_time() });
    }

    /// Replaces the file. Where that fails there is a warning: what was delivered is delivered.
    pub fn write(&self, run: &Run<'_>) {
        if let Err(error) = self.replace(run) {
            log::warn!("cannot write the status file '{}': {error}", self.path.display());
        }
    }

    /// What is in it: an object of JSON. `None`: there is none, or it is another's, or was cut by a power cut.
    pub(super) fn read(&self) -> Option<String> {
        let text = read(&self.path)?;
        text_of(Value::of(&text, DEPTH).ok()?, "command")?;
        Some(text)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn replace(&self, run: &Run<'_>) -> io::Result<()> {
        // What renaming would do away with: a device such as /dev/null, a directory.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| !found.is_file() && !found.is_symlink()) {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut draft = OsString::from(&self.path);
        draft.push(DRAFT);
        let mut file = lock(draft.as_ref())?;
        let earlier = Earlier::read(&self.path).unwrap_or_default();
        file.set_permissions(Permissions::from_mode(MODE))?;
        file.set_len(0)?;
        file.write_all(&document(run, &earlier))?;
        fs::rename(&draft, &self.path).inspect_err(|_| drop(fs::remove_file(&draft)))
    }
}

/// What is in the queue of this directory; `None`: there is none.
///
/// # Errors
/// It cannot be looked at, such as that of another user.
pub(super) fn queue_status(directory: &Path) -> Result<Option<QueueStatus>> {
    // It would be made.
    if fs::metadata(directory).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let Counts { pending, pending_bytes, failed, oldest, .. } = Queue::open(directory, Limits::NONE)?.counts()?;
    Ok(Some(QueueStatus { entries: pending as u64, bytes: pending_bytes, failed: failed as u64, oldest }))
}

/// What is kept of the file that there was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Earlier {
    last_success: Option<String>,
    /// Code, message and time.
    last_error: Option<[String; 3]>,
}

impl Earlier {
    /// `None`: there is none, or it is another's, or was cut by a power cut.
    fn read(path: &Path) -> Option<Self> {
        let text = read(path)?;
        let document = Value::of(&text, DEPTH).ok()?;
        let error = document
            .member("last_error")
            .and_then(|error| Some([text_of(error, "code")?, text_of(error, "message")?, text_of(error, "time")?]));
        Some(Self { last_success: text_of(document, "last_success"), last_error: error })
    }
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    no_follow().read(true).open(path).ok()?.take(EARLIER_MAXIMUM).read_to_string(&mut text).ok()?;
    Value::of(&text, DEPTH).ok()?;
    Some(text)
}

/// The text of this name in an object.
pub(super) fn text_of(value: Value<'_>, name: &str) -> Option<String> {
    let escaped = value.text_member(name)?;
    // No text grows when it is unescaped.
    let mut buffer = vec![0; escaped.0.len()];
    Some(unescape(escaped, &mut buffer).ok()?.to_owned())
}

/// Tells of the queue under its name.
pub(super) fn write_queue(writer: &mut ObjectWriter<'_>, queue: QueueStatus, now: i64) {
    writer.object("queue", |writer| {
        writer.number("entries", queue.entries).number("bytes", queue.bytes).number("failed", queue.failed);
        // A clock that was set back makes nothing older.
        let age = queue.oldest.map(|oldest| u64::try_from(now.saturating_sub(oldest)).unwrap_or(0));
        if let Some(age) = age {
            writer.number("oldest_age", age);
        }
    });
}

fn document(run: &Run<'_>, earlier: &Earlier) -> Vec<u8> {
    let time = iso8601(run.now);
    let succeeded = run.exit_code == 0;
    let last_success = if succeeded { Some(time.as_str()) } else { earlier.last_success.as_deref() };
    let new_error = run.error.map(|error| [error.code(), cut(error.message()), time.as_str()]);
    let last_error = new_error.or(earlier.last_error.as_ref().map(|texts| texts.each_ref().map(String::as_str)));
    json_line(&|writer| {
        writer
            .text("time", &time)
            .text("version", env!("CARGO_PKG_VERSION"))
            .text("command", run.command)
            .text("result", if succeeded { "success" } else { "failure" })
            .number("exit_code", run.exit_code.into())
            .optional_text("last_success", last_success);
        if let Some([code, message, time]) = last_error {
            writer.object("last_error", |writer| {
                writer.text("code", code).text("message", message).text("time", time);
            });
        }
        if let Some(queue) = run.queue {
            write_queue(writer, queue, run.now);
        }
        if let Some(expire) = run.credentials_expire {
            writer.number("credentials_life", u64::try_from(expire.saturating_sub(run.now)).unwrap_or(0));
        }
    })
}

/// The beginning of a message.
fn cut(message: &str) -> &str {
    let end = (0..=MESSAGE_MAXIMUM.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
    &message[..end.unwrap_or(0)]
}

/// Opens what is to become the file. Several runs that end at once write one after the other, so that none forgets
/// another's success.
fn lock(draft: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        let file = no_follow().write(true).create(true).truncate(false).open(draft)?;
        match file.try_lock() {
            // Whoever had the lock before has renamed it.
            Ok(())
                if fs::symlink_metadata(draft)
                    .is_ok_and(|found| file.metadata().is_ok_and(|own| is_same_file(&found, &own))) =>
            {
                return if file.metadata()?.is_file() {
                    Ok(file)
                } else {
                    Err(io::Error::other("its draft is no regular file"))
                };
            }
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other("other runs are writing it all the time"))
}

/// Behind the file's name: what is to take its place.
const DRAFT: &str = ".homing-new";
/// Monitoring runs as another user, and there is no secret in it.
const MODE: u32 = 0o644;
/// Far more than a file of ours has.
const EARLIER_MAXIMUM: u64 = 64 * 1024;
/// Objects within objects in a file of ours, and one more.
pub(super) const DEPTH: usize = 3;
/// Bytes of an error's message that are kept: most have a tenth of it.
const MESSAGE_MAXIMUM: usize = 2048;
/// With [`PAUSE`], a second: a run holds the lock for some milliseconds.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    fn run(exit_code: u8, error: Option<&Error>, now: i64) -> Run<'_> {
        Run { command: "drain", exit_code, error, queue: None, credentials_expire: None, now }
    }

    fn text(run: &Run<'_>, earlier: &Earlier) -> String {
        String::from_utf8(document(run, earlier)).unwrap()
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("homing-status-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> StatusFile {
            StatusFile { path: self.0.join("status.json"), queue: None }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn everything_that_is_known_is_told() {
        let error = Error::new(Fault::Temporary, "dns_failed", "no \"such\" host");
        let queue = Some(QueueStatus { entries: 3, bytes: 4096, failed: 1, oldest: Some(1_795_305_300) });
        let run = Run { queue, credentials_expire: Some(1_795_305_660), ..run(75, Some(&error), 1_795_305_600) };
        let earlier = Earlier { last_success: Some("2026-11-21T00:00:00Z".to_owned()), last_error: None };
        let expected = concat!(
            r#"{"time":"2026-11-22T00:00:00Z","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#"","command":"drain","result":"failure","exit_code":75,"last_success":"2026-11-21T00:00:00Z","#,
            r#""last_error":{"code":"dns_failed","message":"no \"such\" host","time":"2026-11-22T00:00:00Z"},"#,
            r#""queue":{"entries":3,"bytes":4096,"failed":1,"oldest_age":300},"credentials_life":60}"#,
            "\n"
        );
        assert_eq!(text(&run, &earlier), expected);
    }

    #[test]
    fn the_last_success_and_the_last_error_are_kept() {
        let folder = Folder::new("kept");
        let (file, error) = (folder.file(), Error::new(Fault::Refused, "AccessDenied", "ä \"no\"\n"));
        file.write(&run(77, Some(&error), 1_795_305_600));
        let failed = [error.code(), error.message(), "2026-11-22T00:00:00Z"].map(str::to_owned);
        let expected = Earlier { last_success: None, last_error: Some(failed) };
        assert_eq!(Earlier::read(&file.path).unwrap(), expected);
        file.write(&run(0, None, 1_795_305_660));
        let expected = Earlier { last_success: Some("2026-11-22T00:01:00Z".to_owned()), ..expected };
        assert_eq!(Earlier::read(&file.path).unwrap(), expected);
        let mode = fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, fs::read_dir(&folder.0).unwrap().count()), (0o644, 1));
    }

    #[test]
    fn a_file_that_is_not_ours_or_was_cut_is_replaced() {
        let folder = Folder::new("cut");
        for content in ["", "{\"last_success\":\"20", "[]", "{\"last_success\":7}"] {
            fs::write(folder.file().path, content).unwrap();
            folder.file().write(&run(0, None, 1_795_305_600));
            assert!(Earlier::read(&folder.file().path).unwrap().last_success.is_some(), "{content}");
        }
    }

    #[test]
    fn devices_and_directories_are_not_replaced() {
        let folder = Folder::new("device");
        fs::create_dir(folder.file().path).unwrap();
        assert!(folder.file().replace(&run(0, None, 0)).is_err());
        assert!(fs::metadata(folder.file().path).unwrap().is_dir());
        let null = StatusFile { path: "/dev/null".into(), queue: None };
        assert!(null.replace(&run(0, None, 0)).is_err());
    }

    #[test]
    fn a_draft_that_leads_elsewhere_is_not_followed() {
        let folder = Folder::new("link");
        let precious = folder.0.join("precious");
        fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, folder.0.join("status.json.homing-new")).unwrap();
        assert!(folder.file().replace(&run(0, None, 0)).is_err());
        assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "a".to_owned() + &"ä".repeat(2000);
        assert_eq!(cut(&long).len(), MESSAGE_MAXIMUM - 1);
    }
}

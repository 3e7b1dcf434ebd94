//! The queue's directory: whether there is room, whether this user may write there, and who holds its lock.

use super::details::Details;
use super::report::Report;
use crate::config::{Config, Origin};
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::queue::{Limits, Queue};
use rustix::fs::{Access, access};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tells of it where there is one: whoever only looks must not make it his own.
pub(super) fn look(config: &Config, report: &mut Report) {
    let directory = &config.queue.dir;
    if fs::symlink_metadata(directory).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return match may_be_made(directory) {
            Ok(()) => {
                let why = format!("there is no {}: homing send --queue makes it", directory.display());
                report.skipped("queue", "queue.dir", &why);
            }
            // Whoever names one wants it.
            Err(error) if *config.origin(Id::QueueDir) != Origin::Default => {
                report.failed("queue", "queue.dir", Details::default(), &error);
            }
            Err(error) => {
                report.skipped("queue", "queue.dir", &format!("{}, as homing send --queue would", error.message()));
            }
        };
    }
    let mut details = Details::default();
    let result = judge(config, &mut details);
    report.ended("queue", "queue.dir", details, &result);
}

/// Whether this user may make a directory that is not there: in the nearest one above it that is.
fn may_be_made(directory: &Path) -> Result<()> {
    let above = directory.ancestors().skip(1).map(|path| if path == Path::new("") { ".".as_ref() } else { path });
    let Some(above) = above.into_iter().find(|path| path.exists()) else { return Ok(()) };
    access(above, Access::WRITE_OK | Access::EXEC_OK).map_err(|errno| {
        let (user, shown) = (rustix::process::geteuid().as_raw(), directory.display());
        let message = format!("user {user} cannot make the queue '{shown}' in '{}': {errno}", above.display());
        Error::new(Fault::Config, "queue_not_writable", message).with_remedy(format!(
            "make it for that user: install -d -m 700 -o {user} '{shown}', or name another one with queue.dir"
        ))
    })
}

fn judge(config: &Config, details: &mut Details) -> Result<()> {
    let settings = &config.queue;
    details.text("directory", &settings.dir.display());
    if let Ok(found) = fs::metadata(&settings.dir) {
        let mode = found.mode() & 0o7777;
        details.number("uid", found.uid().into()).text("mode", &format_args!("{mode:04o}"));
    }
    let allowed = match settings.dir.is_dir() {
        true => access(&settings.dir, Access::WRITE_OK | Access::EXEC_OK),
        // What it is instead is told when it is opened.
        false => Ok(()),
    };
    allowed.map_err(|errno| {
        let user = rustix::process::geteuid().as_raw();
        let message = format!("user {user} cannot write to the queue '{}': {errno}", settings.dir.display());
        Error::new(Fault::Config, "queue_not_writable", message)
            .with_remedy("run homing as the directory's owner, or name another one with queue.dir")
    })?;
    let queue = Queue::open(&settings.dir, Limits::NONE)?;
    let counts = queue.counts()?;
    let bytes = counts.pending_bytes.saturating_add(counts.failed_bytes);
    details.number("waiting", counts.pending as u64).number("failed", counts.failed as u64).number("bytes", bytes);
    if counts.failed > 0 {
        details.note(&"homing queue list says why entries have failed");
    }
    let (free_bytes, free_inodes) = queue.free();
    for (name, free, reserve) in [
        ("free_bytes", free_bytes, settings.min_free_bytes.saturating_add(ENTRY_BYTES)),
        ("free_inodes", free_inodes, settings.min_free_inodes.saturating_add(ENTRY_INODES)),
    ] {
        let Some(free) = free else { continue };
        details.number(name, free);
        if free < reserve {
            let what = name.trim_start_matches("free_");
            let message = format!("the queue's disk is full: {free} {what} are free, and {reserve} have to be");
            return Err(Error::new(Fault::Io, "disk_full", message)
                .with_remedy(format!("make room on that disk, or lower queue.min_free_{what}")));
        }
    }
    if let Some(maximum) = settings.max_bytes.filter(|maximum| bytes >= *maximum && !settings.drop_oldest) {
        let message = format!("the queue is full: it holds {bytes} bytes, and may hold {maximum}");
        return Err(Error::new(Fault::CannotCreate, "queue_full", message)
            .with_remedy("deliver what waits (homing drain), or raise queue.max_bytes"));
    }
    look_at_lock(config, details)
}

/// Who delivers now. A lock ends with its process, so it outlives its use only where that hangs. The lock itself is left
/// alone: taking it, even for a moment, could turn a drain away.
fn look_at_lock(config: &Config, details: &mut Details) -> Result<()> {
    let Ok(lock) = fs::metadata(config.queue.dir.join("lock")) else { return Ok(()) };
    let inode = format!(":{}", lock.ino());
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return Ok(()) };
    // `1: FLOCK  ADVISORY  WRITE 812 fe:01:131090 0 EOF`
    let holder = locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(4);
        let (process, file) = (words.next()?, words.next()?);
        (line.contains(" FLOCK ") && file.ends_with(&inode)).then_some(process)
    });
    let Some(process) = holder else { return Ok(()) };
    details.text("delivered_by_process", &process);
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // `812 (homing) S 1 …`: the name may have anything in it.
    let state = status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    if matches!(state, Some('T' | 't')) {
        let message = format!("process {process} holds the queue's lock and is stopped: nobody delivers");
        return Err(Error::new(Fault::Temporary, "stale_lock", message)
            .with_remedy(format!("kill -CONT {process}, or end it: kill -KILL {process}")));
    }
    Ok(())
}

/// What an entry takes besides its file.
const ENTRY_BYTES: u64 = 8192;
const ENTRY_INODES: u64 = 3;

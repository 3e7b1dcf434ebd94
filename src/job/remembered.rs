//! What a file was fetched from, for `--if-changed`: `.FILE.homing-etag` beside it.
//!
//! A file beside it, and not an extended attribute: FAT has none, and tmpfs only since Linux 6.6. It counts only as
//! long as the file has the size and modification time it had then, so that what somebody has changed or replaced is
//! fetched again.

use super::download::Begun;
use super::object_description;
use super::partial_file::no_follow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The ETag, with its quotes, of what `file` was fetched from, if that was `object` and the file is untouched.
pub fn recall(file: &Path, object: &str) -> Option<String> {
    let mut text = Vec::new();
    let maximum = object_description::MAXIMUM as u64;
    // Anybody may have put anything there; a pipe would be waited for without end.
    let beside = no_follow().read(true).open(path(file)?).ok()?;
    let metadata = beside.metadata().ok()?;
    if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    beside.take(maximum).read_to_end(&mut text).ok()?;
    let remembered = object_description::read(&text, object)?;
    let now = described(file, remembered.etag.clone()).ok()?;
    (now == remembered).then_some(remembered.etag)
}

/// Remembers that `file`, as it is now, was fetched from `object` when that had this ETag.
///
/// # Errors
/// The file beside it cannot be written; the next time everything is fetched again.
pub fn remember(file: &Path, object: &str, etag: &str) -> io::Result<()> {
    let path = path(file).ok_or_else(|| io::Error::other("the file has no name"))?;
    let text = object_description::written(&described(file, etag.to_owned())?, object)?;
    // Half of it is worth nothing, and does no harm. Never through a link that somebody else may have put there.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options().write(true).create_new(true).open(&path)?.write_all(&text)
}

fn path(file: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(file.file_name()?);
    name.push(".homing-etag");
    Some(file.with_file_name(name))
}

/// The file as it is now, with its own last modification in place of S3's.
fn described(file: &Path, etag: String) -> io::Result<Begun> {
    let metadata = fs::metadata(file)?;
    let last_modified = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
    Ok(Begun { etag, size: metadata.size(), last_modified, checksum: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::{chown, symlink};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const OBJECT: &str = "s3://b/k";

    #[test]
    fn what_somebody_else_has_put_there_is_not_read() {
        let folder = std::env::temp_dir().join(format!("homing-remembered-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, beside) = (folder.join("file"), folder.join(".file.homing-etag"));
        fs::write(&file, "content").unwrap();
        remember(&file, OBJECT, "\"e\"").unwrap();
        assert_eq!(recall(&file, OBJECT).as_deref(), Some("\"e\""));

        let elsewhere = folder.join("elsewhere");
        fs::rename(&beside, &elsewhere).unwrap();
        symlink(&elsewhere, &beside).unwrap();
        assert_eq!(recall(&file, OBJECT), None);
        if rustix::process::geteuid().is_root() {
            fs::rename(&elsewhere, &beside).unwrap();
            chown(&beside, Some(12_345), None).unwrap();
            assert_eq!(recall(&file, OBJECT), None);
        }

        fs::remove_file(&beside).unwrap();
        mknodat(CWD, &beside, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let (sender, receiver) = channel();
        // In a thread that is left behind if it waits for somebody to write into the pipe.
        std::thread::spawn(move || sender.send(recall(&file, OBJECT)));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(None));
        fs::remove_dir_all(&folder).unwrap();
    }
}

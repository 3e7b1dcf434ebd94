//! What a file was fetched from, for `--if-changed`: `.FILE.homing-etag` beside it.
//!
//! A file beside it, and not an extended attribute: FAT has none, and tmpfs only since Linux 6.6. It counts only as
//! long as the file has the size and modification time it had then, so that what somebody has changed or replaced is
//! fetched again.

use crate::protocol::json::{self, ObjectWriter, Text};
use serde::Deserialize;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The ETag, with its quotes, of what `file` was fetched from, if that was `object` and the file is untouched.
pub fn recall(file: &Path, object: &str) -> Option<String> {
    let mut text = Vec::new();
    File::open(path(file)?).ok()?.take(TEXT_MAXIMUM).read_to_end(&mut text).ok()?;
    let fields: Fields<'_> = json::read(&text).ok()?;
    let mut buffer = [0; TEXT_MAXIMUM as usize];
    let is_same = json::unescape(fields.object, &mut buffer) == Ok(object)
        && fs::metadata(file).is_ok_and(|now| now.size() == fields.size && modified(&now) == fields.modified.0);
    is_same.then(|| json::unescape(fields.etag, &mut buffer).ok().map(str::to_owned))?
}

/// Remembers that `file`, as it is now, was fetched from `object` when that had this ETag.
///
/// # Errors
/// The file beside it cannot be written; the next time everything is fetched again.
pub fn remember(file: &Path, object: &str, etag: &str) -> io::Result<()> {
    let path = path(file).ok_or_else(|| io::Error::other("the file has no name"))?;
    let metadata = fs::metadata(file)?;
    let mut text = vec![0; TEXT_MAXIMUM as usize];
    let mut writer = ObjectWriter::new(&mut text);
    writer.text("object", object).text("etag", etag).number("size", metadata.size());
    writer.text("modified", &modified(&metadata));
    let length = writer.finish().map_err(|_| io::Error::other("the ETag is too long"))?;
    // Half of it is worth nothing, and does no harm. Never through a link that somebody else may have put there.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options().write(true).create_new(true).open(&path)?.write_all(&text[..length])
}

fn path(file: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(file.file_name()?);
    name.push(".homing-etag");
    Some(file.with_file_name(name))
}

fn modified(metadata: &fs::Metadata) -> String {
    format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec())
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    object: Text<'a>,
    #[serde(borrow)]
    etag: Text<'a>,
    size: u64,
    #[serde(borrow)]
    modified: Text<'a>,
}

/// A bucket of 63 bytes, a key of 1,024 and a version of 1,024, each escaped to 6 at worst; an ETag of some dozen.
const TEXT_MAXIMUM: u64 = 16 * 1024;

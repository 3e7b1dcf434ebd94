//! By what a file is recognised, and by what a change of it is.

use super::record::{Fields, Unreadable};
use crate::protocol::json::ObjectWriter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What changes when somebody writes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// The last modification: seconds since the Unix epoch, and nanoseconds of a second.
    modified: (i64, u32),
}

/// The file that an entry was moved from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// Absolute; any bytes.
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
    stamp: Stamp,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
        Self { size: metadata.len(), modified: (metadata.mtime(), nanoseconds) }
    }

    pub(super) fn write(&self, writer: &mut ObjectWriter<'_>) {
        let (seconds, nanoseconds) = self.modified;
        writer.number("size", self.size).text("modified", &format!("{seconds}.{nanoseconds:09}"));
    }

    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let modified = fields.text("modified").ok()?;
        let (seconds, nanoseconds) = modified.split_once('.')?;
        let modified = (seconds.parse().ok()?, nanoseconds.parse().ok()?);
        Some(Self { size: fields.number("size").ok()?, modified })
    }
}

impl Origin {
    /// The file `path`, which has this `metadata`.
    pub(super) fn new(path: &Path, metadata: &Metadata) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, device: metadata.dev(), inode: metadata.ino(), stamp: Stamp::of(metadata) }
    }

    /// Bytes of the file, when it was looked at.
    pub(super) fn size(&self) -> u64 {
        self.stamp.size
    }

    /// Whether a file of this `metadata` is the one, written to or not.
    pub(super) fn is_same_file(&self, metadata: &Metadata) -> bool {
        (self.device, self.inode) == (metadata.dev(), metadata.ino())
    }

    /// Whether a file of this `metadata` is the one, and nobody has written to it since.
    pub(super) fn is(&self, metadata: &Metadata) -> bool {
        self.is_same_file(metadata) && self.stamp == Stamp::of(metadata)
    }

    pub(super) fn write(&self, writer: &mut ObjectWriter<'_>) {
        let path = percent_encode(self.path.as_os_str().as_bytes(), IN_PATHS).to_string();
        writer.text("path", &path).number("device", self.device).number("inode", self.inode);
        self.stamp.write(writer);
    }

    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let read = || {
            let path = fields.text("path")?;
            let path = OsString::from_vec(percent_decode_str(&path).collect()).into();
            Ok::<_, Unreadable>((path, fields.number("device")?, fields.number("inode")?))
        };
        let (path, device, inode) = read().ok()?;
        Some(Self { path, device, inode, stamp: Stamp::read(fields)? })
    }
}

/// Whether these are two names of one file.
pub(super) fn is_same_file(first: &Metadata, second: &Metadata) -> bool {
    (first.dev(), first.ino()) == (second.dev(), second.ino())
}

/// A path's bytes that stand for themselves; the others are percent-encoded, because JSON is UTF-8 and paths need not be.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

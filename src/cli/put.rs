//! `homing put`.

use super::{Command, Given, ObjectHeaders, object_url, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Store one file.
#[derive(Debug, PartialEq, Eq)]
pub struct Put {
    /// The file.
    pub file: PathBuf,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, complete: a key that was left out or ends with a slash has got the file's name.
    pub key: String,
    /// Send nothing, say what would be sent.
    pub dry_run: bool,
    /// The object's headers.
    pub object: ObjectHeaders,
}

impl Given {
    pub(super) fn put(&self, positionals: &[OsString]) -> Result<Command> {
        let [file, url] = positionals else {
            return Err(usage("wrong_arguments", "homing put needs a FILE and one s3://BUCKET/KEY"));
        };
        let file = file_name(file)?;
        let (bucket, key) = object_url::completed(url, &file)?;
        Ok(Command::Put(Put { file, bucket, key, dry_run: self.has(Id::DryRun), object: ObjectHeaders::read(self)? }))
    }
}

/// The file of an argument, which cannot be standard input.
pub(super) fn file_name(name: &OsStr) -> Result<PathBuf> {
    if name == "-" {
        return Err(usage(
            "stdin_not_allowed",
            "standard input (-) cannot be sent: its size must be known at the start",
        )
        .with_remedy("write it to a file first; a file of that name is ./-"));
    }
    if name.is_empty() {
        return Err(usage("empty", "a FILE argument is empty"));
    }
    Ok(name.into())
}

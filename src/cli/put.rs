//! `homing put`.

use super::{Command, Given, ObjectHeaders, object_url, usage};
use crate::error::Result;
use crate::options::{Id, Kind};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Store one file, or standard input.
#[derive(Debug, PartialEq, Eq)]
pub struct Put {
    /// The file; `-` where it is standard input.
    pub file: PathBuf,
    /// Whether it is standard input.
    pub from_stdin: bool,
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, complete: a key that was left out or ends with a slash has got the file's name.
    pub key: String,
    /// Send nothing, say what would be sent.
    pub dry_run: bool,
    /// The object's headers.
    pub object: ObjectHeaders,
}

/// Abort multipart uploads that nobody will end.
#[derive(Debug, PartialEq, Eq)]
pub struct AbortStale {
    /// The bucket's name.
    pub bucket: String,
    /// What the objects' keys begin with; empty: this device's, its thing name and a slash.
    pub prefix: String,
    /// Seconds since they were begun, at least.
    pub older_than: u64,
    /// Abort none, say which.
    pub dry_run: bool,
}

impl Given {
    pub(super) fn put(&self, positionals: &[OsString]) -> Result<Command> {
        if self.has(Id::AbortStale) {
            return self.abort_stale(positionals);
        }
        if self.last(Id::OlderThan).is_some() {
            return Err(usage("conflict", "--older-than needs --abort-stale"));
        }
        let [file, url] = positionals else {
            return Err(usage("wrong_arguments", "homing put needs a FILE and one s3://BUCKET/KEY"));
        };
        let from_stdin = file == "-";
        let (file, (bucket, key)) = if from_stdin {
            let (bucket, key) = object_url::whole(url)?;
            if key.ends_with('/') {
                return Err(usage("invalid_url", format!("{url:?} names no object, and standard input has no name"))
                    .with_remedy("give the whole key; a file of that name is ./-"));
            }
            (PathBuf::from("-"), (bucket, key))
        } else {
            let file = file_name(file)?;
            let target = object_url::completed(url, &file)?;
            (file, target)
        };
        let object = ObjectHeaders::read(self)?;
        Ok(Command::Put(Put { file, from_stdin, bucket, key, dry_run: self.has(Id::DryRun), object }))
    }

    fn abort_stale(&self, positionals: &[OsString]) -> Result<Command> {
        let [url] = positionals else {
            return Err(usage(
                "wrong_arguments",
                "homing put --abort-stale needs one s3://BUCKET or s3://BUCKET/PREFIX",
            ));
        };
        let (bucket, prefix) = object_url::prefix(url)?;
        let option = Id::OlderThan.option();
        let text = self.text(Id::OlderThan)?.unwrap_or(option.default);
        let Kind::Integer { maximum, .. } = option.kind else {
            return Err(usage("invalid_value", "--older-than is no number"));
        };
        let older_than = text.parse().ok().filter(|seconds| *seconds <= maximum).ok_or_else(|| {
            usage(
                "invalid_value",
                format!("--older-than: \"{text}\" is no whole number of seconds from 0 to {maximum}"),
            )
        })?;
        Ok(Command::AbortStale(AbortStale { bucket, prefix, older_than, dry_run: self.has(Id::DryRun) }))
    }
}

/// The file of an argument, which cannot be standard input.
pub(super) fn file_name(name: &OsStr) -> Result<PathBuf> {
    if name == "-" {
        return Err(usage("stdin_not_allowed", "standard input (-) cannot be sent: it has no name and no size")
            .with_remedy(
                "homing put - s3://BUCKET/KEY stores it; or write it to a file first; a file of that name is ./-",
            ));
    }
    if name.is_empty() {
        return Err(usage("empty", "a FILE argument is empty"));
    }
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn parsed(words: &[&str]) -> Result<Command> {
        parse(["homing", "put"].iter().chain(words)).map(|arguments| arguments.command)
    }

    #[test]
    fn standard_input_needs_a_whole_key() {
        let Ok(Command::Put(put)) = parsed(&["-", "s3://bucket/a/b"]) else { panic!() };
        assert_eq!((put.from_stdin, &*put.file.to_string_lossy(), &*put.key), (true, "-", "a/b"));
        let Ok(Command::Put(put)) = parsed(&["./-", "s3://bucket/a/"]) else { panic!() };
        assert_eq!((put.from_stdin, &*put.key), (false, "a/-"));
        for url in ["s3://bucket", "s3://bucket/", "s3://bucket/a/"] {
            assert_eq!(parsed(&["-", url]).unwrap_err().code(), "invalid_url", "{url}");
        }
    }

    #[test]
    fn stale_uploads_are_those_of_a_prefix_and_an_age() {
        for (words, prefix, older_than, dry_run) in [
            (&["--abort-stale", "s3://bucket"][..], "", 604_800, false),
            (&["s3://bucket/", "--abort-stale", "--older-than", "0"], "", 0, false),
            (&["--dry-run", "s3://bucket/a/b", "--abort-stale"], "a/b", 604_800, true),
        ] {
            let expected = AbortStale { bucket: "bucket".into(), prefix: prefix.into(), older_than, dry_run };
            assert_eq!(parsed(words), Ok(Command::AbortStale(expected)));
        }
        for words in [
            &["--abort-stale"][..],
            &["--abort-stale", "a", "s3://bucket/a"],
            &["--abort-stale", "s3://bucket", "--older-than", "1h"],
            &["--older-than", "1", "a", "s3://bucket"],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }
}

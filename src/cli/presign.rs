//! `homing presign`, and the presigned URL in the message of `homing send`.

use std::ffi::OsString;

use super::{Command, Given, object_url, usage};
use crate::error::Result;
use crate::options::{Id, Kind};

/// Print a presigned URL.
#[derive(Debug, PartialEq, Eq)]
pub struct Presign {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, complete.
    pub key: String,
    /// This version of it; `None`: the current one.
    pub version_id: Option<String>,
    /// The URL is to store the object with, not to fetch it.
    pub put: bool,
    /// How long it is good.
    pub expires: Expires,
}

/// How long a presigned URL is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expires {
    /// 1 to 604,800.
    pub seconds: u32,
    /// Whether somebody asked for this, so that less than it is worth a warning.
    pub is_asked_for: bool,
}

impl Given {
    pub(super) fn presign(&self, positionals: &[OsString]) -> Result<Command> {
        let [url] = positionals else {
            return Err(usage("wrong_arguments", "homing presign needs one s3://BUCKET/KEY"));
        };
        let (bucket, key) = object_url::whole(url)?;
        let (put, version_id) = (self.has(Id::Put), self.version_id()?);
        if put && version_id.is_some() {
            return Err(usage("conflict", "--put stores a new version: --version-id is for fetching one"));
        }
        Ok(Command::Presign(Presign { bucket, key, version_id, put, expires: self.expires()? }))
    }

    /// What `homing send` was told about presigned URLs.
    pub(super) fn presign_in_message(&self) -> Result<Option<Expires>> {
        match (self.has(Id::Presign), self.last(Id::Expires)) {
            (true, _) => self.expires().map(Some),
            (false, None) => Ok(None),
            (false, Some(_)) => Err(usage("conflict", "--expires is for the URL that --presign puts into the message")),
        }
    }

    fn expires(&self) -> Result<Expires> {
        let option = Id::Expires.option();
        let given = self.text(Id::Expires)?;
        let text = given.unwrap_or(option.default);
        let Kind::Integer { minimum, maximum, .. } = option.kind else {
            return Err(usage("invalid_value", "--expires is no number"));
        };
        let seconds = text.parse::<u32>().ok().filter(|seconds| (minimum..=maximum).contains(&u64::from(*seconds)));
        let seconds = seconds.ok_or_else(|| {
            let message =
                format!("--expires: \"{text}\" is no whole number of seconds from {minimum} to {maximum} (7 days)");
            usage("invalid_value", message)
        })?;
        Ok(Expires { seconds, is_asked_for: given.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn parsed(words: &[&str]) -> Result<Command> {
        parse(["homing"].iter().chain(words)).map(|arguments| arguments.command)
    }

    fn expires(words: &[&str]) -> Expires {
        match parsed(words) {
            Ok(Command::Presign(presign)) => presign.expires,
            Ok(Command::Send(send)) => send.presign.expect("was asked for"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_url_to_fetch_or_to_store() {
        let expected = Presign {
            bucket: "my-bucket".into(),
            key: "a/b".into(),
            version_id: None,
            put: true,
            expires: Expires { seconds: 604_800, is_asked_for: true },
        };
        let words = ["presign", "--put", "--expires", "604800", "s3://my-bucket/a/b"];
        assert_eq!(parsed(&words), Ok(Command::Presign(expected)));
        let by_default = Expires { seconds: 3600, is_asked_for: false };
        assert_eq!(expires(&["presign", "s3://my-bucket/a"]), by_default);
        assert_eq!(expires(&["send", "--presign", "a"]), by_default);
        assert_eq!(expires(&["send", "--presign", "--expires=1", "a"]), Expires { seconds: 1, is_asked_for: true });
    }

    #[test]
    fn what_cannot_be_meant_is_a_mistake() {
        for words in [
            &["presign"][..],
            &["presign", "s3://b-b/k", "s3://b-b/k"],
            &["presign", "s3://b-b/"],
            &["presign", "s3://b-b/k", "--put", "--version-id", "v"],
            &["presign", "s3://b-b/k", "--expires", "0"],
            &["presign", "s3://b-b/k", "--expires", "604801"],
            &["presign", "s3://b-b/k", "--expires", "1h"],
            &["presign", "s3://b-b/k", "--expires", "-1"],
            &["presign", "s3://b-b/k", "--expires", "4294967297"],
            &["send", "--expires", "5", "a"],
            &["put", "a", "s3://b-b/k", "--presign"],
        ] {
            assert_eq!(parsed(words).unwrap_err().exit_code(), 64, "{words:?}");
        }
    }
}

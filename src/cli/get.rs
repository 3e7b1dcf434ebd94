//! `homing get`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Command, Given, object_url, usage};
use crate::error::Result;
use crate::options::Id;

/// Fetch one object.
#[derive(Debug, PartialEq, Eq)]
pub struct Get {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, complete.
    pub key: String,
    /// This version of it; `None`: the current one.
    pub version_id: Option<String>,
    /// Where it goes.
    pub target: Target,
    /// Fetch nothing while S3 still has what the file was fetched from.
    pub if_changed: bool,
}

/// Where a fetched object goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, or a directory in which it gets the last part of the key as its name.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl Given {
    pub(super) fn get(&self, positionals: &[OsString]) -> Result<Command> {
        let [url, target] = positionals else {
            return Err(usage("wrong_arguments", "homing get needs one s3://BUCKET/KEY and a FILE (or -)"));
        };
        let (bucket, key) = object_url::whole(url)?;
        let target = match target.as_os_str() {
            name if name.is_empty() => return Err(usage("empty", "the FILE argument is empty")),
            name if name == "-" => Target::Stdout,
            name if name.as_encoded_bytes().starts_with(b"s3://") => {
                return Err(usage("wrong_arguments", format!("homing get writes to a file, not to {name:?}"))
                    .with_remedy("homing put FILE s3://BUCKET/KEY stores a file"));
            }
            name => Target::File(name.into()),
        };
        let if_changed = self.has(Id::IfChanged);
        if target == Target::Stdout {
            if if_changed {
                return Err(usage("conflict", "--if-changed needs a FILE, with which to remember what it was"));
            }
            if self.has(Id::Json) {
                return Err(usage("conflict", "--json has no place to print to: standard output is the object's"));
            }
        }
        Ok(Command::Get(Get { bucket, key, version_id: self.version_id()?, target, if_changed }))
    }

    pub(super) fn version_id(&self) -> Result<Option<String>> {
        match self.text(Id::VersionId)? {
            Some(text) if text.is_empty() || text.len() > VERSION_ID_MAXIMUM => {
                Err(usage("invalid_value", format!("--version-id has {} bytes: 1 to 1,024 are possible", text.len())))
            }
            text => Ok(text.map(str::to_owned)),
        }
    }
}

/// Amazon S3 User Guide, "Version IDs": at most 1,024 bytes.
const VERSION_ID_MAXIMUM: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn parsed(words: &[&str]) -> Result<Command> {
        parse(["homing", "get"].iter().chain(words)).map(|arguments| arguments.command)
    }

    #[test]
    fn an_object_and_where_it_goes() {
        let expected = Get {
            bucket: "my-bucket".into(),
            key: "a b/ü".into(),
            version_id: Some("v+/".into()),
            target: Target::File("x".into()),
            if_changed: true,
        };
        let words = ["s3://my-bucket/a b/ü", "x", "--if-changed", "--version-id", "v+/"];
        assert_eq!(parsed(&words), Ok(Command::Get(expected)));
        let Ok(Command::Get(get)) = parsed(&["s3://b-b/k", "-"]) else { panic!() };
        assert_eq!((get.target, get.if_changed, get.version_id), (Target::Stdout, false, None));
        let Ok(Command::Get(get)) = parsed(&["s3://b-b/k", "./-"]) else { panic!() };
        assert_eq!(get.target, Target::File("./-".into()));
    }

    #[test]
    fn what_cannot_be_meant_is_a_mistake() {
        for words in [
            &[][..],
            &["s3://b-b/k"],
            &["s3://b-b/k", "a", "b"],
            &["a", "s3://b-b/k"],
            &["s3://b-b/k", "s3://b-b/l"],
            &["s3://b-b/", "a"],
            &["s3://b-b", "a"],
            &["s3://b-b/k", ""],
            &["s3://b-b/k", "-", "--if-changed"],
            &["s3://b-b/k", "-", "--json"],
            &["s3://b-b/k", "a", "--version-id", ""],
            &["s3://b-b/k", "a", "--expires", "5"],
        ] {
            assert_eq!(parsed(words).unwrap_err().exit_code(), 64, "{words:?}");
        }
        let long = format!("s3://b-b/{}", "k".repeat(1025));
        assert_eq!(parsed(&[&long, "a"]).unwrap_err().code(), "invalid_url");
    }
}

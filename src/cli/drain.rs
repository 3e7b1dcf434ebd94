//! `homing drain`.

use super::{Command, Expires, Given, ObjectHeaders, usage};
use crate::error::Result;
use crate::options::{Id, Kind};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Deliver what is in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// Do not wait after runs in which AWS did not answer.
    pub now: bool,
    /// Go on until a signal comes.
    pub follow: bool,
    /// Directories whose files are queued first.
    pub watch: Vec<PathBuf>,
    /// How long a file in them has to be unchanged; `None`: until it is closed.
    pub settle: Option<Duration>,
    /// How often to look, without inotify; `None`: with it.
    pub poll: Option<Duration>,
    /// Headers for those files in them that go to S3.
    pub object: ObjectHeaders,
    /// The message about such an object carries a presigned URL, which is good for so long.
    pub presign: Option<Expires>,
}

impl Given {
    pub(super) fn drain(&self, positionals: &[OsString]) -> Result<Command> {
        if !positionals.is_empty() {
            return Err(usage(
                "unexpected_argument",
                "homing drain takes no files: it delivers what homing send --queue left in the queue",
            ));
        }
        let drain = Drain {
            now: self.has(Id::Now),
            follow: self.has(Id::Follow),
            watch: self.all(Id::Watch).map(PathBuf::from).collect(),
            settle: self.whole_seconds(Id::Settle)?,
            poll: self.whole_seconds(Id::Poll)?,
            object: ObjectHeaders::read(self)?,
            presign: self.presign_in_message()?,
        };
        if drain.watch.is_empty()
            && let Some(id) = OF_NEW_FILES.iter().find(|id| self.last(**id).is_some())
        {
            let flag = id.option().flag;
            return Err(usage(
                "conflict",
                format!("--{flag} is for --watch: what is in the queue was queued with its own"),
            ));
        }
        if drain.watch.iter().any(|directory| directory.as_os_str().is_empty()) {
            return Err(usage("empty", "--watch: the name of the directory is empty"));
        }
        match drain {
            Drain { settle: Some(_), ref watch, .. } if watch.is_empty() => {
                Err(usage("conflict", "--settle is for --watch: what is in the queue is complete"))
            }
            Drain { poll: Some(_), follow: false, .. } => {
                Err(usage("conflict", "--poll is for --follow: without, directories are looked at once"))
            }
            Drain { now: true, follow: true, .. } => {
                Err(usage("conflict", "--now is for one run: --follow waits after failures, so that AWS can recover"))
            }
            drain => Ok(Command::Drain(drain)),
        }
    }

    /// A whole number of seconds, in the option's range.
    fn whole_seconds(&self, id: Id) -> Result<Option<Duration>> {
        let (Some(text), Kind::Integer { minimum, maximum, .. }) = (self.text(id)?, id.option().kind) else {
            return Ok(None);
        };
        let seconds = text.parse::<u64>().ok().filter(|seconds| (minimum..=maximum).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            let flag = id.option().flag;
            let what = format!("--{flag}: \"{text}\" is no whole number of seconds from {minimum} to {maximum}");
            usage("invalid_value", what)
        })?;
        Ok(Some(Duration::from_secs(seconds)))
    }
}

/// What is said of a file when it is queued.
const OF_NEW_FILES: [Id; 8] =
    [Id::ContentType, Id::Metadata, Id::StorageClass, Id::Tag, Id::Sse, Id::SseKmsKeyId, Id::IfNoneMatch, Id::Presign];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;

    fn parsed(words: &[&str]) -> Result<Command> {
        parse(["homing", "drain"].iter().chain(words).copied()).map(|arguments| arguments.command)
    }

    #[test]
    fn directories_are_watched_in_one_manner() {
        let words = ["--watch", "/a", "--follow", "--watch=/b", "--settle", "3", "--poll", "7", "--tag", "a=b"];
        let expected = Drain {
            now: false,
            follow: true,
            watch: vec!["/a".into(), "/b".into()],
            settle: Some(Duration::from_secs(3)),
            poll: Some(Duration::from_secs(7)),
            object: ObjectHeaders { tags: vec![("a".into(), "b".into())], ..ObjectHeaders::default() },
            presign: None,
        };
        assert_eq!(parsed(&words), Ok(Command::Drain(expected)));
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for words in [
            &["--settle", "3"][..],
            &["--poll", "3", "--watch", "/a"],
            &["--follow", "--now"],
            &["--content-type", "text/plain"],
            &["--presign"],
            &["--expires", "60", "--watch", "/a"],
            &["--watch", ""],
            &["--watch", "/a", "--settle", "-1"],
            &["--follow", "--poll", "0"],
            &["/a"],
        ] {
            assert_eq!(parsed(words).unwrap_err().exit_code(), 64, "{words:?}");
        }
    }
}

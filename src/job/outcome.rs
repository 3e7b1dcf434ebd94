//! What became of each file, for people and for programs.

use crate::error::Error;
use crate::protocol::json::{Full, ObjectWriter};
use std::io::{self, Write};
use std::path::Path;

/// How a file went out, or came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Inside one MQTT message.
    Mqtt,
    /// Inside one HTTPS publish.
    Https,
    /// As an S3 object, with a message that names it.
    S3,
    /// The other way: from S3 into the file.
    Received,
    /// Not at all: S3 still has what the file was fetched from.
    NotChanged,
}

impl Via {
    const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Https => "https",
            Self::S3 | Self::Received | Self::NotChanged => "s3",
        }
    }
}

/// One file's or message's fate. Empty texts stand for what does not apply.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The file as the user named it; `None` for a message that came from somewhere else.
    pub file: Option<&'a Path>,
    /// Delivered how, or why not.
    pub result: Result<Via, &'a Error>,
    /// `--dry-run`: nothing was sent.
    pub dry_run: bool,
    /// The S3 bucket.
    pub bucket: &'a str,
    /// The S3 key.
    pub key: &'a str,
    /// The object's ETag as S3 gave it, without quotes.
    pub etag: &'a str,
    /// The file's size.
    pub bytes: Option<u64>,
    /// The topic of the message.
    pub topic: &'a str,
}

impl<'a> Outcome<'a> {
    /// A file or message that was not even looked at.
    pub fn failed(file: Option<&'a Path>, error: &'a Error) -> Self {
        Self { file, result: Err(error), dry_run: false, bucket: "", key: "", etag: "", bytes: None, topic: "" }
    }
}

impl Outcome<'_> {
    /// Writes the outcome as one line of JSON.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_json_of(out, "", false)
    }

    /// The same with the id of the queue's entry, where there is one. What failed is only `queued` as long as it
    /// stays there.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn write_json_of(&self, out: &mut impl Write, entry: &str, stays: bool) -> io::Result<()> {
        let file = self.file.map(Path::to_string_lossy);
        let mut line = vec![0; LINE_USUAL];
        let length = match self.json(file.as_deref(), entry, stays, &mut line) {
            Ok(length) => length,
            Err(Full { needed }) => {
                line.resize(needed, 0);
                self.json(file.as_deref(), entry, stays, &mut line)
                    .map_err(|_| io::Error::other("an outcome grew while it was written"))?
            }
        };
        line.truncate(length);
        line.push(b'\n');
        out.write_all(&line)
    }

    fn json(&self, file: Option<&str>, entry: &str, stays: bool, line: &mut [u8]) -> Result<usize, Full> {
        let mut writer = ObjectWriter::new(line);
        let result = match self.result {
            Ok(_) if self.dry_run => "dry-run",
            Ok(Via::Received) => "received",
            Ok(Via::NotChanged) => "not-changed",
            Ok(_) => "delivered",
            Err(_) if stays => "queued",
            Err(_) => "failed",
        };
        writer.optional_text("file", file).text("result", result).optional_text("via", self.result.ok().map(Via::name));
        for (name, text) in [("entry", entry), ("bucket", self.bucket), ("key", self.key), ("etag", self.etag)] {
            writer.optional_text(name, Some(text).filter(|text| !text.is_empty()));
        }
        if let Some(bytes) = self.bytes {
            writer.number("bytes", bytes);
        }
        writer.optional_text("topic", Some(self.topic).filter(|topic| !topic.is_empty()));
        if let Err(error) = self.result {
            write_error(&mut writer, error);
        }
        writer.finish()
    }

    /// Writes the outcome as one line for people. Failures are reported on their own, with what to do.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(file) = self.file.filter(|_| self.result.is_ok()) {
            write!(out, "{}: ", file.display())?;
        }
        let verb = if self.dry_run { "would be delivered" } else { "delivered" };
        let bytes = self.bytes.unwrap_or(0);
        match self.result {
            Ok(Via::Received) => writeln!(out, "received, {bytes} bytes from s3://{}/{}", self.bucket, self.key),
            Ok(Via::NotChanged) => writeln!(out, "not changed, still s3://{}/{}", self.bucket, self.key),
            Ok(Via::S3) if self.topic.is_empty() => {
                writeln!(out, "{verb}, {bytes} bytes to s3://{}/{}", self.bucket, self.key)
            }
            Ok(Via::S3) => {
                writeln!(out, "{verb}, {bytes} bytes to s3://{}/{}, announced on {}", self.bucket, self.key, self.topic)
            }
            Ok(via) => writeln!(out, "{verb}, {bytes} bytes inline via {} on {}", via.name(), self.topic),
            Err(_) => Ok(()),
        }
    }
}

/// Adds the object that tells programs of an error.
pub(super) fn write_error(writer: &mut ObjectWriter<'_>, error: &Error) {
    writer.object("error", |writer| {
        writer
            .text("code", error.code())
            .text("message", error.message())
            .optional_text("remedy", error.remedy())
            .boolean("retryable", error.retryable());
    });
}

/// The exit code for several outcomes: the worst. What will not go away by itself is worse than what may pass;
/// within each kind the greater code is worse. 0 for none.
pub fn worst<'a>(errors: impl Iterator<Item = &'a Error>) -> u8 {
    errors.map(|error| (!error.retryable(), error.exit_code())).max().map_or(0, |(_, code)| code)
}

/// Bytes of a line that most outcomes fit.
const LINE_USUAL: usize = 1024;

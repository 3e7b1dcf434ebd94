//! Local files that are to be sent: opened once, measured once, and not trusted to stay as they were.

use crate::error::{Error, Fault, Result};
use crate::protocol::hexadecimal;
use ring::digest;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::num::ParseIntError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A regular file, open for reading.
#[derive(Debug)]
pub struct Source {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The file's name without its directory.
    pub name: String,
    /// Its size in bytes when it was opened.
    pub size: u64,
    file: File,
}

/// When a file was last written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modified {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// And these, 0 to 999,999,999.
    pub nanoseconds: i64,
}

impl fmt::Display for Modified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:09}", self.seconds, self.nanoseconds)
    }
}

/// Takes what [`Display`](fmt::Display) writes.
impl FromStr for Modified {
    type Err = ParseIntError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseIntError> {
        let (seconds, nanoseconds) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self { seconds: seconds.parse()?, nanoseconds: nanoseconds.parse()? })
    }
}

impl Source {
    /// Opens `path` and takes its size.
    ///
    /// # Errors
    /// [`Fault::NoInput`]: there is no such file, or it may not be read. [`Fault::Data`]: it is a directory, or
    /// something else that has no size, or its name is not UTF-8.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let cannot_open = |error: std::io::Error| {
            let (code, remedy) = match error.kind() {
                ErrorKind::NotFound => ("no_such_file", "check the path"),
                ErrorKind::PermissionDenied => {
                    ("permission_denied", "let this user read the file, or run homing as one who may")
                }
                _ => ("cannot_open", "check the file and the disk"),
            };
            Error::new(Fault::NoInput, code, format!("cannot open '{shown}': {error}")).with_remedy(remedy)
        };
        // Looked at before it is opened: opening a pipe waits for its writer.
        let kind = std::fs::metadata(path).map_err(cannot_open)?;
        if kind.is_dir() {
            return Err(Error::new(Fault::Data, "is_directory", format!("'{shown}' is a directory"))
                .with_remedy("name the files in it, or send an archive: tar cf archive.tar DIRECTORY"));
        }
        if !kind.is_file() {
            return Err(Error::new(
                Fault::Data,
                "no_regular_file",
                format!("'{shown}' is no regular file and has no size"),
            )
            .with_remedy(NO_SIZE_REMEDY));
        }
        let file = File::open(path).map_err(cannot_open)?;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        // Files of /proc are made when they are read, and have no size before that.
        if metadata.len() == 0 && (&file).read(&mut [0]).map_err(|error| unreadable(path, &error))? > 0 {
            return Err(Error::new(Fault::Data, "no_size", format!("'{shown}' is said to have 0 bytes, and has more"))
                .with_remedy(NO_SIZE_REMEDY));
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::new(Fault::Data, "name_not_utf8", format!("the name of '{shown}' is not UTF-8"))
                .with_remedy("rename the file: S3 keys and messages are UTF-8"));
        };
        Ok(Self { path: path.to_owned(), name: name.to_owned(), size: metadata.len(), file })
    }

    /// An open file that has no name of its own, of `size` bytes.
    pub fn unnamed(file: File, name: &str, size: u64) -> Self {
        Self { path: "-".into(), name: name.to_owned(), size, file }
    }

    /// When it was last written to.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn modified(&self) -> Result<Modified> {
        let metadata = self.file.metadata().map_err(|error| unreadable(&self.path, &error))?;
        Ok(Modified { seconds: metadata.mtime(), nanoseconds: metadata.mtime_nsec() })
    }

    /// Whether the file is still as it was at that time, now that some of it has been read.
    ///
    /// # Errors
    /// As [`Source::check_unchanged`].
    pub fn check_unmodified(&self, since: Modified) -> Result<()> {
        self.check_unchanged()?;
        if self.modified()? == since { Ok(()) } else { Err(self.changed(self.size)) }
    }

    /// The SHA-256 of the whole file in lower-case hexadecimal; the file is at its start again afterwards.
    ///
    /// # Errors
    /// [`Fault::Io`], or the file has not the size it had.
    pub fn sha256(&mut self) -> Result<String> {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut buffer = [0; 16 * 1024];
        let mut total = 0;
        loop {
            match self.read(&mut buffer)? {
                0 => break,
                count => {
                    total += count as u64;
                    context.update(&buffer[..count]);
                }
            }
        }
        self.check_size(total)?;
        self.rewind()?;
        Ok(hexadecimal::digits(context.finish().as_ref()).collect())
    }

    /// Reads some bytes; 0 at the end.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done.map_err(|error| unreadable(&self.path, &error)),
            }
        }
    }

    /// Reads exactly as many bytes as `buffer` has.
    ///
    /// # Errors
    /// [`Fault::Io`], or the file has become shorter.
    pub fn read_exact(&mut self, buffer: &mut [u8], position: u64) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..])? {
                0 => return Err(self.changed(position + filled as u64)),
                count => filled += count,
            }
        }
        Ok(())
    }

    /// Another handle to the same file, for another thread. Both share one position in it.
    ///
    /// # Errors
    /// [`Fault::Io`]: no more file descriptors.
    pub fn reopened(&self) -> Result<Self> {
        let file = self.file.try_clone().map_err(|error| unreadable(&self.path, &error))?;
        Ok(Self { path: self.path.clone(), name: self.name.clone(), size: self.size, file })
    }

    /// Goes to this byte.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn seek(&mut self, position: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(position)).map(drop).map_err(|error| unreadable(&self.path, &error))
    }

    /// Goes back to the start.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn rewind(&mut self) -> Result<()> {
        self.file.rewind().map_err(|error| unreadable(&self.path, &error))
    }

    /// Whether the file still has the size it had, now that all of it has been read.
    ///
    /// # Errors
    /// The same as [`Source::changed`]; or [`Fault::Io`].
    pub fn check_unchanged(&self) -> Result<()> {
        self.check_size(self.file.metadata().map_err(|error| unreadable(&self.path, &error))?.len())
    }

    /// The error for a file that had another size than when it was opened.
    pub fn changed(&self, size_now: u64) -> Error {
        Error::new(
            Fault::Temporary,
            "file_changed",
            format!(
                "'{}' changed while it was being sent: it had {} bytes and now has {size_now}; nothing of it was delivered",
                self.path.display(),
                self.size
            ),
        )
        .with_remedy("send it when its writer is done: write to another name and rename it when complete")
    }

    fn check_size(&self, size_now: u64) -> Result<()> {
        if size_now == self.size { Ok(()) } else { Err(self.changed(size_now)) }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Fault::Io, "read_failed", format!("cannot read '{}': {error}", path.display()))
        .with_remedy("check the disk or memory card: dmesg shows its errors")
}

const NO_SIZE_REMEDY: &str = "write the data to a file first; or give it on standard input: `homing put - s3://BUCKET/KEY`, `homing publish TOPIC -`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_hides_its_size_is_not_taken_for_an_empty_one() {
        let error = Source::open(Path::new("/proc/self/stat")).map(drop).unwrap_err();
        assert_eq!((error.code(), error.fault()), ("no_size", Fault::Data));
        let empty = std::env::temp_dir().join(format!("homing-source-{}", std::process::id()));
        std::fs::write(&empty, "").unwrap();
        assert_eq!(Source::open(&empty).map(|source| source.size), Ok(0));
        std::fs::remove_file(empty).unwrap();
    }
}

//! Standard input, or anything else of unknown length, into one S3 object.
//!
//! S3 wants to know how long a part is before it comes, so each is spooled first: into one file without a name, one
//! part large, which is gone with the process however that ends. What ends within the first part becomes one PutObject.
//! Nothing of it can be resumed, because it cannot be read again; so what fails is aborted.

use super::multipart::is_gone;
use super::{REPLY_CAPACITY, Uploader, object_headers};
use crate::aws::s3_create_multipart_upload::CreateMultipartUpload;
use crate::aws::s3_multipart::MultipartUpload;
use crate::aws::s3_put::PutObjectOutcome;
use crate::aws::s3_upload_part::UploadPart;
use crate::cli;
use crate::error::{Error, Fault, Result};
use crate::job::attempts::attempted;
use crate::job::multipart_state::{MultipartState, Upload};
use crate::job::network::Network;
use crate::job::partial_file::no_follow;
use crate::job::source::{Modified, Source};
use crate::protocol::content_type::content_type;
use crate::protocol::plan::{MAXIMUM_PARTS, Parts};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

impl Uploader {
    /// Puts everything that `input` gives to `key`, and says how many bytes that was. `directories` are where the spool
    /// file may be, the first that can be written to counts.
    ///
    /// # Errors
    /// Input or spool file fail; there is more than 10,000 parts have room for; S3 cannot be reached or refuses. S3 then
    /// has no such object, or the one it had before.
    pub fn put_input(
        &mut self,
        network: &Network<'_>,
        input: &mut dyn Read,
        directories: &[PathBuf],
        key: &str,
        headers: &cli::ObjectHeaders,
    ) -> Result<(u64, PutObjectOutcome)> {
        let part_size = self.place.part_size();
        let mut spool = Spool::new(directories, part_size)?;
        let name = key.rsplit('/').next().unwrap_or_default();
        let mut length = spool.fill(input)?;
        if spool.is_at_end() {
            let mut source = spool.source(name, length)?;
            let put = attempted(network, || {
                source.rewind()?;
                self.put(&mut source, key, headers)
            });
            return self.or_own(network, put, key, headers, length).map(|outcome| (length, outcome));
        }
        let media_type = headers.content_type.as_deref().unwrap_or_else(|| content_type(name));
        let upload_id = attempted(network, || {
            let call = CreateMultipartUpload { bucket: self.place.bucket(), key };
            let request = call.request(&object_headers(headers, media_type), self.mode.trailer())?;
            self.ask(request, &mut vec![0; REPLY_CAPACITY], |reply, now| call.parse(reply, now))
        })?;
        log::info!("multipart upload of {key}: parts of {part_size} bytes");
        let mut upload = Upload {
            bucket: self.place.bucket().name.to_owned(),
            key: key.to_owned(),
            upload_id,
            size: 0,
            modified: Modified { seconds: 0, nanoseconds: 0 },
            part_size,
            headers: String::new(),
        };
        let mut parts = Vec::new();
        let sent = loop {
            let number = parts.len() as u16 + 1;
            let part = spool.source(name, length).and_then(|mut source| {
                attempted(network, || {
                    let place = self.place.clone();
                    let upload = MultipartUpload { bucket: place.bucket(), key, upload_id: &upload.upload_id };
                    self.upload_part(&UploadPart { upload, number }, &mut source, (0, length))
                })
            });
            upload.size += length;
            match part {
                Ok(part) => parts.push(part),
                Err(error) => break Err(error),
            }
            if spool.is_at_end() {
                break Ok(());
            }
            if number == MAXIMUM_PARTS {
                break Err(too_long(upload.size));
            }
            match spool.fill(input) {
                Ok(filled) => length = filled,
                Err(error) => break Err(error),
            }
        };
        // Every part but the last has the same size: as many as there are, by the plan, too.
        let plan = Parts::new(upload.size, part_size);
        let mut state = match plan {
            Some(plan) => MultipartState::begin(None, upload.clone(), plan),
            None => return Err(too_long(upload.size)),
        };
        for (number, part) in (1..).zip(parts) {
            state.record(number, part);
        }
        let done = sent.and_then(|()| self.completed(network, &state, &upload, headers.if_none_match));
        let is_completed = done.is_ok();
        match self.or_own(network, done, key, headers, upload.size) {
            Ok(outcome) => {
                if !is_completed {
                    self.give_up(network, state);
                }
                Ok((upload.size, outcome))
            }
            Err(error) => {
                if !is_gone(&error) {
                    self.give_up(network, state);
                }
                Err(error)
            }
        }
    }
}

/// One part of the input, in a file without a name.
struct Spool {
    file: File,
    capacity: u64,
    /// The byte behind the part that is in the file: only by it is known that there is more.
    next: Option<u8>,
}

impl Spool {
    fn new(directories: &[PathBuf], capacity: u64) -> Result<Self> {
        let mut reasons = String::new();
        for directory in directories {
            match unnamed(directory) {
                Ok(file) => return Ok(Self { file, capacity, next: None }),
                Err(error) => {
                    let separator = if reasons.is_empty() { "" } else { "; " };
                    reasons.push_str(&format!("{separator}'{}': {error}", directory.display()));
                }
            }
        }
        let message = format!("no file for the parts of standard input can be made: {reasons}");
        Err(Error::new(Fault::CannotCreate, "cannot_create", message)
            .with_remedy("set TMPDIR to a directory on a disk with room for one part (part_size)"))
    }

    /// Reads the next part, and gives its length.
    fn fill(&mut self, input: &mut dyn Read) -> Result<u64> {
        self.file.rewind().and_then(|()| self.file.set_len(0)).map_err(|error| self.full(&error))?;
        let mut buffer = vec![0; BUFFER];
        let mut length = 0;
        let mut start = 0;
        if let Some(byte) = self.next.take() {
            (buffer[0], start) = (byte, 1);
        }
        loop {
            // One more than fits, at the end.
            let room = usize::try_from(self.capacity + 1 - length).unwrap_or(usize::MAX).min(BUFFER);
            let count = if start < room { start + read(input, &mut buffer[start..room])? } else { start };
            let is_end = count == start;
            start = 0;
            let fitting = (self.capacity - length).min(count as u64) as usize;
            self.file.write_all(&buffer[..fitting]).map_err(|error| self.full(&error))?;
            length += fitting as u64;
            if fitting < count {
                self.next = Some(buffer[fitting]);
                return Ok(length);
            }
            if is_end {
                return Ok(length);
            }
        }
    }

    /// Whether nothing comes behind what is in it.
    fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    /// What is in it, as a file to be sent.
    fn source(&mut self, name: &str, length: u64) -> Result<Source> {
        let file = self.file.rewind().and_then(|()| self.file.try_clone()).map_err(|error| self.full(&error))?;
        Ok(Source::unnamed(file, name, length))
    }

    fn full(&self, error: &io::Error) -> Error {
        let message = format!("standard input cannot be spooled, a part of {} bytes at a time: {error}", self.capacity);
        Error::new(Fault::Io, "spool_failed", message)
            .with_remedy("make room for one part, lower part_size, or set TMPDIR to a directory on another disk")
    }
}

/// Opens a file for this user alone that has no name, or has lost it by now.
fn unnamed(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(OFlags::TMPFILE.bits().cast_signed());
    if let Ok(file) = options.open(directory) {
        return Ok(file);
    }
    // A file system, or a kernel, that does not know files without a name.
    let path = directory.join(format!(".homing-spool-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let file = no_follow().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn read(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => {
                return done.map_err(|error| {
                    Error::new(Fault::Io, "read_failed", format!("cannot read standard input: {error}"))
                        .with_remedy("check what writes to it")
                });
            }
        }
    }
}

fn too_long(size: u64) -> Error {
    let message =
        format!("standard input goes on behind {size} bytes, and an upload has at most {MAXIMUM_PARTS} parts");
    Error::new(Fault::Data, "input_too_long", message).with_remedy("set a larger part_size")
}

/// One read and one write.
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most 3 bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(3);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn input_comes_in_whole_parts_and_a_rest() {
        for capacity in [1, 4, 7, 100] {
            for length in [0, 1, 3, 4, 5, 7, 8, 14, 15, 100, 101, 200] {
                let bytes: Vec<u8> = (0..length).collect();
                let mut input = Slow(&bytes);
                let mut spool = Spool::new(&[std::env::temp_dir()], capacity).unwrap();
                let mut found = Vec::new();
                loop {
                    let count = spool.fill(&mut input).unwrap();
                    assert!(count == capacity || spool.is_at_end(), "{capacity} {length}");
                    let mut source = spool.source("x", count).unwrap();
                    let mut part = vec![0; count as usize];
                    source.read_exact(&mut part, 0).unwrap();
                    source.check_unchanged().unwrap();
                    found.extend(part);
                    if spool.is_at_end() {
                        break;
                    }
                }
                assert_eq!(found, bytes, "{capacity}");
            }
        }
    }

    #[test]
    fn the_spool_file_has_no_name_and_is_its_owner_s_alone() {
        use std::os::unix::fs::MetadataExt;
        let directory = std::env::temp_dir().join(format!("homing-spool-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let missing = directory.join("missing");
        let spool = Spool::new(&[missing.clone(), directory.clone()], 1).unwrap();
        let metadata = spool.file.metadata().unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.nlink()), (0o600, 0));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir(directory).unwrap();
        assert_eq!(Spool::new(&[missing], 1).err().unwrap().fault(), Fault::CannotCreate);
    }
}

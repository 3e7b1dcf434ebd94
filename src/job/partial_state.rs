//! What a file that is being fetched is of, and how much of it is surely there: `FILE.part.json`.
//!
//! Lines of JSON. The first is the object: name, ETag, size, last modification and, where S3 gave one, checksum. Each
//! further line is a mark: up to which byte `FILE.part` was surely on the disk, and in which boot of the device that was
//! said. Within that boot every byte of the file counts; after another boot, perhaps after a power cut, only those up to
//! the mark, because a file system may have kept a file's length and lost its content.

use super::download::Begun;
use super::object_description;
use super::partial_file::{is_ours_alone, is_same_file, no_follow};
use crate::protocol::json::{self, ObjectWriter, Text};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The file `FILE.part.json`.
pub struct PartialState {
    path: PathBuf,
    object: String,
    boot: String,
    file: Option<File>,
}

/// What there is under a state's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A state of homing's, perhaps a damaged one, that is this user's, under this name alone.
    Own,
    /// The same of another user's making, or with further names: it counts for nothing, and is not written to.
    Others,
    /// Something that homing has not made.
    Foreign,
}

/// What a state says.
#[derive(Debug, PartialEq, Eq)]
pub struct Recalled {
    /// What the bytes are of.
    pub begun: Begun,
    /// Up to here they were synchronized.
    pub synced: u64,
    /// Up to here they count; [`u64::MAX`]: all of them.
    pub trusted: u64,
}

impl PartialState {
    /// The state of a download of `object` (its name in full); nothing is read or written yet.
    pub fn new(path: PathBuf, object: &str) -> Self {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        Self { path, object: object.to_owned(), boot, file: None }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is there under its name, whatever object it is of.
    pub fn found(&self) -> Found {
        let file = match no_follow().read(true).open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Found::Nothing,
            Err(_) => return Found::Foreign,
            Ok(file) => file,
        };
        let metadata = match file.metadata() {
            Ok(metadata) if metadata.is_file() => metadata,
            _ => return Found::Foreign,
        };
        let mut text = Vec::new();
        match file.take(STATE_MAXIMUM).read_to_end(&mut text) {
            Ok(_) if !is_state(&text) => Found::Foreign,
            Ok(_) if is_ours_alone(&metadata) => Found::Own,
            Ok(_) => Found::Others,
            Err(_) => Found::Foreign,
        }
    }

    /// What it says of this object; nothing where it is damaged, or of another one.
    pub fn recall(&self) -> Option<Recalled> {
        let mut text = Vec::new();
        let file = no_follow().read(true).open(&self.path).ok()?;
        if !is_ours_alone(&file.metadata().ok()?) {
            return None;
        }
        file.take(STATE_MAXIMUM).read_to_end(&mut text).ok()?;
        // Without its line end a line is not whole.
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        let begun = object_description::read(lines.next()?, &self.object)?;
        let mark = lines.filter_map(|line| json::read::<Mark<'_>>(line).ok()).next_back()?;
        let is_same_boot = !self.boot.is_empty() && mark.boot.0 == self.boot;
        let trusted = if is_same_boot { u64::MAX } else { mark.synced };
        Some(Recalled { begun, synced: mark.synced, trusted })
    }

    /// Writes it anew, for a file that is empty now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(&mut self, begun: &Begun) -> io::Result<()> {
        let mut line = object_description::written(begun, &self.object)?;
        line.push(b'\n');
        // Never into a file that is there: it may have another name as well, and be another file.
        self.remove();
        let mut file = no_follow().write(true).create_new(true).open(&self.path)?;
        file.write_all(&line)?;
        self.file = Some(file);
        self.mark(0)
    }

    /// Goes on writing to it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn resume(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let file = no_follow().append(true).open(&self.path)?;
            if !is_ours_alone(&file.metadata()?) {
                return Err(io::Error::other("its state was replaced meanwhile"));
            }
            self.file = Some(file);
        }
        Ok(())
    }

    /// Whether it has been begun or resumed.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Says durably that everything up to `synced` is on the disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn mark(&mut self, synced: u64) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut line = [0; MARK_MAXIMUM];
        let mut writer = ObjectWriter::new(&mut line);
        writer.text("boot", &self.boot).number("synced", synced);
        let length = writer.finish().map_err(|_| io::Error::other("the mark is too long"))?;
        let end = line.get_mut(length).ok_or_else(|| io::Error::other("the mark is too long"))?;
        *end = b'\n';
        file.write_all(&line[..=length])?;
        file.sync_data()
    }

    /// Removes it, unless it is by now that of another process, to which the names are free again.
    pub fn remove(&mut self) {
        let own = self.file.take().and_then(|file| file.metadata().ok());
        let there = fs::symlink_metadata(&self.path);
        let is_ours = match own {
            Some(own) => there.is_ok_and(|there| is_same_file(&own, &there)),
            None => matches!(self.found(), Found::Own | Found::Others),
        };
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether this may be of homing's writing: as it begins, or cut off or zeroed by a power cut.
fn is_state(text: &[u8]) -> bool {
    text.starts_with(BEGINNING) || BEGINNING.starts_with(text) || text.iter().all(|byte| *byte == 0)
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    boot: Text<'a>,
    synced: u64,
}

/// What `object_description` writes first.
const BEGINNING: &[u8] = b"{\"object\":";
/// Another one after each boot (Linux, random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// `{"boot":"…","synced":…}` with 36 and at most 20 characters.
const MARK_MAXIMUM: usize = 128;
/// The description, and the marks: a download of any size makes under 600 of under 80 bytes. What is beyond is not
/// read: the file then counts up to an earlier mark.
const STATE_MAXIMUM: u64 = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::checksum::ChecksumAlgorithm;

    fn begun() -> Begun {
        Begun {
            etag: "\"a\\b\"".into(),
            size: 1_000,
            last_modified: "Wed, 12 Oct 2009 17:50:00 GMT".into(),
            checksum: Some((ChecksumAlgorithm::Crc64Nvme, "rsxW1xqPqxg=".into())),
        }
    }

    fn state(name: &str) -> PartialState {
        let path = std::env::temp_dir().join(format!("homing-{}-{name}.json", std::process::id()));
        PartialState::new(path, "s3://b/ü \"k\"")
    }

    #[test]
    fn what_was_begun_is_recalled() {
        let mut state = state("recalled");
        state.begin(&begun()).unwrap();
        state.mark(500).unwrap();
        assert_eq!(state.recall(), Some(Recalled { begun: begun(), synced: 500, trusted: u64::MAX }));
        let mut again = PartialState::new(state.path.clone(), &state.object);
        again.resume().unwrap();
        again.mark(700).unwrap();
        assert_eq!(again.recall().unwrap().synced, 700);
        // After a power cut only what was synchronized counts.
        let rebooted = PartialState { boot: "another".into(), ..PartialState::new(state.path.clone(), &state.object) };
        assert_eq!(rebooted.recall().unwrap().trusted, 700);
        let unknown = PartialState { boot: String::new(), ..PartialState::new(state.path.clone(), &state.object) };
        assert_eq!(unknown.recall().unwrap().trusted, 700);
        assert_eq!(PartialState::new(state.path.clone(), "s3://b/other").recall(), None);
        state.remove();
        assert_eq!(again.recall(), None);
    }

    #[test]
    fn a_state_cut_anywhere_says_less_but_nothing_wrong() {
        let mut state = state("cut");
        state.begin(&begun()).unwrap();
        state.mark(500).unwrap();
        let whole = fs::read(&state.path).unwrap();
        for end in 0..whole.len() {
            fs::write(&state.path, &whole[..end]).unwrap();
            let recalled = state.recall();
            assert!(recalled.is_none_or(|recalled| recalled.begun == begun() && recalled.synced == 0), "{end}");
        }
        state.remove();
    }

    #[test]
    fn the_state_of_another_process_is_left_alone() {
        let mut state = state("other");
        state.begin(&begun()).unwrap();
        fs::remove_file(&state.path).unwrap();
        fs::write(&state.path, "another's").unwrap();
        state.remove();
        assert_eq!(fs::read(&state.path).unwrap(), b"another's");
        fs::remove_file(&state.path).unwrap();
    }
}

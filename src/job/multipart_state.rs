//! What is known of a multipart upload that is on its way, in one file, so that it goes on after a power cut.
//!
//! Lines of JSON. The first says which upload it is and of what: it is written to another name, synchronized, and renamed
//! into place, so that there is never half of it. Each further line is a part that S3 has confirmed, appended and
//! synchronized before the next part is sent: rewriting the file each time would wear a memory card out. A line that a
//! power cut has torn, and whatever follows it, counts for nothing: those parts are sent again.
//!
//! 10,000 parts of at most 200 bytes: the file has 2 MB at most, and usually some KB. In memory a part takes 144 bytes:
//! 18 KB for 1 GiB in parts of 8 MiB, 1.4 MB for 10,000 parts.

use super::partial_file::{is_ours_alone, no_follow, sync_directory};
use super::source::Modified;
use crate::aws::s3_multipart::{UPLOAD_ID_MAXIMUM, UploadedPart, etag};
use crate::protocol::json::{self, ObjectWriter, Text};
use crate::protocol::plan::{MAXIMUM_PARTS, Parts};
use crate::protocol::template::KEY_CAPACITY;
use serde::Deserialize;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Which upload it is, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The id that S3 gave it.
    pub upload_id: String,
    /// The file's size in bytes.
    pub size: u64,
    /// When the file was last written to.
    pub modified: Modified,
    /// Bytes of every part but the last.
    pub part_size: u64,
    /// SHA-256 in hexadecimal of what the upload was begun with: the object's headers, and how its parts are checked.
    pub headers: String,
}

/// An upload on its way. Its file, where it has one, is this process's alone as long as this lives.
pub struct MultipartState {
    upload: Upload,
    plan: Parts,
    parts: Vec<Option<UploadedPart>>,
    /// Where it is kept; `None`: nowhere, the next run begins anew.
    path: Option<PathBuf>,
    file: Option<File>,
}

/// What there is at a state's place.
pub enum Found {
    /// An upload that has begun.
    Begun(Box<MultipartState>),
    /// None.
    Nothing,
    /// One that another process is at just now.
    Busy,
}

impl MultipartState {
    /// Reads what there is at `path`, and keeps it for this process. What makes no sense counts as nothing.
    pub fn recall(path: &Path) -> Found {
        match Self::read(path) {
            Ok(found) => found,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    log::info!("'{}' cannot be used: {error}", path.display());
                }
                Found::Nothing
            }
        }
    }

    /// Begins with no part done. Where the state cannot be kept at `path`, the upload can do without.
    pub fn begin(path: Option<&Path>, upload: Upload, plan: Parts) -> Self {
        let kept = path.and_then(|path| match write_new(path, &upload) {
            Ok(file) => Some((path.to_owned(), file)),
            Err(error) => {
                log::info!("'{}' cannot be written, so this upload cannot be resumed: {error}", path.display());
                None
            }
        });
        let (path, file) = kept.unzip();
        Self { upload, plan, parts: Vec::new(), path, file }
    }

    /// Which upload it is.
    pub fn upload(&self) -> &Upload {
        &self.upload
    }

    /// How it is divided.
    pub fn plan(&self) -> Parts {
        self.plan
    }

    /// Whether the next run can go on with it.
    pub fn is_kept(&self) -> bool {
        self.file.is_some()
    }

    /// The part of this number, where it is done.
    pub fn part(&self, number: u16) -> Option<&UploadedPart> {
        self.parts.get(usize::from(number).checked_sub(1)?)?.as_ref()
    }

    /// How many parts are done.
    pub fn done(&self) -> usize {
        self.parts.iter().flatten().count()
    }

    /// This part is done: said durably before this returns, or not at all.
    pub fn record(&mut self, number: u16, part: UploadedPart) {
        if let Some(file) = &mut self.file
            && let Err(error) = append(file, number, &part)
        {
            log::warn!("the state of the upload cannot be written, so it cannot be resumed from here: {error}");
            self.file = None;
        }
        self.remember(number, part);
    }

    /// This part is not done after all. The file still says so; whoever reads it asks S3, as this run did.
    pub fn forget(&mut self, number: u16) {
        if let Some(part) = usize::from(number).checked_sub(1).and_then(|index| self.parts.get_mut(index)) {
            *part = None;
        }
    }

    /// The upload has ended: its file goes.
    pub fn remove(self) {
        let Some(path) = &self.path else { return };
        match fs::remove_file(path) {
            Ok(()) => sync_directory(path),
            Err(error) => log::warn!("'{}' cannot be removed: {error}", path.display()),
        }
    }

    fn remember(&mut self, number: u16, part: UploadedPart) {
        let index = usize::from(number.max(1)) - 1;
        if self.parts.is_empty() {
            self.parts.reserve_exact(usize::from(self.plan.count()));
        }
        if self.parts.len() <= index {
            // At most 10,000: no part has a greater number.
            self.parts.resize(index + 1, None);
        }
        self.parts[index] = Some(part);
    }

    fn read(path: &Path) -> io::Result<Found> {
        let mut file = no_follow().read(true).write(true).open(path)?;
        if !is_ours_alone(&file.metadata()?) {
            return Err(io::Error::other("it is another user's, or has another name as well"));
        }
        if !is_locked(&file)? {
            return Ok(Found::Busy);
        }
        let mut reader = BufReader::new(&file);
        let (mut line, mut good) = (Vec::new(), 0);
        let Some(upload) = read_line(&mut reader, &mut line)?.and_then(|()| read_upload(&line)) else {
            return Ok(Found::Nothing);
        };
        let Some(plan) = Parts::new(upload.size, upload.part_size).filter(|plan| plan.part_size() == upload.part_size)
        else {
            return Ok(Found::Nothing);
        };
        good += line.len() as u64;
        let mut state = Self { upload, plan, parts: Vec::new(), path: Some(path.to_owned()), file: None };
        // Even a file that says every part again and again comes to an end.
        for _ in 0..2 * u32::from(MAXIMUM_PARTS) {
            let Some((number, part)) = read_line(&mut reader, &mut line)?.and_then(|()| read_part(&line)) else {
                break;
            };
            if number > plan.count() {
                break;
            }
            good += line.len() as u64;
            state.remember(number, part);
        }
        // What is torn must not stand in front of what is appended.
        file.set_len(good)?;
        file.seek(SeekFrom::Start(good))?;
        state.file = Some(file);
        Ok(Found::Begun(Box::new(state)))
    }
}

/// Writes the first line under another name, and renames it when it is on the disk.
fn write_new(path: &Path, upload: &Upload) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let draft = PathBuf::from(name);
    let mut file = no_follow().read(true).write(true).create(true).truncate(false).open(&draft)?;
    if !is_ours_alone(&file.metadata()?) || !is_locked(&file)? {
        return Err(io::Error::other(format!("'{}' is in use, or in the way", draft.display())));
    }
    file.set_len(0)?;
    file.write_all(&upload_line(upload)?)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_directory(path);
    Ok(file)
}

fn append(file: &mut File, number: u16, part: &UploadedPart) -> io::Result<()> {
    let mut line = [0; PART_LINE_MAXIMUM];
    let mut writer = ObjectWriter::new(&mut line[..PART_LINE_MAXIMUM - 1]);
    writer.number("part", number.into()).text("etag", &part.etag);
    writer.optional_text("checksum", Some(part.checksum.as_str()).filter(|text| !text.is_empty()));
    let length = writer.finish().map_err(|_| io::Error::other("the part's line is too long"))?;
    line[length] = b'\n';
    file.write_all(&line[..=length])?;
    file.sync_data()
}

/// Whether it is ours now. A file system without locks has none, and then it is.
fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            log::debug!("the state of an upload is not locked: {error}");
            Ok(true)
        }
    }
}

fn upload_line(upload: &Upload) -> io::Result<Vec<u8>> {
    let mut line = vec![0; UPLOAD_LINE_MAXIMUM];
    let mut writer = ObjectWriter::new(&mut line[..UPLOAD_LINE_MAXIMUM - 1]);
    writer.text("bucket", &upload.bucket).text("key", &upload.key).text("upload_id", &upload.upload_id);
    writer.number("size", upload.size).text("modified", &upload.modified.to_string());
    writer.number("part_size", upload.part_size).text("headers", &upload.headers);
    let length = writer.finish().map_err(|_| io::Error::other("the upload's line is too long"))?;
    line[length] = b'\n';
    line.truncate(length + 1);
    Ok(line)
}

/// Reads a line with its end; `None` where it is not whole, or longer than any of ours.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<()>> {
    line.clear();
    reader.take(UPLOAD_LINE_MAXIMUM as u64).read_until(b'\n', line)?;
    Ok(line.ends_with(b"\n").then_some(()))
}

fn read_upload(line: &[u8]) -> Option<Upload> {
    let fields: UploadFields<'_> = json::read(line).ok()?;
    let text = |text| Some(json::unescape(text, &mut vec![0; UPLOAD_LINE_MAXIMUM]).ok()?.to_owned());
    Some(Upload {
        bucket: text(fields.bucket)?,
        key: text(fields.key)?,
        upload_id: text(fields.upload_id).filter(|id| (1..=UPLOAD_ID_MAXIMUM).contains(&id.len()))?,
        size: fields.size,
        modified: fields.modified.0.parse().ok()?,
        part_size: fields.part_size,
        headers: text(fields.headers)?,
    })
}

fn read_part(line: &[u8]) -> Option<(u16, UploadedPart)> {
    let fields: PartFields<'_> = json::read(line).ok()?;
    let checksum = fields.checksum.map_or("", |text| text.0).try_into().ok()?;
    (fields.part > 0).then_some((fields.part, UploadedPart { etag: etag(fields.etag.0)?, checksum }))
}

#[derive(Deserialize)]
struct UploadFields<'a> {
    #[serde(borrow)]
    bucket: Text<'a>,
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    upload_id: Text<'a>,
    size: u64,
    #[serde(borrow)]
    modified: Text<'a>,
    part_size: u64,
    #[serde(borrow)]
    headers: Text<'a>,
}

#[derive(Deserialize)]
struct PartFields<'a> {
    part: u16,
    #[serde(borrow)]
    etag: Text<'a>,
    #[serde(borrow)]
    checksum: Option<Text<'a>>,
}

/// A key, each byte escaped to 6 at worst, an upload id, a bucket's name of at most 255 bytes, and the rest.
const UPLOAD_LINE_MAXIMUM: usize = KEY_CAPACITY * 6 + UPLOAD_ID_MAXIMUM + 255 + 512;
/// An ETag of 72 bytes, a checksum of 44, a number of 5, and the names.
const PART_LINE_MAXIMUM: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("homing-multipart-{}-{name}/state", std::process::id())))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    fn upload() -> Upload {
        Upload {
            bucket: "b".into(),
            key: "ü \"k\"\n".into(),
            upload_id: "id-1".into(),
            size: 20 << 20,
            modified: Modified { seconds: -7, nanoseconds: 5 },
            part_size: 8 << 20,
            headers: "00ff".into(),
        }
    }

    fn part(etag: &str, checksum: &str) -> UploadedPart {
        UploadedPart { etag: etag.try_into().unwrap(), checksum: checksum.try_into().unwrap() }
    }

    fn begun(place: &Path) -> MultipartState {
        MultipartState::begin(Some(place), upload(), Parts::new(20 << 20, 8 << 20).unwrap())
    }

    fn recalled(place: &Path) -> MultipartState {
        match MultipartState::recall(place) {
            Found::Begun(state) => *state,
            Found::Nothing => panic!("nothing"),
            Found::Busy => panic!("busy"),
        }
    }

    #[test]
    fn what_was_recorded_is_recalled_and_goes_on() {
        let place = Place::new("recalled");
        let mut state = begun(&place.0);
        state.record(1, part("a", "AAAAAA=="));
        state.record(3, part("c", ""));
        assert!(matches!(MultipartState::recall(&place.0), Found::Busy), "another process's as long as it is at it");
        drop(state);
        let mut state = recalled(&place.0);
        assert_eq!((state.upload(), state.done(), state.plan().count()), (&upload(), 2, 3));
        assert_eq!((state.part(1), state.part(2)), (Some(&part("a", "AAAAAA==")), None));
        state.forget(3);
        state.record(2, part("b", ""));
        state.record(3, part("C", ""));
        drop(state);
        let state = recalled(&place.0);
        assert_eq!((state.part(2), state.part(3)), (Some(&part("b", "")), Some(&part("C", ""))));
        state.remove();
        assert!(matches!(MultipartState::recall(&place.0), Found::Nothing));
        assert_eq!(fs::read_dir(place.0.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_state_cut_anywhere_says_less_but_nothing_wrong_and_goes_on() {
        let place = Place::new("cut");
        let mut state = begun(&place.0);
        state.record(1, part("a", ""));
        state.record(2, part("b", ""));
        drop(state);
        let whole = fs::read(&place.0).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for end in 0..whole.len() {
            // A file system may have kept the length and lost the content.
            for tail in [0, 40] {
                let mut cut = whole[..end].to_vec();
                cut.resize(end + tail, 0);
                fs::write(&place.0, cut).unwrap();
                match MultipartState::recall(&place.0) {
                    Found::Begun(mut state) => {
                        assert!(end >= first && state.upload() == &upload(), "{end}");
                        let before = state.done();
                        assert!(before < 2 && (before == 0 || state.part(1) == Some(&part("a", ""))), "{end}");
                        state.record(3, part("c", ""));
                        drop(state);
                        let state = recalled(&place.0);
                        assert_eq!((state.done(), state.part(3)), (before + 1, Some(&part("c", ""))), "{end}");
                    }
                    Found::Nothing => assert!(end < first, "{end}"),
                    Found::Busy => panic!("{end}"),
                }
            }
        }
    }

    #[test]
    fn what_is_no_state_of_ours_counts_for_nothing() {
        let place = Place::new("foreign");
        drop(begun(&place.0));
        let line = String::from_utf8(fs::read(&place.0).unwrap()).unwrap();
        for text in [
            "{}\n".to_owned(),
            line.replace("\"size\":20971520", "\"size\":0").replace("8388608", "1"),
            line.replace("id-1", ""),
            line.replace("id-1", &"x".repeat(1025)),
            format!("{}{line}", " ".repeat(1 << 20)),
        ] {
            fs::write(&place.0, text).unwrap();
            assert!(matches!(MultipartState::recall(&place.0), Found::Nothing));
        }
        // A part that the upload cannot have, and what stands behind it.
        fs::write(&place.0, line.clone() + "{\"part\":4,\"etag\":\"x\"}\n{\"part\":1,\"etag\":\"x\"}\n").unwrap();
        assert_eq!(recalled(&place.0).done(), 0);
        let other = place.0.with_extension("link");
        fs::hard_link(&place.0, other).unwrap();
        assert!(matches!(MultipartState::recall(&place.0), Found::Nothing), "it has another name");
    }

    #[test]
    fn without_a_place_it_works_but_is_not_kept() {
        let mut state = MultipartState::begin(None, upload(), Parts::new(20 << 20, 8 << 20).unwrap());
        state.record(1, part("a", ""));
        assert_eq!((state.is_kept(), state.done()), (false, 1));
        state.remove();
        let mut state = begun(Path::new("/proc/homing/state"));
        state.record(1, part("a", ""));
        assert!(!state.is_kept());
    }

    #[test]
    fn the_longest_line_fits() {
        let place = Place::new("longest");
        let longest = Upload {
            key: "\u{1}".repeat(1024),
            upload_id: "x".repeat(1024),
            bucket: "b".repeat(255),
            headers: "f".repeat(64),
            ..upload()
        };
        let mut state = MultipartState::begin(Some(&place.0), longest.clone(), Parts::new(20 << 20, 8 << 20).unwrap());
        state.record(3, part(&"e".repeat(72), &"c".repeat(44)));
        assert!(state.is_kept());
        drop(state);
        let state = recalled(&place.0);
        assert_eq!((state.upload(), state.done()), (&longest, 1));
    }

    #[test]
    fn a_part_takes_as_much_memory_as_is_said() {
        assert!(size_of::<Option<UploadedPart>>() <= 144, "{}", size_of::<Option<UploadedPart>>());
    }
}

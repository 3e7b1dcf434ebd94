//! The file `metadata.json` of an entry: its [`Metadata`], and what the queue itself has to know of its file.
//!
//! Keys that are not known are skipped, so that an older homing can deliver what a newer one has queued; a version that
//! is not known is an error.

use super::stamp::{Origin, Stamp};
use super::{Metadata, Object, Reason, Stored, Way};
use crate::error::{Error, Fault};
use crate::protocol::json::{self, Full, ObjectWriter, Text};
use crate::protocol::json_walk::{Kind, Value};

/// What is in `metadata.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) metadata: Metadata,
    /// The file, as it was when it was queued.
    pub(super) file: Stamp,
    /// What it was moved from.
    pub(super) origin: Option<Origin>,
    /// When somebody put it back into the queue, in seconds since the Unix epoch.
    pub(super) retried: Option<i64>,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not what homing has written; what is wrong with it.
    Damaged(&'static str),
    /// It is of a later version.
    Newer(u64),
}

impl Record {
    /// The file's content.
    ///
    /// # Errors
    /// [`Fault::Data`]: it would be longer than [`RECORD_MAXIMUM`].
    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        written(|writer| {
            let Self { metadata, file, origin, retried } = self;
            writer.number("version", VERSION).text("name", &metadata.name).number("size", metadata.size);
            writer.number("queued", seconds(metadata.queued)).number("time", seconds(metadata.time));
            writer.text("topic", &metadata.topic).text("message_id", &metadata.message_id);
            if let Way::S3(object) = &metadata.way {
                writer.object("s3", |writer| write_object(object, writer));
            }
            writer.number("attempts", u64::from(metadata.attempts));
            if let Some(time) = metadata.last_attempt {
                writer.number("last_attempt", seconds(time));
            }
            if let Some(reason) = &metadata.last_error {
                writer.object("last_error", |writer| write_reason(reason, writer));
            }
            if let Some(time) = retried {
                writer.number("retried", seconds(*time));
            }
            writer.object("file", |writer| file.write(writer));
            if let Some(origin) = origin {
                writer.object("source", |writer| origin.write(writer));
            }
        })
    }

    pub(super) fn from_json(content: &[u8]) -> Result<Self, Unreadable> {
        let fields = Fields::of(content)?;
        let version = fields.number("version")?;
        if version != VERSION {
            return Err(Unreadable::Newer(version));
        }
        let way = match fields.object("s3")? {
            None => Way::Inline,
            Some(object) => Way::S3(Box::new(read_object(&object)?)),
        };
        let attempts = fields.optional_number("attempts")?.unwrap_or(0);
        let metadata = Metadata {
            name: fields.text("name")?,
            size: fields.number("size")?,
            queued: fields.time("queued")?.ok_or(Unreadable::Damaged("queued"))?,
            time: fields.time("time")?.ok_or(Unreadable::Damaged("time"))?,
            topic: fields.text("topic")?,
            message_id: fields.optional_text("message_id")?.unwrap_or_default(),
            way,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            last_attempt: fields.time("last_attempt")?,
            last_error: fields.object("last_error")?.map(|fields| read_reason(&fields)).transpose()?,
        };
        Ok(Self {
            metadata,
            file: fields.object("file")?.and_then(|fields| Stamp::read(&fields)).ok_or(Unreadable::Damaged("file"))?,
            origin: fields.object("source")?.and_then(|fields| Origin::read(&fields)),
            retried: fields.time("retried")?,
        })
    }
}

/// The content of `reason.json`.
pub(super) fn reason_to_json(reason: &Reason) -> Result<Vec<u8>, Error> {
    written(|writer| {
        writer.number("version", VERSION);
        write_reason(reason, writer);
    })
}

pub(super) fn reason_from_json(content: &[u8]) -> Result<Reason, Unreadable> {
    read_reason(&Fields::of(content)?)
}

fn write_object(object: &Object, writer: &mut ObjectWriter<'_>) {
    writer.text("bucket", &object.bucket).text("key", &object.key);
    writer.optional_text("content_type", object.content_type.as_deref());
    if !object.metadata.is_empty() {
        writer.object("metadata", |writer| write_pairs(&object.metadata, writer));
    }
    writer.optional_text("storage_class", object.storage_class.as_deref());
    if !object.tags.is_empty() {
        writer.object("tags", |writer| write_pairs(&object.tags, writer));
    }
    writer.optional_text("sse", object.sse.as_deref());
    writer.optional_text("sse_kms_key_id", object.sse_kms_key_id.as_deref());
    if object.if_none_match {
        writer.boolean("if_none_match", true);
    }
    if let Some(seconds) = object.presign {
        writer.number("presign", u64::from(seconds));
    }
    if let Some(stored) = &object.stored {
        writer.object("stored", |writer| {
            writer.text("etag", &stored.etag).optional_text("version_id", stored.version_id.as_deref());
            if let Some((algorithm, value)) = &stored.checksum {
                writer.text("checksum_algorithm", algorithm).text("checksum", value);
            }
        });
    }
}

fn read_object(fields: &Fields<'_>) -> Result<Object, Unreadable> {
    let presign = fields.optional_number("presign")?;
    Ok(Object {
        bucket: fields.text("bucket")?,
        key: fields.text("key")?,
        content_type: fields.optional_text("content_type")?,
        metadata: fields.pairs("metadata")?,
        storage_class: fields.optional_text("storage_class")?,
        tags: fields.pairs("tags")?,
        sse: fields.optional_text("sse")?,
        sse_kms_key_id: fields.optional_text("sse_kms_key_id")?,
        if_none_match: fields.boolean("if_none_match")?,
        presign: presign
            .map(|seconds| u32::try_from(seconds).map_err(|_| Unreadable::Damaged("presign")))
            .transpose()?,
        stored: fields.object("stored")?.map(|fields| read_stored(&fields)).transpose()?,
    })
}

fn read_stored(fields: &Fields<'_>) -> Result<Stored, Unreadable> {
    Ok(Stored {
        etag: fields.text("etag")?,
        version_id: fields.optional_text("version_id")?,
        checksum: fields.optional_text("checksum_algorithm")?.zip(fields.optional_text("checksum")?),
    })
}

fn write_reason(reason: &Reason, writer: &mut ObjectWriter<'_>) {
    let end = reason.message.floor_char_boundary(MESSAGE_MAXIMUM);
    writer.text("code", &reason.code).text("message", &reason.message[..end]).number("time", seconds(reason.time));
}

fn read_reason(fields: &Fields<'_>) -> Result<Reason, Unreadable> {
    Ok(Reason {
        code: fields.text("code")?,
        message: fields.text("message")?,
        time: fields.time("time")?.unwrap_or_default(),
    })
}

fn write_pairs(pairs: &[(String, String)], writer: &mut ObjectWriter<'_>) {
    for (name, value) in pairs {
        writer.text(name, value);
    }
}

/// Linux has no clock before 1970.
fn seconds(time: i64) -> u64 {
    u64::try_from(time).unwrap_or(0)
}

fn written(write: impl Fn(&mut ObjectWriter<'_>)) -> Result<Vec<u8>, Error> {
    let fill = |buffer: &mut [u8]| {
        let mut writer = ObjectWriter::new(buffer);
        write(&mut writer);
        writer.finish()
    };
    let length = match fill(&mut []) {
        Ok(length) | Err(Full { needed: length }) => length,
    };
    let mut content = vec![0; length];
    match fill(&mut content) {
        Ok(_) if length <= RECORD_MAXIMUM => Ok(content),
        _ => {
            let message =
                format!("what is to be kept of the file takes {length} bytes, and {RECORD_MAXIMUM} are taken");
            Err(Error::new(Fault::Data, "metadata_too_long", message)
                .with_remedy("shorten the object's metadata and tags"))
        }
    }
}

/// The fields of an object.
pub(super) struct Fields<'a>(Value<'a>);

impl<'a> Fields<'a> {
    fn of(content: &'a [u8]) -> Result<Self, Unreadable> {
        let text = str::from_utf8(content).map_err(|_| Unreadable::Damaged("UTF-8"))?;
        let value = Value::of(text, NESTING).map_err(|malformed| Unreadable::Damaged(malformed.what))?;
        match value.kind() {
            Kind::Object(_) => Ok(Self(value)),
            _ => Err(Unreadable::Damaged("it is no object")),
        }
    }

    fn object(&self, name: &'static str) -> Result<Option<Self>, Unreadable> {
        match self.0.member(name) {
            None => Ok(None),
            Some(value) if matches!(value.kind(), Kind::Object(_)) => Ok(Some(Self(value))),
            Some(_) => Err(Unreadable::Damaged(name)),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<String, Unreadable> {
        self.optional_text(name)?.ok_or(Unreadable::Damaged(name))
    }

    fn optional_text(&self, name: &'static str) -> Result<Option<String>, Unreadable> {
        let Some(value) = self.0.member(name) else { return Ok(None) };
        let Kind::Text(text) = value.kind() else { return Err(Unreadable::Damaged(name)) };
        owned(text).map(Some).ok_or(Unreadable::Damaged(name))
    }

    pub(super) fn number(&self, name: &'static str) -> Result<u64, Unreadable> {
        self.optional_number(name)?.ok_or(Unreadable::Damaged(name))
    }

    fn optional_number(&self, name: &'static str) -> Result<Option<u64>, Unreadable> {
        let Some(value) = self.0.member(name) else { return Ok(None) };
        value.text().parse().map(Some).map_err(|_| Unreadable::Damaged(name))
    }

    fn time(&self, name: &'static str) -> Result<Option<i64>, Unreadable> {
        let number = self.optional_number(name)?;
        number.map(|number| i64::try_from(number).map_err(|_| Unreadable::Damaged(name))).transpose()
    }

    fn boolean(&self, name: &'static str) -> Result<bool, Unreadable> {
        match self.0.member(name).map(Value::kind) {
            None => Ok(false),
            Some(Kind::Bool(value)) => Ok(value),
            Some(_) => Err(Unreadable::Damaged(name)),
        }
    }

    fn pairs(&self, name: &'static str) -> Result<Vec<(String, String)>, Unreadable> {
        let Some(value) = self.0.member(name) else { return Ok(Vec::new()) };
        let Kind::Object(members) = value.kind() else { return Err(Unreadable::Damaged(name)) };
        members
            .map(|(key, value)| {
                let Kind::Text(value) = value.kind() else { return None };
                Some((owned(key)?, owned(value)?))
            })
            .collect::<Option<_>>()
            .ok_or(Unreadable::Damaged(name))
    }
}

fn owned(text: Text<'_>) -> Option<String> {
    let mut buffer = vec![0; json::unescaped_length(text).ok()?];
    json::unescape(text, &mut buffer).ok()?;
    String::from_utf8(buffer).ok()
}

/// Raised when an older homing would deliver something else than what was meant.
const VERSION: u64 = 1;
/// The longest record: 2 KiB of object metadata, ten tags of 384 characters, a key of 1,024 bytes, a path of 4,096, each
/// at most six times as long when escaped.
pub(super) const RECORD_MAXIMUM: usize = 64 * 1024;
/// Longer messages than that explain nothing more.
const MESSAGE_MAXIMUM: usize = 1000;
/// Two are written; a later version may write more.
const NESTING: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object() -> impl Strategy<Value = Object> {
        let optional = || prop::option::of(".{0,20}");
        let pairs = || prop::collection::btree_map(".{0,9}", ".{0,9}", 0..4).prop_map(|map| map.into_iter().collect());
        let texts = (".{0,60}", ".{0,60}", optional(), optional(), optional(), optional());
        let stored = prop::option::of((".{0,9}", optional(), prop::option::of((".{0,9}", ".{0,9}"))));
        (texts, pairs(), pairs(), any::<bool>(), any::<Option<u32>>(), stored).prop_map(
            |(
                (bucket, key, content_type, storage_class, sse, sse_kms_key_id),
                metadata,
                tags,
                if_none_match,
                presign,
                stored,
            )| {
                let stored = stored.map(|(etag, version_id, checksum)| Stored { etag, version_id, checksum });
                Object {
                    bucket,
                    key,
                    content_type,
                    metadata,
                    storage_class,
                    tags,
                    sse,
                    sse_kms_key_id,
                    if_none_match,
                    presign,
                    stored,
                }
            },
        )
    }

    fn reason() -> impl Strategy<Value = Reason> {
        (".{0,40}", ".{0,200}", 0..=i64::MAX).prop_map(|(code, message, time)| Reason { code, message, time })
    }

    fn any_metadata() -> impl Strategy<Value = Metadata> {
        let times = (0..=i64::MAX, 0..=i64::MAX, prop::option::of(0..=i64::MAX));
        let way = prop_oneof![Just(Way::Inline), object().prop_map(|object| Way::S3(Box::new(object)))];
        (".{0,60}", any::<u64>(), times, ".{0,60}", ".{0,40}", way, any::<u32>(), prop::option::of(reason())).prop_map(
            |(name, size, (queued, time, last_attempt), topic, message_id, way, attempts, last_error)| Metadata {
                name,
                size,
                queued,
                time,
                topic,
                message_id,
                way,
                attempts,
                last_attempt,
                last_error,
            },
        )
    }

    fn record(metadata: Metadata, retried: Option<i64>) -> Record {
        // Any file will do.
        let there = std::fs::metadata("/").unwrap();
        let path = std::path::Path::new("/run/caméra/a b\n%.jpg");
        Record { metadata, file: Stamp::of(&there), origin: Some(Origin::new(path, &there)), retried }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(metadata in any_metadata(), retried in prop::option::of(0..=i64::MAX)) {
            let record = record(metadata, retried);
            let json = record.to_json().unwrap();
            serde_json::from_slice::<serde::de::IgnoredAny>(&json).unwrap();
            prop_assert_eq!(Record::from_json(&json), Ok(record));
        }

        #[test]
        fn any_bytes_can_be_read(mut json in Just(record(Metadata::default(), None).to_json().unwrap()), place in any::<prop::sample::Index>(), new in prop::collection::vec(any::<u8>(), 0..6)) {
            let place = place.index(json.len());
            json.splice(place..(place + new.len()).min(json.len()), new.iter().copied());
            let _ = (Record::from_json(&json), Record::from_json(&new), reason_from_json(&json));
        }
    }

    #[test]
    fn torn_at_any_place_it_is_damaged() {
        let json = record(Metadata::default(), Some(1)).to_json().unwrap();
        for end in 0..json.len() {
            assert!(matches!(Record::from_json(&json[..end]), Err(Unreadable::Damaged(_))), "{end}");
        }
    }

    #[test]
    fn later_versions_may_say_more() {
        let known = record(Metadata::default(), None);
        let json = String::from_utf8(known.to_json().unwrap()).unwrap();
        let more = json.replacen('{', r#"{"new":{"a":[1,2,{"b":null}]},"#, 1);
        assert_eq!(Record::from_json(more.as_bytes()), Ok(known));
        let newer = json.replacen(r#""version":1"#, r#""version":7"#, 1);
        assert_eq!(Record::from_json(newer.as_bytes()), Err(Unreadable::Newer(7)));
    }

    #[test]
    fn a_long_message_is_cut_off_and_a_record_too_long_refused() {
        let reason = Reason { message: "é".repeat(5000), ..Reason::default() };
        let read = reason_from_json(&reason_to_json(&reason).unwrap()).unwrap();
        assert_eq!(read.message, "é".repeat(500));
        let long = Metadata { topic: "x".repeat(RECORD_MAXIMUM), ..Metadata::default() };
        assert_eq!(record(long, None).to_json().unwrap_err().code(), "metadata_too_long");
    }
}

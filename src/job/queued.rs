//! An address as the queue keeps it, and back.

use super::delivery::{Address, Way};
use crate::aws::s3_put::PutObjectOutcome;
use crate::cli::{Expires, ObjectHeaders, known_sse, known_storage_class};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::queue::{Limits, Metadata, Object, Queue, Reason, Stored, Way as QueuedWay, WhenFull};

/// Opens the queue that the configuration names.
///
/// # Errors
/// As [`Queue::open`].
pub fn open_queue(config: &Config) -> Result<Queue> {
    let limits = Limits {
        max_bytes: config.queue.max_bytes.unwrap_or(u64::MAX),
        min_free_bytes: config.queue.min_free_bytes,
        min_free_inodes: config.queue.min_free_inodes,
        max_age: config.queue.max_age.map(|age| age.as_secs()),
        when_full: if config.queue.drop_oldest { WhenFull::DropOldest } else { WhenFull::Refuse },
        clock_starts: crate::BUILD_TIME,
    };
    Queue::open(&config.queue.dir, limits)
}

/// What the queue is to know of a file that arrives at `now`, in seconds since the Unix epoch.
pub fn metadata(address: &Address, now: i64) -> Metadata {
    let headers = &address.headers;
    let way = match address.way {
        Way::Inline => QueuedWay::Inline,
        Way::S3 => QueuedWay::S3(Box::new(Object {
            bucket: address.bucket.clone(),
            key: address.key.clone(),
            content_type: headers.content_type.clone(),
            metadata: headers.metadata.clone(),
            storage_class: headers.storage_class.map(ToOwned::to_owned),
            tags: headers.tags.clone(),
            sse: headers.sse.map(ToOwned::to_owned),
            sse_kms_key_id: headers.sse_kms_key_id.clone(),
            if_none_match: headers.if_none_match,
            presign: address.presign.map(|expires| expires.seconds),
            stored: None,
        })),
    };
    Metadata {
        name: address.name.clone(),
        size: address.size,
        queued: now,
        time: address.time,
        topic: address.topic.clone(),
        message_id: address.message_id.clone(),
        way,
        ..Metadata::default()
    }
}

/// The address of an entry, as it was when it was queued.
///
/// # Errors
/// [`Fault::Data`], `newer_entry`: a word in it that this version does not know.
pub fn address(metadata: &Metadata) -> Result<Address> {
    let mut address = Address {
        name: metadata.name.clone(),
        size: metadata.size,
        way: Way::Inline,
        topic: metadata.topic.clone(),
        bucket: String::new(),
        key: String::new(),
        time: metadata.time,
        message_id: metadata.message_id.clone(),
        headers: ObjectHeaders::default(),
        presign: None,
    };
    if let QueuedWay::S3(object) = &metadata.way {
        address.way = Way::S3;
        address.bucket.clone_from(&object.bucket);
        address.key.clone_from(&object.key);
        // Asked for long ago: a warning for each repeat helps nobody.
        address.presign = object.presign.map(|seconds| Expires { seconds, is_asked_for: false });
        address.headers = ObjectHeaders {
            content_type: object.content_type.clone(),
            metadata: object.metadata.clone(),
            storage_class: known(object.storage_class.as_deref(), known_storage_class)?,
            tags: object.tags.clone(),
            sse: known(object.sse.as_deref(), known_sse)?,
            sse_kms_key_id: object.sse_kms_key_id.clone(),
            if_none_match: object.if_none_match,
        };
    }
    Ok(address)
}

/// What S3 has confirmed of an entry in an earlier run, so that only the message is left to be sent.
pub fn stored(metadata: &Metadata) -> Option<PutObjectOutcome> {
    let QueuedWay::S3(object) = &metadata.way else { return None };
    let Stored { etag, version_id, checksum } = object.stored.clone()?;
    Some(PutObjectOutcome { etag, version_id, checksum })
}

/// Notes what S3 has confirmed.
pub fn note_stored(metadata: &mut Metadata, outcome: &PutObjectOutcome) {
    if let QueuedWay::S3(object) = &mut metadata.way {
        let PutObjectOutcome { etag, version_id, checksum } = outcome.clone();
        object.stored = Some(Stored { etag, version_id, checksum });
    }
}

/// Notes a failed attempt.
pub fn note_failure(metadata: &mut Metadata, error: &Error, now: i64) {
    metadata.attempts = metadata.attempts.saturating_add(1);
    metadata.last_attempt = Some(now);
    metadata.last_error =
        Some(Reason { code: error.code().to_owned(), message: error.message().to_owned(), time: now });
}

fn known(word: Option<&str>, find: fn(&str) -> Option<&'static str>) -> Result<Option<&'static str>> {
    let newer = |word| {
        Error::new(Fault::Data, "newer_entry", format!("this version of homing does not know '{word}'"))
            .with_remedy("install the newer version again, and then: homing queue retry")
    };
    word.map(|word| find(word).ok_or_else(|| newer(word))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn an_address() -> Address {
        Address {
            name: "a.jpg".into(),
            size: 7,
            way: Way::S3,
            topic: "file/upload".into(),
            bucket: "my-bucket".into(),
            key: "camera-1/a.jpg".into(),
            time: 1_440_938_160,
            message_id: "000102030405060708090a0b0c0d0e0f".into(),
            headers: ObjectHeaders {
                content_type: Some("image/jpeg".into()),
                metadata: vec![("a".into(), "b".into())],
                storage_class: Some("GLACIER_IR"),
                tags: vec![("c".into(), "ü".into())],
                sse: Some("aws:kms"),
                sse_kms_key_id: Some("alias/key".into()),
                if_none_match: true,
            },
            presign: Some(Expires { seconds: 60, is_asked_for: false }),
        }
    }

    #[test]
    fn an_address_comes_back_as_it_was() {
        let by_s3 = an_address();
        assert_eq!(address(&metadata(&by_s3, 5)), Ok(by_s3.clone()));
        let (bucket, key, headers) = (String::new(), String::new(), ObjectHeaders::default());
        let inline = Address { way: Way::Inline, bucket, key, headers, presign: None, ..by_s3 };
        assert_eq!(address(&metadata(&inline, 5)), Ok(inline));
    }

    #[test]
    fn what_s3_confirmed_is_remembered() {
        let mut metadata = metadata(&an_address(), 5);
        assert_eq!(stored(&metadata), None);
        let outcome = PutObjectOutcome {
            etag: "e".into(),
            version_id: Some("v".into()),
            checksum: Some(("crc32".into(), "AAAAAA==".into())),
        };
        note_stored(&mut metadata, &outcome);
        assert_eq!(stored(&metadata), Some(outcome));
    }

    #[test]
    fn a_word_that_is_not_known_is_no_reason_to_deliver_without_it() {
        let mut metadata = metadata(&an_address(), 5);
        if let QueuedWay::S3(object) = &mut metadata.way {
            object.storage_class = Some("TAPE".into());
        }
        assert_eq!(address(&metadata).unwrap_err().code(), "newer_entry");
    }
}

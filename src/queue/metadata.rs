//! What an entry is: everything that makes a repeated delivery the same as the first.

use crate::error::Error;

/// What is to be delivered, where to, and how that went so far. There are no secrets in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The file's name without its directory, at most 255 bytes.
    pub name: String,
    /// Its size in bytes, by which the way was chosen. [`Queue::add`](super::Queue::add) refuses a file of another.
    pub size: u64,
    /// When it was queued, in seconds since the Unix epoch; not before 1970.
    pub queued: i64,
    /// The time in the message and in the templates, in seconds since the Unix epoch; not before 1970.
    pub time: i64,
    /// The MQTT topic, complete.
    pub topic: String,
    /// The message's id, the same in each repeat; empty: none.
    pub message_id: String,
    /// Where the file itself goes.
    pub way: Way,
    /// How often it was attempted.
    pub attempts: u32,
    /// When it was last attempted, in seconds since the Unix epoch.
    pub last_attempt: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<Reason>,
}

/// Where a file goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Way {
    /// Inside the message.
    #[default]
    Inline,
    /// Into S3, with a message that names the object.
    S3(Box<Object>),
}

/// An S3 object to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// The bucket's name.
    pub bucket: String,
    /// The key, complete, not encoded.
    pub key: String,
    /// Media type; `None`: by the file name's extension.
    pub content_type: Option<String>,
    /// User metadata: names without `x-amz-meta-`.
    pub metadata: Vec<(String, String)>,
    /// Storage class.
    pub storage_class: Option<String>,
    /// Tags, not percent-encoded.
    pub tags: Vec<(String, String)>,
    /// Server-side encryption.
    pub sse: Option<String>,
    /// KMS key.
    pub sse_kms_key_id: Option<String>,
    /// `If-None-Match: *`.
    pub if_none_match: bool,
    /// The message has a presigned URL that is good for so many seconds, if anything.
    pub presign: Option<u32>,
    /// What S3 has confirmed of it: only the message is left to be sent.
    pub stored: Option<Stored>,
}

/// An object as S3 has confirmed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The ETag without its quotes.
    pub etag: String,
    /// The version, in a bucket with versioning.
    pub version_id: Option<String>,
    /// The algorithm and the checksum in base64.
    pub checksum: Option<(String, String)>,
}

/// Why an attempt, or an entry, failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reason {
    /// The stable code, as [`Error::code`](crate::error::Error::code).
    pub code: String,
    /// The text for people, cut off at 1,000 bytes.
    pub message: String,
    /// When it happened, in seconds since the Unix epoch; 0 where that is not known.
    pub time: i64,
}

impl Reason {
    /// `error`, as it is kept; `time` in seconds since the Unix epoch.
    pub fn new(error: &Error, time: i64) -> Self {
        Self { code: error.code().to_owned(), message: error.message().to_owned(), time }
    }
}

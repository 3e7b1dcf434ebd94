//! The headers that are stored with an S3 object.

use super::{Given, usage};
use crate::error::Result;
use crate::options::{Id, Kind};

/// What PutObject is told beside the bytes. Checked, not yet encoded for the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// Media type; `None`: by the file name's extension.
    pub content_type: Option<String>,
    /// User metadata: lower-case names without `x-amz-meta-`, and ASCII values.
    pub metadata: Vec<(String, String)>,
    /// Storage class.
    pub storage_class: Option<&'static str>,
    /// Tags, not percent-encoded; at most ten.
    pub tags: Vec<(String, String)>,
    /// Server-side encryption: `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub sse: Option<&'static str>,
    /// KMS key.
    pub sse_kms_key_id: Option<String>,
    /// Whether an object that is there already is kept (`If-None-Match: *`).
    pub if_none_match: bool,
}

impl ObjectHeaders {
    pub(super) fn read(given: &Given) -> Result<Self> {
        let headers = Self {
            content_type: given.text(Id::ContentType)?.map(content_type).transpose()?,
            metadata: metadata(given)?,
            storage_class: given.text(Id::StorageClass)?.map(storage_class).transpose()?,
            tags: tags(given)?,
            sse: given.choice(Id::Sse)?,
            sse_kms_key_id: given.text(Id::SseKmsKeyId)?.map(kms_key_id).transpose()?,
            if_none_match: given.has(Id::IfNoneMatch),
        };
        if headers.sse_kms_key_id.is_some() && !headers.sse.is_some_and(|sse| sse.starts_with("aws:kms")) {
            return Err(usage("conflict", "--sse-kms-key-id needs --sse aws:kms or --sse aws:kms:dsse"));
        }
        Ok(headers)
    }
}

fn content_type(text: &str) -> Result<String> {
    let is_valid =
        is_header_value(text) && text.split_once('/').is_some_and(|(kind, rest)| is_token(kind) && !rest.is_empty());
    if is_valid {
        Ok(text.to_owned())
    } else {
        Err(invalid("content-type", text, "is no media type: expected something like image/jpeg"))
    }
}

/// The storage class of this name, if there is one.
pub fn known_storage_class(name: &str) -> Option<&'static str> {
    STORAGE_CLASSES.iter().copied().find(|class| *class == name)
}

/// The server-side encryption of this name, if there is one.
pub fn known_sse(name: &str) -> Option<&'static str> {
    let Kind::Choice(words) = Id::Sse.option().kind else { return None };
    words.iter().copied().find(|word| *word == name)
}

fn storage_class(text: &str) -> Result<&'static str> {
    known_storage_class(text)
        .ok_or_else(|| invalid("storage-class", text, &format!("is none of {}", STORAGE_CLASSES.join(", "))))
}

fn kms_key_id(text: &str) -> Result<String> {
    let is_valid = (1..=2048).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_valid {
        Ok(text.to_owned())
    } else {
        Err(invalid("sse-kms-key-id", text, "is no KMS key's id, alias or ARN"))
    }
}

fn metadata(given: &Given) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for text in given.all(Id::Metadata) {
        let (key, value) = pair("metadata", text)?;
        if !is_token(key) {
            return Err(invalid(
                "metadata",
                key,
                "is no metadata name: it becomes part of a header's name, so only letters, digits and !#$%&'*+-.^_`|~",
            ));
        }
        if !is_header_value(value) {
            return Err(invalid(
                "metadata",
                value,
                "cannot be a metadata value: it becomes a header, so only printable ASCII",
            ));
        }
        push_unique("metadata", &mut pairs, key.to_ascii_lowercase(), value.trim().to_owned())?;
    }
    let size: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > METADATA_MAXIMUM {
        return Err(usage(
            "invalid_value",
            format!("--metadata: {size} bytes in all, and S3 takes {METADATA_MAXIMUM}"),
        ));
    }
    Ok(pairs)
}

fn tags(given: &Given) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for text in given.all(Id::Tag) {
        let (key, value) = pair("tag", text)?;
        if !(1..=TAG_KEY_MAXIMUM).contains(&key.chars().count()) || value.chars().count() > TAG_VALUE_MAXIMUM {
            return Err(invalid(
                "tag",
                key,
                "is too long or empty: a tag's key has 1 to 128 characters, its value at most 256",
            ));
        }
        if key.starts_with("aws:") {
            return Err(invalid("tag", key, "begins with aws:, which is reserved for AWS"));
        }
        let is_allowed = |letter: char| letter.is_alphanumeric() || " +-=._:/@".contains(letter);
        if !key.chars().chain(value.chars()).all(is_allowed) {
            return Err(invalid(
                "tag",
                key,
                "or its value has a character that tags cannot have: letters, digits, spaces and + - = . _ : / @ are allowed",
            ));
        }
        push_unique("tag", &mut pairs, key.to_owned(), value.to_owned())?;
    }
    if pairs.len() > TAGS_MAXIMUM {
        return Err(usage("invalid_value", format!("--tag: {} tags, and S3 takes {TAGS_MAXIMUM}", pairs.len())));
    }
    Ok(pairs)
}

fn pair<'a>(flag: &str, text: &'a std::ffi::OsStr) -> Result<(&'a str, &'a str)> {
    let text = text.to_str().ok_or_else(|| usage("not_utf8", format!("--{flag}: the value is not UTF-8")))?;
    text.split_once('=').ok_or_else(|| invalid(flag, text, "has no equals sign: expected KEY=VALUE"))
}

fn push_unique(flag: &str, pairs: &mut Vec<(String, String)>, key: String, value: String) -> Result<()> {
    if pairs.iter().any(|(other, _)| *other == key) {
        return Err(invalid(flag, &key, "is there twice"));
    }
    pairs.push((key, value));
    Ok(())
}

fn invalid(flag: &str, value: &str, what: &str) -> crate::error::Error {
    usage("invalid_value", format!("--{flag}: {value:?} {what}"))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// S3 API, PutObject, `x-amz-storage-class`.
const STORAGE_CLASSES: &[&str] = &[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "GLACIER_IR",
    "SNOW",
    "EXPRESS_ONEZONE",
    "FSX_OPENZFS",
    "FSX_ONTAP",
];
/// "User-defined object metadata": names and values together, 2 KB.
const METADATA_MAXIMUM: usize = 2048;
/// "Categorizing your storage using tags".
const TAGS_MAXIMUM: usize = 10;
const TAG_KEY_MAXIMUM: usize = 128;
const TAG_VALUE_MAXIMUM: usize = 256;

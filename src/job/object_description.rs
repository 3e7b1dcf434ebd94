//! What a file was fetched from, as JSON: the object's name in full, ETag, size, last modification and, where S3 gave
//! one, checksum.

use super::download::Begun;
use crate::protocol::json::{self, ObjectWriter, Text};
use serde::Deserialize;
use std::io;

/// The description of `object` (its name in full), at most [`MAXIMUM`] bytes.
///
/// # Errors
/// It would be longer.
pub fn written(begun: &Begun, object: &str) -> io::Result<Vec<u8>> {
    let mut text = vec![0; MAXIMUM];
    let mut writer = ObjectWriter::new(&mut text);
    writer.text("object", object).text("etag", &begun.etag).number("size", begun.size);
    writer.text("last_modified", &begun.last_modified);
    if let Some((algorithm, value)) = &begun.checksum {
        writer.text("checksum_algorithm", algorithm.name()).text("checksum", value);
    }
    let length = writer.finish().map_err(|_| io::Error::other("the object's description is too long"))?;
    text.truncate(length);
    Ok(text)
}

/// What `text` says of `object`; `None` where it is damaged, or of another one.
pub fn read(text: &[u8], object: &str) -> Option<Begun> {
    let fields: Fields<'_> = json::read(text).ok()?;
    let mut buffer = vec![0; MAXIMUM];
    let mut text = |text| json::unescape(text, &mut buffer).ok().map(str::to_owned);
    if text(fields.object)? != object {
        return None;
    }
    let checksum = match (fields.checksum_algorithm, fields.checksum) {
        (Some(algorithm), Some(value)) => Some((algorithm.0.parse().ok()?, text(value)?)),
        _ => None,
    };
    Some(Begun { etag: text(fields.etag)?, size: fields.size, last_modified: text(fields.last_modified)?, checksum })
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    object: Text<'a>,
    #[serde(borrow)]
    etag: Text<'a>,
    size: u64,
    #[serde(borrow)]
    last_modified: Text<'a>,
    #[serde(borrow)]
    checksum_algorithm: Option<Text<'a>>,
    #[serde(borrow)]
    checksum: Option<Text<'a>>,
}

/// An object's name of 2,133 bytes (bucket, key and version) and headers, of which homing takes 12 KiB, each byte escaped
/// to 6 at worst, which happens to none.
pub const MAXIMUM: usize = 32 * 1024;

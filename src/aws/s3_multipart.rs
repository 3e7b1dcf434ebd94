//! What the calls of a multipart upload have in common: which upload, and what S3 says of a part.

use super::s3_bucket::Bucket;
use super::{check_header_value, printable};
use crate::error::{Error, Fault, Result};
use crate::protocol::checksum::{ChecksumAlgorithm, ChecksumText};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::uri::encode_component;
use crate::protocol::xml::element_text;

/// A multipart upload that has begun.
#[derive(Debug, Clone, Copy)]
pub struct MultipartUpload<'a> {
    /// Where the object goes.
    pub bucket: Bucket<'a>,
    /// The object's key, not encoded.
    pub key: &'a str,
    /// The id that CreateMultipartUpload gave it.
    pub upload_id: &'a str,
}

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its ETag without quotes.
    pub etag: ETagText,
    /// Its checksum in base64; empty where none was asked for, or S3 does not tell it.
    pub checksum: ChecksumText,
}

/// An ETag without its quotes.
pub type ETagText = heapless::String<ETAG_CAPACITY>;

impl MultipartUpload<'_> {
    /// Begins a request about it; `parameters` are the query's other ones, encoded, each with its `&` behind it.
    pub(super) fn request(&self, method: &'static str, parameters: &str) -> Result<Request> {
        let query = format!("{parameters}uploadId={}", encode_component(self.upload_id));
        self.bucket.object_request(method, self.key, &query)
    }

    pub(super) fn target(&self) -> String {
        self.bucket.target(self.key)
    }
}

/// The ETag that S3 wrote as `text`. `None`: there is none, or one that could not be sent back.
pub fn etag(text: &str) -> Option<ETagText> {
    let text = text.trim().trim_matches('"');
    // What cannot stand in XML as it is stands in no ETag of any store.
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>&\"".contains(&byte));
    text.try_into().ok().filter(|_| is_plain)
}

/// The id of an upload, as S3 gave it.
pub(super) fn upload_id(text: &str, unexpected: impl Fn(&str) -> Error) -> Result<String> {
    if text.is_empty() || text.len() > UPLOAD_ID_MAXIMUM {
        return Err(unexpected("has no usable UploadId"));
    }
    check_header_value("the upload id", text)?;
    Ok(text.to_owned())
}

/// What an element of a reply's document says; empty where there is none.
pub(super) fn element<const N: usize>(document: &str, name: &str) -> heapless::String<N> {
    let mut text = heapless::String::new();
    element_text(document, name, &mut text);
    text
}

/// A number that an element says.
pub(super) fn number<T: core::str::FromStr>(document: &str, name: &str) -> Option<T> {
    element::<20>(document, name).trim().parse().ok()
}

/// The checksum in a reply's header; empty where there is none.
pub(super) fn checksum_header(reply: &Reply<'_>, algorithm: ChecksumAlgorithm) -> ChecksumText {
    reply.header(algorithm.header_name()).map(checksum).unwrap_or_default()
}

/// The checksum that S3 wrote as `text`; empty where it is none that could be sent back.
pub(super) fn checksum(text: &str) -> ChecksumText {
    let is_base64 = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    text.try_into().ok().filter(|_| is_base64).unwrap_or_default()
}

/// The name of the element that carries a checksum, such as `ChecksumCRC32`.
pub(super) const fn checksum_element(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "ChecksumCRC32",
        ChecksumAlgorithm::Crc32c => "ChecksumCRC32C",
        ChecksumAlgorithm::Crc64Nvme => "ChecksumCRC64NVME",
        ChecksumAlgorithm::Sha256 => "ChecksumSHA256",
    }
}

/// The error for a success that says something else than it should.
pub(super) fn unexpected(target: &str, what: &str) -> Error {
    Error::new(Fault::Unavailable, "unexpected_reply", format!("{target}: S3's answer {what}"))
        .with_remedy("check the endpoint: something that is not S3 may be answering")
}

/// The reply's document as text; what is not UTF-8 ends it.
pub(super) fn document<'a>(reply: &Reply<'a>) -> &'a str {
    reply.body.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default()
}

/// What a list says stands behind its last entry; `None`: nothing.
pub(super) fn is_truncated(reply: &Reply<'_>) -> bool {
    // One that does not fit the buffer has more to say, too.
    !reply.complete || element::<8>(document(reply), "IsTruncated").trim() == "true"
}

/// A key or other text of a reply for people.
pub(super) fn shown(text: &str) -> String {
    printable(text)
}

/// MD5 in hexadecimal has 32; other stores' have up to 64, SHA-256 in hexadecimal.
const ETAG_CAPACITY: usize = 72;
/// S3's ids have 128 to 300 bytes; more than this does not go into a query with everything else.
pub const UPLOAD_ID_MAXIMUM: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_with_or_without_quotes() {
        for text in ["\"7778aef83f66abc1fa1e8477f296d394\"", " 7778aef83f66abc1fa1e8477f296d394\n"] {
            assert_eq!(etag(text).as_deref(), Some("7778aef83f66abc1fa1e8477f296d394"));
        }
        for text in ["", "\"\"", "a b", "a<b", "é", &"x".repeat(73)] {
            assert_eq!(etag(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_base64_is_no_checksum() {
        assert_eq!(checksum("rsxW1xq2+/8="), "rsxW1xq2+/8=");
        for text in ["", "rsxW1xq200<Region>", "a&b", "a b", "é", &"x".repeat(100)] {
            assert_eq!(checksum(text), "", "{text}");
        }
    }
}

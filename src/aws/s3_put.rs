//! S3 PutObject with an aws-chunked body: where it goes, its headers, and what S3 answers.
//!
//! Amazon S3 API Reference, "PutObject" and "Signature calculations: transferring payload in
//! multiple chunks".

pub use super::s3_bucket::Bucket;
use super::s3_error::{self, Operation};
use super::{check_header_value, printable, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::uri::encode_component;

/// Headers that become part of the object.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectHeaders<'a> {
    /// `content-type`.
    pub content_type: Option<&'a str>,
    /// The object's own `content-encoding`, such as `gzip`.
    pub content_encoding: Option<&'a str>,
    /// User metadata: names without `x-amz-meta-`, values in ASCII; at most 2,048 bytes together.
    pub metadata: &'a [(String, String)],
    /// `STANDARD_IA`, `GLACIER_IR`…
    pub storage_class: Option<&'a str>,
    /// Tags, any Unicode; at most 10.
    pub tags: &'a [(String, String)],
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub server_side_encryption: Option<&'a str>,
    /// The KMS key's id, alias or ARN.
    pub kms_key_id: Option<&'a str>,
    /// `if-none-match: *`: only if there is no object of that key yet.
    pub if_none_match: bool,
}

/// The numbers of the aws-chunked encoding, as `protocol::chunked` computes them.
#[derive(Debug, Clone, Copy)]
pub struct Encoding<'a> {
    /// The exact length of the encoded body.
    pub encoded_length: u64,
    /// The object's length.
    pub decoded_length: u64,
    /// The name of the trailing checksum header, where there is one.
    pub trailer: Option<&'a str>,
}

/// One PutObject.
#[derive(Debug, Clone, Copy)]
pub struct PutObject<'a> {
    /// Where it goes.
    pub bucket: Bucket<'a>,
    /// The key, not encoded: 1 to 1,024 bytes of UTF-8.
    pub key: &'a str,
}

/// What S3 says of the object it has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutObjectOutcome {
    /// The ETag without its quotes.
    pub etag: String,
    /// The version, in a bucket with versioning.
    pub version_id: Option<String>,
    /// The algorithm (`crc32`, `sha256`…) and the checksum in base64, where S3 gives one.
    pub checksum: Option<(String, String)>,
}

impl PutObjectOutcome {
    /// Reads the headers of a reply; `None`: there is no ETag.
    pub(super) fn read(reply: &Reply<'_>) -> Option<Self> {
        let etag = reply.header("etag")?.trim_matches('"');
        let checksum = reply.headers.iter().find_map(|(name, value)| {
            let algorithm = name.as_str().strip_prefix("x-amz-checksum-").filter(|name| *name != "type")?;
            Some((algorithm.to_owned(), printable(value.to_str().ok()?)))
        });
        Some(Self { etag: printable(etag), version_id: reply.header("x-amz-version-id").map(printable), checksum })
    }
}

impl PutObject<'_> {
    /// Builds the request; it is still to be signed. Without an `encoding` it has no body: an empty object.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self, headers: &ObjectHeaders<'_>, encoding: Option<&Encoding<'_>>) -> Result<Request> {
        let mut request = self.bucket.object_request("PUT", self.key, "")?;
        let mut header = |name: &str, value: &str| request.header(name, value).map_err(too_large);
        header("content-length", &encoding.map_or(0, |encoding| encoding.encoded_length).to_string())?;
        if let Some(own) = headers.content_encoding {
            check_header_value("content encoding", own)?;
        }
        match (encoding, headers.content_encoding) {
            // S3 takes aws-chunked off and keeps the rest with the object.
            (Some(_), Some(own)) => header("content-encoding", &format!("aws-chunked,{own}"))?,
            (Some(_), None) => header("content-encoding", "aws-chunked")?,
            (None, Some(own)) => header("content-encoding", own)?,
            (None, None) => {}
        }
        if let Some(encoding) = encoding {
            header("x-amz-decoded-content-length", &encoding.decoded_length.to_string())?;
            if let Some(trailer) = encoding.trailer {
                header("x-amz-trailer", trailer)?;
            }
        }
        add_object_headers(&mut request, headers)?;
        if headers.if_none_match {
            request.header("if-none-match", "*").map_err(too_large)?;
        }
        Ok(request)
    }

    /// Reads the reply. `now` is the clock by which the request was signed, for errors that a wrong one may have
    /// caused.
    ///
    /// # Errors
    /// Whatever S3 refused, with its code, message and request id; a 200 whose body is an error included.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<PutObjectOutcome> {
        if reply.status != 200 || s3_error::is_error(reply) {
            return Err(s3_error::error(Operation::PutObject, &self.target(), &self.bucket, reply, now));
        }
        PutObjectOutcome::read(reply).ok_or_else(|| {
            let message = format!("{}: its answer 200 has no ETag", self.target());
            Error::new(Fault::Unavailable, "unexpected_reply", message)
                .with_remedy("check the endpoint: something that is not S3 may be answering")
        })
    }

    fn target(&self) -> String {
        self.bucket.target(self.key)
    }
}

/// Adds what is stored with the object; its content encoding is the caller's.
pub(super) fn add_object_headers(request: &mut Request, headers: &ObjectHeaders<'_>) -> Result<()> {
    let mut header = |name: &str, value: &str| request.header(name, value).map_err(too_large);
    for (what, name, value) in [
        ("content type", "content-type", headers.content_type),
        ("storage class", "x-amz-storage-class", headers.storage_class),
        ("server-side encryption", "x-amz-server-side-encryption", headers.server_side_encryption),
        ("KMS key id", "x-amz-server-side-encryption-aws-kms-key-id", headers.kms_key_id),
    ] {
        if let Some(value) = value {
            check_header_value(what, value)?;
            header(name, value)?;
        }
    }
    for (name, value) in metadata(headers.metadata)? {
        header(&name, value)?;
    }
    if !headers.tags.is_empty() {
        header("x-amz-tagging", &tagging(headers.tags)?)?;
    }
    Ok(())
}

fn metadata(metadata: &[(String, String)]) -> Result<Vec<(String, &str)>> {
    let invalid = |code: &'static str, message: String| Error::new(Fault::Usage, code, message);
    let mut headers: Vec<(String, &str)> = Vec::with_capacity(metadata.len());
    let mut length = 0;
    for (name, value) in metadata {
        // RFC 9110, section 5.6.2: what a header's name may consist of.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(invalid(
                "invalid_metadata",
                format!("metadata {name:?}: a name has ASCII letters, digits and - _ . only"),
            ));
        }
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(invalid(
                "invalid_metadata",
                format!("metadata {name:?}: its value is not all printable ASCII"),
            )
            .with_remedy("percent-encode the value, or use a tag: tags take any Unicode letter"));
        }
        let header = format!("x-amz-meta-{}", name.to_ascii_lowercase());
        if headers.iter().any(|(other, _)| *other == header) {
            return Err(invalid("invalid_metadata", format!("metadata {name:?} is there twice")));
        }
        length += name.len() + value.len();
        headers.push((header, value.trim()));
    }
    if length > METADATA_LIMIT {
        return Err(invalid("metadata_too_large", format!("metadata has {length} bytes; S3 takes {METADATA_LIMIT}")));
    }
    Ok(headers)
}

fn tagging(tags: &[(String, String)]) -> Result<String> {
    let invalid = |message: String| Error::new(Fault::Usage, "invalid_tags", message);
    if tags.len() > TAG_LIMIT {
        return Err(invalid(format!("there are {} tags; S3 takes {TAG_LIMIT}", tags.len())));
    }
    let mut query = String::new();
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid(format!("tag {key:?}: a key has 1 to 128 characters, a value at most 256")));
        }
        if tags[..index].iter().any(|(other, _)| other == key) {
            return Err(invalid(format!("tag {key:?} is there twice")));
        }
        let separator = if index == 0 { "" } else { "&" };
        query.push_str(&format!("{separator}{}={}", encode_component(key), encode_component(value)));
    }
    Ok(query)
}

/// Amazon S3 User Guide, "Working with object metadata": bytes of names and values together.
pub const METADATA_LIMIT: usize = 2048;
/// Amazon S3 User Guide, "Categorizing your objects using tags".
const TAG_LIMIT: usize = 10;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers};

    const NOW: i64 = 1_440_938_160;
    const CALL: PutObject<'_> = PutObject { bucket: BUCKET, key: "camera-1/a b.jpg" };
    const ENCODING: Encoding<'_> = Encoding { encoded_length: 66_824, decoded_length: 66_560, trailer: None };

    fn error_with(status: u16, pairs: &[(&'static str, &'static str)], body: &str) -> Error {
        let reply = Reply { status, headers: &headers(pairs), body: body.as_bytes(), complete: true };
        CALL.parse(&reply, NOW).unwrap_err()
    }

    #[test]
    fn a_bare_request_has_the_encoding_and_nothing_else() {
        let request = CALL.request(&ObjectHeaders::default(), Some(&ENCODING)).unwrap();
        assert_eq!((request.method, &*request.path, &*request.query), ("PUT", "/camera-1/a%20b.jpg", ""));
        assert!(request.headers().eq([
            ("content-length", "66824"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
        ]));
    }

    #[test]
    fn every_object_header_is_sent() {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        let request = CALL
            .request(
                &ObjectHeaders {
                    content_type: Some("image/jpeg"),
                    content_encoding: Some("gzip"),
                    metadata: &pairs(&[("Site", " roof "), ("lens", "a=b")]),
                    storage_class: Some("STANDARD_IA"),
                    tags: &pairs(&[("site", "dach & é"), ("empty", "")]),
                    server_side_encryption: Some("aws:kms"),
                    kms_key_id: Some("alias/mine"),
                    if_none_match: true,
                },
                Some(&Encoding { trailer: Some("x-amz-checksum-crc32"), ..ENCODING }),
            )
            .unwrap();
        for (name, value) in [
            ("content-encoding", "aws-chunked,gzip"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("content-type", "image/jpeg"),
            ("x-amz-meta-site", "roof"),
            ("x-amz-meta-lens", "a=b"),
            ("x-amz-storage-class", "STANDARD_IA"),
            ("x-amz-tagging", "site=dach%20%26%20%C3%A9&empty="),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "alias/mine"),
            ("if-none-match", "*"),
        ] {
            assert_eq!(request.header_value(name), Some(value), "{name}");
        }
    }

    #[test]
    fn metadata_and_tags_that_s3_would_refuse_are_not_sent() {
        let refused = |metadata: &[(&str, &str)], tags: &[(&str, &str)]| {
            let owned = |pairs: &[(&str, &str)]| {
                pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
            };
            let headers = ObjectHeaders { metadata: &owned(metadata), tags: &owned(tags), ..Default::default() };
            CALL.request(&headers, Some(&ENCODING)).unwrap_err().fault()
        };
        let long = "x".repeat(2048);
        for metadata in [
            &[("", "a")][..],
            &[("a b", "c")],
            &[("a", "é")],
            &[("a", "b\r\nc: d")],
            &[("A", "1"), ("a", "2")],
            &[("a", &long)],
        ] {
            assert_eq!(refused(metadata, &[]), Fault::Usage, "{metadata:?}");
        }
        for tags in [&[("", "a")][..], &[("a", "1"), ("a", "2")], &[("a", &long)], &[("a", "b"); 11]] {
            assert_eq!(refused(&[], tags), Fault::Usage, "{tags:?}");
        }
        let headers = ObjectHeaders { content_type: Some("a\r\nb: c"), ..Default::default() };
        assert_eq!(CALL.request(&headers, Some(&ENCODING)).unwrap_err().fault(), Fault::Config);
        for key in ["", &"k".repeat(1025)] {
            assert_eq!(
                PutObject { key, ..CALL }.request(&ObjectHeaders::default(), Some(&ENCODING)).unwrap_err().fault(),
                Fault::Data
            );
        }
        let longest = "é".repeat(512);
        assert!(PutObject { key: &longest, ..CALL }.request(&ObjectHeaders::default(), Some(&ENCODING)).is_ok());
    }

    #[test]
    fn the_documented_reply() {
        let pairs = headers(&[
            ("etag", "\"1b2cf535f27731c974343645a3985328\""),
            ("x-amz-version-id", "43jfkodU8493jnFJD9fjj3HHNVfdsQUIFDNsidf038jfdsjGFDSIRp"),
            ("x-amz-checksum-type", "FULL_OBJECT"),
            ("x-amz-checksum-crc64nvme", "rsxW1xqPqxg="),
        ]);
        let outcome = CALL.parse(&Reply { status: 200, headers: &pairs, body: b"", complete: true }, NOW).unwrap();
        assert_eq!(outcome.etag, "1b2cf535f27731c974343645a3985328");
        assert_eq!(outcome.version_id.as_deref(), Some("43jfkodU8493jnFJD9fjj3HHNVfdsQUIFDNsidf038jfdsjGFDSIRp"));
        assert_eq!(outcome.checksum, Some(("crc64nvme".into(), "rsxW1xqPqxg=".into())));
        assert_eq!(error_with(200, &[], "").code(), "unexpected_reply");
    }

    #[test]
    fn a_200_with_an_error_inside_is_an_error() {
        let body = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>";
        let error = error_with(200, &[("etag", "\"x\"")], body);
        assert_eq!((error.fault(), error.code()), (Fault::Temporary, "InternalError"));
        assert!(
            error.message().starts_with("s3://my-bucket/camera-1/a b.jpg: S3 answered 200 InternalError"),
            "{error}"
        );
    }
}

//! S3 GetObject: its request, whole or from a byte on, and the head of what S3 answers. The body is the caller's to
//! read, piece by piece.
//!
//! Amazon S3 API Reference, "GetObject"; RFC 9110, sections 13 (conditional requests) and 14 (ranges); Amazon S3 User
//! Guide, "Checking object integrity".

use super::s3_bucket::Bucket;
use super::s3_error::{self, Operation};
use super::{check_header_value, printable, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::uri::encode_component;

/// One object, or one version of it.
#[derive(Debug, Clone, Copy)]
pub struct GetObject<'a> {
    /// Where it is.
    pub bucket: Bucket<'a>,
    /// The key, not encoded: 1 to 1,024 bytes of UTF-8.
    pub key: &'a str,
    /// The version; `None` is the current one.
    pub version_id: Option<&'a str>,
}

/// Which part of the object is wanted, and on what condition.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The first byte that is wanted, counted from 0; everything behind it is, too.
    pub first_byte: u64,
    /// Only if the object still has this ETag (with its quotes, as S3 gave it): the rest of what is there already.
    pub if_match: Option<&'a str>,
    /// Only if the object has no longer this ETag.
    pub if_none_match: Option<&'a str>,
    /// S3 shall tell the checksum that it keeps with the object. Stores that are not S3 may not know this.
    pub checksum_mode: bool,
}

/// What S3 answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GetObjectOutcome {
    /// The bytes follow.
    Object(ObjectHead),
    /// 304: it still has the ETag of [`Wanted::if_none_match`].
    NotChanged,
    /// 412 or 416 where part of it is there already, or a 206 of something else: that part is of another object, and
    /// it has to be fetched from its beginning.
    Changed,
}

/// What is known of an object before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// The first byte of the body in the object: [`Wanted::first_byte`], or 0 from a store that knows no ranges.
    pub first_byte: u64,
    /// The whole object's size in bytes.
    pub size: u64,
    /// The ETag as it came, with its quotes.
    pub etag: String,
    /// `Last-Modified` as it came; empty where it is missing.
    pub last_modified: String,
    /// The version, in a bucket with versioning.
    pub version_id: Option<String>,
    /// The checksum of the whole object in base64, where S3 has told one that we can compute.
    pub checksum: Option<(ChecksumAlgorithm, String)>,
    /// S3 has told a checksum, but one of the parts' checksums, which only who knows the parts can compute.
    pub has_checksum_of_parts: bool,
}

impl GetObject<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self, wanted: &Wanted<'_>) -> Result<Request> {
        let mut request = self.bucket.object_request("GET", self.key, &version_query(self.version_id))?;
        let mut header = |name: &str, value: &str| request.header(name, value).map_err(too_large);
        if wanted.first_byte > 0 {
            header("range", &format!("bytes={}-", wanted.first_byte))?;
        }
        for (name, etag) in [("if-match", wanted.if_match), ("if-none-match", wanted.if_none_match)] {
            if let Some(etag) = etag {
                check_header_value("the ETag", etag)?;
                header(name, etag)?;
            }
        }
        if wanted.checksum_mode {
            header("x-amz-checksum-mode", "ENABLED")?;
        }
        Ok(request)
    }

    /// Whether the body of a reply with this status is S3's document about an error, and has to be read before
    /// [`Self::parse`] is called.
    pub fn explains_itself(status: u16) -> bool {
        !matches!(status, 200 | 206 | 304)
    }

    /// Reads the reply's head. `now` is the clock by which the request was signed, for errors that a wrong one may
    /// have caused.
    ///
    /// # Errors
    /// Whatever S3 refused, with its code, message and request id; a reply that does not fit the request.
    pub fn parse(&self, wanted: &Wanted<'_>, reply: &Reply<'_>, now: i64) -> Result<GetObjectOutcome> {
        match reply.status {
            304 if wanted.if_none_match.is_some() => Ok(GetObjectOutcome::NotChanged),
            412 if wanted.if_match.is_some() => Ok(GetObjectOutcome::Changed),
            416 if wanted.first_byte > 0 => Ok(GetObjectOutcome::Changed),
            200 | 206 => self.head(wanted, reply),
            _ => Err(s3_error::error(Operation::GetObject, &self.target(), &self.bucket, reply, now)),
        }
    }

    /// `s3://bucket/key`, for errors.
    pub fn target(&self) -> String {
        self.bucket.target(self.key)
    }

    fn head(&self, wanted: &Wanted<'_>, reply: &Reply<'_>) -> Result<GetObjectOutcome> {
        let length = reply.header("content-length").and_then(|length| length.parse::<u64>().ok());
        let length = length.ok_or_else(|| self.unexpected(reply, "does not say how long it is"))?;
        let etag = reply.header("etag").ok_or_else(|| self.unexpected(reply, "has no ETag"))?;
        let (first_byte, size) = match reply.status {
            206 => {
                let range = reply.header("content-range").unwrap_or_default();
                let (first, last, size) =
                    content_range(range).ok_or_else(|| self.unexpected(reply, "has no usable Content-Range"))?;
                let is_rest = first == wanted.first_byte && last + 1 == size && size - first == length;
                if wanted.first_byte == 0 || !is_rest {
                    let what = format!("is of another range than was asked for: {}", printable(range));
                    return Err(self.unexpected(reply, &what));
                }
                (first, size)
            }
            _ => (0, length),
        };
        if first_byte > 0 && wanted.if_match.is_some_and(|wanted| wanted != etag) {
            return Ok(GetObjectOutcome::Changed);
        }
        // A part's checksum is not the whole's.
        let (checksum, has_checksum_of_parts) = if first_byte == 0 { checksum(reply) } else { (None, false) };
        Ok(GetObjectOutcome::Object(ObjectHead {
            first_byte,
            size,
            etag: etag.to_owned(),
            last_modified: reply.header("last-modified").unwrap_or_default().to_owned(),
            version_id: reply.header("x-amz-version-id").map(printable),
            checksum,
            has_checksum_of_parts,
        }))
    }

    fn unexpected(&self, reply: &Reply<'_>, what: &str) -> Error {
        let message = format!("{}: the answer {} {what}", self.target(), reply.status);
        Error::new(Fault::Unavailable, "unexpected_reply", message)
            .with_remedy("check the endpoint: something that is not S3 may be answering")
    }
}

/// The query that names a version; empty for the current one.
pub(super) fn version_query(version_id: Option<&str>) -> String {
    version_id.map(|id| format!("versionId={}", encode_component(id))).unwrap_or_default()
}

/// The checksum of the object as a whole, or that there is only one of its parts.
fn checksum(reply: &Reply<'_>) -> (Option<(ChecksumAlgorithm, String)>, bool) {
    let mut found = ChecksumAlgorithm::ALL
        .into_iter()
        .filter_map(|algorithm| Some((algorithm, reply.header(algorithm.header_name())?.trim())));
    let Some((algorithm, value)) = found.next() else { return (None, false) };
    let is_whole = reply.header("x-amz-checksum-type").is_none_or(|kind| kind.eq_ignore_ascii_case("FULL_OBJECT"));
    // Of parts: `value-3`.
    if is_whole && value.len() == algorithm.text_length() {
        (Some((algorithm, value.to_owned())), false)
    } else {
        (None, true)
    }
}

/// `bytes 100-199/200` as first byte, last byte and size (RFC 9110, section 14.4); only what can be true.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (first, last, size) = (number(first)?, number(last)?, number(size)?);
    (first <= last && last < size).then_some((first, last, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers, torture};

    const NOW: i64 = 1_440_938_160;
    const CALL: GetObject<'_> =
        GetObject { bucket: Bucket { name: "example-bucket", ..BUCKET }, key: "my image.jpg", version_id: None };
    const REST: Wanted<'_> =
        Wanted { first_byte: 100, if_match: Some("\"a\""), if_none_match: None, checksum_mode: true };

    fn parse(wanted: &Wanted<'_>, status: u16, pairs: &[(&'static str, &'static str)]) -> Result<GetObjectOutcome> {
        CALL.parse(wanted, &Reply { status, headers: &headers(pairs), body: b"", complete: true }, NOW)
    }

    fn head(wanted: &Wanted<'_>, status: u16, pairs: &[(&'static str, &'static str)]) -> ObjectHead {
        match parse(wanted, status, pairs) {
            Ok(GetObjectOutcome::Object(head)) => head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_whole_object_needs_no_headers() {
        let request = CALL.request(&Wanted::default()).unwrap();
        assert_eq!(
            (request.method, &*request.authority, &*request.path, &*request.query),
            ("GET", "example-bucket.s3.eu-west-1.amazonaws.com", "/my%20image.jpg", "")
        );
        assert_eq!(request.headers().count(), 0);
    }

    #[test]
    fn the_rest_of_a_version_is_asked_for_on_condition() {
        let request = GetObject { version_id: Some("3/L4kqtJlcpXroDTDmpUMLUo"), ..CALL }.request(&REST).unwrap();
        assert_eq!(&*request.query, "versionId=3%2FL4kqtJlcpXroDTDmpUMLUo");
        assert!(request.headers().eq([
            ("range", "bytes=100-"),
            ("if-match", "\"a\""),
            ("x-amz-checksum-mode", "ENABLED")
        ]));
        let changed = Wanted { if_none_match: Some("\"b\""), ..Wanted::default() };
        assert!(CALL.request(&changed).unwrap().headers().eq([("if-none-match", "\"b\"")]));
        let evil = Wanted { if_match: Some("\"a\"\r\nx: y"), ..Wanted::default() };
        assert_eq!(CALL.request(&evil).unwrap_err().code(), "invalid_header_value");
        assert_eq!(GetObject { key: "", ..CALL }.request(&REST).unwrap_err().code(), "invalid_key");
    }

    /// GetObject, "Sample Response for general purpose buckets".
    #[test]
    fn the_documented_reply() {
        let head = head(
            &Wanted::default(),
            200,
            &[
                ("x-amz-request-id", "318BC8BC148832E5"),
                ("last-modified", "Wed, 12 Oct 2009 17:50:00 GMT"),
                ("etag", "\"fba9dede5f27731c9771645a39863328\""),
                ("content-length", "434234"),
                ("x-amz-version-id", "3GL4kqtJlcpXroDTDmpUMLUo"),
                ("x-amz-checksum-crc64nvme", "rsxW1xqPqxg="),
                ("x-amz-checksum-type", "FULL_OBJECT"),
            ],
        );
        assert_eq!(
            head,
            ObjectHead {
                first_byte: 0,
                size: 434_234,
                etag: "\"fba9dede5f27731c9771645a39863328\"".into(),
                last_modified: "Wed, 12 Oct 2009 17:50:00 GMT".into(),
                version_id: Some("3GL4kqtJlcpXroDTDmpUMLUo".into()),
                checksum: Some((ChecksumAlgorithm::Crc64Nvme, "rsxW1xqPqxg=".into())),
                has_checksum_of_parts: false,
            }
        );
    }

    #[test]
    fn the_rest_of_an_object() {
        let pairs = [("etag", "\"a\""), ("content-length", "50"), ("content-range", "bytes 100-149/150")];
        let rest = head(&REST, 206, &pairs);
        assert_eq!((rest.first_byte, rest.size), (100, 150));
        // A store without ranges begins at the beginning, of whatever the object is now.
        let whole = head(&REST, 200, &[("etag", "\"b\""), ("content-length", "150")]);
        assert_eq!((whole.first_byte, whole.size), (0, 150));
    }

    #[test]
    fn what_is_not_the_rest_of_the_same_object_is_not_taken_for_it() {
        for range in [
            "",
            "bytes 99-149/150",
            "bytes 100-148/150",
            "bytes 100-149/151",
            "bytes 100-149/*",
            "bytes */150",
            "bytes 100-99/100",
            "bytes 100-18446744073709551615/150",
            "bytes 100-+149/150",
            "items 100-149/150",
        ] {
            let pairs = [("etag", "\"a\""), ("content-length", "50"), ("content-range", range)];
            assert_eq!(parse(&REST, 206, &pairs).unwrap_err().code(), "unexpected_reply", "{range}");
        }
        let pairs = [("etag", "\"a\""), ("content-length", "49"), ("content-range", "bytes 100-149/150")];
        assert_eq!(parse(&REST, 206, &pairs).unwrap_err().code(), "unexpected_reply");
        let pairs = [("etag", "\"b\""), ("content-length", "50"), ("content-range", "bytes 100-149/150")];
        assert_eq!(parse(&REST, 206, &pairs), Ok(GetObjectOutcome::Changed));
        let pairs = [("etag", "\"a\""), ("content-length", "50"), ("content-range", "bytes 0-49/50")];
        assert_eq!(parse(&Wanted::default(), 206, &pairs).unwrap_err().code(), "unexpected_reply");
        for pairs in [&[("etag", "\"a\"")][..], &[("content-length", "1")], &[("etag", "x"), ("content-length", "-1")]]
        {
            assert_eq!(parse(&Wanted::default(), 200, pairs).unwrap_err().code(), "unexpected_reply", "{pairs:?}");
        }
    }

    #[test]
    fn conditions_have_their_own_outcomes() {
        let kept = Wanted { if_none_match: Some("\"a\""), ..Wanted::default() };
        assert_eq!(parse(&kept, 304, &[]), Ok(GetObjectOutcome::NotChanged));
        assert_eq!(parse(&REST, 412, &[]), Ok(GetObjectOutcome::Changed));
        assert_eq!(parse(&REST, 416, &[]), Ok(GetObjectOutcome::Changed));
        // Nobody asked for these.
        for status in [304, 412, 416] {
            assert!(parse(&Wanted::default(), status, &[]).is_err(), "{status}");
        }
        assert_eq!(parse(&REST, 404, &[]).unwrap_err().fault(), Fault::Refused);
    }

    #[test]
    fn checksums_of_parts_and_unknown_ones_are_left_alone() {
        let base = [("etag", "\"a\""), ("content-length", "1")];
        for (further, of_parts) in [
            (&[("x-amz-checksum-crc32", "AAAAAA==-2")][..], true),
            (&[("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-type", "COMPOSITE")], true),
            (&[("x-amz-checksum-sha256", "short")], true),
            (&[("x-amz-checksum-sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")], false),
        ] {
            let head = head(&Wanted::default(), 200, &[&base, further].concat());
            assert_eq!((head.checksum, head.has_checksum_of_parts), (None, of_parts), "{further:?}");
        }
        let plain = [&base[..], &[("x-amz-checksum-crc32", "AAAAAA==")]].concat();
        let expected = Some((ChecksumAlgorithm::Crc32, "AAAAAA==".into()));
        assert_eq!(head(&Wanted::default(), 200, &plain).checksum, expected);
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(b"<Error><Code>NoSuchKey</Code></Error>", &[200, 206, 304, 404, 416], |reply| {
            let _ = CALL.parse(&REST, reply, NOW);
        });
    }
}

//! S3 HeadObject: what is known of an object, without its bytes.
//!
//! Amazon S3 API Reference, "HeadObject".

use super::s3_bucket::Bucket;
use super::s3_error::{self, Operation};
use super::s3_put::PutObjectOutcome;
use super::{printable, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// One HeadObject.
#[derive(Debug, Clone, Copy)]
pub struct HeadObject<'a> {
    /// Where it is.
    pub bucket: Bucket<'a>,
    /// The key, not encoded: 1 to 1,024 bytes of UTF-8.
    pub key: &'a str,
    /// S3 shall tell the checksum that it keeps with the object. Stores that are not S3 may not know this.
    pub checksum_mode: bool,
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadObjectOutcome {
    /// Its size in bytes.
    pub size: u64,
    /// The user metadata that was asked about, where the object has it.
    pub metadata: Option<String>,
    /// The rest, as PutObject tells it.
    pub stored: PutObjectOutcome,
}

impl HeadObject<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self) -> Result<Request> {
        let mut request = self.bucket.object_request("HEAD", self.key, "")?;
        if self.checksum_mode {
            request.header("x-amz-checksum-mode", "ENABLED").map_err(too_large)?;
        }
        Ok(request)
    }

    /// Reads the reply, and of the user metadata the one of the header `metadata`. `now` is the clock by which the request
    /// was signed, for errors that a wrong one may have caused.
    ///
    /// # Errors
    /// Whatever S3 refused: only its status is known, because such a reply has no body; a reply that does not fit.
    pub fn parse(&self, metadata: &str, reply: &Reply<'_>, now: i64) -> Result<HeadObjectOutcome> {
        let target = self.bucket.target(self.key);
        if reply.status != 200 {
            return Err(s3_error::error(Operation::GetObject, &target, &self.bucket, reply, now));
        }
        let size = reply.header("content-length").and_then(|length| length.parse().ok());
        let (Some(size), Some(stored)) = (size, PutObjectOutcome::read(reply)) else {
            let message = format!("{target}: its answer 200 has no size or no ETag");
            return Err(Error::new(Fault::Unavailable, "unexpected_reply", message)
                .with_remedy("check the endpoint: something that is not S3 may be answering"));
        };
        Ok(HeadObjectOutcome { size, metadata: reply.header(metadata).map(printable), stored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers, torture};

    const CALL: HeadObject<'_> =
        HeadObject { bucket: Bucket { name: "example-bucket", ..BUCKET }, key: "my-image.jpg", checksum_mode: false };
    const NOW: i64 = 1_440_938_160;

    #[test]
    fn the_documented_request_and_reply() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path, &*request.query), ("HEAD", "/my-image.jpg", ""));
        assert_eq!(request.header_value("x-amz-checksum-mode"), None);
        let with_checksum = HeadObject { checksum_mode: true, ..CALL }.request().unwrap();
        assert_eq!(with_checksum.header_value("x-amz-checksum-mode"), Some("ENABLED"));
        // "Sample response for general purpose buckets", of an object with metadata and a checksum.
        let pairs = [
            ("x-amz-id-2", "ef8yU9AS1ed4OpIszj7UDNEHGran"),
            ("x-amz-request-id", "318BC8BC143432E5"),
            ("x-amz-version-id", "3HL4kqtJlcpXroDTDmjVBH40Nrjfkd"),
            ("last-modified", "Sun, 1 Jan 2006 12:00:00 GMT"),
            ("etag", "\"fba9dede5f27731c9771645a39863328\""),
            ("content-length", "434234"),
            ("x-amz-meta-family", "Muntz"),
            ("x-amz-checksum-crc64nvme", "rsxW1xqPqxg="),
            ("x-amz-checksum-type", "FULL_OBJECT"),
        ];
        let reply = Reply { status: 200, headers: &headers(&pairs), body: b"", complete: true };
        let expected = HeadObjectOutcome {
            size: 434_234,
            metadata: Some("Muntz".into()),
            stored: PutObjectOutcome {
                etag: "fba9dede5f27731c9771645a39863328".into(),
                version_id: Some("3HL4kqtJlcpXroDTDmjVBH40Nrjfkd".into()),
                checksum: Some(("crc64nvme".into(), "rsxW1xqPqxg=".into())),
            },
        };
        assert_eq!(CALL.parse("x-amz-meta-family", &reply, NOW), Ok(expected));
        assert_eq!(CALL.parse("x-amz-meta-other", &reply, NOW).unwrap().metadata, None);
    }

    #[test]
    fn a_refusal_has_its_status_alone() {
        let error = |status, pairs: &[(&'static str, &'static str)]| {
            let reply = Reply { status, headers: &headers(pairs), body: b"", complete: true };
            CALL.parse("x-amz-meta-family", &reply, NOW).unwrap_err()
        };
        let refused = error(403, &[("x-amz-request-id", "R")]);
        assert_eq!((refused.code(), refused.exit_code()), ("http_403", 77));
        assert!(refused.remedy().unwrap().contains("s3:GetObject"), "{refused}");
        assert_eq!(error(200, &[("etag", "\"e\"")]).code(), "unexpected_reply");
        assert!(error(503, &[]).retryable());
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(b"<Error><Code>NoSuchKey</Code></Error>", &[200, 304, 404], |reply| {
            let _ = CALL.parse("x-amz-meta-family", reply, NOW);
        });
    }
}

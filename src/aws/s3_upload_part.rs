//! S3 UploadPart with an aws-chunked body.
//!
//! Amazon S3 API Reference, "UploadPart".

use super::s3_error::{self, Operation};
use super::s3_multipart::{MultipartUpload, UploadedPart, checksum_header, etag, unexpected};
use super::s3_put::Encoding;
use super::too_large;
use crate::error::Result;
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// One UploadPart.
#[derive(Debug, Clone, Copy)]
pub struct UploadPart<'a> {
    /// The upload it belongs to.
    pub upload: MultipartUpload<'a>,
    /// Its place in the object: 1 to 10,000.
    pub number: u16,
}

impl UploadPart<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self, encoding: &Encoding<'_>) -> Result<Request> {
        let mut request = self.upload.request("PUT", &format!("partNumber={}&", self.number))?;
        let mut header = |name: &str, value: &str| request.header(name, value).map_err(too_large);
        header("content-length", &encoding.encoded_length.to_string())?;
        header("content-encoding", "aws-chunked")?;
        header("x-amz-decoded-content-length", &encoding.decoded_length.to_string())?;
        if let Some(trailer) = encoding.trailer {
            header("x-amz-trailer", trailer)?;
        }
        Ok(request)
    }

    /// Reads the reply. `checksum` is the algorithm that the part was sent with. `now` is the clock by which the
    /// request was signed.
    ///
    /// # Errors
    /// Whatever S3 refused; a success without an ETag.
    pub fn parse(&self, checksum: Option<ChecksumAlgorithm>, reply: &Reply<'_>, now: i64) -> Result<UploadedPart> {
        let target = format!("{} part {}", self.upload.target(), self.number);
        if reply.status != 200 || s3_error::is_error(reply) {
            return Err(s3_error::error(Operation::UploadPart, &target, &self.upload.bucket, reply, now));
        }
        let etag = reply.header("etag").and_then(etag).ok_or_else(|| unexpected(&target, "has no usable ETag"))?;
        let checksum = checksum.map(|algorithm| checksum_header(reply, algorithm)).unwrap_or_default();
        Ok(UploadedPart { etag, checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers, with_reply};
    use crate::error::Fault;

    const CALL: UploadPart<'_> = UploadPart {
        upload: MultipartUpload {
            bucket: BUCKET,
            key: "my-movie.m2ts",
            upload_id: "VCVsb2FkIElEIGZvciBlbZZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZR",
        },
        number: 1,
    };

    #[test]
    fn the_documented_request_in_chunks() {
        let encoding =
            Encoding { encoded_length: 10_501_064, decoded_length: 10_485_760, trailer: Some("x-amz-checksum-crc32") };
        let request = CALL.request(&encoding).unwrap();
        assert_eq!((request.method, &*request.path), ("PUT", "/my-movie.m2ts"));
        assert_eq!(&*request.query, "partNumber=1&uploadId=VCVsb2FkIElEIGZvciBlbZZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZR");
        assert!(request.headers().eq([
            ("content-length", "10501064"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "10485760"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ]));
        let odd = MultipartUpload { upload_id: "2~a+b/c=", ..CALL.upload };
        let request = UploadPart { upload: odd, number: 10_000 }.request(&encoding).unwrap();
        assert_eq!(&*request.query, "partNumber=10000&uploadId=2~a%2Bb%2Fc%3D");
    }

    #[test]
    fn the_documented_reply() {
        let pairs = headers(&[
            ("x-amz-id-2", "Vvag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg=="),
            ("x-amz-request-id", "656c76696e6727732072657175657374"),
            ("etag", "\"b54357faf0632cce46e942fa68356b38\""),
            ("x-amz-checksum-sha256", "ZHVtbXktY2hlY2tzdW0gb2YgYSBwYXJ0IG9mIGEgZmk="),
        ]);
        let reply = Reply { status: 200, headers: &pairs, body: b"", complete: true };
        let part = CALL.parse(Some(ChecksumAlgorithm::Sha256), &reply, 0).unwrap();
        assert_eq!(part.etag, "b54357faf0632cce46e942fa68356b38");
        assert_eq!(part.checksum, "ZHVtbXktY2hlY2tzdW0gb2YgYSBwYXJ0IG9mIGEgZmk=");
        assert_eq!(CALL.parse(None, &reply, 0).unwrap().checksum, "");
        let error = with_reply(200, b"", |reply| CALL.parse(None, reply, 0)).unwrap_err();
        assert_eq!(error.code(), "unexpected_reply");
    }

    #[test]
    fn an_upload_that_is_gone_is_told_by_its_code() {
        let body = "<Error><Code>NoSuchUpload</Code><Message>The specified upload does not exist.</Message></Error>";
        let error = with_reply(404, body.as_bytes(), |reply| CALL.parse(None, reply, 0)).unwrap_err();
        assert_eq!((error.fault(), error.code(), error.retryable()), (Fault::Refused, "NoSuchUpload", false));
        assert!(error.message().starts_with("s3://my-bucket/my-movie.m2ts part 1: S3 answered 404"), "{error}");
    }
}

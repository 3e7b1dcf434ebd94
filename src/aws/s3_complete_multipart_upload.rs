//! S3 CompleteMultipartUpload: the list of parts, piece by piece, and the object that comes of it.
//!
//! S3 may begin its answer with 200 and white space while it puts the parts together, and say only then that it
//! failed: the document counts, not the status.
//!
//! Amazon S3 API Reference, "CompleteMultipartUpload".

use super::s3_error::{self, Operation};
use super::s3_multipart::{
    MultipartUpload, UploadedPart, checksum_element, document, element, etag, shown, unexpected,
};
use super::s3_put::PutObjectOutcome;
use super::too_large;
use crate::error::Result;
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::checksum_of_parts::ChecksumType;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::xml::{elements, root_name};
use core::fmt::{self, Write};

/// One CompleteMultipartUpload.
#[derive(Debug, Clone, Copy)]
pub struct CompleteMultipartUpload<'a> {
    /// The upload.
    pub upload: MultipartUpload<'a>,
    /// The algorithm of the parts' checksums.
    pub algorithm: Option<ChecksumAlgorithm>,
    /// The whole object's checksum in base64, where it is known: S3 compares it with its own.
    pub checksum: Option<&'a str>,
    /// The whole object's size in bytes: S3 compares it with what it has.
    pub object_size: u64,
    /// Only if there is no object of that key yet.
    pub if_none_match: bool,
}

impl CompleteMultipartUpload<'_> {
    /// Builds the request for a body of `length` bytes; it is still to be signed. The body is [`LIST_START`], each
    /// [`Self::write_part`], [`LIST_END`].
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self, length: u64) -> Result<Request> {
        let mut request = self.upload.request("POST", "")?;
        let mut header = |name: &str, value: &str| request.header(name, value).map_err(too_large);
        header("content-length", &length.to_string())?;
        header("content-type", "application/xml")?;
        header("x-amz-mp-object-size", &self.object_size.to_string())?;
        if let Some(algorithm) = self.algorithm {
            header("x-amz-checksum-type", ChecksumType::of(algorithm).name())?;
            if let Some(checksum) = self.checksum {
                header(algorithm.header_name(), checksum)?;
            }
        }
        if self.if_none_match {
            header("if-none-match", "*")?;
        }
        Ok(request)
    }

    /// Writes one part of the list, at most [`PART_CAPACITY`] bytes. They are listed in the order of their numbers.
    ///
    /// # Errors
    /// What `out` gives.
    pub fn write_part(&self, out: &mut impl Write, number: u16, part: &UploadedPart) -> fmt::Result {
        write!(out, "<Part><ETag>\"{}\"</ETag>", part.etag)?;
        if let Some(name) = self.algorithm.filter(|_| !part.checksum.is_empty()).map(checksum_element) {
            write!(out, "<{name}>{}</{name}>", part.checksum)?;
        }
        write!(out, "<PartNumber>{number}</PartNumber></Part>")
    }

    /// Reads the reply. `now` is the clock by which the request was signed.
    ///
    /// # Errors
    /// Whatever S3 refused, a 200 whose document is an error included; and an answer that is cut off or says nothing,
    /// of which nobody knows what became of the object: it may be asked again.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<PutObjectOutcome> {
        let target = self.upload.target();
        if reply.status != 200 || s3_error::is_error(reply) {
            return Err(s3_error::error(Operation::PutObject, &target, &self.upload.bucket, reply, now));
        }
        let text = document(reply);
        let unexpected = |what: &str| unexpected(&target, what);
        // The whole of it: one that is cut off says nothing.
        let whole = elements(text, RESULT).next().filter(|_| root_name(text) == Some(RESULT));
        let result =
            whole.ok_or_else(|| unexpected("does not say whether the object is stored").with_retryable(true))?;
        // Radosgw 16 leaves it empty.
        let etag = etag(&element::<128>(result, "ETag")).unwrap_or_default();
        let checksum = self.algorithm.and_then(|algorithm| {
            let value = element::<64>(result, checksum_element(algorithm));
            (!value.is_empty()).then(|| (algorithm.name().to_ascii_lowercase(), shown(&value)))
        });
        Ok(PutObjectOutcome {
            etag: etag.as_str().to_owned(),
            version_id: reply.header("x-amz-version-id").map(shown),
            checksum,
        })
    }
}

const RESULT: &str = "CompleteMultipartUploadResult";
/// What stands before the parts.
pub const LIST_START: &str = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
/// What stands behind them.
pub const LIST_END: &str = "</CompleteMultipartUpload>";
/// An ETag of 72 bytes, a checksum of 44, a number of 5, and the tags around them (106).
pub const PART_CAPACITY: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers, torture, with_reply};
    use crate::error::Fault;

    const CALL: CompleteMultipartUpload<'_> = CompleteMultipartUpload {
        upload: MultipartUpload {
            bucket: BUCKET,
            key: "example-object",
            upload_id: "AAAsb2FkIElEIGZvciBlbHZpbmcncyWeeS1tb3ZpZS5tMnRzIRRwbG9hZA",
        },
        algorithm: None,
        checksum: None,
        object_size: 26_214_400,
        if_none_match: false,
    };
    /// The API Reference's sample response, with the white space before it that the page speaks of.
    const DOCUMENTED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n   \r\n
<CompleteMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">
 <Location>http://Example-Bucket.s3.<Region>.amazonaws.com/Example-Object</Location>
 <Bucket>Example-Bucket</Bucket>
 <Key>Example-Object</Key>
 <ETag>\"3858f62230ac3c915f300c664312c11f-9\"</ETag>
</CompleteMultipartUploadResult>";
    /// The same page's sample response with an error in its document.
    const FAILED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>

<Error>
 <Code>InternalError</Code>
 <Message>We encountered an internal error. Please try again.</Message>
 <RequestId>656c76696e6727732072657175657374</RequestId>
 <HostId>Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==</HostId>
</Error>";

    fn part(etag: &str, checksum: &str) -> UploadedPart {
        UploadedPart { etag: etag.try_into().unwrap(), checksum: checksum.try_into().unwrap() }
    }

    #[test]
    fn the_documented_request() {
        let request = CALL.request(1031).unwrap();
        assert_eq!((request.method, &*request.path), ("POST", "/example-object"));
        assert_eq!(&*request.query, "uploadId=AAAsb2FkIElEIGZvciBlbHZpbmcncyWeeS1tb3ZpZS5tMnRzIRRwbG9hZA");
        assert!(request.headers().eq([
            ("content-length", "1031"),
            ("content-type", "application/xml"),
            ("x-amz-mp-object-size", "26214400"),
        ]));
        let call = CompleteMultipartUpload {
            algorithm: Some(ChecksumAlgorithm::Crc32),
            checksum: Some("AAAAAA=="),
            if_none_match: true,
            ..CALL
        };
        let request = call.request(1).unwrap();
        for (name, value) in
            [("x-amz-checksum-type", "FULL_OBJECT"), ("x-amz-checksum-crc32", "AAAAAA=="), ("if-none-match", "*")]
        {
            assert_eq!(request.header_value(name), Some(value));
        }
    }

    #[test]
    fn parts_are_listed() {
        let mut list = String::new();
        CALL.write_part(&mut list, 1, &part("a54357aff0632cce46d942af68356b38", "x")).unwrap();
        let call = CompleteMultipartUpload { algorithm: Some(ChecksumAlgorithm::Crc32), ..CALL };
        call.write_part(&mut list, 2, &part("b", "AAAAAA==")).unwrap();
        call.write_part(&mut list, 3, &part("c", "")).unwrap();
        assert_eq!(
            list,
            "<Part><ETag>\"a54357aff0632cce46d942af68356b38\"</ETag><PartNumber>1</PartNumber></Part>\
             <Part><ETag>\"b\"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32><PartNumber>2</PartNumber></Part>\
             <Part><ETag>\"c\"</ETag><PartNumber>3</PartNumber></Part>"
        );
        let mut longest = heapless::String::<PART_CAPACITY>::new();
        let call = CompleteMultipartUpload { algorithm: Some(ChecksumAlgorithm::Crc64Nvme), ..CALL };
        call.write_part(&mut longest, 10_000, &part(&"x".repeat(72), &"x".repeat(44))).unwrap();
    }

    #[test]
    fn the_documented_reply_behind_white_space() {
        let headers = headers(&[("x-amz-version-id", "43jfkodU8493jnFJD9fjj3HHNVfdsQUI")]);
        // The page's location has a placeholder in it that is no XML.
        let body = format!("\n \n{}", DOCUMENTED.replace("<Region>", "eu-west-1"));
        let reply = Reply { status: 200, headers: &headers, body: body.as_bytes(), complete: true };
        let outcome = CALL.parse(&reply, 0).unwrap();
        assert_eq!(outcome.etag, "3858f62230ac3c915f300c664312c11f-9");
        assert_eq!(outcome.version_id.as_deref(), Some("43jfkodU8493jnFJD9fjj3HHNVfdsQUI"));
        assert_eq!(outcome.checksum, None);
        let body = body.replace("</ETag>", "</ETag><ChecksumSHA256>abc=-9</ChecksumSHA256>");
        let call = CompleteMultipartUpload { algorithm: Some(ChecksumAlgorithm::Sha256), ..CALL };
        let outcome = with_reply(200, body.as_bytes(), |reply| call.parse(reply, 0)).unwrap();
        assert_eq!(outcome.checksum, Some(("sha256".into(), "abc=-9".into())));
    }

    #[test]
    fn a_200_with_an_error_in_it_is_that_error() {
        for body in [FAILED.to_owned(), format!("{}{FAILED}", "\n".repeat(600))] {
            let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
            assert_eq!((error.fault(), error.code(), error.retryable()), (Fault::Temporary, "InternalError", true));
        }
        let lost = FAILED.replace("InternalError", "NoSuchUpload");
        let error = with_reply(200, lost.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("NoSuchUpload", false));
    }

    #[test]
    fn an_answer_that_says_nothing_is_no_success() {
        for body in
            ["", "   \n", "<CompleteMultipartUploadResult><ETag>\"a\"", "<html/>", "<?xml version=\"1.0\"?>\n  "]
        {
            let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
            assert_eq!((error.code(), error.retryable()), ("unexpected_reply", true), "{body}");
        }
    }

    #[test]
    fn an_empty_etag_is_no_failure() {
        let body = "<CompleteMultipartUploadResult><Key>k</Key><ETag></ETag></CompleteMultipartUploadResult>";
        assert_eq!(with_reply(200, body.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap().etag, "");
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(DOCUMENTED.as_bytes(), &[200, 404], |reply| drop(CALL.parse(reply, 0)));
    }
}

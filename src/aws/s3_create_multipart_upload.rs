//! S3 CreateMultipartUpload: the object's headers, and the id of the upload that begins.
//!
//! Amazon S3 API Reference, "CreateMultipartUpload".

use super::s3_bucket::Bucket;
use super::s3_error::{self, Operation};
use super::s3_multipart::{document, element, unexpected, upload_id};
use super::s3_put::{ObjectHeaders, add_object_headers};
use super::{check_header_value, too_large};
use crate::error::Result;
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::checksum_of_parts::ChecksumType;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::xml::root_name;

/// One CreateMultipartUpload.
#[derive(Debug, Clone, Copy)]
pub struct CreateMultipartUpload<'a> {
    /// Where the object goes.
    pub bucket: Bucket<'a>,
    /// The object's key, not encoded: 1 to 1,024 bytes of UTF-8.
    pub key: &'a str,
}

impl CreateMultipartUpload<'_> {
    /// Builds the request; it is still to be signed. `checksum` is the algorithm of the parts' checksums. Whether an
    /// object of that key is kept (`if_none_match`) is decided when the upload is completed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self, headers: &ObjectHeaders<'_>, checksum: Option<ChecksumAlgorithm>) -> Result<Request> {
        let mut request = self.bucket.object_request("POST", self.key, "uploads=")?;
        request.header("content-length", 0).map_err(too_large)?;
        if let Some(own) = headers.content_encoding {
            check_header_value("content encoding", own)?;
            request.header("content-encoding", own).map_err(too_large)?;
        }
        if let Some(algorithm) = checksum {
            request.header("x-amz-checksum-algorithm", algorithm.name()).map_err(too_large)?;
            request.header("x-amz-checksum-type", ChecksumType::of(algorithm).name()).map_err(too_large)?;
        }
        add_object_headers(&mut request, headers)?;
        Ok(request)
    }

    /// Reads the reply: the upload's id. `now` is the clock by which the request was signed.
    ///
    /// # Errors
    /// Whatever S3 refused.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<String> {
        let target = self.bucket.target(self.key);
        if reply.status != 200 || s3_error::is_error(reply) {
            return Err(s3_error::error(Operation::PutObject, &target, &self.bucket, reply, now));
        }
        let unexpected = |what: &str| unexpected(&target, what);
        let text = document(reply);
        if root_name(text) != Some("InitiateMultipartUploadResult") {
            return Err(unexpected("begins no multipart upload"));
        }
        // One byte more than we take: a longer one is seen to be.
        upload_id(element::<{ super::s3_multipart::UPLOAD_ID_MAXIMUM + 1 }>(text, "UploadId").trim(), unexpected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, torture, with_reply};
    use crate::error::Fault;

    const CALL: CreateMultipartUpload<'_> = CreateMultipartUpload { bucket: BUCKET, key: "example-object" };
    /// The API Reference's sample response.
    const DOCUMENTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>example-bucket</Bucket>
  <Key>example-object</Key>
  <UploadId>VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA</UploadId>
</InitiateMultipartUploadResult>"#;

    #[test]
    fn the_documented_request() {
        let request = CALL.request(&ObjectHeaders::default(), None).unwrap();
        assert_eq!((request.method, &*request.path, &*request.query), ("POST", "/example-object", "uploads="));
        assert!(request.headers().eq([("content-length", "0")]));
        let headers = ObjectHeaders {
            content_type: Some("image/jpeg"),
            storage_class: Some("GLACIER_IR"),
            if_none_match: true,
            ..Default::default()
        };
        for (algorithm, kind) in
            [(ChecksumAlgorithm::Crc64Nvme, "FULL_OBJECT"), (ChecksumAlgorithm::Sha256, "COMPOSITE")]
        {
            let request = CALL.request(&headers, Some(algorithm)).unwrap();
            assert!(request.headers().eq([
                ("content-length", "0"),
                ("x-amz-checksum-algorithm", algorithm.name()),
                ("x-amz-checksum-type", kind),
                ("content-type", "image/jpeg"),
                ("x-amz-storage-class", "GLACIER_IR"),
            ]));
        }
    }

    #[test]
    fn the_documented_reply() {
        let id = with_reply(200, DOCUMENTED.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap();
        assert_eq!(id, "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA");
        for body in ["", "<html/>", "<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>"] {
            let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
            assert_eq!(error.code(), "unexpected_reply");
        }
        let long = DOCUMENTED.replace("VXB", &"x".repeat(1024));
        assert!(with_reply(200, long.as_bytes(), |reply| CALL.parse(reply, 0)).is_err());
        let refused = "<Error><Code>AccessDenied</Code></Error>";
        let error = with_reply(403, refused.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
        assert_eq!(error.fault(), Fault::Refused);
        assert!(error.remedy().unwrap().contains("s3:PutObject"));
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(DOCUMENTED.as_bytes(), &[200, 403], |reply| drop(CALL.parse(reply, 0)));
    }
}

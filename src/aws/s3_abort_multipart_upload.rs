//! S3 AbortMultipartUpload: gives the room of its parts free.
//!
//! Amazon S3 API Reference, "AbortMultipartUpload".

use super::s3_error::{self, Operation};
use super::s3_multipart::MultipartUpload;
use crate::error::Result;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// One AbortMultipartUpload.
#[derive(Debug, Clone, Copy)]
pub struct AbortMultipartUpload<'a> {
    /// The upload.
    pub upload: MultipartUpload<'a>,
}

impl AbortMultipartUpload<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self) -> Result<Request> {
        self.upload.request("DELETE", "")
    }

    /// Reads the reply. That there is no such upload (any more) is a success. `now` is the clock by which the request
    /// was signed.
    ///
    /// # Errors
    /// Whatever S3 refused.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<()> {
        // Some stores answer 200.
        if matches!(reply.status, 200 | 204) && !s3_error::is_error(reply) {
            return Ok(());
        }
        match s3_error::error(Operation::AbortUpload, &self.upload.target(), &self.upload.bucket, reply, now) {
            error if error.code() == "NoSuchUpload" => Ok(()),
            error => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, with_reply};

    const CALL: AbortMultipartUpload<'_> = AbortMultipartUpload {
        upload: MultipartUpload {
            bucket: BUCKET,
            key: "example-object",
            upload_id: "VXBsb2FkIElEIGZvciBlbHZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZ",
        },
    };

    #[test]
    fn the_documented_request_and_reply() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path), ("DELETE", "/example-object"));
        assert_eq!(&*request.query, "uploadId=VXBsb2FkIElEIGZvciBlbHZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZ");
        assert_eq!(request.headers().count(), 0);
        assert!(with_reply(204, b"", |reply| CALL.parse(reply, 0)).is_ok());
    }

    #[test]
    fn what_is_gone_need_not_be_aborted() {
        let body = |code| format!("<Error><Code>{code}</Code></Error>");
        assert!(with_reply(404, body("NoSuchUpload").as_bytes(), |reply| CALL.parse(reply, 0)).is_ok());
        let error = with_reply(403, body("AccessDenied").as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
        assert!(error.remedy().unwrap().contains("s3:AbortMultipartUpload"), "{error}");
    }
}

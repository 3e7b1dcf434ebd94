//! S3 HeadBucket: whether a bucket is there, and where.
//!
//! Amazon S3 API Reference, "HeadBucket": the region is in the reply's header even where access is refused, and the reply
//! has no body, so that the reason of a refusal is asked for with GetBucketLocation.

use super::printable;
use super::s3_bucket::Bucket;
use super::s3_error::{self, Operation};
use crate::error::{Error, Result};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// One HeadBucket.
#[derive(Debug, Clone, Copy)]
pub struct HeadBucket<'a> {
    /// The bucket.
    pub bucket: Bucket<'a>,
}

/// What S3 says of the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketState {
    /// Its region, where S3 says it.
    pub region: Option<String>,
    /// Why S3 does not let it be looked at, though it is there: `s3:ListBucket` is not allowed.
    pub is_closed: bool,
}

impl HeadBucket<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration error for a place that cannot be one.
    pub fn request(&self) -> Result<Request> {
        self.bucket.bucket_request("HEAD", "")
    }

    /// Builds the request for the reason, where that was refused: the same of GetBucketLocation, whose refusal has a body.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn reason_request(&self) -> Result<Request> {
        self.bucket.bucket_request("GET", "location=")
    }

    /// Reads the reply; `None`: it was refused, and the reason is to be asked for.
    pub fn parse(&self, reply: &Reply<'_>) -> Option<BucketState> {
        (reply.status == 200).then(|| BucketState { region: region(reply), is_closed: false })
    }

    /// Reads the reply to [`Self::reason_request`]. `now` is the clock by which it was signed.
    ///
    /// # Errors
    /// Whatever is wrong but that the role may not look at the bucket, which no delivery needs.
    pub fn parse_reason(&self, reply: &Reply<'_>, now: i64) -> Result<BucketState> {
        if reply.status == 200 && !s3_error::is_error(reply) {
            return Ok(BucketState { region: region(reply), is_closed: true });
        }
        let target = format!("s3://{}", self.bucket.name);
        let error = s3_error::error(Operation::PutObject, &target, &self.bucket, reply, now);
        match error.code() {
            "AccessDenied" => Ok(BucketState { region: region(reply), is_closed: true }),
            _ => Err(error),
        }
    }

    /// The error for a bucket in another region than the one that requests are signed for.
    pub fn elsewhere(&self, region: &str) -> Error {
        let (name, wrong) = (self.bucket.name, self.bucket.region);
        Error::new(
            crate::error::Fault::Config,
            "wrong_region",
            format!("s3://{name}: the bucket is in region {region}, and requests are signed for {wrong}"),
        )
        .with_remedy(format!("set region to {region}"))
    }
}

fn region(reply: &Reply<'_>) -> Option<String> {
    reply.header("x-amz-bucket-region").map(printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers, torture};

    const CALL: HeadBucket<'_> = HeadBucket { bucket: BUCKET };

    fn reply(status: u16, body: &str, read: impl FnOnce(&Reply<'_>)) {
        let headers = headers(&[("x-amz-bucket-region", "us-west-2")]);
        read(&Reply { status, headers: &headers, body: body.as_bytes(), complete: true });
    }

    #[test]
    fn the_documented_requests() {
        let head = CALL.request().unwrap();
        assert_eq!((head.method, &*head.path, &*head.query), ("HEAD", "/", ""));
        let reason = CALL.reason_request().unwrap();
        assert_eq!((reason.method, &*reason.path, &*reason.query), ("GET", "/", "location="));
    }

    #[test]
    fn the_documented_reply_names_the_region() {
        reply(200, "", |reply| {
            let state = CALL.parse(reply).unwrap();
            assert_eq!((state.region.as_deref(), state.is_closed), (Some("us-west-2"), false));
        });
        reply(403, "", |reply| assert_eq!(CALL.parse(reply), None));
    }

    #[test]
    fn a_role_that_may_not_look_is_no_error() {
        reply(403, "<Error><Code>AccessDenied</Code></Error>", |reply| {
            let state = CALL.parse_reason(reply, 0).unwrap();
            assert_eq!((state.region.as_deref(), state.is_closed), (Some("us-west-2"), true));
        });
        reply(404, "<Error><Code>NoSuchBucket</Code></Error>", |reply| {
            assert_eq!(CALL.parse_reason(reply, 0).unwrap_err().code(), "NoSuchBucket");
        });
        reply(400, "<Error><Code>AuthorizationHeaderMalformed</Code></Error>", |reply| {
            let error = CALL.parse_reason(reply, 0).unwrap_err();
            assert!(error.remedy().unwrap().contains("set region to us-west-2"), "{error}");
        });
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(b"<Error><Code>AccessDenied</Code></Error>", &[200, 403], |reply| {
            let _ = CALL.parse_reason(reply, 0);
        });
    }
}

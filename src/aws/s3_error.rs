//! What S3 answers when it does not do what it was asked: the error document, its headers, and what to do next.
//!
//! Amazon S3 API Reference, "Error responses".

use super::s3_bucket::Bucket;
use super::{
    CLOCK_REMEDY, EXPIRED_CREDENTIALS, FOREIGN_CREDENTIALS, WRONG_SIGNATURE, are_apart, clock_difference, describe,
    printable, server_clock, wait,
};
use crate::error::{Error, Fault};
use crate::protocol::reply::Reply;
use crate::protocol::retry::{Class, classify};
use crate::protocol::time::{BothClocks, parse_iso8601};
use crate::protocol::xml::{element_text, root_name};

/// What S3 was asked to do: an error's remedy depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    PutObject,
    GetObject,
    /// Here and below: of a multipart upload.
    UploadPart,
    ListParts,
    AbortUpload,
    ListUploads,
}

/// Whether the body is an error document: it can be, even where the status is 200.
pub(super) fn is_error(reply: &Reply<'_>) -> bool {
    root_name(utf8_part(reply.body)) == Some("Error")
}

/// The error for a reply. `target` is what was asked for (`s3://bucket/key`), `now` the clock that signed the request,
/// half way between request and reply.
pub(super) fn error(operation: Operation, target: &str, bucket: &Bucket<'_>, reply: &Reply<'_>, now: i64) -> Error {
    let status = reply.status;
    let said = S3Error::read(reply);
    let mut message =
        format!("{target}: S3 answered {}", describe(status, &said.code, &said.message, &said.request_id));
    let blamed = said.blamed_clocks(reply, now);
    if let Some(clocks) = blamed {
        message.push_str(&format!("; {clocks}"));
    }
    let code = if said.code.is_empty() { format!("http_{status}") } else { said.code.clone() };
    if let Some(remedy) = said.right_place(status, bucket) {
        return Error::new(Fault::Config, code, message).with_remedy(remedy);
    }
    let class = classify(&said.code, status);
    let (fault, remedy) = match known(&said.code, status) {
        Some((code, _, fault, remedy)) => (*fault, operation.remedy(code).unwrap_or(remedy)),
        None if DAMAGED.contains(&&*said.code) => (Fault::Temporary, SEND_AGAIN),
        // A 200 that carries an error is one that S3 noticed after it had begun to answer.
        None if class.is_temporary() || status == 200 => (Fault::Temporary, ""),
        None if (400..500).contains(&status) || status == 501 => (Fault::Refused, ""),
        None => (Fault::Unavailable, "check the endpoint: something that is not S3 may be answering"),
    };
    // New credentials, or a right clock, are all it takes.
    let retryable = fault == Fault::Temporary || class == Class::ExpiredCredentials || blamed.is_some();
    let remedy = if blamed.is_some() { CLOCK_REMEDY } else { remedy };
    let hint = clock_difference(reply, &said.code, blamed).or_else(|| wait(reply));
    let error = Error::new(fault, code, message).with_retryable(retryable).with_hint(hint);
    if remedy.is_empty() { error } else { error.with_remedy(remedy) }
}

impl Operation {
    /// What to do about an error that means different things for different operations.
    fn remedy(self, code: &str) -> Option<&'static str> {
        match (self, code) {
            (Self::GetObject, "AccessDenied") => Some(
                "check that the role allows s3:GetObject on the key (s3:GetObjectVersion for a version, kms:Decrypt for \
                 the KMS key too), the key's spelling (S3 says this of an object that does not exist, too, unless the \
                 role allows s3:ListBucket), and the bucket's own policy",
            ),
            (Self::GetObject, "PreconditionFailed") => Some("the object has been replaced meanwhile: try again"),
            (Self::GetObject, "NotImplemented") => Some("this store does not know one of the request's headers"),
            (Self::ListParts, "AccessDenied") => {
                Some("check that the role allows s3:ListMultipartUploadParts on the key")
            }
            (Self::AbortUpload, "AccessDenied") => {
                Some("check that the role allows s3:AbortMultipartUpload on the key")
            }
            (Self::ListUploads, "AccessDenied") => {
                Some("check that the role allows s3:ListBucketMultipartUploads on the bucket")
            }
            (Self::UploadPart, "EntityTooLarge") => {
                Some("S3 takes at most 5 GiB in one part; another store, or a proxy, may take less: set part_size")
            }
            _ => None,
        }
    }
}

#[derive(Debug)]
struct S3Error {
    code: String,
    message: String,
    request_id: String,
    region: String,
    endpoint: String,
    server_time: Option<i64>,
}

impl S3Error {
    fn read(reply: &Reply<'_>) -> Self {
        let document = utf8_part(reply.body);
        // A page of HTML is not searched for them.
        let is_error = is_error(reply);
        let element = |name| {
            let mut text = heapless::String::<ELEMENT_CAPACITY>::new();
            let found = is_error && element_text(document, name, &mut text);
            found.then(|| printable(text.trim())).filter(|text| !text.is_empty())
        };
        let header = |name| reply.header(name).map(printable);
        let request_id = element("RequestId").or_else(|| header("x-amz-request-id")).or_else(|| header("x-amz-id-2"));
        Self {
            code: element("Code").unwrap_or_default(),
            message: element("Message").unwrap_or_default(),
            request_id: request_id.unwrap_or_default(),
            region: header("x-amz-bucket-region").or_else(|| element("Region")).unwrap_or_default(),
            endpoint: element("Endpoint").unwrap_or_default(),
            server_time: element("ServerTime").and_then(|time| parse_iso8601(&time)),
        }
    }

    /// Both clocks, where the error may come from their difference.
    fn blamed_clocks(&self, reply: &Reply<'_>, now: i64) -> Option<BothClocks> {
        let date = || server_clock(reply, now.max(FIRST_RELEASE));
        let clocks = BothClocks { device: now, server: self.server_time.or_else(date)? };
        let is_blamed =
            self.code == "RequestTimeTooSkewed" || (are_apart(clocks) && TIME_DEPENDENT.contains(&&*self.code));
        is_blamed.then_some(clocks)
    }

    /// What to set where the bucket is elsewhere: for redirects, and signatures made for the wrong region.
    fn right_place(&self, status: u16, bucket: &Bucket<'_>) -> Option<String> {
        let is_redirect = matches!(status, 301 | 302 | 307 | 308);
        if !is_redirect && !WRONG_REGION.contains(&&*self.code) {
            return None;
        }
        if !self.region.is_empty() && self.region != bucket.region {
            let (name, right, wrong) = (bucket.name, &self.region, bucket.region);
            return Some(format!("bucket {name} is in region {right}: set region to {right} (it is {wrong})"));
        }
        if !is_redirect {
            return None;
        }
        Some(if self.endpoint.is_empty() {
            "check region, and the endpoint if one is set: S3 redirects where the bucket is elsewhere (for a new \
             bucket also where it is not, for up to a day)"
                .to_owned()
        } else {
            let endpoint = &self.endpoint;
            format!("the bucket is at {endpoint}: set region to its region, or the endpoint to that")
        })
    }
}

fn known(code: &str, status: u16) -> Option<&'static Known> {
    if code.is_empty() {
        return KNOWN.iter().find(|(_, without_document, ..)| *without_document == status);
    }
    KNOWN.iter().find(|(known, ..)| *known == code)
}

/// The body up to the first byte that is no UTF-8: an error document is read from its beginning.
fn utf8_part(body: &[u8]) -> &str {
    body.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default()
}

/// An error code; the status that means the same where there is no document (0: none does); whose fault it is; and
/// what to do.
type Known = (&'static str, u16, Fault, &'static str);

/// What a person can do something about, or what the status alone would sort wrongly; what passes by itself is known to
/// [`classify`] (Amazon S3 API Reference,
/// "List of error codes").
const KNOWN: &[Known] = &[
    (
        "AccessDenied",
        403,
        Fault::Refused,
        "check that the role allows s3:PutObject on the key (s3:PutObjectTagging for tags, kms:GenerateDataKey for \
         the KMS key too), and the bucket's own policy",
    ),
    (
        "EntityTooLarge",
        413,
        Fault::Data,
        "S3 takes at most 5 GiB in one PutObject; another store, or a proxy, may take less",
    ),
    ("EntityTooSmall", 0, Fault::Data, "this store wants larger parts: set part_size"),
    ("ExpiredToken", 0, Fault::Refused, EXPIRED_CREDENTIALS),
    ("InvalidAccessKeyId", 0, Fault::Refused, FOREIGN_CREDENTIALS),
    ("InvalidBucketName", 0, Fault::Refused, "check bucket: its spelling"),
    (
        "InvalidObjectState",
        0,
        Fault::Refused,
        "the object is archived: have it restored first (aws s3api restore-object), which takes minutes to hours",
    ),
    ("InvalidPart", 0, Fault::Refused, GONE),
    ("InvalidPartOrder", 0, Fault::Refused, GONE),
    ("InvalidTag", 0, Fault::Data, ""),
    ("InvalidToken", 0, Fault::Refused, FOREIGN_CREDENTIALS),
    ("KeyTooLongError", 0, Fault::Data, ""),
    ("MetadataTooLarge", 0, Fault::Data, ""),
    ("NoSuchBucket", 0, Fault::Refused, "check bucket: its spelling, and that it exists at this endpoint"),
    ("NoSuchKey", 0, Fault::NoInput, "check the key's spelling, and that the object has not been deleted"),
    ("NoSuchUpload", 0, Fault::Refused, GONE),
    ("NoSuchVersion", 0, Fault::NoInput, "check the version's id, and that this version has not been deleted"),
    (
        "NotImplemented",
        501,
        Fault::Refused,
        "this store does not know one of the headers: try --payload signed --checksum none, and no storage class, \
         tags or encryption",
    ),
    (
        "PreconditionFailed",
        412,
        Fault::Refused,
        "there is an object of that key already, and --if-none-match protects it: choose another key",
    ),
    ("RequestTimeTooSkewed", 0, Fault::Refused, CLOCK_REMEDY),
    ("SignatureDoesNotMatch", 0, Fault::Refused, WRONG_SIGNATURE),
];

const GONE: &str = "somebody has ended the multipart upload meanwhile: send the file again, it then begins anew";
const DAMAGED: &[&str] = &["BadDigest", "IncompleteBody", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"];
const SEND_AGAIN: &str = "the data was damaged or cut on its way: try again";

/// Errors that name the bucket's region, where it is not the one signed for.
const WRONG_REGION: &[&str] =
    &["AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"];
/// Errors that a wrong clock may have caused; the empty one is a refusal without a document.
const TIME_DEPENDENT: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "InvalidToken",
    "RequestExpired",
    "RequestInTheFuture",
    "SignatureDoesNotMatch",
    "",
];
/// 2026-01-01, before which this was not written: what two-digit years are nearest to, even if the clock is at 1970.
const FIRST_RELEASE: i64 = 1_767_225_600;
/// The longest element we show is the message; [`printable`] cuts it shorter still.
const ELEMENT_CAPACITY: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{BUCKET, headers, torture};

    const NOW: i64 = 1_440_938_160;

    fn error_with(status: u16, pairs: &[(&'static str, &'static str)], body: &str) -> Error {
        let reply = Reply { status, headers: &headers(pairs), body: body.as_bytes(), complete: true };
        error(Operation::PutObject, "s3://my-bucket/camera-1/a b.jpg", &BUCKET, &reply, NOW)
    }

    fn document(code: &str, more: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>Said so</Message>{more}\
             <RequestId>4442587FB7D0A2F9</RequestId></Error>"
        )
    }

    #[test]
    fn error_documents_keep_code_message_and_request_id() {
        for (status, code, fault) in [
            (403, "AccessDenied", Fault::Refused),
            (404, "NoSuchBucket", Fault::Refused),
            (403, "SignatureDoesNotMatch", Fault::Refused),
            (403, "InvalidAccessKeyId", Fault::Refused),
            (400, "ExpiredToken", Fault::Refused),
            (400, "InvalidToken", Fault::Refused),
            (412, "PreconditionFailed", Fault::Refused),
            (400, "EntityTooLarge", Fault::Data),
            (400, "KeyTooLongError", Fault::Data),
            (503, "SlowDown", Fault::Temporary),
            (500, "InternalError", Fault::Temporary),
            (400, "RequestTimeout", Fault::Temporary),
            (400, "BadDigest", Fault::Temporary),
            (501, "NotImplemented", Fault::Refused),
            (400, "SomethingNew", Fault::Refused),
            (200, "InternalError", Fault::Temporary),
            (200, "AccessDenied", Fault::Refused),
            (404, "NoSuchKey", Fault::NoInput),
            (404, "NoSuchVersion", Fault::NoInput),
            (403, "InvalidObjectState", Fault::Refused),
        ] {
            let error = error_with(status, &[("etag", "\"x\"")], &document(code, ""));
            assert_eq!((error.fault(), error.code()), (fault, code), "{error}");
            assert!(
                error.message().contains(&format!("{status} {code}: Said so (request id 4442587FB7D0A2F9)")),
                "{error}"
            );
            assert!(error.message().contains("s3://my-bucket/camera-1/a b.jpg"), "{error}");
        }
        assert!(error_with(404, &[], &document("NoSuchBucket", "")).remedy().unwrap().contains("bucket"));
        assert!(error_with(400, &[], &document("ExpiredToken", "")).retryable());
    }

    #[test]
    fn remedies_fit_the_operation() {
        let remedy = |operation, status, body: &str| {
            let reply = Reply { status, headers: &headers(&[]), body: body.as_bytes(), complete: true };
            error(operation, "s3://b/k", &BUCKET, &reply, NOW).remedy().unwrap_or_default().to_owned()
        };
        for body in [&*document("AccessDenied", ""), ""] {
            assert!(remedy(Operation::PutObject, 403, body).contains("s3:PutObject"));
            let of_get = remedy(Operation::GetObject, 403, body);
            assert!(of_get.contains("s3:GetObject") && !of_get.contains("s3:PutObject"), "{of_get}");
        }
        assert!(remedy(Operation::PutObject, 412, "").contains("--if-none-match"));
        assert!(remedy(Operation::GetObject, 412, "").contains("try again"));
    }

    #[test]
    fn an_empty_body_leaves_the_headers() {
        let error = error_with(403, &[("x-amz-request-id", "tx00000a"), ("x-amz-id-2", "host")], "");
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "http_403"));
        assert!(error.message().contains("403 (request id tx00000a)"), "{error}");
        assert!(error_with(403, &[("x-amz-id-2", "host")], "").message().contains("(request id host)"));
        assert_eq!(error_with(503, &[], "<html><Code>no</Code></html>").code(), "http_503");
    }

    #[test]
    fn the_right_region_is_named() {
        let malformed = document("AuthorizationHeaderMalformed", "<Region>ap-northeast-1</Region>");
        let permanent = document("PermanentRedirect", "<Endpoint>my-bucket.s3.ap-northeast-1.amazonaws.com</Endpoint>");
        for error in [
            error_with(400, &[], &malformed),
            error_with(301, &[("x-amz-bucket-region", "ap-northeast-1")], &permanent),
            error_with(307, &[("x-amz-bucket-region", "ap-northeast-1")], ""),
        ] {
            assert_eq!(error.fault(), Fault::Config);
            assert!(error.remedy().unwrap().contains("set region to ap-northeast-1 (it is eu-west-1)"), "{error}");
        }
        let error = error_with(301, &[], &permanent);
        assert!(error.remedy().unwrap().contains("my-bucket.s3.ap-northeast-1.amazonaws.com"), "{error}");
        let same = document("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>");
        assert_eq!(error_with(400, &[], &same).fault(), Fault::Refused);
    }

    #[test]
    fn a_wrong_clock_is_told_with_both_clocks() {
        let skewed = document(
            "RequestTimeTooSkewed",
            "<RequestTime>20150830T123600Z</RequestTime><ServerTime>2015-08-31T12:36:00Z</ServerTime>",
        );
        for error in [
            error_with(403, &[], &skewed),
            error_with(403, &[("date", "Mon, 31 Aug 2015 12:36:00 GMT")], &document("ExpiredToken", "")),
            error_with(403, &[("date", "Mon, 31 Aug 2015 12:36:00 GMT")], &document("SignatureDoesNotMatch", "")),
        ] {
            assert!(
                error.message().contains(
                    "clock says 2015-08-30T12:36:00Z, the server's 2015-08-31T12:36:00Z (the device is 24 h behind)"
                ),
                "{error}"
            );
            assert!(error.remedy().unwrap().contains("clock"), "{error}");
        }
        let right =
            error_with(403, &[("date", "Sun, 30 Aug 2015 12:36:05 GMT")], &document("SignatureDoesNotMatch", ""));
        assert!(!right.message().contains("clock"), "{right}");
        let cached =
            error_with(403, &[("age", "9"), ("date", "Mon, 31 Aug 2015 12:36:00 GMT")], &document("ExpiredToken", ""));
        assert!(!cached.message().contains("clock"), "{cached}");
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn any_reply_can_be_read() {
        let body = document("AuthorizationHeaderMalformed", "<Region>ap-northeast-1</Region><!-- x --><![CDATA[y]]>");
        torture(body.as_bytes(), &[200, 301, 403], |reply| {
            let _ = error(Operation::GetObject, "s3://b/k", &BUCKET, reply, NOW);
        });
    }
}

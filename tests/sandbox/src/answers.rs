//! Wrong answers, ready made: what AWS (or something that only looks like it) may send instead of the expected reply.

use std::fmt::Write as _;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Response, StatusCode};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use crate::http_server::ReplyBody;
use crate::sessions::{UPPER_CASE_AND_DIGITS, random_text};

/// A fixed HTTP reply.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    declared_length: Option<usize>,
    pub(crate) before_body: bool,
}

impl Answer {
    /// A reply with this status and body, sent when the request has been read to its end.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE.as_str().to_owned(), content_type.to_owned())],
            body: Bytes::from(body.into()),
            declared_length: None,
            before_body: false,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends the reply before the request's body has been read, then closes the connection, as S3 does.
    #[must_use]
    pub fn before_body(mut self) -> Self {
        self.before_body = true;
        self
    }

    /// Promises `missing` more bytes in `Content-Length` than are sent; then the connection is closed.
    #[must_use]
    pub fn truncated_by(mut self, missing: usize) -> Self {
        self.declared_length = Some(self.body.len() + missing);
        self
    }

    /// JSON that ends in the middle of a value, with a correct length.
    pub fn malformed_json() -> Self {
        Self::new(200, JSON, r#"{"credentials":{"accessKeyId":"ASIA","secretAccessKey":"#)
    }

    /// Well-formed credentials JSON whose session token is `bytes` long.
    pub fn oversized_credentials(bytes: usize) -> Self {
        let token = "A".repeat(bytes);
        Self::new(
            200,
            JSON,
            format!(
                r#"{{"credentials":{{"accessKeyId":"ASIAEXAMPLEEXAMPLE00","secretAccessKey":"example","sessionToken":"{token}","expiration":"2099-01-01T00:00:00Z"}}}}"#
            ),
        )
    }

    /// A credentials reply that breaks off: fewer bytes than `Content-Length` says.
    pub fn truncated_credentials() -> Self {
        Self::new(200, JSON, r#"{"credentials":{"accessKeyId":"ASIAEXAMPLEEXAMPLE00","secretAcc"#).truncated_by(900)
    }

    /// What the credential provider answers when it gives no credentials (recorded in awslabs'
    /// aws-iot-core-credential-provider-session-helper, `docs/dev_notes.md`).
    pub fn credential_refusal(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": message }))
            .header("x-amzn-errortype", "AccessDeniedException")
            .header("x-amzn-requestid", crate::sessions::trace_id())
    }

    /// What a data endpoint answers to a path it does not know.
    pub fn not_found() -> Self {
        let trace = crate::sessions::trace_id();
        Self::new(404, JSON, format!(r#"{{"message":"Not Found","traceId":"{trace}"}}"#))
    }

    /// A page of some proxy or captive portal.
    pub fn captive_portal() -> Self {
        Self::new(200, "text/html", "<html><body>Please sign in to the guest network</body></html>")
    }

    /// S3's error XML with any status, code and message.
    pub fn s3_error(status: u16, code: &str, message: &str) -> Self {
        Self::s3_error_with(status, code, message, &[])
    }

    /// 200 whose body nevertheless is an S3 error, as `CompleteMultipartUpload` and some proxies give it.
    pub fn ok_with_s3_error() -> Self {
        Self::s3_error(200, "InternalError", "We encountered an internal error. Please try again.")
    }

    /// 503 SlowDown.
    pub fn slow_down() -> Self {
        Self::s3_error(503, "SlowDown", "Please reduce your request rate.")
    }

    /// 403 AccessDenied that is sent before the body has been read; then the connection is closed.
    pub fn early_access_denied() -> Self {
        Self::s3_error(403, "AccessDenied", "Access Denied").before_body()
    }

    /// 301 PermanentRedirect: the bucket lives in `region`.
    pub fn permanent_redirect(bucket: &str, region: &str) -> Self {
        let endpoint = format!("{bucket}.s3.{region}.amazonaws.com");
        Self::s3_error_with(
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
            &[("Endpoint", &endpoint), ("Bucket", bucket)],
        )
        .header("x-amz-bucket-region", region)
    }

    /// 307 TemporaryRedirect to another host.
    pub fn temporary_redirect(bucket: &str, location: &str) -> Self {
        Self::s3_error_with(
            307,
            "TemporaryRedirect",
            "Please re-send this request to the specified temporary endpoint. Continue to use the original request endpoint for future requests.",
            &[("Bucket", bucket)],
        )
        .header("location", location)
    }

    /// 403 RequestTimeTooSkewed, as S3 gives it for a request signed at `request_time` (the `x-amz-date` form).
    pub fn request_time_too_skewed(request_time: &str, server_time: OffsetDateTime) -> Self {
        let server_time = server_time.format(&Iso8601::DEFAULT).unwrap_or_default();
        Self::s3_error_with(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            &[("RequestTime", request_time), ("ServerTime", &server_time), ("MaxAllowedSkewMilliseconds", "900000")],
        )
    }

    pub(crate) fn s3_error_with(status: u16, code: &str, message: &str, fields: &[(&str, &str)]) -> Self {
        let request_id = random_text(16, UPPER_CASE_AND_DIGITS).unwrap_or_default();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>"
        );
        for (name, value) in fields {
            let _ = write!(xml, "<{name}>{value}</{name}>");
        }
        let _ = write!(xml, "<RequestId>{request_id}</RequestId><HostId>{HOST_ID}</HostId></Error>");
        Self::new(status, "application/xml", xml).header("x-amz-request-id", request_id).header("x-amz-id-2", HOST_ID)
    }

    pub(crate) fn json(status: u16, message: &serde_json::Value) -> Self {
        Self::new(status, JSON, message.to_string())
    }

    pub(crate) fn into_response(self) -> Response<ReplyBody> {
        let declared = self.declared_length.unwrap_or(self.body.len());
        // A stream rather than a whole body: its length is unknown to hyper, which then believes the declared one.
        let frame = Ok::<_, crate::http_server::BoxError>(Frame::data(self.body));
        let body = StreamBody::new(stream::iter([frame])).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let close = self.before_body.then(|| (CONNECTION.as_str().to_owned(), "close".to_owned()));
        for (name, value) in self.headers.into_iter().chain(close) {
            if let (Ok(name), Ok(value)) =
                (hyper::header::HeaderName::try_from(name), hyper::header::HeaderValue::try_from(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response.headers_mut().insert(CONTENT_LENGTH, declared.into());
        response
    }
}

const JSON: &str = "application/json";
/// S3's second request identifier is opaque to everybody.
const HOST_ID: &str = "c2FuZGJveC9zYW5kYm94L3NhbmRib3gvc2FuZGJveC9zYW5kYm94";

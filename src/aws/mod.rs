//! One AWS call a file: the request is built, the reply parsed. Nothing here opens a socket.
//!
//! Each call is a plain struct of what it needs, with `request` and `parse`; the struct is also what its
//! errors are told with. What several services have in common stands here.

pub mod codeartifact_endpoint;
pub mod codeartifact_token;
pub mod container_credentials;
mod credential_reply;
mod dynamodb;
pub mod dynamodb_batch_write_item;
pub mod dynamodb_put_item;
pub mod ecr;
pub mod ecr_public;
pub mod ecr_registry;
pub mod endpoint;
pub mod environment;
pub mod iot_credentials;
pub mod iot_publish;
pub mod json_service;
pub mod s3_abort_multipart_upload;
pub mod s3_bucket;
pub mod s3_complete_multipart_upload;
pub mod s3_create_multipart_upload;
mod s3_error;
pub mod s3_get;
pub mod s3_head;
pub mod s3_head_bucket;
pub mod s3_list_multipart_uploads;
pub mod s3_list_parts;
pub mod s3_multipart;
pub mod s3_presigned;
pub mod s3_put;
pub mod s3_upload_part;
pub mod secrets_manager;
pub mod sts_get_caller_identity;

use crate::error::{Error, Fault, Hint};
use crate::protocol::json::{self, Text};
use crate::protocol::reply::Reply;
use crate::protocol::request::RequestTooLarge;
use crate::protocol::retry::{self, Class, classify};
use crate::protocol::time::{BothClocks, parse_http_date};
use serde::Deserialize;

/// What a service that speaks JSON says of an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonServiceError {
    /// The error's name, such as `AccessDeniedException`; empty where none is given.
    pub code: String,
    /// The message for people; empty where none is given.
    pub message: String,
    /// The id to give to AWS's support; empty where none is given.
    pub request_id: String,
    /// AWS IoT Core's data endpoint alone sends a `traceId`.
    pub from_data_endpoint: bool,
}

impl JsonServiceError {
    /// Reads header `x-amzn-errortype`, then `code` or `__type` of the body; `message` or `Message`; header
    /// `x-amzn-requestid` or the body's `traceId`. A name is cut at `:`, and what stands before `#` is dropped
    /// (Smithy, AWS JSON 1.1 protocol, "Operation error serialization"). A body that is no JSON, but short
    /// text, is the message.
    pub fn read(reply: &Reply<'_>) -> Self {
        let fields: ErrorFields<'_> = json::read(reply.body).unwrap_or_default();
        let text = |text: Option<Text<'_>>| text.map(unescaped).unwrap_or_default();
        let header = |name| reply.header(name).map(printable);
        let name = header("x-amzn-errortype").unwrap_or_else(|| {
            let code = text(fields.code);
            if code.is_empty() { text(fields.kind) } else { code }
        });
        let mut message = text(fields.message.or(fields.upper_message));
        if message.is_empty() && !reply.body.trim_ascii_start().starts_with(b"{") {
            message = core::str::from_utf8(reply.body)
                .ok()
                .map(str::trim)
                .filter(|body| !body.starts_with('<'))
                .map(printable)
                .unwrap_or_default();
        }
        let trace_id = text(fields.trace_id);
        Self {
            code: error_name(&name).to_owned(),
            message,
            from_data_endpoint: !trace_id.is_empty(),
            request_id: header("x-amzn-requestid").unwrap_or(trace_id),
        }
    }

    /// What is known of it in one line: `403 AccessDeniedException: Access Denied (request id …)`.
    pub fn describe(&self, status: u16) -> String {
        describe(status, &self.code, &self.message, &self.request_id)
    }

    /// The error's name, or the status where there is none.
    fn code_or_status(&self, status: u16) -> String {
        if self.code.is_empty() { format!("http_{status}") } else { self.code.clone() }
    }
}

/// Server text for an error or a log: control characters become spaces (they could command the terminal),
/// and what is longer than 300 bytes is cut.
pub(crate) fn printable(text: &str) -> String {
    let cut = &text[..text.floor_char_boundary(SERVER_TEXT_LIMIT)];
    cut.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The error for a reply after which the same request may succeed later; `None` for other replies. `code` is the
/// service's own, empty where there is none; `message` says what is known.
pub(crate) fn temporary(reply: &Reply<'_>, said: &JsonServiceError, message: &str) -> Option<Error> {
    classify(&said.code, reply.status)
        .is_temporary()
        .then(|| Error::new(Fault::Temporary, said.code_or_status(reply.status), message).with_hint(wait(reply)))
}

/// How long the reply asks to be left alone.
fn wait(reply: &Reply<'_>) -> Option<Hint> {
    let date = reply.header("date").filter(|_| reply.header("age").is_none());
    retry::retry_after(reply.header("x-amz-retry-after"), reply.header("retry-after"), date).map(Hint::Wait)
}

/// How much later a request must be signed, where that is what it was refused for. `clocks`: the one that signed, and
/// the server's.
fn clock_difference(reply: &Reply<'_>, code: &str, clocks: Option<BothClocks>) -> Option<Hint> {
    // With an Age the reply, and every time in it, is a cached one.
    let clocks = clocks.filter(|_| reply.header("age").is_none() && classify(code, reply.status) == Class::Clock)?;
    let difference = clocks.server.checked_sub(clocks.device)?;
    (difference != 0).then_some(Hint::ClockDifference(difference))
}

pub(crate) fn describe(status: u16, code: &str, message: &str, request_id: &str) -> String {
    let mut line = status.to_string();
    for (before, text, after) in [(" ", code, ""), (": ", message, ""), (" (request id ", request_id, ")")] {
        if !text.is_empty() {
            line.extend([before, text, after]);
        }
    }
    line
}

/// The error for a request whose parts are too long for AWS and for us.
pub(crate) fn too_large(part: RequestTooLarge) -> Error {
    let what = match part {
        RequestTooLarge::Authority => "host name is longer than DNS allows",
        RequestTooLarge::Path => "path is longer than an S3 key of 1,024 bytes can make it",
        RequestTooLarge::Query => "query is too long",
        RequestTooLarge::Headers => "headers are too long or too many",
    };
    Error::new(Fault::Data, "request_too_large", format!("the request's {what}")).with_remedy("shorten it")
}

/// Refuses what would end a header, or be refused by every HTTP library: anything but visible ASCII and spaces.
pub(crate) fn check_header_value(what: &str, value: &str) -> Result<(), Error> {
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    Err(Error::new(
        Fault::Config,
        "invalid_header_value",
        format!("{what} has characters that cannot go into an HTTP header"),
    )
    .with_remedy("use visible ASCII characters only"))
}

/// The server's clock by the reply's `Date`; a year of two digits is taken for the nearest to `near`.
fn server_clock(reply: &Reply<'_>, near: i64) -> Option<i64> {
    // With an Age the date is that of a cached reply.
    let date = reply.header("date").filter(|_| reply.header("age").is_none())?;
    parse_http_date(date, near)
}

/// Whether the clocks differ by so much that it may be what a signature or a token was refused for.
fn are_apart(clocks: BothClocks) -> bool {
    clocks.device.abs_diff(clocks.server) > CLOCK_DIFFERENCE_WORTH_TELLING
}

fn unescaped(text: Text<'_>) -> String {
    let mut buffer = [0; 1024];
    // Too long or malformed: the raw text still says more than none.
    printable(json::unescape(text, &mut buffer).unwrap_or(text.0))
}

fn error_name(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

#[derive(Deserialize, Default)]
struct ErrorFields<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow, rename = "__type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow, rename = "Message")]
    upper_message: Option<Text<'a>>,
    #[serde(borrow, rename = "traceId")]
    trace_id: Option<Text<'a>>,
}

const CLOCK_REMEDY: &str =
    "set this device's clock (for example with NTP): AWS accepts signatures within 15 minutes of its own";
const EXPIRED_CREDENTIALS: &str = "get new credentials; if they are new, check this device's clock";
const FOREIGN_CREDENTIALS: &str =
    "the credentials are not for this endpoint, region or partition: check where they come from";
const WRONG_SIGNATURE: &str =
    "check the secret access key, the region and the endpoint; a proxy that changes requests breaks signatures too";
/// AWS tolerates 15 minutes (presigned URLs, and some services, 5): what is less than 4 is no cause of anything.
const CLOCK_DIFFERENCE_WORTH_TELLING: u64 = 4 * 60;
/// Longer than any message AWS sends, shorter than a screen.
const SERVER_TEXT_LIMIT: usize = 300;

#[cfg(test)]
pub(crate) mod tests {
    use super::endpoint::Variant;
    use super::s3_bucket::Bucket;
    use super::*;

    /// A bucket of AWS's own, addressed by host name.
    pub(crate) const BUCKET: Bucket<'_> = Bucket {
        name: "my-bucket",
        region: "eu-west-1",
        endpoint: None,
        variant: Variant::ORDINARY,
        path_style: false,
    };

    /// Builds headers for a reply.
    pub(crate) fn headers(pairs: &[(&'static str, &'static str)]) -> http::HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect()
    }

    /// A reply without headers.
    pub(crate) fn with_reply<T>(status: u16, body: &[u8], then: impl FnOnce(&Reply<'_>) -> T) -> T {
        then(&Reply { status, headers: &http::HeaderMap::new(), body, complete: true })
    }

    /// Calls `parse` with every beginning of `body`, and with bodies of bytes drawn from it at random: it may
    /// answer what it likes, but not panic.
    pub(crate) fn torture(body: &[u8], statuses: &[u16], mut parse: impl FnMut(&Reply<'_>)) {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        for &status in statuses {
            for end in 0..=body.len() {
                with_reply(status, &body[..end], &mut parse);
            }
            for _ in 0..2_000 {
                let mut changed = body.to_vec();
                for _ in 0..=random(8) {
                    let place = random(changed.len());
                    changed[place] =
                        if random(2) == 0 { random(256) as u8 } else { b"{}[]\"\\:,<>&;/!-u0"[random(17)] };
                }
                with_reply(status, &changed, &mut parse);
                let noise: Vec<u8> = (0..random(64)).map(|_| random(256) as u8).collect();
                with_reply(status, &noise, &mut parse);
            }
        }
    }

    #[test]
    fn error_names_are_found_and_cut() {
        for (pairs, body) in [
            (&[("x-amzn-errortype", "ResourceNotFoundException:http://internal.amazon.com/")][..], r"{}"),
            (&[], r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#),
            (&[], r#"{"code":"aws.protocols#ResourceNotFoundException:http://x/","__type":"other"}"#),
        ] {
            let reply = Reply { status: 400, headers: &headers(pairs), body: body.as_bytes(), complete: true };
            assert_eq!(JsonServiceError::read(&reply).code, "ResourceNotFoundException", "{body}");
        }
    }

    #[test]
    fn messages_come_in_both_cases_escaped_or_plain() {
        for body in [r#"{"message":"a \u0022b\""}"#, r#"{"x":{},"Message":"a \"b\""}"#, "a \"b\"\n"] {
            with_reply(400, body.as_bytes(), |reply| assert_eq!(JsonServiceError::read(reply).message, "a \"b\""));
        }
        with_reply(400, b"<html>", |reply| assert_eq!(JsonServiceError::read(reply).message, ""));
    }

    #[test]
    fn server_text_cannot_command_the_terminal_or_fill_the_screen() {
        assert_eq!(printable("\u{1b}[2Ja\nb\u{9b}c"), " [2Ja b c");
        assert!(printable(&"é".repeat(1000)).len() <= SERVER_TEXT_LIMIT);
    }

    #[test]
    fn any_body_can_be_read() {
        torture(br#"{"__type":"a#B","message":"\u00e9","traceId":"1","o":{"a":[1,null]}}"#, &[400], |reply| {
            let _ = JsonServiceError::read(reply);
        });
    }
}

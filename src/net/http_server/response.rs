//! An HTTP/1.1 response as a server sends it (RFC 9112): a JSON body under a status, rendered once for every client.

use crate::protocol::json::{Full, ObjectWriter};
use std::fmt::{self, Write as _};
use zeroize::Zeroizing;

/// What a server can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 9110, section 15, and RFC 6585 have them by these names")]
pub enum Status {
    Ok,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestHeaderFieldsTooLarge,
    BadGateway,
    ServiceUnavailable,
}

/// A response. The body may be a secret: it is wiped on drop.
pub struct Response {
    status: Status,
    bytes: Zeroizing<Vec<u8>>,
    /// Where `Connection: close` goes, and where the body begins.
    body: usize,
}

impl Response {
    /// Renders a response with a JSON body.
    pub fn json(status: Status, body: &[u8]) -> Self {
        let mut head = heapless::String::<HEAD_CAPACITY>::new();
        let (code, reason) = status.words();
        // Fits: the longest reason and the longest header are known, and a length has at most 20 digits.
        let _ = write!(
            head,
            "HTTP/1.1 {code} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{}",
            body.len(),
            status.header()
        );
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + END.len() + body.len()));
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(END);
        let body_start = bytes.len();
        bytes.extend_from_slice(body);
        Self { status, bytes, body: body_start }
    }

    /// Renders an error in the form that AWS's SDKs show: `{"code":…,"message":…}`.
    pub fn error(status: Status, code: &str, message: &str) -> Self {
        let write = |buffer: &mut [u8]| {
            let mut writer = ObjectWriter::new(buffer);
            writer.text("code", code).text("message", message);
            writer.finish()
        };
        let needed = write(&mut []).unwrap_or_else(|Full { needed }| needed);
        let mut body = vec![0; needed];
        // It fits: this is what the same text has just been measured to be.
        let _ = write(&mut body);
        Self::json(status, &body)
    }

    /// Its status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The three pieces that go on the wire one after the other: the head, how it ends, and the body. A reply to
    /// `HEAD` has no body (RFC 9110, section 9.3.2).
    pub fn pieces(&self, close: bool, without_body: bool) -> [&[u8]; 3] {
        let (head, body) = self.bytes.split_at(self.body);
        let head = &head[..head.len() - END.len()];
        [head, if close { END_AND_CLOSE } else { END }, if without_body { &[] } else { body }]
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Response({:?}, {} bytes)", self.status, self.bytes.len())
    }
}

impl Status {
    /// Its number.
    pub fn code(self) -> u16 {
        self.words().0
    }

    fn words(self) -> (u16, &'static str) {
        match self {
            Self::Ok => (200, "OK"),
            Self::BadRequest => (400, "Bad Request"),
            Self::Unauthorized => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::RequestHeaderFieldsTooLarge => (431, "Request Header Fields Too Large"),
            Self::BadGateway => (502, "Bad Gateway"),
            Self::ServiceUnavailable => (503, "Service Unavailable"),
        }
    }

    /// The header that this status has to have, or had better have.
    fn header(self) -> &'static str {
        match self {
            // RFC 9110, section 11.6.1. The scheme has no name: the token stands alone.
            Self::Unauthorized => "WWW-Authenticate: Token\r\n",
            Self::MethodNotAllowed => "Allow: GET\r\n",
            Self::ServiceUnavailable => "Retry-After: 5\r\n",
            _ => "",
        }
    }
}

/// The longest head, with room to spare.
const HEAD_CAPACITY: usize = 256;
const END: &[u8] = b"\r\n";
const END_AND_CLOSE: &[u8] = b"Connection: close\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_head_and_body() {
        let response = Response::json(Status::Ok, b"{}");
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nCache-Control: no-store\r\n";
        assert_eq!(response.pieces(false, false).concat(), format!("{head}\r\n{{}}").as_bytes());
        assert_eq!(response.pieces(true, true).concat(), format!("{head}Connection: close\r\n\r\n").as_bytes());
        assert_eq!(format!("{response:?}"), "Response(Ok, 97 bytes)");
    }

    #[test]
    fn errors_are_json_whatever_they_say() {
        let response = Response::error(Status::BadGateway, "AccessDenied", "it said \"no\"\n");
        let [_, _, body] = response.pieces(false, false);
        assert_eq!(body, br#"{"code":"AccessDenied","message":"it said \"no\"\n"}"#);
    }

    #[test]
    fn every_head_fits() {
        for status in [
            Status::Ok,
            Status::BadRequest,
            Status::Unauthorized,
            Status::Forbidden,
            Status::NotFound,
            Status::MethodNotAllowed,
            Status::RequestHeaderFieldsTooLarge,
            Status::BadGateway,
            Status::ServiceUnavailable,
        ] {
            let [head, ..] = Response::json(status, &[b' '; 12_345]).pieces(false, false).map(<[u8]>::to_vec);
            let head = String::from_utf8(head).unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", status.code())), "{head}");
            assert!(head.ends_with("\r\n") && head.contains("Content-Length: 12345\r\n"), "{head}");
            assert!(head.ends_with(status.header()), "{head}");
        }
    }
}

//! What a server repeats of the secrets that it was sent: wiped from its reply before anybody reads it.
//!
//! AWS does so itself: where a signature does not match, some services answer with the canonical request, session token
//! and all, and homing shows what servers say of errors.

use crate::protocol::request::Request;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// The secrets that a request carries.
pub(super) struct SentSecrets(Vec<Zeroizing<Vec<u8>>>);

impl SentSecrets {
    /// Those in the request's headers.
    pub(super) fn of(request: &Request) -> Self {
        let values = SECRET_HEADERS.iter().filter_map(|name| request.header_value(name));
        let long = values.filter(|value| value.len() >= LEAST_LENGTH);
        Self(long.map(|value| Zeroizing::new(value.as_bytes().to_vec())).collect())
    }

    /// Overwrites them in a body, in JSON with escaped slashes and in XML too, whose other bytes stay where they are.
    pub(super) fn wipe(&self, body: &mut [u8]) {
        for secret in &self.0 {
            let mut start = 0;
            while start < body.len() {
                match matching(&body[start..], secret) {
                    Some(length) => {
                        body[start..start + length].fill(MASK);
                        start += length;
                    }
                    None => start += 1,
                }
            }
        }
    }

    /// The same in headers.
    pub(super) fn wipe_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut bytes = Zeroizing::new(value.as_bytes().to_vec());
            self.wipe(&mut bytes);
            if *bytes != value.as_bytes() {
                // Fails only for control characters, of which there were none and are none now.
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }
}

/// How many bytes at the beginning of `text` are `secret`, where they are. An end that the buffer has cut off counts, too.
fn matching(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in secret.iter().enumerate() {
        let Some(found) = text.get(length) else { return (index >= LEAST_LENGTH).then_some(length) };
        // RFC 8259, section 7: a slash may be escaped.
        if (*found, *byte) == (b'\\', b'/') {
            length += 1;
        }
        if text.get(length) != Some(byte) {
            return None;
        }
        length += 1;
    }
    Some(length)
}

/// The session token; the signature, or the token of a container endpoint.
const SECRET_HEADERS: [&str; 2] = ["x-amz-security-token", "authorization"];
/// What is shorter protects nothing, and could be part of any word of a reply.
const LEAST_LENGTH: usize = 8;
const MASK: u8 = b'*';

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(token: &str) -> SentSecrets {
        let mut request = Request::new("GET", "localhost", "/", "").unwrap();
        request.header("x-amz-security-token", token).unwrap();
        SentSecrets::of(&request)
    }

    #[test]
    fn a_token_is_wiped_wherever_it_is_repeated() {
        let secrets = sent("canary/abc+/==");
        for (body, wiped) in [
            ("", ""),
            ("canary/abc+/==", "**************"),
            ("a canary/abc+/==, canary/abc+/==b", "a **************, **************b"),
            (r#"{"message":"canary\/abc+\/=="}"#, r#"{"message":"****************"}"#),
            ("ccanary/abc+/==", "c**************"),
            ("cut: canary/abc", "cut: **********"),
            ("canary/x is another", "canary/x is another"),
            ("cana", "cana"),
        ] {
            let mut bytes = body.as_bytes().to_vec();
            secrets.wipe(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), wiped);
        }
    }

    #[test]
    fn headers_are_wiped_as_well() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-requestid", HeaderValue::from_static("of canary/abc+/=="));
        headers.insert("etag", HeaderValue::from_static("\"1\""));
        sent("canary/abc+/==").wipe_headers(&mut headers);
        assert_eq!(
            (&headers["x-amzn-requestid"], &headers["etag"]),
            (&"of **************".parse().unwrap(), &"\"1\"".parse().unwrap())
        );
    }

    #[test]
    fn a_short_value_is_no_secret() {
        let mut body = *b"the message";
        sent("message").wipe(&mut body);
        assert_eq!(&body, b"the message");
    }
}

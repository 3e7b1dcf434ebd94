//! A token for the repositories of a CodeArtifact domain: AWS CodeArtifact API Reference, "GetAuthorizationToken".

use super::endpoint::Service;
use super::json_service::Asked;
use super::too_large;
use crate::error::Result;
use crate::protocol::json::{self, Text};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::uri::encode_component;
use core::fmt::Write as _;
use serde::Deserialize;
use zeroize::Zeroizing;

/// `POST /v1/authorization-token`.
#[derive(Debug, Clone, Copy)]
pub struct GetAuthorizationToken<'a> {
    /// Host, and `:port` where one was set.
    pub authority: &'a str,
    /// The domain's name.
    pub domain: &'a str,
    /// The account that owns the domain, 12 digits; `None`: the caller's own.
    pub domain_owner: Option<&'a str>,
    /// How long the token is good, in seconds: 900 to 43,200, or 0 for as long as the credentials are; `None`: 12 hours.
    pub duration: Option<u32>,
    /// The clock by which the request is signed, in seconds since the Unix epoch.
    pub now: i64,
}

/// What lets its bearer read (and, where the role may, write) the repositories of a domain. It outlives the credentials
/// that it was got with.
pub struct AuthorizationToken {
    /// The token: visible ASCII without spaces.
    pub token: Zeroizing<String>,
    /// When it expires, in seconds since the Unix epoch; `None` where the service does not say.
    pub expiration: Option<i64>,
}

impl GetAuthorizationToken<'_> {
    /// Builds the request, which has no body.
    ///
    /// # Errors
    /// A host name or query that is too long.
    pub fn request(&self) -> Result<Request> {
        let mut query = format!("domain={}", encode_component(self.domain));
        // Writing to a String cannot fail.
        if let Some(owner) = self.domain_owner {
            let _ = write!(query, "&domain-owner={}", encode_component(owner));
        }
        if let Some(seconds) = self.duration {
            let _ = write!(query, "&duration={seconds}");
        }
        let mut request = Request::new("POST", self.authority, "/v1/authorization-token", &query).map_err(too_large)?;
        request.header("content-length", 0).map_err(too_large)?;
        Ok(request)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// Refused: what the role needs. Unavailable: the reply is no token. Temporary: throttled, or AWS's own fault.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<AuthorizationToken> {
        let what = match self.domain_owner {
            Some(owner) => format!("token for CodeArtifact domain {} of account {owner}", self.domain),
            None => format!("token for CodeArtifact domain {}", self.domain),
        };
        let asked = Asked {
            service: Service::CodeArtifact,
            what: &what,
            permission: PERMISSION,
            absent: "check the domain's name, the region, and --domain-owner where another account owns it",
            now: self.now,
        };
        if reply.status != 200 {
            return Err(asked.error(reply));
        }
        let fields: Fields<'_> = json::read(reply.body).map_err(|_| asked.nonsense("it is not the JSON of a token"))?;
        let escaped = fields.token.ok_or_else(|| asked.nonsense("there is no authorizationToken in it"))?;
        let mut buffer = Zeroizing::new(vec![0; TOKEN_CAPACITY]);
        let token = json::unescape(escaped, &mut buffer[..])
            .map_err(|_| asked.nonsense("its authorizationToken is malformed, or longer than 8,192 bytes"))?;
        // It goes into URLs, headers and the lines of configuration files.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(asked.nonsense("its authorizationToken has characters that no token has"));
        }
        Ok(AuthorizationToken { token: Zeroizing::new(token.to_owned()), expiration: expiration(reply.body) })
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "authorizationToken")]
    token: Option<Text<'a>>,
}

/// The number behind `"expiration":`, seconds since the Unix epoch. The service writes it as `1605214342`,
/// `1605214342.123` or `1.605214342123E9`; the fraction is dropped.
///
/// Read by hand: nothing else in the program needs the tables that parsing floating point numbers brings with it.
fn expiration(document: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"\"expiration\"";
    // Within a text value these quotes would be escaped.
    let start = document.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let rest = document[start..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+'))?;
    let number = core::str::from_utf8(&rest[..end]).ok()?;
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: usize = exponent.parse().ok().filter(|exponent| *exponent <= 12)?;
    let digits = whole.bytes().chain(fraction.bytes().chain(core::iter::repeat(b'0')).take(exponent));
    digits
        .map(|digit| digit.is_ascii_digit().then(|| i64::from(digit - b'0')))
        .try_fold(0_i64, |value, digit| value.checked_mul(10)?.checked_add(digit?))
        .filter(|_| !whole.is_empty())
}

/// What a role needs for packages from CodeArtifact (AWS CodeArtifact User Guide, "AWS CodeArtifact authentication and
/// tokens" and "AWS CodeArtifact permissions reference").
pub const PERMISSION: &str = "check the domain and its owner (--domain-owner), and that the role allows \
    codeartifact:GetAuthorizationToken on the domain, codeartifact:GetRepositoryEndpoint and \
    codeartifact:ReadFromRepository on the repository, and sts:GetServiceBearerToken";
/// Tokens have about 1 to 2 KiB today; AWS sets no maximum.
pub const TOKEN_CAPACITY: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};
    use crate::error::Fault;

    const CALL: GetAuthorizationToken<'_> = GetAuthorizationToken {
        authority: "codeartifact.us-west-2.amazonaws.com",
        domain: "my-domain",
        domain_owner: Some("111122223333"),
        duration: Some(3600),
        now: 1_605_214_342,
    };

    #[test]
    fn the_request_is_the_documented_one() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path), ("POST", "/v1/authorization-token"));
        assert_eq!(&*request.query, "domain=my-domain&domain-owner=111122223333&duration=3600");
        assert_eq!(request.header_value("content-length"), Some("0"));
        let least = GetAuthorizationToken { domain_owner: None, duration: None, ..CALL };
        assert_eq!(&*least.request().unwrap().query, "domain=my-domain");
    }

    #[test]
    fn the_reply_is_the_documented_one() {
        for number in ["1605257542", "1605257542.345", "1.605257542345E9", "1.605257542e+9", " 1605257542 "] {
            let body = format!(r#"{{"authorizationToken":"ey.J2Z\/9_-","expiration":{number}}}"#);
            let token = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).unwrap();
            assert_eq!((token.token.as_str(), token.expiration), ("ey.J2Z/9_-", Some(1_605_257_542)), "{number}");
        }
        for number in ["null", "\"soon\"", "-1", "1e99", "99999999999999999999", ".5", "1.2.3e5"] {
            let body = format!(r#"{{"expiration":{number},"authorizationToken":"a"}}"#);
            let token = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).unwrap();
            assert_eq!(token.expiration, None, "{number}");
        }
    }

    #[test]
    fn a_token_may_have_8_kib_and_no_more() {
        for (length, fits) in [(TOKEN_CAPACITY, true), (TOKEN_CAPACITY + 1, false)] {
            let body = format!(r#"{{"authorizationToken":"{}"}}"#, "t".repeat(length));
            let token = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply));
            assert_eq!(token.is_ok_and(|token| token.token.len() == length), fits);
        }
    }

    #[test]
    fn what_is_no_token_is_not_passed_on() {
        for body in [
            "{}",
            "",
            "<html>",
            r#"{"authorizationToken":""}"#,
            r#"{"authorizationToken":"a\nindex-url = evil"}"#,
            r#"{"authorizationToken":"canary b"}"#,
            r#"{"authorizationToken":["canary"]}"#,
            r#"{"authorizationToken":"canary"#,
        ] {
            let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).err().unwrap();
            assert_eq!(error.fault(), Fault::Unavailable, "{body}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_refusal_says_what_the_role_needs() {
        let body = br#"{"message":"User: x is not authorized to perform: sts:GetServiceBearerToken"}"#;
        let headers = crate::aws::tests::headers(&[("x-amzn-errortype", "AccessDeniedException")]);
        let error = CALL.parse(&Reply { status: 403, headers: &headers, body, complete: true }).err().unwrap();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "AccessDeniedException"));
        for part in ["domain my-domain of account 111122223333", "GetAuthorizationToken", "GetServiceBearerToken"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(br#"{"authorizationToken":"a\u0062","expiration":1.6E9}"#, &[200, 403], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

//! Signature Version 4 of a whole request, verified from the published description alone: nothing here is homing's, nor
//! of the crate that homing signs with, so that a mistake there cannot cancel out.
//!
//! IAM User Guide, "Create a signed AWS API request".

use hyper::HeaderMap;
use hyper::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use crate::answers::Answer;
use crate::sessions::{SessionError, Sessions, trace_id};

/// What a service knows, to verify with.
pub(crate) struct Verifier<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) sessions: &'a Sessions,
    pub(crate) now: OffsetDateTime,
}

/// An error's name and its message, as services that speak JSON send them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub(crate) status: u16,
    pub(crate) name: &'static str,
    pub(crate) message: String,
}

impl ServiceError {
    pub(crate) fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into() }
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::json(self.status, &serde_json::json!({ "message": self.message }))
            .header("x-amzn-errortype", self.name)
            .header("x-amzn-requestid", trace_id())
    }
}

impl Verifier<'_> {
    /// Checks signature, scope, time and session token of a request with this body.
    pub(crate) fn verify(&self, request: &Parts, body: &[u8]) -> Result<(), ServiceError> {
        let incomplete = |what: &str| ServiceError::new(403, "IncompleteSignatureException", what.to_owned());
        let Some(authorization) = header(&request.headers, "authorization") else {
            return Err(ServiceError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
        };
        let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| incomplete("unknown algorithm"))?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let (Some(credential), Some(signed), Some(signature)) =
            (field("Credential"), field("SignedHeaders"), field("Signature"))
        else {
            return Err(incomplete("Authorization header requires Credential, SignedHeaders and Signature"));
        };
        let time = header(&request.headers, "x-amz-date").ok_or_else(|| incomplete("x-amz-date is missing"))?;
        let (access_key, scope) = credential.split_once('/').unwrap_or((&credential, ""));
        let date = time.get(..8).unwrap_or_default();
        let expected = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        if scope != expected {
            let message = format!("Credential should be scoped to {expected}, but is to {scope}.");
            return Err(ServiceError::new(403, "InvalidSignatureException", message));
        }
        self.check_time(&time)?;

        let unknown = || {
            let message = "The security token included in the request is invalid.";
            ServiceError::new(403, "UnrecognizedClientException", message)
        };
        let secret = self.sessions.secret(access_key).ok_or_else(unknown)?;
        let canonical = canonical_request(request, &signed, body).map_err(|what| incomplete(&what))?;
        let string_to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let key = [date, self.region, self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
        if hex(&hmac_sha256(&key, string_to_sign.as_bytes())) != signature {
            let message = "The request signature we calculated does not match the signature you provided.";
            return Err(ServiceError::new(403, "InvalidSignatureException", message));
        }
        let token = header(&request.headers, "x-amz-security-token");
        self.sessions.check(access_key, token.as_deref()).map_err(|error| match error {
            SessionError::Expired => {
                let message = "The security token included in the request is expired";
                ServiceError::new(403, "ExpiredTokenException", message)
            }
            SessionError::UnknownAccessKey | SessionError::MissingToken | SessionError::WrongToken => unknown(),
        })
    }

    fn check_time(&self, time: &str) -> Result<(), ServiceError> {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let signed = PrimitiveDateTime::parse(time, format).map(PrimitiveDateTime::assume_utc);
        let message = match signed {
            Ok(signed) if (self.now - signed).abs() <= MAX_SKEW => return Ok(()),
            Ok(signed) if signed < self.now => {
                format!("Signature expired: {time} is now earlier than the server's time")
            }
            Ok(_) => format!("Signature not yet current: {time} is still later than the server's time"),
            Err(_) => format!("Date must be in ISO-8601 'basic format'. Got '{time}'."),
        };
        Err(ServiceError::new(403, "InvalidSignatureException", message))
    }
}

fn canonical_request(request: &Parts, signed: &str, body: &[u8]) -> Result<String, String> {
    let names: Vec<&str> = signed.split(';').collect();
    if !names.is_sorted() || !names.contains(&"host") {
        return Err("SignedHeaders must be sorted and contain host".to_owned());
    }
    let unsigned = request
        .headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| name.starts_with("x-amz-") && !names.contains(name));
    if let Some(name) = unsigned {
        return Err(format!("the header {name} is not signed"));
    }
    let mut headers = String::new();
    for name in &names {
        let value = header(&request.headers, name).ok_or_else(|| format!("the signed header {name} is missing"))?;
        headers += &format!("{name}:{}\n", value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    }
    // Every service but S3 has the path, as sent, encoded once more.
    let path: Vec<String> = request.uri.path().split('/').map(encode).collect();
    let mut query: Vec<(String, String)> = request
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode_and_encode(name), decode_and_encode(value)))
        .collect();
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (method, path, query, body) = (&request.method, path.join("/"), query.join("&"), sha256(body));
    Ok(format!("{method}\n{path}\n{query}\n{headers}\n{signed}\n{body}"))
}

/// All values of a header, joined.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn decode_and_encode(text: &str) -> String {
    encode(&percent_decode_str(text).decode_utf8_lossy())
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// AWS's own tolerance.
const MAX_SKEW: Duration = Duration::minutes(15);

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's test suite for Signature Version 4, "get-vanilla-query-order-key-case" and "get-header-value-trim".
    #[test]
    fn the_published_canonical_requests_come_out() {
        let request = |uri: &str, headers: &[(&str, &str)]| {
            let mut builder = hyper::Request::get(uri);
            for (name, value) in headers {
                builder = builder.header(*name, *value);
            }
            builder.body(()).unwrap().into_parts().0
        };
        let base = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let canonical = canonical_request(&request("/?Param2=value2&Param1=value1", &base), "host;x-amz-date", b"");
        assert_eq!(
            sha256(canonical.unwrap().as_bytes()),
            "816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0"
        );
        let trimmed = [base[0], ("my-header1", " value1"), ("my-header2", "\"a   b   c\""), base[1]];
        let signed = "host;my-header1;my-header2;x-amz-date";
        assert_eq!(
            canonical_request(&request("/", &trimmed), signed, b"").unwrap(),
            "GET\n/\n\nhost:example.amazonaws.com\nmy-header1:value1\nmy-header2:\"a b c\"\nx-amz-date:20150830T123600Z\n\nhost;my-header1;my-header2;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}

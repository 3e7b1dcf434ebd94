//! AWS Signature Version 4: the signature of a request, of a presigned URL, and of the chunks of an upload.
//!
//! A request is signed once, so the `aws-sigv4` crate does it. A chunk is signed for every 64 KiB, so
//! [`ChunkSigner`] does that itself, with a key that is derived once and without allocating.
//!
//! Sources: IAM User Guide, "Create a signed AWS API request"
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>); Amazon S3 API
//! Reference, "Transferring Payload in Multiple Chunks" (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>),
//! "Including Trailing Headers" (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>) and
//! "Using Query Parameters" (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).

use super::chunked::PayloadMode;
use super::credentials::Credentials;
use super::request::{Request, RequestTooLarge};
use super::time::amz_date;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use core::fmt::Write as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// A signature in lower-case hexadecimal.
pub type Signature = [u8; 64];

/// What a signature says about the body, and what `x-amz-content-sha256` carries.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// The whole body is at hand and its SHA-256 is signed. An empty slice for a request without a body.
    Bytes(&'a [u8]),
    /// This is the SHA-256 of a body that is not at hand as a whole, and it is signed.
    Digest(&'a [u8; 32]),
    /// `UNSIGNED-PAYLOAD`: TLS alone protects the body. S3 only; always so in a presigned S3 URL.
    Unsigned,
    /// The body follows in aws-chunked frames.
    Streaming(PayloadMode),
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignError {
    /// The signing headers or query parameters do not fit the request's fixed capacity.
    TooLarge(RequestTooLarge),
    /// The request already carries this header, which the signature brings with it: sign a request once, and
    /// leave `host` to the HTTP client.
    Reserved(&'static str),
    /// The value of this header (its first bytes) has characters that HTTP headers cannot carry as they are:
    /// anything but printable ASCII.
    Header(heapless::String<HEADER_NAME_IN_ERROR>),
    /// Host, path and query do not make a URL.
    Url,
    /// The time is before 1970 or after 9999.
    Time,
    /// A presigned URL lives 1 to 604,800 seconds.
    Expiry,
    /// Region and service are longer than any region and service of AWS (together over 80 bytes).
    Scope,
}

/// Signs `request` in its headers: adds `x-amz-date`, `authorization`, `x-amz-security-token` (where there is a
/// session token) and, for S3, `x-amz-content-sha256`. Gives the signature, which is the seed of a chunked upload.
///
/// All headers the request has are signed, except those that proxies may change (`user-agent` and the like), and
/// so is `host`, which is *not* added: the HTTP client sends it, from the same URL. `time` is in seconds since the
/// Unix epoch.
///
/// # Errors
/// [`SignError`]; the request may then carry some of the headers and must not be sent.
pub fn sign(
    request: &mut Request,
    credentials: &Credentials,
    region: &str,
    service: &str,
    time: i64,
    payload: Payload<'_>,
) -> Result<Signature, SignError> {
    Signer::new(credentials, region, service, time).sign(request, payload)
}

/// Signs `request` in its query, so that its URL alone gives access for `expires_in` seconds (1 to 604,800) from
/// `time`. The headers the request has are signed too, and whoever uses the URL has to send them.
///
/// # Errors
/// [`SignError`]; the request may then carry some of the parameters and must not be used.
pub fn presign(
    request: &mut Request,
    credentials: &Credentials,
    region: &str,
    service: &str,
    time: i64,
    expires_in: u32,
) -> Result<Signature, SignError> {
    let payload = if service == S3 { Payload::Unsigned } else { Payload::Bytes(&[]) };
    Signer::new(credentials, region, service, time).presign(request, payload, expires_in)
}

/// What [`sign`] and [`presign`] use, with the service's rules open to change: for a service that departs from
/// them, and for AWS's test vectors.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// Who signs.
    pub credentials: &'a Credentials,
    /// The region in the credential scope, such as `eu-central-1`.
    pub region: &'a str,
    /// The service in the credential scope, such as `s3`.
    pub service: &'a str,
    /// The time of signing in seconds since the Unix epoch.
    pub time: i64,
    /// How the canonical request is made.
    pub rules: CanonicalRules,
}

/// The choices that services make differently for the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanonicalRules {
    /// The (already encoded) path is percent-encoded once more. All services but S3.
    pub double_encoding: bool,
    /// `.`, `..` and empty segments of the path are resolved. All services but S3, where they are part of the key.
    pub path_normalization: bool,
    /// `x-amz-content-sha256` is sent and signed. S3 demands it.
    pub content_sha256_header: bool,
    /// The session token is signed. A few services want it sent but not signed.
    pub session_token_signed: bool,
}

impl CanonicalRules {
    /// The rules of a service by its signing name.
    pub fn of(service: &str) -> Self {
        let s3 = service == S3;
        Self { double_encoding: !s3, path_normalization: !s3, content_sha256_header: s3, session_token_signed: true }
    }
}

impl<'a> Signer<'a> {
    /// A signer with the rules of `service`.
    pub fn new(credentials: &'a Credentials, region: &'a str, service: &'a str, time: i64) -> Self {
        Self { credentials, region, service, time, rules: CanonicalRules::of(service) }
    }

    /// See [`sign`].
    ///
    /// # Errors
    /// As [`sign`].
    pub fn sign(&self, request: &mut Request, payload: Payload<'_>) -> Result<Signature, SignError> {
        if let Some(name) = RESERVED_HEADERS.into_iter().find(|name| request.header_value(name).is_some()) {
            return Err(SignError::Reserved(name));
        }
        let (instructions, signature) = self.instructions(request, payload, None)?;
        for (name, value) in instructions.headers() {
            request.header(name, value).map_err(SignError::TooLarge)?;
        }
        Ok(signature)
    }

    /// See [`presign`].
    ///
    /// # Errors
    /// As [`presign`].
    pub fn presign(
        &self,
        request: &mut Request,
        payload: Payload<'_>,
        expires_in: u32,
    ) -> Result<Signature, SignError> {
        if !(1..=PRESIGNED_SECONDS_MAX).contains(&expires_in) {
            return Err(SignError::Expiry);
        }
        let (instructions, signature) = self.instructions(request, payload, Some(expires_in))?;
        for (name, value) in instructions.params() {
            let separator = if request.query.is_empty() { "" } else { "&" };
            write!(request.query, "{separator}{name}={}", utf8_percent_encode(value, RESERVED_CHARACTERS))
                .map_err(|_| SignError::TooLarge(RequestTooLarge::Query))?;
        }
        Ok(signature)
    }

    fn instructions(
        &self,
        request: &Request,
        payload: Payload<'_>,
        expires_in: Option<u32>,
    ) -> Result<(SigningInstructions, Signature), SignError> {
        check_headers(request, self.credentials)?;
        // The crate wipes these strings on drop.
        let token = self.credentials.session_token.expose();
        let identity = aws_credential_types::Credentials::new(
            self.credentials.access_key_id.as_str(),
            self.credentials.secret_access_key.expose(),
            (!token.is_empty()).then(|| token.to_owned()),
            None,
            CREDENTIALS_NAME,
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(system_time(self.time)?)
            .settings(self.settings(expires_in))
            .build()
            // Fails only for a field that was not set; all are.
            .map_err(|_| SignError::Url)?
            .into();
        let separator = if request.query.is_empty() { "" } else { "?" };
        let url = format!("https://{}{}{separator}{}", request.authority, request.path, request.query);
        let signable = SignableRequest::new(request.method, url, request.headers(), signable_body(payload));
        let signed = aws_sigv4::http_request::sign(signable.map_err(|_| SignError::Url)?, &parameters);
        let (instructions, signature) = signed.map_err(|_| SignError::Url)?.into_parts();
        // HMAC-SHA-256 has 32 bytes: always 64 digits.
        let signature = signature.as_bytes().try_into().map_err(|_| SignError::Url)?;
        Ok((instructions, signature))
    }

    fn settings(&self, expires_in: Option<u32>) -> SigningSettings {
        let mut settings = SigningSettings::default();
        let rules = self.rules;
        settings.percent_encoding_mode =
            if rules.double_encoding { PercentEncodingMode::Double } else { PercentEncodingMode::Single };
        settings.uri_path_normalization_mode = UriPathNormalizationMode::from(rules.path_normalization);
        settings.payload_checksum_kind =
            if rules.content_sha256_header { PayloadChecksumKind::XAmzSha256 } else { PayloadChecksumKind::NoHeader };
        settings.session_token_mode =
            if rules.session_token_signed { SessionTokenMode::Include } else { SessionTokenMode::Exclude };
        settings.excluded_headers.get_or_insert_default().extend(UNSIGNED_HEADERS.map(Cow::Borrowed));
        if let Some(seconds) = expires_in {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(seconds.into()));
        }
        settings
    }
}

/// Signs the chunks of one aws-chunked upload, each chained to the one before. Allocates only in [`new`](Self::new).
///
/// The derived key is good for one day, one region and one service. ring keeps it in a form that cannot be wiped
/// from outside; it lives as long as the upload.
pub struct ChunkSigner {
    key: hmac::Key,
    /// The lines of the string to sign that stay the same: time and scope, each with its line ends.
    time_and_scope: heapless::String<TIME_AND_SCOPE_CAPACITY>,
    previous: Signature,
}

impl ChunkSigner {
    /// Continues from `seed`, the signature that [`sign`] gave for the request with the same arguments.
    ///
    /// # Errors
    /// [`SignError::Time`] and [`SignError::Scope`]; never when [`sign`] has accepted `time` and the region is one of AWS's.
    pub fn new(
        credentials: &Credentials,
        region: &str,
        service: &str,
        time: i64,
        seed: Signature,
    ) -> Result<Self, SignError> {
        let key = v4::generate_signing_key(credentials.secret_access_key.expose(), system_time(time)?, region, service);
        let mut time_and_scope = heapless::String::new();
        let date_time = amz_date(time);
        write!(time_and_scope, "\n{date_time}\n{date}/{region}/{service}/aws4_request\n", date = &date_time[..8])
            .map_err(|_| SignError::Scope)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), time_and_scope, previous: seed })
    }

    /// The signature of the next chunk, whose data have this SHA-256. The last chunk is empty.
    pub fn sign_chunk(&mut self, chunk_sha256: &[u8; 32]) -> Signature {
        self.sign_next(b"AWS4-HMAC-SHA256-PAYLOAD", &[&EMPTY_SHA256, b"\n", &hexadecimal(chunk_sha256)])
    }

    /// The signature of the trailer, after the last chunk's. `trailer_sha256` is of the lines `name:value\n`, sorted
    /// by name.
    pub fn sign_trailer(&mut self, trailer_sha256: &[u8; 32]) -> Signature {
        self.sign_next(b"AWS4-HMAC-SHA256-TRAILER", &[&hexadecimal(trailer_sha256)])
    }

    fn sign_next(&mut self, algorithm: &[u8], hashes: &[&[u8]]) -> Signature {
        let mut string_to_sign = hmac::Context::with_key(&self.key);
        string_to_sign.update(algorithm);
        string_to_sign.update(self.time_and_scope.as_bytes());
        string_to_sign.update(&self.previous);
        string_to_sign.update(b"\n");
        for part in hashes {
            string_to_sign.update(part);
        }
        self.previous = hexadecimal(string_to_sign.sign().as_ref());
        self.previous
    }
}

/// SHA-256 of `bytes`.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The crate names neither the header nor the reason, so look first.
fn check_headers(request: &Request, credentials: &Credentials) -> Result<(), SignError> {
    let token = ("x-amz-security-token", credentials.session_token.expose());
    let access_key_id = ("authorization", credentials.access_key_id.as_str());
    let is_plain = |value: &str| value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    match request.headers().chain([token, access_key_id]).find(|(_, value)| !is_plain(value)) {
        None => Ok(()),
        Some((name, _)) => {
            let mut start = heapless::String::new();
            // The rest of a longer name is left away.
            let _ = name.chars().try_for_each(|character| start.push(character));
            Err(SignError::Header(start))
        }
    }
}

fn signable_body(payload: Payload<'_>) -> SignableBody<'_> {
    match payload {
        Payload::Bytes(bytes) => SignableBody::Bytes(bytes),
        Payload::Digest(digest) => {
            SignableBody::Precomputed(hexadecimal(digest).iter().map(|digit| char::from(*digit)).collect())
        }
        Payload::Unsigned => SignableBody::UnsignedPayload,
        Payload::Streaming(mode) => SignableBody::Precomputed(mode.content_sha256().to_owned()),
    }
}

fn system_time(time: i64) -> Result<SystemTime, SignError> {
    let seconds = u64::try_from(time).ok().filter(|_| time <= TIME_MAX).ok_or(SignError::Time)?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Lower-case hexadecimal of the first 32 bytes.
fn hexadecimal(bytes: &[u8]) -> [u8; 64] {
    let mut text = [b'0'; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEXADECIMAL_DIGITS[usize::from(byte >> 4)];
        pair[1] = HEXADECIMAL_DIGITS[usize::from(byte & 15)];
    }
    text
}

/// The signing name that has rules of its own.
const S3: &str = "s3";
/// Headers that come with the signature, or (`host`) from the HTTP client.
const RESERVED_HEADERS: [&str; 5] =
    ["host", "authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
/// Headers that proxies add, drop or rewrite, besides those the crate leaves out by itself (`authorization`,
/// `user-agent`, `x-amzn-trace-id`, `transfer-encoding`). `content-length` is signed, as AWS's own examples do: a proxy
/// that changes it has changed the body.
const UNSIGNED_HEADERS: [&str; 5] = ["accept", "accept-encoding", "connection", "expect", "via"];
/// Seven days, the longest life of a presigned URL (S3 API Reference, "Using Query Parameters").
const PRESIGNED_SECONDS_MAX: u32 = 604_800;
/// What AWS calls `UriEncode()`: everything but the unreserved characters of RFC 3986, section 2.3.
const RESERVED_CHARACTERS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// 9999-12-31T23:59:59Z: `x-amz-date` has four digits for the year.
const TIME_MAX: i64 = 253_402_300_799;
/// The crate wants a name for the source of the credentials; it stays inside.
const CREDENTIALS_NAME: &str = "homing";
/// 18 for the time, 8 for the date, 15 for `/`, `/`, `/aws4_request` and line end, leaves 87 for region and service,
/// of which AWS's longest together have 40.
const TIME_AND_SCOPE_CAPACITY: usize = 128;
/// Enough to recognise a metadata header by.
const HEADER_NAME_IN_ERROR: usize = 64;
const HEXADECIMAL_DIGITS: &[u8; 16] = b"0123456789abcdef";
/// SHA-256 of nothing: chunk extensions have no headers of their own.
const EMPTY_SHA256: Signature = *b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: &str) -> Credentials {
        Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".try_into().expect("fits"),
            secret_access_key: super::super::secret::Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
                .expect("fits"),
            session_token: super::super::secret::Secret::new(token).expect("fits"),
            expiration: None,
        }
    }

    fn request(path: &str) -> Request {
        Request::new("GET", "examplebucket.s3.amazonaws.com", path, "").expect("fits")
    }

    /// S3 API Reference, "Transferring Payload in a Single Chunk", example GET Object.
    #[test]
    fn published_s3_get() {
        let mut request = request("/test.txt");
        request.header("range", "bytes=0-9").expect("fits");
        let signature = sign(&mut request, &credentials(""), "us-east-1", "s3", PUBLISHED_TIME, Payload::Bytes(b""));
        assert_eq!(signature, Ok(*b"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
        assert!(request.header_value("host").is_none());
        assert!(request.header_value("x-amz-security-token").is_none());
        assert_eq!(request.header_value("x-amz-date"), Some("20130524T000000Z"));
        assert_eq!(
            request.header_value("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
                 Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            )
        );
    }

    /// S3 API Reference, "Using Query Parameters", example.
    #[test]
    fn published_s3_presigned_get() {
        let mut request = request("/test.txt");
        let signature = presign(&mut request, &credentials(""), "us-east-1", "s3", PUBLISHED_TIME, 86_400);
        assert_eq!(signature, Ok(*b"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
        assert!(
            request.query.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request")
        );
        assert!(
            request.query.ends_with("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
        );
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let mut request = request("/");
        sign(&mut request, &credentials("a/token=="), "us-east-1", "s3", PUBLISHED_TIME, Payload::Unsigned)
            .expect("signed");
        assert_eq!(request.header_value("x-amz-security-token"), Some("a/token=="));
        assert_eq!(request.header_value("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
        let authorization = request.header_value("authorization").expect("signed");
        assert!(authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
    }

    #[test]
    fn headers_that_proxies_change_are_not_signed() {
        let mut request = request("/");
        for name in ["user-agent", "accept", "accept-encoding", "expect", "connection", "content-length", "x-amz-acl"] {
            request.header(name, "1").expect("fits");
        }
        sign(&mut request, &credentials(""), "us-east-1", "s3", PUBLISHED_TIME, Payload::Bytes(b"")).expect("signed");
        let authorization = request.header_value("authorization").expect("signed");
        assert!(
            authorization.contains("SignedHeaders=content-length;host;x-amz-acl;x-amz-content-sha256;x-amz-date,"),
            "{authorization}"
        );
    }

    /// The HTTP client leaves the scheme's own port out of the `Host` header, so the signature has to.
    #[test]
    fn the_default_port_is_not_part_of_the_signed_host() {
        let signature = |authority| {
            let mut request = Request::new("GET", authority, "/", "").expect("fits");
            sign(&mut request, &credentials(""), "us-east-1", "s3", PUBLISHED_TIME, Payload::Bytes(b""))
                .expect("signed")
        };
        assert_eq!(signature("example.com:443"), signature("example.com"));
        assert_ne!(signature("example.com:8443"), signature("example.com"));
    }

    #[test]
    fn what_cannot_be_signed_is_named() {
        let attempt = |change: &dyn Fn(&mut Request), token: &str, time| {
            let mut request = request("/");
            change(&mut request);
            sign(&mut request, &credentials(token), "us-east-1", "s3", time, Payload::Bytes(b""))
        };
        let keep = |_: &mut Request| ();
        assert_eq!(attempt(&keep, "", -1), Err(SignError::Time));
        assert_eq!(attempt(&keep, "", TIME_MAX + 1), Err(SignError::Time));
        assert_eq!(attempt(&keep, "", i64::MAX), Err(SignError::Time));
        assert!(attempt(&keep, "", TIME_MAX).is_ok());
        assert!(attempt(&keep, "", 4_102_444_800).is_ok(), "2100 is past 32-bit time");
        let twice = |request: &mut Request| {
            sign(request, &credentials(""), "us-east-1", "s3", 0, Payload::Bytes(b"")).expect("signed");
        };
        assert_eq!(attempt(&twice, "", 0), Err(SignError::Reserved("authorization")));
        let host = |request: &mut Request| request.header("host", "example.com").expect("fits");
        assert_eq!(attempt(&host, "", 0), Err(SignError::Reserved("host")));
        let umlaut = |request: &mut Request| request.header("x-amz-meta-place", "Köln").expect("fits");
        assert_eq!(attempt(&umlaut, "", 0), Err(SignError::Header("x-amz-meta-place".try_into().expect("fits"))));
        assert_eq!(
            attempt(&keep, "two\nlines", 0),
            Err(SignError::Header("x-amz-security-token".try_into().expect("fits")))
        );
        let blank = |request: &mut Request| request.path = "/a b".try_into().expect("fits");
        assert_eq!(attempt(&blank, "", 0), Err(SignError::Url));
        let nowhere = |request: &mut Request| request.authority.clear();
        assert_eq!(attempt(&nowhere, "", 0), Err(SignError::Url));
    }

    #[test]
    fn presigned_urls_live_at_most_a_week() {
        for (expires_in, valid) in [(0, false), (1, true), (604_800, true), (604_801, false)] {
            let result = presign(&mut request("/"), &credentials(""), "us-east-1", "s3", 0, expires_in);
            assert_eq!(result.is_ok(), valid, "{expires_in}");
        }
    }

    #[test]
    fn a_region_that_does_not_fit_is_refused() {
        let region = "r".repeat(100);
        let signer = ChunkSigner::new(&credentials(""), &region, "s3", 0, [b'0'; 64]);
        assert_eq!(signer.err(), Some(SignError::Scope));
    }

    /// 2013-05-24T00:00:00Z.
    const PUBLISHED_TIME: i64 = 1_369_353_600;
}

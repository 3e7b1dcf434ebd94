//! S3 PutObject with an aws-chunked body: where it goes, its headers, and what S3 answers.
//!
//! Amazon S3 API Reference, "PutObject", "Error responses" and "Signature calculations: transferring payload in
//! multiple chunks".

use super::{check_header_value, describe, is_temporary, printable, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::time::{BothClocks, SIGNATURE_CLOCK_TOLERANCE, parse_http_date, parse_iso8601};
use crate::protocol::uri::{encode_component, encode_key};
use crate::protocol::xml::{element_text, root_name};
use std::net::IpAddr;

/// A bucket and how it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    /// The bucket's name, or an access point's alias.
    pub name: &'a str,
    /// The region, such as `eu-west-1`.
    pub region: &'a str,
    /// The endpoint of an S3-compatible store or VPC endpoint: `https://host[:port][/base]`, where `https://`
    /// may be left out. `None` is AWS's own for the region.
    pub endpoint: Option<&'a str>,
    /// The bucket in the path rather than in the host name.
    pub path_style: bool,
}

/// Headers that become part of the object.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectHeaders<'a> {
    /// `content-type`.
    pub content_type: Option<&'a str>,
    /// The object's own `content-encoding`, such as `gzip`.
    pub content_encoding: Option<&'a str>,
    /// User metadata: names without `x-amz-meta-`, values in ASCII; at most 2,048 bytes together.
    pub metadata: &'a [(String, String)],
    /// `STANDARD_IA`, `GLACIER_IR`…
    pub storage_class: Option<&'a str>,
    /// Tags, any Unicode; at most 10.
    pub tags: &'a [(String, String)],
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub server_side_encryption: Option<&'a str>,
    /// The KMS key's id, alias or ARN.
    pub kms_key_id: Option<&'a str>,
    /// `if-none-match: *`: only if there is no object of that key yet.
    pub if_none_match: bool,
}

/// The numbers of the aws-chunked encoding, as `protocol::chunked` computes them.
#[derive(Debug, Clone, Copy)]
pub struct Encoding<'a> {
    /// The exact length of the encoded body.
    pub encoded_length: u64,
    /// The object's length.
    pub decoded_length: u64,
    /// The name of the trailing checksum header, where there is one.
    pub trailer: Option<&'a str>,
}

/// One PutObject.
#[derive(Debug, Clone, Copy)]
pub struct PutObject<'a> {
    /// Where it goes.
    pub bucket: Bucket<'a>,
    /// The key, not encoded: 1 to 1,024 bytes of UTF-8.
    pub key: &'a str,
}

/// What S3 says of the object it has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutObjectOutcome {
    /// The ETag without its quotes.
    pub etag: String,
    /// The version, in a bucket with versioning.
    pub version_id: Option<String>,
    /// The algorithm (`crc32`, `sha256`…) and the checksum in base64, where S3 gives one.
    pub checksum: Option<(String, String)>,
}

impl Bucket<'_> {
    /// Host, and `:port` where it is not 443, of requests for this bucket: also the name that TLS must verify.
    ///
    /// # Errors
    /// A configuration error for a bucket, region or endpoint that cannot be one.
    pub fn authority(&self) -> Result<String> {
        let (authority, _) = self.place()?;
        Ok(authority)
    }

    /// The URL of an object, for the message: on AWS `https://<bucket>.s3.amazonaws.com/<key>`, which is what
    /// consumers in the field parse, whatever the region; on any other endpoint the URL it was put to.
    ///
    /// # Errors
    /// As [`Self::authority`].
    pub fn object_url(&self, key: &str) -> Result<String> {
        let key = encode_key(key);
        if self.endpoint.is_some() {
            let (authority, base) = self.place()?;
            return Ok(format!("https://{authority}{base}/{key}"));
        }
        self.check()?;
        Ok(match dns_suffix(self.region) {
            GLOBAL_SUFFIX => format!("https://{}.s3.{GLOBAL_SUFFIX}/{key}", self.name),
            suffix => format!("https://{}.s3.{}.{suffix}/{key}", self.name, self.region),
        })
    }

    /// The authority, and what comes before `/<key>` in the path.
    fn place(&self) -> Result<(String, String)> {
        self.check()?;
        let (host, base) = match self.endpoint {
            None => (format!("s3.{}.{}", self.region, dns_suffix(self.region)), ""),
            Some(endpoint) => {
                let (host, base) = split_endpoint(endpoint)?;
                (host.to_owned(), base)
            }
        };
        Ok(if self.path_style || !self.fits_host_name() || is_address(&host) {
            (host, format!("{base}/{}", self.name))
        } else {
            (format!("{}.{host}", self.name), base.to_owned())
        })
    }

    /// A dot would make a second level below the wildcard of the certificate; anything else than lower case,
    /// digits and hyphens is no host name.
    fn fits_host_name(&self) -> bool {
        let name = self.name;
        name.len() >= 3
            && name.len() <= 63
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-')
    }

    fn check(&self) -> Result<()> {
        let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if self.name.is_empty()
            || self.name.len() > 255
            || !self.name.bytes().all(name_byte)
            || self.name.starts_with('.')
        {
            return Err(Error::new(
                Fault::Config,
                "invalid_bucket",
                format!("bucket {:?} cannot be the name of a bucket", printable(self.name)),
            )
            .with_remedy("give the bucket's name alone: not an ARN, not a URL"));
        }
        let region_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.region.is_empty() || !self.region.bytes().all(region_byte) {
            return Err(Error::new(
                Fault::Config,
                "invalid_region",
                format!("region {:?} cannot be the name of a region", printable(self.region)),
            )
            .with_remedy("give its code, such as eu-west-1"));
        }
        Ok(())
    }
}

impl PutObject<'_> {
    /// Builds the request; it is still to be signed.
    ///
    /// # Errors
    /// A configuration or data error for what S3 cannot take.
    pub fn request(&self, headers: &ObjectHeaders<'_>, encoding: &Encoding<'_>) -> Result<Request> {
        if self.key.is_empty() || self.key.len() > crate::protocol::template::KEY_CAPACITY {
            let length = self.key.len();
            return Err(Error::new(
                Fault::Data,
                "invalid_key",
                format!("the key has {length} bytes: S3 takes 1 to 1,024"),
            ));
        }
        let (authority, base) = self.bucket.place()?;
        let path = format!("{base}/{}", encode_key(self.key));
        let mut request = Request::new("PUT", &authority, &path, "").map_err(too_large)?;
        let mut header = |name: &str, value: &str| request.header(name, value).map_err(too_large);
        header("content-length", &encoding.encoded_length.to_string())?;
        match headers.content_encoding {
            // S3 takes aws-chunked off and keeps the rest with the object.
            Some(own) => {
                check_header_value("content encoding", own)?;
                header("content-encoding", &format!("aws-chunked,{own}"))?;
            }
            None => header("content-encoding", "aws-chunked")?,
        }
        header("x-amz-decoded-content-length", &encoding.decoded_length.to_string())?;
        if let Some(trailer) = encoding.trailer {
            header("x-amz-trailer", trailer)?;
        }
        for (what, name, value) in [
            ("content type", "content-type", headers.content_type),
            ("storage class", "x-amz-storage-class", headers.storage_class),
            ("server-side encryption", "x-amz-server-side-encryption", headers.server_side_encryption),
            ("KMS key id", "x-amz-server-side-encryption-aws-kms-key-id", headers.kms_key_id),
        ] {
            if let Some(value) = value {
                check_header_value(what, value)?;
                header(name, value)?;
            }
        }
        if headers.if_none_match {
            header("if-none-match", "*")?;
        }
        for (name, value) in metadata(headers.metadata)? {
            header(&name, value)?;
        }
        if !headers.tags.is_empty() {
            header("x-amz-tagging", &tagging(headers.tags)?)?;
        }
        Ok(request)
    }

    /// Reads the reply. `now` is the device's clock, for errors that a wrong one may have caused.
    ///
    /// # Errors
    /// Whatever S3 refused, with its code, message and request id; a 200 whose body is an error included.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<PutObjectOutcome> {
        let body = utf8_part(reply.body);
        if reply.status != 200 || root_name(body) == Some("Error") {
            return Err(self.error(reply, body, now));
        }
        let unexpected = |what: &str| {
            Error::new(Fault::Unavailable, "unexpected_reply", format!("{}: its answer 200 {what}", self.target()))
                .with_remedy("check the endpoint: something that is not S3 may be answering")
        };
        let etag = reply.header("etag").ok_or_else(|| unexpected("has no ETag"))?.trim_matches('"');
        let checksum = reply.headers.iter().find_map(|(name, value)| {
            let algorithm = name.as_str().strip_prefix("x-amz-checksum-").filter(|name| *name != "type")?;
            Some((algorithm.to_owned(), printable(value.to_str().ok()?)))
        });
        Ok(PutObjectOutcome {
            etag: printable(etag),
            version_id: reply.header("x-amz-version-id").map(printable),
            checksum,
        })
    }

    fn target(&self) -> String {
        format!("s3://{}/{}", self.bucket.name, self.key)
    }

    fn error(&self, reply: &Reply<'_>, body: &str, now: i64) -> Error {
        let said = S3Error::read(reply, body);
        let status = reply.status;
        let mut message =
            format!("{}: S3 answered {}", self.target(), describe(status, &said.code, &said.message, &said.request_id));
        let clocks = said.clocks(reply, now);
        let is_wrong = |clocks: &BothClocks| clocks.device.abs_diff(clocks.server) > CLOCK_DIFFERENCE_WORTH_TELLING;
        let tells_clocks = said.code == "RequestTimeTooSkewed"
            || (TIME_DEPENDENT.contains(&&*said.code) && clocks.as_ref().is_some_and(is_wrong));
        if let (true, Some(clocks)) = (tells_clocks, clocks) {
            message.push_str(&format!("; {clocks}"));
        }
        let code = if said.code.is_empty() { format!("http_{status}") } else { said.code.clone() };
        if let Some(error) = self.wrong_place(&said, status, &code, &message) {
            return error;
        }
        let error = |fault| Error::new(fault, code.clone(), message.clone());
        match &*said.code {
            _ if tells_clocks => error(Fault::Refused)
                .with_remedy("set this device's clock (for example with NTP): AWS accepts signatures within 15 minutes of its own"),
            "AccessDenied" => error(Fault::Refused).with_remedy(
                "check that the role allows s3:PutObject on the key (and s3:PutObjectTagging for tags, kms:GenerateDataKey for the \
                 KMS key), and the bucket's own policy",
            ),
            "NoSuchBucket" => error(Fault::Refused).with_remedy("check bucket: its spelling, and that it exists at this endpoint"),
            "InvalidBucketName" => error(Fault::Refused).with_remedy("check bucket: its spelling"),
            "ExpiredToken" | "TokenRefreshRequired" => error(Fault::Refused)
                .with_remedy("get new credentials; if they are new, check this device's clock")
                .with_retryable(true),
            "InvalidToken" | "InvalidAccessKeyId" => error(Fault::Refused)
                .with_remedy("the credentials are not for this endpoint, region or partition: check where they come from"),
            "SignatureDoesNotMatch" => error(Fault::Refused).with_remedy(
                "check the secret access key, the region and the endpoint; a proxy that changes requests breaks signatures too",
            ),
            "PreconditionFailed" => error(Fault::Refused)
                .with_remedy("there is an object of that key already, and --if-none-match protects it: choose another key"),
            "EntityTooLarge" => error(Fault::Data).with_remedy("S3 takes at most 5 GiB in one PutObject; a store may take less"),
            "KeyTooLongError" | "MetadataTooLarge" | "InvalidTag" => error(Fault::Data),
            "NotImplemented" => error(Fault::Refused).with_remedy(
                "this store does not know one of the headers: try --payload signed --checksum none, and no storage class, tags or encryption",
            ),
            "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "IncompleteBody" => {
                error(Fault::Temporary).with_remedy("the data was damaged or cut on its way: try again")
            }
            "SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "OperationAborted"
            | "ConditionalRequestConflict" | "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "Busy" => {
                error(Fault::Temporary)
            }
            "" if status == 412 => error(Fault::Refused)
                .with_remedy("there is an object of that key already, and --if-none-match protects it: choose another key"),
            "" if status == 413 => error(Fault::Data).with_remedy("the store or a proxy before it takes no body of that size"),
            // A 200 that carries an error is one that S3 noticed after it had begun to answer.
            _ if is_temporary(status) || status == 200 => error(Fault::Temporary),
            _ if (400..500).contains(&status) || status == 501 => error(Fault::Refused),
            _ => error(Fault::Unavailable).with_remedy("check the endpoint: something that is not S3 may be answering"),
        }
    }

    /// The error for a redirect, and for a signature made for the wrong region: names the right one.
    fn wrong_place(&self, said: &S3Error, status: u16, code: &str, message: &str) -> Option<Error> {
        let is_redirect = matches!(status, 301 | 302 | 307 | 308);
        let is_region_error = matches!(
            &*said.code,
            "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" | "PermanentRedirect"
        );
        if !is_redirect && !is_region_error {
            return None;
        }
        let error = |remedy: String| Error::new(Fault::Config, code.to_owned(), message.to_owned()).with_remedy(remedy);
        if !said.region.is_empty() && said.region != self.bucket.region {
            let (right, wrong) = (&said.region, self.bucket.region);
            return Some(error(format!(
                "bucket {} is in region {right}: set region to {right} (it is {wrong})",
                self.bucket.name
            )));
        }
        if !is_redirect {
            return None;
        }
        Some(error(match (&*said.endpoint, status) {
            ("", 307) => "a new bucket's name takes up to a day to be known everywhere: set region to the bucket's, or try again later".to_owned(),
            ("", _) => "check region, and the endpoint if one is set: S3 redirects where the bucket is elsewhere".to_owned(),
            (endpoint, _) => format!("the bucket is at {endpoint}: set region to its region, or the endpoint to that"),
        }))
    }
}

/// What an error document and its headers say.
#[derive(Debug, Default)]
struct S3Error {
    code: String,
    message: String,
    request_id: String,
    region: String,
    endpoint: String,
    server_time: Option<i64>,
}

impl S3Error {
    fn read(reply: &Reply<'_>, body: &str) -> Self {
        let element = |name| {
            let mut text = heapless::String::<ELEMENT_CAPACITY>::new();
            element_text(body, name, &mut text).then(|| printable(text.trim())).filter(|text| !text.is_empty())
        };
        let header = |name| reply.header(name).map(printable);
        // Without this a page of HTML would be searched for them.
        let is_error = root_name(body) == Some("Error");
        let element = |name| if is_error { element(name) } else { None };
        Self {
            code: element("Code").unwrap_or_default(),
            message: element("Message").unwrap_or_default(),
            request_id: element("RequestId")
                .or_else(|| header("x-amz-request-id"))
                .or_else(|| header("x-amz-id-2"))
                .unwrap_or_default(),
            region: header("x-amz-bucket-region").or_else(|| element("Region")).unwrap_or_default(),
            endpoint: element("Endpoint").unwrap_or_default(),
            server_time: element("ServerTime").and_then(|time| parse_iso8601(&time)),
        }
    }

    fn clocks(&self, reply: &Reply<'_>, now: i64) -> Option<BothClocks> {
        let date = || {
            reply.header("date").filter(|_| reply.header("age").is_none()).and_then(|date| parse_http_date(date, now))
        };
        Some(BothClocks { device: now, server: self.server_time.or_else(date)? })
    }
}

/// Host and base path of an endpoint.
fn split_endpoint(endpoint: &str) -> Result<(&str, &str)> {
    let invalid = |why: &str| {
        Error::new(Fault::Config, "invalid_endpoint", format!("the S3 endpoint {:?}: {why}", printable(endpoint)))
            .with_remedy("write it as https://host, https://host:port or https://host/base")
    };
    let rest = match endpoint.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
        Some(_) => return Err(invalid("it must be https://")),
        None => endpoint,
    };
    let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let base = base.trim_end_matches('/');
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || !host.bytes().all(host_byte) {
        return Err(invalid("its host makes no sense"));
    }
    if !base.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>')) {
        return Err(invalid("its path has a query, or characters that must be percent-encoded"));
    }
    // 443 is left out by those who compute the Host header for https, and the signature covers it.
    Ok((host.strip_suffix(":443").unwrap_or(host), base))
}

/// An address, or a name that has no subdomains.
fn is_address(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(_) => return true,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

/// The domain of a region's partition (AWS General Reference, "Service endpoints").
fn dns_suffix(region: &str) -> &'static str {
    match region.split_once('-').map(|(partition, _)| partition) {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => GLOBAL_SUFFIX,
    }
}

fn metadata(metadata: &[(String, String)]) -> Result<Vec<(String, &str)>> {
    let invalid = |code: &'static str, message: String| Error::new(Fault::Usage, code, message);
    let mut headers: Vec<(String, &str)> = Vec::with_capacity(metadata.len());
    let mut length = 0;
    for (name, value) in metadata {
        // RFC 9110, section 5.6.2: what a header's name may consist of.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(invalid(
                "invalid_metadata",
                format!("metadata {name:?}: a name has ASCII letters, digits and - _ . only"),
            ));
        }
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(invalid(
                "invalid_metadata",
                format!("metadata {name:?}: its value is not all printable ASCII"),
            )
            .with_remedy("percent-encode the value, or use a tag: tags take any Unicode letter"));
        }
        let header = format!("x-amz-meta-{}", name.to_ascii_lowercase());
        if headers.iter().any(|(other, _)| *other == header) {
            return Err(invalid("invalid_metadata", format!("metadata {name:?} is there twice")));
        }
        length += name.len() + value.len();
        headers.push((header, value.trim()));
    }
    if length > METADATA_LIMIT {
        return Err(invalid("metadata_too_large", format!("metadata has {length} bytes; S3 takes {METADATA_LIMIT}")));
    }
    Ok(headers)
}

fn tagging(tags: &[(String, String)]) -> Result<String> {
    let invalid = |message: String| Error::new(Fault::Usage, "invalid_tags", message);
    if tags.len() > TAG_LIMIT {
        return Err(invalid(format!("there are {} tags; S3 takes {TAG_LIMIT}", tags.len())));
    }
    let mut query = String::new();
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(invalid(format!("tag {key:?}: a key has 1 to 128 characters, a value at most 256")));
        }
        if tags[..index].iter().any(|(other, _)| other == key) {
            return Err(invalid(format!("tag {key:?} is there twice")));
        }
        let separator = if index == 0 { "" } else { "&" };
        query.push_str(&format!("{separator}{}={}", encode_component(key), encode_component(value)));
    }
    Ok(query)
}

/// The body up to the first byte that is no UTF-8: an error document is read from its beginning.
fn utf8_part(body: &[u8]) -> &str {
    body.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default()
}

const GLOBAL_SUFFIX: &str = "amazonaws.com";
/// Amazon S3 User Guide, "Working with object metadata".
const METADATA_LIMIT: usize = 2048;
/// Amazon S3 User Guide, "Categorizing your objects using tags".
const TAG_LIMIT: usize = 10;
/// The longest element we show is the message; [`printable`] cuts it shorter still.
const ELEMENT_CAPACITY: usize = 512;
/// Errors that a wrong clock may have caused.
const TIME_DEPENDENT: &[&str] = &[
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "SignatureDoesNotMatch",
    "RequestExpired",
    "AccessDenied",
    "",
];
/// Half of what S3 tolerates: less than that is no cause of anything.
const CLOCK_DIFFERENCE_WORTH_TELLING: u64 = SIGNATURE_CLOCK_TOLERANCE.unsigned_abs() / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{headers, torture};

    const NOW: i64 = 1_440_938_160;
    const BUCKET: Bucket<'_> = Bucket { name: "my-bucket", region: "eu-west-1", endpoint: None, path_style: false };
    const CALL: PutObject<'_> = PutObject { bucket: BUCKET, key: "camera-1/a b.jpg" };
    const ENCODING: Encoding<'_> = Encoding { encoded_length: 66_824, decoded_length: 66_560, trailer: None };

    fn place(bucket: Bucket<'_>) -> (String, String) {
        bucket.place().unwrap()
    }

    fn error_with(status: u16, pairs: &[(&'static str, &'static str)], body: &str) -> Error {
        let reply = Reply { status, headers: &headers(pairs), body: body.as_bytes(), complete: true };
        CALL.parse(&reply, NOW).unwrap_err()
    }

    fn document(code: &str, more: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>Said so</Message>{more}<RequestId>4442587FB7D0A2F9</RequestId></Error>"
        )
    }

    #[test]
    fn aws_addresses_by_host_name() {
        assert_eq!(place(BUCKET), ("my-bucket.s3.eu-west-1.amazonaws.com".into(), String::new()));
        assert_eq!(
            place(Bucket { path_style: true, ..BUCKET }),
            ("s3.eu-west-1.amazonaws.com".into(), "/my-bucket".into())
        );
        assert_eq!(
            place(Bucket { name: "my.bucket", ..BUCKET }),
            ("s3.eu-west-1.amazonaws.com".into(), "/my.bucket".into())
        );
        assert_eq!(place(Bucket { name: "My_Bucket", ..BUCKET }).0, "s3.eu-west-1.amazonaws.com");
        assert_eq!(place(Bucket { region: "cn-north-1", ..BUCKET }).0, "my-bucket.s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(place(Bucket { region: "us-gov-west-1", ..BUCKET }).0, "my-bucket.s3.us-gov-west-1.amazonaws.com");
    }

    #[test]
    fn custom_endpoints_keep_port_and_base() {
        let at = |endpoint| place(Bucket { endpoint: Some(endpoint), ..BUCKET });
        assert_eq!(at("https://store.example:9000/"), ("my-bucket.store.example:9000".into(), String::new()));
        assert_eq!(at("store.example/storage/v1/s3"), ("my-bucket.store.example".into(), "/storage/v1/s3".into()));
        assert_eq!(at("https://localhost:9000"), ("localhost:9000".into(), "/my-bucket".into()));
        assert_eq!(at("https://127.0.0.1:9000"), ("127.0.0.1:9000".into(), "/my-bucket".into()));
        assert_eq!(at("https://[::1]:9000/s3"), ("[::1]:9000".into(), "/s3/my-bucket".into()));
        assert_eq!(at("https://store.example:443").0, "my-bucket.store.example");
        let path_style = Bucket { endpoint: Some("https://store.example"), path_style: true, ..BUCKET };
        assert_eq!(place(path_style), ("store.example".into(), "/my-bucket".into()));
    }

    #[test]
    fn what_cannot_be_a_place_is_a_configuration_error() {
        for bucket in [
            Bucket { name: "", ..BUCKET },
            Bucket { name: "a/b", ..BUCKET },
            Bucket { name: "arn:aws:s3:::a", ..BUCKET },
            Bucket { name: "..", ..BUCKET },
            Bucket { region: "", ..BUCKET },
            Bucket { region: "eu-west-1.evil.example/", ..BUCKET },
            Bucket { endpoint: Some("http://store.example"), ..BUCKET },
            Bucket { endpoint: Some("https://user@store.example"), ..BUCKET },
            Bucket { endpoint: Some("https:///x"), ..BUCKET },
            Bucket { endpoint: Some("https://store.example/?x"), ..BUCKET },
        ] {
            assert_eq!(bucket.authority().unwrap_err().fault(), Fault::Config, "{bucket:?}");
        }
    }

    #[test]
    fn object_urls_are_the_ones_consumers_parse() {
        let url = |bucket: Bucket<'_>| bucket.object_url("a b/写.jpg").unwrap();
        assert_eq!(url(BUCKET), "https://my-bucket.s3.amazonaws.com/a%20b/%E5%86%99.jpg");
        assert_eq!(
            url(Bucket { name: "my.bucket", path_style: true, ..BUCKET }),
            "https://my.bucket.s3.amazonaws.com/a%20b/%E5%86%99.jpg"
        );
        assert_eq!(
            url(Bucket { region: "cn-north-1", ..BUCKET }),
            "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/a%20b/%E5%86%99.jpg"
        );
        assert_eq!(
            url(Bucket { endpoint: Some("localhost:9000"), ..BUCKET }),
            "https://localhost:9000/my-bucket/a%20b/%E5%86%99.jpg"
        );
    }

    #[test]
    fn a_bare_request_has_the_encoding_and_nothing_else() {
        let request = CALL.request(&ObjectHeaders::default(), &ENCODING).unwrap();
        assert_eq!((request.method, &*request.path, &*request.query), ("PUT", "/camera-1/a%20b.jpg", ""));
        assert!(request.headers().eq([
            ("content-length", "66824"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
        ]));
    }

    #[test]
    fn every_object_header_is_sent() {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        let request = CALL
            .request(
                &ObjectHeaders {
                    content_type: Some("image/jpeg"),
                    content_encoding: Some("gzip"),
                    metadata: &pairs(&[("Site", " roof "), ("lens", "a=b")]),
                    storage_class: Some("STANDARD_IA"),
                    tags: &pairs(&[("site", "dach & é"), ("empty", "")]),
                    server_side_encryption: Some("aws:kms"),
                    kms_key_id: Some("alias/mine"),
                    if_none_match: true,
                },
                &Encoding { trailer: Some("x-amz-checksum-crc32"), ..ENCODING },
            )
            .unwrap();
        for (name, value) in [
            ("content-encoding", "aws-chunked,gzip"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("content-type", "image/jpeg"),
            ("x-amz-meta-site", "roof"),
            ("x-amz-meta-lens", "a=b"),
            ("x-amz-storage-class", "STANDARD_IA"),
            ("x-amz-tagging", "site=dach%20%26%20%C3%A9&empty="),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "alias/mine"),
            ("if-none-match", "*"),
        ] {
            assert_eq!(request.header_value(name), Some(value), "{name}");
        }
    }

    #[test]
    fn metadata_and_tags_that_s3_would_refuse_are_not_sent() {
        let refused = |metadata: &[(&str, &str)], tags: &[(&str, &str)]| {
            let owned = |pairs: &[(&str, &str)]| {
                pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
            };
            let headers = ObjectHeaders { metadata: &owned(metadata), tags: &owned(tags), ..Default::default() };
            CALL.request(&headers, &ENCODING).unwrap_err().fault()
        };
        let long = "x".repeat(2048);
        for metadata in [
            &[("", "a")][..],
            &[("a b", "c")],
            &[("a", "é")],
            &[("a", "b\r\nc: d")],
            &[("A", "1"), ("a", "2")],
            &[("a", &long)],
        ] {
            assert_eq!(refused(metadata, &[]), Fault::Usage, "{metadata:?}");
        }
        for tags in [&[("", "a")][..], &[("a", "1"), ("a", "2")], &[("a", &long)], &[("a", "b"); 11]] {
            assert_eq!(refused(&[], tags), Fault::Usage, "{tags:?}");
        }
        let headers = ObjectHeaders { content_type: Some("a\r\nb: c"), ..Default::default() };
        assert_eq!(CALL.request(&headers, &ENCODING).unwrap_err().fault(), Fault::Config);
        for key in ["", &"k".repeat(1025)] {
            assert_eq!(
                PutObject { key, ..CALL }.request(&ObjectHeaders::default(), &ENCODING).unwrap_err().fault(),
                Fault::Data
            );
        }
        let longest = "é".repeat(512);
        assert!(PutObject { key: &longest, ..CALL }.request(&ObjectHeaders::default(), &ENCODING).is_ok());
    }

    #[test]
    fn the_documented_reply() {
        let pairs = headers(&[
            ("etag", "\"1b2cf535f27731c974343645a3985328\""),
            ("x-amz-version-id", "43jfkodU8493jnFJD9fjj3HHNVfdsQUIFDNsidf038jfdsjGFDSIRp"),
            ("x-amz-checksum-type", "FULL_OBJECT"),
            ("x-amz-checksum-crc64nvme", "rsxW1xqPqxg="),
        ]);
        let outcome = CALL.parse(&Reply { status: 200, headers: &pairs, body: b"", complete: true }, NOW).unwrap();
        assert_eq!(outcome.etag, "1b2cf535f27731c974343645a3985328");
        assert_eq!(outcome.version_id.as_deref(), Some("43jfkodU8493jnFJD9fjj3HHNVfdsQUIFDNsidf038jfdsjGFDSIRp"));
        assert_eq!(outcome.checksum, Some(("crc64nvme".into(), "rsxW1xqPqxg=".into())));
        assert_eq!(error_with(200, &[], "").code(), "unexpected_reply");
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
    fn any_reply_can_be_read() {
        let body = document("AuthorizationHeaderMalformed", "<Region>ap-northeast-1</Region><!-- x --><![CDATA[y]]>");
        torture(body.as_bytes(), &[200, 301, 403], |reply| {
            let _ = CALL.parse(reply, NOW);
        });
    }
}

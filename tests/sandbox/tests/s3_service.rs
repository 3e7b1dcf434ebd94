//! S3 with requests signed by AWS's own signer: what is stored and recorded, and what is refused.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod support;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use homing_sandbox::{IssuedCredentials, Sandbox, Service};
use support::{Reply, connect_as, request};

/// A signed PutObject, with room to get things wrong.
struct Put<'a> {
    sandbox: &'a Sandbox,
    credentials: IssuedCredentials,
    token: Option<String>,
    region: &'a str,
    host: String,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl<'a> Put<'a> {
    fn new(sandbox: &'a Sandbox, path: &'a str) -> Self {
        let credentials = sandbox.issue_credentials(Duration::from_secs(60)).unwrap();
        Self {
            sandbox,
            token: Some(credentials.session_token.clone()),
            credentials,
            region: "eu-west-1",
            host: format!("localhost:{}", sandbox.port(Service::S3)),
            path,
            headers: Vec::new(),
            body: b"hello",
        }
    }

    fn send(&self) -> Reply {
        let credentials = Credentials::new(
            &self.credentials.access_key_id,
            &self.credentials.secret_access_key,
            self.token.clone(),
            None,
            "test",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = aws_sigv4::http_request::PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder()
            .identity(&credentials)
            .region(self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("https://{}{}", self.host, self.path);
        let headers = std::iter::once(("host", self.host.as_str())).chain(self.headers.iter().copied());
        let signable = SignableRequest::new("PUT", &uri, headers, SignableBody::Bytes(self.body)).unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        let mut head = format!("PUT {} HTTP/1.1\r\nhost: {}", self.path, self.host);
        for (name, value) in self.headers.iter().copied().chain(instructions.headers()) {
            head += &format!("\r\n{name}: {value}");
        }
        request(&mut connect_as(self.sandbox, Service::S3, None, &[]), &head, self.body).unwrap()
    }
}

fn sandbox() -> Sandbox {
    Sandbox::builder().start().unwrap()
}

#[track_caller]
fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert!(reply.body.contains(&format!("<Code>{code}</Code>")), "{}", reply.body);
    let request_id = reply.header("x-amz-request-id").unwrap();
    assert!(reply.body.contains(&format!("<RequestId>{request_id}</RequestId>")), "{}", reply.body);
}

#[test]
fn a_stored_object_is_recorded_with_its_headers() {
    let sandbox = Sandbox::builder().versioned(true).start().unwrap();
    let mut put = Put::new(&sandbox, "/sandbox-bucket/folder/name");
    put.headers = vec![
        ("content-type", "image/jpeg"),
        ("x-amz-meta-camera", "door"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-tagging", "a=b"),
    ];
    let reply = put.send();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.header("x-amz-version-id").is_some());
    let object = sandbox.objects().remove(0);
    assert_eq!((object.bucket.as_str(), object.key.as_str(), object.bytes), ("sandbox-bucket", "folder/name", 5));
    assert_eq!(object.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(object.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(object.metadata["camera"], "door");
    assert_eq!(object.storage_class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(object.tagging.as_deref(), Some("a=b"));
    assert!(!object.virtual_hosted);
}

#[test]
fn an_object_that_is_not_kept_is_verified_and_recorded_all_the_same() {
    let sandbox = Sandbox::builder().keeps_objects(false).start().unwrap();
    let reply = Put::new(&sandbox, "/sandbox-bucket/x").send();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("etag").unwrap().len(), 34);
    let object = sandbox.objects().remove(0);
    assert_eq!(object.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert!(!sandbox.folder().join("s3/sandbox-bucket/x").exists());
    let mut put = Put::new(&sandbox, "/sandbox-bucket/x");
    put.body = b"other";
    put.credentials.secret_access_key.push('x');
    assert_refused(&put.send(), 403, "SignatureDoesNotMatch");
    assert_eq!(sandbox.objects().len(), 1);
}

#[test]
fn the_bucket_may_be_in_the_host() {
    let sandbox = sandbox();
    let mut put = Put::new(&sandbox, "/name");
    put.host = format!("sandbox-bucket.{}", put.host);
    assert_eq!(put.send().status, 200);
    let object = sandbox.objects().remove(0);
    assert_eq!((object.bucket.as_str(), object.key.as_str()), ("sandbox-bucket", "name"));
    assert!(object.virtual_hosted);
}

#[test]
fn tokens_are_checked() {
    let sandbox = sandbox();
    let mut put = Put::new(&sandbox, "/sandbox-bucket/x");
    put.token = Some("another".to_owned());
    assert_refused(&put.send(), 400, "InvalidToken");
    put.token = None;
    assert_refused(&put.send(), 403, "InvalidAccessKeyId");
    put.token = Some(put.credentials.session_token.clone());
    assert_eq!(put.send().status, 200);
    sandbox.expire_credentials();
    assert_refused(&put.send(), 400, "ExpiredToken");
    assert_eq!(sandbox.objects().len(), 1);
}

#[test]
fn a_wrong_signature_region_bucket_or_time_is_refused() {
    let sandbox = sandbox();
    let mut put = Put::new(&sandbox, "/sandbox-bucket/x");
    put.credentials.secret_access_key.push('x');
    assert_refused(&put.send(), 403, "SignatureDoesNotMatch");

    let mut put = Put::new(&sandbox, "/sandbox-bucket/x");
    put.region = "us-east-1";
    let reply = put.send();
    assert_refused(&reply, 400, "AuthorizationHeaderMalformed");
    assert!(reply.body.contains("<Region>eu-west-1</Region>"));

    assert_refused(&Put::new(&sandbox, "/no-such-bucket/x").send(), 404, "NoSuchBucket");

    sandbox.set_clock_offset(Service::S3, 3600);
    let reply = Put::new(&sandbox, "/sandbox-bucket/x").send();
    assert_refused(&reply, 403, "RequestTimeTooSkewed");
    assert!(reply.body.contains("<ServerTime>"));
    assert_eq!(sandbox.objects(), []);
}

#[test]
fn an_object_refused_for_its_checksum_is_neither_recorded_nor_kept() {
    let sandbox = sandbox();
    let mut put = Put::new(&sandbox, "/sandbox-bucket/x");
    put.headers = vec![("x-amz-checksum-crc32", "AAAAAA==")];
    assert_refused(&put.send(), 400, "BadDigest");
    assert_eq!(sandbox.objects(), []);
    assert!(!sandbox.folder().join("s3/sandbox-bucket/x").exists());
}

//! CodeArtifact with requests signed by AWS's own signer: what is issued, and what is refused.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use homing_sandbox::{IssuedCredentials, Sandbox, Service};
use serde_json::Value;
use support::{Reply, connect_as, request};

/// A signed call, with room to get things wrong.
struct Call<'a> {
    sandbox: &'a Sandbox,
    credentials: IssuedCredentials,
    token: Option<String>,
    region: &'a str,
    method: &'a str,
    signed_target: &'a str,
    target: &'a str,
}

impl<'a> Call<'a> {
    fn new(sandbox: &'a Sandbox, method: &'a str, target: &'a str) -> Self {
        let credentials = sandbox.issue_credentials(Duration::from_secs(60)).unwrap();
        let token = Some(credentials.session_token.clone());
        Self { sandbox, token, credentials, region: "eu-west-1", method, signed_target: target, target }
    }

    fn send(&self) -> Reply {
        let IssuedCredentials { access_key_id, secret_access_key, .. } = &self.credentials;
        let identity = Credentials::new(access_key_id, secret_access_key, self.token.clone(), None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("codeartifact")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let host = format!("localhost:{}", self.sandbox.port(Service::CodeArtifact));
        let uri = format!("https://{host}{}", self.signed_target);
        let headers = std::iter::once(("host", host.as_str()));
        let signable = SignableRequest::new(self.method, &uri, headers, SignableBody::Bytes(b"")).unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}", self.method, self.target);
        for (name, value) in instructions.headers() {
            head += &format!("\r\n{name}: {value}");
        }
        request(&mut connect_as(self.sandbox, Service::CodeArtifact, None, &[]), &head, b"").unwrap()
    }

    #[track_caller]
    fn refused(&self, status: u16, name: &str) -> String {
        let reply = self.send();
        assert_eq!((reply.status, reply.header("x-amzn-errortype")), (status, Some(name)), "{}", reply.body);
        assert!(reply.header("x-amzn-requestid").is_some());
        serde_json::from_str::<Value>(&reply.body).unwrap()["message"].as_str().unwrap().to_owned()
    }
}

fn sandbox() -> Sandbox {
    Sandbox::builder().start().unwrap()
}

const TOKEN: &str = "/v1/authorization-token?domain=sandbox-domain";

#[test]
fn a_token_is_issued_and_recorded() {
    let sandbox = Sandbox::builder().package_token_length(8192).start().unwrap();
    let target = format!("{TOKEN}&domain-owner=111122223333&duration=900");
    let reply = Call::new(&sandbox, "POST", &target).send();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply: Value = serde_json::from_str(&reply.body).unwrap();
    let issued = sandbox.package_tokens().remove(0);
    assert_eq!((issued.domain.as_str(), issued.duration), ("sandbox-domain", Some(900)));
    assert_eq!(reply["authorizationToken"], issued.token.as_str());
    assert_eq!(issued.token.len(), 8192);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((880.0..=901.0).contains(&(reply["expiration"].as_f64().unwrap() - now)), "{reply}");
}

#[test]
fn an_endpoint_names_format_and_repository() {
    let sandbox = sandbox();
    let target = "/v1/repository/endpoint?domain=sandbox-domain&format=npm&repository=sandbox-repo";
    let reply = Call::new(&sandbox, "GET", target).send();
    let url = format!("https://localhost:{}/npm/sandbox-repo/", sandbox.port(Service::Repositories));
    assert_eq!(serde_json::from_str::<Value>(&reply.body).unwrap()["repositoryEndpoint"], url.as_str());
}

#[test]
fn who_may_not_is_refused_and_gets_no_token() {
    let sandbox = sandbox();
    let message =
        Call::new(&sandbox, "POST", "/v1/authorization-token?domain=other").refused(403, "AccessDeniedException");
    assert!(message.contains("codeartifact:GetAuthorizationToken"), "{message}");
    let owner = format!("{TOKEN}&domain-owner=999999999999");
    Call::new(&sandbox, "POST", &owner).refused(403, "AccessDeniedException");
    for duration in ["1", "899", "43201", "-1", "soon"] {
        let target = format!("{TOKEN}&duration={duration}");
        Call::new(&sandbox, "POST", &target).refused(400, "ValidationException");
    }
    Call::new(&sandbox, "POST", "/v1/authorization-token").refused(400, "ValidationException");
    Call::new(&sandbox, "GET", TOKEN).refused(404, "UnknownOperationException");
    let target = "/v1/repository/endpoint?domain=sandbox-domain&format=npm&repository=other";
    Call::new(&sandbox, "GET", target).refused(404, "ResourceNotFoundException");
    assert_eq!(sandbox.package_tokens(), []);
}

#[test]
fn signature_scope_time_and_session_token_are_checked() {
    let sandbox = sandbox();
    let mut call = Call::new(&sandbox, "POST", TOKEN);
    call.credentials.secret_access_key.push('x');
    call.refused(403, "InvalidSignatureException");
    let mut call = Call::new(&sandbox, "POST", "/v1/authorization-token?domain=sandbox-domain&duration=0");
    call.signed_target = TOKEN;
    call.refused(403, "InvalidSignatureException");
    let mut call = Call::new(&sandbox, "POST", TOKEN);
    call.region = "us-east-1";
    assert!(call.refused(403, "InvalidSignatureException").contains("/eu-west-1/codeartifact/"));

    let mut call = Call::new(&sandbox, "POST", TOKEN);
    call.token = Some("another".to_owned());
    call.refused(403, "UnrecognizedClientException");
    call.token = None;
    call.refused(403, "UnrecognizedClientException");
    call.token = Some(call.credentials.session_token.clone());
    assert_eq!(call.send().status, 200);
    sandbox.expire_credentials();
    call.refused(403, "ExpiredTokenException");

    let head = format!("POST {TOKEN} HTTP/1.1\r\nhost: localhost");
    let reply = request(&mut connect_as(&sandbox, Service::CodeArtifact, None, &[]), &head, b"").unwrap();
    assert_eq!(reply.header("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));

    for (offset, part) in [(3600, "expired"), (-3600, "not yet current")] {
        sandbox.set_clock_offset(Service::CodeArtifact, offset);
        let message = Call::new(&sandbox, "POST", TOKEN).refused(403, "InvalidSignatureException");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(sandbox.package_tokens().len(), 1);
}

#[test]
fn the_repository_wants_a_token_and_passes_the_request_on() {
    let sandbox = sandbox();
    Call::new(&sandbox, "POST", TOKEN).send();
    let token = sandbox.package_tokens().remove(0).token;
    let get = |path: &str, user: &str, password: &str| {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {basic}");
        request(&mut connect_as(&sandbox, Service::Repositories, None, &[]), &head, b"").unwrap()
    };
    let path = "/pypi/sandbox-repo/simple/a/?x=y";
    for (user, password) in [("aws", "other"), ("aws", ""), ("bob", &token), ("", "")] {
        let reply = get(path, user, password);
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").unwrap().starts_with("Basic"));
    }
    // Empty so far.
    assert_eq!(get(path, "aws", &token).status, 404);

    let index = TcpListener::bind("127.0.0.1:0").unwrap();
    sandbox.set_package_index(index.local_addr().unwrap());
    let seen = thread::spawn(move || {
        let mut stream = index.accept().unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nindex").unwrap();
        String::from_utf8(head).unwrap()
    });
    let reply = get(path, "aws", &token);
    assert_eq!((reply.status, reply.body.as_str()), (200, "index"));
    let seen = seen.join().unwrap();
    assert!(seen.starts_with("GET /simple/a/?x=y HTTP/1.1\r\n"), "{seen}");
}

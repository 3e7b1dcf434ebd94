//! CodeArtifact: the two calls that package managers need, and the repositories behind them.
//!
//! A repository is whatever package index stands behind it ([`crate::Sandbox::set_package_index`]): requests with a token
//! that was issued here, and for the right domain, are passed on to it, all others are refused as the service refuses
//! them. Without one it is empty.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use crate::answers::Answer;
use crate::faults::FaultSwitch;
use crate::http_server::{BoxError, Handler, ReplyBody};
use crate::sessions::{Sessions, random_text};
use crate::sigv4::{ServiceError, Verifier};

/// One token that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageToken {
    /// The token.
    pub token: String,
    /// The domain that it is for.
    pub domain: String,
    /// The `duration` that was asked for.
    pub duration: Option<u32>,
}

/// What the two services of one sandbox share.
#[derive(Clone, Default)]
pub(crate) struct Packages {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    issued: Vec<(PackageToken, Instant)>,
    index: Option<SocketAddr>,
}

impl Packages {
    pub(crate) fn issued(&self) -> Vec<PackageToken> {
        self.lock().issued.iter().map(|(token, _)| token.clone()).collect()
    }

    pub(crate) fn set_index(&self, index: SocketAddr) {
        self.lock().index = Some(index);
    }

    fn accepts(&self, token: &str, domain: &str) -> bool {
        let shared = self.lock();
        shared
            .issued
            .iter()
            .any(|(known, expires)| known.token == token && known.domain == domain && Instant::now() < *expires)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API: `codeartifact.REGION.amazonaws.com`.
pub(crate) struct CodeArtifact {
    pub(crate) region: String,
    pub(crate) lifetime: Duration,
    pub(crate) token_length: usize,
    pub(crate) sessions: Sessions,
    pub(crate) packages: Packages,
    /// Where the repositories are.
    pub(crate) repositories: u16,
    pub(crate) switch: Arc<FaultSwitch>,
}

#[async_trait::async_trait]
impl Handler for CodeArtifact {
    async fn handle(&self, request: Request<Incoming>, _: Option<&str>) -> Response<ReplyBody> {
        let (request, body) = request.into_parts();
        let answer = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => self.answer(&request, &body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(invalid("the body is too long")),
            Err(_) => Err(invalid("the body ends too early")),
        };
        answer.unwrap_or_else(|error| error.answer()).into_response()
    }
}

impl CodeArtifact {
    fn answer(&self, request: &Parts, body: &[u8]) -> Result<Answer, ServiceError> {
        let verifier = Verifier {
            region: &self.region,
            service: "codeartifact",
            sessions: &self.sessions,
            now: self.switch.now(),
        };
        verifier.verify(request, body)?;
        let parameters = Parameters::read(request.uri.query().unwrap_or_default())?;
        match (&request.method, request.uri.path()) {
            (&Method::POST, "/v1/authorization-token") => self.authorization_token(&parameters),
            (&Method::GET, "/v1/repository/endpoint") => self.repository_endpoint(&parameters),
            _ => Err(ServiceError::new(404, "UnknownOperationException", "")),
        }
    }

    fn authorization_token(&self, parameters: &Parameters) -> Result<Answer, ServiceError> {
        parameters.only(&["domain", "domain-owner", "duration"])?;
        let domain = self.domain(parameters, "GetAuthorizationToken")?;
        let duration = match parameters.get("duration") {
            None => None,
            Some(text) => Some(
                text.parse()
                    .ok()
                    .filter(|seconds| *seconds == 0 || (900..=43_200).contains(seconds))
                    .ok_or_else(|| invalid("durationSeconds must be 0, or between 900 and 43200"))?,
            ),
        };
        let lifetime = match duration {
            None => TWELVE_HOURS,
            Some(0) => self.lifetime,
            Some(seconds) => Duration::from_secs(seconds.into()),
        };
        let token = random_text(self.token_length, BASE64_URL)
            .map_err(|error| ServiceError::new(500, "InternalServerException", error.to_string()))?;
        let issued = PackageToken { token: token.clone(), domain, duration };
        self.packages.lock().issued.push((issued, Instant::now() + lifetime));
        let expiration = (self.switch.now() + lifetime).unix_timestamp();
        // The service's own numbers have a fraction.
        let expiration = serde_json::Number::from_f64(expiration as f64 + 0.25);
        Ok(Answer::json(200, &json!({ "authorizationToken": token, "expiration": expiration })))
    }

    fn repository_endpoint(&self, parameters: &Parameters) -> Result<Answer, ServiceError> {
        parameters.only(&["domain", "domain-owner", "endpointType", "format", "repository"])?;
        let domain = self.domain(parameters, "GetRepositoryEndpoint")?;
        let format = parameters.get("format").ok_or_else(|| invalid("format is missing"))?;
        if !FORMATS.contains(&format) {
            return Err(invalid(&format!("format must be one of {}", FORMATS.join(", "))));
        }
        if parameters.get("endpointType").is_some_and(|kind| !["dualstack", "ipv4"].contains(&kind)) {
            return Err(invalid("endpointType must be dualstack or ipv4"));
        }
        let repository = parameters.get("repository").ok_or_else(|| invalid("repository is missing"))?;
        if repository != REPOSITORY {
            let message =
                format!("Repository not found. Repository '{repository}' in domain '{domain}' does not exist.");
            return Err(ServiceError::new(404, "ResourceNotFoundException", message));
        }
        // Not DOMAIN-OWNER.localhost: not every resolver knows names below localhost.
        let url = format!("https://localhost:{}/{format}/{repository}/", self.repositories);
        Ok(Answer::json(200, &json!({ "repositoryEndpoint": url })))
    }

    /// The service does not tell a caller without rights which domains there are.
    fn domain(&self, parameters: &Parameters, action: &str) -> Result<String, ServiceError> {
        let domain = parameters.get("domain").ok_or_else(|| invalid("domain is missing"))?;
        let owner = parameters.get("domain-owner").unwrap_or(OWNER);
        if owner.len() != 12 || !owner.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid("domainOwner must be 12 digits"));
        }
        if (domain, owner) == (DOMAIN, OWNER) {
            return Ok(domain.to_owned());
        }
        let message = format!(
            "User: arn:aws:sts::{OWNER}:assumed-role/sandbox is not authorized to perform: codeartifact:{action} on resource: arn:aws:codeartifact:{}:{owner}:domain/{domain}",
            self.region
        );
        Err(ServiceError::new(403, "AccessDeniedException", message))
    }
}

/// The repositories: `DOMAIN-OWNER.d.codeartifact.REGION.amazonaws.com`, and a VPC endpoint for them.
pub(crate) struct Repositories {
    pub(crate) packages: Packages,
}

#[async_trait::async_trait]
impl Handler for Repositories {
    async fn handle(&self, request: Request<Incoming>, _: Option<&str>) -> Response<ReplyBody> {
        let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(token_of);
        if !token.is_some_and(|token| self.packages.accepts(&token, DOMAIN)) {
            let answer = Answer::json(
                401,
                &json!({ "message": "Unauthenticated: request did not include an authentication token, or it is not valid." }),
            );
            return answer.header(WWW_AUTHENTICATE.as_str(), "Basic realm=\"codeartifact\"").into_response();
        }
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let index = self.packages.lock().index;
        let (Some(rest), Some(index)) = (path_in_repository(&path), index) else {
            return Answer::json(404, &json!({ "message": "Not found" })).into_response();
        };
        match pass_on(request, rest, index).await {
            Ok(response) => response,
            Err(error) => Answer::json(502, &json!({ "message": error.to_string() })).into_response(),
        }
    }
}

/// `Basic` with the user `aws`, or `Bearer` as npm has it.
fn token_of(authorization: &str) -> Option<String> {
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        return Some(token.to_owned());
    }
    let pair = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    String::from_utf8(pair).ok()?.strip_prefix("aws:").map(str::to_owned)
}

/// What stands behind `/FORMAT/REPOSITORY`, or `/FORMAT/d/DOMAIN-OWNER/REPOSITORY` as a VPC endpoint has it.
fn path_in_repository(path: &str) -> Option<&str> {
    let (format, rest) = path.strip_prefix('/')?.split_once('/')?;
    let rest = match rest.strip_prefix("d/") {
        Some(rest) => rest.strip_prefix(&format!("{DOMAIN}-{OWNER}/"))?,
        None => rest,
    };
    rest.strip_prefix(REPOSITORY).filter(|rest| FORMATS.contains(&format) && rest.starts_with('/'))
}

/// Sends the request on, without TLS and with `path`, as a reverse proxy does.
async fn pass_on(request: Request<Incoming>, path: &str, index: SocketAddr) -> Result<Response<ReplyBody>, BoxError> {
    let (mut head, body) = request.into_parts();
    let prefix = head.uri.path().strip_suffix(Uri::try_from(path)?.path()).unwrap_or_default().to_owned();
    head.headers.insert("x-forwarded-prefix", prefix.try_into()?);
    head.uri = Uri::try_from(path)?;
    head.headers.insert(HOST, index.to_string().try_into()?);
    let stream = TcpStream::connect(index).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = sender.send_request(Request::from_parts(head, body)).await?;
    Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
}

/// The query's parameters, decoded.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: &str) -> Result<Self, ServiceError> {
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.map(|text| text.into_owned()).map_err(|_| invalid("the query is no UTF-8"))
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| Ok((decode(name)?, decode(value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses what the operation does not know: in a test that is a mistake.
    fn only(&self, names: &[&str]) -> Result<(), ServiceError> {
        match self.0.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(invalid(&format!("unknown parameter {name}"))),
        }
    }
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::new(400, "ValidationException", message)
}

/// The one domain there is.
pub(crate) const DOMAIN: &str = "sandbox-domain";
/// The account that owns it, and whose credentials the sandbox issues.
pub(crate) const OWNER: &str = "111122223333";
/// The one repository in it.
pub(crate) const REPOSITORY: &str = "sandbox-repo";
const FORMATS: [&str; 8] = ["npm", "pypi", "maven", "nuget", "generic", "ruby", "swift", "cargo"];
/// What the service gives when nothing is asked for.
const TWELVE_HOURS: Duration = Duration::from_secs(12 * 3600);
/// Neither operation has a body.
const BODY_LIMIT: usize = 1024;
/// The service's tokens are JSON Web Encryption in compact form.
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_s_path_is_found_in_both_forms() {
        assert_eq!(path_in_repository("/pypi/sandbox-repo/simple/a/"), Some("/simple/a/"));
        assert_eq!(path_in_repository("/npm/d/sandbox-domain-111122223333/sandbox-repo/a"), Some("/a"));
        for path in ["/pypi/other/simple/", "/conda/sandbox-repo/a", "/pypi/d/other-111122223333/sandbox-repo/a", "/"] {
            assert_eq!(path_in_repository(path), None, "{path}");
        }
    }

    #[test]
    fn tokens_come_as_basic_or_bearer() {
        assert_eq!(token_of("Basic YXdzOnRva2Vu").as_deref(), Some("token"));
        assert_eq!(token_of("Bearer token").as_deref(), Some("token"));
        assert_eq!(token_of("Basic Ym9iOnRva2Vu"), None);
    }
}

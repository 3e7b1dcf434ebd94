//! Where a CodeArtifact repository is: AWS CodeArtifact API Reference, "GetRepositoryEndpoint"; AWS CodeArtifact User
//! Guide, "Use CodeArtifact from a VPC".

use super::codeartifact_token::PERMISSION;
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

/// `GET /v1/repository/endpoint`.
#[derive(Debug, Clone, Copy)]
pub struct GetRepositoryEndpoint<'a> {
    /// Host, and `:port` where one was set.
    pub authority: &'a str,
    /// The domain's name.
    pub domain: &'a str,
    /// The account that owns the domain, 12 digits; `None`: the caller's own.
    pub domain_owner: Option<&'a str>,
    /// The repository's name.
    pub repository: &'a str,
    /// The kind of packages: `pypi`, `npm`, `maven`, `nuget`, `generic`, `ruby`, `swift` or `cargo`.
    pub format: &'a str,
    /// Whether the endpoint is to answer over IPv6, too.
    pub dual_stack: bool,
    /// The clock by which the request is signed, in seconds since the Unix epoch.
    pub now: i64,
}

/// The URL of a repository for one format: `https://`, a host, a path, and a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryEndpoint(String);

impl GetRepositoryEndpoint<'_> {
    /// Builds the request.
    ///
    /// # Errors
    /// A host name or query that is too long.
    pub fn request(&self) -> Result<Request> {
        let mut query = format!("domain={}", encode_component(self.domain));
        // Writing to a String cannot fail.
        if let Some(owner) = self.domain_owner {
            let _ = write!(query, "&domain-owner={}", encode_component(owner));
        }
        if self.dual_stack {
            query.push_str("&endpointType=dualstack");
        }
        let (format, repository) = (encode_component(self.format), encode_component(self.repository));
        let _ = write!(query, "&format={format}&repository={repository}");
        Request::new("GET", self.authority, "/v1/repository/endpoint", &query).map_err(too_large)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// Refused: what the role needs. Unavailable: the reply is no endpoint. Temporary: throttled, or AWS's own fault.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<RepositoryEndpoint> {
        let what = format!("endpoint of CodeArtifact repository {}/{}", self.domain, self.repository);
        let asked = Asked {
            service: Service::CodeArtifact,
            what: &what,
            permission: PERMISSION,
            absent: "check the names of domain and repository, the region, and --domain-owner where another account \
                     owns the domain",
            now: self.now,
        };
        if reply.status != 200 {
            return Err(asked.error(reply));
        }
        let fields: Fields<'_> =
            json::read(reply.body).map_err(|_| asked.nonsense("it is not the JSON of an endpoint"))?;
        let escaped = fields.endpoint.ok_or_else(|| asked.nonsense("there is no repositoryEndpoint in it"))?;
        let mut buffer = [0; URL_CAPACITY];
        json::unescape(escaped, &mut buffer)
            .ok()
            .and_then(RepositoryEndpoint::new)
            .ok_or_else(|| asked.nonsense("its repositoryEndpoint is no https:// URL"))
    }
}

impl RepositoryEndpoint {
    /// Checks that a token may be sent there, and that the URL can stand in any tool's configuration.
    fn new(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]%+".contains(&byte);
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || host.starts_with(':') || host.contains('%') || !rest.bytes().all(plain) {
            return None;
        }
        Some(Self(if url.ends_with('/') { url.to_owned() } else { format!("{url}/") }))
    }

    /// The repository behind a VPC endpoint without private DNS (`authority` is that endpoint's own name): what
    /// stands in the host name otherwise, `DOMAIN-OWNER`, is then in the path. `https://AUTHORITY/FORMAT/d/DOMAIN-OWNER/REPOSITORY/`.
    pub fn behind(authority: &str, format: &str, domain: &str, domain_owner: &str, repository: &str) -> Self {
        Self(format!("https://{authority}/{format}/d/{domain}-{domain_owner}/{repository}/"))
    }

    /// The account in the host name, `DOMAIN-OWNER.d.codeartifact.…`; `None` where it has another form.
    pub fn domain_owner(&self, domain: &str) -> Option<&str> {
        let host = self.0.strip_prefix("https://")?.split('/').next()?;
        let owner = host.split('.').next()?.strip_prefix(domain)?.strip_prefix('-')?;
        (owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit())).then_some(owner)
    }

    /// The URL.
    pub fn url(&self) -> &str {
        &self.0
    }

    /// The host, without a port, as a netrc names it.
    pub fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").unwrap_or(&self.0);
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.strip_prefix('[').and_then(|address| address.split_once(']')) {
            Some((address, _)) => address,
            None => authority.split(':').next().unwrap_or_default(),
        }
    }

    /// The URL without its scheme, for npm: `//host/path/`.
    pub fn without_scheme(&self) -> &str {
        self.0.strip_prefix("https:").unwrap_or(&self.0)
    }

    /// The URL with the token as the password of the user `aws`, and `path` behind it: a secret.
    pub fn with_token(&self, token: &str, path: &str) -> Zeroizing<String> {
        let rest = self.0.strip_prefix("https://").unwrap_or(&self.0);
        // Room for all of it at once, each byte of the token encoded, so that no copy is left behind.
        let mut url = Zeroizing::new(String::with_capacity(16 + 3 * token.len() + rest.len() + path.len()));
        // Writing to a String cannot fail.
        let _ = write!(url, "https://{USER}:{}@{rest}{path}", encode_component(token));
        url
    }
}

/// The user name that goes with a token, for every tool.
pub const USER: &str = "aws";

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "repositoryEndpoint")]
    endpoint: Option<Text<'a>>,
}

/// A host name (253), a repository's name (100), and the rest of a URL.
const URL_CAPACITY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};
    use crate::error::Fault;

    const CALL: GetRepositoryEndpoint<'_> = GetRepositoryEndpoint {
        authority: "codeartifact.us-west-2.amazonaws.com",
        domain: "my-domain",
        domain_owner: Some("111122223333"),
        repository: "my_repo",
        format: "pypi",
        dual_stack: false,
        now: 1_605_214_342,
    };

    fn endpoint(url: &str) -> Option<RepositoryEndpoint> {
        let body = format!(r#"{{"repositoryEndpoint":"{url}"}}"#);
        with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).ok()
    }

    #[test]
    fn the_request_is_the_documented_one() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path), ("GET", "/v1/repository/endpoint"));
        assert_eq!(&*request.query, "domain=my-domain&domain-owner=111122223333&format=pypi&repository=my_repo");
        let other = GetRepositoryEndpoint { domain_owner: None, dual_stack: true, ..CALL };
        let query = "domain=my-domain&endpointType=dualstack&format=pypi&repository=my_repo";
        assert_eq!(&*other.request().unwrap().query, query);
    }

    #[test]
    fn the_reply_is_the_documented_one() {
        let url = "https://my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/pypi/my_repo/";
        let found = endpoint(url).unwrap();
        assert_eq!(found.url(), url);
        assert_eq!(found.domain_owner("my-domain"), Some("111122223333"));
        assert_eq!(found.domain_owner("my"), None);
        assert_eq!(
            &*found.with_token("ey.A-_+/=", "simple/"),
            "https://aws:ey.A-_%2B%2F%3D@my-domain-111122223333.d.codeartifact.us-west-2.amazonaws.com/pypi/my_repo/simple/"
        );
        assert_eq!(endpoint("https:\\/\\/h:8443\\/pypi\\/r").unwrap().url(), "https://h:8443/pypi/r/");
    }

    #[test]
    fn the_host_has_no_port() {
        for (url, host) in [("https://a.b/x/", "a.b"), ("https://a.b:8443/", "a.b"), ("https://[::1]:8443/x", "::1")] {
            assert_eq!(endpoint(url).unwrap().host(), host);
        }
    }

    #[test]
    fn a_vpc_endpoint_without_private_dns_has_the_domain_in_the_path() {
        let host = "vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com";
        let endpoint = RepositoryEndpoint::behind(host, "npm", "my-domain", "111122223333", "my_repo");
        assert_eq!(endpoint.url(), format!("https://{host}/npm/d/my-domain-111122223333/my_repo/"));
        assert_eq!(endpoint.without_scheme(), format!("//{host}/npm/d/my-domain-111122223333/my_repo/"));
    }

    #[test]
    fn a_token_goes_to_no_other_kind_of_url() {
        for url in [
            "",
            "http://h/",
            "https://",
            "https:///pypi/",
            "https://:443/",
            "https://user@h/",
            "https://h/?q",
            "https://h/#f",
            "https://h/ x",
            "https://h/\\nx = y/",
            "https://%68/",
            "https://é/",
        ] {
            assert_eq!(endpoint(url), None, "{url}");
        }
        for body in ["{}", "", r#"{"repositoryEndpoint":1}"#] {
            let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).unwrap_err();
            assert_eq!(error.fault(), Fault::Unavailable, "{body}");
        }
    }

    #[test]
    fn a_repository_that_is_not_there_is_named() {
        let body = br#"{"__type":"ResourceNotFoundException","message":"Repository not found"}"#;
        let error = with_reply(404, body, |reply| CALL.parse(reply)).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "ResourceNotFoundException"));
        assert!(error.message().contains("my-domain/my_repo"), "{error}");
        assert!(error.remedy().unwrap().contains("--domain-owner"), "{error}");
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(br#"{"repositoryEndpoint":"https://h\u002fpypi\/r/"}"#, &[200, 404], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

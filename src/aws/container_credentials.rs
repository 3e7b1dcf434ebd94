//! The container credentials contract: ECS, EKS Pod Identity and Greengrass's token exchange service.
//!
//! AWS SDKs and Tools Reference Guide, "Container credential provider".

use super::credential_reply::{self, CredentialFields};
use super::{JsonServiceError, printable, temporary, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::credentials::Credentials;
use crate::protocol::json::Text;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where the environment says that credentials are to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerEndpoint<'a> {
    /// `https`; otherwise plain HTTP, for which [`plain_http_allowed`] must hold for every resolved address.
    pub tls: bool,
    /// The host, without the brackets of an IPv6 address.
    pub host: &'a str,
    /// The port; 80 or 443 where the URI names none.
    pub port: u16,
    authority: &'a str,
    path: &'a str,
    query: &'a str,
    variable: &'static str,
}

/// Finds the endpoint in the values of `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, which comes first, and
/// `AWS_CONTAINER_CREDENTIALS_FULL_URI`. An empty value counts as none. `Ok(None)`: not set at all.
///
/// # Errors
/// A configuration error that names the variable whose value is no such URI.
pub fn locate<'a>(relative_uri: Option<&'a str>, full_uri: Option<&'a str>) -> Result<Option<ContainerEndpoint<'a>>> {
    if let Some(uri) = relative_uri.filter(|uri| !uri.is_empty()) {
        if !uri.starts_with('/') {
            return Err(invalid(RELATIVE_URI, uri, "it must begin with /"));
        }
        let (path, query) = path_and_query(RELATIVE_URI, uri, uri)?;
        return Ok(Some(ContainerEndpoint {
            tls: false,
            host: ECS_HOST,
            port: 80,
            authority: ECS_HOST,
            path,
            query,
            variable: RELATIVE_URI,
        }));
    }
    let Some(uri) = full_uri.filter(|uri| !uri.is_empty()) else { return Ok(None) };
    let (scheme, rest) =
        uri.split_once("://").ok_or_else(|| invalid(FULL_URI, uri, "it must begin with http:// or https://"))?;
    let tls = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => false,
        _ if scheme.eq_ignore_ascii_case("https") => true,
        _ => return Err(invalid(FULL_URI, uri, "it must begin with http:// or https://")),
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (path, query) = path_and_query(FULL_URI, uri, rest)?;
    let (host, port) = host_and_port(authority, if tls { 443 } else { 80 })
        .ok_or_else(|| invalid(FULL_URI, uri, "its host or port makes no sense"))?;
    Ok(Some(ContainerEndpoint { tls, host, port, authority, path, query, variable: FULL_URI }))
}

impl ContainerEndpoint<'_> {
    /// Builds the request. `token` is the content of `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`, or else the value of
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`; it goes into `Authorization` as it is. Empty counts as none.
    /// `token_variable` is where it came from.
    ///
    /// # Errors
    /// A configuration error for a token with line breaks or other control characters.
    pub fn request(&self, token: Option<&str>, token_variable: &str) -> Result<Request> {
        let mut request = Request::new("GET", self.authority, self.path, self.query).map_err(too_large)?;
        request.header("accept", "application/json").map_err(too_large)?;
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            if !token.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(Error::new(
                    Fault::Config,
                    "container_token_invalid",
                    format!(
                        "the authorization token from {token_variable} has a line break or another character that \
 cannot go into a header"
                    ),
                )
                .with_remedy("write the token without a line break at its end"));
            }
            request.header("authorization", token).map_err(too_large)?;
        }
        Ok(request)
    }

    /// The error for an address that [`plain_http_allowed`] refuses.
    pub fn plain_http_refused(&self, address: IpAddr) -> Error {
        Error::new(
            Fault::Config,
            "container_endpoint_not_allowed",
            format!(
                "{} names {} ({address}) over plain HTTP; credentials may travel unencrypted only \
                 on this machine (loopback) or from 169.254.170.2, 169.254.170.23 and fd00:ec2::23",
                self.variable, self.authority
            ),
        )
        .with_remedy("use an https:// URI")
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// Refused, temporary, or unavailable where the reply makes no sense.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<Credentials> {
        if reply.status != 200 {
            return Err(self.error(reply));
        }
        let from = |error: Error| error.context(format_args!("container credentials from {}", self.authority));
        let fields: Fields<'_> = credential_reply::read(reply).map_err(from)?;
        CredentialFields {
            access_key_id: ("AccessKeyId", fields.access_key_id),
            secret_access_key: ("SecretAccessKey", fields.secret_access_key),
            session_token: ("Token", fields.token),
            expiration: ("Expiration", fields.expiration),
        }
        .into_credentials()
        .map_err(from)
    }

    fn error(&self, reply: &Reply<'_>) -> Error {
        let said = JsonServiceError::read(reply);
        let status = reply.status;
        let message = format!(
            "the container credentials endpoint {} ({}) answered {}",
            self.authority,
            self.variable,
            said.describe(status)
        );
        if let Some(error) = temporary(reply, &said, &message) {
            return error.with_remedy(
                "if it goes on: the service behind it gets no credentials either; look at its log (on Greengrass, \
                 greengrass.log)",
            );
        }
        let code = said.code_or_status(status);
        match status {
            401 | 403 => Error::new(Fault::Refused, code, message).with_remedy(
                "check AWS_CONTAINER_AUTHORIZATION_TOKEN or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: the token must be \
                 the one that this run of the container or component was given",
            ),
            404 => Error::new(Fault::Refused, code, message).with_remedy("check the path in the variable"),
            _ => Error::new(Fault::Refused, code, message)
                .with_remedy("check the URI in the variable, and the log of the service behind it"),
        }
    }
}

/// Whether credentials may come from that address over plain HTTP: loopback, ECS, and EKS Pod Identity.
/// To be asked for the addresses a name resolved to, and not for the name.
pub fn plain_http_allowed(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address == ECS || address == EKS_V4,
        IpAddr::V6(address) => address.is_loopback() || address == EKS_V6,
    }
}

fn path_and_query<'a>(variable: &'static str, uri: &str, rest: &'a str) -> Result<(&'a str, &'a str)> {
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains('#') {
        return Err(invalid(variable, uri, "it has a fragment, or characters that must be percent-encoded"));
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Ok((if path.is_empty() { "/" } else { path }, query))
}

fn host_and_port(authority: &str, default_port: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0)?
        }
        Some(_) => return None,
        None => default_port,
    };
    Some((host, port))
}

fn invalid(variable: &'static str, uri: &str, why: &str) -> Error {
    let uri = printable(uri);
    Error::new(Fault::Config, "container_uri_invalid", format!("the environment variable {variable} is {uri:?}: {why}"))
        .with_remedy("leave the variable as ECS, EKS or Greengrass sets it: http://HOST[:PORT]/PATH, or a path where it is relative")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields<'a> {
    #[serde(borrow)]
    access_key_id: Option<Text<'a>>,
    #[serde(borrow)]
    secret_access_key: Option<Text<'a>>,
    #[serde(borrow)]
    token: Option<Text<'a>>,
    #[serde(borrow)]
    expiration: Option<Text<'a>>,
}

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
/// What a relative URI is relative to (Amazon ECS Developer Guide, "Task IAM role").
const ECS_HOST: &str = "169.254.170.2";
const ECS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
/// Amazon EKS User Guide, "EKS Pod Identity".
const EKS_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 23);
const EKS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};

    /// Greengrass's token exchange service gives a URI like this one.
    const GREENGRASS: &str = "http://localhost:37821/2016-11-01/credentialprovider/";
    const REPLY: &str = r#"{"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7",
        "Expiration":"2016-02-25T06:03:31Z","Token":"AQoDYXdzEJr=="}"#;

    fn greengrass() -> ContainerEndpoint<'static> {
        locate(None, Some(GREENGRASS)).unwrap().unwrap()
    }

    #[test]
    fn the_relative_uri_is_ecs_and_comes_first() {
        let endpoint = locate(Some("/v2/credentials/id?x=1"), Some(GREENGRASS)).unwrap().unwrap();
        assert_eq!((endpoint.tls, endpoint.host, endpoint.port), (false, "169.254.170.2", 80));
        let request = endpoint.request(None, "").unwrap();
        assert_eq!(
            (&*request.authority, &*request.path, &*request.query),
            ("169.254.170.2", "/v2/credentials/id", "x=1")
        );
        assert_eq!(request.header_value("authorization"), None);
    }

    #[test]
    fn full_uris_are_taken_apart() {
        let endpoint = greengrass();
        assert_eq!((endpoint.tls, endpoint.host, endpoint.port), (false, "localhost", 37_821));
        let request = endpoint.request(Some("the token"), "AWS_CONTAINER_AUTHORIZATION_TOKEN").unwrap();
        assert_eq!((&*request.authority, &*request.path), ("localhost:37821", "/2016-11-01/credentialprovider/"));
        assert_eq!(request.header_value("authorization"), Some("the token"));
        for (uri, tls, host, port) in [
            ("http://[fd00:ec2::23]/v1/credentials", false, "fd00:ec2::23", 80),
            ("http://[::1]:8080", false, "::1", 8080),
            ("HTTPS://example.com/a", true, "example.com", 443),
        ] {
            let endpoint = locate(None, Some(uri)).unwrap().unwrap();
            assert_eq!((endpoint.tls, endpoint.host, endpoint.port), (tls, host, port));
        }
        assert_eq!(locate(None, None), Ok(None));
        assert_eq!(locate(Some(""), Some("")), Ok(None));
    }

    #[test]
    fn what_is_no_such_uri_names_its_variable() {
        for (relative, full, variable) in [
            (Some("v2"), None, RELATIVE_URI),
            (Some("/a b"), None, RELATIVE_URI),
            (Some("/a\r\nx: y"), None, RELATIVE_URI),
            (None, Some("localhost:80/"), FULL_URI),
            (None, Some("ftp://localhost/"), FULL_URI),
            (None, Some("http://user@localhost/"), FULL_URI),
            (None, Some("http:///path"), FULL_URI),
            (None, Some("http://localhost:0/"), FULL_URI),
            (None, Some("http://localhost:99999/"), FULL_URI),
            (None, Some("http://[::1/"), FULL_URI),
            (None, Some("http://[localhost]/"), FULL_URI),
            (None, Some("http://127.0.0.1\\@evil/"), FULL_URI),
            (None, Some("http://localhost/#fragment"), FULL_URI),
        ] {
            let error = locate(relative, full).unwrap_err();
            assert_eq!(error.fault(), Fault::Config);
            assert!(error.message().contains(variable), "{error}");
        }
    }

    #[test]
    fn plain_http_goes_only_where_nobody_listens() {
        for allowed in
            ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"]
        {
            assert!(plain_http_allowed(allowed.parse().unwrap()), "{allowed}");
        }
        for refused in
            ["192.168.1.1", "169.254.169.254", "0.0.0.0", "::", "fd00:ec2::254", "::ffff:10.0.0.1", "8.8.8.8"]
        {
            assert!(!plain_http_allowed(refused.parse().unwrap()), "{refused}");
        }
        let error = greengrass().plain_http_refused("10.0.0.1".parse().unwrap());
        assert!(error.message().contains("10.0.0.1") && error.message().contains(FULL_URI), "{error}");
    }

    #[test]
    fn a_token_with_control_characters_is_refused_and_not_shown() {
        for token in ["sekrit\n", "sekrit\r\nx: y", "sekrit\0", "sekrité"] {
            let error = greengrass().request(Some(token), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").unwrap_err();
            assert!(
                error.message().contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
                    && !error.to_string().contains("sekrit")
            );
        }
    }

    #[test]
    fn the_documented_reply_becomes_credentials() {
        let credentials = with_reply(200, REPLY.as_bytes(), |reply| greengrass().parse(reply)).unwrap();
        assert_eq!(credentials.access_key_id, "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(credentials.session_token.expose(), "AQoDYXdzEJr==");
        assert_eq!(credentials.expiration, Some(1_456_380_211));
        let body = REPLY.replace("Token", "SessionToken");
        let error = with_reply(200, body.as_bytes(), |reply| greengrass().parse(reply)).unwrap_err();
        assert!(error.message().contains("Token is missing") && error.message().contains("localhost:37821"), "{error}");
    }

    #[test]
    fn errors_are_told_with_code_and_message() {
        let body = br#"{"code":"ErrorCode","message":"Helpful message about the error."}"#;
        let error = with_reply(403, body, |reply| greengrass().parse(reply)).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "ErrorCode"));
        assert!(error.message().contains("403 ErrorCode: Helpful message about the error."), "{error}");
        let error = with_reply(500, b"", |reply| greengrass().parse(reply)).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Temporary, "http_500"));
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(REPLY.as_bytes(), &[200, 400], |reply| {
            let _ = greengrass().parse(reply);
        });
    }
}

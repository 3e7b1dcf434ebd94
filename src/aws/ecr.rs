//! The password of the account's own container registries.
//!
//! Amazon ECR API Reference, "GetAuthorizationToken"
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).

use super::endpoint::Service;
use super::json_service::{self, Asked};
use crate::error::Result;
use crate::protocol::decimal::Decimal;
use crate::protocol::json::{Text, UnescapeError, unescape};
use crate::protocol::json_walk::{Kind, Value};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// `GetAuthorizationToken`. One token is good for every private registry that the caller may use.
#[derive(Debug, Clone, Copy)]
pub struct GetAuthorizationToken<'a> {
    /// ECR's endpoint: host and, where it is not 443, `:port`.
    pub authority: &'a str,
    /// The clock by which the request is signed, in seconds since the Unix epoch.
    pub now: i64,
}

/// What a registry asks of its clients.
#[derive(Debug)]
pub struct RegistryLogin {
    user_and_password: Secret<TOKEN_CAPACITY>,
    /// The registry's URL, such as `https://012345678910.dkr.ecr.us-east-1.amazonaws.com`; empty where none is given.
    pub registry: String,
    /// When the password expires, in seconds since the Unix epoch; today it lives 12 hours.
    pub expiration: Option<i64>,
}

impl GetAuthorizationToken<'_> {
    /// The request's body.
    pub const BODY: &'static [u8] = b"{}";

    /// Builds the request.
    ///
    /// # Errors
    /// A host name that is longer than DNS allows.
    pub fn request(&self) -> Result<Request> {
        json_service::request(self.authority, "1.1", TARGET, Self::BODY.len())
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// Refused, temporary, or a reply that is not the documented one. None of them repeats any of the token.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<RegistryLogin> {
        let asked = Asked {
            service: Service::Ecr,
            what: "registry password",
            permission: "allow ecr:GetAuthorizationToken on \"*\" in the role's policy, and ecr:BatchGetImage and \
                         ecr:GetDownloadUrlForLayer on the repositories to pull from",
            absent: "check the region",
            now: self.now,
        };
        read(&asked, reply, |data| match data.kind() {
            Kind::Array(mut elements) => elements.next(),
            _ => None,
        })
    }
}

/// Reads a reply of either registry, of whose `authorizationData` `choose` takes what counts.
pub(super) fn read<'a>(
    asked: &Asked<'_>,
    reply: &Reply<'a>,
    choose: impl FnOnce(Value<'a>) -> Option<Value<'a>>,
) -> Result<RegistryLogin> {
    if reply.status != 200 {
        return Err(asked.error(reply));
    }
    let document = asked.document(reply, "it is longer than any token", REPLY_DEPTH)?;
    let data = document.member("authorizationData").and_then(choose);
    let data = data.ok_or_else(|| asked.nonsense("it has no authorizationData"))?;
    let token = data.text_member("authorizationToken").ok_or_else(|| asked.nonsense("it has no authorizationToken"))?;
    let user_and_password = decode(token).map_err(|why| asked.nonsense(why))?;
    let registry = data.text_member("proxyEndpoint").map(super::unescaped).unwrap_or_default();
    let expiration = match data.member("expiresAt").map(Value::kind) {
        Some(Kind::Number(number)) => Decimal::parse(number).and_then(Decimal::whole),
        _ => None,
    };
    Ok(RegistryLogin { user_and_password, registry, expiration })
}

impl RegistryLogin {
    /// The user name: `AWS`.
    pub fn user(&self) -> &str {
        self.parts().0
    }

    /// The password, to be handed to the registry's client.
    pub fn password(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.user_and_password.expose().split_once(':').unwrap_or_default()
    }
}

/// The token is base64 of `user:password`.
fn decode(token: Text<'_>) -> core::result::Result<Secret<TOKEN_CAPACITY>, &'static str> {
    let mut base64 = Zeroizing::new([0; BASE64_CAPACITY]);
    let token = unescape(token, &mut base64[..]).map_err(|error| match error {
        UnescapeError::TooLong => TOO_LONG,
        UnescapeError::Malformed => "its authorizationToken is malformed",
    })?;
    let mut decoded = Zeroizing::new([0; BASE64_CAPACITY]);
    let length = STANDARD.decode_slice(token, &mut decoded[..]).map_err(|_| "its authorizationToken is no base64")?;
    let text = core::str::from_utf8(&decoded[..length]).ok();
    let is_complete = |(user, password): &(&str, &str)| !user.is_empty() && !password.is_empty();
    let text = text.filter(|text| text.split_once(':').as_ref().is_some_and(is_complete));
    let text = text.ok_or("its authorizationToken is no user:password")?;
    // Whoever reads a password by lines would get half of it.
    if text.contains(char::is_control) {
        return Err("its authorizationToken has control characters in it");
    }
    Secret::new(text).map_err(|_| TOO_LONG)
}

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
/// Today tokens have 2 to 4 KiB; the API Reference asks not to rely on that.
const TOKEN_CAPACITY: usize = 8 * 1024;
/// Its base64, padding included.
const BASE64_CAPACITY: usize = TOKEN_CAPACITY.div_ceil(3) * 4;
const TOO_LONG: &str = "its authorizationToken is longer than 8 KiB";
/// The documented reply has three.
const REPLY_DEPTH: usize = 16;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};
    use crate::error::Fault;

    const CALL: GetAuthorizationToken<'_> =
        GetAuthorizationToken { authority: "api.ecr.us-east-1.amazonaws.com", now: 1_712_000_000 };
    /// The API Reference's example with a token of its form.
    const REPLY: &str = r#"{"authorizationData":[{"authorizationToken":"QVdTOkNhbmFyeVBhc3N3b3JkKy8=","expiresAt":1.470951892432E9,"proxyEndpoint":"https://012345678910.dkr.ecr.us-east-1.amazonaws.com"}]}"#;

    #[test]
    fn the_documented_request() {
        let request = CALL.request().unwrap();
        assert!(request.headers().eq([
            ("content-type", "application/x-amz-json-1.1"),
            ("content-length", "2"),
            ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"),
        ]));
        assert_eq!(GetAuthorizationToken::BODY, b"{}");
    }

    #[test]
    fn the_documented_reply() {
        let login = with_reply(200, REPLY.as_bytes(), |reply| CALL.parse(reply)).unwrap();
        assert_eq!((login.user(), login.password()), ("AWS", "CanaryPassword+/"));
        assert_eq!(login.registry, "https://012345678910.dkr.ecr.us-east-1.amazonaws.com");
        assert_eq!(login.expiration, Some(1_470_951_892));
        assert!(!format!("{login:?}").contains("Canary"));
    }

    #[test]
    fn the_largest_token_fits() {
        let password = "p".repeat(TOKEN_CAPACITY - 4);
        let reply =
            |password: &str| REPLY.replace("QVdTOkNhbmFyeVBhc3N3b3JkKy8=", &STANDARD.encode(format!("AWS:{password}")));
        let login = with_reply(200, reply(&password).as_bytes(), |reply| CALL.parse(reply)).unwrap();
        assert_eq!(login.password(), password);
        let body = reply(&(password + "p"));
        let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).unwrap_err();
        assert!(error.message().contains("8 KiB"), "{error}");
    }

    #[test]
    fn a_reply_that_makes_no_sense_says_why_and_shows_no_token() {
        for (from, to, why) in [
            ("QVdTOkNhbmFyeVBhc3N3b3JkKy8=", "Canary!", "no base64"),
            ("QVdTOkNhbmFyeVBhc3N3b3JkKy8=", "Q2FuYXJ5", "no user:password"),
            ("QVdTOkNhbmFyeVBhc3N3b3JkKy8=", "QVdTOg==", "no user:password"),
            ("QVdTOkNhbmFyeVBhc3N3b3JkKy8=", "QVdTOkNhbmFyeQpi", "control characters"),
            ("authorizationToken", "token", "no authorizationToken"),
            ("[{", "{\"x\":{", "ends too early"),
            ("authorizationData", "data", "no authorizationData"),
        ] {
            let body = REPLY.replace(from, to);
            let error = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).unwrap_err();
            assert_eq!(error.fault(), Fault::Unavailable);
            if why != "ends too early" {
                assert!(error.message().contains(why), "{error}");
            }
            assert!(!error.to_string().contains("Canary") && !error.to_string().contains("QVdT"), "{error}");
        }
    }

    #[test]
    fn a_refusal_names_the_permission() {
        let body = br#"{"__type":"AccessDeniedException","Message":"User: x is not authorized to perform: ecr:GetAuthorizationToken"}"#;
        let error = with_reply(400, body, |reply| CALL.parse(reply)).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "AccessDeniedException"));
        assert!(error.message().starts_with("registry password: ECR answered 400 AccessDeniedException"), "{error}");
        assert!(error.remedy().unwrap().contains("ecr:GetAuthorizationToken"), "{error}");
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(REPLY.as_bytes(), &[200, 400, 500], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

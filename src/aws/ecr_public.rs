//! The password of the public registry, `public.ecr.aws`: pulls without one are throttled.
//!
//! Amazon ECR Public API Reference, "GetAuthorizationToken"
//! (<https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html>).

use super::ecr::{self, RegistryLogin};
use super::endpoint::Service;
use super::json_service::{self, Asked};
use crate::error::Result;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// `GetAuthorizationToken` of the public registry.
#[derive(Debug, Clone, Copy)]
pub struct GetPublicAuthorizationToken<'a> {
    /// Its endpoint, in `us-east-1`: host and, where it is not 443, `:port`.
    pub authority: &'a str,
    /// The clock by which the request is signed, in seconds since the Unix epoch.
    pub now: i64,
}

impl GetPublicAuthorizationToken<'_> {
    /// The request's body.
    pub const BODY: &'static [u8] = b"{}";

    /// Builds the request.
    ///
    /// # Errors
    /// A host name that is longer than DNS allows.
    pub fn request(&self) -> Result<Request> {
        json_service::request(self.authority, "1.1", TARGET, Self::BODY.len())
    }

    /// Reads the reply, in which no registry is named.
    ///
    /// # Errors
    /// As [`super::ecr::GetAuthorizationToken::parse`].
    pub fn parse(&self, reply: &Reply<'_>) -> Result<RegistryLogin> {
        let asked = Asked {
            service: Service::EcrPublic,
            what: "public registry password",
            permission: "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken on \"*\" in the role's policy",
            absent: "check the endpoint",
            now: self.now,
        };
        ecr::read(&asked, reply, Some)
    }
}

/// The service's own name for itself; botocore's service model has the same.
const TARGET: &str = "SpencerFrontendService.GetAuthorizationToken";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};

    const CALL: GetPublicAuthorizationToken<'_> =
        GetPublicAuthorizationToken { authority: "api.ecr-public.us-east-1.amazonaws.com", now: 1_712_000_000 };
    /// The documented structure; the API Reference shows no example.
    const REPLY: &str =
        r#"{"authorizationData":{"authorizationToken":"QVdTOkNhbmFyeVBhc3N3b3JkKy8=","expiresAt":1.712174803517E9}}"#;

    #[test]
    fn the_documented_request_and_reply() {
        let request = CALL.request().unwrap();
        assert_eq!(request.header_value("x-amz-target"), Some("SpencerFrontendService.GetAuthorizationToken"));
        assert_eq!(request.header_value("content-type"), Some("application/x-amz-json-1.1"));
        let login = with_reply(200, REPLY.as_bytes(), |reply| CALL.parse(reply)).unwrap();
        assert_eq!((login.user(), login.password(), &*login.registry), ("AWS", "CanaryPassword+/", ""));
        assert_eq!(login.expiration, Some(1_712_174_803));
    }

    #[test]
    fn a_refusal_names_both_permissions() {
        let body = br#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        let error = with_reply(400, body, |reply| CALL.parse(reply)).unwrap_err();
        assert!(error.message().contains("ECR Public"), "{error}");
        let remedy = error.remedy().unwrap();
        assert!(remedy.contains("ecr-public:GetAuthorizationToken") && remedy.contains("sts:GetServiceBearerToken"));
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(REPLY.as_bytes(), &[200, 400], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

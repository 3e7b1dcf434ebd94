//! AWS IoT Core's credential provider: temporary credentials for a device certificate.
//!
//! AWS IoT Core Developer Guide, "Authorizing direct calls to AWS services using AWS IoT Core credential
//! provider". The messages of its errors are recorded in awslabs' aws-iot-core-credential-provider-session-helper,
//! `docs/dev_notes.md`.

use super::credential_reply::{self, CredentialFields};
use super::{JsonServiceError, check_header_value, temporary, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::credentials::Credentials;
use crate::protocol::json::Text;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::uri::encode_role_alias;
use serde::Deserialize;

/// `GET /role-aliases/<alias>/credentials`, over mutual TLS.
#[derive(Debug, Clone, Copy)]
pub struct RoleAliasCredentials<'a> {
    /// The account's credential endpoint (`iot:CredentialProvider`): host, and `:port` unless it is 443.
    pub endpoint: &'a str,
    /// The role alias, 1 to 128 characters.
    pub role_alias: &'a str,
    /// The thing name, where one is configured: policies with thing variables need it.
    pub thing_name: Option<&'a str>,
}

impl RoleAliasCredentials<'_> {
    /// Builds the request.
    ///
    /// # Errors
    /// A configuration error for values that cannot be sent.
    pub fn request(&self) -> Result<Request> {
        if self.role_alias.is_empty() || self.role_alias.len() > LONGEST_NAME {
            return Err(Error::new(
                Fault::Config,
                "invalid_role_alias",
                format!("role_alias has {} bytes: a role alias has 1 to {LONGEST_NAME}", self.role_alias.len()),
            ));
        }
        let path = format!("/role-aliases/{}/credentials", encode_role_alias(self.role_alias));
        let mut request = Request::new("GET", self.endpoint, &path, "").map_err(too_large)?;
        if let Some(thing_name) = self.thing_name {
            check_header_value("thing_name", thing_name)?;
            request.header("x-amzn-iot-thingname", thing_name).map_err(too_large)?;
        }
        request.header("accept", "application/json").map_err(too_large)?;
        Ok(request)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// Refused: what to look at. Config: the endpoint is the data endpoint. Temporary: throttled, or AWS's own
    /// fault. Unavailable: the reply makes no sense.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<Credentials> {
        if reply.status != 200 {
            return Err(self.error(reply));
        }
        let from = |error: Error| error.context(format_args!("credential provider {}", self.endpoint));
        let body: Body<'_> = credential_reply::read(reply).map_err(from)?;
        let fields = body.credentials.unwrap_or_default();
        CredentialFields {
            access_key_id: ("credentials.accessKeyId", fields.access_key_id),
            secret_access_key: ("credentials.secretAccessKey", fields.secret_access_key),
            session_token: ("credentials.sessionToken", fields.session_token),
            expiration: ("credentials.expiration", fields.expiration),
        }
        .into_credentials()
        .map_err(from)
    }

    fn error(&self, reply: &Reply<'_>) -> Error {
        let said = JsonServiceError::read(reply);
        let status = reply.status;
        if said.from_data_endpoint || (status == 404 && is_data_endpoint(self.endpoint)) {
            return data_endpoint_used(self.endpoint);
        }
        let asked = match self.thing_name {
            Some(thing) => format!("role alias {:?} with thing name {thing:?}", self.role_alias),
            None => format!("role alias {:?} without a thing name", self.role_alias),
        };
        let message = format!("credential provider {} answered {} to {asked}", self.endpoint, said.describe(status));
        if let Some(error) = temporary(reply, &said, &message) {
            return error;
        }
        let code = said.code_or_status(status);
        match status {
            400 => Error::new(Fault::Refused, code, message).with_remedy(if said.message.contains("Duration") {
                "lower the role alias's credentialDurationSeconds, or raise the role's maximum session duration"
            } else {
                "check the IAM role behind the role alias: it must exist and trust credentials.iot.amazonaws.com \
                 (sts:AssumeRole)"
            }),
            401 | 403 => Error::new(Fault::Refused, code, message).with_remedy(self.remedy_for_refusal(&said.message)),
            404 => Error::new(Fault::Refused, code, message).with_remedy(
                "check role_alias: its spelling, and that it exists in this account and region (aws iot \
                 list-role-aliases)",
            ),
            _ => Error::new(Fault::Unavailable, code, message).with_remedy(
                "check credential_endpoint: aws iot describe-endpoint --endpoint-type iot:CredentialProvider",
            ),
        }
    }

    fn remedy_for_refusal(&self, message: &str) -> &'static str {
        if message.contains("thing name") {
            "check thing_name: its spelling, and that the thing is attached to this certificate (aws iot \
             list-principal-things)"
        } else if message.contains("Certificate") {
            "check that the certificate is registered and ACTIVE in the account and region of credential_endpoint"
        } else if self.thing_name.is_none() {
            "check that the certificate's policy allows iot:AssumeRoleWithCertificate on the role alias's ARN \
             (a policy with ${iot:Connection.Thing…} variables also needs thing_name), that the certificate is \
             ACTIVE, and the role alias's name"
        } else {
            "check that the certificate's policy allows iot:AssumeRoleWithCertificate on the role alias's ARN, \
             that the thing is attached to the certificate, that the certificate is ACTIVE, and the role alias's name"
        }
    }
}

/// Whether a host (with or without port) is AWS's, but not a credential endpoint: most likely the data endpoint.
/// Names outside AWS's domains are never judged: they may be anything.
pub fn is_data_endpoint(authority: &str) -> bool {
    let host =
        authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_end_matches('.').to_ascii_lowercase();
    let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    is_aws && host.contains(".iot") && !host.contains(".credentials.iot")
}

/// The error for the data endpoint in the credential endpoint's place.
pub fn data_endpoint_used(endpoint: &str) -> Error {
    Error::new(
        Fault::Config,
        "data_endpoint_used",
        format!("credential_endpoint {endpoint} is the data endpoint of AWS IoT Core, not its credential provider"),
    )
    .with_remedy(
        "set credential_endpoint to what `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints \
         (on AWS its name has `.credentials.iot.` in it)",
    )
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    credentials: Option<Fields<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(borrow)]
    access_key_id: Option<Text<'a>>,
    #[serde(borrow)]
    secret_access_key: Option<Text<'a>>,
    #[serde(borrow)]
    session_token: Option<Text<'a>>,
    #[serde(borrow)]
    expiration: Option<Text<'a>>,
}

/// Role aliases and thing names alike (AWS IoT API Reference, CreateRoleAlias and CreateThing).
const LONGEST_NAME: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{headers, torture, with_reply};

    const CALL: RoleAliasCredentials<'_> = RoleAliasCredentials {
        endpoint: "c2example.credentials.iot.us-east-1.amazonaws.com",
        role_alias: "Thermostat-dynamodb-access-role-alias",
        thing_name: Some("MyHomeThermostat"),
    };

    /// The Developer Guide's reply as printed there: its values are descriptions, which no key or token can be.
    const DOCUMENTED: &str = r#"{"credentials":{"accessKeyId":"access key","secretAccessKey":"secret access key",
        "sessionToken":"session token","expiration":"2018-01-18T09:18:06Z"}}"#;
    const REPLY: &str = r#"{"credentials":{"accessKeyId":"ASIAIOSFODNN7EXAMPLE",
        "secretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY","sessionToken":"IQoJb3JpZ2luX2VjEJr==","expiration":"2018-01-18T09:18:06Z"}}"#;

    fn error(status: u16, body: &str) -> Error {
        with_reply(status, body.as_bytes(), |reply| CALL.parse(reply)).unwrap_err()
    }

    #[test]
    fn the_documented_request() {
        let request = CALL.request().unwrap();
        assert_eq!(
            (request.method, &*request.path),
            ("GET", "/role-aliases/Thermostat-dynamodb-access-role-alias/credentials")
        );
        assert_eq!(&*request.authority, CALL.endpoint);
        assert_eq!(request.header_value("x-amzn-iot-thingname"), Some("MyHomeThermostat"));
        let nameless = RoleAliasCredentials { thing_name: None, ..CALL }.request().unwrap();
        assert_eq!(nameless.header_value("x-amzn-iot-thingname"), None);
    }

    #[test]
    fn what_cannot_be_sent_is_a_configuration_error() {
        for call in [
            RoleAliasCredentials { role_alias: "", ..CALL },
            RoleAliasCredentials { role_alias: &"a".repeat(129), ..CALL },
            RoleAliasCredentials { thing_name: Some("a\r\nx: y"), ..CALL },
        ] {
            assert_eq!(call.request().unwrap_err().fault(), Fault::Config);
        }
        let odd = RoleAliasCredentials { role_alias: "a/../b?c", ..CALL }.request().unwrap();
        assert_eq!(odd.path, "/role-aliases/a%2F..%2Fb%3Fc/credentials");
    }

    #[test]
    fn the_reply_becomes_credentials() {
        let credentials = with_reply(200, REPLY.as_bytes(), |reply| CALL.parse(reply)).unwrap();
        assert_eq!(credentials.access_key_id, "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(credentials.secret_access_key.expose(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        assert_eq!(credentials.session_token.expose(), "IQoJb3JpZ2luX2VjEJr==");
        assert_eq!(credentials.expiration, Some(1_516_267_086));
    }

    #[test]
    fn order_unknown_fields_and_escapes_do_not_matter() {
        let body = r#"{"x":[{}],"credentials":{"expiration":"2018-01-18T09:18:06.5Z",
            "sessionToken":"a\/b\u003d","y":1,"secretAccessKey":"s\/","accessKeyId":"A"}}"#;
        let credentials = with_reply(200, body.as_bytes(), |reply| CALL.parse(reply)).unwrap();
        assert_eq!(credentials.session_token.expose(), "a/b=");
        assert_eq!(credentials.secret_access_key.expose(), "s/");
    }

    #[test]
    fn a_session_token_of_4096_bytes_fits_and_one_more_is_said_to_be_too_long() {
        let with_token = |length: usize| REPLY.replace("IQoJb3JpZ2luX2VjEJr==", &"t".repeat(length));
        let longest = with_reply(200, with_token(4096).as_bytes(), |reply| CALL.parse(reply)).unwrap();
        assert_eq!(longest.session_token.expose().len(), 4096);
        let error = error(200, &with_token(4097));
        assert_eq!(error.code(), "credentials_too_long");
        assert!(error.message().contains("credentials.sessionToken") && error.message().contains("4096"), "{error}");
    }

    #[test]
    fn each_unusable_reply_has_its_own_error() {
        for (body, code, mentions) in [
            (&REPLY[..REPLY.len() - 1], "credentials_truncated", "middle"),
            ("", "credentials_truncated", "after 0 bytes"),
            ("<html>sign in</html>", "credentials_malformed", "not the JSON"),
            (r#"{"credentials":"none"}"#, "credentials_malformed", "type"),
            (r#"{"credentials":{"accessKeyId":1}}"#, "credentials_malformed", "type"),
            (r#"{"credentials":{"a":}}"#, "credentials_malformed", "not the JSON"),
            ("{}", "credentials_malformed", "credentials.accessKeyId is missing"),
            (r#"{"credentials":null}"#, "credentials_malformed", "credentials.accessKeyId is missing"),
            (&REPLY.replace("sessionToken", "token"), "credentials_malformed", "credentials.sessionToken is missing"),
            (
                &REPLY.replace("IQoJb3JpZ2luX2VjEJr==", ""),
                "credentials_malformed",
                "credentials.sessionToken is missing",
            ),
            (&REPLY.replace("2018-01-18T09:18:06Z", "soon"), "credentials_malformed", "credentials.expiration"),
            (&REPLY.replace("IQoJ", r"\r\n"), "credentials_malformed", "characters"),
            (&REPLY.replace("IQoJ", r"\q"), "credentials_malformed", "escape"),
            (DOCUMENTED, "credentials_malformed", "characters"),
        ] {
            let error = error(200, body);
            assert_eq!((error.fault(), error.code()), (Fault::Unavailable, code), "{body}: {error}");
            assert!(error.message().contains(mentions) && error.message().contains(CALL.endpoint), "{body}: {error}");
        }
        let cut = Reply { status: 200, headers: &headers(&[]), body: REPLY.as_bytes(), complete: false };
        assert_eq!(CALL.parse(&cut).unwrap_err().code(), "credentials_too_long");
    }

    #[test]
    fn no_error_shows_a_secret() {
        for end in 0..REPLY.len() {
            let text = error(200, &REPLY[..end]).to_string();
            assert!(!text.contains("wJal") && !text.contains("IQoJ"), "{text}");
        }
    }

    #[test]
    fn known_refusals_say_what_to_look_at() {
        for (status, body, fault, remedy) in [
            (403, r#"{"message":"Invalid thing name passed"}"#, Fault::Refused, "thing_name"),
            (403, r#"{"message":"Access Denied"}"#, Fault::Refused, "iot:AssumeRoleWithCertificate"),
            (403, r#"{"message":"Certificate is invalid on this endpoint"}"#, Fault::Refused, "ACTIVE"),
            (403, "", Fault::Refused, "iot:AssumeRoleWithCertificate"),
            (404, r#"{"message":"Role alias does not exist"}"#, Fault::Refused, "role_alias"),
            (
                400,
                r#"{"message":"Unable to assume the role, or the role to assume does not exist"}"#,
                Fault::Refused,
                "credentials.iot.amazonaws.com",
            ),
            (
                400,
                r#"{"message":"The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role"}"#,
                Fault::Refused,
                "maximum session duration",
            ),
            (302, "", Fault::Unavailable, "credential_endpoint"),
        ] {
            let error = error(status, body);
            assert_eq!(error.fault(), fault, "{body}");
            assert!(error.remedy().unwrap().contains(remedy), "{body}: {error}");
            assert!(
                error.message().contains(CALL.role_alias) && error.message().contains("MyHomeThermostat"),
                "{error}"
            );
        }
        for status in [429, 500, 503] {
            assert_eq!(error(status, "").fault(), Fault::Temporary);
            assert!(error(status, "").retryable());
        }
        let pairs = headers(&[("x-amzn-errortype", "AccessDeniedException"), ("x-amzn-requestid", "36ecd80d")]);
        let reply = Reply { status: 403, headers: &pairs, body: br#"{"message":"Access Denied"}"#, complete: true };
        let error = CALL.parse(&reply).unwrap_err();
        assert_eq!(error.code(), "AccessDeniedException");
        assert!(error.message().contains("403 AccessDeniedException: Access Denied (request id 36ecd80d)"), "{error}");
    }

    #[test]
    fn the_data_endpoint_is_recognized_by_name_and_by_reply() {
        let error = error(404, r#"{"message":"Not Found","traceId":"ca2ce0d5-1f3b-1a2b"}"#);
        assert_eq!((error.fault(), error.code()), (Fault::Config, "data_endpoint_used"));
        assert!(is_data_endpoint("a2example-ats.iot.us-east-1.amazonaws.com:8443"));
        assert!(is_data_endpoint("a2example.ats.iot.cn-north-1.amazonaws.com.cn"));
        assert!(!is_data_endpoint(CALL.endpoint));
        assert!(!is_data_endpoint("c2example.credentials.iot-fips.us-east-1.amazonaws.com"));
        assert!(!is_data_endpoint("localhost:8443") && !is_data_endpoint("credentials.example.com"));
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(REPLY.as_bytes(), &[200, 403], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

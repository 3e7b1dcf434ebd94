//! A secret's value from AWS Secrets Manager.
//!
//! AWS Secrets Manager API Reference, "GetSecretValue".

use super::endpoint::Service;
use super::json_service::{self, Asked};
use crate::error::{Error, Fault, Result};
use crate::protocol::json::{self, ObjectWriter, Text};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

/// `secretsmanager.GetSecretValue`.
#[derive(Debug, Clone, Copy)]
pub struct GetSecretValue<'a> {
    /// Host of the endpoint, and `:port` where one was set.
    pub authority: &'a str,
    /// The secret's name or ARN, 1 to 2,048 characters.
    pub id: &'a str,
    /// Which version, by its label; `None`: `AWSCURRENT`.
    pub version_stage: Option<&'a str>,
    /// Which version, by its id.
    pub version_id: Option<&'a str>,
}

/// What a secret holds. Wiped on drop.
pub enum SecretValue {
    /// `SecretString`.
    Text(Zeroizing<String>),
    /// `SecretBinary`, decoded.
    Binary(Zeroizing<Vec<u8>>),
}

impl GetSecretValue<'_> {
    /// The request's body.
    pub fn body(&self) -> String {
        let mut body = vec![0; self.write_body(&mut [])];
        self.write_body(&mut body);
        // Cannot be anything but UTF-8: it is made of text.
        String::from_utf8(body).unwrap_or_default()
    }

    /// The request for a body of `length` bytes.
    ///
    /// # Errors
    /// A host name that is longer than DNS allows.
    pub fn request(&self, length: usize) -> Result<Request> {
        json_service::request(self.authority, "1.1", "secretsmanager.GetSecretValue", length)
    }

    /// Reads the reply. `now` is the clock by which the request was signed, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// Refused: no such secret or version, or not allowed. Unavailable: the reply is not what is documented. No error
    /// has any of the value in it.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<SecretValue> {
        let what = format!("secret {:?}", self.id);
        let asked = Asked {
            service: Service::SecretsManager,
            what: &what,
            permission: "allow secretsmanager:GetSecretValue on the secret's ARN in the role's policy, and kms:Decrypt \
                         where it is encrypted by a key of your own",
            absent: "check the secret's name, its region, and its version where one was named",
            now,
        };
        if reply.status != 200 {
            return Err(asked.error(reply));
        }
        if !reply.complete {
            return Err(asked.nonsense("it is longer than a secret of 65,536 bytes can make it"));
        }
        let fields: Fields<'_> = json::read(reply.body).map_err(|_| asked.nonsense("it cannot be read"))?;
        match (fields.text, fields.binary) {
            (Some(text), _) => unescaped(text)
                .map(SecretValue::Text)
                .ok_or_else(|| asked.nonsense("SecretString has an escape sequence that JSON does not know")),
            (None, Some(text)) => {
                decoded(text).map(SecretValue::Binary).ok_or_else(|| asked.nonsense("SecretBinary is not base64"))
            }
            (None, None) => Err(Error::new(Fault::Data, "secret_without_value", format!("{what} has no value yet"))
                .with_remedy("store one: aws secretsmanager put-secret-value")),
        }
    }

    fn write_body(&self, buffer: &mut [u8]) -> usize {
        let mut writer = ObjectWriter::new(buffer);
        writer
            .text("SecretId", self.id)
            .optional_text("VersionStage", self.version_stage)
            .optional_text("VersionId", self.version_id);
        writer.finish().unwrap_or_else(|full| full.needed)
    }
}

/// The region that a secret's ARN names (`arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-6CHARS`); `None` for a
/// name.
pub fn region_of(id: &str) -> Option<&str> {
    id.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// A JSON text without its escapes, in memory that is wiped; `None` when it has one that JSON does not know.
pub fn unescaped(text: Text<'_>) -> Option<Zeroizing<String>> {
    let mut buffer = Zeroizing::new(vec![0; text.0.len()]);
    let length = json::unescape(text, &mut buffer).ok()?.len();
    buffer.truncate(length);
    // Moved, not copied; checked above already.
    String::from_utf8(std::mem::take(&mut *buffer)).ok().map(Zeroizing::new)
}

fn decoded(text: Text<'_>) -> Option<Zeroizing<Vec<u8>>> {
    // JSON may escape the slash of base64's alphabet.
    let text = unescaped(text)?;
    let mut buffer = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD.decode_slice(text.as_bytes(), &mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "SecretString")]
    text: Option<Text<'a>>,
    #[serde(borrow, rename = "SecretBinary")]
    binary: Option<Text<'a>>,
}

/// A secret's value has at most 65,536 bytes (AWS Secrets Manager User Guide, "Quotas"), each of which JSON makes 6 at
/// worst (`\u0001`); and the reply's other fields.
pub const REPLY_CAPACITY: usize = 6 * 65_536 + 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};

    const CALL: GetSecretValue<'_> = GetSecretValue {
        authority: "secretsmanager.us-east-1.amazonaws.com",
        id: "MyTestDatabaseSecret",
        version_stage: None,
        version_id: None,
    };

    fn parse(status: u16, body: &str) -> Result<SecretValue> {
        with_reply(status, body.as_bytes(), |reply| CALL.parse(reply, 1_523_477_145))
    }

    fn text(body: &str) -> String {
        match parse(200, body).unwrap() {
            SecretValue::Text(text) => text.to_string(),
            SecretValue::Binary(_) => panic!("binary"),
        }
    }

    #[test]
    fn the_documented_request() {
        let body = CALL.body();
        assert_eq!(body, r#"{"SecretId":"MyTestDatabaseSecret"}"#);
        let request = CALL.request(body.len()).unwrap();
        assert_eq!(request.header_value("x-amz-target"), Some("secretsmanager.GetSecretValue"));
        assert_eq!(request.header_value("content-type"), Some("application/x-amz-json-1.1"));
        let call = GetSecretValue { version_stage: Some("AWSPREVIOUS"), version_id: Some("EXAMPLE1"), ..CALL };
        assert_eq!(
            call.body(),
            r#"{"SecretId":"MyTestDatabaseSecret","VersionStage":"AWSPREVIOUS","VersionId":"EXAMPLE1"}"#
        );
    }

    #[test]
    fn the_documented_reply() {
        let body = r#"{
            "ARN":"arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestDatabaseSecret-a1b2c3",
            "CreatedDate":1.523477145713E9,
            "Name":"MyTestDatabaseSecret",
            "SecretString":"{\n  \"username\":\"david\",\n  \"password\":\"EXAMPLE-PASSWORD\"\n}\n",
            "VersionId":"EXAMPLE1-90ab-cdef-fedc-ba987SECRET1",
            "VersionStages":["AWSPREVIOUS"]
        }"#;
        assert_eq!(text(body), "{\n  \"username\":\"david\",\n  \"password\":\"EXAMPLE-PASSWORD\"\n}\n");
    }

    #[test]
    fn the_longest_value_is_read_in_its_longest_form() {
        let body = format!(r#"{{"SecretString":"{}"}}"#, "\\u0001".repeat(65_536));
        assert!(body.len() <= REPLY_CAPACITY);
        assert_eq!(text(&body), "\u{1}".repeat(65_536));
    }

    #[test]
    fn binary_values_are_decoded() {
        let Ok(SecretValue::Binary(bytes)) = parse(200, r#"{"SecretBinary":"AP\/+/w=="}"#) else { panic!() };
        assert_eq!(*bytes, [0, 0xff, 0xfe, 0xff]);
        assert_eq!(parse(200, r#"{"SecretBinary":"A*"}"#).err().unwrap().code(), "malformed_reply");
    }

    #[test]
    fn errors_name_the_secret_and_what_to_do() {
        let body =
            r#"{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}"#;
        let error = parse(400, body).err().unwrap();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "ResourceNotFoundException"));
        assert!(error.message().starts_with("secret \"MyTestDatabaseSecret\": "), "{error}");
        assert!(error.remedy().unwrap().contains("region"), "{error}");
        let error = parse(400, r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#).err().unwrap();
        assert!(error.remedy().unwrap().contains("secretsmanager:GetSecretValue"), "{error}");
        assert_eq!(parse(200, r#"{"Name":"a"}"#).err().unwrap().code(), "secret_without_value");
    }

    #[test]
    fn no_error_has_the_value_in_it() {
        for body in [
            r#"{"SecretString":"canary"#,
            r#"{"SecretString":"canary\x"}"#,
            r#"{"SecretString":["canary"]}"#,
            r#"{"SecretBinary":"canary!"}"#,
            "canary",
        ] {
            let error = parse(200, body).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
            let reply_is_cut = with_reply(200, body.as_bytes(), |reply| {
                CALL.parse(&Reply { complete: false, ..*reply }, 0).err().unwrap()
            });
            assert!(!format!("{reply_is_cut:?}").contains("canary"));
        }
    }

    #[test]
    fn an_arn_names_its_region() {
        assert_eq!(region_of("arn:aws:secretsmanager:us-west-2:123456789012:secret:a-b/c-a1b2c3"), Some("us-west-2"));
        assert_eq!(region_of("arn:aws-cn:secretsmanager:cn-north-1:1:secret:x"), Some("cn-north-1"));
        assert_eq!(region_of("a/b"), None);
        assert_eq!(region_of("arn:aws:secretsmanager::1:secret:x"), None);
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(br#"{"SecretString":"a\u00e9\"","SecretBinary":"AAEC"}"#, &[200, 400], |reply| {
            let _ = CALL.parse(reply, 0);
        });
    }
}

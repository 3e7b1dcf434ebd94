//! STS GetCallerIdentity: whose credentials these are. No permission is needed for it.
//!
//! AWS Security Token Service API Reference, "GetCallerIdentity"; its errors are in "Common errors".

use super::endpoint::Service;
use super::json_service::Asked;
use super::{JsonServiceError, printable, too_large};
use crate::error::Result;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::xml::element_text;

/// One GetCallerIdentity.
#[derive(Debug, Clone, Copy)]
pub struct GetCallerIdentity<'a> {
    /// Host, and `:port` where it is not 443.
    pub authority: &'a str,
}

/// Whose credentials they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account's number, 12 digits.
    pub account: String,
    /// The role's session, for a device `arn:aws:sts::ACCOUNT:assumed-role/ROLE/CERTIFICATE-ID`.
    pub arn: String,
}

impl GetCallerIdentity<'_> {
    /// Builds the request; it is still to be signed, with [`BODY`].
    ///
    /// # Errors
    /// A host name that is longer than DNS allows.
    pub fn request(&self) -> Result<Request> {
        let mut request = Request::new("POST", self.authority, "/", "").map_err(too_large)?;
        request.header("content-type", "application/x-www-form-urlencoded").map_err(too_large)?;
        request.header("content-length", BODY.len()).map_err(too_large)?;
        Ok(request)
    }

    /// Reads the reply. `now` is the clock by which the request was signed.
    ///
    /// # Errors
    /// Whatever STS refused; a reply that makes no sense.
    pub fn parse(&self, reply: &Reply<'_>, now: i64) -> Result<CallerIdentity> {
        let asked = Asked { service: Service::Sts, what: "identity", permission: ALLOWED, absent: "", now };
        let document = core::str::from_utf8(reply.body).unwrap_or_default();
        let element = |name| {
            let mut text = heapless::String::<ELEMENT_CAPACITY>::new();
            element_text(document, name, &mut text);
            printable(text.trim())
        };
        if reply.status != 200 {
            let said = JsonServiceError {
                code: element("Code"),
                message: element("Message"),
                request_id: element("RequestId"),
                from_data_endpoint: false,
            };
            return Err(asked.error_said(reply, &said));
        }
        let identity = CallerIdentity { account: element("Account"), arn: element("Arn") };
        if identity.arn.is_empty() {
            return Err(asked.nonsense("it has no Arn"));
        }
        Ok(identity)
    }
}

/// The request's body: action, and the API's only version.
pub const BODY: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";

const ALLOWED: &str = "nobody can forbid this call: check what stands between this device and STS";
/// What is longer than 300 bytes is cut anyway.
const ELEMENT_CAPACITY: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};
    use crate::error::Fault;

    const CALL: GetCallerIdentity<'_> = GetCallerIdentity { authority: "sts.eu-west-1.amazonaws.com" };
    /// The API Reference's third example: a session of an assumed role.
    const DOCUMENTED: &str = r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
   <Arn>arn:aws:sts::123456789012:assumed-role/my-role-name/my-role-session-name</Arn>
    <UserId>ARO123EXAMPLE123:my-role-session-name</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"#;

    #[test]
    fn the_documented_request() {
        let request = CALL.request().unwrap();
        assert_eq!((request.method, &*request.path, &*request.authority), ("POST", "/", CALL.authority));
        assert_eq!(request.header_value("content-length"), Some("43"));
    }

    #[test]
    fn the_documented_reply() {
        let identity = with_reply(200, DOCUMENTED.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap();
        assert_eq!(identity.account, "123456789012");
        assert_eq!(identity.arn, "arn:aws:sts::123456789012:assumed-role/my-role-name/my-role-session-name");
    }

    #[test]
    fn refusals_are_xml() {
        for (code, remedy, retryable) in
            [("InvalidClientTokenId", "where they come from", false), ("ExpiredToken", "new credentials", true)]
        {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>why</Message></Error>\
                 <RequestId>id</RequestId></ErrorResponse>"
            );
            let error = with_reply(403, body.as_bytes(), |reply| CALL.parse(reply, 0)).unwrap_err();
            assert_eq!((error.fault(), error.code(), error.retryable()), (Fault::Refused, code, retryable));
            assert!(error.message().contains("STS answered 403") && error.message().contains("why"), "{error}");
            assert!(error.remedy().unwrap().contains(remedy), "{error}");
        }
        assert_eq!(with_reply(200, b"<html>", |reply| CALL.parse(reply, 0)).unwrap_err().code(), "malformed_reply");
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(DOCUMENTED.as_bytes(), &[200, 403], |reply| {
            let _ = CALL.parse(reply, 0);
        });
    }
}

//! What the services that speak JSON have in common: the request of the AWS JSON protocols, and their errors.
//!
//! Smithy, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol"; AWS General Reference, "Common errors".

use super::endpoint::Service;
use super::{
    CLOCK_REMEDY, EXPIRED_CREDENTIALS, FOREIGN_CREDENTIALS, JsonServiceError, WRONG_SIGNATURE, are_apart,
    clock_difference, server_clock, too_large, wait,
};
use crate::error::{Error, Fault, Result};
use crate::protocol::json_walk::Value;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::retry::{Class, classify};
use crate::protocol::time::BothClocks;

/// Builds `POST /` of the AWS JSON protocol in `version` (`1.0` or `1.1`) for the operation `target`, such as
/// `secretsmanager.GetSecretValue`, with a body of `length` bytes.
///
/// # Errors
/// A host name that is longer than DNS allows.
pub fn request(authority: &str, version: &str, target: &str, length: usize) -> Result<Request> {
    let mut request = Request::new("POST", authority, "/", "").map_err(too_large)?;
    request.header("content-type", format_args!("application/x-amz-json-{version}")).map_err(too_large)?;
    request.header("content-length", length).map_err(too_large)?;
    request.header("x-amz-target", target).map_err(too_large)?;
    Ok(request)
}

/// What was asked, for the error when it is refused.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Of whom.
    pub service: Service,
    /// What for, as it stands at the beginning of the message: `secret "door/pin"`.
    pub what: &'a str,
    /// What to do when it is not allowed: the IAM actions that the role needs.
    pub permission: &'static str,
    /// What to do when what was asked for is not there.
    pub absent: &'static str,
    /// The clock that signed the request, half way between request and reply, in seconds since the Unix epoch.
    pub now: i64,
}

impl Asked<'_> {
    /// The error for a reply whose status is not 200.
    pub fn error(&self, reply: &Reply<'_>) -> Error {
        self.error_said(reply, &JsonServiceError::read(reply))
    }

    /// The same for a service that says it in another form.
    pub(super) fn error_said(&self, reply: &Reply<'_>, said: &JsonServiceError) -> Error {
        let status = reply.status;
        let (what, service) = (self.what, self.service.title());
        let mut message = format!("{what}: {service} answered {}", said.describe(status));
        let kind = kind(&said.code, status);
        let blamed = self.blamed_clocks(reply, said);
        if let Some(clocks) = blamed {
            message.push_str(&format!("; {clocks}"));
        }
        let (fault, remedy) = match kind {
            Kind::Denied => (Fault::Refused, self.permission),
            Kind::Absent => (Fault::Refused, self.absent),
            Kind::Expired => (Fault::Refused, EXPIRED_CREDENTIALS),
            Kind::Foreign => (Fault::Refused, FOREIGN_CREDENTIALS),
            Kind::Signature => (Fault::Refused, WRONG_SIGNATURE),
            Kind::Temporary => (Fault::Temporary, ""),
            Kind::Invalid => (Fault::Refused, ""),
            Kind::Nonsense => (Fault::Unavailable, "check the endpoint: something that is not AWS may be answering"),
        };
        let remedy = if blamed.is_some() { CLOCK_REMEDY } else { remedy };
        // New credentials, or a right clock, are all it takes.
        let retryable = matches!(kind, Kind::Temporary | Kind::Expired) || blamed.is_some();
        let hint = clock_difference(reply, &said.code, blamed).or_else(|| wait(reply));
        let error = Error::new(fault, said.code_or_status(status), message).with_retryable(retryable).with_hint(hint);
        if remedy.is_empty() { error } else { error.with_remedy(remedy) }
    }

    /// The error for a reply of status 200 that is not what the service documents.
    pub fn nonsense(&self, why: &str) -> Error {
        let (what, service) = (self.what, self.service.title());
        Error::new(Fault::Unavailable, "malformed_reply", format!("{what}: {service}'s reply makes no sense: {why}"))
            .with_remedy("check the endpoint: something that is not AWS may be answering")
    }

    /// The document of a reply of status 200, nested at most `depth` levels. `too_long` is what is said of one that did
    /// not fit its buffer.
    pub(super) fn document<'b>(&self, reply: &Reply<'b>, too_long: &str, depth: usize) -> Result<Value<'b>> {
        if !reply.complete {
            return Err(self.nonsense(too_long));
        }
        let text = core::str::from_utf8(reply.body).map_err(|_| self.nonsense("it is not UTF-8"))?;
        Value::of(text, depth).map_err(|malformed| self.nonsense(malformed.what))
    }

    /// Both clocks, where the error may come from their difference.
    fn blamed_clocks(&self, reply: &Reply<'_>, said: &JsonServiceError) -> Option<BothClocks> {
        let clocks = BothClocks { device: self.now, server: server_clock(reply, self.now)? };
        (are_apart(clocks) && TIME_DEPENDENT.contains(&&*said.code)).then_some(clocks)
    }
}

enum Kind {
    Denied,
    Absent,
    Expired,
    Foreign,
    Signature,
    Temporary,
    Invalid,
    Nonsense,
}

fn kind(code: &str, status: u16) -> Kind {
    match code {
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "UnauthorizedOperation" => return Kind::Denied,
        "ResourceNotFoundException" | "RepositoryNotFoundException" => return Kind::Absent,
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidToken" => return Kind::Foreign,
        "IncompleteSignature" => return Kind::Signature,
        _ => {}
    }
    match classify(code, status) {
        Class::Throttled | Class::Transient => Kind::Temporary,
        Class::ExpiredCredentials => Kind::Expired,
        Class::Clock => Kind::Signature,
        Class::Permanent if code.is_empty() && status == 403 => Kind::Denied,
        Class::Permanent if !code.is_empty() && (400..500).contains(&status) => Kind::Invalid,
        Class::Permanent => Kind::Nonsense,
    }
}

/// Errors that a wrong clock may have caused; the empty one is a refusal without a document.
const TIME_DEPENDENT: &[&str] = &[
    "AuthFailure",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "ExpiredTokenException",
    "ExpiredToken",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "UnrecognizedClientException",
    "AccessDeniedException",
    "",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{headers, with_reply};

    const ASKED: Asked<'_> = Asked {
        service: Service::SecretsManager,
        what: "secret \"a\"",
        permission: "allow secretsmanager:GetSecretValue",
        absent: "check the id",
        now: 1_440_938_160,
    };

    #[test]
    fn the_protocol_is_named_by_headers() {
        let request =
            request("secretsmanager.eu-west-1.amazonaws.com", "1.1", "secretsmanager.GetSecretValue", 2).unwrap();
        assert!(request.headers().eq([
            ("content-type", "application/x-amz-json-1.1"),
            ("content-length", "2"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ]));
        assert_eq!((request.method, &*request.path, &*request.query), ("POST", "/", ""));
    }

    #[test]
    fn errors_are_sorted_by_who_is_at_fault() {
        for (status, code, fault, retryable, remedy) in [
            (400, "AccessDeniedException", Fault::Refused, false, "secretsmanager:GetSecretValue"),
            (400, "ResourceNotFoundException", Fault::Refused, false, "check the id"),
            (400, "ExpiredTokenException", Fault::Refused, true, "new credentials"),
            (400, "UnrecognizedClientException", Fault::Refused, false, "where they come from"),
            (400, "InvalidSignatureException", Fault::Refused, false, "secret access key"),
            (400, "ThrottlingException", Fault::Temporary, true, "try again later"),
            (500, "InternalServiceError", Fault::Temporary, true, "try again later"),
            (400, "ValidationException", Fault::Refused, false, ""),
        ] {
            let body = format!(r#"{{"__type":"{code}","message":"why"}}"#);
            let error = with_reply(status, body.as_bytes(), |reply| ASKED.error(reply));
            assert_eq!((error.fault(), error.code(), error.retryable()), (fault, code, retryable));
            assert!(error.message().starts_with("secret \"a\": Secrets Manager answered"), "{error}");
            assert!(error.message().contains("why"), "{error}");
            assert!(error.remedy().unwrap_or_default().contains(remedy), "{error}");
        }
        let error = with_reply(404, b"<html>", |reply| ASKED.error(reply));
        assert_eq!((error.fault(), error.code()), (Fault::Unavailable, "http_404"));
    }

    #[test]
    fn a_wrong_clock_is_named_with_both_clocks() {
        let headers = headers(&[("date", "Sun, 30 Aug 2015 14:36:00 GMT")]);
        let body = br#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#;
        let error = ASKED.error(&Reply { status: 400, headers: &headers, body, complete: true });
        assert!(error.message().contains("2015-08-30T12:36:00Z"), "{error}");
        assert!(error.message().contains("2015-08-30T14:36:00Z"), "{error}");
        assert!(error.remedy().unwrap().contains("clock"), "{error}");
    }
}

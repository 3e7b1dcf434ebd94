//! STS: `GetCallerIdentity`, in the XML of the AWS query protocol.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use crate::answers::Answer;
use crate::faults::FaultSwitch;
use crate::http_server::{Handler, ReplyBody};
use crate::sessions::{Sessions, trace_id};
use crate::sigv4::{ServiceError, Verifier};

pub(crate) struct Sts {
    pub(crate) region: String,
    pub(crate) role: String,
    pub(crate) sessions: Sessions,
    pub(crate) switch: Arc<FaultSwitch>,
}

#[async_trait::async_trait]
impl Handler for Sts {
    async fn handle(&self, request: Request<Incoming>, _: Option<&str>) -> Response<ReplyBody> {
        let (request, body) = request.into_parts();
        let answer = match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => self.answer(&request, &body.to_bytes()),
            Err(_) => Err(ServiceError::new(400, "ValidationError", "the body cannot be read")),
        };
        answer.unwrap_or_else(|error| refusal(error.status, name(error.name), &error.message)).into_response()
    }
}

impl Sts {
    fn answer(&self, request: &Parts, body: &[u8]) -> Result<Answer, ServiceError> {
        let verifier =
            Verifier { region: &self.region, service: "sts", sessions: &self.sessions, now: self.switch.now() };
        verifier.verify(request, body)?;
        if request.method != Method::POST || body != b"Action=GetCallerIdentity&Version=2011-06-15" {
            return Err(ServiceError::new(400, "InvalidAction", "there is GetCallerIdentity only"));
        }
        let (role, request_id) = (&self.role, trace_id());
        Ok(Answer::new(
            200,
            XML,
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
                 <GetCallerIdentityResult>\n<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{role}/0123abcd</Arn>\n\
                 <UserId>AROAEXAMPLEEXAMPLE:0123abcd</UserId>\n<Account>{ACCOUNT}</Account>\n\
                 </GetCallerIdentityResult>\n<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\n\
                 </GetCallerIdentityResponse>\n"
            ),
        ))
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(
        status,
        XML,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error>\n<RequestId>{}</RequestId>\n</ErrorResponse>\n",
            trace_id()
        ),
    )
}

/// What STS calls the errors of signatures (its API Reference, "Common errors").
fn name(json: &'static str) -> &'static str {
    match json {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        other => other.strip_suffix("Exception").unwrap_or(other),
    }
}

const XML: &str = "text/xml";
const ACCOUNT: &str = "123456789012";
const BODY_LIMIT: usize = 4096;

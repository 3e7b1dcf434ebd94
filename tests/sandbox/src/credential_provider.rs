//! AWS IoT's credential provider: `GET /role-aliases/<alias>/credentials` over mutual TLS.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::answers::Answer;
use crate::faults::FaultSwitch;
use crate::http_server::{Handler, ReplyBody};
use crate::sessions::{IssuedCredentials, Sessions, trace_id};

/// How credentials are made.
#[derive(Debug, Clone)]
pub(crate) struct CredentialSettings {
    pub(crate) role_alias: String,
    pub(crate) token_length: usize,
    pub(crate) lifetime: Duration,
}

pub(crate) struct CredentialProvider {
    pub(crate) settings: CredentialSettings,
    pub(crate) sessions: Sessions,
    pub(crate) switch: Arc<FaultSwitch>,
}

#[async_trait::async_trait]
impl Handler for CredentialProvider {
    async fn handle(&self, request: Request<Incoming>, peer_name: Option<&str>) -> Response<ReplyBody> {
        let alias = request
            .uri()
            .path()
            .strip_prefix("/role-aliases/")
            .and_then(|rest| rest.strip_suffix("/credentials"))
            .filter(|alias| !alias.contains('/'));
        let (&Method::GET, Some(alias)) = (request.method(), alias) else { return Answer::not_found().into_response() };
        let thing_name = request.headers().get("x-amzn-iot-thingname");
        if thing_name.is_some_and(|name| Some(name.as_bytes()) != peer_name.map(str::as_bytes)) {
            return forbidden("Invalid thing name passed").into_response();
        }
        if alias != self.settings.role_alias {
            return forbidden("Access Denied").into_response();
        }
        let Ok(credentials) = self.sessions.issue(self.settings.token_length, self.settings.lifetime) else {
            return Answer::json(500, &json!({ "message": "Internal Server Error" })).into_response();
        };
        let expiration = self.switch.now() + self.settings.lifetime;
        Answer::json(200, &reply(&credentials, expiration)).into_response()
    }
}

fn forbidden(message: &str) -> Answer {
    Answer::json(403, &json!({ "message": message })).header("x-amzn-requestid", trace_id())
}

fn reply(credentials: &IssuedCredentials, expiration: OffsetDateTime) -> serde_json::Value {
    json!({ "credentials": {
        "accessKeyId": credentials.access_key_id,
        "secretAccessKey": credentials.secret_access_key,
        "sessionToken": credentials.session_token,
        "expiration": iso8601(expiration),
    }})
}

/// The form of AWS's expirations: whole seconds, `Z`.
pub(crate) fn iso8601(time: OffsetDateTime) -> String {
    time.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).unwrap_or_default()
}

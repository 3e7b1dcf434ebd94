//! The container credentials endpoint in the form of Greengrass's token exchange service: plain HTTP on loopback, the
//! raw authorization token in `Authorization`.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, Response};
use serde_json::json;

use crate::answers::Answer;
use crate::credential_provider::{CredentialSettings, iso8601};
use crate::faults::FaultSwitch;
use crate::http_server::{Handler, ReplyBody};
use crate::sessions::Sessions;

pub(crate) struct ContainerCredentials {
    pub(crate) settings: CredentialSettings,
    pub(crate) authorization_token: String,
    pub(crate) sessions: Sessions,
    pub(crate) switch: Arc<FaultSwitch>,
}

#[async_trait::async_trait]
impl Handler for ContainerCredentials {
    async fn handle(&self, request: Request<Incoming>, _: Option<&str>) -> Response<ReplyBody> {
        if request.method() != Method::GET || request.uri().path() != PATH {
            return Answer::new(404, "text/plain", "Not Found").into_response();
        }
        match request.headers().get(AUTHORIZATION) {
            None => return Answer::new(403, "text/plain", "Authorization token is missing").into_response(),
            Some(token) if token != self.authorization_token.as_str() => {
                return Answer::new(403, "text/plain", "Authorization token is not valid").into_response();
            }
            Some(_) => {}
        }
        let Ok(credentials) = self.sessions.issue(self.settings.token_length, self.settings.lifetime) else {
            return Answer::new(500, "text/plain", "Failed to get connection").into_response();
        };
        let reply = json!({
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "Expiration": iso8601(self.switch.now() + self.settings.lifetime),
        });
        Answer::json(200, &reply).into_response()
    }
}

/// The path that Greengrass gives in `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
pub(crate) const PATH: &str = "/2016-11-01/credentialprovider/";

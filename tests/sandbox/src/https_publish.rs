//! The HTTPS publish endpoint of the AWS IoT data plane: `POST /topics/<percent-encoded topic>?qos=0|1` over mutual TLS.

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::answers::Answer;
use crate::http_server::{Handler, ReplyBody};
use crate::records::{Arrival, Message, Records, Via};
use crate::sessions::trace_id;

pub(crate) struct HttpsPublish {
    pub(crate) records: Records,
}

#[async_trait::async_trait]
impl Handler for HttpsPublish {
    async fn handle(&self, request: Request<Incoming>, peer_name: Option<&str>) -> Response<ReplyBody> {
        match publish(request, peer_name).await {
            Ok(message) => {
                self.records.arrived(Arrival::Message(message));
                Answer::json(200, &json!({ "message": "OK", "traceId": trace_id() })).into_response()
            }
            Err((status, text)) => {
                Answer::json(status, &json!({ "message": text, "traceId": trace_id() })).into_response()
            }
        }
    }
}

async fn publish(request: Request<Incoming>, peer_name: Option<&str>) -> Result<Message, (u16, &'static str)> {
    let topic = request.uri().path().strip_prefix("/topics/").filter(|topic| !topic.is_empty());
    let (&Method::POST, Some(topic)) = (request.method(), topic) else { return Err((404, "Not Found")) };
    let topic = percent_decode_str(topic).decode_utf8().map_err(|_| (400, "Bad Request"))?.into_owned();
    if topic.contains(['+', '#', '\0']) || topic.len() > TOPIC_LIMIT {
        return Err((400, "Bad Request"));
    }
    let qos = match request.uri().query() {
        None | Some("qos=0") => 0,
        Some("qos=1") => 1,
        Some(_) => return Err((400, "Bad Request")),
    };
    let payload = match Limited::new(request.into_body(), PAYLOAD_LIMIT).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<LengthLimitError>() => return Err((413, "Payload Too Large")),
        Err(_) => return Err((400, "Bad Request")),
    };
    Ok(Message {
        via: Via::Https,
        topic,
        payload,
        qos,
        client_id: String::new(),
        thing_name: peer_name.map(str::to_owned),
    })
}

/// AWS IoT Core's limit of a publish request's payload, 128 KB.
pub(crate) const PAYLOAD_LIMIT: usize = 131_072;
/// AWS IoT Core's limit of a topic, in bytes of UTF-8.
pub(crate) const TOPIC_LIMIT: usize = 256;

//! One message to AWS IoT Core over HTTPS, for jobs that need no MQTT connection.
//!
//! AWS IoT Core Developer Guide, "Publishing messages with HTTPS".

use super::{JsonServiceError, temporary, too_large};
use crate::error::{Error, Fault, Result};
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::template::TOPIC_CAPACITY;
use crate::protocol::uri::encode_topic;

/// `POST /topics/<topic>?qos=<0|1>`, over mutual TLS.
#[derive(Debug, Clone, Copy)]
pub struct Publish<'a> {
    /// The account's data endpoint (`iot:Data-ATS`): host and `:port` (8443, or 443 with ALPN).
    pub endpoint: &'a str,
    /// The topic; see [`check_topic`].
    pub topic: &'a str,
    /// Whether delivery is acknowledged: QoS 1 rather than 0.
    pub at_least_once: bool,
}

impl Publish<'_> {
    /// Builds the request for a payload of that many bytes.
    ///
    /// # Errors
    /// A payload over [`AWS_IOT_PAYLOAD_LIMIT`], or a topic that cannot be published to.
    pub fn request(&self, payload_length: usize) -> Result<Request> {
        check_topic(self.topic)?;
        if payload_length > AWS_IOT_PAYLOAD_LIMIT {
            return Err(payload_too_large(payload_length));
        }
        let path = format!("/topics/{}", encode_topic(self.topic));
        let query = if self.at_least_once { "qos=1" } else { "qos=0" };
        let mut request = Request::new("POST", self.endpoint, &path, query).map_err(too_large)?;
        request.header("content-length", payload_length).map_err(too_large)?;
        request.header("accept", "application/json").map_err(too_large)?;
        Ok(request)
    }

    /// Reads the reply: 200 is the acknowledgement.
    ///
    /// # Errors
    /// Refused: what to look at. Temporary: throttled, or AWS's own fault.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<()> {
        let status = reply.status;
        if status == 200 {
            return Ok(());
        }
        let said = JsonServiceError::read(reply);
        let message =
            format!("{} answered {} to a message for topic {:?}", self.endpoint, said.describe(status), self.topic);
        if let Some(error) = temporary(reply, &said, &message) {
            return Err(error);
        }
        let code = said.code_or_status(status);
        Err(match status {
            401 | 403 => Error::new(Fault::Refused, code, message).with_remedy(
                "check that the certificate is ACTIVE and that its policy allows iot:Publish on the topic's ARN; on \
                 port 443 the connection also needs ALPN x-amzn-http-ca",
            ),
            413 => Error::new(Fault::Data, code, message)
                .with_remedy("lower inline_limit: AWS IoT Core takes at most 131,072 bytes in a message"),
            400 => Error::new(Fault::Refused, code, message).with_remedy("check the topic"),
            404 => Error::new(Fault::Refused, code, message)
                .with_remedy("check data_endpoint: aws iot describe-endpoint --endpoint-type iot:Data-ATS"),
            _ => Error::new(Fault::Unavailable, code, message)
                .with_remedy("check data_endpoint: aws iot describe-endpoint --endpoint-type iot:Data-ATS"),
        })
    }
}

/// Checks that a topic can be published to, over MQTT and HTTPS alike: not empty, at most 256 bytes (AWS IoT Core
/// quotas), no wildcards (MQTT 5, section 4.7.1), no NUL (section 1.5.4).
///
/// # Errors
/// A configuration error that names the topic.
pub fn check_topic(topic: &str) -> Result<()> {
    let why = match topic {
        "" => "it is empty",
        _ if topic.len() > TOPIC_CAPACITY => "it is longer than 256 bytes",
        _ if topic.contains(['+', '#']) => "+ and # are wildcards, for subscriptions only",
        _ if topic.contains('\0') => "it has a NUL in it",
        _ => return Ok(()),
    };
    Err(Error::new(Fault::Config, "invalid_topic", format!("cannot publish to topic {topic:?}: {why}")).with_remedy(
        "choose a topic of 1 to 256 bytes without + and #; --topic takes placeholders from the file's name",
    ))
}

/// The error for a payload that the broker would only answer by ending the connection.
pub fn payload_too_large(payload_length: usize) -> Error {
    Error::new(
        Fault::Data,
        "payload_too_large",
        format!("the message has {payload_length} bytes; AWS IoT Core takes at most {AWS_IOT_PAYLOAD_LIMIT}"),
    )
    .with_remedy("send it as a file through S3 (homing send)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};

    const CALL: Publish<'_> = Publish {
        endpoint: "a2example-ats.iot.us-east-1.amazonaws.com:8443",
        topic: "file/upload",
        at_least_once: true,
    };

    #[test]
    fn the_documented_request() {
        let request = CALL.request(13).unwrap();
        assert_eq!((request.method, &*request.path, &*request.query), ("POST", "/topics/file%2Fupload", "qos=1"));
        assert_eq!(request.header_value("content-length"), Some("13"));
        assert_eq!(Publish { at_least_once: false, ..CALL }.request(0).unwrap().query, "qos=0");
    }

    #[test]
    fn what_the_broker_would_not_take_is_not_sent() {
        assert!(CALL.request(AWS_IOT_PAYLOAD_LIMIT).is_ok());
        assert_eq!(CALL.request(AWS_IOT_PAYLOAD_LIMIT + 1).unwrap_err().fault(), Fault::Data);
        for topic in ["", "a/+/b", "a/#", "a\0b", &"é".repeat(129)] {
            assert_eq!(check_topic(topic).unwrap_err().code(), "invalid_topic");
        }
        assert!(check_topic(&"é".repeat(128)).is_ok() && check_topic("$aws/rules/a/b").is_ok());
    }

    #[test]
    fn the_documented_reply_is_success() {
        let body = br#"{"message":"OK","traceId":"ca2ce0d5-1f3b-1a2b-3c4d-5e6f7a8b9c0d"}"#;
        assert!(with_reply(200, body, |reply| CALL.parse(reply)).is_ok());
    }

    #[test]
    fn errors_have_their_message_and_trace_id() {
        let body = br#"{"message":"Forbidden","traceId":"3a3ed9d1-ab7e-7871-df31-9353dbe3ae6e"}"#;
        let error = with_reply(403, body, |reply| CALL.parse(reply)).unwrap_err();
        assert_eq!(error.fault(), Fault::Refused);
        assert!(
            error.message().contains("403: Forbidden (request id 3a3ed9d1-ab7e-7871-df31-9353dbe3ae6e)"),
            "{error}"
        );
        assert!(error.message().contains("file/upload") && error.remedy().unwrap().contains("iot:Publish"), "{error}");
        for (status, fault) in [
            (400, Fault::Refused),
            (413, Fault::Data),
            (429, Fault::Temporary),
            (500, Fault::Temporary),
            (503, Fault::Temporary),
            (302, Fault::Unavailable),
        ] {
            assert_eq!(with_reply(status, b"", |reply| CALL.parse(reply)).unwrap_err().fault(), fault, "{status}");
        }
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(br#"{"message":"Forbidden","traceId":"3a3e"}"#, &[200, 403], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

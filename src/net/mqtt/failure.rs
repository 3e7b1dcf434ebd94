//! Words, fault and remedy for everything that goes wrong with a broker.

use std::fmt::Write as _;

use minimq::ResourceError;

use super::notice::{Notice, Packet};
use super::{MqttSettings, Qos};
use crate::error::{Error, Fault};
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;

/// Which deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Connack,
    Publish,
    Puback,
}

/// The message an error is about.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) qos: Qos,
    /// Payload bytes.
    pub(super) length: usize,
}

/// The deadline of `step` has passed.
pub(super) fn timeout(settings: &MqttSettings, step: Step) -> Error {
    let broker = &settings.broker;
    let (code, message, remedy) = match step {
        Step::Connack => (
            "mqtt_connect_timeout",
            format!("the broker {broker} did not answer CONNECT with CONNACK within {:?}", settings.connect_timeout),
            "check that this is an MQTT endpoint and that the network lets MQTT through, or use --via https",
        ),
        Step::Publish => (
            "mqtt_publish_timeout",
            format!("the broker {broker} did not take the whole message within {:?}", settings.publish_timeout),
            "the link is too slow or dead: try again, or send less at once",
        ),
        Step::Puback => (
            "mqtt_puback_timeout",
            format!(
                "the broker {broker} did not acknowledge the message (PUBACK) within {:?}",
                settings.acknowledge_timeout
            ),
            "try again; the message may have arrived all the same",
        ),
    };
    Error::new(Fault::Unavailable, code, message).with_remedy(remedy)
}

/// The broker refused the connection, or closed it before CONNACK. `detail` is the transport's error, if any.
pub(super) fn not_connected(settings: &MqttSettings, notice: Option<&Notice>, detail: &str) -> Error {
    let MqttSettings { broker, client_id, .. } = settings;
    let Some(notice) = notice else {
        return Error::new(
            Fault::Temporary,
            "mqtt_closed_before_connack",
            format!("the broker {broker} closed the connection of client id {client_id} before CONNACK{detail}"),
        )
        .with_remedy(format!(
            "check that the certificate is active and its policy allows iot:Connect on client/{client_id}, and that \
             no other program on this thing uses the same client id; this may also be no MQTT endpoint"
        ));
    };
    let (message, remedy) = match (notice.packet, notice.reason) {
        // A return code of MQTT 3.1.1 (section 3.2.2.3), which has no reason codes.
        (Packet::Connack, 0x01) => {
            return Error::new(
                Fault::Unavailable,
                "mqtt_unsupported_protocol_version",
                format!("the broker {broker} does not speak MQTT 5"),
            )
            .with_remedy("use a broker with MQTT 5, as AWS IoT Core is, or --via https");
        }
        (Packet::Connack, reason) if reason < FAILURE => {
            return Error::new(
                Fault::Unavailable,
                "mqtt_invalid_packet",
                format!("the broker {broker} answered CONNECT with an invalid CONNACK{detail}"),
            )
            .with_remedy(NO_BROKER);
        }
        (_, reason) => (
            format!("the broker {broker} refused the connection of client id {client_id}: {}", said(notice)),
            match reason {
                0x86 | NOT_AUTHORIZED | 0x8a | 0x8c => Some(format!(
                    "check that the certificate is active, and that the policy attached to it allows iot:Connect on \
                     client/{client_id}"
                )),
                0x85 => Some("choose another --client-id: letters, digits and - _ : only".into()),
                0x88 | 0x89 | 0x97 | 0x9f => Some("try again later".into()),
                SESSION_TAKEN_OVER => Some(other_client(settings)),
                0x9c | 0x9d => {
                    Some("ask for the endpoint again: aws iot describe-endpoint --endpoint-type iot:Data-ATS".into())
                }
                _ => None,
            },
        ),
    };
    with_optional_remedy(reason_error(notice.reason, message), remedy)
}

/// The answer to CONNECT is no MQTT packet.
pub(super) fn not_mqtt(settings: &MqttSettings) -> Error {
    protocol(settings, ": its answer to CONNECT is no CONNACK")
        .with_remedy("check host and port: 8883, or 443 with ALPN, on the data endpoint (iot:Data-ATS)")
}

/// A PUBACK with a failure reason.
pub(super) fn not_acknowledged(settings: &MqttSettings, notice: &Notice, message: Message<'_>) -> Error {
    let Message { topic, length, .. } = message;
    let text = format!(
        "the broker {} refused the message of {length} bytes to topic {topic}: {}",
        settings.broker,
        said(notice)
    );
    let remedy = match notice.reason {
        NOT_AUTHORIZED => Some(format!(
            "allow iot:Publish on topic/{topic} in the policy attached to the certificate, or change --topic"
        )),
        0x90 => Some("change --topic: AWS IoT Core takes at most 256 bytes and 7 slashes".into()),
        0x95 => Some(SEND_LESS.into()),
        0x89 | 0x93 | 0x96 | 0x97 => Some("try again later, or send less often".into()),
        0x80 | 0x83 => Some("try again later; the broker's own log says more".into()),
        _ => None,
    };
    with_optional_remedy(reason_error(notice.reason, text), remedy)
}

/// The connection ended while a message was being sent or waiting for its PUBACK.
pub(super) fn lost(settings: &MqttSettings, notice: Option<&Notice>, message: Message<'_>, detail: &str) -> Error {
    let MqttSettings { broker, client_id, .. } = settings;
    let Message { topic, length, .. } = message;
    if let Some(notice) = notice.filter(|notice| notice.packet == Packet::Disconnect) {
        let error = disconnected(settings, notice);
        return match notice.reason {
            NOT_AUTHORIZED => error.with_remedy(format!(
                "allow iot:Publish on topic/{topic} in the policy attached to the certificate, or change --topic"
            )),
            0x95 => error.with_remedy(SEND_LESS),
            _ => error,
        };
    }
    let mut remedy = String::new();
    if length > AWS_IOT_PAYLOAD_LIMIT {
        // Writing to a String cannot fail.
        let _ = write!(remedy, "AWS IoT Core takes at most {AWS_IOT_PAYLOAD_LIMIT} bytes; otherwise ");
    }
    let _ = write!(
        remedy,
        "check that the policy allows iot:Publish on topic/{topic} (AWS IoT Core may just disconnect), and that no \
         other program on this thing uses the client id {client_id}"
    );
    Error::new(
        Fault::Temporary,
        "mqtt_closed_after_publish",
        format!(
            "the broker {broker} closed the connection after the message of {length} bytes to topic {topic}, without a \
             reason{detail}"
        ),
    )
    .with_remedy(remedy)
}

/// The broker said DISCONNECT.
pub(super) fn disconnected(settings: &MqttSettings, notice: &Notice) -> Error {
    let message = format!("the broker {} ended the connection: {}", settings.broker, said(notice));
    let remedy = match notice.reason {
        SESSION_TAKEN_OVER => Some(other_client(settings)),
        NOT_AUTHORIZED => Some("check the policy attached to the certificate".into()),
        _ => None,
    };
    with_optional_remedy(reason_error(notice.reason, message), remedy)
}

/// The message fits neither into our packet nor into what the broker accepts.
pub(super) fn too_large(
    settings: &MqttSettings,
    limit: ResourceError,
    broker_limit: Option<u32>,
    message: Message<'_>,
) -> Error {
    let Message { topic, length, .. } = message;
    let text = match (limit, broker_limit) {
        (ResourceError::PacketTooLarge, Some(bytes)) => format!(
            "the message of {length} bytes to topic {topic} makes a packet larger than the {bytes} bytes the broker {} \
             accepts",
            settings.broker
        ),
        _ => format!(
            "the message to topic {topic} does not fit into an MQTT packet of {} bytes",
            settings.packet_capacity
        ),
    };
    Error::new(Fault::Data, "mqtt_packet_too_large", text).with_remedy(SEND_LESS)
}

/// The topic cannot be published to (MQTT 5, sections 3.3.2.1 and 4.7).
pub(super) fn invalid_topic(topic: &str) -> Error {
    Error::new(Fault::Config, "mqtt_topic_invalid", format!("the topic {topic:?} cannot be published to"))
        .with_remedy("set --topic to 1 to 65535 bytes without + and #")
}

/// The broker's Maximum QoS is lower than the message's.
pub(super) fn qos_not_supported(settings: &MqttSettings, message: Message<'_>) -> Error {
    Error::new(
        Fault::Unavailable,
        "mqtt_qos_not_supported",
        format!("the broker {} does not accept messages with {:?} delivery", settings.broker, message.qos),
    )
    .with_remedy("set --qos 0")
}

/// Something that minimq cannot answer in the way it is used here, or a broker that breaks the protocol.
pub(super) fn protocol(settings: &MqttSettings, detail: &str) -> Error {
    Error::new(
        Fault::Unavailable,
        "mqtt_invalid_packet",
        format!("the broker {} does not keep to the MQTT protocol{detail}", settings.broker),
    )
    .with_remedy(NO_BROKER)
}

fn other_client(settings: &MqttSettings) -> String {
    format!(
        "another program connected with the client id {}: give each its own with --client-id (Greengrass uses the \
         thing name)",
        settings.client_id
    )
}

fn with_optional_remedy(error: Error, remedy: Option<String>) -> Error {
    match remedy {
        Some(remedy) => error.with_remedy(remedy),
        None if error.retryable() => error,
        None => error.with_remedy("look at the broker's log (AWS IoT Core: CloudWatch, log group AWSIotLogsV2)"),
    }
}

fn reason_error(reason: u8, message: String) -> Error {
    Error::new(fault(reason), format!("mqtt_{}", words(reason).replace(' ', "_")), message)
}

/// The reason in words, its number, and the broker's reason string.
fn said(notice: &Notice) -> String {
    let Notice { reason, text, .. } = notice;
    let separator = if text.is_empty() { "" } else { ": " };
    format!("{} (MQTT reason 0x{reason:02x}){separator}{text}", words(*reason))
}

fn fault(reason: u8) -> Fault {
    match reason {
        0x85 | 0x86 | NOT_AUTHORIZED | 0x8a | 0x8c | 0x90 => Fault::Refused,
        0x95 | 0x99 => Fault::Data,
        // What a wait may change, the server's own troubles, and a plain goodbye.
        0x00..FAILURE
        | 0x80
        | 0x83
        | 0x88
        | 0x89
        | 0x8b
        | 0x8d
        | SESSION_TAKEN_OVER
        | 0x93
        | 0x96
        | 0x97
        | 0x98
        | 0x9f
        | 0xa0 => Fault::Temporary,
        _ => Fault::Unavailable,
    }
}

/// MQTT 5, section 2.4, as far as a broker may send it to a publisher.
fn words(reason: u8) -> &'static str {
    match reason {
        0x00..FAILURE => "no reason given",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "unsupported protocol version",
        0x85 => "client identifier not valid",
        0x86 => "bad user name or password",
        NOT_AUTHORIZED => "not authorized",
        0x88 => "server unavailable",
        0x89 => "server busy",
        0x8a => "banned",
        0x8b => "server shutting down",
        0x8c => "bad authentication method",
        0x8d => "keep alive timeout",
        SESSION_TAKEN_OVER => "session taken over",
        0x90 => "topic name invalid",
        0x91 => "packet identifier in use",
        0x93 => "receive maximum exceeded",
        0x94 => "topic alias invalid",
        0x95 => "packet too large",
        0x96 => "message rate too high",
        0x97 => "quota exceeded",
        0x98 => "administrative action",
        0x99 => "payload format invalid",
        0x9a => "retain not supported",
        0x9b => "qos not supported",
        0x9c => "use another server",
        0x9d => "server moved",
        0x9f => "connection rate exceeded",
        0xa0 => "maximum connect time",
        _ => "unknown reason",
    }
}

/// For what a broker with MQTT 5 would not do.
const NO_BROKER: &str =
    "check host and port of data_endpoint: MQTT 5 is spoken on 8883 (iot:Data-ATS); or use --via https";
/// Reason codes from here on are failures (MQTT 5, section 2.4).
const FAILURE: u8 = 0x80;
const NOT_AUTHORIZED: u8 = 0x87;
/// Also asked for by the worker: reconnecting would take the session back, and so on without end.
pub(super) const SESSION_TAKEN_OVER: u8 = 0x8e;

const SEND_LESS: &str = "send less at once: a smaller --inline-limit sends the file through S3";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn settings() -> MqttSettings {
        MqttSettings {
            broker: "broker:8883".into(),
            client_id: heapless::String::try_from("thing-homing").unwrap(),
            keep_alive: 60,
            connect_timeout: Duration::from_secs(1),
            publish_timeout: Duration::from_secs(2),
            acknowledge_timeout: Duration::from_secs(3),
            deadline: None,
            packet_capacity: 1024,
        }
    }

    fn notice(packet: Packet, reason: u8, text: &str) -> Notice {
        Notice { packet, reason, text: heapless::String::try_from(text).unwrap() }
    }

    const MESSAGE: Message<'_> = Message { topic: "file/upload", qos: Qos::AtLeastOnce, length: 10 };

    #[test]
    fn a_denied_publish_names_the_policy_action_the_topic_and_the_brokers_own_words() {
        let error = not_acknowledged(&settings(), &notice(Packet::Puback, 0x87, "no policy"), MESSAGE);
        assert_eq!((error.fault(), error.code(), error.retryable()), (Fault::Refused, "mqtt_not_authorized", false));
        assert!(error.message().ends_with("not authorized (MQTT reason 0x87): no policy"), "{error}");
        assert!(error.remedy().unwrap().contains("iot:Publish on topic/file/upload"), "{error}");
    }

    #[test]
    fn quotas_pass_and_too_large_does_not() {
        for (reason, fault) in [(0x97, Fault::Temporary), (0x96, Fault::Temporary), (0x95, Fault::Data)] {
            let error = not_acknowledged(&settings(), &notice(Packet::Puback, reason, ""), MESSAGE);
            assert_eq!(error.fault(), fault, "{error}");
        }
    }

    #[test]
    fn connack_reasons_have_words_and_remedies() {
        for (reason, fault, code, remedy) in [
            (0x87, Fault::Refused, "mqtt_not_authorized", "iot:Connect on client/thing-homing"),
            (0x85, Fault::Refused, "mqtt_client_identifier_not_valid", "--client-id"),
            (0x88, Fault::Temporary, "mqtt_server_unavailable", "later"),
            (0x97, Fault::Temporary, "mqtt_quota_exceeded", "later"),
            (0x01, Fault::Unavailable, "mqtt_unsupported_protocol_version", "--via https"),
            (0x9d, Fault::Unavailable, "mqtt_server_moved", "describe-endpoint"),
        ] {
            let error = not_connected(&settings(), Some(&notice(Packet::Connack, reason, "")), "");
            assert_eq!((error.fault(), error.code()), (fault, code));
            assert!(error.remedy().unwrap().contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_silent_close_names_the_likely_causes() {
        let before = not_connected(&settings(), None, "");
        assert!(
            before.remedy().unwrap().contains("iot:Connect") && before.remedy().unwrap().contains("same client id")
        );
        let after = lost(&settings(), None, Message { length: 131_073, ..MESSAGE }, "");
        assert!(after.remedy().unwrap().contains("131072") && after.remedy().unwrap().contains("iot:Publish"));
        assert_eq!((before.fault(), after.fault()), (Fault::Temporary, Fault::Temporary));
    }

    #[test]
    fn every_reason_code_has_a_program_readable_error_code() {
        for reason in 0..=255 {
            let error = reason_error(reason, String::new());
            assert!(error.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", error.code());
        }
    }
}

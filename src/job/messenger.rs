//! One message to a topic, over MQTT or over HTTPS, as configured.

use super::network::Network;
use crate::aws::iot_publish;
use crate::config::{Config, Qos, Via};
use crate::error::{Error, Fault, Result};
use crate::net::http::{Body, Client};
use crate::net::mqtt::{self, MqttSettings, Publisher};
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;
use crate::protocol::template::TOPIC_CAPACITY;

/// Writes a message into the buffer it is given and says how long it is. May be called twice, and then writes the
/// same.
pub trait Payload: FnMut(&mut [u8]) -> Result<usize> + Send + 'static {}
impl<F: FnMut(&mut [u8]) -> Result<usize> + Send + 'static> Payload for F {}

/// A way to publish that is being opened, or open.
pub enum Messenger {
    /// MQTT, in a thread of its own.
    Mqtt {
        /// The connection.
        publisher: Publisher,
        /// Quality of service of every message.
        qos: mqtt::Qos,
    },
    /// HTTPS requests to the data endpoint.
    Https {
        /// The client, with the device certificate.
        client: Client,
        /// Host and port of the data endpoint.
        authority: String,
        /// QoS 1 rather than 0.
        at_least_once: bool,
        /// Room for one message.
        buffer: Vec<u8>,
    },
}

impl Messenger {
    /// Begins to connect, in the background. `payload_capacity` is the length of the longest message to come, in
    /// bytes.
    ///
    /// # Errors
    /// A missing setting, or an unusable certificate. What is wrong with the connection is said when publishing.
    pub fn open(config: &Config, network: &Network<'_>, payload_capacity: usize) -> Result<Self> {
        let host = &config.data_endpoint()?.host;
        match config.via {
            Via::Mqtt => {
                let port = config.mqtt_port();
                let alpn: &[&[u8]] = if port == ALPN_PORT { &[ALPN_MQTT] } else { &[] };
                let connect = network.device_connector(host, port, alpn)?;
                let client_id = config.client_id()?;
                let settings = MqttSettings {
                    broker: format!("{host}:{port}"),
                    client_id: client_id.as_str().try_into().map_err(|_| {
                        Error::new(
                            Fault::Config,
                            "client_id_too_long",
                            format!("the client id '{client_id}' is longer than 64 bytes"),
                        )
                    })?,
                    keep_alive: config.keep_alive,
                    connect_timeout: config.connect_timeout,
                    publish_timeout: config.publish_timeout,
                    acknowledge_timeout: config.acknowledge_timeout,
                    deadline: network.deadline(),
                    packet_capacity: payload_capacity + TOPIC_CAPACITY + PUBLISH_OVERHEAD,
                };
                let qos = match config.qos {
                    Qos::AtMostOnce => mqtt::Qos::AtMostOnce,
                    Qos::AtLeastOnce => mqtt::Qos::AtLeastOnce,
                };
                Ok(Self::Mqtt { publisher: Publisher::open(settings, connect)?, qos })
            }
            Via::Https => {
                let port = config.https_port();
                let alpn: &[&[u8]] = if port == ALPN_PORT { &[ALPN_HTTPS] } else { &[] };
                let client = network.device_client(alpn)?;
                let authority = crate::net::connect::Target { host: host.clone(), port }.to_string();
                client.warm_up(&authority);
                let at_least_once = config.qos == Qos::AtLeastOnce;
                Ok(Self::Https { client, authority, at_least_once, buffer: vec![0; payload_capacity] })
            }
        }
    }

    /// Publishes one message, and returns when it is acknowledged (QoS 1) or written (QoS 0).
    ///
    /// # Errors
    /// `payload`'s own error; what stands in the way of the connection; the other side's refusal.
    pub fn publish(&mut self, topic: &str, mut payload: impl Payload) -> Result<()> {
        match self {
            Self::Mqtt { publisher, qos } => publisher.publish(topic, *qos, move |buffer| {
                let length = payload(buffer)?;
                check_length(length).map(|()| length)
            }),
            Self::Https { client, authority, at_least_once, buffer } => {
                let length = payload(buffer)?;
                check_length(length)?;
                let call = iot_publish::Publish { endpoint: authority, topic, at_least_once: *at_least_once };
                let request = call.request(length)?;
                let mut reply = [0; REPLY_CAPACITY];
                let answer = client.send(&request, Body::Bytes(&buffer[..length]), &mut reply)?;
                call.parse(&answer.reply())
            }
        }
    }

    /// Ends the connection in good order.
    pub fn close(self) {
        if let Self::Mqtt { publisher, .. } = self {
            publisher.close();
        }
    }
}

fn check_length(length: usize) -> Result<()> {
    if length <= AWS_IOT_PAYLOAD_LIMIT { Ok(()) } else { Err(iot_publish::payload_too_large(length)) }
}

/// Port 443 serves HTTPS, MQTT and more; ALPN says which (AWS IoT Core, "Device communication protocols").
const ALPN_PORT: u16 = 443;
const ALPN_MQTT: &[u8] = b"x-amzn-mqtt-ca";
const ALPN_HTTPS: &[u8] = b"x-amzn-http-ca";
/// Fixed header, topic length, packet identifier and property length of a PUBLISH (MQTT 5, section 3.3).
const PUBLISH_OVERHEAD: usize = 16;
/// The reply is a message and a trace id.
const REPLY_CAPACITY: usize = 2048;

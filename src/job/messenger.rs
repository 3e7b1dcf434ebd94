//! One message to a topic, over MQTT or over HTTPS, as configured.

use super::attempts::Retries;
use super::network::Network;
use crate::aws::iot_publish;
use crate::config::{Config, Qos, Via};
use crate::error::{Error, Fault, Hint, Result};
use crate::net::connect::Target;
use crate::net::http::{Body, Client};
use crate::net::mqtt::{self, MqttSettings, Publisher};
use crate::net::stream::Stream;
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;
use crate::protocol::template::TOPIC_CAPACITY;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes a message into the buffer it is given and says how long it is. May be called again, and then writes the same.
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
        /// How often a message is tried.
        retries: Retries,
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
        /// How often a message is tried.
        retries: Retries,
    },
}

impl Messenger {
    /// Begins to connect, in the background. `payload_capacity` is the length of the longest message to come, in
    /// bytes.
    ///
    /// # Errors
    /// A missing setting, or an unusable certificate. What is wrong with the connection is said when publishing.
    pub fn open(config: &Config, network: &Network<'_>, payload_capacity: usize) -> Result<Self> {
        match config.via {
            Via::Mqtt => {
                let (settings, connect) = broker(config, network, payload_capacity)?;
                let qos = match config.qos {
                    Qos::AtMostOnce => mqtt::Qos::AtMostOnce,
                    Qos::AtLeastOnce => mqtt::Qos::AtLeastOnce,
                };
                let retries = network.retries().clone();
                Ok(Self::Mqtt { publisher: Publisher::open(settings, connect)?, qos, retries })
            }
            Via::Https => {
                let (target, alpn) = destination(config)?;
                let client = network.device_client(alpn)?;
                let authority = target.to_string();
                client.warm_up(&authority);
                let at_least_once = config.qos == Qos::AtLeastOnce;
                let (buffer, retries) = (vec![0; payload_capacity], network.retries().clone());
                Ok(Self::Https { client, authority, at_least_once, buffer, retries })
            }
        }
    }

    /// Publishes one message, and returns when it is acknowledged (QoS 1) or written (QoS 0). With QoS 1 it is tried again,
    /// over a new connection, when it was not acknowledged; with QoS 0 only as long as none of it can have arrived.
    ///
    /// # Errors
    /// `payload`'s own error; what stands in the way of the connection; the other side's refusal.
    pub fn publish(&mut self, topic: &str, mut payload: impl Payload) -> Result<()> {
        match self {
            Self::Mqtt { publisher, qos, retries } => {
                let message = Arc::new(Message { payload: Mutex::new(payload), is_begun: AtomicBool::new(false) });
                let only_once = *qos == mqtt::Qos::AtMostOnce;
                let attempt = || {
                    let written = message.clone();
                    let published = publisher.publish(topic, *qos, move |buffer| written.write(buffer));
                    published.map_err(|error| final_where(only_once && message.is_begun(), error))
                };
                retries.run(attempt, |_| false)
            }
            Self::Https { client, authority, at_least_once, buffer, retries } => {
                let length = payload(buffer)?;
                check_length(length)?;
                let call = iot_publish::Publish { endpoint: authority, topic, at_least_once: *at_least_once };
                let attempt = || {
                    let mut reply = [0; REPLY_CAPACITY];
                    let answer = client.send(&call.request(length)?, Body::Bytes(&buffer[..length]), &mut reply);
                    // Without an answer nobody knows whether it has arrived.
                    call.parse(&answer.map_err(|error| final_where(!call.at_least_once, error))?.reply())
                };
                retries.run(attempt, |_| false)
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

/// Where messages go, and the protocol to be named in TLS, where that is needed: by MQTT or HTTPS, as configured.
///
/// # Errors
/// No data endpoint is set.
pub fn destination(config: &Config) -> Result<(Target, &'static [&'static [u8]])> {
    let (port, alpn): (u16, &[&[u8]]) = match config.via {
        Via::Mqtt => (config.mqtt_port(), &[ALPN_MQTT]),
        Via::Https => (config.https_port(), &[ALPN_HTTPS]),
    };
    let target = Target { host: config.data_endpoint()?.host.clone(), port };
    Ok((target, if port == ALPN_PORT { alpn } else { &[] }))
}

/// Connects to the broker as for messages, and publishes none.
///
/// # Errors
/// As [`Messenger::open`]; what is wrong with the connection; the broker's refusal.
pub fn greet(config: &Config, network: &Network<'_>) -> Result<()> {
    let (settings, connect) = broker(config, network, 0)?;
    mqtt::greet(settings, connect)
}

fn broker(
    config: &Config,
    network: &Network<'_>,
    payload_capacity: usize,
) -> Result<(MqttSettings, impl Fn() -> Result<Stream> + Send + use<>)> {
    let (Target { host, port }, alpn) = destination(config)?;
    let connect = network.device_connector(&host, port, alpn)?;
    let client_id = config.client_id()?;
    let settings = MqttSettings {
        broker: format!("{host}:{port}"),
        client_id: client_id.as_str().try_into().map_err(|_| {
            let message = format!("the client id '{client_id}' is longer than 64 bytes");
            Error::new(Fault::Config, "client_id_too_long", message)
        })?,
        keep_alive: config.keep_alive,
        connect_timeout: config.connect_timeout,
        publish_timeout: config.publish_timeout,
        acknowledge_timeout: config.acknowledge_timeout,
        deadline: network.deadline(),
        packet_capacity: payload_capacity + TOPIC_CAPACITY + PUBLISH_OVERHEAD,
    };
    Ok((settings, connect))
}

/// A message that is written as often as it is sent.
struct Message<P> {
    payload: Mutex<P>,
    is_begun: AtomicBool,
}

impl<P: Payload> Message<P> {
    fn write(&self, buffer: &mut [u8]) -> Result<usize> {
        self.is_begun.store(true, Ordering::Relaxed);
        // A payload that panicked is not asked again: the thread has ended with it.
        let mut payload = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
        let length = payload(buffer)?;
        check_length(length).map(|()| length)
    }

    fn is_begun(&self) -> bool {
        self.is_begun.load(Ordering::Relaxed)
    }
}

/// Marks the error as one after which nothing is tried again, where `is_final`.
fn final_where(is_final: bool, error: Error) -> Error {
    if is_final { error.with_hint(Some(Hint::Final)) } else { error }
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

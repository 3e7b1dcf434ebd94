//! The MQTT broker: rumqttd over mutual TLS, behind a gateway that speaks mutual TLS with ALPN to the device.
//!
//! rumqttd keeps one port for each protocol level, shakes hands with one client at a time and forgets the publisher's QoS;
//! the gateway reads CONNECT, passes the connection on to the right port, and records a message when the broker has
//! acknowledged it (QoS 0: when the broker has been given it). It is also where faults happen.
//!
//! A client that leaves in an unlucky moment makes rumqttd panic, with a lock held, at the next one of the same client
//! identifier. So it is given a new identifier for each connection, and taking over is done by the gateway; what is lost is
//! sessions that outlive their connection, which no publisher needs.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttd::protocol::Protocol;
use rumqttd::protocol::v4::V4;
use rumqttd::protocol::v5::V5;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings, TlsConfig};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::Certificates;
use crate::faults::{FaultSwitch, MqttFault, Silence};
use crate::https_publish::PAYLOAD_LIMIT;
use crate::mqtt_packet::{self as packet, Connect, Packet, PacketReader};
use crate::records::{Arrival, Message, Records, Service, Via};
use crate::sandbox::any_port;
use crate::stream::FaultyStream;
use crate::tls::{ClientCertificate, acceptor, gateway_connector};

/// The broker and the gateway in front of it.
#[derive(Clone)]
pub(crate) struct MqttGateway {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    version_4: SocketAddr,
    version_5: SocketAddr,
    switch: Arc<FaultSwitch>,
    records: Records,
    clients: Arc<Mutex<Clients>>,
}

/// Who is connected, and how to tell that somebody else has come under the same client identifier.
#[derive(Default)]
struct Clients {
    accepted: u64,
    connected: HashMap<String, (u64, oneshot::Sender<()>)>,
}

impl Clients {
    /// Numbers a connection in the order in which they came.
    fn accept(&mut self) -> u64 {
        self.accepted += 1;
        self.accepted
    }

    /// What ends when the connection is taken over; `None` when it already was, by one that came later but was quicker.
    fn enter(&mut self, client_id: &str, number: u64) -> Option<oneshot::Receiver<()>> {
        if self.connected.get(client_id).is_some_and(|(present, _)| *present > number) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        // Dropping the sender of the client before tells it.
        self.connected.insert(client_id.to_owned(), (number, sender));
        Some(receiver)
    }

    fn leave(&mut self, client_id: &str, number: u64) {
        if self.connected.get(client_id).is_some_and(|(present, _)| *present == number) {
            self.connected.remove(client_id);
        }
    }
}

impl MqttGateway {
    /// Starts rumqttd; it ends with the runtime.
    pub(crate) fn new(
        runtime: &Runtime,
        certificates: &Certificates,
        switch: Arc<FaultSwitch>,
        records: Records,
    ) -> io::Result<Self> {
        let router = Router::new(0, router_settings()).spawn();
        let version_4 = start_server(runtime, certificates, |settings| Server::new(settings, router.clone(), V4))?;
        let version_5 = start_server(runtime, certificates, |settings| Server::new(settings, router.clone(), V5))?;
        Ok(Self {
            acceptor: acceptor(certificates, ClientCertificate::Required, &["x-amzn-mqtt-ca", "mqtt"])?,
            connector: gateway_connector(certificates)?,
            version_4,
            version_5,
            switch,
            records,
            clients: Arc::default(),
        })
    }

    /// Serves until the runtime ends.
    pub(crate) async fn run(self, listener: TcpListener) {
        loop {
            // An accept that fails (for instance for want of file descriptors) may succeed the next time.
            let Ok((tcp, _)) = listener.accept().await else { continue };
            let gateway = self.clone();
            let number = self.clients().accept();
            tokio::spawn(async move {
                // A connection that breaks is the client's affair, or a fault's purpose.
                let _ = gateway.connection(tcp, number).await;
            });
        }
    }

    async fn connection(self, tcp: TcpStream, number: u64) -> io::Result<()> {
        self.records.count(Service::Mqtt, |counts| counts.connections += 1);
        let fault = self.switch.take_for_connection();
        if fault.as_ref().is_some_and(|fault| fault.silence == Some(Silence::Connection)) {
            std::future::pending::<()>().await;
        }
        let stream = match FaultyStream::accept(tcp, Some(&self.acceptor), fault.as_ref()).await {
            Ok(stream) => stream,
            Err(error) => {
                self.records.count(Service::Mqtt, |counts| counts.failed_handshakes += 1);
                return Err(error);
            }
        };
        let thing_name = stream.peer_name();
        let (reader, mut writer) = split(stream);
        let mut reader = PacketReader::new(reader);
        let Some(first) = reader.next().await?.filter(|first| first.kind() == packet::CONNECT) else { return Ok(()) };
        let connect = packet::connect(first.body.clone())?;
        self.records.count(Service::Mqtt, |counts| counts.requests += 1);

        let concerns_connect = |fault: Option<MqttFault>| matches!(fault, None | Some(MqttFault::Connack(_)));
        if let Some(fault) = self.switch.take_for_request(|fault| concerns_connect(fault.mqtt)) {
            tokio::time::sleep(fault.delay).await;
            if fault.silence == Some(Silence::Reply) {
                std::future::pending::<()>().await;
            }
            if let Some(MqttFault::Connack(reason)) = fault.mqtt {
                writer.write_all(&packet::refusing_connack(connect.level, reason)).await?;
                return writer.shutdown().await;
            }
        }

        let address = if connect.level == 5 { self.version_5 } else { self.version_4 };
        let broker = TcpStream::connect(address).await?;
        broker.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let (broker_reader, mut broker_writer) = split(self.connector.connect(name, broker).await?);
        let client_id = connect.client_id.clone();
        // One without an identifier is given its own by rumqttd.
        let is_named = !client_id.is_empty();
        let taken_over = self.clients().enter(&client_id, number);
        let Some(taken_over) = taken_over else { return writer.shutdown().await };
        let introduction =
            if is_named { packet::renamed_connect(&first, &format!("{client_id} {number}"))? } else { first.whole };
        broker_writer.write_all(&introduction).await?;
        broker_writer.flush().await?;
        let conversation = Conversation {
            gateway: &self,
            connect,
            thing_name,
            aliases: HashMap::new(),
            unacknowledged: HashMap::new(),
            client_writer: writer,
            broker_writer,
        };
        let ended = conversation.run(reader, PacketReader::new(broker_reader), taken_over, is_named).await;
        self.clients().leave(&client_id, number);
        ended
    }

    /// A panic while the lock is held cannot leave the map half changed.
    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's packets on their way to the broker and back.
struct Conversation<'a, C, B> {
    gateway: &'a MqttGateway,
    connect: Connect,
    thing_name: Option<String>,
    aliases: HashMap<u16, String>,
    unacknowledged: HashMap<u16, Message>,
    client_writer: WriteHalf<C>,
    broker_writer: WriteHalf<B>,
}

impl<C, B> Conversation<'_, C, B>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    async fn run(
        mut self,
        mut client: PacketReader<ReadHalf<C>>,
        mut broker: PacketReader<ReadHalf<B>>,
        mut taken_over: oneshot::Receiver<()>,
        is_named: bool,
    ) -> io::Result<()> {
        loop {
            tokio::select! {
                packet = client.next() => match packet? {
                    Some(packet) => if !self.pass_client_packet(&packet).await? { break },
                    None => break,
                },
                packet = broker.next() => match packet? {
                    Some(packet) => self.pass_broker_packet(&packet).await?,
                    None => break,
                },
                _ = &mut taken_over, if is_named => {
                    if self.connect.level == 5 {
                        self.send_to_client(&packet::disconnect(SESSION_TAKEN_OVER)).await?;
                    }
                    break;
                }
            }
        }
        self.client_writer.shutdown().await
    }

    /// False when the connection is to be closed.
    async fn pass_client_packet(&mut self, packet: &Packet) -> io::Result<bool> {
        if packet.kind() != packet::PUBLISH {
            self.send_to_broker(packet).await?;
            return Ok(true);
        }
        let publish = packet::publish(packet, self.connect.level, &mut self.aliases)?;
        if publish.payload.len() > PAYLOAD_LIMIT {
            return Ok(false);
        }
        let concerns_publish = |fault: Option<MqttFault>| !matches!(fault, Some(MqttFault::Connack(_)));
        if let Some(fault) = self.gateway.switch.take_for_request(|fault| concerns_publish(fault.mqtt)) {
            tokio::time::sleep(fault.delay).await;
            if fault.silence == Some(Silence::Reply) {
                return Ok(true);
            }
            if let Some(fault) = fault.mqtt {
                return self.break_publish(fault, publish.packet_identifier).await;
            }
        }
        let message = Message {
            via: Via::Mqtt,
            topic: publish.topic,
            payload: publish.payload.to_vec(),
            qos: publish.qos,
            client_id: self.connect.client_id.clone(),
            thing_name: self.thing_name.clone(),
        };
        if publish.qos == 0 {
            self.send_to_broker(packet).await?;
            self.gateway.records.arrived(Arrival::Message(message));
        } else {
            self.unacknowledged.insert(publish.packet_identifier, message);
            self.send_to_broker(packet).await?;
        }
        Ok(true)
    }

    async fn pass_broker_packet(&mut self, packet: &Packet) -> io::Result<()> {
        if matches!(packet.kind(), packet::PUBACK | packet::PUBREC) {
            let (packet_identifier, reason) = packet::acknowledgement(packet.body.clone())?;
            let message = self.unacknowledged.remove(&packet_identifier);
            if let Some(message) = message.filter(|_| reason < FIRST_FAILURE) {
                self.gateway.records.arrived(Arrival::Message(message));
            }
        }
        self.send_to_client(&packet.whole).await
    }

    async fn break_publish(&mut self, fault: MqttFault, packet_identifier: u16) -> io::Result<bool> {
        let version_5 = self.connect.level == 5;
        match fault {
            MqttFault::NoPuback => Ok(true),
            MqttFault::Puback(reason) if version_5 => {
                self.send_to_client(&packet::puback(packet_identifier, reason)).await?;
                Ok(true)
            }
            MqttFault::Disconnect(reason) if version_5 => {
                self.send_to_client(&packet::disconnect(reason)).await?;
                Ok(false)
            }
            // MQTT 3.1.1 has no words for a refusal other than closing.
            MqttFault::Puback(_) | MqttFault::Disconnect(_) | MqttFault::Close | MqttFault::Connack(_) => Ok(false),
        }
    }

    async fn send_to_client(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.client_writer.write_all(bytes).await?;
        self.client_writer.flush().await
    }

    async fn send_to_broker(&mut self, packet: &Packet) -> io::Result<()> {
        self.broker_writer.write_all(&packet.whole).await?;
        self.broker_writer.flush().await
    }
}

/// Starts one of rumqttd's servers on a free port. It binds the port itself, so another process can snatch the port in
/// between; then the next one is tried.
fn start_server<P: Protocol + Clone + Send + Sync + 'static>(
    runtime: &Runtime,
    certificates: &Certificates,
    server: impl Fn(ServerSettings) -> Server<P>,
) -> io::Result<SocketAddr> {
    for _ in 0..PORT_ATTEMPTS {
        let address = std::net::TcpListener::bind(any_port())?.local_addr()?;
        let mut server = server(server_settings(address, certificates));
        let running = runtime.spawn(async move { drop(server.start(LinkType::Remote).await) });
        while !running.is_finished() {
            if std::net::TcpStream::connect(address).is_ok() {
                // The connection may be to whoever snatched the port; rumqttd has given up in that case.
                std::thread::sleep(BIND_PAUSE);
                if !running.is_finished() {
                    return Ok(address);
                }
            }
            std::thread::sleep(BIND_PAUSE);
        }
    }
    Err(io::Error::other("the MQTT broker found no free port"))
}

fn server_settings(listen: SocketAddr, certificates: &Certificates) -> ServerSettings {
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    ServerSettings {
        name: format!("mqtt-{}", listen.port()),
        listen,
        tls: Some(TlsConfig::Rustls {
            capath: Some(text(&certificates.ca)),
            certpath: text(&certificates.server_certificate),
            keypath: text(&certificates.server_key),
        }),
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 30_000,
            max_payload_size: PACKET_LIMIT,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    }
}

fn router_settings() -> RouterConfig {
    RouterConfig {
        max_connections: 1000,
        max_outgoing_packet_count: 200,
        max_segment_size: 1024 * 1024,
        max_segment_count: 4,
        custom_segment: None,
        // A publish on a topic that no filter covers would be an error to rumqttd.
        initialized_filters: Some(vec!["#".to_owned()]),
        shared_subscriptions_strategy: rumqttd::Strategy::default(),
    }
}

/// MQTT 5, section 3.1.4: the server disconnects the client that was there before.
const SESSION_TAKEN_OVER: u8 = 0x8e;
/// MQTT 5 reason codes from here on are failures (section 2.4).
const FIRST_FAILURE: u8 = 0x80;
/// The gateway enforces the payload's limit; this leaves room for topic and properties.
const PACKET_LIMIT: usize = PAYLOAD_LIMIT + 16 * 1024;
/// More than enough: a port is snatched rarely.
const PORT_ATTEMPTS: usize = 10;
const BIND_PAUSE: Duration = Duration::from_millis(5);

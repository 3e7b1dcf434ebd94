//! The MQTT thread: one connection after the other, and on each of them publish, keep-alive, publish, …

use std::io;
use std::time::{Duration, Instant};

use embedded_io_async::Read as _;
use minimq::{Buffers, ConfigBuilder, Connection, Error as MqttError, PeerError, PubError, Publication, QoS, Session};

use super::block_on::block_on;
use super::failure::{self, Message, Step};
use super::link::Link;
use super::mailbox::{Command, Job, Mailbox};
use super::notice::{Notice, Packet};
use super::{MqttSettings, Qos};
use crate::error::{Error, Result};
use crate::net::background::Sender;
use crate::net::duplex::Duplex;
use crate::net::stream::unix_time;
use crate::net::tls;

/// What the thread owns.
pub(super) struct Worker<C> {
    pub(super) settings: MqttSettings,
    pub(super) connect: C,
    pub(super) mailbox: Mailbox,
    pub(super) answers: Sender<Result<()>>,
}

/// How a connection ended.
enum Ended {
    /// As the caller wished.
    Closed,
    /// It was dead when this message needed it, and a new one is worth a try.
    Again(Job),
    /// It never came about, at this time and for this reason.
    Refused(Error, Instant),
    /// The broker gave it to another client; reported to the next message, which does not reconnect.
    TakenOver(Error),
    /// Lost; whoever needed it has been told.
    Lost,
}

/// What became of one message.
enum Published {
    Answered(Result<()>),
    /// Answered, and the connection is unusable.
    Fatal(Error),
    /// The connection is gone; `Error` is what to say if there is no second try.
    Lost(Error, SecondTry),
}

#[derive(PartialEq, Eq)]
enum SecondTry {
    Sensible,
    Useless,
}

/// Why waiting ended before the future did.
enum Stop {
    Deadline,
    Command,
    Wait(io::Error),
}

type Live<'a, 'buffer, S> = Connection<'a, 'buffer, &'a Link<S>>;

impl<S: Duplex, C: Fn() -> Result<S>> Worker<C> {
    /// Ends with the publisher.
    pub(super) fn run(mut self) {
        let (mut received, mut sent) = self.buffers();
        let mut job = None;
        loop {
            let ended = self.run_connection(Buffers::new(&mut received, &mut sent), job.take());
            job = match ended {
                Ended::Closed => return,
                Ended::Again(unsent) => Some(unsent),
                ended => match self.next_job(ended) {
                    Some(next) => Some(next),
                    None => return,
                },
            };
        }
    }

    /// Waits, without a connection, for a message that deserves one.
    fn next_job(&mut self, mut ended: Ended) -> Option<Job> {
        loop {
            let Command::Publish(job) = self.mailbox.take() else { return None };
            let error = match std::mem::replace(&mut ended, Ended::Lost) {
                // Asked for while we were still trying, or sure to fail again.
                Ended::Refused(error, at) if job.issued <= at || !error.retryable() => {
                    ended = Ended::Refused(error.clone(), at);
                    error
                }
                Ended::TakenOver(error) => error,
                _ => return Some(job),
            };
            self.answer(Err(error));
        }
    }

    /// Connects, publishes `job` first if there is one, and stays until the connection ends.
    fn run_connection(&mut self, buffers: Buffers<'_>, job: Option<Job>) -> Ended {
        let stream = match (self.connect)() {
            Ok(stream) => stream,
            Err(error) => return self.refused(job, error),
        };
        let link = Link::new(stream);
        let mut session = match self.session(buffers) {
            Ok(session) => session,
            Err(error) => return self.refused(job, error),
        };
        let mut connection = match self.handshake(&mut session, &link) {
            Ok(Some(connection)) => connection,
            Ok(None) => return Ended::Closed,
            Err(error) => return self.refused(job, error),
        };
        log::debug!("MQTT: connected to {} as {}", self.settings.broker, self.settings.client_id);

        let mut next = job;
        let mut idled = false;
        let mut unacknowledged = false;
        loop {
            if let Some(mut job) = next.take() {
                unacknowledged |= job.qos == Qos::AtMostOnce;
                match self.publish(&mut connection, &link, &mut job) {
                    Published::Answered(outcome) => self.answer(outcome),
                    Published::Lost(error, SecondTry::Sensible) if idled => {
                        log::info!("{}; connecting again", error.message());
                        return Ended::Again(job);
                    }
                    Published::Fatal(error) | Published::Lost(error, _) => {
                        self.answer(Err(error));
                        return Ended::Lost;
                    }
                }
            }
            if let Err(ended) = self.idle(&mut connection, &link) {
                return ended;
            }
            idled = true;
            match self.mailbox.take() {
                Command::Publish(job) => next = Some(job),
                Command::Close => {
                    disconnect(&mut connection, &link, unacknowledged);
                    return Ended::Closed;
                }
            }
        }
    }

    /// Connects, and says goodbye: nothing is published.
    pub(super) fn greet(mut self) -> Result<()> {
        let (mut received, mut sent) = self.buffers();
        let link = Link::new((self.connect)()?);
        let mut session = self.session(Buffers::new(&mut received, &mut sent))?;
        if let Some(mut connection) = self.handshake(&mut session, &link)? {
            disconnect(&mut connection, &link, false);
        }
        Ok(())
    }

    fn buffers(&self) -> (Vec<u8>, Vec<u8>) {
        let capacity = self.settings.packet_capacity + FIXED_HEADER_WORKSPACE + CONNECT_WORKSPACE;
        (vec![0; RECEIVE_CAPACITY], vec![0; capacity])
    }

    fn session<'b>(&self, buffers: Buffers<'b>) -> Result<Session<'b>> {
        let config = ConfigBuilder::new(buffers)
            .keepalive_interval(self.settings.keep_alive)
            .client_id(&self.settings.client_id);
        config.map(Session::new).map_err(|error| failure::protocol(&self.settings, &format!(": client id: {error}")))
    }

    fn refused(&self, job: Option<Job>, error: Error) -> Ended {
        if job.is_some() {
            self.answer(Err(error.clone()));
        } else {
            log::debug!("MQTT: {}", error.message());
        }
        Ended::Refused(error, Instant::now())
    }

    /// CONNECT and CONNACK. `None` when the caller closes in between.
    fn handshake<'a, 'buffer>(
        &mut self,
        session: &'a mut Session<'buffer>,
        link: &'a Link<S>,
    ) -> Result<Option<Live<'a, 'buffer, S>>> {
        let settings = &self.settings;
        let mailbox = &mut self.mailbox;
        let deadline = settings.deadline_after(settings.connect_timeout);
        let connected = block_on(session.connect(link), |timer| {
            if matches!(mailbox.peek(), Some(Command::Close)) {
                return Err(Stop::Command);
            }
            wait(link, mailbox, Some(deadline), timer)
        });
        let error = match connected {
            Ok(Ok(connection)) => return Ok(Some(connection)),
            Ok(Err(error)) => error,
            Err(Stop::Command) => return Ok(None),
            Err(Stop::Deadline) => return Err(failure::timeout(settings, Step::Connack)),
            Err(Stop::Wait(error)) => MqttError::Transport(error),
        };
        link.listen_to_the_end();
        if let Some(tls_error) = link.tls_error() {
            return Err(tls::explain(&tls_error, &settings.broker, unix_time()));
        }
        let notice = link.last_notice().filter(|notice| notice.packet != Packet::Puback);
        Err(match error {
            MqttError::Peer(PeerError::InvalidPacket) if notice.is_none() => failure::not_mqtt(settings),
            error => failure::not_connected(settings, notice.as_ref(), &detail(&error)),
        })
    }

    /// Keeps the connection alive until the next command.
    fn idle(&mut self, connection: &mut Live<'_, '_, S>, link: &Link<S>) -> std::result::Result<(), Ended> {
        loop {
            let mailbox = &mut self.mailbox;
            let polled = block_on(connection.poll(), |timer| match mailbox.peek() {
                Some(_) => Err(Stop::Command),
                None => wait(link, mailbox, None, timer),
            });
            match polled {
                Err(Stop::Command | Stop::Deadline) => return Ok(()),
                // Nothing is subscribed to, and a stray message harms nobody.
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(self.lost_while_idle(link, &error)),
                Err(Stop::Wait(error)) => return Err(self.lost_while_idle(link, &MqttError::Transport(error))),
            }
        }
    }

    fn lost_while_idle(&self, link: &Link<S>, error: &MqttError<io::Error>) -> Ended {
        link.listen_to_the_end();
        match link.last_notice().filter(is_disconnect) {
            Some(notice) if notice.reason == failure::SESSION_TAKEN_OVER => {
                Ended::TakenOver(failure::disconnected(&self.settings, &notice))
            }
            Some(notice) => {
                log::info!("MQTT: {}", failure::disconnected(&self.settings, &notice).message());
                Ended::Lost
            }
            None => {
                let MqttSettings { broker, client_id, .. } = &self.settings;
                log::info!(
                    "MQTT: the idle connection to {broker} ended{}: the network, the broker, or another program with \
                     the client id {client_id}",
                    detail(error)
                );
                Ended::Lost
            }
        }
    }

    /// One message, up to the end of its PUBACK or of its bytes.
    fn publish(&self, connection: &mut Live<'_, '_, S>, link: &Link<S>, job: &mut Job) -> Published {
        let settings = &self.settings;
        let Job { topic, qos, payload, .. } = job;
        if topic.is_empty() || topic.len() > usize::from(u16::MAX) || topic.contains(['+', '#', '\0']) {
            return Published::Answered(Err(failure::invalid_topic(topic)));
        }
        let room = settings.packet_capacity.saturating_sub(packet_overhead(settings.packet_capacity, topic, *qos));
        let mut message = Message { topic, qos: *qos, length: 0 };
        let mut payload_error = None;
        let write_payload = |buffer: &mut [u8]| {
            let room = room.min(buffer.len());
            match payload(&mut buffer[..room]) {
                Ok(length) if length <= room => {
                    message.length = length;
                    Ok(length)
                }
                Ok(length) => {
                    message.length = length;
                    Err(())
                }
                Err(error) => {
                    payload_error = Some(error);
                    Err(())
                }
            }
        };
        let publication = Publication::new(topic, write_payload).qos(match qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        });
        let deadline = settings.deadline_after(settings.publish_timeout);
        let written = block_on(connection.publish(publication), |timer| wait_only(link, deadline, timer));
        if let Some(error) = payload_error {
            return Published::Answered(Err(error));
        }
        let too_large = |limit| {
            let error = failure::too_large(settings, limit, link.maximum_packet_size(), message);
            Published::Answered(Err(error))
        };
        let operation = match written {
            Ok(Ok(Some(operation))) => operation,
            Ok(Ok(None)) => return Published::Answered(Ok(())),
            Ok(Err(PubError::Payload(()))) => return too_large(minimq::ResourceError::BufferTooSmall),
            Ok(Err(PubError::Session(error))) => {
                return match error {
                    MqttError::Resource(
                        limit @ (minimq::ResourceError::PacketTooLarge | minimq::ResourceError::BufferTooSmall),
                    ) => too_large(limit),
                    MqttError::InvalidRequest => {
                        Published::Answered(Err(failure::qos_not_supported(settings, message)))
                    }
                    error => self.lost(link, message, &error),
                };
            }
            Err(Stop::Wait(error)) => return self.lost(link, message, &MqttError::Transport(error)),
            // Part of the packet is out: nothing else can be sent on this connection.
            Err(Stop::Deadline | Stop::Command) => return Published::Fatal(failure::timeout(settings, Step::Publish)),
        };

        let mut deadline = settings.deadline_after(settings.acknowledge_timeout);
        let mut left = None;
        while connection.is_pending(&operation) {
            match block_on(connection.poll(), |timer| wait_only(link, deadline, timer)) {
                Ok(Ok(_)) => {}
                Ok(Err(MqttError::Peer(PeerError::Rejected(reason)))) => {
                    let notice = link.last_notice().filter(|notice| notice.packet == Packet::Puback);
                    let notice = notice.unwrap_or(Notice {
                        packet: Packet::Puback,
                        reason: reason.into(),
                        text: heapless::String::new(),
                    });
                    return Published::Answered(Err(failure::not_acknowledged(settings, &notice, message)));
                }
                Ok(Err(error)) => return self.lost(link, message, &error),
                Err(Stop::Wait(error)) => return self.lost(link, message, &MqttError::Transport(error)),
                // It is written, but over a slow link not out: the broker can answer only when it has all of it.
                Err(Stop::Deadline) if settings.is_in_time() && link.goes_out(&mut left) => {
                    deadline = settings.deadline_after(settings.acknowledge_timeout);
                }
                Err(Stop::Deadline | Stop::Command) => {
                    return Published::Fatal(failure::timeout(settings, Step::Puback));
                }
            }
        }
        Published::Answered(Ok(()))
    }

    fn lost(&self, link: &Link<S>, message: Message<'_>, error: &MqttError<io::Error>) -> Published {
        let settings = &self.settings;
        link.listen_to_the_end();
        if let Some(tls_error) = link.tls_error() {
            let error = tls::explain(&tls_error, &settings.broker, unix_time());
            return Published::Lost(error, SecondTry::Useless);
        }
        match error {
            MqttError::Disconnected | MqttError::Transport(_) | MqttError::WriteZero => {
                let notice = link.last_notice().filter(is_disconnect);
                // A broker that gave a reason gives it again, and only QoS 1 may arrive twice.
                let second_try = if notice.is_none() && message.qos == Qos::AtLeastOnce {
                    SecondTry::Sensible
                } else {
                    SecondTry::Useless
                };
                Published::Lost(failure::lost(settings, notice.as_ref(), message, &detail(error)), second_try)
            }
            error => Published::Fatal(failure::protocol(settings, &detail(error))),
        }
    }

    fn answer(&self, outcome: Result<()>) {
        // The publisher waits for it, unless it is gone.
        let _ = self.answers.send(outcome);
    }
}

/// Says DISCONNECT; nobody waits long for it.
fn disconnect<S: Duplex>(connection: &mut Live<'_, '_, S>, link: &Link<S>, unacknowledged: bool) {
    let deadline = Instant::now() + DISCONNECT_TIMEOUT;
    let said = block_on(connection.disconnect(), |timer| wait_only(link, deadline, timer));
    if unacknowledged && matches!(said, Ok(Ok(()))) {
        // Closing a socket with unread input resets it, and could take a QoS 0 message with it that is still on
        // its way. The broker closes first (MQTT 5, section 3.14.4).
        let mut buffer = [0; 64];
        let mut input = link;
        let _ = block_on(async { while matches!(input.read(&mut buffer).await, Ok(1..)) {} }, |timer| {
            wait_only(link, deadline, timer)
        });
    }
}

/// Waits for the socket, the next command, the future's own timer or the deadline.
fn wait<S: Duplex>(
    link: &Link<S>,
    mailbox: &Mailbox,
    deadline: Option<Instant>,
    timer: Option<Instant>,
) -> std::result::Result<(), Stop> {
    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Err(Stop::Deadline);
    }
    let until = [deadline, timer].into_iter().flatten().min();
    link.wait(mailbox.wake(), until).map_err(Stop::Wait)
}

/// Waits for the socket, the future's own timer or the deadline.
fn wait_only<S: Duplex>(link: &Link<S>, deadline: Instant, timer: Option<Instant>) -> std::result::Result<(), Stop> {
    if Instant::now() >= deadline {
        return Err(Stop::Deadline);
    }
    link.wait(None, Some(timer.map_or(deadline, |timer| timer.min(deadline)))).map_err(Stop::Wait)
}

fn is_disconnect(notice: &Notice) -> bool {
    notice.packet == Packet::Disconnect
}

/// The transport's own words, to be put behind a message. An orderly close has none.
fn detail(error: &MqttError<io::Error>) -> String {
    match error {
        MqttError::Disconnected => String::new(),
        MqttError::Transport(error) => format!(": {error}"),
        error => format!(": {error}"),
    }
}

/// Bytes of a PUBLISH packet besides its payload (MQTT 5, section 3.3): fixed header with the remaining length,
/// topic, packet identifier, and the length of no properties.
fn packet_overhead(packet_length: usize, topic: &str, qos: Qos) -> usize {
    let remaining_length = match packet_length {
        0..=129 => 1,
        130..=16_386 => 2,
        16_387..=2_097_155 => 3,
        _ => 4,
    };
    let packet_identifier = if qos == Qos::AtMostOnce { 0 } else { 2 };
    1 + remaining_length + 2 + topic.len() + packet_identifier + 1
}

/// The broker sends CONNACK, PUBACK, PINGRESP and DISCONNECT, all of them under 100 bytes but for reason strings
/// and user properties; minimq announces this size as our Maximum Packet Size, so that they are left out if need be.
const RECEIVE_CAPACITY: usize = 1024;

/// minimq keeps five bytes free in front of a packet for a fixed header of any length.
const FIXED_HEADER_WORKSPACE: usize = 5;

/// minimq reserves the size of its CONNECT for reconnecting: 5 bytes of fixed header, 10 of protocol name, version,
/// flags and keep-alive, 14 of properties, and a client id of 2 + 64 bytes.
const CONNECT_WORKSPACE: usize = 128;

/// A goodbye that is not worth waiting for on a dead link.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

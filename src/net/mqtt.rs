//! MQTT 5 publishing, with a thread of its own that keeps the connection alive while the caller is busy.
//!
//! ```text
//! caller                      thread
//! Publisher::open ──────────▶ connect: TCP, TLS, CONNECT, CONNACK
//! (S3 upload, minutes)        PINGREQ, PINGRESP, …            keep-alive, no ticks: it waits in poll(2)
//! publish ── command, wake ─▶ payload written into the packet, PUBLISH
//!         ◀── outcome ─────── PUBACK
//! close   ── command, wake ─▶ DISCONNECT
//! ```
//!
//! minimq speaks the protocol; this module gives it a stream ([`Duplex`]), a clock, deadlines, and words
//! for what went wrong. Every connection starts a clean session: nothing is received, and what must be
//! sent again after a lost connection is made anew from the caller's payload.

mod block_on;
mod failure;
mod link;
mod mailbox;
mod notice;
mod worker;

use std::ops::RangeInclusive;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::background::{self, Missing, Receiver};
use super::duplex::Duplex;
use crate::error::{Error, Fault, Result};
use mailbox::{Command, Job, Postbox};

/// Quality of service of a message (MQTT 5, section 4.3). AWS IoT Core has no QoS 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// QoS 0: sent once, nobody says whether it arrived.
    AtMostOnce,
    /// QoS 1: the broker answers with a PUBACK; after a lost connection a message may arrive twice.
    AtLeastOnce,
}

/// How to talk to the broker. Waiting is bounded step by step; name resolution, TCP and TLS have their
/// own bounds in the function given to [`Publisher::open`].
#[derive(Debug, Clone)]
pub struct MqttSettings {
    /// The broker as errors name it, such as `a2x-ats.iot.eu-west-1.amazonaws.com:8883`.
    pub broker: String,
    /// Client identifier. 64 bytes are minimq's limit (AWS IoT Core's is 128).
    pub client_id: heapless::String<64>,
    /// Seconds without traffic after which the broker may drop us, within [`KEEP_ALIVE`]; a PINGREQ goes
    /// out 5 seconds earlier. A broker may set its own value in CONNACK.
    pub keep_alive: u16,
    /// From CONNECT to CONNACK.
    pub connect_timeout: Duration,
    /// From the first to the last byte of a PUBLISH.
    pub publish_timeout: Duration,
    /// From the end of a PUBLISH (QoS 1) to its PUBACK; begins anew while bytes of it still go out of the system's buffer.
    pub acknowledge_timeout: Duration,
    /// When everything must be over, whatever the steps' own timeouts say.
    pub deadline: Option<Instant>,
    /// Bytes of the largest PUBLISH packet, headers and topic included. Memory is touched only as far as
    /// packets need it.
    pub packet_capacity: usize,
}

impl MqttSettings {
    /// When a step that begins now and may take `timeout` must be over.
    fn deadline_after(&self, timeout: Duration) -> Instant {
        let step = Instant::now() + timeout;
        self.deadline.map_or(step, |end| step.min(end))
    }

    /// Whether everything need not be over yet.
    fn is_in_time(&self) -> bool {
        self.deadline.is_none_or(|end| Instant::now() < end)
    }
}

/// Keep-alive values that AWS IoT Core takes as they are, in seconds (AWS IoT Core quotas, "MQTT keep-alive").
pub const KEEP_ALIVE: RangeInclusive<u16> = 30..=1200;

/// Seconds. Mobile networks forget idle connections after one to five minutes.
pub const DEFAULT_KEEP_ALIVE: u16 = 60;

/// A connection to an MQTT broker that publishes one message at a time.
///
/// Dropping it ends the connection without waiting for it; [`Publisher::close`] waits a little.
#[derive(Debug)]
pub struct Publisher {
    postbox: Postbox,
    outcomes: Receiver<Result<()>>,
    thread: JoinHandle<()>,
}

impl Publisher {
    /// Starts the thread and returns at once; `connect` (name resolution, TCP, TLS) and the MQTT handshake run in
    /// the thread. If they fail, the next [`Publisher::publish`] says why.
    ///
    /// `connect` is called again when the connection is lost and there is something to publish.
    ///
    /// # Errors
    /// When the system gives no thread or pipe (`Temporary`).
    pub fn open<S, C>(settings: MqttSettings, connect: C) -> Result<Self>
    where
        S: Duplex,
        C: Fn() -> Result<S> + Send + 'static,
    {
        let (postbox, mailbox) = mailbox::pair().map_err(no_resources)?;
        let (answers, outcomes) = background::channel();
        let worker = worker::Worker { settings, connect, mailbox, answers };
        let thread = background::start("mqtt", STACK, move || worker.run()).map_err(no_resources)?;
        Ok(Self { postbox, outcomes, thread })
    }

    /// Publishes one message and returns when it is delivered: after the PUBACK (QoS 1), or when all of it is
    /// written (QoS 0).
    ///
    /// `payload` writes the message into the packet and says how long it is; it gets all the room that
    /// `packet_capacity` leaves. It is called a second time, and must write the same, when a connection
    /// that had been idle turns out to be dead under a QoS 1 message: then one new connection is tried.
    ///
    /// # Errors
    /// `payload`'s own error unchanged; otherwise one that names the step (connect, publish, PUBACK), the
    /// broker's reason in words, and a remedy: `Refused` where a policy says no, `Temporary` where the
    /// broker is busy or closed the connection, `Unavailable` where it does not answer in time, `Data`
    /// where the message is too large.
    pub fn publish(
        &mut self,
        topic: &str,
        qos: Qos,
        payload: impl FnMut(&mut [u8]) -> Result<usize> + Send + 'static,
    ) -> Result<()> {
        let job = Job { topic: topic.into(), qos, payload: Box::new(payload), issued: Instant::now() };
        self.postbox.post(Command::Publish(job));
        self.outcomes.receive().unwrap_or_else(|_| {
            Err(Error::new(Fault::Temporary, "mqtt_thread_ended", "the MQTT thread has ended unexpectedly"))
        })
    }

    /// Says DISCONNECT, and waits for it at most a second or two.
    pub fn close(self) {
        let Self { postbox, outcomes, thread } = self;
        postbox.post(Command::Close);
        // A thread that is still connecting is left behind: it ends when it notices.
        if outcomes.receive_until(Instant::now() + CLOSE_TIMEOUT) == Err(Missing::Closed) && thread.join().is_err() {
            log::debug!("the MQTT thread had panicked");
        }
    }
}

/// Connects to the broker with `connect` and CONNECT, says goodbye, and publishes nothing.
///
/// # Errors
/// As [`Publisher::publish`], of the connection.
pub fn greet<S: Duplex>(settings: MqttSettings, connect: impl Fn() -> Result<S>) -> Result<()> {
    // The thread's end of a mailbox that nobody posts to; its other end has to live.
    let (_postbox, mailbox) = mailbox::pair().map_err(no_resources)?;
    worker::Worker { settings, connect, mailbox, answers: background::channel().0 }.greet()
}

fn no_resources(error: std::io::Error) -> Error {
    Error::new(Fault::Temporary, "mqtt_no_resources", format!("cannot start the MQTT thread: {error}"))
}

/// Address space, of which only what is used becomes memory. A TLS handshake with RSA signatures and musl's or
/// glibc's name resolution stay under 100 KiB in a debug build.
const STACK: usize = 256 * 1024;

/// Longer than the worker's own deadline for DISCONNECT.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(2_500);

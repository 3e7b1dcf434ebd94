//! What an MQTT broker answers, through the real session: publishing ends, a message counts as delivered only after a
//! PUBACK, and no error repeats the message. The first byte says how many bytes answer the CONNECT (the others answer
//! the PUBLISH), the second how many come at once.

use homing::error::{Error, Fault};
use homing::net::duplex::Duplex;
use homing::net::mqtt::{DEFAULT_KEEP_ALIVE, MqttSettings, Publisher, Qos};
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub fn run(data: &[u8]) {
    let [split, manner, answers @ ..] = data else { return };
    let split = usize::from(*split).min(answers.len());
    let broker = Broker {
        to_connect: answers[..split].to_vec(),
        to_publish: answers[split..].to_vec(),
        at_once: usize::from(manner & 0x7f).max(1),
        is_slow: manner & 0x80 != 0,
        patience: PATIENCE,
        sent: Vec::new(),
    };
    let settings = MqttSettings {
        broker: "broker.example.com:8883".to_owned(),
        client_id: "camera-1-homing".try_into().expect("fits"),
        keep_alive: DEFAULT_KEEP_ALIVE,
        connect_timeout: LIMIT,
        publish_timeout: LIMIT,
        acknowledge_timeout: LIMIT,
        deadline: None,
        packet_capacity: 512,
    };
    let asked = Arc::new(AtomicBool::new(false));
    let (is_asked, broker) = (Arc::clone(&asked), Mutex::new(Some(broker)));
    let connect = move || {
        // The message is waiting before the connection is there, so that the connection never has to wait for it.
        while !is_asked.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let gone = || Error::new(Fault::Unavailable, "no_second_connection", "the broker is gone");
        broker.lock().ok().and_then(|mut broker| broker.take()).ok_or_else(gone)
    };
    let mut publisher = Publisher::open(settings, connect).expect("the system has a thread and a pipe");
    asked.store(true, Ordering::Release);
    let outcome = publisher.publish("file/upload", Qos::AtLeastOnce, |buffer| {
        buffer[..PAYLOAD.len()].copy_from_slice(PAYLOAD);
        Ok(PAYLOAD.len())
    });
    publisher.close();
    match outcome {
        Ok(()) => assert!(answers.contains(&CONNACK) && answers.contains(&PUBACK), "delivered, but not acknowledged"),
        Err(error) => {
            let said = format!("{error:?}");
            assert!(said.len() < ERROR_TEXT_MAXIMUM && !said.contains("canary"), "{said}");
            assert!(!error.message().chars().any(char::is_control), "{said}");
        }
    }
}

/// Answers as it was told to, whatever it is asked, and then closes the connection.
struct Broker {
    to_connect: Vec<u8>,
    to_publish: Vec<u8>,
    at_once: usize,
    /// Accepts only every other write.
    is_slow: bool,
    /// How many more times it has nothing to say before it closes the connection.
    patience: u32,
    sent: Vec<u8>,
}

impl Duplex for Broker {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_published = self.sent.windows(PAYLOAD.len()).any(|window| window == PAYLOAD);
        let answer = match (self.to_connect.is_empty(), is_published) {
            (true, true) => &mut self.to_publish,
            _ => &mut self.to_connect,
        };
        if answer.is_empty() && !is_published && self.patience > 0 {
            self.patience -= 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = answer.len().min(buffer.len()).min(self.at_once);
        buffer[..count].copy_from_slice(&answer[..count]);
        answer.drain(..count);
        Ok(count)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_slow && self.patience % 2 == 0 && self.patience > 0 {
            self.patience -= 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whatever was waited for is there, or will not come.
    fn wait(&self, _: bool, _: Option<BorrowedFd<'_>>, _: Option<Instant>) -> io::Result<bool> {
        thread::yield_now();
        Ok(true)
    }
}

const PAYLOAD: &[u8] = b"{\"content\":\"canary\"}";
/// The packets' types in their first byte (MQTT 5, section 2.1.2).
const CONNACK: u8 = 0x20;
const PUBACK: u8 = 0x40;
/// A handshake, a blocked write or two, and the wait for the message.
const PATIENCE: u32 = 9;
/// Never reached: everything is there at once.
const LIMIT: Duration = Duration::from_secs(60);
const ERROR_TEXT_MAXIMUM: usize = 4096;

//! The MQTT publisher against a real mosquitto, and against peers that fall silent or close at the worst moment.
//!
//! Plain TCP: TLS is the stream's business and has its own tests. Upper bounds on time only guard against hangs.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use homing::error::{Error, Fault, Result};
use homing::net::duplex::Duplex;
use homing::net::mqtt::{MqttSettings, Publisher, Qos};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[test]
fn qos_0_and_1_are_delivered() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let subscriber = Subscriber::start(&broker, "file/+", 3);
    let mut publisher = open(broker.port, "thing-homing", 60);
    publisher.publish("file/a", Qos::AtLeastOnce, text("one")).unwrap();
    publisher.publish("file/b", Qos::AtMostOnce, text("two")).unwrap();
    publisher.publish("file/c", Qos::AtLeastOnce, text("")).unwrap();
    publisher.close();
    // mosquitto_sub prints an empty payload so.
    assert_eq!(subscriber.messages(), ["file/a one", "file/b two", "file/c (null)"]);
    assert!(broker.log().contains("Received DISCONNECT from thing-homing"), "{}", broker.log());
}

#[test]
fn qos_0_messages_survive_an_immediate_close() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let subscriber = Subscriber::start(&broker, "last", 20);
    for _ in 0..20 {
        let mut publisher = open(broker.port, "thing-homing", 60);
        publisher.publish("last", Qos::AtMostOnce, text("words")).unwrap();
        publisher.close();
    }
    assert_eq!(subscriber.messages().len(), 20);
}

#[test]
fn a_message_nobody_subscribes_to_is_a_success() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    publisher.publish("nobody/listens", Qos::AtLeastOnce, text("x")).unwrap();
}

#[test]
fn an_acl_denial_is_a_refusal_and_the_connection_lives_on() {
    let broker = Mosquitto::start_with(
        "allow_anonymous true\nacl_file DIRECTORY/acl\n",
        "topic write allowed/#\ntopic read #\n",
    );
    let subscriber = Subscriber::start(&broker, "#", 1);
    let mut publisher = open(broker.port, "thing-homing", 60);
    let error = publisher.publish("forbidden", Qos::AtLeastOnce, text("x")).unwrap_err();
    assert_eq!((error.fault(), error.code(), error.retryable()), (Fault::Refused, "mqtt_not_authorized", false));
    assert!(error.message().contains("topic forbidden: not authorized (MQTT reason 0x87)"), "{error}");
    assert!(error.remedy().unwrap().contains("iot:Publish on topic/forbidden"), "{error}");
    publisher.publish("allowed/it", Qos::AtLeastOnce, text("y")).unwrap();
    assert_eq!(subscriber.messages(), ["allowed/it y"]);
    assert_eq!(broker.log().matches("New client connected").count(), 2, "{}", broker.log());
}

#[test]
fn a_connection_that_is_not_allowed_is_refused_with_connacks_reason() {
    let broker = Mosquitto::start("allow_anonymous false\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    for _ in 0..2 {
        let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "mqtt_not_authorized"));
        assert!(error.remedy().unwrap().contains("iot:Connect on client/thing-homing"), "{error}");
    }
    publisher.close();
    // What was refused once is not tried again.
    assert_eq!(broker.log().matches("New connection from").count(), 1, "{}", broker.log());
}

#[test]
fn a_payloads_own_error_comes_back_unchanged_and_sends_nothing() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    let own = Error::new(Fault::Io, "file_changed", "cam.jpg changed while it was read").with_remedy("look at it");
    for qos in [Qos::AtLeastOnce, Qos::AtMostOnce] {
        let returned = own.clone();
        let error = publisher.publish("t", qos, move |_| Err(returned.clone())).unwrap_err();
        assert_eq!(error, own);
    }
    publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap();
    assert_eq!(broker.log().matches("Received PUBLISH").count(), 1, "{}", broker.log());
}

#[test]
fn packets_up_to_the_capacity_are_sent_and_larger_ones_are_refused_locally() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let mut settings = settings(broker.port, "thing-homing", 60);
    // 1 + 3 fixed header, 2 + 1 topic, 2 packet identifier, 1 properties, and the payload.
    settings.packet_capacity = 10 + 131_072;
    let port = broker.port;
    let mut publisher = Publisher::open(settings, move || connect(port)).unwrap();
    let whole_room = |buffer: &mut [u8]| {
        assert_eq!(buffer.len(), 131_072);
        buffer.fill(b'x');
        Ok(buffer.len())
    };
    publisher.publish("t", Qos::AtLeastOnce, whole_room).unwrap();
    publisher.publish("t", Qos::AtLeastOnce, whole_room).unwrap();
    let error = publisher.publish("t", Qos::AtLeastOnce, |buffer: &mut [u8]| Ok(buffer.len() + 1)).unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Data, "mqtt_packet_too_large"));
    let long = "t".repeat(65_535);
    let error = publisher.publish(&long, Qos::AtLeastOnce, whole_room_is_left).err();
    assert_eq!(error, None);
    publisher.close();
    assert_eq!(broker.log().matches("Received PUBLISH").count(), 3);
}

#[test]
fn the_brokers_maximum_packet_size_is_honoured_before_anything_is_sent() {
    let broker = Mosquitto::start("allow_anonymous true\nmax_packet_size 200\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    for qos in [Qos::AtLeastOnce, Qos::AtMostOnce] {
        let error = publisher.publish("t", qos, text(&"x".repeat(300))).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Data, "mqtt_packet_too_large"));
        assert!(error.message().contains("300 bytes") && error.message().contains("200 bytes"), "{error}");
        publisher.publish("t", qos, text("small")).unwrap();
    }
}

#[test]
fn topics_with_wildcards_are_refused_locally() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    for topic in ["", "a/+", "#", "nul\0"] {
        let error = publisher.publish(topic, Qos::AtLeastOnce, text("x")).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Config, "mqtt_topic_invalid"));
    }
    publisher.publish("a", Qos::AtLeastOnce, text("x")).unwrap();
}

#[test]
fn an_idle_connection_is_kept_alive() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let (port, waits) = (broker.port, Arc::<AtomicU32>::default());
    let counter = Arc::clone(&waits);
    let settings = settings(port, "thing-homing", 2);
    let mut publisher = Publisher::open(settings, move || connect_counting(port, &counter)).unwrap();
    publisher.publish("t", Qos::AtLeastOnce, text("before")).unwrap();
    // The broker drops a silent client after one and a half keep-alives.
    thread::sleep(Duration::from_secs(5));
    publisher.publish("t", Qos::AtLeastOnce, text("after")).unwrap();
    publisher.close();
    let log = broker.log();
    assert!(log.contains("Received PINGREQ from thing-homing"), "{log}");
    assert_eq!(log.matches("New client connected").count(), 1, "{log}");
    // A few for each packet: nothing ticks.
    assert!(waits.load(Ordering::Relaxed) < 100, "{waits:?}");
}

#[test]
fn a_broker_that_restarts_while_we_idle_is_connected_to_again() {
    let mut broker = Mosquitto::start("allow_anonymous true\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    for qos in [Qos::AtLeastOnce, Qos::AtMostOnce] {
        publisher.publish("t", qos, text("before")).unwrap();
        broker.restart();
        let subscriber = Subscriber::start(&broker, "t", 1);
        publisher.publish("t", qos, text("after")).unwrap();
        assert_eq!(subscriber.messages(), ["t after"]);
    }
}

#[test]
fn a_broker_that_is_down_is_reported_and_then_tried_again() {
    let mut broker = Mosquitto::start("allow_anonymous true\n");
    let mut publisher = open(broker.port, "thing-homing", 60);
    publisher.publish("t", Qos::AtLeastOnce, text("before")).unwrap();
    broker.stop();
    let error = publisher.publish("t", Qos::AtLeastOnce, text("lost")).unwrap_err();
    assert_eq!(error.code(), "test_connect", "{error}");
    broker.restart();
    publisher.publish("t", Qos::AtLeastOnce, text("after")).unwrap();
}

#[test]
fn a_take_over_by_the_same_client_id_is_named_and_not_fought() {
    let taken_over = [PUBACK, &[0xe0, 2, 0x8e, 0]].concat();
    let answers = vec![CONNACK.to_vec(), taken_over];
    let again = vec![CONNACK.to_vec(), PUBACK.to_vec()];
    let peer = Peer::start_each(vec![answers, again], Afterwards::Close);
    let mut publisher = open(peer.port, "same", 60);
    publisher.publish("t", Qos::AtLeastOnce, text("first")).unwrap();
    let error = publisher.publish("t", Qos::AtLeastOnce, text("second")).unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Temporary, "mqtt_session_taken_over"));
    assert!(error.remedy().unwrap().contains("client id same"), "{error}");
    assert_eq!(peer.connections(), 1);
    publisher.publish("t", Qos::AtLeastOnce, text("third")).unwrap();
    assert_eq!(peer.connections(), 1);
}

#[test]
fn a_take_over_without_a_word_costs_a_reconnection_and_no_message() {
    // mosquitto 2.0.11 just closes the older connection.
    let broker = Mosquitto::start("allow_anonymous true\n");
    let subscriber = Subscriber::start(&broker, "t", 4);
    let mut first = open(broker.port, "same", 60);
    first.publish("t", Qos::AtLeastOnce, text("1")).unwrap();
    let mut second = open(broker.port, "same", 60);
    second.publish("t", Qos::AtLeastOnce, text("2")).unwrap();
    first.publish("t", Qos::AtLeastOnce, text("3")).unwrap();
    second.publish("t", Qos::AtLeastOnce, text("4")).unwrap();
    assert_eq!(subscriber.messages(), ["t 1", "t 2", "t 3", "t 4"]);
    assert_eq!(broker.log().matches("Client same already connected").count(), 3, "{}", broker.log());
}

#[test]
fn a_connection_that_dies_silently_is_noticed_by_its_keep_alive() {
    let first = vec![CONNACK.to_vec(), PUBACK.to_vec()];
    let peer = Peer::start_each(vec![first.clone(), first], Afterwards::Silence);
    let mut publisher = open(peer.port, "thing-homing", 2);
    publisher.publish("t", Qos::AtLeastOnce, text("before")).unwrap();
    // PINGREQ after one second, and five for the PINGRESP that never comes.
    thread::sleep(Duration::from_secs(7));
    publisher.publish("t", Qos::AtLeastOnce, text("after")).unwrap();
    assert_eq!(peer.connections(), 2);
}

#[test]
fn two_publishers_work_in_one_process_at_the_same_time() {
    let broker = Mosquitto::start("allow_anonymous true\n");
    let subscriber = Subscriber::start(&broker, "t/#", 200);
    let port = broker.port;
    let threads = ["one", "two"].map(|id| {
        thread::spawn(move || {
            let mut publisher = open(port, id, 2);
            for count in 0..100 {
                publisher.publish(&format!("t/{id}"), Qos::AtLeastOnce, text(&count.to_string())).unwrap();
            }
            publisher.close();
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let messages = subscriber.messages();
    for id in ["one", "two"] {
        let prefix = format!("t/{id} ");
        let counts: Vec<_> = messages.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert_eq!(counts, (0..100).map(|count| count.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn a_server_that_never_says_connack_is_a_connect_timeout() {
    let peer = Peer::start(vec![vec![], vec![]], Afterwards::Silence);
    let mut settings = settings(peer.port, "thing-homing", 60);
    settings.connect_timeout = Duration::from_millis(300);
    let port = peer.port;
    let mut publisher = Publisher::open(settings, move || connect(port)).unwrap();
    let start = Instant::now();
    let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
    assert_eq!((error.fault(), error.code(), error.retryable()), (Fault::Unavailable, "mqtt_connect_timeout", true));
    assert!(start.elapsed() < HANG);
    // Asked for after the failure: it is tried again.
    assert_eq!(publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err().code(), "mqtt_connect_timeout");
}

#[test]
fn a_server_that_never_says_puback_is_a_puback_timeout() {
    let peer = Peer::start(vec![CONNACK.to_vec()], Afterwards::Silence);
    let mut settings = settings(peer.port, "thing-homing", 60);
    settings.acknowledge_timeout = Duration::from_millis(300);
    let port = peer.port;
    let mut publisher = Publisher::open(settings, move || connect(port)).unwrap();
    let start = Instant::now();
    let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Unavailable, "mqtt_puback_timeout"));
    assert!(start.elapsed() < HANG);
}

#[test]
fn the_wait_for_puback_begins_when_the_message_is_out() {
    let peer = Peer::start(vec![CONNACK.to_vec()], Afterwards::Silence);
    let mut settings = settings(peer.port, "thing-homing", 60);
    settings.acknowledge_timeout = Duration::from_millis(300);
    let publish = |settings, left: &'static [u64]| {
        let port = peer.port;
        let connect = move || Ok(Slow(connect(port)?, left.iter().copied().collect::<VecDeque<_>>().into()));
        let start = Instant::now();
        let error = Publisher::open(settings, connect).unwrap().publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
        assert_eq!(error.code(), "mqtt_puback_timeout");
        start.elapsed()
    };
    let took = publish(settings.clone(), &[900, 500, 100]);
    assert!(took >= settings.acknowledge_timeout * 4 && took < HANG, "{took:?}");
    // One that does not move, and one that has no more time.
    let took = publish(settings.clone(), &[900, 900]);
    assert!(took < settings.acknowledge_timeout * 4, "{took:?}");
    settings.deadline = Some(Instant::now() + Duration::from_millis(500));
    let took = publish(settings.clone(), &[900, 500, 100]);
    assert!(took < settings.acknowledge_timeout * 3, "{took:?}");
}

#[test]
fn a_server_that_stops_reading_is_a_publish_timeout() {
    let peer = Peer::start(vec![CONNACK.to_vec()], Afterwards::Deafness);
    for qos in [Qos::AtLeastOnce, Qos::AtMostOnce] {
        let mut settings = settings(peer.port, "thing-homing", 60);
        settings.publish_timeout = Duration::from_millis(500);
        settings.packet_capacity = 32 << 20;
        let (port, waits) = (peer.port, Arc::<AtomicU32>::default());
        let counter = Arc::clone(&waits);
        let mut publisher = Publisher::open(settings, move || connect_counting(port, &counter)).unwrap();
        let start = Instant::now();
        let error = publisher.publish("t", qos, |buffer: &mut [u8]| Ok(buffer.len())).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Unavailable, "mqtt_publish_timeout"));
        assert!(start.elapsed() < HANG);
        // A write that is blocked while there is something to read does not spin.
        assert!(waits.load(Ordering::Relaxed) < 5_000, "{waits:?}");
        publisher.close();
    }
}

#[test]
fn a_peer_that_closes_at_every_byte_of_connack_or_puback_is_an_error() {
    for close in [Afterwards::Close, Afterwards::Reset] {
        for length in 0..CONNACK.len() {
            let peer = Peer::start(vec![CONNACK[..length].to_vec()], close);
            let mut publisher = open(peer.port, "thing-homing", 60);
            let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
            assert_eq!((error.fault(), error.code()), (Fault::Temporary, "mqtt_closed_before_connack"), "{length}");
            assert!(error.remedy().unwrap().contains("iot:Connect on client/thing-homing"), "{error}");
        }
        for length in 0..PUBACK.len() {
            let answers = vec![CONNACK.to_vec(), PUBACK[..length].to_vec()];
            let peer = Peer::start([answers.clone(), answers].concat(), close);
            let mut publisher = open(peer.port, "thing-homing", 60);
            let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
            assert_eq!((error.fault(), error.code()), (Fault::Temporary, "mqtt_closed_after_publish"), "{length}");
            assert!(error.remedy().unwrap().contains("iot:Publish on topic/t"), "{error}");
        }
    }
}

#[test]
fn every_puback_reason_below_0x80_is_a_success_and_every_other_a_failure() {
    for reason in [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99, 0xfe] {
        let peer = Peer::start(vec![CONNACK.to_vec(), vec![0x40, 4, 0, 1, reason, 0]], Afterwards::Silence);
        let mut publisher = open(peer.port, "thing-homing", 60);
        match publisher.publish("t", Qos::AtLeastOnce, text("x")) {
            Ok(()) => assert!(reason < 0x80),
            Err(error) => {
                assert!(reason >= 0x80 && error.message().contains(&format!("0x{reason:02x}")), "{error}");
            }
        }
    }
}

#[test]
fn a_disconnect_after_a_publish_is_reported_with_its_reason_and_not_tried_again() {
    let goodbye = [&[0xe0, 8, 0x87, 6, 0x1f, 0, 3][..], b"no!"].concat();
    let peer = Peer::start(vec![CONNACK.to_vec(), goodbye], Afterwards::Close);
    let mut publisher = open(peer.port, "thing-homing", 60);
    let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Refused, "mqtt_not_authorized"));
    assert!(error.message().ends_with("not authorized (MQTT reason 0x87): no!"), "{error}");
    assert!(error.remedy().unwrap().contains("iot:Publish on topic/t"), "{error}");
    assert_eq!(peer.connections(), 1);
}

#[test]
fn an_idle_connection_that_dies_under_a_message_is_replaced_once() {
    // CONNACK, PUBACK; the second message gets only a close; then a new CONNACK and PUBACK.
    let answers = vec![CONNACK.to_vec(), PUBACK.to_vec(), vec![]];
    let again = vec![CONNACK.to_vec(), PUBACK.to_vec()];
    let peer = Peer::start_each(vec![answers, again], Afterwards::Close);
    let mut publisher = open(peer.port, "thing-homing", 60);
    publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap();
    publisher.publish("t", Qos::AtLeastOnce, text("y")).unwrap();
    assert_eq!(peer.connections(), 2);
}

#[test]
fn a_peer_that_speaks_nonsense_is_an_error() {
    let http =
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 150\r\nConnection: close\r\n\r\n";
    for nonsense in [&http[..], &[0x20, 0xff, 0xff, 0xff, 0xff], &[0x20, 2, 0, 1]] {
        let peer = Peer::start(vec![nonsense.to_vec()], Afterwards::Silence);
        let mut publisher = open(peer.port, "thing-homing", 60);
        let error = publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap_err();
        assert_eq!((error.fault(), error.retryable()), (Fault::Unavailable, false), "{error}");
    }
}

#[test]
fn dropping_or_closing_never_hangs() {
    let silent = Peer::start(vec![vec![]], Afterwards::Silence);
    let start = Instant::now();
    let publisher = open(silent.port, "thing-homing", 60);
    drop(publisher);
    let publisher = open(silent.port, "thing-homing", 60);
    publisher.close();
    assert!(start.elapsed() < HANG);

    let broker = Mosquitto::start("allow_anonymous true\n");
    let mut publisher = open(broker.port, "dropped", 60);
    publisher.publish("t", Qos::AtLeastOnce, text("x")).unwrap();
    drop(publisher);
    while !broker.log().contains("Received DISCONNECT from dropped") {
        assert!(start.elapsed() < HANG, "{}", broker.log());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Far above every timeout in these tests.
const HANG: Duration = Duration::from_secs(20);

/// CONNACK: no session present, success, no properties.
const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];
/// PUBACK for packet identifier 1, which is the first of every connection.
const PUBACK: &[u8] = &[0x40, 3, 0, 1, 0];
const PINGRESP: &[u8] = &[0xd0, 0];

fn settings(port: u16, client_id: &str, keep_alive: u16) -> MqttSettings {
    MqttSettings {
        broker: format!("127.0.0.1:{port}"),
        client_id: client_id.try_into().unwrap(),
        keep_alive,
        connect_timeout: Duration::from_secs(10),
        publish_timeout: Duration::from_secs(10),
        acknowledge_timeout: Duration::from_secs(10),
        deadline: None,
        packet_capacity: 128 * 1024,
    }
}

fn open(port: u16, client_id: &str, keep_alive: u16) -> Publisher {
    Publisher::open(settings(port, client_id, keep_alive), move || connect(port)).unwrap()
}

fn text(text: &str) -> impl FnMut(&mut [u8]) -> Result<usize> + Send + 'static {
    let text = text.to_owned();
    move |buffer| {
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

/// The room that a topic of 65,535 bytes leaves in a capacity of 131,082.
fn whole_room_is_left(buffer: &mut [u8]) -> Result<usize> {
    assert_eq!(buffer.len(), 131_082 - 9 - 65_535);
    Ok(buffer.len())
}

fn connect(port: u16) -> Result<Tcp> {
    connect_counting(port, &Arc::default())
}

fn connect_counting(port: u16, waits: &Arc<AtomicU32>) -> Result<Tcp> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .and_then(|stream| stream.set_nonblocking(true).map(|()| stream))
        .map_err(|error| Error::new(Fault::Unavailable, "test_connect", error.to_string()).with_retryable(true))?;
    Ok(Tcp(stream, Arc::clone(waits)))
}

/// With a count of how often somebody waited for it.
struct Tcp(TcpStream, Arc<AtomicU32>);

impl Duplex for Tcp {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&self, write: bool, also: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<bool> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let interest = if write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let socket = PollFd::new(&self.0, interest);
        let timeout = deadline.map(|deadline| {
            Timespec::try_from(deadline.saturating_duration_since(Instant::now())).expect("a deadline of seconds")
        });
        let ready = match also {
            Some(also) => poll(&mut [socket, PollFd::from_borrowed_fd(also.as_fd(), PollFlags::IN)], timeout.as_ref())?,
            None => poll(&mut [socket], timeout.as_ref())?,
        };
        Ok(ready > 0)
    }
}

/// One of which so much is not acknowledged, time after time when it is asked, and nothing in the end.
struct Slow(Tcp, RefCell<VecDeque<u64>>);

impl Duplex for Slow {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        self.0.try_flush()
    }

    fn wait(&self, write: bool, also: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<bool> {
        self.0.wait(write, also, deadline)
    }

    fn unacknowledged(&self) -> Option<u64> {
        Some(self.1.borrow_mut().pop_front().unwrap_or(0))
    }
}

#[derive(Clone, Copy)]
enum Afterwards {
    /// Reads on, says nothing.
    Silence,
    /// Does not read, but talks on, so that a wait for the socket finds something to read.
    Deafness,
    Close,
    /// Closes with a reset.
    Reset,
}

/// A server that answers each packet it reads with the next of its answers, and then does as it was told.
/// An answer that is not a whole packet counts as the last of its connection.
struct Peer {
    port: u16,
    accepted: mpsc::Receiver<()>,
}

impl Peer {
    /// The answers go to the first connection; what is left of them to the next, and so on.
    fn start(answers: Vec<Vec<u8>>, afterwards: Afterwards) -> Self {
        let mut connections = vec![vec![]];
        for answer in answers {
            if answer.first() == Some(&0x20) && connections.last().is_some_and(|last: &Vec<_>| !last.is_empty()) {
                connections.push(vec![]);
            }
            connections.last_mut().unwrap().push(answer);
        }
        Self::start_each(connections, afterwards)
    }

    fn start_each(connections: Vec<Vec<Vec<u8>>>, afterwards: Afterwards) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (accept, accepted) = mpsc::channel();
        thread::spawn(move || {
            let mut connections = connections.into_iter();
            let mut last = vec![];
            while let Ok((mut stream, _)) = listener.accept() {
                let answers = connections.next().unwrap_or_else(|| last.clone());
                last.clone_from(&answers);
                if accept.send(()).is_err() {
                    return;
                }
                for answer in &answers {
                    if read_packet(&mut stream).is_err() || stream.write_all(answer).is_err() {
                        break;
                    }
                }
                match afterwards {
                    Afterwards::Close => drop(stream),
                    Afterwards::Reset => {
                        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
                    }
                    Afterwards::Deafness => {
                        thread::spawn(move || {
                            while stream.write_all(PINGRESP).is_ok() {
                                thread::sleep(Duration::from_millis(50));
                            }
                        });
                    }
                    Afterwards::Silence => {
                        thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
                    }
                }
            }
        });
        Self { port, accepted }
    }

    fn connections(&self) -> usize {
        self.accepted.try_iter().count()
    }
}

fn read_packet(stream: &mut TcpStream) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let (mut length, mut shift) = (0u64, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= u64::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    match io::copy(&mut stream.take(length), &mut io::sink())? {
        read if read == length => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// A mosquitto of its own on a free loopback port, with a log; stopped when dropped.
struct Mosquitto {
    process: Option<Child>,
    directory: PathBuf,
    port: u16,
}

impl Mosquitto {
    fn start(options: &str) -> Self {
        Self::start_with(options, "")
    }

    /// `DIRECTORY` in the options is where `acl` is written to the file `acl`.
    fn start_with(options: &str, acl: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let directory = std::env::temp_dir().join(format!(
            "homing-mosquitto-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("acl"), acl).unwrap();
        // Another process may take the port before mosquitto does; then it ends, and the next port is tried.
        for _ in 0..20 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let options = options.replace("DIRECTORY", directory.to_str().unwrap());
            let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
            fs::write(directory.join("conf"), format!("listener {port} 127.0.0.1\n{user}{options}")).unwrap();
            let mut broker = Self { process: None, directory: directory.clone(), port };
            if broker.try_run() {
                return broker;
            }
        }
        panic!("mosquitto does not start: {}", fs::read_to_string(directory.join("log")).unwrap_or_default());
    }

    fn try_run(&mut self) -> bool {
        let log = File::create(self.directory.join("log")).unwrap();
        let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let process = Command::new(program)
            .args(["-v", "-c"])
            .arg(self.directory.join("conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto is installed (Debian: mosquitto, mosquitto-clients)");
        let process = self.process.insert(process);
        let start = Instant::now();
        while start.elapsed() < HANG {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            if log.contains("running") {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Kills it, without a goodbye, and starts it anew on the same port.
    fn restart(&mut self) {
        self.stop();
        assert!(self.try_run(), "{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// `mosquitto_sub` that ends after a number of messages.
struct Subscriber(Child);

impl Subscriber {
    fn start(broker: &Mosquitto, topic: &str, count: usize) -> Self {
        let process = Command::new("mosquitto_sub")
            .args(["-V", "mqttv5", "-h", "127.0.0.1", "-v", "-q", "1", "-W", "20", "-t", topic])
            .args(["-p", &broker.port.to_string(), "-C", &count.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub is installed (Debian: mosquitto-clients)");
        let start = Instant::now();
        while !broker.log().contains("Sending SUBACK") {
            assert!(start.elapsed() < HANG, "{}", broker.log());
            thread::sleep(Duration::from_millis(10));
        }
        Self(process)
    }

    /// The messages, `topic payload` each.
    fn messages(mut self) -> Vec<String> {
        let lines = BufReader::new(self.0.stdout.take().unwrap()).lines().map(io::Result::unwrap).collect();
        self.0.wait().unwrap();
        lines
    }
}

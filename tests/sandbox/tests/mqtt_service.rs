//! The broker, packet by packet (MQTT 5 and 3.1.1): what is recorded, what is refused, and its faults.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use homing_sandbox::{Fault, MqttFault, Sandbox, Service, Via};
use support::{Connection, connect, connect_as};

const CONNECT_5: &[u8] = &[0x10, 15, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, 2, b'i', b'd'];
const CONNECT_4: &[u8] = &[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 2, b'i', b'd'];
/// QoS 1, topic `t`, packet identifier 7, payload `hi`; MQTT 5 has the length of the properties in between.
const PUBLISH_5: &[u8] = &[0x32, 8, 0, 1, b't', 0, 7, 0, b'h', b'i'];
const PUBLISH_4: &[u8] = &[0x32, 7, 0, 1, b't', 0, 7, b'h', b'i'];

fn sandbox() -> Sandbox {
    Sandbox::builder().start().unwrap()
}

/// Sends a packet and reads the next one; empty when the connection is closed instead.
fn exchange(stream: &mut Connection, packet: &[u8]) -> Vec<u8> {
    stream.write_all(packet).unwrap();
    let mut header = [0; 2];
    if stream.read_exact(&mut header).is_err() {
        return Vec::new();
    }
    assert!(header[1] < 128, "these tests read short packets only");
    let mut rest = vec![0; usize::from(header[1])];
    stream.read_exact(&mut rest).unwrap();
    [&header[..], &rest].concat()
}

#[test]
fn a_message_is_recorded_before_its_acknowledgement_arrives() {
    let sandbox = sandbox();
    for (hello, publish, puback) in
        [(CONNECT_5, PUBLISH_5, &[0x40, 2, 0, 7][..]), (CONNECT_4, PUBLISH_4, &[0x40, 2, 0, 7])]
    {
        sandbox.clear_records();
        let mut stream = connect(&sandbox, Service::Mqtt);
        let connack = exchange(&mut stream, hello);
        assert_eq!((connack[0], connack[3]), (0x20, 0));
        assert_eq!(exchange(&mut stream, publish)[..4], *puback);
        let message = sandbox.messages().remove(0);
        assert_eq!((message.topic.as_str(), &message.payload[..], message.qos), ("t", &b"hi"[..], 1));
        assert_eq!((message.client_id.as_str(), message.via), ("id", Via::Mqtt));
        assert_eq!(message.thing_name.as_deref(), Some("sandbox-thing"));
    }
}

#[test]
fn a_message_of_qos_0_arrives_too() {
    let sandbox = sandbox();
    let mut stream = connect(&sandbox, Service::Mqtt);
    exchange(&mut stream, CONNECT_5);
    stream.write_all(&[0x30, 6, 0, 1, b't', 0, b'h', b'i']).unwrap();
    let arrivals = sandbox.wait_for_arrivals(1, Duration::from_secs(10));
    assert_eq!(arrivals[0].to_string(), "mqtt t hi");
    assert_eq!(sandbox.messages()[0].qos, 0);
}

#[test]
fn alpn_of_port_443_is_spoken_and_foreign_protocols_are_refused() {
    let sandbox = sandbox();
    let files = sandbox.certificates();
    let identity = || Some((files.device_certificate.as_path(), files.device_key.as_path()));
    let mut stream = connect_as(&sandbox, Service::Mqtt, identity(), &["x-amzn-mqtt-ca"]);
    assert_eq!(exchange(&mut stream, CONNECT_5)[0], 0x20);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"x-amzn-mqtt-ca"[..]));
    let mut stream = connect_as(&sandbox, Service::Mqtt, identity(), &["h2"]);
    stream.write_all(CONNECT_5).unwrap_err();
}

#[test]
fn strangers_are_refused() {
    let sandbox = sandbox();
    let files = sandbox.certificates();
    for identity in [None, Some((files.rogue_certificate.as_path(), files.rogue_key.as_path()))] {
        let mut stream = connect_as(&sandbox, Service::Mqtt, identity, &[]);
        let refused = stream.write_all(CONNECT_5).and_then(|()| stream.read_exact(&mut [0]));
        refused.unwrap_err();
    }
    // Counted by the server when the client has its refusal already.
    let deadline = Instant::now() + Duration::from_secs(10);
    while sandbox.counts(Service::Mqtt).failed_handshakes < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sandbox.counts(Service::Mqtt).failed_handshakes, 2);
}

#[test]
fn a_second_client_of_the_same_identifier_takes_over() {
    let sandbox = sandbox();
    let mut first = connect(&sandbox, Service::Mqtt);
    assert_eq!(exchange(&mut first, CONNECT_5)[0], 0x20);
    let mut second = connect(&sandbox, Service::Mqtt);
    assert_eq!(exchange(&mut second, CONNECT_5)[0], 0x20);
    let mut goodbye = [0; 4];
    first.read_exact(&mut goodbye).unwrap();
    assert_eq!((goodbye[0], goodbye[2]), (0xe0, 0x8e));
    assert_eq!(exchange(&mut second, PUBLISH_5)[0], 0x40);
}

#[test]
fn clients_that_leave_at_any_moment_do_not_keep_the_next_one_out() {
    let sandbox = sandbox();
    for _ in 0..50 {
        // Gone before its CONNACK.
        connect(&sandbox, Service::Mqtt).write_all(CONNECT_5).unwrap();
        let mut stream = connect(&sandbox, Service::Mqtt);
        assert_eq!(exchange(&mut stream, CONNECT_5)[0], 0x20);
        assert_eq!(exchange(&mut stream, PUBLISH_5)[0], 0x40);
    }
}

#[test]
fn a_client_that_says_nothing_holds_up_nobody() {
    let sandbox = sandbox();
    let _silent = std::net::TcpStream::connect(("127.0.0.1", sandbox.port(Service::Mqtt))).unwrap();
    assert_eq!(exchange(&mut connect(&sandbox, Service::Mqtt), CONNECT_5)[0], 0x20);
}

#[test]
fn a_payload_above_128_kib_ends_the_connection() {
    let sandbox = sandbox();
    let mut stream = connect(&sandbox, Service::Mqtt);
    exchange(&mut stream, CONNECT_5);
    let payload = vec![b'x'; 131_073];
    let length = payload.len() + 6;
    let length_bytes = [(length & 0x7f | 0x80) as u8, (length >> 7 & 0x7f | 0x80) as u8, (length >> 14) as u8];
    let packet = [&[0x32][..], &length_bytes, &[0, 1, b't', 0, 7, 0], &payload].concat();
    assert_eq!(exchange(&mut stream, &packet), b"");
    assert_eq!(sandbox.messages(), []);
}

#[test]
fn every_fault_is_seen_by_the_client_and_nothing_is_recorded() {
    let sandbox = sandbox();
    let set = |fault| sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(fault).times(1));

    set(MqttFault::Connack(0x87));
    assert_eq!(exchange(&mut connect(&sandbox, Service::Mqtt), CONNECT_5), [0x20, 3, 0, 0x87, 0]);
    set(MqttFault::Connack(0x87));
    assert_eq!(exchange(&mut connect(&sandbox, Service::Mqtt), CONNECT_4), [0x20, 2, 0, 5]);

    let publish = |fault| {
        set(fault);
        let mut stream = connect(&sandbox, Service::Mqtt);
        exchange(&mut stream, CONNECT_5);
        exchange(&mut stream, PUBLISH_5)
    };
    assert_eq!(publish(MqttFault::Puback(0x97)), [0x40, 4, 0, 7, 0x97, 0]);
    assert_eq!(publish(MqttFault::Disconnect(0x8e)), [0xe0, 2, 0x8e, 0]);
    assert_eq!(publish(MqttFault::Close), b"");

    set(MqttFault::NoPuback);
    let mut stream = connect(&sandbox, Service::Mqtt);
    exchange(&mut stream, CONNECT_5);
    stream.sock.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(exchange(&mut stream, PUBLISH_5), b"");
    assert_eq!(sandbox.messages(), []);

    stream.sock.set_read_timeout(Some(support::READ_TIMEOUT)).unwrap();
    assert_eq!(exchange(&mut stream, PUBLISH_5)[0], 0x40);
    assert_eq!(sandbox.messages().len(), 1);
}

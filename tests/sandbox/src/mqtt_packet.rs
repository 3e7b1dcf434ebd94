//! As much of MQTT's packet format as the gateway needs: frames, CONNECT's client, PUBLISH's content, acknowledgements.
//! Source: MQTT 3.1.1 and MQTT 5.0, sections 2 and 3.

use std::collections::HashMap;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// One whole packet, and its parts.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// Everything, as it came.
    pub(crate) whole: Bytes,
    /// The part behind the fixed header.
    pub(crate) body: Bytes,
}

impl Packet {
    /// The packet type, 1 to 15.
    pub(crate) fn kind(&self) -> u8 {
        self.whole[0] >> 4
    }
}

pub(crate) const CONNECT: u8 = 1;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;

/// Cuts a byte stream into packets. Reading may be cancelled at any time without losing bytes.
pub(crate) struct PacketReader<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> PacketReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: BytesMut::with_capacity(READ_CAPACITY) }
    }

    /// The next packet; `None` when the peer has closed between two packets.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Packet>> {
        loop {
            if let Some((header, length)) = frame(&self.buffer)? {
                if self.buffer.len() >= header + length {
                    let whole = self.buffer.split_to(header + length).freeze();
                    let body = whole.slice(header..);
                    return Ok(Some(Packet { whole, body }));
                }
                self.buffer.reserve(header + length - self.buffer.len());
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}

/// The lengths of the fixed header and of the rest, when the header is complete (section 2.1).
fn frame(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 2, length)));
        }
        if index == 3 {
            return Err(malformed());
        }
    }
    Ok(None)
}

/// What CONNECT says of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    /// 4 for MQTT 3.1.1, 5 for MQTT 5.
    pub(crate) level: u8,
    pub(crate) client_id: String,
}

/// Reads CONNECT (section 3.1).
pub(crate) fn connect(mut body: Bytes) -> io::Result<Connect> {
    let _protocol_name = text(&mut body)?;
    let level = byte(&mut body)?;
    let _flags = byte(&mut body)?;
    let _keep_alive = word(&mut body)?;
    if level == 5 {
        let _ = properties(&mut body)?;
    }
    Ok(Connect { level, client_id: text(&mut body)? })
}

/// The same CONNECT from a client of another name.
pub(crate) fn renamed_connect(packet: &Packet, client_id: &str) -> io::Result<Bytes> {
    let mut rest = packet.body.clone();
    let _protocol_name = text(&mut rest)?;
    let level = byte(&mut rest)?;
    let _flags = byte(&mut rest)?;
    let _keep_alive = word(&mut rest)?;
    if level == 5 {
        let _ = properties(&mut rest)?;
    }
    let before = packet.body.slice(..packet.body.len() - rest.len());
    let _client_id = text(&mut rest)?;
    let length = before.len() + 2 + client_id.len() + rest.len();
    let name_length = u16::try_from(client_id.len()).map_err(|_| malformed())?;
    let mut whole = vec![packet.whole[0]];
    let mut left = length;
    loop {
        let more = if left > 0x7f { 0x80 } else { 0 };
        whole.push((left & 0x7f) as u8 | more);
        left >>= 7;
        if left == 0 {
            break;
        }
    }
    for part in [&before[..], &name_length.to_be_bytes(), client_id.as_bytes(), &rest] {
        whole.extend_from_slice(part);
    }
    Ok(whole.into())
}

/// What PUBLISH carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) qos: u8,
    /// 0 with QoS 0.
    pub(crate) packet_identifier: u16,
    pub(crate) payload: Bytes,
}

/// Reads PUBLISH (section 3.3); `aliases` are the topic aliases of the connection so far.
pub(crate) fn publish(packet: &Packet, level: u8, aliases: &mut HashMap<u16, String>) -> io::Result<Publish> {
    let mut body = packet.body.clone();
    let qos = (packet.whole[0] >> 1) & 0b11;
    let mut topic = text(&mut body)?;
    let packet_identifier = if qos == 0 { 0 } else { word(&mut body)? };
    if level == 5
        && let Some(alias) = properties(&mut body)?
    {
        if topic.is_empty() {
            topic = aliases.get(&alias).cloned().ok_or_else(malformed)?;
        } else {
            aliases.insert(alias, topic.clone());
        }
    }
    Ok(Publish { topic, qos, packet_identifier, payload: body })
}

/// The packet identifier and the reason code of PUBACK or PUBREC (section 3.4); without a reason it is 0, success.
pub(crate) fn acknowledgement(mut body: Bytes) -> io::Result<(u16, u8)> {
    let packet_identifier = word(&mut body)?;
    Ok((packet_identifier, if body.is_empty() { 0 } else { body.get_u8() }))
}

/// CONNACK that refuses. MQTT 3.1.1 has its own few return codes; 5 is not authorized.
pub(crate) fn refusing_connack(level: u8, reason: u8) -> Vec<u8> {
    if level == 5 { vec![0x20, 3, 0, reason, 0] } else { vec![0x20, 2, 0, 5] }
}

/// MQTT 5's PUBACK with a reason.
pub(crate) fn puback(packet_identifier: u16, reason: u8) -> Vec<u8> {
    let [high, low] = packet_identifier.to_be_bytes();
    vec![0x40, 4, high, low, reason, 0]
}

/// MQTT 5's DISCONNECT from the server.
pub(crate) fn disconnect(reason: u8) -> Vec<u8> {
    vec![0xe0, 2, reason, 0]
}

/// Skips MQTT 5's properties (section 2.2.2) and gives the topic alias among them.
fn properties(body: &mut Bytes) -> io::Result<Option<u16>> {
    let length = variable_integer(body)?;
    if length > body.len() {
        return Err(malformed());
    }
    let mut properties = body.split_to(length);
    let mut alias = None;
    while !properties.is_empty() {
        match byte(&mut properties)? {
            TOPIC_ALIAS => alias = Some(word(&mut properties)?),
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => drop(byte(&mut properties)?),
            0x13 | 0x21 | 0x22 => drop(word(&mut properties)?),
            0x02 | 0x11 | 0x18 | 0x27 => {
                word(&mut properties)?;
                word(&mut properties)?;
            }
            0x0b => drop(variable_integer(&mut properties)?),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => drop(binary(&mut properties)?),
            0x26 => {
                binary(&mut properties)?;
                binary(&mut properties)?;
            }
            _ => return Err(malformed()),
        }
    }
    Ok(alias)
}

fn variable_integer(body: &mut Bytes) -> io::Result<usize> {
    let mut value = 0;
    for index in 0..4 {
        let next = byte(body)?;
        value |= usize::from(next & 0x7f) << (7 * index);
        if next & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(malformed())
}

fn byte(body: &mut Bytes) -> io::Result<u8> {
    if body.is_empty() { Err(malformed()) } else { Ok(body.get_u8()) }
}

fn word(body: &mut Bytes) -> io::Result<u16> {
    if body.len() < 2 { Err(malformed()) } else { Ok(body.get_u16()) }
}

fn binary(body: &mut Bytes) -> io::Result<Bytes> {
    let length = usize::from(word(body)?);
    if body.len() < length { Err(malformed()) } else { Ok(body.split_to(length)) }
}

fn text(body: &mut Bytes) -> io::Result<String> {
    String::from_utf8(binary(body)?.into()).map_err(|_| malformed())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed MQTT packet")
}

/// A packet of the usual size fits without growing.
const READ_CAPACITY: usize = 16 * 1024;
const TOPIC_ALIAS: u8 = 0x23;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(bytes: &[u8]) -> Packet {
        let (header, length) = frame(bytes).unwrap().unwrap();
        assert_eq!(header + length, bytes.len());
        Packet { whole: Bytes::copy_from_slice(bytes), body: Bytes::copy_from_slice(&bytes[header..]) }
    }

    #[test]
    fn a_topic_alias_stands_for_its_topic_later() {
        let mut aliases = HashMap::new();
        // QoS 1, packet identifier 7, properties: payload format indicator 1, topic alias 3.
        let first = packet(&[0x32, 13, 0, 1, b't', 0, 7, 5, 0x01, 1, 0x23, 0, 3, b'h', b'i']);
        let expected =
            Publish { topic: "t".to_owned(), qos: 1, packet_identifier: 7, payload: Bytes::from_static(b"hi") };
        assert_eq!(publish(&first, 5, &mut aliases).unwrap(), expected);
        let second = packet(&[0x30, 7, 0, 0, 3, 0x23, 0, 3, b'x']);
        assert_eq!(publish(&second, 5, &mut aliases).unwrap().topic, "t");
        assert!(publish(&second, 5, &mut HashMap::new()).is_err());
    }

    #[test]
    fn a_length_of_five_bytes_is_malformed() {
        assert!(frame(&[0x30, 0x80, 0x80, 0x80, 0x80, 1]).is_err());
        assert_eq!(frame(&[0x30, 0x80, 0x80]).unwrap(), None);
        assert_eq!(frame(&[0x30, 0x80, 0x01]).unwrap(), Some((3, 128)));
    }

    #[test]
    fn connect_of_both_protocol_levels_gives_the_client_identifier() {
        let v4 = Bytes::from_static(&[0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 2, b'i', b'd']);
        assert_eq!(connect(v4).unwrap(), Connect { level: 4, client_id: "id".to_owned() });
        let v5 = Bytes::from_static(&[0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 3, 0x21, 0, 10, 0, 2, b'i', b'd']);
        assert_eq!(connect(v5).unwrap(), Connect { level: 5, client_id: "id".to_owned() });
    }

    #[test]
    fn a_renamed_connect_keeps_everything_but_the_name() {
        // User name "u" behind the client identifier.
        let original =
            packet(&[0x10, 18, 0, 4, b'M', b'Q', b'T', b'T', 5, 0x82, 0, 60, 0, 0, 2, b'i', b'd', 0, 1, b'u']);
        let name = "n".repeat(200);
        let renamed = packet(&renamed_connect(&original, &name).unwrap());
        assert_eq!(connect(renamed.body.clone()).unwrap(), Connect { level: 5, client_id: name });
        assert_eq!(renamed_connect(&renamed, "id").unwrap(), original.whole);
    }
}

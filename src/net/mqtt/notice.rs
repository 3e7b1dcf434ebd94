//! What the broker says in CONNACK, PUBACK and DISCONNECT (MQTT 5, sections 3.2, 3.4, 3.14).
//!
//! minimq reports a DISCONNECT without its reason and never reports reason strings, and they are what a
//! person needs. So the bytes are listened to on their way to minimq, which alone judges the protocol.

use heapless::{String, Vec};

/// Which packet a notice came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet {
    Connack,
    Puback,
    Disconnect,
}

/// A reason code and, where the broker gave one, its reason string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) packet: Packet,
    /// MQTT 5, section 2.4.
    pub(super) reason: u8,
    /// The broker's own words, without control characters. Often empty.
    pub(super) text: String<REASON_STRING>,
}

/// Follows the packets in a stream of bytes that arrives in pieces of any size.
#[derive(Default)]
pub(super) struct NoticeReader {
    state: State,
    kind: u8,
    body: Vec<u8, BODY>,
    last: Option<Notice>,
    maximum_packet_size: Option<u32>,
}

#[derive(Default, Clone, Copy)]
enum State {
    #[default]
    Kind,
    Length {
        value: u32,
        shift: u32,
    },
    Body {
        remaining: u32,
    },
}

impl NoticeReader {
    /// Takes the next bytes of the stream.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Kind => {
                    self.kind = byte >> 4;
                    self.body.clear();
                    self.state = State::Length { value: 0, shift: 0 };
                    bytes = rest;
                }
                State::Length { value, shift } => {
                    let value = value | u32::from(byte & 0x7f) << shift;
                    bytes = rest;
                    if byte & 0x80 == 0 || shift == MAXIMUM_LENGTH_SHIFT {
                        self.state = State::Body { remaining: value };
                        self.finish_if_complete();
                    } else {
                        self.state = State::Length { value, shift: shift + 7 };
                    }
                }
                State::Body { remaining } => {
                    let count = bytes.len().min(remaining as usize);
                    let kept = count.min(BODY - self.body.len());
                    // `kept` is what there is room for.
                    let _ = self.body.extend_from_slice(&bytes[..kept]);
                    bytes = &bytes[count..];
                    self.state = State::Body { remaining: remaining - count as u32 };
                    self.finish_if_complete();
                }
            }
        }
    }

    pub(super) fn last(&self) -> Option<&Notice> {
        self.last.as_ref()
    }

    pub(super) fn maximum_packet_size(&self) -> Option<u32> {
        self.maximum_packet_size
    }

    fn finish_if_complete(&mut self) {
        if !matches!(self.state, State::Body { remaining: 0 }) {
            return;
        }
        self.state = State::Kind;
        // Where the reason code stands in the packet's body; the properties follow it.
        let (packet, position) = match self.kind {
            2 => (Packet::Connack, 1),
            4 => (Packet::Puback, 2),
            14 => (Packet::Disconnect, 0),
            _ => return,
        };
        // An absent reason code means success (sections 3.4.2.1 and 3.14.2.1).
        let reason = self.body.get(position).copied().unwrap_or(0);
        let mut text = String::new();
        let mut properties = properties_of(self.body.get(position + 1..).unwrap_or_default());
        while let Some((identifier, value)) = next_property(&mut properties) {
            match (identifier, value) {
                (REASON_STRING_PROPERTY, value) => append_printable(&mut text, value),
                (MAXIMUM_PACKET_SIZE_PROPERTY, &[a, b, c, d]) if packet == Packet::Connack => {
                    self.maximum_packet_size = Some(u32::from_be_bytes([a, b, c, d]));
                }
                _ => {}
            }
        }
        self.last = Some(Notice { packet, reason, text });
    }
}

/// The properties behind their length, as far as they were kept.
fn properties_of(bytes: &[u8]) -> &[u8] {
    let Some((length, rest)) = variable_byte_integer(bytes) else { return &[] };
    &rest[..rest.len().min(length as usize)]
}

/// Splits the next property off: its identifier and its value (MQTT 5, section 2.2.2.2). A length in
/// front of the value is removed; the second half of a user property stays with the first.
fn next_property<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&identifier, rest) = bytes.split_first()?;
    let (prefix, length) = match identifier {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => (0, 1),
        0x13 | 0x21 | 0x22 | 0x23 => (0, 2),
        0x02 | 0x11 | 0x18 | MAXIMUM_PACKET_SIZE_PROPERTY => (0, 4),
        0x0b => (0, rest.len() - variable_byte_integer(rest)?.1.len()),
        0x26 => {
            let name = length_prefix(rest)?;
            (0, 2 + name + 2 + length_prefix(rest.get(2 + name..)?)?)
        }
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | REASON_STRING_PROPERTY => (2, length_prefix(rest)?),
        _ => return None,
    };
    let value = rest.get(prefix..prefix + length)?;
    *bytes = &rest[prefix + length..];
    Some((identifier, value))
}

fn length_prefix(bytes: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*bytes.first_chunk()?)))
}

/// MQTT 5, section 1.5.5: at most four bytes.
fn variable_byte_integer(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

fn append_printable<const N: usize>(text: &mut String<N>, bytes: &[u8]) {
    let Ok(words) = std::str::from_utf8(bytes) else { return };
    for character in words.chars().filter(|character| !character.is_control()) {
        if text.push(character).is_err() {
            return;
        }
    }
}

const REASON_STRING_PROPERTY: u8 = 0x1f;
const MAXIMUM_PACKET_SIZE_PROPERTY: u8 = 0x27;

/// The fourth and last byte of a remaining length (MQTT 5, section 2.1.4) holds bits 21 to 27.
const MAXIMUM_LENGTH_SHIFT: u32 = 21;

/// A whole CONNACK of AWS IoT Core with its properties; of longer packets the beginning is enough.
const BODY: usize = 384;

/// A sentence.
const REASON_STRING: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(bytes: &[u8]) -> Option<(Packet, u8, std::string::String)> {
        let mut whole = NoticeReader::default();
        whole.read(bytes);
        let mut single = NoticeReader::default();
        bytes.iter().for_each(|byte| single.read(&[*byte]));
        assert_eq!(whole.last(), single.last());
        whole.last().map(|notice| (notice.packet, notice.reason, notice.text.as_str().to_owned()))
    }

    #[test]
    fn reads_reason_and_reason_string() {
        assert_eq!(notice(&[0x20, 3, 0, 0x87, 0]), Some((Packet::Connack, 0x87, std::string::String::new())));
        assert_eq!(notice(&[0x40, 2, 0, 1]), Some((Packet::Puback, 0, std::string::String::new())));
        assert_eq!(notice(&[0xe0, 0]), Some((Packet::Disconnect, 0, std::string::String::new())));
        let disconnect = [0xe0, 10, 0x8e, 8, 0x1f, 0, 5, b'a', b'b', 0x1b, b'[', b'c'];
        assert_eq!(notice(&disconnect), Some((Packet::Disconnect, 0x8e, "ab[c".into())));
    }

    #[test]
    fn skips_the_other_packets_and_properties() {
        let mut bytes = vec![0xd0, 0, 0x30, 4, 0, 1, b't', b'x'];
        // user property, receive maximum, subscription identifier, then the reason string
        bytes.extend([0x40, 23, 0, 1, 0x97, 19, 0x26, 0, 1, b'k', 0, 2, b'v', b'v']);
        bytes.extend([0x21, 0, 9, 0x0b, 0x80, 1, 0x1f, 0, 2, b'n', b'o']);
        assert_eq!(notice(&bytes), Some((Packet::Puback, 0x97, "no".into())));
    }

    #[test]
    fn remembers_the_maximum_packet_size() {
        let mut reader = NoticeReader::default();
        reader.read(&[0x20, 8, 0, 0, 5, 0x27, 0, 2, 0, 0]);
        assert_eq!(reader.maximum_packet_size(), Some(131_072));
    }

    #[test]
    fn survives_every_truncation_and_every_byte() {
        let disconnect = [0xe0, 10, 0x8e, 8, 0x1f, 0, 5, b'a', b'b', b'c', b'd', b'e'];
        for position in 0..disconnect.len() {
            for byte in 0..=255 {
                let mut broken = disconnect;
                broken[position] = byte;
                notice(&broken);
                notice(&broken[..position]);
            }
        }
    }
}

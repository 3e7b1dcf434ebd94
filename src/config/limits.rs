//! The limits that settings are checked against, each with where it comes from.

use crate::protocol::chunked::ChunkSize;
use crate::protocol::message::{AWS_IOT_PAYLOAD_LIMIT, MESSAGE_ID_LENGTH};
use crate::protocol::template::{KEY_CAPACITY, TOPIC_CAPACITY};

/// AWS IoT Core's limit on a published message: 128 KB, above which the broker just disconnects
/// ("AWS IoT Core message broker and protocol limits and quotas").
pub const MESSAGE_MAXIMUM: u64 = AWS_IOT_PAYLOAD_LIMIT as u64;

/// The most that a `file_content` message can need beside its base64 content: the JSON around it with
/// every field at its largest, and the MQTT packet around that, which is counted to be on the safe side
/// (the page speaks of the payload, but clients have been disconnected for the packet).
pub const MESSAGE_OVERHEAD_MAXIMUM: u64 = MESSAGE_FRAME.len() as u64
    + NAME_MAXIMUM
    + SIZE_MAXIMUM
    + SHA256_LENGTH
    + THING_NAME_MAXIMUM
    + TIME_MAXIMUM
    + MESSAGE_ID_LENGTH as u64
    + PACKET_OVERHEAD;

/// The largest `inline_limit`: the most bytes whose base64 text still fits one message in the worst case.
pub const INLINE_LIMIT_MAXIMUM: u64 = (MESSAGE_MAXIMUM - MESSAGE_OVERHEAD_MAXIMUM) / 4 * 3;

/// S3's own minimum for a chunk of an aws-chunked upload, the last one excepted ("Signature calculations
/// for the Authorization header: transferring payload in multiple chunks").
pub const CHUNK_SIZE_MINIMUM: u64 = ChunkSize::MIN as u64;

/// A chunk is held in memory whole. Beyond 1 MiB nothing is gained: the signature around 64 KiB already
/// costs 0.14 % of the bytes, and a small device has better uses for its memory.
pub const CHUNK_SIZE_MAXIMUM: u64 = 1024 * 1024;

/// The longest thing name (AWS IoT API, ThingName).
pub const THING_NAME_MAXIMUM: u64 = 128;

/// What the MQTT client's own storage for the client id holds. AWS IoT Core would take 128 bytes.
pub const CLIENT_ID_MAXIMUM: usize = 64;

/// The longest topic ("AWS IoT Core message broker and protocol limits"), the prefix of Basic Ingest not counted.
pub const TOPIC_MAXIMUM: usize = TOPIC_CAPACITY;

/// The most slashes in a topic (same page), those of Basic Ingest's prefix not counted.
pub const TOPIC_SLASHES_MAXIMUM: usize = 7;

/// The longest S3 key, in bytes of UTF-8 ("Creating object key names").
pub const KEY_MAXIMUM: usize = KEY_CAPACITY;

/// The longest life of a role alias's credentials, 12 h (AWS IoT API, CreateRoleAlias, credentialDurationSeconds).
pub const CREDENTIAL_LIFE_MAXIMUM: u64 = 43_200;

/// The longest JSON text taken as a configuration. A configuration has some hundred bytes; what is longer is
/// another file, given by mistake, that a small device should not read into its memory.
pub const CONFIG_TEXT_MAXIMUM: usize = 64 * 1024;

/// Everything of a `file_content` message that is the same in each, with its optional fields.
const MESSAGE_FRAME: &str =
    r#"{"type":"file_content","content":"","name":"","size":,"sha256":"","thing":"","time":"","message_id":""}"#;
/// A file name has at most 255 bytes (NAME_MAX); JSON writes a control character as six (`\u0001`). A byte that is
/// not UTF-8 becomes U+FFFD, three bytes, which is less.
const NAME_MAXIMUM: u64 = 255 * 6;
/// 2^64 - 1 in decimal.
const SIZE_MAXIMUM: u64 = 20;
/// SHA-256 in hexadecimal.
const SHA256_LENGTH: u64 = 64;
/// RFC 3339 in UTC, with nanoseconds and a year of up to five digits.
const TIME_MAXIMUM: u64 = 31;
/// MQTT 5, section 3.3: fixed header (1 + at most 4), topic's length (2) and text, packet identifier (2), properties' length (1).
const PACKET_OVERHEAD: u64 = 5 + 2 + TOPIC_WITH_BASIC_INGEST_MAXIMUM + 2 + 1;
/// `$aws/rules/`, a rule's name of at most 128 characters, a slash, and the topic.
const TOPIC_WITH_BASIC_INGEST_MAXIMUM: u64 = 11 + 128 + 1 + TOPIC_MAXIMUM as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::FileContent;

    #[test]
    fn the_largest_inline_file_fits_one_message_in_the_worst_case() {
        // The message as it is really written, with every field at its longest but the size, which has six digits.
        let message = FileContent {
            name: &"\u{1}".repeat(255),
            size: INLINE_LIMIT_MAXIMUM,
            thing: Some(&"t".repeat(128)),
            // In the year 9999.
            time: 253_402_300_799,
            message_id: &"0".repeat(MESSAGE_ID_LENGTH),
        };
        let topic = format!("$aws/rules/{}/{}", "r".repeat(128), "t".repeat(TOPIC_MAXIMUM));
        let packet = 5 + 2 + topic.len() as u64 + 2 + 1 + message.encoded_length();
        assert!(packet <= MESSAGE_MAXIMUM, "{packet}");
        assert!(packet + 64 > MESSAGE_MAXIMUM, "the limit is needlessly low: {packet}");
    }
}

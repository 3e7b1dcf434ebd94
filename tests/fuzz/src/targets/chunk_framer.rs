//! The aws-chunked framer: exactly `encoded_length` bytes come out, they are taken apart again by a reader that shares
//! nothing with it, and no buffer is overrun. The first byte is the mode, the next two the chunk size above its minimum;
//! the rest, repeated as often as the fourth byte says, is the data.

use homing::protocol::checksum::ChecksumAlgorithm;
use homing::protocol::chunked::{ChunkSize, Framer, PayloadMode, buffer_length, encoded_length};
use homing::protocol::credentials::Credentials;
use homing::protocol::secret::Secret;
use homing::protocol::sigv4::ChunkSigner;

pub fn run(data: &[u8]) {
    let [mode, size_high, size_low, repeat, data @ ..] = data else { return };
    let algorithm = ChecksumAlgorithm::ALL[usize::from(mode >> 2) % ChecksumAlgorithm::ALL.len()];
    let mode = match mode % 3 {
        0 => PayloadMode::Signed,
        1 => PayloadMode::SignedTrailer(algorithm),
        _ => PayloadMode::UnsignedTrailer(algorithm),
    };
    let bytes = ChunkSize::MIN + usize::from(u16::from_be_bytes([*size_high, *size_low])) % 256;
    let size = ChunkSize::new(bytes).expect("in range");
    let data = data.repeat(1 + usize::from(*repeat) * usize::from(data.len() < 512));
    let signer = ChunkSigner::new(&credentials(), "us-east-1", "s3", 0, [b'0'; 64]).expect("valid");
    let mut framer = Framer::new(mode, data.len() as u64, size, signer);
    let mut buffer = vec![0xa5; buffer_length(mode, size)];
    let (mut rest, mut encoded) = (&data[..], Vec::new());
    while let Some(mut chunk) = framer.next_chunk(&mut buffer) {
        let room = chunk.data();
        assert!(room.len() <= bytes && room.len() <= rest.len());
        let (now, later) = rest.split_at(room.len());
        room.copy_from_slice(now);
        rest = later;
        let range = chunk.seal();
        assert!(range.end <= buffer.len());
        encoded.extend_from_slice(&buffer[range]);
    }
    assert!(rest.is_empty() && framer.is_finished());
    assert_eq!(encoded.len() as u64, encoded_length(mode, data.len() as u64, size));
    assert!(decode(&encoded, mode).is_some_and(|decoded| decoded == data));
}

fn decode(mut encoded: &[u8], mode: PayloadMode) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let header = line(&mut encoded)?;
        let (length, signature) = match header.split_once(";chunk-signature=") {
            Some((length, signature)) => (length, signature.len()),
            None => (header, 0),
        };
        let length = usize::from_str_radix(length, 16).ok()?;
        (signature == if mode.is_signed() { 64 } else { 0 }).then_some(())?;
        if length == 0 {
            break;
        }
        data.extend_from_slice(encoded.get(..length)?);
        encoded = encoded[length..].strip_prefix(b"\r\n")?;
    }
    if let Some(algorithm) = mode.trailer() {
        let (name, value) = line(&mut encoded)?.split_once(':')?;
        (name == algorithm.header_name() && value.len() == algorithm.text_length()).then_some(())?;
        if mode.is_signed() {
            let (name, value) = line(&mut encoded)?.split_once(':')?;
            (name == "x-amz-trailer-signature" && value.len() == 64).then_some(())?;
        }
    }
    (encoded == b"\r\n").then_some(data)
}

fn line<'a>(encoded: &mut &'a [u8]) -> Option<&'a str> {
    let end = encoded.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&encoded[..end]).ok()?;
    *encoded = &encoded[end + 2..];
    Some(line)
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKID".try_into().expect("fits"),
        secret_access_key: Secret::new("secret").expect("fits"),
        session_token: Secret::new("").expect("fits"),
        expiration: None,
    }
}

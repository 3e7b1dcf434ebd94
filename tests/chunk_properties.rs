//! Properties of chunk signatures and of the framing, on random inputs: agreement with `aws-sigv4`, and what comes out
//! of the framer is taken apart again and verified by a decoder that shares nothing with it.

use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::http::Headers;
use base64::Engine as _;
use bytes::Bytes;
use homing::protocol::checksum::ChecksumAlgorithm;
use homing::protocol::chunked::{ChunkSize, Framer, PayloadMode, buffer_length, encoded_length};
use homing::protocol::credentials::Credentials;
use homing::protocol::secret::Secret;
use homing::protocol::sigv4::{ChunkSigner, Signature};
use proptest::prelude::*;
use ring::{digest, hmac};
use std::time::{Duration, SystemTime};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A chain of chunks and a trailer, under any secret, scope and time.
    #[test]
    fn chunk_signer_agrees_with_aws_sigv4(
        secret in "[!-~]{1,100}",
        region in "[a-z0-9-]{1,40}",
        service in "[a-z0-9-]{1,30}",
        time in 0..=LATEST_TIME,
        seed in "[0-9a-f]{64}",
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..5),
        trailers in prop::collection::btree_map("x-amz-[a-z0-9]{1,20}", "[!-~]{1,60}", 1..4),
    ) {
        let identity = aws_credential_types::Credentials::new("AKID", &secret, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(&service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(time as u64))
            .settings(())
            .build()
            .expect("complete");
        let mut signer = ChunkSigner::new(&credentials(&secret), &region, &service, time, signature(&seed)).expect("valid");
        let mut running = seed;
        for chunk in chunks {
            let ours = signer.sign_chunk(&sha256(&chunk));
            running = v4::sign_chunk(&Bytes::from(chunk), &running, &parameters).expect("signed").into_parts().1;
            prop_assert_eq!(&ours, running.as_bytes());
        }
        let (mut headers, mut canonical) = (Headers::new(), String::new());
        for (name, value) in trailers {
            canonical += &format!("{name}:{value}\n");
            headers.append(name, value);
        }
        let ours = signer.sign_trailer(&sha256(canonical.as_bytes()));
        let theirs = v4::sign_trailer(&headers, &running, &parameters).expect("signed").into_parts().1;
        prop_assert_eq!(&ours, theirs.as_bytes());
    }

    /// Any length, chunk size and mode: exactly `encoded_length` bytes, which decode to the data and verify.
    #[test]
    fn what_is_framed_decodes_and_verifies(upload in upload()) {
        let encoded = upload.frame();
        prop_assert_eq!(encoded.len() as u64, encoded_length(upload.mode, upload.data.len() as u64, upload.chunk_size));
        match upload.decode(&encoded) {
            Ok(data) => prop_assert!(data == upload.data, "other data"),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    /// No byte can be changed on the way, whether it is data, length, signature, checksum or line end.
    #[test]
    fn no_changed_byte_goes_unnoticed(
        upload in upload(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 8),
    ) {
        let mut encoded = upload.frame();
        for (index, mask) in flips {
            let place = index.index(encoded.len());
            encoded[place] ^= mask;
            prop_assert!(upload.decode(&encoded).is_err(), "byte {} of {}, mask {:#04x}", place, encoded.len(), mask);
            encoded[place] ^= mask;
        }
        // The end is where lengths could hide a mistake.
        for cut in 1..4 {
            prop_assert!(upload.decode(&encoded[..encoded.len() - cut]).is_err(), "cut by {}", cut);
        }
    }
}

/// A signature depends on every one before it: swapping two chunks is noticed.
#[test]
fn swapped_chunks_are_noticed() {
    let chunk_size = ChunkSize::new(ChunkSize::MIN).expect("in range");
    let mut data = vec![1; ChunkSize::MIN];
    data.extend(vec![2; ChunkSize::MIN]);
    let upload = Upload { mode: PayloadMode::Signed, chunk_size, data };
    let encoded = upload.frame();
    let chunk = "2000;chunk-signature=\r\n\r\n".len() + 64 + ChunkSize::MIN;
    let swapped = [&encoded[chunk..2 * chunk], &encoded[..chunk], &encoded[2 * chunk..]].concat();
    assert!(upload.decode(&encoded).is_ok());
    assert!(upload.decode(&swapped).is_err());
}

#[derive(Debug, Clone)]
struct Upload {
    mode: PayloadMode,
    chunk_size: ChunkSize,
    data: Vec<u8>,
}

impl Upload {
    fn frame(&self) -> Vec<u8> {
        let length = self.data.len() as u64;
        let signer = ChunkSigner::new(&credentials(SECRET), "us-east-1", "s3", TIME, SEED).expect("valid");
        let mut framer = Framer::new(self.mode, length, self.chunk_size, signer);
        // Garbage in the buffer must not come out.
        let mut buffer = vec![0xa5; buffer_length(self.mode, self.chunk_size)];
        let (mut rest, mut encoded) = (&self.data[..], Vec::new());
        while let Some(mut chunk) = framer.next_chunk(&mut buffer) {
            let data = chunk.data();
            let (now, later) = rest.split_at(data.len());
            data.copy_from_slice(now);
            rest = later;
            let range = chunk.seal();
            encoded.extend_from_slice(&buffer[range]);
        }
        assert!(rest.is_empty() && framer.is_finished());
        assert_eq!(framer.checksum(), self.mode.trailer().map(|algorithm| checksum(algorithm, &self.data)).as_deref());
        encoded
    }

    /// The strictest reader there is: every byte is as it has to be, or an error that says where it is not.
    fn decode(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        let mut reader = Reader { rest: encoded };
        let mut previous = String::from_utf8(SEED.to_vec()).expect("ASCII");
        let mut data = Vec::new();
        loop {
            let header = reader.line()?;
            let length = match (self.mode.is_signed(), header.split_once(";chunk-signature=")) {
                (true, Some((length, _))) => length,
                (false, None) => header,
                _ => return Err(format!("chunk header {header:?}")),
            };
            let size =
                usize::from_str_radix(length, 16).map_err(|error| format!("chunk length {length:?}: {error}"))?;
            let expected = self.chunk_size.bytes().min(self.data.len() - data.len());
            if format!("{expected:x}") != length {
                return Err(format!("chunk length {length:?} instead of {expected:x}"));
            }
            let chunk = reader.take(size)?;
            if self.mode.is_signed() {
                let hashes = format!("{}\n{}", hexadecimal(&sha256(b"")), hexadecimal(&sha256(chunk)));
                previous = next_signature("AWS4-HMAC-SHA256-PAYLOAD", &previous, &hashes);
                if header != format!("{length};chunk-signature={previous}") {
                    return Err(format!("chunk signature in {header:?}"));
                }
            }
            if size == 0 {
                break;
            }
            data.extend_from_slice(chunk);
            reader.end_of_line()?;
        }
        if let Some(algorithm) = self.mode.trailer() {
            let expected = format!("x-amz-checksum-{}:{}", algorithm.name().to_lowercase(), checksum(algorithm, &data));
            let line = reader.line()?;
            if line != expected {
                return Err(format!("trailer {line:?} instead of {expected:?}"));
            }
            if self.mode.is_signed() {
                let hash = hexadecimal(&sha256(format!("{expected}\n").as_bytes()));
                let signature = next_signature("AWS4-HMAC-SHA256-TRAILER", &previous, &hash);
                let line = reader.line()?;
                if line != format!("x-amz-trailer-signature:{signature}") {
                    return Err(format!("trailer signature {line:?}"));
                }
            }
        }
        reader.end_of_line()?;
        if reader.rest.is_empty() { Ok(data) } else { Err(format!("{} bytes after the end", reader.rest.len())) }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("ends early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.rest.windows(2).position(|pair| pair == b"\r\n").ok_or("no line end")?;
        let line = self.take(length)?;
        self.end_of_line()?;
        std::str::from_utf8(line).map_err(|error| error.to_string())
    }

    fn end_of_line(&mut self) -> Result<(), String> {
        if self.take(2)? == b"\r\n" { Ok(()) } else { Err("no line end after the data".to_owned()) }
    }
}

/// Chunk sizes from the minimum on, with lengths that favour the edges of a chunk.
fn upload() -> impl Strategy<Value = Upload> {
    let algorithm = prop::sample::select(ChecksumAlgorithm::ALL.to_vec());
    let mode = prop_oneof![
        Just(PayloadMode::Signed),
        algorithm.clone().prop_map(PayloadMode::SignedTrailer),
        algorithm.prop_map(PayloadMode::UnsignedTrailer),
    ];
    let chunk_size = prop_oneof![Just(ChunkSize::MIN), Just(ChunkSize::MIN + 1), Just(65_536), ChunkSize::MIN..20_000];
    (mode, chunk_size, 0..4usize, any::<u64>()).prop_flat_map(|(mode, size, full_chunks, seed)| {
        let rest = prop_oneof![Just(0), Just(1), Just(15), Just(16), Just(4095), Just(4096), Just(size - 1), 0..size];
        rest.prop_map(move |rest| Upload {
            mode,
            chunk_size: ChunkSize::new(size).expect("in range"),
            data: noise(seed, full_chunks * size + rest),
        })
    })
}

/// Marsaglia's xorshift64: bytes without a pattern, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[7]
    };
    (0..length).map(|_| next()).collect()
}

/// Bit by bit, from the parameters in the CRC catalogue (reflected polynomials).
fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> String {
    let crc = |polynomial: u64, ones: u64| {
        !data.iter().fold(ones, |crc, byte| {
            (0..8).fold(crc ^ u64::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 })
        }) & ones
    };
    let crc_32 = |polynomial| (crc(polynomial, u32::MAX.into()) as u32).to_be_bytes().to_vec();
    let value = match algorithm {
        ChecksumAlgorithm::Crc32 => crc_32(0xedb8_8320),
        ChecksumAlgorithm::Crc32c => crc_32(0x82f6_3b78),
        ChecksumAlgorithm::Crc64Nvme => crc(0x9a6c_9329_ac4b_c9b5, u64::MAX).to_be_bytes().to_vec(),
        ChecksumAlgorithm::Sha256 => sha256(data).to_vec(),
    };
    let mut text = [0; 44];
    let length = base64::engine::general_purpose::STANDARD.encode_slice(value, &mut text).expect("fits");
    String::from_utf8(text[..length].to_vec()).expect("ASCII")
}

fn next_signature(algorithm: &str, previous: &str, hashes: &str) -> String {
    let scope = "20130524/us-east-1/s3/aws4_request";
    let string_to_sign = format!("{algorithm}\n20130524T000000Z\n{scope}\n{previous}\n{hashes}");
    let key =
        scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    hexadecimal(&hmac_sha256(&key, string_to_sign.as_bytes()))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("32 bytes")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signature(text: &str) -> Signature {
    text.as_bytes().try_into().expect("64 digits")
}

fn credentials(secret: &str) -> Credentials {
    Credentials {
        access_key_id: "AKID".try_into().expect("fits"),
        secret_access_key: Secret::new(secret).expect("fits"),
        session_token: Secret::new("").expect("fits"),
        expiration: None,
    }
}

/// 9999-12-31T23:59:59Z.
const LATEST_TIME: i64 = 253_402_300_799;
/// 2013-05-24T00:00:00Z.
const TIME: i64 = 1_369_353_600;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SEED: Signature = *b"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

//! The object checksums that S3 takes as a trailer and stores with the object.
//!
//! Source: Amazon S3 User Guide, "Checking object integrity"
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>).

use base64::Engine as _;
use core::fmt;
use core::str::FromStr;
use crc::{Crc, Digest, Table};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crc32fast::Hasher as Crc32;
use std::sync::LazyLock;

/// An algorithm that S3 accepts for an object's checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// CRC-32 of ISO-HDLC, as in Ethernet and gzip; 4 bytes.
    Crc32,
    /// CRC-32 of Castagnoli, as in iSCSI; 4 bytes.
    Crc32c,
    /// CRC-64 of NVM Express; 8 bytes. What S3 computes by itself when nothing is asked for.
    Crc64Nvme,
    /// SHA-256; 32 bytes.
    Sha256,
}

/// A text that names no [`ChecksumAlgorithm`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownChecksumAlgorithm;

/// The base64 text of a checksum, as headers, trailers and `ChecksumMode=ENABLED` replies carry it.
pub type ChecksumText = heapless::String<CHECKSUM_TEXT_CAPACITY>;

/// A checksum that is being computed. Allocates nothing.
pub struct Checksum(State);

impl ChecksumAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha256];

    /// The name of the header or trailer that carries the value, and the value of `x-amz-trailer` that announces it.
    pub const fn header_name(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The name in S3's API, as in `x-amz-sdk-checksum-algorithm` and `x-amz-checksum-algorithm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha256 => "SHA256",
        }
    }

    /// Length of the value in base64, padding included.
    pub const fn text_length(self) -> usize {
        let bytes = match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha256 => 32usize,
        };
        bytes.div_ceil(3) * 4
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Takes the configuration's spelling: `crc32`, `crc32c`, `crc64nvme`, `sha256`, in any case.
impl FromStr for ChecksumAlgorithm {
    type Err = UnknownChecksumAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(text))
            .ok_or(UnknownChecksumAlgorithm)
    }
}

impl Checksum {
    /// The checksum of no bytes yet.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        Self(match algorithm {
            ChecksumAlgorithm::Crc32 => State::Crc32(Crc32::new()),
            ChecksumAlgorithm::Crc32c => State::Crc32c(CRC32C.digest()),
            ChecksumAlgorithm::Crc64Nvme => State::Crc64(CRC64NVME.digest()),
            ChecksumAlgorithm::Sha256 => State::Sha256(ring::digest::Context::new(&ring::digest::SHA256)),
        })
    }

    /// Takes further bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(digest) => digest.update(bytes),
            State::Crc32c(digest) => digest.update(bytes),
            State::Crc64(digest) => digest.update(bytes),
            State::Sha256(context) => context.update(bytes),
        }
    }

    /// The value in base64: the CRC or digest in network byte order.
    pub fn finish(self) -> ChecksumText {
        match self.0 {
            State::Crc32(digest) => encode(&digest.finalize().to_be_bytes()),
            State::Crc32c(digest) => encode(&digest.finalize().to_be_bytes()),
            State::Crc64(digest) => encode(&digest.finalize().to_be_bytes()),
            State::Sha256(context) => encode(context.finish().as_ref()),
        }
    }
}

/// The CRC-32 of `bytes` as a number, as `x-amz-crc32` carries it in decimal.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut digest = Crc32::new();
    digest.update(bytes);
    digest.finalize()
}

#[expect(clippy::large_enum_variant, reason = "one lives at a time, on the stack: boxing would save nothing")]
enum State {
    Crc32(Crc32),
    Crc32c(Digest<'static, u32, Table<16>>),
    Crc64(Digest<'static, u64, Table<16>>),
    Sha256(ring::digest::Context),
}

/// CRC-32 where no crate computes it any faster; elsewhere it is crc32fast's, with the processor's own instructions.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
struct Crc32(Digest<'static, u32, Table<16>>);

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Crc32 {
    fn new() -> Self {
        static CRC32: Tables<u32> = LazyLock::new(|| Box::new(Crc::<u32, Table<16>>::new(&crc::CRC_32_ISO_HDLC)));
        Self(CRC32.digest())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finalize(self) -> u32 {
        self.0.finalize()
    }
}

fn encode(value: &[u8]) -> ChecksumText {
    let mut text = [0; CHECKSUM_TEXT_CAPACITY];
    // A digest of at most 32 bytes always fits, and base64 is ASCII: neither fallback is ever taken.
    let length = base64::engine::general_purpose::STANDARD.encode_slice(value, &mut text).unwrap_or_default();
    core::str::from_utf8(&text[..length]).ok().and_then(|text| text.try_into().ok()).unwrap_or_default()
}

/// Base64 of SHA-256's 32 bytes, the longest of all.
const CHECKSUM_TEXT_CAPACITY: usize = 44;

// `Table<16>` takes 16 bytes a step: 64 KiB of tables in all, for six times the speed of `Table<1>`. Each is computed
// when first used, in microseconds, and on the heap, so that none of them is in the binary. The crates with SIMD do nothing
// on 32-bit ARM, which is what homing is for; the one for S3's CRC-32, the trailer unless another is asked for, costs
// little and is eight times as fast elsewhere, and the widest of them adds 770 KB.
type Tables<Width> = LazyLock<Box<Crc<Width, Table<16>>>>;
static CRC32C: Tables<u32> = LazyLock::new(|| Box::new(Crc::<u32, Table<16>>::new(&crc::CRC_32_ISCSI)));
static CRC64NVME: Tables<u64> = LazyLock::new(|| Box::new(Crc::<u64, Table<16>>::new(&crc::CRC_64_NVME)));

#[cfg(test)]
mod tests {
    use super::*;

    /// The "check" values of the CRC catalogue, and FIPS 180-4's digest, of the text `123456789`.
    const KNOWN_ANSWERS: [(ChecksumAlgorithm, &[u8]); 4] = [
        (ChecksumAlgorithm::Crc32, &0xcbf4_3926_u32.to_be_bytes()),
        (ChecksumAlgorithm::Crc32c, &0xe306_9283_u32.to_be_bytes()),
        (ChecksumAlgorithm::Crc64Nvme, &0xae8b_1486_0a79_9888_u64.to_be_bytes()),
        (
            ChecksumAlgorithm::Sha256,
            &[
                0x15, 0xe2, 0xb0, 0xd3, 0xc3, 0x38, 0x91, 0xeb, 0xb0, 0xf1, 0xef, 0x60, 0x9e, 0xc4, 0x19, 0x42, 0x0c,
                0x20, 0xe3, 0x20, 0xce, 0x94, 0xc6, 0x5f, 0xbc, 0x8c, 0x33, 0x12, 0x44, 0x8e, 0xb2, 0x25,
            ],
        ),
    ];

    #[test]
    fn known_answers_whole_and_in_pieces() {
        for (algorithm, expected) in KNOWN_ANSWERS {
            let mut whole = Checksum::new(algorithm);
            whole.update(b"123456789");
            let text = whole.finish();
            assert_eq!(
                base64::engine::general_purpose::STANDARD.decode(&text).expect("base64"),
                expected,
                "{algorithm}"
            );
            assert_eq!(text.len(), algorithm.text_length(), "{algorithm}");

            let mut pieces = Checksum::new(algorithm);
            for piece in ["1", "", "2345", "6789"] {
                pieces.update(piece.as_bytes());
            }
            assert_eq!(pieces.finish(), text, "{algorithm}");
        }
    }

    /// The checksum in AWS's published trailer example: 66,560 times `a`.
    #[test]
    fn published_crc32c() {
        let mut checksum = Checksum::new(ChecksumAlgorithm::Crc32c);
        checksum.update(&[b'a'; 66_560]);
        assert_eq!(checksum.finish(), "sOO8/Q==");
    }

    #[test]
    fn names_are_read_as_the_configuration_spells_them() {
        for (text, algorithm) in ["crc32", "crc32c", "crc64nvme", "sha256"].into_iter().zip(ChecksumAlgorithm::ALL) {
            assert_eq!(text.parse(), Ok(algorithm));
            assert_eq!(algorithm.header_name(), format!("x-amz-checksum-{text}"));
        }
        assert_eq!("md5".parse::<ChecksumAlgorithm>(), Err(UnknownChecksumAlgorithm));
        assert_eq!("none".parse::<ChecksumAlgorithm>(), Err(UnknownChecksumAlgorithm));
    }
}

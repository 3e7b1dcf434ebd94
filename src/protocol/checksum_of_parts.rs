//! The checksum of a whole object out of its parts' checksums, without the bytes: CRCs can be joined.
//!
//! zlib's `crc32_combine` in any width: the CRC of A followed by B is the CRC of A times x to the number of B's bits,
//! modulo the polynomial, plus the CRC of B. It holds for CRCs that begin and end with all ones, as S3's three do.
//!
//! Source: Amazon S3 User Guide, "Checking object integrity", full object and composite checksums.

use super::checksum::{ChecksumAlgorithm, ChecksumText};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How S3 makes one checksum of those of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumType {
    /// That of all the object's bytes.
    FullObject,
    /// That of the parts' checksums.
    Composite,
}

impl ChecksumType {
    /// The one we ask for: that of the whole object wherever S3 can make it, because it can be verified without knowing
    /// the parts. CRC64NVME has no other, SHA-256 has not got it.
    pub const fn of(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc64Nvme => Self::FullObject,
            ChecksumAlgorithm::Sha256 => Self::Composite,
        }
    }

    /// The value of `x-amz-checksum-type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// The checksum of an object that is being put together from its parts.
#[derive(Debug, Clone, Copy)]
pub struct JoinedChecksum {
    /// Reflected, as the CRCs are: the highest power is the lowest bit.
    polynomial: u64,
    bits: u32,
    value: u64,
}

impl JoinedChecksum {
    /// That of no bytes yet; `None` for an algorithm that cannot be joined.
    pub const fn new(algorithm: ChecksumAlgorithm) -> Option<Self> {
        let (polynomial, bits) = match algorithm {
            ChecksumAlgorithm::Crc32 => (0xedb8_8320, 32),
            ChecksumAlgorithm::Crc32c => (0x82f6_3b78, 32),
            ChecksumAlgorithm::Crc64Nvme => (0x9a6c_9329_ac4b_c9b5, 64),
            ChecksumAlgorithm::Sha256 => return None,
        };
        Some(Self { polynomial, bits, value: 0 })
    }

    /// Adds the next part: its checksum in base64, and its length in bytes. Gives whether that was one.
    pub fn append(&mut self, checksum: &str, length: u64) -> bool {
        let mut bytes = [0; 8];
        let size = self.bits as usize / 8;
        if !matches!(STANDARD.decode_slice(checksum, &mut bytes[8 - size..]), Ok(decoded) if decoded == size) {
            return false;
        }
        self.value = self.times(self.power_of_x(u128::from(length) * 8), self.value) ^ u64::from_be_bytes(bytes);
        true
    }

    /// The whole object's checksum in base64.
    pub fn finish(self) -> ChecksumText {
        let mut text = [0; 12];
        let bytes = self.value.to_be_bytes();
        // 4 or 8 bytes make 8 or 12 characters of ASCII: neither fallback is ever taken.
        let length = STANDARD.encode_slice(&bytes[8 - self.bits as usize / 8..], &mut text).unwrap_or_default();
        core::str::from_utf8(&text[..length]).ok().and_then(|text| text.try_into().ok()).unwrap_or_default()
    }

    fn power_of_x(&self, mut exponent: u128) -> u64 {
        let one = 1 << (self.bits - 1);
        let (mut power, mut square) = (one, one >> 1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = self.times(square, power);
            }
            square = self.times(square, square);
            exponent >>= 1;
        }
        power
    }

    fn times(&self, one: u64, mut other: u64) -> u64 {
        let mut product = 0;
        for bit in (0..self.bits).rev() {
            if one >> bit & 1 == 1 {
                product ^= other;
            }
            other = if other & 1 == 1 { other >> 1 ^ self.polynomial } else { other >> 1 };
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::Checksum;
    use super::*;

    fn checksum(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> ChecksumText {
        let mut checksum = Checksum::new(algorithm);
        checksum.update(bytes);
        checksum.finish()
    }

    #[test]
    fn joined_is_the_same_as_computed() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect();
        for algorithm in ChecksumAlgorithm::ALL {
            let Some(empty) = JoinedChecksum::new(algorithm) else {
                assert_eq!(ChecksumType::of(algorithm), ChecksumType::Composite);
                continue;
            };
            assert_eq!(empty.finish(), checksum(algorithm, b""));
            for length in [1, 2, 7, 4096, 33_333, 99_999, 100_000] {
                let mut joined = empty;
                for part in bytes.chunks(length) {
                    assert!(joined.append(&checksum(algorithm, part), part.len() as u64));
                }
                assert_eq!(joined.finish(), checksum(algorithm, &bytes), "{algorithm} in parts of {length}");
            }
        }
    }

    #[test]
    fn what_is_no_checksum_is_not_taken() {
        let mut joined = JoinedChecksum::new(ChecksumAlgorithm::Crc32).expect("a CRC");
        for text in ["", "AAAA", "rsxW1xqPqxg=", "AAAAAA==-2", "not base64"] {
            assert!(!joined.append(text, 1), "{text}");
        }
    }
}

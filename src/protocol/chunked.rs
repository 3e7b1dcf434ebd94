//! aws-chunked framing of an upload, in place: the data are read straight to where they are sent from.
//!
//! ```text
//! buffer   | 10000;chunk-signature=…␍␊ | data … | ␍␊ | 0;chunk-signature=…␍␊ trailer ␍␊ | room |
//!            ╰─ once data is signed ─╯  ╰ file ╯      ╰─ once, after the last data ─╯
//!          ╰───────────────────────── what seal() says to send ────────────────────────╯
//! ```
//!
//! Sources: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks"
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>) and "Including Trailing Headers"
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>).

use super::checksum::{Checksum, ChecksumAlgorithm, ChecksumText};
use super::sigv4::{ChunkSigner, sha256};
use core::ops::RangeTo;

/// How the body of an upload is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadMode {
    /// Every chunk is signed.
    Signed,
    /// Every chunk is signed, and so is a checksum of the whole after the last.
    SignedTrailer(ChecksumAlgorithm),
    /// Nothing is signed, a checksum of the whole comes last. For TLS only.
    UnsignedTrailer(ChecksumAlgorithm),
}

impl PayloadMode {
    /// The value of `x-amz-content-sha256`.
    pub const fn content_sha256(self) -> &'static str {
        match self {
            Self::Signed => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::SignedTrailer(_) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Self::UnsignedTrailer(_) => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        }
    }

    /// The algorithm of the trailing checksum. Where there is one, the request has to carry `x-amz-trailer` with its
    /// [`header_name`](ChecksumAlgorithm::header_name).
    pub const fn trailer(self) -> Option<ChecksumAlgorithm> {
        match self {
            Self::Signed => None,
            Self::SignedTrailer(algorithm) | Self::UnsignedTrailer(algorithm) => Some(algorithm),
        }
    }

    /// Whether chunks are signed.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Signed | Self::SignedTrailer(_))
    }

    const fn signature_length(self) -> usize {
        if self.is_signed() { CHUNK_SIGNATURE.len() + SIGNATURE_LENGTH } else { 0 }
    }

    /// Header and line end of a chunk with `length` bytes of data.
    const fn overhead(self, length: usize) -> usize {
        hexadecimal_length(length) + self.signature_length() + 2 * CRLF.len()
    }

    /// The last, empty chunk, the trailer and the end.
    const fn tail_length(self) -> usize {
        let last_chunk = hexadecimal_length(0) + self.signature_length() + CRLF.len();
        let trailer = match self.trailer() {
            None => 0,
            Some(algorithm) => algorithm.header_name().len() + 1 + algorithm.text_length() + CRLF.len(),
        };
        let trailer_signature = match self {
            Self::SignedTrailer(_) => TRAILER_SIGNATURE.len() + SIGNATURE_LENGTH + CRLF.len(),
            Self::Signed | Self::UnsignedTrailer(_) => 0,
        };
        last_chunk + trailer + trailer_signature + CRLF.len()
    }
}

/// The bytes of data in every chunk but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkSize(usize);

/// A chunk size outside [`ChunkSize::MIN`] to [`ChunkSize::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSizeOutOfRange;

impl ChunkSize {
    /// S3 accepts no chunk below 8 KiB but the last (S3 API Reference, "Transferring Payload in Multiple Chunks").
    pub const MIN: usize = 8 * 1024;
    /// The largest chunk that S3-compatible servers accept (MinIO). S3 itself names no limit.
    pub const MAX: usize = 16 * 1024 * 1024;
    /// 64 KiB: 0.14% of overhead, and what AWS's own examples and SDKs use.
    pub const DEFAULT: Self = Self(64 * 1024);

    /// `bytes` from [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
    ///
    /// # Errors
    /// [`ChunkSizeOutOfRange`].
    pub const fn new(bytes: usize) -> Result<Self, ChunkSizeOutOfRange> {
        if bytes < Self::MIN || bytes > Self::MAX { Err(ChunkSizeOutOfRange) } else { Ok(Self(bytes)) }
    }

    /// The size in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

/// The exact `Content-Length` of `decoded_length` bytes (below 2^63, as files are) once they are framed.
pub const fn encoded_length(mode: PayloadMode, decoded_length: u64, chunk_size: ChunkSize) -> u64 {
    let size = chunk_size.0 as u64;
    // Less than a chunk size, which is a usize.
    let rest = (decoded_length % size) as usize;
    let rest_overhead = if rest == 0 { 0 } else { mode.overhead(rest) };
    decoded_length
        + decoded_length / size * mode.overhead(chunk_size.0) as u64
        + rest_overhead as u64
        + mode.tail_length() as u64
}

/// The length of the buffer that a [`Framer`] of this mode and chunk size works in.
pub const fn buffer_length(mode: PayloadMode, chunk_size: ChunkSize) -> usize {
    mode.overhead(chunk_size.0) + chunk_size.0 + mode.tail_length()
}

/// Frames one upload, chunk by chunk, in a buffer of the caller's.
///
/// ```
/// # use homing::protocol::{checksum::ChecksumAlgorithm, chunked::*, credentials::Credentials, request::Request, secret::Secret, sigv4::*};
/// # use std::io::{Read, Write};
/// # let (mut file, mut connection) = (&b"five!"[..], Vec::new());
/// # let credentials = Credentials { access_key_id: Default::default(), secret_access_key: Secret::new("").unwrap(), session_token: Secret::new("").unwrap(), expiration: None };
/// # let mut request = Request::new("PUT", "example.com", "/key", "").unwrap();
/// # let time = 0;
/// let (mode, size) = (PayloadMode::UnsignedTrailer(ChecksumAlgorithm::Crc32), ChunkSize::DEFAULT);
/// request.header("content-length", encoded_length(mode, 5, size)).unwrap();
/// request.header("x-amz-trailer", ChecksumAlgorithm::Crc32.header_name()).unwrap();
/// let seed = sign(&mut request, &credentials, "us-east-1", "s3", time, Payload::Streaming(mode)).unwrap();
/// let signer = ChunkSigner::new(&credentials, "us-east-1", "s3", time, seed).unwrap();
///
/// let mut buffer = vec![0; buffer_length(mode, size)];
/// let mut framer = Framer::new(mode, 5, size, signer);
/// while let Some(mut chunk) = framer.next_chunk(&mut buffer) {
///     file.read_exact(chunk.data())?;
///     let encoded = chunk.seal();
///     connection.write_all(&buffer[encoded])?;
/// }
/// assert_eq!(connection, b"5\r\nfive!\r\n0\r\nx-amz-checksum-crc32:kuFWJw==\r\n\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Framer {
    mode: PayloadMode,
    /// There is one exactly in the modes that are signed.
    signer: Option<ChunkSigner>,
    chunk_size: ChunkSize,
    /// Data bytes that are in no sealed chunk yet.
    remaining: u64,
    checksum: Option<Checksum>,
    checksum_text: ChecksumText,
    finished: bool,
}

impl Framer {
    /// Frames `decoded_length` bytes. `signer` starts from the signature of the request, which was signed for the same
    /// `mode`; where chunks are not signed, it is dropped at once.
    pub fn new(mode: PayloadMode, decoded_length: u64, chunk_size: ChunkSize, signer: ChunkSigner) -> Self {
        Self {
            mode,
            signer: mode.is_signed().then_some(signer),
            chunk_size,
            remaining: decoded_length,
            checksum: mode.trailer().map(Checksum::new),
            checksum_text: ChecksumText::new(),
            finished: false,
        }
    }

    /// The mode this framer works in.
    pub fn mode(&self) -> PayloadMode {
        self.mode
    }

    /// Opens the next chunk in `buffer`, which is to have [`buffer_length`] bytes and may be another one for every
    /// chunk. `None` when all has been sealed. A chunk that is dropped unsealed is opened again by the next call.
    ///
    /// An upload of no bytes has one chunk without data.
    ///
    /// # Panics
    /// When `buffer` is shorter than [`buffer_length`].
    pub fn next_chunk<'a>(&'a mut self, buffer: &'a mut [u8]) -> Option<OpenChunk<'a>> {
        if self.finished {
            return None;
        }
        let length = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(self.chunk_size.0);
        Some(OpenChunk { buffer: &mut buffer[..buffer_length(self.mode, self.chunk_size)], framer: self, length })
    }

    /// Whether everything has been sealed, the last chunk and the trailer included.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The checksum in base64, once finished, in the modes that have one.
    pub fn checksum(&self) -> Option<&str> {
        (!self.checksum_text.is_empty()).then_some(&self.checksum_text)
    }

    /// Where the data of a chunk of `length` bytes begin: behind its header.
    fn data_start(&self, length: usize) -> usize {
        if length == 0 { 0 } else { hexadecimal_length(length) + self.mode.signature_length() + CRLF.len() }
    }

    /// Writes last chunk and trailer.
    fn write_tail(&mut self, out: &mut Writer<'_>) {
        out.push(b"0");
        if let Some(signer) = &mut self.signer {
            out.push(CHUNK_SIGNATURE);
            out.push(&signer.sign_chunk(&sha256(b"")));
        }
        out.push(CRLF);
        if let (Some(algorithm), Some(checksum)) = (self.mode.trailer(), self.checksum.take()) {
            self.checksum_text = checksum.finish();
            let line_start = out.end;
            out.push(algorithm.header_name().as_bytes());
            out.push(b":");
            out.push(self.checksum_text.as_bytes());
            let line_end = out.end;
            if let Some(signer) = &mut self.signer {
                // The signed text ends in a bare line feed: it stands there only for as long as it is hashed.
                out.push(b"\n");
                let signature = signer.sign_trailer(&sha256(&out.buffer[line_start..out.end]));
                out.end = line_end;
                out.push(CRLF);
                out.push(TRAILER_SIGNATURE);
                out.push(&signature);
            }
            out.push(CRLF);
        }
        out.push(CRLF);
        self.finished = true;
    }
}

/// A chunk whose data are still to be filled in. Sealing it takes it away, so that it cannot be sealed twice.
#[must_use = "a chunk counts only once it is sealed"]
pub struct OpenChunk<'a> {
    framer: &'a mut Framer,
    buffer: &'a mut [u8],
    length: usize,
}

impl OpenChunk<'_> {
    /// Where this chunk's data go: exactly as many bytes as it has. All of them are to be filled before
    /// [`seal`](Self::seal); may be called again to go on filling.
    pub fn data(&mut self) -> &mut [u8] {
        let start = self.framer.data_start(self.length);
        &mut self.buffer[start..start + self.length]
    }

    /// Hashes and signs the data, writes what goes before and after them, and gives the part of the buffer to send.
    /// After the last data that includes the last chunk and the trailer.
    pub fn seal(self) -> RangeTo<usize> {
        let Self { framer, buffer, length } = self;
        let data_start = framer.data_start(length);
        let data_end = data_start + length;
        let mut out = Writer { buffer, end: data_end };
        if length > 0 {
            let data = &out.buffer[data_start..data_end];
            if let Some(checksum) = &mut framer.checksum {
                checksum.update(data);
            }
            let signature = framer.signer.as_mut().map(|signer| signer.sign_chunk(&sha256(data)));

            let mut header = Writer { buffer: out.buffer, end: 0 };
            header.push_hexadecimal(length);
            if let Some(signature) = signature {
                header.push(CHUNK_SIGNATURE);
                header.push(&signature);
            }
            header.push(CRLF);
            out.push(CRLF);
            framer.remaining -= length as u64;
        }
        if framer.remaining == 0 {
            framer.write_tail(&mut out);
        }
        ..out.end
    }
}

/// Appends at `end`. The lengths were reckoned beforehand, so that everything fits.
struct Writer<'a> {
    buffer: &'a mut [u8],
    end: usize,
}

impl Writer<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.end..][..bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    fn push_hexadecimal(&mut self, number: usize) {
        for digit in (0..hexadecimal_length(number)).rev() {
            self.push(&[b"0123456789abcdef"[number >> (4 * digit) & 15]]);
        }
    }
}

const fn hexadecimal_length(number: usize) -> usize {
    match number.checked_ilog2() {
        None => 1,
        Some(bit) => bit as usize / 4 + 1,
    }
}

const CRLF: &[u8] = b"\r\n";
const CHUNK_SIGNATURE: &[u8] = b";chunk-signature=";
const TRAILER_SIGNATURE: &[u8] = b"x-amz-trailer-signature:";
/// 32 bytes of HMAC-SHA-256 in hexadecimal.
const SIGNATURE_LENGTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::credentials::Credentials;
    use super::super::secret::Secret;
    use super::*;

    #[test]
    fn chunk_sizes_from_8_kib_to_16_mib() {
        for (bytes, valid) in [(0, false), (8191, false), (8192, true), (16 << 20, true), ((16 << 20) + 1, false)] {
            assert_eq!(ChunkSize::new(bytes).is_ok(), valid, "{bytes}");
        }
    }

    #[test]
    fn hexadecimal_lengths_change_at_powers_of_16() {
        for number in (0..70_000).chain([0xff_ffff, 0x100_0000]) {
            assert_eq!(hexadecimal_length(number), format!("{number:x}").len(), "{number}");
        }
    }

    /// The `Content-Length` of AWS's two published examples, and the smallest upload there is.
    #[test]
    fn published_encoded_lengths() {
        let signed_trailer = PayloadMode::SignedTrailer(ChecksumAlgorithm::Crc32c);
        assert_eq!(encoded_length(PayloadMode::Signed, 66_560, ChunkSize::DEFAULT), 66_824);
        assert_eq!(encoded_length(signed_trailer, 66_560, ChunkSize::DEFAULT), 66_946);
        let unsigned = PayloadMode::UnsignedTrailer(ChecksumAlgorithm::Crc32);
        assert_eq!(
            encoded_length(unsigned, 0, ChunkSize::DEFAULT),
            "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n".len() as u64
        );
    }

    /// S3's largest object today has 50 TB; nothing overflows on the way there or far beyond.
    #[test]
    fn encoded_lengths_of_huge_files() {
        let chunk_size = ChunkSize::new(ChunkSize::MIN).expect("in range");
        let chunks = (i64::MAX as u64).div_ceil(8192);
        let overhead = "2000;chunk-signature=\r\n\r\n".len() as u64 + 64;
        let tail = "0;chunk-signature=\r\n\r\n".len() as u64 + 64;
        // The rest, 8,191 bytes, has a header as long as a full chunk's.
        assert_eq!(
            encoded_length(PayloadMode::Signed, i64::MAX as u64, chunk_size),
            i64::MAX as u64 + chunks * overhead + tail
        );
    }

    #[test]
    fn a_chunk_dropped_unsealed_is_opened_again() {
        let mode = PayloadMode::SignedTrailer(ChecksumAlgorithm::Crc32);
        let mut framer = Framer::new(mode, 10, ChunkSize::DEFAULT, signer());
        let mut buffer = vec![0; buffer_length(mode, ChunkSize::DEFAULT)];
        assert!(framer.next_chunk(&mut buffer).is_some());
        assert!(!framer.is_finished());
        assert_eq!(framer.checksum(), None);
        let mut chunk = framer.next_chunk(&mut buffer).expect("open");
        assert_eq!(chunk.data().len(), 10);
        let _ = chunk.seal();
        assert!(framer.is_finished());
        assert!(framer.checksum().is_some());
        assert!(framer.next_chunk(&mut buffer).is_none());
    }

    /// A buffer too short would cut a chunk; it is refused before anything is read into it.
    #[test]
    #[should_panic(expected = "out of range")]
    fn a_buffer_that_is_too_short_is_refused() {
        let mut framer = Framer::new(PayloadMode::Signed, 10, ChunkSize::DEFAULT, signer());
        let mut buffer = vec![0; buffer_length(PayloadMode::Signed, ChunkSize::DEFAULT) - 1];
        let _ = framer.next_chunk(&mut buffer);
    }

    fn signer() -> ChunkSigner {
        let credentials = Credentials {
            access_key_id: heapless::String::new(),
            secret_access_key: Secret::new("").expect("fits"),
            session_token: Secret::new("").expect("fits"),
            expiration: None,
        };
        ChunkSigner::new(&credentials, "us-east-1", "s3", 0, [b'0'; 64]).expect("valid")
    }
}

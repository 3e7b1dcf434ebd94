//! The two messages of `homing send`, written straight into the packet's buffer.
//!
//! Their first two fields are what consumers in the field parse (`type`, then `content` or `url`); the rest
//! only adds to them.

use super::hexadecimal;
use super::json::{Full, ObjectWriter};
use super::time::iso8601;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

/// `{"type":"file_content","content":"<base64>",…}`: the whole file inside the message.
#[derive(Debug, Clone, Copy)]
pub struct FileContent<'a> {
    /// The file's name without its directory.
    pub name: &'a str,
    /// The file's size in bytes, as it was when it was opened.
    pub size: u64,
    /// The thing name, where one is configured.
    pub thing: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub time: i64,
    /// The same in every repeat of this message, and in no other: see [`message_id`].
    pub message_id: &'a str,
}

/// Why a [`FileContent`] could not be written.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteError<E> {
    /// The file could not be read.
    Read(E),
    /// The file has not the size it had: it was read to that byte, or beyond the size it had.
    SizeChanged {
        /// How many bytes came; one more than the size stands for any number more.
        read: u64,
    },
    /// The message is longer than the buffer.
    Full(Full),
}

impl FileContent<'_> {
    /// The exact length of the message in bytes.
    pub fn encoded_length(&self) -> u64 {
        let mut writer = ObjectWriter::new(&mut []);
        self.head(&mut writer);
        self.tail(&mut writer, &[0; 32]);
        let around = match writer.finish() {
            Ok(length) | Err(Full { needed: length }) => length,
        };
        base64_length(self.size).saturating_add(around as u64)
    }

    /// Writes the message into `buffer` and gives its length. `read` fills (part of) the slice it is given with
    /// the file's next bytes and says how many; 0 is the end. The SHA-256 is taken on the way.
    ///
    /// # Errors
    /// [`WriteError`]; `buffer` then holds nothing of use.
    pub fn write<E>(
        &self,
        buffer: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, WriteError<E>> {
        let needed = self.encoded_length();
        if needed > buffer.len() as u64 {
            return Err(WriteError::Full(Full { needed: usize::try_from(needed).unwrap_or(usize::MAX) }));
        }
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut writer = ObjectWriter::new(buffer);
        self.head(&mut writer);
        let mut chunk = [0; CHUNK];
        let mut total = 0;
        loop {
            let filled = fill(&mut chunk, &mut read).map_err(WriteError::Read)?;
            total += filled as u64;
            if total > self.size {
                return Err(WriteError::SizeChanged { read: self.size + 1 });
            }
            hash.update(&chunk[..filled]);
            // A chunk has a multiple of 3 bytes, so that only the last one is padded.
            let room = writer.reserve(filled.div_ceil(3) * 4).unwrap_or_default();
            if STANDARD.encode_slice(&chunk[..filled], room).is_err() {
                return Err(WriteError::Full(Full { needed: usize::try_from(needed).unwrap_or(usize::MAX) }));
            }
            if filled < CHUNK {
                break;
            }
        }
        if total < self.size {
            return Err(WriteError::SizeChanged { read: total });
        }
        self.tail(&mut writer, hash.finish().as_ref());
        writer.finish().map_err(WriteError::Full)
    }

    fn head(&self, writer: &mut ObjectWriter<'_>) {
        writer.text("type", "file_content");
        writer.open_text("content");
    }

    fn tail(&self, writer: &mut ObjectWriter<'_>, sha256: &[u8]) {
        writer.close_text();
        writer.text("name", self.name).number("size", self.size);
        writer
            .text("sha256", &hexadecimal::digits(sha256).collect::<heapless::String<64>>())
            .optional_text("thing", self.thing)
            .text("time", &iso8601(self.time))
            .text("message_id", self.message_id);
    }
}

/// `{"type":"s3_url","url":"https://…",…}`: the file is in S3.
#[derive(Debug, Clone, Copy)]
pub struct S3Url<'a> {
    /// Where the object is; see `aws::s3_bucket`. Presigned, it gives access to it.
    pub url: &'a str,
    /// Until when a presigned `url` gives access, in seconds since the Unix epoch.
    pub expires: Option<i64>,
    /// The file's name without its directory.
    pub name: &'a str,
    /// The object's size in bytes.
    pub size: u64,
    /// The algorithm in lower case (`crc32`, `sha256`…) and the object's checksum in base64, as S3 keeps it.
    pub checksum: Option<(&'a str, &'a str)>,
    /// The object's ETag without its quotes.
    pub etag: Option<&'a str>,
    /// The thing name, where one is configured.
    pub thing: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub time: i64,
    /// The same in every repeat of this message, and in no other: see [`message_id`].
    pub message_id: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The key, not encoded.
    pub key: &'a str,
    /// The version, in a bucket with versioning.
    pub version_id: Option<&'a str>,
}

impl S3Url<'_> {
    /// The exact length of the message in bytes.
    pub fn encoded_length(&self) -> usize {
        match self.write(&mut []) {
            Ok(length) | Err(Full { needed: length }) => length,
        }
    }

    /// Writes the message into `buffer` and gives its length.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; `buffer` then holds nothing of use.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, Full> {
        let mut writer = ObjectWriter::new(buffer);
        writer.text("type", "s3_url").text("url", self.url).text("name", self.name).number("size", self.size);
        if let Some((algorithm, value)) = self.checksum {
            let mut name = heapless::String::<CHECKSUM_NAME_CAPACITY>::new();
            // An algorithm's name is at most 9 characters long ("crc64nvme"): it fits.
            if name.push_str("checksum_").and_then(|()| name.push_str(algorithm)).is_ok() {
                writer.text(&name, value);
            }
        }
        writer.optional_text("etag", self.etag).optional_text("thing", self.thing).text("time", &iso8601(self.time));
        writer.text("message_id", self.message_id);
        writer.text("bucket", self.bucket).text("key", self.key).optional_text("version_id", self.version_id);
        writer.optional_text("expires", self.expires.map(iso8601).as_deref());
        writer.finish()
    }
}

/// A message's id from 128 random bits: consumers tell a repeat, which carries the same one, from another message.
pub fn message_id(random: [u8; 16]) -> heapless::String<MESSAGE_ID_LENGTH> {
    hexadecimal::digits(&random).collect()
}

/// The length of the longest `file_content` message that a file of `size` bytes can need: for refusing an
/// inline limit before there is a file. Assumes a name of 255 bytes (`NAME_MAX`) that all need escaping.
pub const fn longest_file_content(size: u64) -> u64 {
    base64_length(size).saturating_add(LONGEST_AROUND_CONTENT)
}

const fn base64_length(size: u64) -> u64 {
    size.div_ceil(3).saturating_mul(4)
}

fn fill<E>(chunk: &mut [u8], read: &mut impl FnMut(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
    let mut filled = 0;
    while filled < chunk.len() {
        match read(&mut chunk[filled..])? {
            0 => break,
            // More than was asked for is not possible; not to be trusted either.
            count => filled = (filled + count).min(chunk.len()),
        }
    }
    Ok(filled)
}

/// The largest payload AWS IoT Core takes, over MQTT and HTTPS alike (AWS IoT Core quotas, "Payload size").
/// It ends the connection at anything larger.
pub const AWS_IOT_PAYLOAD_LIMIT: usize = 131_072;
/// The largest inline limit whose message always fits [`AWS_IOT_PAYLOAD_LIMIT`], in bytes.
pub const LARGEST_INLINE_LIMIT: u64 = (AWS_IOT_PAYLOAD_LIMIT as u64 - LONGEST_AROUND_CONTENT) / 4 * 3;

/// 128 bits in hexadecimal.
pub const MESSAGE_ID_LENGTH: usize = 32;

/// Field names and punctuation (103); a name of 255 bytes and a thing name of 128, each byte escaped to 6; 20
/// digits of size; 64 of SHA-256; 20 of time; the message's id.
const LONGEST_AROUND_CONTENT: u64 = 103 + (255 + 128) * 6 + 20 + 64 + 20 + MESSAGE_ID_LENGTH as u64;
/// A multiple of 3, small enough for the stack of any thread.
const CHUNK: usize = 3 * 1024;
/// `checksum_` and the name of an algorithm.
const CHECKSUM_NAME_CAPACITY: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: FileContent<'_> =
        FileContent { name: "a \"b\".txt", size: 3, thing: Some("camera-1"), time: 1_440_938_160, message_id: ID };
    const ID: &str = "000102030405060708090a0b0c0d0eff";

    /// Reads at most 7 bytes at a time, so that chunks are filled in several steps.
    fn reader(mut bytes: &[u8]) -> impl FnMut(&mut [u8]) -> Result<usize, &'static str> {
        move |room| {
            let count = bytes.len().min(room.len()).min(7);
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            Ok(count)
        }
    }

    fn written(message: &FileContent<'_>, content: &[u8]) -> String {
        let mut buffer = vec![0; AWS_IOT_PAYLOAD_LIMIT];
        let length = message.write(&mut buffer, reader(content)).unwrap();
        assert_eq!(message.encoded_length(), length as u64);
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_file_inside_the_message() {
        // SHA-256 of "abc": FIPS 180-4's example.
        assert_eq!(
            written(&MESSAGE, b"abc"),
            r#"{"type":"file_content","content":"YWJj","name":"a \"b\".txt","size":3,"#.to_owned()
                + r#""sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","#
                + r#""thing":"camera-1","time":"2015-08-30T12:36:00Z","message_id":"000102030405060708090a0b0c0d0eff"}"#
        );
    }

    #[test]
    fn an_empty_file_is_a_message_too() {
        let empty = FileContent { size: 0, thing: None, ..MESSAGE };
        assert!(written(&empty, b"").starts_with(r#"{"type":"file_content","content":"","#));
    }

    #[test]
    fn content_of_any_length_decodes_to_itself() {
        for size in (0..40).chain([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 51_200]) {
            let content: Vec<u8> = (0..size).map(|index| (index * 7 % 251) as u8).collect();
            let message = written(&FileContent { size: size as u64, ..MESSAGE }, &content);
            let encoded = message.split('"').nth(7).unwrap();
            let mut decoded = vec![0; size + 3];
            let length = STANDARD.decode_slice(encoded, &mut decoded).unwrap();
            assert_eq!(&decoded[..length], content);
        }
    }

    #[test]
    fn an_id_is_its_bits_in_hexadecimal() {
        assert_eq!(message_id([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]), ID);
    }

    #[test]
    fn a_file_that_changes_its_size_is_an_error() {
        let mut buffer = [0; 512];
        assert_eq!(MESSAGE.write(&mut buffer, reader(b"ab")), Err(WriteError::SizeChanged { read: 2 }));
        assert_eq!(MESSAGE.write(&mut buffer, reader(b"abcd")), Err(WriteError::SizeChanged { read: 4 }));
        assert_eq!(MESSAGE.write(&mut buffer, reader(&[0; 9000])), Err(WriteError::SizeChanged { read: 4 }));
        assert_eq!(MESSAGE.write(&mut buffer, |_| Err("read error")), Err(WriteError::Read("read error")));
    }

    #[test]
    fn a_buffer_of_the_exact_length_is_enough_and_one_less_is_not() {
        let needed = MESSAGE.encoded_length() as usize;
        assert_eq!(MESSAGE.write(&mut vec![0; needed], reader(b"abc")), Ok(needed));
        assert_eq!(MESSAGE.write(&mut vec![0; needed - 1], reader(b"abc")), Err(WriteError::Full(Full { needed })));
    }

    #[test]
    fn the_largest_inline_limit_holds_for_the_worst_name() {
        let (name, thing) = ("\u{1}".repeat(255), "\u{1}".repeat(128));
        let worst =
            FileContent { name: &name, size: LARGEST_INLINE_LIMIT, thing: Some(&thing), time: i64::MAX, ..MESSAGE };
        assert!(worst.encoded_length() <= AWS_IOT_PAYLOAD_LIMIT as u64);
        assert!(worst.encoded_length() <= longest_file_content(LARGEST_INLINE_LIMIT));
        assert!(longest_file_content(LARGEST_INLINE_LIMIT + 3) > AWS_IOT_PAYLOAD_LIMIT as u64);
        // The 103 is exact: only the digits of the size are fewer than the 20 allowed for.
        let digits = LARGEST_INLINE_LIMIT.to_string().len() as u64;
        assert_eq!(worst.encoded_length() + 20 - digits, longest_file_content(LARGEST_INLINE_LIMIT));
    }

    #[test]
    fn an_object_in_s3() {
        let message = S3Url {
            url: "https://my-bucket.s3.amazonaws.com/camera-1/a.jpg",
            expires: None,
            name: "a.jpg",
            size: 1_048_576,
            checksum: Some(("crc32", "AAAAAA==")),
            etag: Some("9b2cf535f27731c974343645a3985328"),
            thing: Some("camera-1"),
            time: 1_440_938_160,
            message_id: ID,
            bucket: "my-bucket",
            key: "camera-1/a.jpg",
            version_id: Some("3/L4kqtJlcpXroDTDmJ"),
        };
        let mut buffer = [0; 512];
        let length = message.write(&mut buffer).unwrap();
        assert_eq!(length, message.encoded_length());
        assert_eq!(
            core::str::from_utf8(&buffer[..length]).unwrap(),
            r#"{"type":"s3_url","url":"https://my-bucket.s3.amazonaws.com/camera-1/a.jpg","name":"a.jpg","size":1048576,"#
                .to_owned()
                + r#""checksum_crc32":"AAAAAA==","etag":"9b2cf535f27731c974343645a3985328","thing":"camera-1","#
                + r#""time":"2015-08-30T12:36:00Z","message_id":"000102030405060708090a0b0c0d0eff","bucket":"my-bucket","key":"camera-1/a.jpg","version_id":"3/L4kqtJlcpXroDTDmJ"}"#
        );
        assert_eq!(message.write(&mut buffer[..length - 1]), Err(Full { needed: length }));
        let presigned = S3Url { expires: Some(1_440_941_760), ..message };
        let length = presigned.write(&mut buffer).unwrap();
        assert!(buffer[..length].ends_with(br#"DTDmJ","expires":"2015-08-30T13:36:00Z"}"#));
    }
}

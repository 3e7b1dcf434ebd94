//! One file into one S3 object, streamed: file → hash → frame → TLS, through the connection's buffer, which holds a chunk.

mod multipart;
mod own_object;
mod parts;
mod standard_input;

pub use own_object::with_own_id;

use super::place::{Place, S3, unsignable};
use super::signer::Signer;
use super::source::Source;
use crate::aws::s3_put::{Encoding, ObjectHeaders, PutObject, PutObjectOutcome};
use crate::cli;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::http::{Body, BodySource, Client};
use crate::progress::Progress;
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::chunked::{ChunkSize, Framer, PayloadMode, buffer_length, encoded_length};
use crate::protocol::content_type::content_type;
use crate::protocol::plan::MAXIMUM_OBJECT_SIZE;
use crate::protocol::sigv4::{self, ChunkSigner, Payload};

/// Everything about uploads that stays the same from file to file.
pub struct Uploader {
    client: Client,
    signer: Signer,
    place: Place,
    mode: PayloadMode,
    chunk_size: ChunkSize,
    /// Whether an upload in parts that failed so is given up.
    pub gives_up: fn(&Error) -> bool,
}

impl Uploader {
    /// Prepares uploads through `client`, signed by `signer`.
    ///
    /// # Errors
    /// [`Fault::Config`]: a chunk size out of range.
    pub fn new(config: &Config, mut client: Client, signer: Signer, place: Place) -> Result<Self> {
        let mode = config.payload;
        let chunk_size = ChunkSize::new(config.chunk_size)
            .map_err(|_| Error::new(Fault::Config, "invalid_value", "the chunk size is out of range"))?;
        client.hold_pieces_of(buffer_length(mode, chunk_size));
        let gives_up = |error: &Error| !error.retryable() && matches!(error.fault(), Fault::Refused | Fault::Data);
        Ok(Self { client, signer, place, mode, chunk_size, gives_up })
    }

    /// Who signs uploads.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Where uploads go.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Uploads go here from now on.
    pub fn turn_to(&mut self, place: Place) {
        self.place = place;
    }

    /// Puts the whole of `source`, from its start, to `key`: one attempt.
    ///
    /// # Errors
    /// The file cannot be read or changes; S3 cannot be reached or refuses. S3 then has no such object, or the one
    /// it had before.
    pub fn put(&mut self, source: &mut Source, key: &str, headers: &cli::ObjectHeaders) -> Result<PutObjectOutcome> {
        check_size(source)?;
        source.rewind()?;
        let call = PutObject { bucket: self.place.bucket(), key };
        let media_type = headers.content_type.as_deref().unwrap_or_else(|| content_type(&source.name));
        let headers = object_headers(headers, media_type);
        // Radosgw takes a decoded length of 0 for a request without a body, and then finds the wrong hash.
        let is_plain = source.size == 0 && self.mode == PayloadMode::Signed;
        let encoding = (!is_plain).then(|| Encoding {
            encoded_length: encoded_length(self.mode, source.size, self.chunk_size),
            decoded_length: source.size,
            trailer: self.mode.trailer().map(ChecksumAlgorithm::header_name),
        });
        let payload = if is_plain { Payload::Bytes(b"") } else { Payload::Streaming(self.mode) };
        let mut request = call.request(&headers, encoding.as_ref())?;
        let (credentials, time) = (self.signer.credentials(), self.signer.time());
        let seed = sigv4::sign(&mut request, &credentials, self.place.region(), S3, time, payload)
            .map_err(|error| unsignable(&error))?;
        let mut reply = vec![0; REPLY_CAPACITY];
        if is_plain {
            source.check_unchanged()?;
            let answer = self.client.send(&request, Body::Bytes(b""), &mut reply)?;
            return call.parse(&answer.reply(), self.signer.at(answer.midpoint));
        }
        let signer =
            ChunkSigner::new(&credentials, self.place.region(), S3, time, seed).map_err(|error| unsignable(&error))?;
        let framer = Framer::new(self.mode, source.size, self.chunk_size, signer);
        let name = source.name.clone();
        let mut body = FramedFile { progress: Progress::new(&name, source.size), source, framer, position: 0 };
        log::debug!("PUT {key}: {} bytes, {:?}", body.source.size, self.mode);
        let answer = self.client.send(&request, Body::Source(&mut body), &mut reply)?;
        let mut outcome = call.parse(&answer.reply(), self.signer.at(answer.midpoint))?;
        if let (None, Some(algorithm), Some(checksum)) =
            (&outcome.checksum, self.mode.trailer(), body.framer.checksum())
        {
            // S3 has verified what we sent, whether or not it says so.
            outcome.checksum = Some((algorithm.name().to_ascii_lowercase(), checksum.to_owned()));
        }
        Ok(outcome)
    }
}

/// Refuses, before anything is sent, what no S3 object can hold.
///
/// # Errors
/// [`Fault::Data`].
pub fn check_size(source: &Source) -> Result<()> {
    if source.size <= MAXIMUM_OBJECT_SIZE { Ok(()) } else { Err(multipart::too_large(source)) }
}

/// The body of a PutObject: a file in aws-chunked frames.
struct FramedFile<'a> {
    source: &'a mut Source,
    framer: Framer,
    /// Bytes of the file that have been read.
    position: u64,
    progress: Option<Progress<'a>>,
}

impl BodySource for FramedFile<'_> {
    /// One chunk, read and framed where it is sent from.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let Some(mut chunk) = self.framer.next_chunk(buffer) else { return Ok(0) };
        let data = chunk.data();
        self.source.read_exact(data, self.position)?;
        self.position += data.len() as u64;
        if self.position == self.source.size {
            // Before the last signature: without it, S3 does not store the object.
            self.source.check_unchanged()?;
        }
        let framed = chunk.seal();
        if let Some(progress) = &mut self.progress {
            progress.update(self.position);
        }
        Ok(framed.end)
    }
}

fn object_headers<'a>(headers: &'a cli::ObjectHeaders, media_type: &'a str) -> ObjectHeaders<'a> {
    ObjectHeaders {
        content_type: Some(media_type),
        content_encoding: None,
        metadata: &headers.metadata,
        storage_class: headers.storage_class,
        tags: &headers.tags,
        server_side_encryption: headers.sse,
        kms_key_id: headers.sse_kms_key_id.as_deref(),
        if_none_match: headers.if_none_match,
    }
}

/// S3's error documents have 300 to 1,500 bytes.
const REPLY_CAPACITY: usize = 8 * 1024;

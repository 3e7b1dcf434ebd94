//! The single calls of a multipart upload, one attempt each.

use super::{FramedFile, REPLY_CAPACITY, Uploader};
use crate::aws::s3_abort_multipart_upload::AbortMultipartUpload;
use crate::aws::s3_complete_multipart_upload::{CompleteMultipartUpload, LIST_END, LIST_START, PART_CAPACITY};
use crate::aws::s3_multipart::UploadedPart;
use crate::aws::s3_put::{Encoding, PutObjectOutcome};
use crate::aws::s3_upload_part::UploadPart;
use crate::error::{Error, Fault, Result};
use crate::job::multipart_state::MultipartState;
use crate::job::place::{S3, unsignable};
use crate::job::source::Source;
use crate::net::http::{Body, BodySource};
use crate::progress::Progress;
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::chunked::{Framer, encoded_length};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::protocol::sigv4::{self, ChunkSigner, Payload, Signature};
use ring::digest::{Context, SHA256};

impl Uploader {
    /// Sends a request without a body, and has its reply read: one attempt.
    ///
    /// # Errors
    /// What `parse` gives; the request cannot be signed or sent.
    pub(in crate::job) fn ask<T>(
        &self,
        mut request: Request,
        buffer: &mut [u8],
        parse: impl FnOnce(&Reply<'_>, i64) -> Result<T>,
    ) -> Result<T> {
        self.sign(&mut request, self.signer.time(), Payload::Bytes(b""))?;
        let body = if matches!(request.method, "POST" | "PUT") { Body::Bytes(b"") } else { Body::Empty };
        let answer = self.client.send(&request, body, buffer)?;
        parse(&answer.reply(), self.signer.at(answer.midpoint))
    }

    /// Sends `length` bytes of `source`, from `start` on, as a part of an object of which `done` bytes are there.
    pub(super) fn upload_part(
        &mut self,
        call: &UploadPart<'_>,
        source: &mut Source,
        (start, length): (u64, u64),
    ) -> Result<UploadedPart> {
        source.seek(start)?;
        let algorithm = self.mode.trailer();
        let encoding = Encoding {
            encoded_length: encoded_length(self.mode, length, self.chunk_size),
            decoded_length: length,
            trailer: algorithm.map(ChecksumAlgorithm::header_name),
        };
        let mut request = call.request(&encoding)?;
        let time = self.signer.time();
        let seed = self.sign(&mut request, time, Payload::Streaming(self.mode))?;
        let signer = ChunkSigner::new(&self.signer.credentials(), self.place.region(), S3, time, seed)
            .map_err(|error| unsignable(&error))?;
        let name = source.name.clone();
        let mut body = FramedFile {
            progress: Progress::resumed(&name, start, source.size),
            source,
            framer: Framer::new(self.mode, length, self.chunk_size, signer),
            position: start,
        };
        log::debug!("PUT part {}: {length} bytes, {:?}", call.number, self.mode);
        let mut reply = vec![0; REPLY_CAPACITY];
        let answer = self.client.send(&request, Body::Source(&mut body), &mut reply)?;
        let mut part = call.parse(algorithm, &answer.reply(), self.signer.at(answer.midpoint))?;
        if let Some(sent) = body.framer.checksum() {
            if !part.checksum.is_empty() && part.checksum != sent {
                let message = format!("part {}: S3 has checksum {}, and {sent} was sent", call.number, part.checksum);
                return Err(Error::new(Fault::Temporary, "checksum_mismatch", message));
            }
            // S3 has verified what we sent, whether or not it says so. It is as long as that of its algorithm.
            part.checksum = sent.try_into().unwrap_or_default();
        }
        Ok(part)
    }

    /// Puts the parts together.
    pub(super) fn complete(
        &self,
        call: &CompleteMultipartUpload<'_>,
        state: &MultipartState,
    ) -> Result<PutObjectOutcome> {
        let (length, digest) = PartList::new(call, state).measure()?;
        let mut request = call.request(length)?;
        self.sign(&mut request, self.signer.time(), Payload::Digest(&digest))?;
        let mut reply = vec![0; REPLY_CAPACITY];
        let body = &mut PartList::new(call, state);
        let answer = self.client.send(&request, Body::Source(body), &mut reply)?;
        let mut outcome = call.parse(&answer.reply(), self.signer.at(answer.midpoint))?;
        if let (None, Some(algorithm), Some(checksum)) = (&outcome.checksum, call.algorithm, call.checksum) {
            // It was compared, whether or not S3 says so.
            outcome.checksum = Some((algorithm.name().to_ascii_lowercase(), checksum.to_owned()));
        }
        Ok(outcome)
    }

    /// Gives the room of the parts free.
    ///
    /// # Errors
    /// S3 cannot be reached or refuses.
    pub(in crate::job) fn abort_upload(&self, call: &AbortMultipartUpload<'_>) -> Result<()> {
        self.ask(call.request()?, &mut vec![0; REPLY_CAPACITY], |reply, now| call.parse(reply, now))
    }

    fn sign(&self, request: &mut Request, time: i64, payload: Payload<'_>) -> Result<Signature> {
        sigv4::sign(request, &self.signer.credentials(), self.place.region(), S3, time, payload)
            .map_err(|error| unsignable(&error))
    }
}

/// The body of CompleteMultipartUpload, written part by part: with 10,000 parts it has more than a megabyte.
struct PartList<'a> {
    call: &'a CompleteMultipartUpload<'a>,
    state: &'a MultipartState,
    /// What is written next: 0 the start, then the parts, then the end.
    next: u16,
    piece: heapless::String<PART_CAPACITY>,
    taken: usize,
}

impl<'a> PartList<'a> {
    fn new(call: &'a CompleteMultipartUpload<'a>, state: &'a MultipartState) -> Self {
        Self { call, state, next: 0, piece: heapless::String::new(), taken: 0 }
    }

    /// Its length and its SHA-256.
    fn measure(mut self) -> Result<(u64, [u8; 32])> {
        let (mut length, mut context) = (0, Context::new(&SHA256));
        let mut buffer = [0; 1024];
        loop {
            match self.fill(&mut buffer)? {
                0 => break,
                count => {
                    length += count as u64;
                    context.update(&buffer[..count]);
                }
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Ok((length, digest))
    }

    /// Writes the next piece; an empty one at the end.
    fn write(&mut self) -> Result<()> {
        self.piece.clear();
        self.taken = 0;
        let last = self.state.plan().count();
        let written = match self.next {
            0 => self.piece.push_str(LIST_START).map_err(|_| std::fmt::Error),
            number if number <= last => match self.state.part(number) {
                Some(part) => self.call.write_part(&mut self.piece, number, part),
                // All are there before the list is written.
                None => Err(std::fmt::Error),
            },
            number if number == last + 1 => self.piece.push_str(LIST_END).map_err(|_| std::fmt::Error),
            _ => return Ok(()),
        };
        self.next += 1;
        written.map_err(|_| Error::new(Fault::Data, "part_list_failed", "the list of parts cannot be written"))
    }
}

impl BodySource for PartList<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.taken == self.piece.len() {
                self.write()?;
                if self.piece.is_empty() {
                    break;
                }
            }
            let left = &self.piece.as_bytes()[self.taken..];
            let count = left.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&left[..count]);
            self.taken += count;
            filled += count;
        }
        Ok(filled)
    }
}

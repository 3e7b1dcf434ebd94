//! A reply whose body is read piece by piece, into buffers of the caller's: a download in constant memory.

use super::explain_io;
use super::repeated::SentSecrets;
use crate::error::Result;
use crate::protocol::reply::Reply;
use http::HeaderMap;
use std::io::{ErrorKind, Read};

/// A reply of which the head is there and the body is still to come.
pub struct Incoming {
    host: String,
    status: u16,
    headers: HeaderMap,
    body: ureq::BodyReader<'static>,
    sent: SentSecrets,
    /// The device's clock half way between request and reply, in seconds since the Unix epoch.
    pub midpoint: i64,
}

impl Incoming {
    pub(super) fn new(host: &str, response: http::Response<ureq::Body>, sent: SentSecrets, midpoint: i64) -> Self {
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        Self { host: host.to_owned(), status, headers: parts.headers, body: body.into_reader(), sent, midpoint }
    }

    /// The status code, 100 to 599.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reply for the parsers of [`crate::aws`], without its body.
    pub fn head(&self) -> Reply<'_> {
        Reply { status: self.status, headers: &self.headers, body: b"", complete: false }
    }

    /// The same with the body, as far as it fits `buffer`: for a document about an error.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn document<'b>(&'b mut self, buffer: &'b mut [u8]) -> Result<Reply<'b>> {
        let mut length = 0;
        while length < buffer.len() {
            match self.read(&mut buffer[length..])? {
                0 => break,
                count => length += count,
            }
        }
        let complete = length < buffer.len();
        self.sent.wipe(&mut buffer[..length]);
        Ok(Reply { status: self.status, headers: &self.headers, body: &buffer[..length], complete })
    }

    /// Reads the body's next bytes, at most one TLS record; 0 at its end, which is where `Content-Length` says.
    ///
    /// # Errors
    /// The other side fell silent, broke the connection, or ended it before the end: retryable, with what was read
    /// so far being good.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.body.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done.map_err(|error| explain_io(error, &self.host)),
            }
        }
    }
}

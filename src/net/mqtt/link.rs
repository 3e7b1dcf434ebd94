//! minimq's transport over a [`Duplex`]: pending where the socket would block, and an ear for what the broker says.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::task::Poll;
use std::time::Instant;

use embedded_io_async::{ErrorType, Read, Write};

use super::notice::{Notice, NoticeReader};
use crate::net::duplex::Duplex;

/// A connected stream that a minimq future and the code that waits for it share on one thread.
/// No borrow outlives a single poll, so they never meet.
pub(super) struct Link<S>(RefCell<Inner<S>>);

struct Inner<S> {
    stream: S,
    notices: NoticeReader,
    tls_error: Option<rustls::Error>,
    /// What arrived while a write was blocked, from `start` to `end`.
    early: [u8; EARLY],
    start: usize,
    end: usize,
    blocked_on_write: bool,
    reads_since_wait: u32,
    has_yielded: bool,
}

impl<S: Duplex> Link<S> {
    pub(super) fn new(stream: S) -> Self {
        let notices = NoticeReader::default();
        Self(RefCell::new(Inner {
            stream,
            notices,
            tls_error: None,
            early: [0; EARLY],
            start: 0,
            end: 0,
            blocked_on_write: false,
            reads_since_wait: 0,
            has_yielded: false,
        }))
    }

    /// Waits for whatever made the last poll pending, or `also`, or the deadline. After [`READS_IN_A_ROW`] it only
    /// returns: what is to be read next may be in TLS's buffer already, and a socket does not tell.
    pub(super) fn wait(&self, also: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<()> {
        let (write, has_yielded) = {
            let mut inner = self.0.borrow_mut();
            inner.reads_since_wait = 0;
            (std::mem::take(&mut inner.blocked_on_write), std::mem::take(&mut inner.has_yielded))
        };
        if has_yielded && !write {
            return Ok(());
        }
        match self.0.borrow().stream.wait(write, also, deadline) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether more of what was written is out than at the last call, when `left` bytes were not.
    pub(super) fn goes_out(&self, left: &mut Option<u64>) -> bool {
        let before = *left;
        *left = self.0.borrow().stream.unacknowledged();
        // What there was before the first call, nobody knows.
        left.is_some_and(|left| left > 0 && before.is_none_or(|before| left < before))
    }

    /// Reads what the broker sent before it closed. A failed write says only that it closed; the reason
    /// is in the packet that came before.
    pub(super) fn listen_to_the_end(&self) {
        let mut inner = self.0.borrow_mut();
        let mut buffer = [0; EARLY];
        for _ in 0..MAXIMUM_LAST_READS {
            match inner.try_read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// The last CONNACK, PUBACK or DISCONNECT.
    pub(super) fn last_notice(&self) -> Option<Notice> {
        self.0.borrow().notices.last().cloned()
    }

    /// Why TLS ended the connection. With TLS 1.3 a server refuses a client certificate only after the handshake
    /// (RFC 8446, section 4.4.2.4), so it looks like a close in the middle of MQTT.
    pub(super) fn tls_error(&self) -> Option<rustls::Error> {
        self.0.borrow().tls_error.clone()
    }

    /// The Maximum Packet Size of the broker's CONNACK, in bytes, if it has one.
    pub(super) fn maximum_packet_size(&self) -> Option<u32> {
        self.0.borrow().notices.maximum_packet_size()
    }
}

impl<S: Duplex> Inner<S> {
    /// Reads from the stream, past minimq's order of things.
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.try_read(buffer) {
                Ok(count) => {
                    self.notices.read(&buffer[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    if let Some(tls_error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                        self.tls_error = Some(tls_error.clone());
                    }
                    return Err(error);
                }
            }
        }
    }

    fn poll_read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.start < self.end {
            let count = buffer.len().min(self.end - self.start);
            buffer[..count].copy_from_slice(&self.early[self.start..self.start + count]);
            self.start += count;
            return Poll::Ready(Ok(count));
        }
        if self.reads_since_wait == READS_IN_A_ROW {
            self.has_yielded = true;
            return Poll::Pending;
        }
        self.reads_since_wait += 1;
        match self.try_read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    fn poll_output<T>(&mut self, mut output: impl FnMut(&mut S) -> io::Result<T>) -> Poll<io::Result<T>> {
        loop {
            match output(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Err(error) = self.read_early() {
                        return Poll::Ready(Err(error));
                    }
                    self.blocked_on_write = true;
                    return Poll::Pending;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Takes what has arrived off the socket while a write is blocked: left there, it would end every
    /// wait for writability at once, and a broker that closes would not be noticed.
    fn read_early(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let mut buffer = [0; EARLY];
        loop {
            let room = EARLY - self.end;
            if room == 0 {
                return Err(io::Error::new(ErrorKind::InvalidData, "the broker talks but does not listen"));
            }
            match self.try_read(&mut buffer[..room]) {
                Ok(0) => return Err(ErrorKind::BrokenPipe.into()),
                Ok(count) => {
                    self.early[self.end..self.end + count].copy_from_slice(&buffer[..count]);
                    self.end += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl<S> ErrorType for &Link<S> {
    type Error = io::Error;
}

impl<S: Duplex> Read for &Link<S> {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|_| self.0.borrow_mut().poll_read(buffer)).await
    }
}

impl<S: Duplex> Write for &Link<S> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|_| self.0.borrow_mut().poll_output(|stream| stream.try_write(bytes))).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|_| self.0.borrow_mut().poll_output(S::try_flush)).await
    }
}

/// Room for what a broker may say while we write: an acknowledgement and a DISCONNECT with its reason string.
const EARLY: usize = 512;

/// A broker's last words fit in one read; a peer that babbles on must not keep us.
const MAXIMUM_LAST_READS: usize = 8;
/// A broker that never stops talking must not keep us from the deadline and from commands. What one has to say at once
/// takes some ten reads.
const READS_IN_A_ROW: u32 = 64;

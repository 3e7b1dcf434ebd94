//! A two-way byte stream that never blocks on its own.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// What MQTT and HTTP need of a connection: try, and wait when there is nothing to do.
pub trait Duplex {
    /// Reads what is there. `Ok(0)`: the peer has closed. [`io::ErrorKind::WouldBlock`]: nothing yet.
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Takes bytes over for sending. [`io::ErrorKind::WouldBlock`]: no room yet.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Hands all bytes taken over to the kernel. [`io::ErrorKind::WouldBlock`]: not all of them yet.
    fn try_flush(&mut self) -> io::Result<()>;
    /// Waits until the socket is readable, or (if `write`) writable, or `also` is readable.
    /// `Ok(false)`: `deadline` passed first.
    fn wait(&self, write: bool, also: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<bool>;
}

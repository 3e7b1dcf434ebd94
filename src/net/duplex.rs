//! What MQTT needs of a connection: non-blocking reads and writes, and one place to wait.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// A connected byte stream in both directions that never blocks except in [`Duplex::wait`].
///
/// `ErrorKind::WouldBlock` is the ordinary "not now"; every other error ends the connection.
pub trait Duplex {
    /// Reads what has arrived. `Ok(0)` means that the peer has closed its direction.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; anything else when the connection is lost.
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Hands over bytes to be sent and says how many were accepted.
    ///
    /// # Errors
    /// `WouldBlock` when none can be accepted now; anything else when the connection is lost.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Sends what was accepted but is still held back in a buffer of this stream.
    ///
    /// # Errors
    /// `WouldBlock` while bytes are left over; anything else when the connection is lost.
    fn try_flush(&mut self) -> io::Result<()>;

    /// Waits until the socket is readable, or (if `write`) writable, or `also` is readable or closed by
    /// its other end. `Ok(false)` when the deadline has passed first. It may return early for no reason.
    ///
    /// # Errors
    /// The operating system's, when it cannot wait.
    fn wait(&self, write: bool, also: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<bool>;

    /// Bytes that the system has taken and the other side has not acknowledged; `None`: the system does not tell.
    fn unacknowledged(&self) -> Option<u64> {
        None
    }
}

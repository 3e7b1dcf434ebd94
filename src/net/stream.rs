//! TLS over TCP without blocking: every wait is ours, so every wait has a deadline.

use super::connect::{self, Target};
use super::duplex::Duplex;
use super::proxy::Proxy;
use super::tls;
use crate::error::{Error, Fault, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::os::linux::net::TcpStreamExt;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A connection to a server: TLS, or plain TCP for the container credentials endpoint alone.
pub struct Stream {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    host: String,
    sent: u64,
}

impl Stream {
    /// Connects to `target` and completes the TLS handshake before `deadline`.
    ///
    /// # Errors
    /// What [`connect::open`] gives; and what [`tls::explain`] makes of a failed handshake.
    pub fn open(target: &Target, proxy: Option<&Proxy>, config: Arc<ClientConfig>, deadline: Instant) -> Result<Self> {
        let tls = start(&target.host, config)?;
        let tcp = connect::open(target, proxy.filter(|proxy| proxy.is_for(&target.host)), deadline)?;
        Self::secure(tcp, tls, &target.host, deadline)
    }

    /// Completes the TLS handshake with `host` over a connection that is there, before `deadline`.
    ///
    /// # Errors
    /// What [`tls::explain`] makes of a failed handshake.
    pub(super) fn open_over(tcp: TcpStream, host: &str, config: Arc<ClientConfig>, deadline: Instant) -> Result<Self> {
        let tls = start(host, config)?;
        Self::secure(tcp, tls, host, deadline)
    }

    fn secure(tcp: TcpStream, tls: ClientConnection, host: &str, deadline: Instant) -> Result<Self> {
        let mut stream = Self::over(tcp, Some(tls), host)?;
        stream.handshake(deadline)?;
        Ok(stream)
    }

    /// What was agreed on, where this is TLS.
    pub(super) fn tls(&self) -> Option<&ClientConnection> {
        self.tls.as_deref()
    }

    /// Connects without TLS. Only for endpoints on the device itself: see
    /// `aws::container_credentials`.
    ///
    /// # Errors
    /// What [`connect::open`] gives.
    pub fn open_plain(target: &Target, deadline: Instant) -> Result<Self> {
        Self::over(connect::open(target, None, deadline)?, None, &target.host)
    }

    /// The host name that the server's certificate was checked against.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether this is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Bytes that the system has taken since the handshake: while they grow, a blocked write goes on.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Where this connection ends, as an IP address.
    pub fn peer_address(&self) -> io::Result<std::net::SocketAddr> {
        self.tcp.peer_addr()
    }

    /// Takes in what has arrived so far, without waiting, and says whether there is anything to read: data, or
    /// the peer's end. Servers may answer before they have read the whole request.
    pub fn has_input(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return match self.tcp.peek(&mut [0]) {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(error),
            };
        };
        match receive(tls, &mut self.tcp) {
            Ok(Received::Closed) => Ok(true),
            Ok(Received::Data { plaintext }) => Ok(plaintext),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn over(tcp: TcpStream, tls: Option<ClientConnection>, host: &str) -> Result<Self> {
        tcp.set_nonblocking(true).map_err(|error| {
            Error::new(Fault::Temporary, "socket_failed", format!("cannot set a socket up for {host}: {error}"))
        })?;
        Ok(Self { tcp, tls: tls.map(Box::new), host: host.to_owned(), sent: 0 })
    }

    fn handshake(&mut self, deadline: Instant) -> Result<()> {
        while let Some(tls) = &mut self.tls {
            if !tls.is_handshaking() && !tls.wants_write() {
                break;
            }
            let step =
                if tls.wants_write() { tls.write_tls(&mut self.tcp) } else { receive(tls, &mut self.tcp).map(|_| 1) };
            match step {
                Ok(0) => return Err(self.explain(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Not both: input is not taken before the output is out, and would turn the wait into a spin.
                    let interest = if tls.wants_write() { PollFlags::OUT } else { PollFlags::IN };
                    let waited = wait_for(&mut [PollFd::new(&self.tcp, interest)], Some(deadline));
                    if !waited.map_err(|error| self.explain(error))? {
                        return Err(Error::new(
                            Fault::Unavailable,
                            "tls_timeout",
                            format!("TLS with {}: the handshake was not finished in time", self.host),
                        )
                        .with_remedy("check the endpoint's port, the network, and what is in between"));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
        Ok(())
    }

    fn explain(&self, error: io::Error) -> Error {
        explain(&error, &self.host)
    }
}

impl Duplex for Stream {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.tcp.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                // A peer that closes TCP without TLS's goodbye: whoever reads knows by the length what is missing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            if let Received::Closed = receive(tls, &mut self.tcp)? {
                return Ok(0);
            }
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.tcp.write(bytes).inspect(|count| self.sent += *count as u64);
        };
        if tls.wants_write() {
            send(tls, &mut self.tcp, &mut self.sent)?;
        }
        // Records of one length, instead of full ones and a last one of some bytes: for those of more than half of a full
        // one there is memory that goes round (record_memory.rs).
        let records = bytes.len().div_ceil(RECORD).max(1);
        let mut count = 0;
        for record in bytes.chunks(bytes.len().div_ceil(records).max(1)) {
            let taken = tls.writer().write(record)?;
            count += taken;
            if taken < record.len() {
                break;
            }
        }
        match send(tls, &mut self.tcp, &mut self.sent) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn try_flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => send(tls, &mut self.tcp, &mut self.sent),
            None => Ok(()),
        }
    }

    fn wait(&self, write: bool, also: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<bool> {
        if !write {
            // A server that waits for our acknowledgement of its last words before it says more (Nagle's algorithm, as
            // mosquitto has it by default) would wait 40 ms. The system forgets this again: hence at each wait. It only
            // costs speed where it fails.
            let _ = self.tcp.set_quickack(true);
        }
        let interest = if write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut sources = heapless::Vec::<PollFd<'_>, 2>::new();
        // Two places, two pushes.
        let _ = sources.push(PollFd::new(&self.tcp, interest));
        if let Some(also) = also {
            let _ = sources.push(PollFd::from_borrowed_fd(also, PollFlags::IN));
        }
        wait_for(&mut sources, deadline)
    }

    fn unacknowledged(&self) -> Option<u64> {
        super::unacknowledged::bytes(&self.tcp)
    }
}

impl Drop for Stream {
    /// Says goodbye in TLS (RFC 8446, section 6.1), as far as that is possible without waiting.
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        let _ = self.try_flush();
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Stream({})", self.host)
    }
}

fn start(host: &str, config: Arc<ClientConfig>) -> Result<ClientConnection> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::new(Fault::Config, "malformed_endpoint", format!("'{host}' is not a host name")))?;
    let mut connection =
        ClientConnection::new(config, name).map_err(|error| tls::explain(&error, host, unix_time()))?;
    connection.set_buffer_limit(Some(ENCRYPTED_AT_ONCE));
    Ok(connection)
}

/// Puts any failure of a stream to `host` into words. TLS's own errors travel inside [`io::Error`].
pub fn explain(error: &io::Error, host: &str) -> Error {
    if let Some(tls_error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls::explain(tls_error, host, unix_time());
    }
    let (code, reason) = match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            ("connection_reset", "the connection was reset by the other side".to_owned())
        }
        ErrorKind::UnexpectedEof | ErrorKind::WriteZero => {
            ("connection_closed", "the other side closed the connection".to_owned())
        }
        ErrorKind::TimedOut => ("timeout", "the other side went silent".to_owned()),
        _ => ("connection_failed", error.to_string()),
    };
    Error::new(Fault::Unavailable, code, format!("connection to {host}: {reason}"))
        .with_remedy("try again; if it stays, look for a firewall or a proxy in between, or a wrong port")
}

/// Whether TLS itself failed, such as by the other side's alert, and not the connection below it.
pub fn is_tls_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Waits until a blocking socket has something to read. `Ok(false)`: `deadline` passed first.
pub fn wait_readable(tcp: &TcpStream, deadline: Instant) -> io::Result<bool> {
    wait_for(&mut [PollFd::new(tcp, PollFlags::IN)], Some(deadline))
}

/// The device's clock, in seconds since the Unix epoch; negative before it.
pub fn unix_time() -> i64 {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(before) => -seconds(before.duration()),
    }
}

/// Bytes of plaintext that are encrypted before any of them is sent: a chunk of an upload with its frame goes out in one
/// system call. More would only take memory.
const ENCRYPTED_AT_ONCE: usize = 5 * RECORD;
/// The most plaintext that a TLS record takes, in bytes (RFC 8446, section 5.1).
const RECORD: usize = 16 * 1024;

enum Received {
    Data { plaintext: bool },
    Closed,
}

/// One read from the socket into TLS. An end that comes twice is still an end: this never loops by itself
/// (RUSTSEC-2024-0336).
fn receive(tls: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<Received> {
    if tls.read_tls(tcp)? == 0 {
        return if tls.is_handshaking() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(Received::Closed) };
    }
    match tls.process_new_packets() {
        Ok(state) => Ok(Received::Data { plaintext: state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() }),
        Err(error) => {
            // The alert tells the server why; it is lost where nothing can be written.
            let _ = tls.write_tls(tcp);
            Err(io::Error::new(ErrorKind::InvalidData, error))
        }
    }
}

fn send(tls: &mut ClientConnection, tcp: &mut TcpStream, sent: &mut u64) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(tcp) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => *sent += count as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for(sources: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = match deadline {
            None => None,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                Some(Timespec::try_from(left).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?)
            }
        };
        match poll(sources, timeout.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Duration;

    /// A connection whose ends speak in turn, which is where the system begins to hold acknowledgements back.
    #[test]
    fn what_is_waited_for_is_acknowledged_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let target = Target { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        let mut stream = Stream::open_plain(&target, deadline).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut byte = [0];
        for turn in 0..8 {
            server.write_all(&[turn]).unwrap();
            wait_readable(&stream.tcp, deadline).unwrap();
            assert_eq!((stream.try_read(&mut byte).unwrap(), byte), (1, [turn]));
            assert_eq!(stream.try_write(&[turn]).unwrap(), 1);
            server.read_exact(&mut byte).unwrap();
        }
        assert!(!stream.tcp.quickack().unwrap(), "the system holds none back: this shows nothing");
        server.write_all(&[9]).unwrap();
        assert!(stream.wait(false, None, Some(deadline)).unwrap());
        assert!(stream.tcp.quickack().unwrap());
    }
}

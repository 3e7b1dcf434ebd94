//! A server's side of a connection, plain or TLS, that counts application bytes and can reset the TCP connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificates::common_name;
use crate::faults::Fault;

/// An accepted connection.
pub(crate) struct FaultyStream {
    transport: Transport,
    read: u64,
    written: u64,
    reset_after_read: Option<u64>,
    reset_after_written: Option<u64>,
}

enum Transport {
    Plain(TcpStream),
    // Boxed because the TLS state is several hundred times the size of a plain socket.
    Tls(Box<TlsStream<TcpStream>>),
}

impl FaultyStream {
    /// Makes the TLS handshake, if there is TLS, and arms the resets of `fault`.
    pub(crate) async fn accept(tcp: TcpStream, tls: Option<&TlsAcceptor>, fault: Option<&Fault>) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let transport = match tls {
            None => Transport::Plain(tcp),
            Some(acceptor) => Transport::Tls(Box::new(acceptor.accept(tcp).await?)),
        };
        Ok(Self {
            transport,
            read: 0,
            written: 0,
            reset_after_read: fault.and_then(|fault| fault.reset_after_request),
            reset_after_written: fault.and_then(|fault| fault.reset_after_reply),
        })
    }

    /// The common name of the client's certificate.
    pub(crate) fn peer_name(&self) -> Option<String> {
        let Transport::Tls(stream) = &self.transport else { return None };
        common_name(stream.get_ref().1.peer_certificates()?.first()?)
    }

    fn poll_transport(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }

    fn reset(&self) -> io::Error {
        let tcp = match &self.transport {
            Transport::Plain(tcp) => tcp,
            Transport::Tls(tls) => tls.get_ref().0,
        };
        // Closing a socket that lingers for no time sends RST instead of FIN.
        match tcp.set_zero_linger() {
            Ok(()) => io::Error::new(io::ErrorKind::ConnectionReset, "reset on purpose"),
            Err(error) => error,
        }
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(limit) = self.reset_after_read else { return self.poll_transport(context, buffer) };
        let allowed = usize::try_from(limit.saturating_sub(self.read)).unwrap_or(usize::MAX);
        // With nothing left to allow, one byte is still waited for: the reset comes when the client sends it.
        let mut part = [0; LIMITED_READ];
        let length = allowed.clamp(1, LIMITED_READ).min(buffer.remaining());
        let mut part = ReadBuf::new(&mut part[..length]);
        ready!(self.poll_transport(context, &mut part))?;
        if allowed == 0 && !part.filled().is_empty() {
            return Poll::Ready(Err(self.reset()));
        }
        self.read += part.filled().len() as u64;
        buffer.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self
            .reset_after_written
            .map_or(usize::MAX, |limit| usize::try_from(limit.saturating_sub(self.written)).unwrap_or(usize::MAX));
        if allowed == 0 && !bytes.is_empty() {
            ready!(self.as_mut().poll_flush(context))?;
            return Poll::Ready(Err(self.reset()));
        }
        let part = &bytes[..bytes.len().min(allowed)];
        let count = ready!(match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, part),
            Transport::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, part),
        })?;
        self.written += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

/// Reads on the way to a reset go through a buffer on the stack, so that not one byte too many is taken from the transport.
const LIMITED_READ: usize = 4096;

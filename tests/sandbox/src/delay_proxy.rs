//! A TCP forwarding proxy that makes every byte late by a fixed time each way (latency, not bandwidth), reports each
//! connection's turns, and can cut connections anywhere.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::sandbox::any_port;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Bytes that one side sent without the other saying anything in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Who was sending.
    pub direction: Direction,
    /// When the proxy read the first of the bytes, before their delay.
    pub at: Instant,
    /// How many.
    pub bytes: u64,
}

/// One connection through the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxiedConnection {
    /// When the client's connection was accepted.
    pub accepted: Instant,
    /// The conversation; neighbours differ in direction.
    pub turns: Vec<Turn>,
    /// The first bytes that the client sent: its TLS hello, as far as it fits.
    pub first_of_client: Vec<u8>,
    /// The first bytes that the server sent.
    pub first_of_server: Vec<u8>,
}

impl ProxiedConnection {
    /// The bytes read from one side.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.turns.iter().filter(|turn| turn.direction == direction).map(|turn| turn.bytes).sum()
    }

    /// How often the direction changed.
    pub fn direction_changes(&self) -> usize {
        self.turns.len().saturating_sub(1)
    }
}

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The side that was to get further bytes gets RST; the other sees its connection closed.
    Reset,
    /// Both sides see their connection closed, without TLS's close_notify.
    Close,
}

/// A running proxy; dropping it cuts its connections.
pub struct DelayProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    target: SocketAddr,
    one_way: Duration,
    cut: Mutex<Option<(Direction, u64, Cut)>>,
    connections: Mutex<Vec<ProxiedConnection>>,
}

impl DelayProxy {
    /// Forwards a free loopback port to `target`; every byte arrives `one_way` after it was sent. The first bytes of a
    /// connection arrive no sooner than TCP's own handshake would have let them over such a distance: three times
    /// `one_way` after the connection was opened (the client's side of the handshake itself is not late).
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(target: SocketAddr, one_way: Duration) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(any_port()))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { target, one_way, cut: Mutex::default(), connections: Mutex::default() });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, runtime: Some(runtime) })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port where clients connect, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts every later connection when `bytes` bytes of `direction` have been passed on; `None` stops that.
    pub fn set_cut(&self, cut: Option<(Direction, u64, Cut)>) {
        *lock(&self.shared.cut) = cut;
    }

    /// Every connection so far, in the order in which they were accepted.
    pub fn connections(&self) -> Vec<ProxiedConnection> {
        lock(&self.shared.connections).clone()
    }
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // An accept that fails (for instance for want of file descriptors) may succeed the next time.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(forward(client, Arc::clone(&shared)));
    }
}

async fn forward(client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let accepted = Instant::now();
    let number = {
        let mut connections = lock(&shared.connections);
        let (first_of_client, first_of_server) = Default::default();
        connections.push(ProxiedConnection { accepted, turns: Vec::new(), first_of_client, first_of_server });
        connections.len() - 1
    };
    let cut = *lock(&shared.cut);
    let server = TcpStream::connect(shared.target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reader, client_writer) = client.into_split();
    let (server_reader, server_writer) = server.into_split();
    let pipe = |direction, earliest| Pipe {
        shared: Arc::clone(&shared),
        number,
        direction,
        earliest,
        cut: cut.filter(|(cut_direction, ..)| *cut_direction == direction).map(|(_, bytes, how)| (bytes, how)),
    };
    let handshake = accepted + shared.one_way * 3;
    let to_server = pipe(Direction::ToServer, handshake).run(client_reader, server_writer);
    let to_client = pipe(Direction::ToClient, accepted).run(server_reader, client_writer);
    // The first side to fail takes the other with it; when both sides have ended in order, everything has been passed on.
    tokio::try_join!(to_server, to_client).map(|_| ())
}

/// One direction of one connection.
struct Pipe {
    shared: Arc<Shared>,
    number: usize,
    direction: Direction,
    earliest: Instant,
    cut: Option<(u64, Cut)>,
}

impl Pipe {
    async fn run(self, reader: OwnedReadHalf, writer: OwnedWriteHalf) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        tokio::try_join!(self.read(reader, sender), self.write(writer, receiver)).map(|_| ())
    }

    async fn read(&self, mut reader: OwnedReadHalf, sender: mpsc::Sender<(Instant, Bytes)>) -> io::Result<()> {
        loop {
            let mut buffer = BytesMut::with_capacity(BLOCK);
            if reader.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            let now = Instant::now();
            self.note(now, &buffer);
            let due = (now + self.shared.one_way).max(self.earliest);
            if sender.send((due, buffer.freeze())).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn write(&self, mut writer: OwnedWriteHalf, mut blocks: mpsc::Receiver<(Instant, Bytes)>) -> io::Result<()> {
        let mut left = self.cut.map(|(bytes, _)| bytes);
        while let Some((due, block)) = blocks.recv().await {
            tokio::time::sleep_until(due.into()).await;
            let length = left.map_or(block.len(), |left| block.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            writer.write_all(&block[..length]).await?;
            left = left.map(|left| left - length as u64);
            if let (Some(0), Some((_, how))) = (left, self.cut) {
                if how == Cut::Reset {
                    writer.as_ref().set_zero_linger()?;
                    // Dropped, it would send FIN first.
                    writer.forget();
                }
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        writer.shutdown().await
    }

    fn note(&self, at: Instant, read: &[u8]) {
        let bytes = read.len() as u64;
        let mut connections = lock(&self.shared.connections);
        let connection = &mut connections[self.number];
        let first = match self.direction {
            Direction::ToServer => &mut connection.first_of_client,
            Direction::ToClient => &mut connection.first_of_server,
        };
        let room = FIRST_BYTES.saturating_sub(first.len());
        first.extend_from_slice(&read[..read.len().min(room)]);
        let turns = &mut connection.turns;
        match turns.last_mut() {
            Some(turn) if turn.direction == self.direction => turn.bytes += bytes,
            _ => turns.push(Turn { direction: self.direction, at, bytes }),
        }
    }
}

/// Locks it, whatever has become of those who had it before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const BLOCK: usize = 64 * 1024;
/// What is kept of either side's first bytes: more than the hellos of a handshake.
const FIRST_BYTES: usize = 4 * 1024;
/// Blocks on their way at once, 64 MiB in full ones: at 100 ms that is 640 MB/s, more than loopback TLS reaches here.
const IN_FLIGHT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::echo::echo;

    #[test]
    fn two_exchanges_take_three_round_trips_and_make_four_turns() {
        let one_way = Duration::from_millis(40);
        let proxy = DelayProxy::start(echo(), one_way).unwrap();
        let start = Instant::now();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        for _ in 0..2 {
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0]).unwrap();
        }
        assert!(start.elapsed() >= one_way * 6, "{:?}", start.elapsed());
        let connection = proxy.connections().remove(0);
        assert_eq!(connection.direction_changes(), 3);
        assert_eq!((connection.bytes(Direction::ToServer), connection.bytes(Direction::ToClient)), (2, 2));
    }

    #[test]
    fn a_cut_lets_exactly_so_many_bytes_through() {
        let proxy = DelayProxy::start(echo(), Duration::ZERO).unwrap();
        for (how, expected) in [(Cut::Close, None), (Cut::Reset, Some(io::ErrorKind::ConnectionReset))] {
            proxy.set_cut(Some((Direction::ToClient, 3, how)));
            let mut stream = TcpStream::connect(proxy.address()).unwrap();
            stream.write_all(b"12345").unwrap();
            let mut got = Vec::new();
            let end = stream.read_to_end(&mut got);
            assert_eq!(got, b"123");
            assert_eq!(end.err().map(|error| error.kind()), expected);
        }
    }
}

//! A TCP forwarding proxy that cuts connections after any byte of what goes over the wire (TLS and its handshake
//! included), lets bytes trickle, or is slow; what each connection suffers is decided when it is accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::delay_proxy::{Cut, Direction, lock};
use crate::sandbox::any_port;

/// What one connection suffers; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkFault {
    /// Ends the connection, for both sides, as soon as so many bytes of a direction were passed on (0: at once).
    /// [`Cut::Reset`]: both get RST; [`Cut::Close`]: both see it closed.
    pub cut: Option<(Direction, u64, Cut)>,
    /// Behind so many bytes towards the client, one byte a second.
    pub trickle_after: Option<u64>,
    /// Behind so many bytes towards the server, no more are taken, and the connection stays.
    pub silent_after: Option<u64>,
    /// How many bytes a second pass each way.
    pub bytes_per_second: Option<u32>,
}

/// What one connection that has ended, or has been cut, has moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkConnection {
    /// Bytes passed on to the server.
    pub to_server: u64,
    /// Bytes passed on to the client.
    pub to_client: u64,
    /// For each direction, how much of it had passed when the other side began to speak: the ends of the conversation's
    /// turns.
    pub turns: Vec<(Direction, u64)>,
    /// For each direction, where its TLS records end, by what their headers say.
    pub tls_records: Vec<(Direction, u64)>,
    /// Whether it was cut.
    pub was_cut: bool,
}

impl LinkConnection {
    /// The bytes passed on in one direction.
    pub fn bytes(&self, direction: Direction) -> u64 {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }

    fn pass(&mut self, direction: Direction, bytes: u64) {
        if self.turns.last().is_none_or(|(last, _)| *last != direction) {
            self.turns.push((direction, self.bytes(direction)));
        }
        let count = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        *count += bytes;
        let count = *count;
        if let Some((_, end)) = self.turns.last_mut() {
            *end = count;
        }
    }
}

/// A running proxy; dropping it cuts its connections.
pub struct FaultyLink {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

type Plan = Box<dyn FnMut(u64) -> LinkFault + Send>;

struct Shared {
    target: SocketAddr,
    plan: Mutex<(u64, Plan)>,
    connections: Mutex<Vec<LinkConnection>>,
}

impl FaultyLink {
    /// Forwards a free loopback port to `target`, faultlessly at first.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(any_port()))?;
        let address = listener.local_addr()?;
        let faultless: Plan = Box::new(|_| LinkFault::default());
        let shared = Arc::new(Shared { target, plan: Mutex::new((0, faultless)), connections: Mutex::default() });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, runtime: Some(runtime) })
    }

    /// The port where clients connect, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Asks `plan` for the fault of each connection from now on, which are counted from 0.
    pub fn set_plan(&self, plan: impl FnMut(u64) -> LinkFault + Send + 'static) {
        *lock(&self.shared.plan) = (0, Box::new(plan));
    }

    /// How many connections were accepted since [`Self::set_plan`].
    pub fn accepted(&self) -> u64 {
        lock(&self.shared.plan).0
    }

    /// The connections that have ended since the last call.
    pub fn take_connections(&self) -> Vec<LinkConnection> {
        std::mem::take(&mut lock(&self.shared.connections))
    }
}

impl Drop for FaultyLink {
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
        let fault = {
            let mut plan = lock(&shared.plan);
            plan.0 += 1;
            let number = plan.0 - 1;
            (plan.1)(number)
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A connection that breaks is either side's affair, or a fault's purpose.
            let _ = forward(client, fault, &shared).await;
        });
    }
}

async fn forward(mut client: TcpStream, fault: LinkFault, shared: &Shared) -> io::Result<()> {
    if let Some((_, 0, how)) = fault.cut {
        let connection = LinkConnection { was_cut: true, ..LinkConnection::default() };
        lock(&shared.connections).push(connection);
        return if how == Cut::Reset { client.set_zero_linger() } else { Ok(()) };
    }
    let mut server = TcpStream::connect(shared.target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let connection = Mutex::new(LinkConnection::default());
    let ended = {
        let (client_reader, client_writer) = client.split();
        let (server_reader, server_writer) = server.split();
        let to_server =
            Pipe { direction: Direction::ToServer, fault, connection: &connection }.run(client_reader, server_writer);
        let to_client =
            Pipe { direction: Direction::ToClient, fault, connection: &connection }.run(server_reader, client_writer);
        // The first side to fail takes the other with it.
        tokio::try_join!(to_server, to_client)
    };
    let connection = connection.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_reset = ended.is_err() && !(connection.was_cut && matches!(fault.cut, Some((.., Cut::Close))));
    lock(&shared.connections).push(connection);
    if is_reset {
        // Closing a socket that lingers for no time sends RST instead of FIN.
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    Ok(())
}

/// One direction of one connection.
struct Pipe<'a> {
    direction: Direction,
    fault: LinkFault,
    connection: &'a Mutex<LinkConnection>,
}

impl Pipe<'_> {
    async fn run(self, mut reader: ReadHalf<'_>, mut writer: WriteHalf<'_>) -> io::Result<()> {
        let cut = self.fault.cut.filter(|(direction, ..)| *direction == self.direction).map(|(_, bytes, _)| bytes);
        let trickle = self.fault.trickle_after.filter(|_| self.direction == Direction::ToClient);
        let mut buffer = vec![0; self.block()];
        let mut passed = 0;
        let mut records = RecordEnds::default();
        loop {
            let is_trickling = trickle.is_some_and(|after| passed >= after);
            // Not a byte more than may pass is taken, so that the other side notices what is left.
            let until = |end: u64| usize::try_from(end - passed).unwrap_or(usize::MAX);
            let mut room = cut.map_or(buffer.len(), |end| until(end).min(buffer.len()));
            if let Some(after) = trickle {
                room = if is_trickling { 1 } else { room.min(until(after)) };
            }
            let count = reader.read(&mut buffer[..room]).await?;
            if count == 0 {
                return writer.shutdown().await;
            }
            if self.direction == Direction::ToServer && self.fault.silent_after.is_some_and(|after| passed >= after) {
                return std::future::pending().await;
            }
            if is_trickling {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if let Some(rate) = self.fault.bytes_per_second {
                tokio::time::sleep(Duration::from_secs_f64(count as f64 / f64::from(rate.max(1)))).await;
            }
            writer.write_all(&buffer[..count]).await?;
            passed += count as u64;
            let mut connection = lock(self.connection);
            connection.pass(self.direction, count as u64);
            let ends = records.pass(&buffer[..count]);
            connection.tls_records.extend(ends.into_iter().map(|end| (self.direction, end)));
            if cut == Some(passed) {
                connection.was_cut = true;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
    }

    /// On a slow link a twentieth of a second's worth, so that it flows; otherwise what a socket holds.
    fn block(&self) -> usize {
        self.fault.bytes_per_second.map_or(BLOCK, |rate| (rate as usize / 20).clamp(1, BLOCK))
    }
}

/// Finds the ends of TLS records (RFC 8446, section 5.1: type, version, and the length in two bytes).
#[derive(Default)]
struct RecordEnds {
    /// Bytes of the header that have come.
    header: usize,
    /// Bytes of the record that are to come behind its header.
    left: usize,
    passed: u64,
}

impl RecordEnds {
    fn pass(&mut self, mut bytes: &[u8]) -> Vec<u64> {
        let mut ends = Vec::new();
        while let Some((first, rest)) = bytes.split_first() {
            if self.header < RECORD_HEADER {
                self.left = (self.left << 8 | usize::from(*first)) & 0xffff;
                self.header += 1;
                self.passed += 1;
                bytes = rest;
            } else {
                let count = self.left.min(bytes.len());
                self.left -= count;
                self.passed += count as u64;
                bytes = &bytes[count..];
            }
            if self.header == RECORD_HEADER && self.left == 0 {
                self.header = 0;
                ends.push(self.passed);
            }
        }
        ends
    }
}

const BLOCK: usize = 64 * 1024;
const RECORD_HEADER: usize = 5;

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::echo::echo;

    fn exchange(link: &FaultyLink, bytes: &[u8]) -> (Vec<u8>, Option<ErrorKind>) {
        let mut stream = TcpStream::connect(("127.0.0.1", link.port())).unwrap();
        let mut got = Vec::new();
        // A connection that is reset at once fails already here.
        let written = stream.write_all(bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let end = written.and_then(|()| stream.read_to_end(&mut got));
        (got, end.err().map(|error| error.kind()))
    }

    #[test]
    fn exactly_so_many_bytes_pass_and_only_connections_that_the_plan_names_suffer() {
        let link = FaultyLink::start(echo()).unwrap();
        link.set_plan(|number| LinkFault {
            cut: (number == 0).then_some((Direction::ToClient, 3, Cut::Reset)),
            ..LinkFault::default()
        });
        assert_eq!(exchange(&link, b"12345"), (b"123".to_vec(), Some(ErrorKind::ConnectionReset)));
        assert_eq!(exchange(&link, b"12345"), (b"12345".to_vec(), None));
        assert_eq!(link.accepted(), 2);
        let cut = link.take_connections().remove(0);
        assert_eq!((cut.to_client, cut.was_cut), (3, true));
    }

    #[test]
    fn the_ends_of_records_are_found_in_whatever_pieces_they_come() {
        let records = [&[22, 3, 3, 0, 2, 9, 9][..], &[23, 3, 3, 1, 0], &[0xff; 256], &[20, 3, 3, 0, 0, 21, 3, 3, 0, 1]];
        let bytes = records.concat();
        for piece in [1, 2, 3, 7, bytes.len()] {
            let mut found = RecordEnds::default();
            let ends: Vec<u64> = bytes.chunks(piece).flat_map(|piece| found.pass(piece)).collect();
            assert_eq!(ends, [7, 268, 273], "{piece}");
        }
    }

    #[test]
    fn a_close_is_no_reset_and_a_cut_of_the_request_ends_both_sides() {
        let link = FaultyLink::start(echo()).unwrap();
        link.set_plan(|_| LinkFault { cut: Some((Direction::ToServer, 2, Cut::Reset)), ..LinkFault::default() });
        assert_eq!(exchange(&link, b"12345").1, Some(ErrorKind::ConnectionReset));
        link.set_plan(|_| LinkFault { cut: Some((Direction::ToClient, 2, Cut::Close)), ..LinkFault::default() });
        assert_eq!(exchange(&link, b"12"), (b"12".to_vec(), None));
    }
}

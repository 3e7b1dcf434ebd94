//! A small HTTP/1.1 server for programs on this machine: one thread, one `poll(2)`, constant memory.
//!
//! ```text
//! listener ──▶ Connection: Reading ──▶ Waiting ──▶ Writing ──▶ Reading …, or Closing
//!                             │                       ▲
//!                             └── Service::respond ───┘
//! ```
//!
//! However many clients hold their connections open, the memory stays as it is: the table has room for
//! [`CONNECTIONS_MAXIMUM`], and only [`UNFINISHED_MAXIMUM`] of them may have sent half a request. When there is no room,
//! the client that has been idle longest makes it. Nobody can hold a place by being slow: every state has a deadline.

mod connection;
mod response;

pub use response::{Response, Status};

use crate::error::{Error, Fault, Result};
use connection::{Connection, HEAD_BUFFER, HeadBuffer};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{self, ErrorKind, PipeReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

pub use crate::protocol::http_request::RequestHead;

/// Who knows the answers.
pub trait Service {
    /// Answers a request; `None`: the answer comes later, from [`Self::turn`].
    fn respond(&mut self, request: &RequestHead<'_>) -> Option<Rc<Response>>;

    /// Called again and again: whenever something has happened, and at the time that the last call asked for.
    fn turn(&mut self) -> Turn;
}

/// What happens next.
pub enum Turn {
    /// The server goes on.
    Continue {
        /// The answer for every client that waits for one.
        answer: Option<Rc<Response>>,
        /// When the next turn is due at the latest.
        until: Option<Instant>,
    },
    /// The server ends.
    End,
}

/// A listening server that does not serve yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: Vec<Connection>,
    capacity: usize,
    /// A listener that cannot accept would be ready again at once, without end.
    accept_again: Option<Instant>,
}

impl Server {
    /// Listens at `address`; port 0 is a free one. Clients can connect from now on.
    ///
    /// # Errors
    /// [`Fault::Config`]: the address is not this machine's, in use, or not allowed to this user.
    pub fn listen(address: SocketAddr) -> Result<Self> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(|error| cannot_listen(address, &error))?;
        Ok(Self { listener, address, connections: Vec::new(), capacity: 0, accept_again: None })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `service` says that it is the end. A byte in `wake` brings the next turn forward.
    ///
    /// # Errors
    /// [`Fault::Io`], when the system cannot wait any more.
    pub fn run(mut self, service: &mut impl Service, mut wake: &PipeReader) -> Result<()> {
        self.capacity = raise_open_files_limit().saturating_sub(FILES_KEPT_FREE).clamp(1, CONNECTIONS_MAXIMUM);
        self.connections.reserve_exact(self.capacity);
        let mut buffer: HeadBuffer = Zeroizing::new([0; HEAD_BUFFER]);
        let mut ready: Vec<PollFlags> = Vec::with_capacity(self.capacity + OTHER_SOURCES);
        loop {
            let Turn::Continue { answer, until } = service.turn() else { return Ok(()) };
            if let Some(answer) = answer {
                let waiting = self.connections.iter_mut().filter(|connection| connection.is_waiting());
                waiting.for_each(|connection| connection.answer(&answer, service, &mut buffer));
            }
            self.wait(wake, until, &mut ready).map_err(|error| {
                Error::new(Fault::Io, "poll_failed", format!("cannot wait for connections: {error}"))
            })?;
            let (others, clients) = ready.split_at(OTHER_SOURCES);
            if !others[0].is_empty() {
                // One read takes what is there without blocking; how many bytes is of no interest.
                let _ = wake.read(&mut [0; WAKE_BYTES]);
            }
            for (index, _) in clients.iter().enumerate().filter(|(_, flags)| !flags.is_empty()) {
                self.connections[index].proceed(service, &mut buffer);
                if self.connections[index].has_unfinished() {
                    self.limit_unfinished();
                }
            }
            let now = Instant::now();
            self.connections.retain(|connection| !connection.is_over(now));
            if !others[1].is_empty() {
                self.accept();
            }
        }
    }

    /// Waits for the pipe (first in `ready`), the listener (second) or a client (the rest).
    fn wait(&self, wake: &PipeReader, until: Option<Instant>, ready: &mut Vec<PollFlags>) -> io::Result<()> {
        let now = Instant::now();
        let accept_again = self.accept_again.filter(|again| *again > now);
        let is_accepting =
            accept_again.is_none() && (self.connections.len() < self.capacity || self.oldest_idle().is_some());
        let mut sources = Vec::with_capacity(self.connections.len() + OTHER_SOURCES);
        sources.push(PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN));
        // Without flags only what went wrong with it is reported, which a listener has not.
        let accepting = if is_accepting { PollFlags::IN } else { PollFlags::empty() };
        sources.push(PollFd::from_borrowed_fd(self.listener.as_fd(), accepting));
        let clients = self.connections.iter().map(|client| PollFd::from_borrowed_fd(client.as_fd(), client.interest()));
        sources.extend(clients);

        let deadlines = self.connections.iter().map(Connection::deadline).chain(until).chain(accept_again);
        let next = deadlines.fold(now + LONGEST_WAIT, Instant::min);
        let wait = next.saturating_duration_since(now);
        let timeout = Timespec::try_from(wait).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        match poll(&mut sources, Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => sources.iter_mut().for_each(PollFd::clear_revents),
            Err(error) => return Err(error.into()),
        }
        ready.clear();
        ready.extend(sources.iter().map(PollFd::revents));
        Ok(())
    }

    fn accept(&mut self) {
        self.accept_again = None;
        for _ in 0..ACCEPTED_AT_ONCE {
            if self.connections.len() >= self.capacity && !self.make_room() {
                return;
            }
            match self.listener.accept().and_then(|(stream, peer)| Connection::new(stream, peer)) {
                Ok(connection) => self.connections.push(connection),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => {
                    log::warn!("cannot take a connection: {error}");
                    self.make_room();
                    self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Closes the connection that has been idle longest; `false` when every client is being served.
    fn make_room(&mut self) -> bool {
        let oldest = self.oldest_idle();
        if let Some(index) = oldest {
            log::debug!("closing an idle connection for a new one");
            self.connections.swap_remove(index);
        }
        oldest.is_some()
    }

    fn oldest_idle(&self) -> Option<usize> {
        let idle = self.connections.iter().enumerate().filter(|(_, connection)| connection.is_idle());
        idle.min_by_key(|(_, connection)| connection.since()).map(|(index, _)| index)
    }

    /// A request normally comes in one piece. Of those that do not, the latest go on.
    fn limit_unfinished(&mut self) {
        let unfinished = self.connections.iter_mut().filter(|connection| connection.has_unfinished());
        let (count, oldest) = unfinished.fold((0, None), |(count, oldest): (usize, Option<&mut Connection>), next| {
            let is_older = oldest.as_ref().is_none_or(|oldest| next.since() < oldest.since());
            (count + 1, if is_older { Some(next) } else { oldest })
        });
        if let Some(oldest) = oldest.filter(|_| count > UNFINISHED_MAXIMUM) {
            oldest.abandon();
        }
    }
}

/// The soft limit is often 1,024; the hard one is what the administrator means. Gives what there is then.
fn raise_open_files_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let enough = (CONNECTIONS_MAXIMUM + FILES_KEPT_FREE) as u64;
    if let Some(current) = limit.current.filter(|current| *current < enough) {
        let wanted = limit.maximum.map_or(enough, |maximum| maximum.min(enough)).max(current);
        limit.current = Some(wanted);
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit.current = Some(current);
        }
    }
    limit.current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "another program listens there: choose another port, or port 0 for a free one",
        ErrorKind::AddrNotAvailable => {
            "no network interface of this machine has that address: add it (ip address add …)"
        }
        ErrorKind::PermissionDenied => "ports below 1024 are for root: choose a higher one",
        _ => "check the address and the port",
    };
    Error::new(Fault::Config, "cannot_listen", format!("cannot listen at {address}: {error}")).with_remedy(remedy)
}

/// The most clients at a time; with a kilobyte of the kernel's for each, what a small device can spare.
pub const CONNECTIONS_MAXIMUM: usize = 1024;
/// The most clients whose request has begun and is not complete: each has a buffer of its own, 128 KiB together.
pub const UNFINISHED_MAXIMUM: usize = 32;
/// For the connection to AWS, name servers, certificate files, standard streams.
const FILES_KEPT_FREE: usize = 32;
/// The pipe and the listener.
const OTHER_SOURCES: usize = 2;
const WAKE_BYTES: usize = 64;
/// Then the clients that are there already get their turn.
const ACCEPTED_AT_ONCE: usize = 64;
/// After the system has run out of something.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// A turn comes at least so often, whatever a clock does that is being set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

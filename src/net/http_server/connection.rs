//! One client of the server: what it has sent, and what it is still to be sent.

use super::{Response, Service, Status};
use crate::protocol::http_request::{self, BadRequest, HEAD_MAXIMUM};
use rustix::event::PollFlags;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Shared by all connections: one that has sent nothing, or whole requests only, has no buffer of its own.
pub(super) type HeadBuffer = Zeroizing<[u8; HEAD_BUFFER]>;
/// One whole head.
pub(super) const HEAD_BUFFER: usize = HEAD_MAXIMUM;

/// A connection to a client.
pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    state: State,
    /// The begin of a request whose end has not come; while one is being answered, what came behind it.
    unfinished: Option<Zeroizing<Box<[u8]>>>,
    /// When the state began; for half a request, when its first byte came.
    since: Instant,
}

enum State {
    /// For a request, or the rest of one.
    Reading,
    /// The service has no answer yet.
    Waiting(Form),
    /// `sent` bytes of the response are on their way.
    Writing {
        response: Rc<Response>,
        form: Form,
        sent: usize,
    },
    /// All is sent. What the client still sends is thrown away until it closes too: closing with unread bytes would
    /// reset the connection, and the client could lose the response.
    Closing,
    Over,
}

/// How the response to one request differs from that to others.
#[derive(Clone, Copy)]
struct Form {
    close: bool,
    without_body: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // Only costs time where it fails.
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, peer, state: State::Reading, unfinished: None, since: Instant::now() })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// What `poll` is to look for. Errors and hang-ups it reports in any case.
    pub(super) fn interest(&self) -> PollFlags {
        match self.state {
            State::Reading | State::Closing => PollFlags::IN,
            State::Writing { .. } => PollFlags::OUT,
            State::Waiting(_) | State::Over => PollFlags::empty(),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Nothing is being done for this client.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Reading | State::Closing | State::Over)
    }

    pub(super) fn has_unfinished(&self) -> bool {
        self.unfinished.is_some()
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        matches!(self.state, State::Over) || self.deadline() <= now
    }

    /// When it is closed, unless something happens before.
    pub(super) fn deadline(&self) -> Instant {
        let time = match self.state {
            State::Reading if self.unfinished.is_some() => REQUEST_TIMEOUT,
            State::Reading => IDLE_TIMEOUT,
            State::Waiting(_) => ANSWER_TIMEOUT,
            State::Writing { .. } => WRITE_TIMEOUT,
            State::Closing => CLOSE_TIMEOUT,
            State::Over => Duration::ZERO,
        };
        self.since + time
    }

    /// Does what can be done now: reads, asks the service, writes.
    pub(super) fn proceed(&mut self, service: &mut impl Service, buffer: &mut HeadBuffer) {
        match self.state {
            State::Reading => self.read(service, buffer),
            State::Writing { .. } => {
                self.write();
                self.go_on(service, buffer);
            }
            State::Closing => self.throw_away(buffer),
            // `poll` has found the connection broken.
            State::Waiting(_) | State::Over => self.enter(State::Over),
        }
    }

    /// Gives the answer that it waits for.
    pub(super) fn answer(&mut self, response: &Rc<Response>, service: &mut impl Service, buffer: &mut HeadBuffer) {
        if let State::Waiting(form) = self.state {
            self.send(Rc::clone(response), form);
            self.go_on(service, buffer);
        }
    }

    /// Gives it up, and what it has sent.
    pub(super) fn abandon(&mut self) {
        self.unfinished = None;
        self.enter(State::Over);
    }

    fn read(&mut self, service: &mut impl Service, buffer: &mut HeadBuffer) {
        let had = self.restore(buffer);
        // There is room: a head that fills the buffer is never unfinished.
        match self.stream.read(&mut buffer[had..]) {
            Ok(0) => self.enter(State::Over),
            Ok(count) => {
                if had == 0 {
                    self.since = Instant::now();
                }
                self.serve(service, &buffer[..had + count]);
            }
            Err(error) if is_passing(&error) => self.keep(&buffer[..had]),
            Err(_) => self.enter(State::Over),
        }
    }

    /// After a response has gone out, the requests that came behind it.
    fn go_on(&mut self, service: &mut impl Service, buffer: &mut HeadBuffer) {
        if matches!(self.state, State::Reading) && self.unfinished.is_some() {
            let had = self.restore(buffer);
            self.serve(service, &buffer[..had]);
        }
    }

    /// Answers one request after the other, as far as they have come and the client takes the responses.
    fn serve(&mut self, service: &mut impl Service, mut bytes: &[u8]) {
        while matches!(self.state, State::Reading) && !bytes.is_empty() {
            match http_request::parse(bytes) {
                Ok(None) => break,
                Ok(Some(request)) => {
                    let form = Form { close: request.close, without_body: request.method == "HEAD" };
                    let response = service.respond(&request);
                    bytes = &bytes[request.length..];
                    match response {
                        Some(response) => self.send(response, form),
                        None => self.enter(State::Waiting(form)),
                    }
                }
                Err(bad) => {
                    bytes = &[];
                    self.send(Rc::new(refusal(bad)), Form { close: true, without_body: false });
                }
            }
        }
        if !matches!(self.state, State::Closing | State::Over) {
            self.keep(bytes);
        }
    }

    fn send(&mut self, response: Rc<Response>, form: Form) {
        log::debug!("{}: {}", self.peer, response.status().code());
        self.enter(State::Writing { response, form, sent: 0 });
        self.write();
    }

    fn write(&mut self) {
        let State::Writing { response, form, sent } = &mut self.state else { return };
        loop {
            let mut skipped = *sent;
            let rest = response.pieces(form.close, form.without_body).into_iter().find_map(|piece| {
                let rest = piece.get(skipped..).filter(|rest| !rest.is_empty());
                skipped = skipped.saturating_sub(piece.len());
                rest
            });
            let Some(rest) = rest else { break };
            match self.stream.write(rest) {
                Ok(0) => return self.enter(State::Over),
                Ok(count) => *sent += count,
                Err(error) if is_passing(&error) => return,
                Err(_) => return self.enter(State::Over),
            }
        }
        if form.close {
            let _ = self.stream.shutdown(Shutdown::Write);
            self.unfinished = None;
            self.enter(State::Closing);
        } else {
            self.enter(State::Reading);
        }
    }

    fn throw_away(&mut self, buffer: &mut HeadBuffer) {
        match self.stream.read(&mut buffer[..]) {
            Ok(count) if count > 0 => {}
            Err(error) if is_passing(&error) => {}
            _ => self.enter(State::Over),
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.since = Instant::now();
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.unfinished = (!bytes.is_empty()).then(|| Zeroizing::new(bytes.into()));
    }

    /// Puts what was kept to the front of the buffer, and gives its length.
    fn restore(&mut self, buffer: &mut HeadBuffer) -> usize {
        let Some(unfinished) = self.unfinished.take() else { return 0 };
        buffer[..unfinished.len()].copy_from_slice(&unfinished);
        unfinished.len()
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn refusal(bad: BadRequest) -> Response {
    match bad {
        BadRequest::Malformed => Response::error(Status::BadRequest, "BadRequest", "this is no HTTP/1.1 request"),
        BadRequest::Body => Response::error(Status::BadRequest, "BadRequest", "a request here has no body"),
        BadRequest::TooLarge => Response::error(
            Status::RequestHeaderFieldsTooLarge,
            "RequestHeaderFieldsTooLarge",
            "request line and headers are too long",
        ),
    }
}

/// For a client that keeps its connection for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// From a request's first byte to its last. Clients on this machine need a millisecond.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than a service takes that has deadlines of its own.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// A response is a few kilobytes, which the kernel takes at once from a client that reads.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

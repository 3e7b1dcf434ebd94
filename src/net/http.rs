//! HTTP requests over our own streams, by ureq: bounded buffers, a deadline for everything, no redirects.
//!
//! What differs from ureq's defaults, and why:
//!
//! - connections come from [`Stream`], so that MQTT and HTTP share proxies, TLS and deadlines, and so that a
//!   connection can be opened while the credentials for it are still being fetched ([`Client::warm_up`]);
//! - a server that answers before it has read the body has its answer read: the rest of the body is neither read
//!   from disk nor sent, and a success that comes too early is an error;
//! - replies are read into the caller's buffer and never further, whole ([`Client::send`]) or piece by piece
//!   ([`Client::open`]);
//! - what a reply repeats of the request's secrets is wiped from it.

mod incoming;
mod repeated;

pub use incoming::Incoming;

use super::background::{self, Receiver, channel};
use super::connect::Target;
use super::duplex::Duplex;
use super::proxy::Proxy;
use super::stall::Stall;
use super::stream::{self, Stream, unix_time};
use crate::error::{Error, Fault, Hint, Result};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use http::{HeaderMap, Uri};
use repeated::SentSecrets;
use rustls::ClientConfig;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, SendBody};

/// How connections are made and how long anything may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// TLS; `None` for plain HTTP, which is only ever spoken to addresses that `plain_allowed` lets pass.
    pub tls: Option<Arc<ClientConfig>>,
    /// Which addresses may be spoken to without TLS.
    pub plain_allowed: fn(IpAddr) -> bool,
    /// The environment's proxy.
    pub proxy: Option<Arc<Proxy>>,
    /// For name, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
    /// How long the other side may be silent, and how long it may take nothing.
    pub idle_timeout: Duration,
    /// When the whole command must be over.
    pub deadline: Option<Instant>,
}

/// An HTTP client that keeps its connections for the next request to the same server.
pub struct Client {
    agent: Agent,
    shared: Arc<Shared>,
}

/// What goes with a request.
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// Bytes that are there already.
    Bytes(&'a [u8]),
    /// As many bytes as the request's `content-length` says, read piece by piece.
    Source(&'a mut dyn BodySource),
}

/// A body that is produced while it is being sent.
pub trait BodySource {
    /// Puts the next piece of the body into `buffer`, and says how long it is; 0 at the end only. The buffer has as much
    /// room as [`Client::hold_pieces_of`] was told, or a TLS record's.
    ///
    /// # Errors
    /// Whatever is wrong with the source. The request is then given up, and the server never sees a whole body.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize>;
}

/// A reply, with the body in the buffer that was given for it.
#[derive(Debug)]
pub struct Answer<'b> {
    status: u16,
    headers: HeaderMap,
    body: &'b [u8],
    complete: bool,
    /// The device's clock half way between request and reply, in seconds since the Unix epoch.
    pub midpoint: i64,
}

impl Answer<'_> {
    /// The reply for the parsers of [`crate::aws`].
    pub fn reply(&self) -> Reply<'_> {
        Reply { status: self.status, headers: &self.headers, body: self.body, complete: self.complete }
    }
}

impl Client {
    /// Makes a client; nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(settings.tls.is_some())
            // Ours: see `Opener`.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .accept("")
            .accept_encoding("")
            .max_response_header_size(RESPONSE_HEADER_MAXIMUM)
            .max_idle_connections(2)
            .max_idle_connections_per_host(1)
            .timeout_per_read(Some(settings.idle_timeout))
            .timeout_per_write(Some(settings.idle_timeout))
            // A byte now and then is no silence, but must come to an end as well.
            .timeout_recv_response(Some(settings.idle_timeout * HEAD_PATIENCE))
            .build();
        let shared = Arc::new(Shared {
            settings,
            warm: Mutex::new(Vec::new()),
            abandoned: AtomicBool::new(false),
            is_aged: AtomicBool::new(false),
            write_error: Mutex::new(None),
            output_length: AtomicUsize::new(OUTPUT_BUFFER),
        });
        Self { agent: Agent::with_parts(config, Opener(shared.clone()), NoResolver), shared }
    }

    /// From the next connection on, bodies may come in pieces of up to `length` bytes, and leave in one system call each.
    pub fn hold_pieces_of(&mut self, length: usize) {
        self.shared.output_length.store(length.max(OUTPUT_BUFFER), Ordering::Relaxed);
    }

    /// Starts to open a connection to `authority` in the background, for the next request to it.
    pub fn warm_up(&self, authority: &str) {
        let Ok(target) = Target::parse(authority, HTTPS_PORT) else { return };
        let shared = self.shared.clone();
        let (sender, opening) = channel();
        let thread = background::start("connect", OPENER_STACK, move || {
            sender.send(shared.open(&target));
        });
        // Without a thread the request itself opens the connection, and says what is wrong.
        if thread.is_ok() {
            lock(&self.shared.warm).push((authority.to_owned(), opening));
        }
    }

    /// Sends `request` and reads the reply into `buffer`, as far as it fits.
    ///
    /// # Errors
    /// Transport errors as [`stream::explain`] words them; the body source's own error; an unusable reply. A reply
    /// of any status is no error here.
    pub fn send<'b>(&self, request: &Request, body: Body<'_>, buffer: &'b mut [u8]) -> Result<Answer<'b>> {
        let (mut response, midpoint) = self.exchange(request, body)?;
        let (length, complete) =
            read_body(response.body_mut(), buffer, self.shared.settings.idle_timeout * BODY_PATIENCE)
                .map_err(|error| self.explain(error, host_of(&request.authority)))?;
        SentSecrets::of(request).wipe(&mut buffer[..length]);
        let (parts, _) = response.into_parts();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: &buffer[..length],
            complete,
            midpoint,
        })
    }

    /// Sends `request`, which has no body, and returns when the reply's head is there. Its body is then read piece by
    /// piece; until that is done, or given up, the client can send nothing else.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn open(&self, request: &Request) -> Result<Incoming> {
        let (response, midpoint) = self.exchange(request, Body::Empty)?;
        Ok(Incoming::new(host_of(&request.authority), response, SentSecrets::of(request), midpoint))
    }

    /// Gives the reply, of which the head has been read, and the middle of the exchange in seconds since the Unix
    /// epoch.
    fn exchange(&self, request: &Request, body: Body<'_>) -> Result<(http::Response<ureq::Body>, i64)> {
        let host = host_of(&request.authority);
        let scheme = if self.shared.settings.tls.is_some() { "https" } else { "http" };
        let separator = if request.query.is_empty() { "" } else { "?" };
        let uri = format!("{scheme}://{}{}{separator}{}", request.authority, request.path, request.query);
        let mut builder = http::Request::builder().method(request.method).uri(uri);
        for (name, value) in request.headers().filter(|(name, _)| *name != "host") {
            builder = builder.header(name, value);
        }
        self.shared.abandoned.store(false, Ordering::Relaxed);
        self.shared.is_aged.store(false, Ordering::Relaxed);
        *lock(&self.shared.write_error) = None;

        let asked = unix_time();
        let length = request.header_value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut guarded =
            GuardedBody { source: None, remaining: length, abandoned: &self.shared.abandoned, failure: None, asked };
        let result = match body {
            Body::Empty => self.run(builder, ()),
            Body::Bytes(bytes) => self.run(builder, bytes),
            Body::Source(source) => {
                guarded.source = Some(source);
                self.run(builder, SendBody::from_reader(&mut guarded))
            }
        };
        let asked = guarded.asked;
        if let Some(failure) = guarded.failure {
            return Err(failure);
        }
        let mut response = result.map_err(|error| {
            let error = self.explain(error, host);
            let is_dead = self.shared.is_aged.load(Ordering::Relaxed) && BROKEN.contains(&error.code());
            if is_dead { error.with_hint(Some(Hint::FreshConnection)) } else { error }
        })?;
        SentSecrets::of(request).wipe_headers(response.headers_mut());
        let midpoint = asked + (unix_time() - asked) / 2;
        if self.shared.abandoned.load(Ordering::Relaxed) && response.status().is_success() {
            return Err(unusable(host, "early_success", "it reported success before it had been sent everything"));
        }
        Ok((response, midpoint))
    }

    fn run(
        &self,
        builder: http::request::Builder,
        body: impl ureq::AsSendBody,
    ) -> std::result::Result<http::Response<ureq::Body>, ureq::Error> {
        let request = builder.body(body)?;
        match self.shared.settings.deadline {
            None => self.agent.run(request),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.agent.run(self.agent.configure_request(request).timeout_global(Some(left)).build())
            }
        }
    }

    fn explain(&self, error: ureq::Error, host: &str) -> Error {
        if let Some(write_error) = lock(&self.shared.write_error).take() {
            return write_error;
        }
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<Error>() {
                Ok(error) => *error,
                Err(other) => unusable(host, "http_failed", &other.to_string()),
            },
            ureq::Error::Io(error) => explain_io(error, host),
            ureq::Error::Timeout(_) => {
                let is_over = self.shared.settings.deadline.is_some_and(|end| Instant::now() >= end);
                let remedy = if is_over {
                    "try again; if it stays, check the network, or give more time with --timeout"
                } else {
                    "try again; if it stays, check the network, or give more time with --stall-timeout"
                };
                Error::new(Fault::Unavailable, "timeout", format!("connection to {host}: no answer in time"))
                    .with_remedy(remedy)
            }
            ureq::Error::LargeResponseHeader(..) => {
                unusable(host, "oversized_reply", "its reply's headers are too large")
            }
            ureq::Error::Protocol(reason) => {
                unusable(host, "malformed_reply", &format!("its reply is not HTTP: {reason}"))
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Error::new(Fault::Config, "malformed_endpoint", format!("'{host}' does not make a valid request"))
            }
            other => unusable(host, "http_failed", &other.to_string()),
        }
    }
}

/// What a client, its connector, its connections and the body in transit have in common. A client sends one
/// request at a time.
struct Shared {
    settings: Settings,
    warm: Mutex<Vec<(String, Receiver<Result<Stream>>)>>,
    /// The server has answered, or is gone, before the body was sent: the rest of it is not needed.
    abandoned: AtomicBool,
    /// The connection had been open before the request, and nothing of the reply has come: it may have been dead.
    is_aged: AtomicBool,
    write_error: Mutex<Option<Error>>,
    /// Of the buffer in which a new connection holds what it sends, in bytes.
    output_length: AtomicUsize,
}

impl Shared {
    fn open(&self, target: &Target) -> Result<Stream> {
        let mut deadline = Instant::now() + self.settings.connect_timeout;
        if let Some(end) = self.settings.deadline {
            deadline = deadline.min(end);
        }
        match &self.settings.tls {
            Some(tls) => Stream::open(target, self.settings.proxy.as_deref(), tls.clone(), deadline),
            None => {
                let stream = Stream::open_plain(target, deadline)?;
                match stream.peer_address() {
                    Ok(peer) if (self.settings.plain_allowed)(peer.ip()) => Ok(stream),
                    _ => Err(Error::new(
                        Fault::Config,
                        "plain_http_refused",
                        format!("{target} is not on this device, and credentials are not asked for over plain HTTP elsewhere"),
                    )
                    .with_remedy("use an https:// URI, or one on loopback")),
                }
            }
        }
    }
}

struct Opener(Arc<Shared>);

impl Connector<()> for Opener {
    type Out = HttpTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> std::result::Result<Option<HttpTransport>, ureq::Error> {
        let other = |error: Error| ureq::Error::Other(Box::new(error));
        let authority = details.uri.authority().map_or("", |authority| authority.as_str());
        let default_port = if details.needs_tls() { HTTPS_PORT } else { HTTP_PORT };
        let target = Target::parse(authority, default_port).map_err(other)?;
        let warm = {
            let mut warm = lock(&self.0.warm);
            let place = warm.iter().position(|(waiting, _)| waiting == authority);
            place.map(|place| warm.swap_remove(place).1)
        };
        // A connection that was opened ahead may have failed or died meanwhile; then this opens another.
        let alive = match warm.and_then(|opening| opening.receive().ok()) {
            Some(Ok(mut stream)) => matches!(stream.has_input(), Ok(false)).then_some(stream),
            Some(Err(error)) if !error.retryable() => return Err(other(error)),
            _ => None,
        };
        let stream = match alive {
            Some(stream) => {
                self.0.is_aged.store(true, Ordering::Relaxed);
                stream
            }
            None => {
                self.0.is_aged.store(false, Ordering::Relaxed);
                self.0.open(&target).map_err(other)?
            }
        };
        Ok(Some(HttpTransport {
            stream,
            buffers: LazyBuffers::new(INPUT_BUFFER, self.0.output_length.load(Ordering::Relaxed)),
            shared: self.0.clone(),
            sent_since_look: 0,
            drained: None,
        }))
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Opener")
    }
}

struct HttpTransport {
    stream: Stream,
    buffers: LazyBuffers,
    shared: Arc<Shared>,
    sent_since_look: usize,
    /// When the system's buffer was last seen to send more of the request, behind its last byte.
    drained: Option<Instant>,
}

impl HttpTransport {
    /// Sends all of it, or finds that the server does not want more. Over a slow link a piece may take long: what is
    /// limited is how long nothing of it goes.
    fn transmit(&mut self, amount: usize, timeout: NextTimeout) -> io::Result<Sent> {
        let output = &self.buffers.output()[..amount];
        let deadline = deadline_of(&timeout);
        let mut stall = Stall::new(&self.stream, self.shared.settings.idle_timeout);
        let mut start = 0;
        // A look costs a system call, so not with every record while the socket takes all we have.
        self.sent_since_look += amount;
        if self.sent_since_look >= LOOK_EVERY {
            self.sent_since_look = 0;
            if self.stream.has_input()? {
                return Ok(Sent::Answered);
            }
        }
        loop {
            let step = if start < output.len() {
                self.stream.try_write(&output[start..]).map(|count| start += count)
            } else {
                self.stream.try_flush()
            };
            match step {
                Ok(()) if start == output.len() && self.stream.try_flush().is_ok() => return Ok(Sent::All),
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !stall.wait(&self.stream, true, deadline)? {
                        return Ok(Sent::TimedOut);
                    }
                    if self.stream.has_input()? {
                        return Ok(Sent::Answered);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// When there has to be a reply's head, which the server can begin only when it has the request.
    fn reply_due(&self, timeout: &NextTimeout) -> Option<Instant> {
        let Shared { settings: Settings { idle_timeout, deadline, .. }, .. } = &*self.shared;
        match self.drained.map(|drained| drained + *idle_timeout * HEAD_PATIENCE) {
            Some(due) if timeout.reason == ureq::Timeout::RecvResponse => {
                Some(deadline.map_or(due, |end| end.min(due)))
            }
            _ => deadline_of(timeout),
        }
    }

    fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
    }

    fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Relaxed)
    }
}

enum Sent {
    All,
    Answered,
    TimedOut,
}

impl Transport for HttpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> std::result::Result<(), ureq::Error> {
        if self.is_abandoned() {
            return Ok(());
        }
        self.drained = None;
        match self.transmit(amount, timeout) {
            Ok(Sent::All) => Ok(()),
            Ok(Sent::TimedOut) => Err(ureq::Error::Timeout(ureq::Timeout::PerWrite)),
            Ok(Sent::Answered) => {
                log::debug!("{} answers before it has everything", self.stream.host());
                self.abandon();
                Ok(())
            }
            Err(error) => {
                // The reply that explains it may have arrived before the connection broke.
                log::debug!("{}: {error}; looking for a reply", self.stream.host());
                *lock(&self.shared.write_error) = Some(stream::explain(&error, self.stream.host()));
                self.abandon();
                Ok(())
            }
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> std::result::Result<bool, ureq::Error> {
        let mut stall = Stall::new(&self.stream, self.shared.settings.idle_timeout);
        loop {
            match self.stream.try_read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    self.buffers.input_appended(count);
                    if count > 0 {
                        self.shared.is_aged.store(false, Ordering::Relaxed);
                        // There is a reply, so the broken write behind it is not what counts.
                        *lock(&self.shared.write_error) = None;
                    }
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    match stall.wait(&self.stream, false, self.reply_due(&timeout)) {
                        Ok(true) => {}
                        Ok(false) if stall.drained > self.drained => self.drained = stall.drained,
                        Ok(false) => return Err(ureq::Error::Timeout(ureq::Timeout::PerRead)),
                        Err(error) => return Err(ureq::Error::Io(error)),
                    }
                }
                Err(error) => {
                    if stream::is_tls_error(&error) {
                        // An alert says why the server closed; the broken write behind it only that it did.
                        *lock(&self.shared.write_error) = None;
                    }
                    return Err(ureq::Error::Io(error));
                }
            }
        }
    }

    /// Asked before a connection is used again.
    fn is_open(&mut self) -> bool {
        self.shared.is_aged.store(true, Ordering::Relaxed);
        !self.is_abandoned() && matches!(self.stream.has_input(), Ok(false))
    }

    fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }
}

impl std::fmt::Debug for HttpTransport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "HttpTransport({})", self.stream.host())
    }
}

/// The body on its way to ureq: once the server has answered, the rest of it is made up instead of read, because
/// ureq reads a reply only after it has been given the whole body. None of that is sent.
struct GuardedBody<'a> {
    source: Option<&'a mut dyn BodySource>,
    /// Bytes that ureq still waits for.
    remaining: u64,
    abandoned: &'a AtomicBool,
    failure: Option<Error>,
    /// When the request, as far as it has been asked for, was sent: in seconds since the Unix epoch.
    asked: i64,
}

impl Read for GuardedBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = if self.abandoned.load(Ordering::Relaxed) {
            usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len())
        } else {
            let Some(source) = &mut self.source else { return Ok(0) };
            // An upload of an hour is answered at its end.
            self.asked = unix_time();
            source.fill(buffer).map_err(|error| {
                self.failure = Some(error);
                io::Error::other("the body's source failed")
            })?
        };
        // ureq refuses what is more.
        self.remaining = self.remaining.saturating_sub(count as u64);
        Ok(count)
    }
}

#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    /// [`Opener`] resolves names: addresses, proxies and deadlines belong together.
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

fn read_body(
    body: &mut ureq::Body,
    buffer: &mut [u8],
    limit: Duration,
) -> std::result::Result<(usize, bool), ureq::Error> {
    let begun = Instant::now();
    let mut reader = body.as_reader();
    let mut length = 0;
    while length < buffer.len() {
        if begun.elapsed() > limit {
            return Err(ureq::Error::Timeout(ureq::Timeout::RecvBody));
        }
        match reader.read(&mut buffer[length..])? {
            0 => return Ok((length, true)),
            count => length += count,
        }
    }
    Ok((length, reader.read(&mut [0])? == 0))
}

fn deadline_of(timeout: &NextTimeout) -> Option<Instant> {
    if timeout.after.is_not_happening() { None } else { Instant::now().checked_add(*timeout.after) }
}

fn explain_io(error: io::Error, host: &str) -> Error {
    match error.downcast::<ureq::Error>() {
        Ok(ureq::Error::Timeout(_)) => {
            Error::new(Fault::Unavailable, "timeout", format!("connection to {host}: the reply stopped half way"))
                .with_remedy("try again; if it stays, check the network, or give more time with --stall-timeout")
        }
        Ok(other) => unusable(host, "truncated_reply", &format!("its reply was cut short: {other}")),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            unusable(host, "truncated_reply", "the other side closed it before its reply was complete")
        }
        Err(error) => stream::explain(&error, host),
    }
}

fn unusable(host: &str, code: &'static str, why: &str) -> Error {
    Error::new(Fault::Unavailable, code, format!("connection to {host}: {why}"))
        .with_remedy("check that the endpoint is the right one, and what is in between")
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is inside stays whole even when a thread panicked while it held the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many times as long as a silence a reply's head may take: two minutes unless set otherwise.
const HEAD_PATIENCE: u32 = 4;
/// The same for the body of a reply that is read whole: ten minutes. S3 may take several to complete a multipart
/// upload, and sends a space now and then meanwhile (Amazon S3 API Reference, CompleteMultipartUpload).
const BODY_PATIENCE: u32 = 20;
const USER_AGENT: &str = concat!("homing/", env!("CARGO_PKG_VERSION"));
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
/// One TLS record (RFC 8446, section 5.1): each full buffer leaves as one full record, unless there are longer pieces.
const OUTPUT_BUFFER: usize = 16 * 1024;
/// Replies are small; their headers must fit.
const INPUT_BUFFER: usize = 16 * 1024;
/// S3's replies have under 2 KiB of headers.
const RESPONSE_HEADER_MAXIMUM: usize = 12 * 1024;
/// A look for an early answer every 64 KiB, one chunk.
const LOOK_EVERY: usize = 64 * 1024;
/// The errors of a connection that was dead before the request was read.
const BROKEN: [&str; 4] = ["connection_closed", "connection_failed", "connection_reset", "truncated_reply"];
/// TLS handshakes with RSA certificates stay well under this; only touched pages count.
const OPENER_STACK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_their_port() {
        assert_eq!(host_of("example.com:443"), "example.com");
        assert_eq!(host_of("example.com"), "example.com");
        assert_eq!(host_of("[::1]"), "[::1]");
        assert_eq!(host_of("[::1]:80"), "[::1]");
    }
}

//! From a host name to a connected TCP socket, within a deadline.

use super::background;
use super::proxy::Proxy;
use crate::error::{Error, Fault, Result};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Instant;

/// Host and port of a server, as taken from a configured endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Target {
    /// Takes `host`, `host:port`, `[v6]` or `[v6]:port` apart.
    ///
    /// # Errors
    /// [`Fault::Config`] when there is no host or the port is no number from 1 to 65,535.
    pub fn parse(authority: &str, default_port: u16) -> Result<Self> {
        let malformed = || {
            Error::new(
                Fault::Config,
                "malformed_endpoint",
                format!("'{authority}' is not an endpoint of the form host or host:port"),
            )
        };
        let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(malformed)?;
            (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")).ok_or_else(malformed)?)
        } else {
            authority.split_once(':').unwrap_or((authority, ""))
        };
        let port = match port {
            "" => default_port,
            port => port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?,
        };
        if host.is_empty() {
            return Err(malformed());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// Opens a TCP connection to `target`, through `proxy` where one is given. Every address that the name has
/// is tried in turn: `localhost` often has an IPv6 address that nobody listens on.
///
/// # Errors
/// [`Fault::Unavailable`]: the name does not resolve, all addresses refuse, or `deadline` passes. With a
/// proxy also [`Fault::Refused`], when it wants other credentials.
pub fn open(target: &Target, proxy: Option<&Proxy>, deadline: Instant) -> Result<TcpStream> {
    match proxy {
        None => open_direct(target, deadline),
        Some(proxy) => {
            let stream = open_direct(&proxy.target(), deadline).map_err(|error| {
                error
                    .context(format_args!("proxy {} (from {}) for {target}", proxy.target(), proxy.origin()))
                    .with_remedy(proxy.remedy())
            })?;
            proxy.tunnel(stream, target, deadline)
        }
    }
}

/// Addresses of `target`, IPv6 and IPv4 in the system's order of preference.
///
/// # Errors
/// [`Fault::Unavailable`]: no such name, or no answer before `deadline`.
pub fn resolve(target: &Target, deadline: Instant) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    // getaddrinfo has no deadline, so it gets a thread that can be left behind.
    let (sender, receiver) = background::channel();
    let query = (target.host.clone(), target.port);
    let spawned = background::start("resolve", RESOLVER_STACK, move || {
        sender.send(query.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    });
    if let Err(error) = spawned {
        return Err(Error::new(
            Fault::Temporary,
            "no_thread",
            format!("cannot start a thread to look up a name: {error}"),
        ));
    }
    match receiver.receive_until(deadline) {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(found) => {
            let reason = match found {
                Err(error) => error.to_string(),
                Ok(_) => "it has no address".to_owned(),
            };
            Err(Error::new(
                Fault::Unavailable,
                "name_not_resolved",
                format!("cannot resolve the host name '{}': {reason}", target.host),
            )
            .with_remedy("check the endpoint's spelling and region, and that the device has a name server (/etc/resolv.conf) and a network"))
        }
        Err(_) => Err(Error::new(
            Fault::Unavailable,
            "resolve_timeout",
            format!("no answer from the name server for '{}' in time", target.host),
        )
        .with_remedy("check the device's network and its name server (/etc/resolv.conf)")),
    }
}

/// Whether there is no way to any other network: no interface is up, or there is no gateway. No packet is sent.
pub fn is_offline() -> bool {
    // Addresses that documentation has, and nobody else (RFC 5737, RFC 3849).
    [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")]
        .into_iter()
        .all(|(own, other)| UdpSocket::bind(own).and_then(|socket| socket.connect(other)).is_err())
}

fn open_direct(target: &Target, deadline: Instant) -> Result<TcpStream> {
    let addresses = resolve(target, deadline)?;
    let mut last_error = None;
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        // A black hole at the first address must leave time for the others.
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        if share.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => {
                log::debug!("connected to {target} at {address}");
                // Only costs speed where it fails.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                log::debug!("{target} at {address}: {error}");
                last_error = Some((*address, error));
            }
        }
    }
    Err(describe(target, last_error))
}

/// The error for a target none of whose addresses could be connected to; `last_error`: the last of them, and why.
pub(super) fn describe(target: &Target, last_error: Option<(SocketAddr, io::Error)>) -> Error {
    let (code, reason) = match &last_error {
        Some((address, error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            ("connection_refused", format!("{address} refused the connection"))
        }
        Some((address, error)) if error.kind() == io::ErrorKind::TimedOut => {
            ("connect_timeout", format!("no answer from {address} in time"))
        }
        Some((address, error)) => ("connect_failed", format!("{address}: {error}")),
        None => ("connect_timeout", "no time left to connect".to_owned()),
    };
    Error::new(Fault::Unavailable, code, format!("cannot connect to {target}: {reason}")).with_remedy(
        "check the endpoint and its port, the network, and whether a firewall or a proxy (HTTPS_PROXY) is in between",
    )
}

/// glibc's resolver with its modules needs over 64 KiB of stack; only touched pages count.
const RESOLVER_STACK: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn endpoints_are_taken_apart() {
        let target = |text| Target::parse(text, 443).map(|target| (target.host, target.port)).ok();
        assert_eq!(target("example.com"), Some(("example.com".into(), 443)));
        assert_eq!(target("example.com:8443"), Some(("example.com".into(), 8443)));
        assert_eq!(target("[::1]"), Some(("::1".into(), 443)));
        assert_eq!(target("[::1]:99"), Some(("::1".into(), 99)));
        for wrong in ["", ":443", "a:b", "a:0", "a:65536", "[::1", "[::1]x", "[]"] {
            assert_eq!(target(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_that_does_not_exist_is_an_error_in_words() {
        let target = Target { host: "does-not-exist.invalid".into(), port: 1 };
        let error = open(&target, None, Instant::now() + Duration::from_secs(20)).unwrap_err();
        assert_eq!((error.code(), error.exit_code()), ("name_not_resolved", 69));
        assert!(error.message().contains("does-not-exist.invalid"));
    }
}

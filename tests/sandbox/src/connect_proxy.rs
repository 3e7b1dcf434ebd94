//! An HTTP CONNECT proxy, with Basic authentication when asked for, that records what it was asked to connect to.
//! It reaches nothing but this machine: `localhost`, names below it, loopback addresses, and names that were given a route.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::sandbox::any_port;

/// A running proxy; dropping it cuts its connections.
pub struct ConnectProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    authorization: Option<String>,
    routes: Mutex<HashMap<String, SocketAddr>>,
    requests: Mutex<Vec<ConnectRequest>>,
}

/// One request for a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// `host:port`, as the client wrote it; the whole request line when it was no CONNECT.
    pub target: String,
    /// The status it was answered with: 200, 400, 407 or 502.
    pub status: u16,
}

impl ConnectProxy {
    /// Starts a proxy that anybody may use.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start() -> io::Result<Self> {
        Self::start_with(None)
    }

    /// Starts a proxy that asks for Basic authentication (407 without it).
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start_with_authentication(user: &str, password: &str) -> io::Result<Self> {
        Self::start_with(Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))))
    }

    /// Where clients connect; `http://` and this is the value of `HTTPS_PROXY`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends tunnels for `host:port` to `address`, whatever the name means elsewhere.
    pub fn route(&self, target: &str, address: SocketAddr) {
        self.shared.routes.lock().unwrap_or_else(PoisonError::into_inner).insert(target.to_owned(), address);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<ConnectRequest> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn start_with(authorization: Option<String>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(any_port()))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { authorization, ..Shared::default() });
        let serving = Arc::clone(&shared);
        runtime.spawn(async move {
            loop {
                // An accept that fails (for instance for want of file descriptors) may succeed the next time.
                let Ok((client, _)) = listener.accept().await else { continue };
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { shared.connection(client).await });
            }
        });
        Ok(Self { address, shared, runtime: Some(runtime) })
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    async fn connection(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let head = read_head(&mut client).await?;
        let line = head.lines().next().unwrap_or_default();
        let target = line.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let (status, server) = match target {
            None => (400, None),
            Some(_) if !self.authorized(&head) => (407, None),
            Some(target) => match self.connect(target).await {
                Ok(server) => (200, Some(server)),
                Err(_) => (502, None),
            },
        };
        let request = ConnectRequest { target: target.unwrap_or(line).to_owned(), status };
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        client.write_all(reply(status).as_bytes()).await?;
        if let Some(mut server) = server {
            copy_bidirectional(&mut client, &mut server).await?;
        }
        client.shutdown().await
    }

    fn authorized(&self, head: &str) -> bool {
        let Some(expected) = &self.authorization else { return true };
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .any(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == expected)
    }

    async fn connect(&self, target: &str) -> io::Result<TcpStream> {
        let route = self.routes.lock().unwrap_or_else(PoisonError::into_inner).get(target).copied();
        let address = route.or_else(|| loopback(target)).ok_or(io::ErrorKind::HostUnreachable)?;
        let server = TcpStream::connect(address).await?;
        server.set_nodelay(true)?;
        Ok(server)
    }
}

/// The address of a target on this machine.
fn loopback(target: &str) -> Option<SocketAddr> {
    let (host, port) = target.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = if host == "localhost" || host.ends_with(".localhost") {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        host.parse().ok().filter(IpAddr::is_loopback)?
    };
    Some(SocketAddr::new(address, port.parse().ok()?))
}

/// Reads byte by byte, because the bytes behind the head belong to the tunnel.
async fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

const fn reply(status: u16) -> &'static str {
    match status {
        200 => "HTTP/1.1 200 Connection established\r\n\r\n",
        400 => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        407 => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"sandbox\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        _ => "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    }
}

/// No client's head is longer.
const HEAD_LIMIT: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_this_machine_is_reached() {
        assert_eq!(loopback("a.localhost:80"), Some("127.0.0.1:80".parse().unwrap()));
        assert_eq!(loopback("[::1]:80"), Some("[::1]:80".parse().unwrap()));
        assert_eq!(loopback("192.0.2.1:80"), None);
        assert_eq!(loopback("example.com:80"), None);
    }
}

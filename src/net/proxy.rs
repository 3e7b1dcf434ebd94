//! The environment's CONNECT proxy, for HTTPS and MQTT alike.
//!
//! `HTTPS_PROXY`, then `ALL_PROXY`, upper case before lower case; `NO_PROXY` names hosts that are reached
//! directly. Only the scheme `http://` is supported: the tunnel inside is TLS from end to end anyway.

use super::connect::Target;
use super::stream::wait_readable;
use crate::error::{Error, Fault, Result};
use base64::Engine as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use ureq::{Proxy as ProxyUrl, ProxyProtocol};
use zeroize::Zeroizing;

/// A proxy, and the hosts it is not for.
pub struct Proxy {
    url: ProxyUrl,
    origin: &'static str,
}

impl Proxy {
    /// Reads the proxy from the environment, through `variable` so that it can be tested.
    ///
    /// # Errors
    /// [`Fault::Config`]: the variable holds no URL, or one of a kind that is not supported.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let Some((origin, value)) = PROXY_VARIABLES.iter().find_map(|name| Some((*name, set(name)?))) else {
            return Ok(None);
        };
        // The value may hold a password, so it is not repeated.
        let unusable = |why: &str| {
            Error::new(Fault::Config, "bad_proxy", format!("the variable {origin} {why}"))
                .with_remedy("give it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
        };
        let given = ProxyUrl::new(&value).map_err(|_| unusable("is not the URL of a proxy"))?;
        if given.protocol() != ProxyProtocol::Http {
            return Err(unusable("names a proxy that is not reached over http://, which is the only kind supported"));
        }
        let mut builder = ProxyUrl::builder(ProxyProtocol::Http).host(given.host()).port(given.port());
        if let Some(username) = given.username() {
            builder = builder.username(username);
        }
        if let Some(password) = given.password() {
            builder = builder.password(password);
        }
        for list in NO_PROXY_VARIABLES.iter().find_map(set).iter() {
            for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                builder = builder.no_proxy(entry);
            }
        }
        let url = builder.build().map_err(|_| unusable("is not the URL of a proxy"))?;
        Ok(Some(Self { url, origin }))
    }

    /// Whether connections to `host` go through this proxy.
    pub fn is_for(&self, host: &str) -> bool {
        let bracketed = if host.contains(':') { format!("https://[{host}]/") } else { format!("https://{host}/") };
        match bracketed.parse::<http::Uri>() {
            Ok(uri) => !self.url.is_no_proxy(&uri),
            Err(_) => true,
        }
    }

    /// Where the proxy listens.
    pub fn target(&self) -> Target {
        Target { host: self.url.host().trim_matches(['[', ']']).to_owned(), port: self.url.port() }
    }

    /// The variable it was read from.
    pub fn origin(&self) -> &'static str {
        self.origin
    }

    /// What to do about a proxy that does not work.
    pub fn remedy(&self) -> String {
        format!(
            "check that {} names an HTTP proxy that reaches the host; NO_PROXY names hosts to be reached without it",
            self.origin
        )
    }

    /// Asks the proxy at the other end of `stream` for a tunnel to `target` (RFC 9110, section 9.3.6).
    ///
    /// # Errors
    /// [`Fault::Refused`] when the proxy wants credentials or forbids the target; [`Fault::Unavailable`] when
    /// it cannot reach it, answers nonsense or too late.
    pub fn tunnel(&self, mut stream: TcpStream, target: &Target, deadline: Instant) -> Result<TcpStream> {
        let place = format!("proxy {} (from {})", self.target(), self.origin);
        let broken = |why: &str| {
            Error::new(Fault::Unavailable, "proxy_failed", format!("{place} {why}, asked for a tunnel to {target}"))
                .with_remedy(self.remedy())
        };
        let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if let Some(username) = self.url.username() {
            let pair = Zeroizing::new(format!("{username}:{}", self.url.password().unwrap_or_default()));
            let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()));
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&encoded);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(broken("left no time"));
        }
        let io = |error: std::io::Error| broken(&format!("failed ({error})"));
        stream.set_write_timeout(Some(left)).map_err(io)?;
        stream.write_all(request.as_bytes()).map_err(io)?;
        stream.set_write_timeout(None).map_err(io)?;

        let mut reply = [0; REPLY_CAPACITY];
        let mut length = 0;
        // The peer behind the tunnel speaks TLS, where the client speaks first: nothing follows the reply.
        while !reply[..length].ends_with(b"\r\n\r\n") {
            if length == reply.len() {
                return Err(broken("sent an endless reply"));
            }
            if !wait_readable(&stream, deadline).map_err(io)? {
                return Err(broken("did not answer in time"));
            }
            match stream.read(&mut reply[length..]).map_err(io)? {
                0 => return Err(broken("closed the connection")),
                count => length += count,
            }
            // An error page may follow a refusal; its status line is all we need.
            if !reply[..length].starts_with(b"HTTP/1.") && length >= 7 {
                return Err(broken("does not speak HTTP"));
            }
            if status(&reply[..length]).is_some_and(|status| status / 100 != 2) {
                break;
            }
        }
        match status(&reply[..length]) {
            Some(200..=299) => Ok(stream),
            Some(status @ (401 | 403 | 407)) => Err(Error::new(
                Fault::Refused,
                "proxy_refused",
                format!("{place} refused a tunnel to {target} with status {status}"),
            )
            .with_remedy(match status {
                403 => format!("let the proxy allow {target}"),
                _ => format!("check the user name and password in {}: http://USER:PASSWORD@HOST:PORT", self.origin),
            })),
            Some(status) => Err(broken(&format!("answered with status {status}"))),
            None => Err(broken("does not speak HTTP")),
        }
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Proxy({} from {})", self.target(), self.origin)
    }
}

fn status(reply: &[u8]) -> Option<u16> {
    let line = reply.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(line.get(9..12)?).ok()?.parse().ok()
}

const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXY_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// Proxies answer CONNECT with a status line and a few headers; a refusal's page need not fit.
const REPLY_CAPACITY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(pairs: &'static [(&str, &str)]) -> Result<Option<Proxy>> {
        Proxy::from_environment(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
    }

    #[test]
    fn the_environment_names_proxy_and_exceptions() {
        assert!(proxy(&[]).unwrap().is_none());
        assert!(proxy(&[("HTTP_PROXY", "http://p:1")]).unwrap().is_none(), "HTTP_PROXY is not for https");
        let found =
            proxy(&[("https_proxy", "http://u:p@proxy:3128"), ("NO_PROXY", "localhost, .example.com,10.0.0.1")]);
        let found = found.unwrap().unwrap();
        assert_eq!((found.target().to_string().as_str(), found.origin()), ("proxy:3128", "https_proxy"));
        assert!(found.is_for("iot.amazonaws.com"));
        assert!(!found.is_for("localhost"));
        assert!(!found.is_for("a.example.com"));
        assert!(!found.is_for("10.0.0.1"));
    }

    #[test]
    fn a_wrong_proxy_is_an_error_that_does_not_repeat_its_password() {
        for value in ["socks5://u:hunter2@p:1", "https://u:hunter2@p:1"] {
            let error = Proxy::from_environment(|name| (name == "ALL_PROXY").then(|| value.to_owned())).unwrap_err();
            assert_eq!(error.exit_code(), 78);
            assert!(error.message().contains("ALL_PROXY") && !error.to_string().contains("hunter2"));
        }
    }
}

//! Fetches credentials in a thread of its own, so that a slow AWS holds up no client.

use super::rotation::Issued;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::job::credentials;
use crate::job::network::Network;
use crate::net::background::{self, Missing, Receiver, Sender, channel};
use crate::net::http_server::{Response, Status};
use crate::net::stream::unix_time;
use crate::protocol::credentials::Credentials;
use crate::protocol::json::ObjectWriter;
use crate::protocol::time::iso8601;
use std::io::{PipeWriter, Write};
use std::rc::Rc;
use zeroize::Zeroizing;

/// The thread, seen from the server. It is left behind when the server ends.
pub(super) struct Refresher {
    orders: Sender<()>,
    results: Receiver<Result<Fetched>>,
}

/// The response with new credentials.
pub(super) struct Fetched {
    response: Response,
    expires: i64,
}

impl Refresher {
    /// Starts the thread. When it has a result, it writes into `wake`.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(super) fn start(config: Config, mut wake: PipeWriter) -> Result<Self> {
        let (orders, ordered) = channel();
        let (sender, results) = channel();
        let work = move || {
            while let Ok(()) = ordered.receive() {
                if !sender.send(fetch(&config)) {
                    return;
                }
                let _ = wake.write_all(&[0]);
            }
        };
        background::start("credentials", STACK, work).map_err(|error| {
            Error::new(Fault::Temporary, "no_thread", format!("cannot start a thread to fetch credentials: {error}"))
        })?;
        Ok(Self { orders, results })
    }

    /// Begins to fetch. To be called only when the last result has been taken.
    pub(super) fn begin(&self) {
        // Where the thread has ended, the result says so.
        self.orders.send(());
    }

    /// The result, once it is there.
    pub(super) fn result(&self) -> Option<Result<Fetched>> {
        match self.results.look() {
            Ok(result) => Some(result),
            Err(Missing::NotYet) => None,
            Err(Missing::Closed) => {
                Some(Err(Error::new(Fault::Temporary, "no_thread", "the thread that fetches credentials has ended")))
            }
        }
    }
}

/// Fetches credentials now.
///
/// # Errors
/// There are none to be had.
pub(super) fn fetch(config: &Config) -> Result<Fetched> {
    fetch_now(config).map_err(|error| {
        let awaits_clock = AWAIT_CLOCK.contains(&error.code());
        if awaits_clock { error.with_retryable(true) } else { error }
    })
}

fn fetch_now(config: &Config) -> Result<Fetched> {
    // Anew each time: certificate and key may have been replaced since.
    let network = Network::new(config)?;
    let credentials = credentials::obtain(config, &network)?;
    let now = unix_time();
    let expires = credentials.expiration.unwrap_or(now + LIFE_OF_THE_UNKNOWN);
    check_alive(expires, now)?;
    let mut body = Zeroizing::new(vec![0; BODY_CAPACITY]);
    let length = write(&credentials, expires, &mut body[..])?;
    log::info!("serving credentials {} until {}", credentials.access_key_id, iso8601(expires));
    Ok(Fetched { response: Response::json(Status::Ok, &body[..length]), expires })
}

/// Credentials that are over as they come could be given to nobody, and new ones would be fetched again and again.
fn check_alive(expires: i64, now: i64) -> Result<()> {
    if expires > now {
        return Ok(());
    }
    let message = format!(
        "the credentials that came just now expired at {}, by this device's clock, which says {}",
        iso8601(expires),
        iso8601(now)
    );
    Err(Error::new(Fault::Temporary, "credentials_expired", message).with_remedy("set this device's clock"))
}

/// AWS SDKs and Tools Reference Guide, "Container credential provider": the same keys as Greengrass's and ECS's.
fn write(credentials: &Credentials, expires: i64, out: &mut [u8]) -> Result<usize> {
    let mut writer = ObjectWriter::new(out);
    writer
        .text("AccessKeyId", &credentials.access_key_id)
        .text("SecretAccessKey", credentials.secret_access_key.expose())
        .text("Token", credentials.session_token.expose())
        .text("Expiration", &iso8601(expires));
    writer
        .finish()
        .map_err(|_| Error::new(Fault::Data, "credentials_too_long", "the credentials are too long to be served"))
}

/// What those are answered who ask for credentials in vain.
pub(super) fn refusal(error: &Error) -> Response {
    let status = if error.retryable() { Status::ServiceUnavailable } else { Status::BadGateway };
    Response::error(status, error.code(), error.message())
}

impl Fetched {
    pub(super) fn issue(self) -> Issued {
        Issued { response: Rc::new(self.response), expires: self.expires }
    }
}

/// Address space, of which only what is used becomes memory: the standard library's own default.
const STACK: usize = 2 * 1024 * 1024;
/// What a device without a battery-backed clock meets until the network has told it the time: for a server, which goes
/// on, it passes.
const AWAIT_CLOCK: [&str; 2] = ["certificate_not_yet_valid", "server_certificate_not_yet_valid"];
/// Clients want to know when credentials expire. Where the source does not say, they are to ask again in an hour.
const LIFE_OF_THE_UNKNOWN: i64 = 3600;
/// A session token of 4,096 bytes whose every byte is escaped to two, and the rest.
const BODY_CAPACITY: usize = 10 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::container_credentials::locate;
    use crate::protocol::reply::Reply;
    use crate::protocol::secret::Secret;

    #[test]
    fn what_is_served_is_what_homing_itself_can_read() {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".try_into().unwrap(),
            secret_access_key: Secret::new("wJalr/XUt\"n").unwrap(),
            session_token: Secret::new("token").unwrap(),
            expiration: Some(1_440_938_160),
        };
        let mut body = [0; BODY_CAPACITY];
        let length = write(&credentials, 1_440_938_160, &mut body).unwrap();
        assert_eq!(
            std::str::from_utf8(&body[..length]).unwrap(),
            r#"{"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"wJalr/XUt\"n","Token":"token","Expiration":"2015-08-30T12:36:00Z"}"#
        );
        let endpoint = locate(None, Some("http://127.0.0.1:1/credentials")).unwrap().unwrap();
        let headers = http::HeaderMap::new();
        let reply = Reply { status: 200, headers: &headers, body: &body[..length], complete: true };
        let read = endpoint.parse(&reply).unwrap();
        assert_eq!(read.secret_access_key.expose(), credentials.secret_access_key.expose());
        assert_eq!(read.expiration, credentials.expiration);
    }

    #[test]
    fn what_is_over_as_it_comes_is_told_with_both_times() {
        assert_eq!(check_alive(1_440_938_161, 1_440_938_160), Ok(()));
        let error = check_alive(1_440_938_160, 1_440_938_160).unwrap_err();
        assert_eq!((error.code(), refusal(&error).status()), ("credentials_expired", Status::ServiceUnavailable));
        let error = check_alive(1_440_938_160, 1_440_941_760).unwrap_err().to_string();
        for part in ["2015-08-30T12:36:00Z", "2015-08-30T13:36:00Z", "set this device's clock"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn whether_it_may_pass_is_in_the_status() {
        let error = Error::new(Fault::Refused, "AccessDenied", "no");
        assert_eq!(refusal(&error).status(), Status::BadGateway);
        assert_eq!(refusal(&error.with_retryable(true)).status(), Status::ServiceUnavailable);
    }
}

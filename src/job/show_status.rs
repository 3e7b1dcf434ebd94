//! `homing status`: what is known on this device of how it is doing, without asking anybody.

use super::credential_cache::Kept;
use super::network::Network;
use super::queue::{duration, shown};
use super::screen::{json_line, print};
use super::status::{QueueStatus, StatusFile, queue_status, text_of, write_queue};
use super::{Screen, role_alias};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::net::stream::unix_time;
use crate::net::tls::{self, PemFile};
use crate::options::Id;
use crate::protocol::json_walk::Value;
use crate::protocol::time::iso8601;
use std::io::{IsTerminal, Write};

/// Prints it: a table on a terminal, otherwise `name: value` lines, or a line of JSON.
///
/// # Errors
/// A proxy variable that cannot be used; standard output cannot be written.
pub fn run(config: &Config, status: Option<&StatusFile>, screen: &mut Screen) -> Result<u8> {
    let now = unix_time();
    let certificate = config.certificate.as_deref().map(|path| {
        let origin = config.origin(Id::Certificate).to_string();
        tls::expiry(PemFile { path, origin: &origin }).map_err(|error| error.message().to_owned())
    });
    let network = Network::new(config)?;
    let (expire, refused) = match role_alias::kept(config, &network) {
        Some(Kept::Credentials(credentials)) => (credentials.expiration, None),
        Some(Kept::Refusal(refusal)) => (None, Some(refusal.into_error().message().to_owned())),
        None => (None, None),
    };
    let queue = queue_status(&config.queue.dir);
    let last = status.and_then(StatusFile::read);
    let last = last.as_deref();
    if screen.json {
        let mut line = json_line(&|writer| {
            let (expires, error) = match &certificate {
                Some(Ok(expires)) => (Some(*expires), None),
                Some(Err(error)) => (None, Some(error.as_str())),
                None => (None, None),
            };
            writer
                .text("version", env!("CARGO_PKG_VERSION"))
                .text("released", &iso8601(crate::BUILD_TIME))
                .optional_text("thing_name", config.thing_name.as_deref())
                .optional_text("certificate_expires", expires.map(iso8601).as_deref())
                .optional_text("certificate_error", error)
                .optional_text("credentials_refused", refused.as_deref())
                .optional_text("queue_error", queue.as_ref().err().map(Error::message));
            for (name, end) in [("certificate_life", expires), ("credentials_life", expire)] {
                if let Some(end) = end {
                    writer.number(name, left(end, now));
                }
            }
            if let Ok(Some(queue)) = queue {
                write_queue(writer, queue, now);
            }
        });
        if let Some(last) = last {
            // It is an object of JSON as it stands; a line end in it is outside of every text.
            line.truncate(line.len() - "}\n".len());
            line.extend_from_slice(b",\"last_run\":");
            line.extend(last.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
            line.extend_from_slice(b"}\n");
        }
        return print(|out| out.write_all(&line)).map(|()| 0);
    }
    let last_run = last.and_then(|last| Value::of(last, super::status::DEPTH).ok());
    let of_last = |name| last_run.and_then(|value| text_of(value, name)).unwrap_or_else(|| UNKNOWN.to_owned());
    let rows = [
        ("version", concat!(env!("CARGO_PKG_VERSION"), ", released ").to_owned() + &iso8601(crate::BUILD_TIME)[..10]),
        ("thing", config.thing_name.clone().unwrap_or_else(|| UNKNOWN.to_owned())),
        (
            "certificate",
            match certificate {
                Some(Ok(expires)) => until(expires, now),
                Some(Err(error)) => error,
                None => UNKNOWN.to_owned(),
            },
        ),
        (
            "credentials",
            match (expire, refused) {
                (Some(end), _) => until(end, now),
                (_, Some(refused)) => refused,
                _ => "none are kept from an earlier run".to_owned(),
            },
        ),
        ("queue", queue.map_or_else(|error| error.message().to_owned(), |queue| queue_text(queue, now))),
        (
            "last run",
            match last_run {
                Some(_) => format!("{}, {}, {}", of_last("command"), of_last("result"), of_last("time")),
                None => match status {
                    Some(file) => format!("not known: no run has written '{}'", file.path().display()),
                    None => "not known: that takes a status_file".to_owned(),
                },
            },
        ),
        ("last success", of_last("last_success")),
        (
            "last error",
            match last_run.and_then(|value| value.member("last_error")) {
                Some(error) => ["time", "message"].map(|name| text_of(error, name).unwrap_or_default()).join(", "),
                None => UNKNOWN.to_owned(),
            },
        ),
    ];
    let (width, colon) = if std::io::stdout().is_terminal() { (WIDTH, "") } else { (0, ":") };
    print(|out| rows.iter().try_for_each(|(name, value)| writeln!(out, "{name:width$}{colon} {}", shown(value))))?;
    Ok(0)
}

fn queue_text(queue: Option<QueueStatus>, now: i64) -> String {
    let QueueStatus { entries, bytes, failed, oldest } = queue.unwrap_or_default();
    let age = oldest.map(|oldest| format!(", the oldest for {}", duration(left(now, oldest)))).unwrap_or_default();
    format!("{entries} waiting, {bytes} bytes{age}; {failed} failed")
}

/// `until 2049-12-31T23:59:59Z, 8439 days`
fn until(end: i64, now: i64) -> String {
    let what = if end > now { duration(left(end, now)) } else { "expired".to_owned() };
    format!("until {}, {what}", iso8601(end))
}

/// Seconds from `now` to `end`; 0 when it is over.
fn left(end: i64, now: i64) -> u64 {
    u64::try_from(end.saturating_sub(now)).unwrap_or(0)
}

/// For what nothing says.
const UNKNOWN: &str = "-";
/// The longest name's.
const WIDTH: usize = 12;

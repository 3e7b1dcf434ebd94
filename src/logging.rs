//! What homing says about its work, on standard error: `homing: …`.
//!
//! Errors always, and warnings on a terminal; with `-v` also what is done, `-vv` details, `-vvv` TLS handshakes.

use std::io::{IsTerminal, Write};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Starts logging. `verbosity` is how often `-v` was given.
pub fn start(verbosity: u8) {
    log::set_max_level(level(verbosity, std::io::stderr().is_terminal()));
    // Fails only where a logger is set already, which then goes on.
    let _ = log::set_logger(&LOGGER);
}

/// The most detailed level that is shown. Without `-v` warnings are for a person at a terminal: in a cron job's
/// mail the same warning every five minutes would hide the errors.
pub fn level(verbosity: u8, is_terminal: bool) -> LevelFilter {
    match verbosity {
        0 if is_terminal => LevelFilter::Warn,
        0 => LevelFilter::Error,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    }
}

struct Logger;

static LOGGER: Logger = Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && is_let_through(metadata.target(), metadata.level(), log::max_level())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut text = Vec::with_capacity(LINE_CAPACITY);
            let _ = writeln!(text, "homing: {}{}", prefix(record.level()), record.args());
            // One write a line, so that the lines of several threads do not mix. Nobody can be told of a failure.
            let _ = std::io::stderr().lock().write_all(&text);
        }
    }

    fn flush(&self) {}
}

/// Whose records are shown. Other crates' are not: ureq logs whole requests, whose headers carry the session token
/// and the container's authorization token; minimq logs packets, and aws-sigv4 the canonical request with the same token.
/// rustls is let through at `-vvv`, because a TLS failure cannot be understood without it: its records name
/// versions, suites, extensions and alerts of the handshake. It logs no key material and no application data, but
/// its trace level prints whole handshake messages, tickets for resumption among them, so trace is left out.
fn is_let_through(target: &str, level: Level, shown: LevelFilter) -> bool {
    let is_of = |name: &str| target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    is_of("homing") || (is_of("rustls") && level <= Level::Debug && shown == LevelFilter::Trace)
}

fn prefix(level: Level) -> &'static str {
    match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info | Level::Debug | Level::Trace => "",
    }
}

/// Most lines are shorter.
const LINE_CAPACITY: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbosity_opens_one_level_after_the_other() {
        let levels = [0, 1, 2, 3, 9].map(|verbosity| level(verbosity, true));
        let [warn, info, debug, trace] = [LevelFilter::Warn, LevelFilter::Info, LevelFilter::Debug, LevelFilter::Trace];
        assert_eq!(levels, [warn, info, debug, trace, trace]);
        assert_eq!(level(0, false), LevelFilter::Error);
        assert_eq!(level(1, false), LevelFilter::Info);
    }

    #[test]
    fn records_of_crates_that_log_secrets_are_never_shown() {
        for target in [
            "ureq",
            "ureq::run",
            "ureq_proto::client",
            "minimq",
            "aws_sigv4::http_request",
            "homing_other",
            "rustls_pemfile",
        ] {
            for level in [Level::Error, Level::Debug, Level::Trace] {
                assert!(!is_let_through(target, level, LevelFilter::Trace), "{target}");
            }
        }
    }

    #[test]
    fn our_own_records_are_shown_and_the_handshakes_only_when_asked_for() {
        assert!(is_let_through("homing", Level::Error, LevelFilter::Warn));
        assert!(is_let_through("homing::net::tls", Level::Trace, LevelFilter::Trace));
        assert!(is_let_through("rustls::client::hs", Level::Debug, LevelFilter::Trace));
        assert!(!is_let_through("rustls::client::hs", Level::Trace, LevelFilter::Trace));
        assert!(!is_let_through("rustls::client::hs", Level::Debug, LevelFilter::Debug));
    }
}

//! What homing says about its work, on standard error: `homing: …`.
//!
//! Errors always, and warnings on a terminal; with `-v` also what is done, `-vv` details, `-vvv` TLS handshakes.
//! With `--syslog` the system's logger gets the same, warnings in any case, and what became of each file.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use crate::net::syslog::{Severity, Syslog};
use log::{Level, LevelFilter, Log, Metadata, Record};

/// The target of records that are for the system's logger alone: standard error, or standard output, has them in
/// another form.
pub const SYSLOG_ONLY: &str = "homing::syslog-only";

/// Starts logging. `verbosity` is how often `-v` was given; `to_syslog`: to the system's logger as well.
pub fn start(verbosity: u8, to_syslog: bool) {
    let shown = level(verbosity, std::io::stderr().is_terminal());
    let logger = LOGGER.get_or_init(|| Logger { shown, syslog: to_syslog.then(Syslog::new) });
    // What the system's logger is told of files is information.
    log::set_max_level(if to_syslog { shown.max(LevelFilter::Info) } else { shown });
    // Fails only where a logger is set already, which then goes on.
    let _ = log::set_logger(logger);
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

struct Logger {
    /// The most detailed level on standard error.
    shown: LevelFilter,
    syslog: Option<Syslog>,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

impl Logger {
    fn is_shown(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != SYSLOG_ONLY
            && metadata.level() <= self.shown
            && is_let_through(metadata.target(), metadata.level(), self.shown)
    }

    fn is_for_syslog(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = self.shown.max(LevelFilter::Warn);
        self.syslog.is_some()
            && (metadata.target() == SYSLOG_ONLY
                || (metadata.level() <= wanted && is_let_through(metadata.target(), metadata.level(), wanted)))
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_shown(metadata) || self.is_for_syslog(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.is_shown(record.metadata()) {
            let mut text = Vec::with_capacity(LINE_CAPACITY);
            let _ = writeln!(text, "homing: {}{}", prefix(record.level()), record.args());
            // One write a line, so that the lines of several threads do not mix. Nobody can be told of a failure.
            let _ = std::io::stderr().lock().write_all(&text);
        }
        if let Some(syslog) = self.syslog.as_ref().filter(|_| self.is_for_syslog(record.metadata())) {
            syslog.send(severity(record.level()), &record.args().to_string());
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

fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::Error,
        Level::Warn => Severity::Warning,
        Level::Info => Severity::Informational,
        Level::Debug | Level::Trace => Severity::Debug,
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
    fn the_systems_logger_gets_warnings_and_outcomes_and_never_what_crates_log_of_secrets() {
        let quiet = Logger { shown: LevelFilter::Error, syslog: Some(Syslog::new()) };
        let of = |target: &'static str, level| Metadata::builder().target(target).level(level).build();
        for (target, level, shown, told) in [
            ("homing::job", Level::Error, true, true),
            ("homing::job", Level::Warn, false, true),
            ("homing::job", Level::Info, false, false),
            (SYSLOG_ONLY, Level::Info, false, true),
            (SYSLOG_ONLY, Level::Error, false, true),
            ("ureq", Level::Error, false, false),
        ] {
            assert_eq!((quiet.is_shown(&of(target, level)), quiet.is_for_syslog(&of(target, level))), (shown, told));
        }
        let talkative = Logger { shown: LevelFilter::Trace, syslog: Some(Syslog::new()) };
        assert!(!talkative.enabled(&of("ureq::run", Level::Debug)));
        assert!(talkative.is_for_syslog(&of("homing::job", Level::Debug)));
        let without = Logger { shown: LevelFilter::Trace, syslog: None };
        assert!(!without.enabled(&of(SYSLOG_ONLY, Level::Error)));
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

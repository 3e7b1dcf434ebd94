//! The attempts at one thing within a command: AWS's standard retry mode.
//!
//! ```text
//! attempt ── succeeded ─────────────────────────────────────────▶ done
//!    │
//!    ├─ a connection that had been open was dead ── at once, once ──▶ attempt (does not count)
//!    ├─ the clock is wrong ── correct the time of signing, once ────▶ attempt
//!    ├─ the credentials have ended ── fetch new ones, once ─────────▶ attempt
//!    ├─ may pass by itself ── wait: backoff, Retry-After ───────────▶ attempt
//!    └─ refused, or no attempt, no time, no quota left ─────────▶ the last error
//! ```

use super::credentials;
use super::network::Network;
use crate::error::{Error, Fault, Hint, Result};
use crate::protocol::retry::{self, Backoff, LONGEST_RETRY_AFTER, RetryQuota};
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

/// Does `action`, which asks a server for something, until it succeeds, fails for good, or there is no attempt or no time
/// left. It is called anew for each attempt: it signs anew, and sends its body from the beginning.
///
/// # Errors
/// The last attempt's, with how many there were.
pub fn attempted<T>(network: &Network<'_>, action: impl FnMut() -> Result<T>) -> Result<T> {
    keeping_done(action, |action| repeat_with_mending(network, action))
}

/// The same for all actions, whatever they give.
fn repeat_with_mending(network: &Network<'_>, action: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let mut clock_error = None;
    let mut renewal_error = None;
    let mut is_renewed = false;
    // Neither the next attempt nor the next run is to meet credentials that are good no more.
    let mut action = || action().inspect_err(|error| network.cache_in_use().forget_if_void(error.code()));
    let done = network.retries().repeat(&mut action, &mut |error| {
        if let Some(Hint::ClockDifference(difference)) = error.hint() {
            if clock_error.is_some() {
                return false;
            }
            log::info!("{}: signing again with the server's time", error.message());
            network.clock().correct(difference);
            clock_error = Some(error.clone());
            return true;
        }
        if retry::is_expired(error.code()) && !is_renewed {
            is_renewed = true;
            return match renew(network) {
                Ok(is_other) => {
                    log::info!("{}: {}", error.message(), if is_other { "new credentials" } else { "no others" });
                    is_other
                }
                Err(failed) => {
                    renewal_error = Some(failed.context(error.message()));
                    false
                }
            };
        }
        false
    });
    done.map_err(|error| match (clock_error, renewal_error) {
        (_, Some(failed)) => failed,
        // It says what both clocks showed; the one behind it, that the server's own time did not help.
        (Some(first), _) if retry::is_clock_error(error.code()) => {
            first.note("signed with the server's time, it was refused as well").with_hint(None)
        }
        _ => error,
    })
}

/// Gives what `action` gave at last to `repeat`, which does not see it.
fn keeping_done<T>(
    mut action: impl FnMut() -> Result<T>,
    repeat: impl FnOnce(&mut dyn FnMut() -> Result<()>) -> Result<()>,
) -> Result<T> {
    let mut done = None;
    repeat(&mut || action().map(|value| done = Some(value)))?;
    Ok(done.expect("an action that succeeds has given something"))
}

/// Fetches the run's credentials anew, and says whether they are others than before.
fn renew(network: &Network<'_>) -> Result<bool> {
    let Some(signer) = network.signer() else { return Ok(false) };
    let credentials = credentials::obtain(network.config(), network)?;
    let is_other = credentials.access_key_id != signer.credentials().access_key_id
        || credentials.session_token.expose() != signer.credentials().session_token.expose();
    signer.replace(credentials);
    Ok(is_other)
}

/// How often one thing is attempted, and what is left for repeats in this run. All clones share that.
#[derive(Clone)]
pub struct Retries {
    attempts: u32,
    deadline: Option<Instant>,
    quota: Rc<RefCell<RetryQuota>>,
}

impl Retries {
    /// At most `attempts` at each thing, and none after `deadline`.
    pub fn new(attempts: u32, deadline: Option<Instant>) -> Self {
        Self { attempts, deadline, quota: Rc::default() }
    }

    /// Does `action` as [`attempted`] does. `mend` is shown each error, and says whether it has removed the reason for it,
    /// so that another attempt is worth it at once.
    ///
    /// # Errors
    /// The last attempt's, with how many there were.
    pub fn run<T>(&self, action: impl FnMut() -> Result<T>, mut mend: impl FnMut(&Error) -> bool) -> Result<T> {
        keeping_done(action, |action| self.repeat(action, &mut mend))
    }

    fn repeat(&self, action: &mut dyn FnMut() -> Result<()>, mend: &mut dyn FnMut(&Error) -> bool) -> Result<()> {
        let began = Instant::now();
        let mut backoff = Backoff::standard(self.attempts);
        let mut count = 1;
        let mut last_cost = None;
        let mut may_have_written = false;
        let mut had_dead_connection = false;
        loop {
            let error = match action() {
                Ok(()) => {
                    self.quota.borrow_mut().succeeded(last_cost);
                    return Ok(());
                }
                Err(error) => error,
            };
            if error.hint() == Some(Hint::FreshConnection) && !had_dead_connection {
                log::info!("{}: once more over a fresh connection", error.message());
                (had_dead_connection, may_have_written) = (true, true);
                continue;
            }
            let wait = match count < self.attempts {
                true if mend(&error) => Some(Duration::ZERO),
                true => self.wait(&error, &mut backoff),
                false => None,
            };
            let cost = wait.and_then(|_| self.quota.borrow_mut().take(error.code()));
            let (Some(wait), Some(_)) = (wait, cost) else {
                let error = explained(error, may_have_written);
                return Err(if count > 1 { with_attempts(error, count, began.elapsed()) } else { error });
            };
            last_cost = cost;
            may_have_written |= matches!(error.fault(), Fault::Unavailable | Fault::Temporary);
            count += 1;
            if !wait.is_zero() {
                log::info!("{}: attempt {count} of {} in {} ms", error.message(), self.attempts, wait.as_millis());
                thread::sleep(wait);
            }
        }
    }

    /// How long to wait before the next attempt; `None` where there is none.
    fn wait(&self, error: &Error, backoff: &mut Backoff) -> Option<Duration> {
        let code = error.code();
        // What could be done about credentials and clock has been done.
        let is_mended = retry::is_expired(code) || retry::is_clock_error(code);
        if !error.retryable() || is_mended || retry::is_for_later(code) || error.hint() == Some(Hint::Final) {
            return None;
        }
        let mut wait = backoff.next(random())?;
        if let Some(Hint::Wait(asked)) = error.hint() {
            if asked > LONGEST_RETRY_AFTER {
                log::info!(
                    "{}: the server asks to wait {} s, which this run does not",
                    error.message(),
                    asked.as_secs()
                );
                return None;
            }
            wait = wait.max(asked);
        }
        if self.deadline.is_some_and(|end| Instant::now() + wait >= end) {
            log::info!("{}: no time is left for another attempt", error.message());
            return None;
        }
        Some(wait)
    }
}

/// For jitter: any number will do, and the standard library has no other source of them.
pub(super) fn random() -> u32 {
    RandomState::new().hash_one(0) as u32
}

fn explained(error: Error, may_have_written: bool) -> Error {
    if may_have_written && retry::may_be_own_write(error.code()) {
        return error.note(
            "an attempt before got no answer, and may have written it: what is there already may be what was sent",
        );
    }
    error
}

fn with_attempts(error: Error, count: u32, took: Duration) -> Error {
    let tenths = took.as_millis() / 100;
    error.note(format_args!("after {count} attempts in {}.{} s", tenths / 10, tenths % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs an action that always fails so, and gives how often, and with which error at last.
    fn failing(retries: &Retries, error: &Error, mend: impl FnMut(&Error) -> bool) -> (u32, Error) {
        let mut count = 0;
        let done = retries.run(
            || -> Result<()> {
                count += 1;
                Err(error.clone())
            },
            mend,
        );
        (count, done.unwrap_err())
    }

    fn throttled() -> Error {
        Error::new(Fault::Temporary, "SlowDown", "slow down")
    }

    #[test]
    fn when_the_quota_is_used_up_there_are_first_attempts_only() {
        let retries = Retries::new(3, None);
        while retries.quota.borrow_mut().take("SlowDown").is_some() {}
        let (count, error) = failing(&retries.clone(), &throttled(), |_| false);
        assert_eq!((count, error), (1, throttled()));
        // Ten successes pay for two repeats.
        (0..10).for_each(|_| retries.run(|| Ok(()), |_| false).unwrap());
        let (count, error) = failing(&retries, &throttled(), |_| true);
        assert_eq!(count, 3);
        assert!(error.message().starts_with("slow down; after 3 attempts in 0."), "{error}");
    }

    #[test]
    fn one_dead_connection_does_not_count() {
        let dead = Error::new(Fault::Unavailable, "connection_reset", "reset").with_hint(Some(Hint::FreshConnection));
        assert_eq!(failing(&Retries::new(1, None), &dead, |_| false).0, 2);
    }

    #[test]
    fn what_cannot_pass_at_once_is_tried_once() {
        let retries = Retries::new(3, Some(Instant::now()));
        for error in [
            throttled(),
            throttled().with_hint(Some(Hint::Wait(LONGEST_RETRY_AFTER + Duration::from_secs(1)))),
            throttled().with_hint(Some(Hint::Final)),
            Error::new(Fault::Temporary, "file_changed", "it changed"),
            Error::new(Fault::Refused, "AccessDenied", "no"),
            Error::new(Fault::Refused, "ExpiredToken", "expired").with_retryable(true),
        ] {
            assert_eq!(failing(&retries, &error, |_| false), (1, error));
        }
    }
}

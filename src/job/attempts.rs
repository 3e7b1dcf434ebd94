//! The attempts at one thing within a command.

use super::network::Network;
use crate::error::{Error, Result};
use crate::protocol::retry::Backoff;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Instant;

/// Does `action` until it succeeds, fails for good, or there is no time or no attempt left.
///
/// # Errors
/// The last attempt's.
#[allow(dead_code, reason = "its callers come next")]
pub fn attempted<T>(network: &Network<'_>, mut action: impl FnMut() -> Result<T>) -> Result<T> {
    let mut backoff = Backoff::new();
    loop {
        let error = match action() {
            Err(error) if error.retryable() => error,
            done => return done,
        };
        // Any number will do, and the standard library has no other source of them.
        let random = RandomState::new().hash_one(0) as u32;
        match backoff.next(random) {
            Some(wait) if network.deadline().is_none_or(|end| Instant::now() + wait < end) => pause(&error, wait),
            _ => return Err(error),
        }
    }
}

fn pause(error: &Error, wait: std::time::Duration) {
    log::info!("{}: next attempt in {} ms", error.message(), wait.as_millis());
    thread::sleep(wait);
}

//! When to try again: exponential backoff with full jitter.
//!
//! AWS Architecture Blog, "Exponential Backoff And Jitter"; Amazon DynamoDB Developer Guide, "Error retries and
//! exponential backoff".

use core::time::Duration;

/// The waits between attempts at one thing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backoff {
    waits: u32,
}

impl Backoff {
    /// No attempt has failed yet.
    pub const fn new() -> Self {
        Self { waits: 0 }
    }

    /// How long to wait before the next attempt: somewhere between nothing and a bound that doubles each time, chosen
    /// by `random`, which is any number. `None` after [`ATTEMPTS`] attempts.
    pub fn next(&mut self, random: u32) -> Option<Duration> {
        if self.waits + 1 >= ATTEMPTS {
            return None;
        }
        let bound = FIRST_WAIT.saturating_mul(1 << self.waits).min(LONGEST_WAIT);
        self.waits += 1;
        // At most 10,000 ms times 2^32 - 1: fits.
        let milliseconds = (bound.as_millis() as u64 * u64::from(random)) >> 32;
        Some(Duration::from_millis(milliseconds))
    }
}

/// Attempts in all. The waits between them are 6 seconds at most, and 3 on average.
pub const ATTEMPTS: u32 = 8;
/// What AWS's SDKs begin with for DynamoDB.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Longer than that a person would take it for dead.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_and_the_attempts_end() {
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = core::iter::from_fn(|| backoff.next(u32::MAX)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [49, 99, 199, 399, 799, 1599, 3199]);
        assert_eq!(waits.len() as u32 + 1, ATTEMPTS);
        assert_eq!(backoff.next(0), None);
    }

    #[test]
    fn the_jitter_is_full() {
        assert_eq!(Backoff::new().next(0), Some(Duration::ZERO));
        assert_eq!(Backoff::new().next(1 << 31), Some(FIRST_WAIT / 2));
    }
}

//! Which failures are worth another attempt, when, and how often: AWS's standard retry mode.
//!
//! AWS SDKs and Tools Reference Guide, "Retry behavior"; AWS Architecture Blog, "Exponential Backoff And Jitter";
//! Amazon DynamoDB Developer Guide, "Error retries and exponential backoff".
//!
//! Every error is classed here and nowhere else: replies by [`classify`], what stands between us and a reply by
//! [`is_passing_transport_error`].

use super::time::parse_http_date;
use core::time::Duration;

/// What a service's reply with an error means for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The service wants fewer requests: the same one succeeds later.
    Throttled,
    /// The service's own trouble, or a request that was damaged on its way: the same one may succeed later.
    Transient,
    /// The credentials have ended: new ones are all it takes.
    ExpiredCredentials,
    /// The signature or its time is not accepted: a wrong clock may be the reason.
    Clock,
    /// The same request fails again.
    Permanent,
}

impl Class {
    /// Whether the same request may succeed later, without anything else changed.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient)
    }
}

/// Classes a reply by its error code (empty where it has none) and its status.
pub fn classify(code: &str, status: u16) -> Class {
    if THROTTLING.contains(&code) {
        return Class::Throttled;
    }
    if TRANSIENT.contains(&code) {
        return Class::Transient;
    }
    if EXPIRED.contains(&code) {
        return Class::ExpiredCredentials;
    }
    if CLOCK.contains(&code) {
        return Class::Clock;
    }
    match status {
        429 => Class::Throttled,
        408 | 500 | 502..=599 => Class::Transient,
        _ => Class::Permanent,
    }
}

/// Whether the error of that code may be due to the signing time, so that another signing time may help.
pub fn is_clock_error(code: &str) -> bool {
    CLOCK.contains(&code)
}

/// Whether the error of that code says that the credentials have ended.
pub fn is_expired(code: &str) -> bool {
    EXPIRED.contains(&code)
}

/// Whether `code`, one of homing's own, is a failure between the device and the service that may pass by itself.
pub fn is_passing_transport_error(code: &str) -> bool {
    TRANSPORT.contains(&code)
}

/// Whether a failure that may pass is one for the next run, and not for another attempt now.
pub fn is_for_later(code: &str) -> bool {
    FOR_LATER.contains(&code)
}

/// Whether the error of that code says that something is there already: after a reply that was lost, that may be what
/// the same command has written.
pub fn may_be_own_write(code: &str) -> bool {
    OWN_WRITE.contains(&code)
}

/// How long a reply asks to be left alone: `x-amz-retry-after` in milliseconds, or else `Retry-After` in seconds or as
/// a date (RFC 9110, section 10.2.3), which counts from the reply's own `date`.
pub fn retry_after(x_amz_retry_after: Option<&str>, retry_after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let number = |text: &str| {
        let text = text.trim_ascii();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?
    };
    if let Some(milliseconds) = x_amz_retry_after.and_then(number) {
        return Some(Duration::from_millis(milliseconds));
    }
    let retry_after = retry_after?;
    if let Some(seconds) = number(retry_after) {
        return Some(Duration::from_secs(seconds));
    }
    let now = parse_http_date(date?, FIRST_RELEASE)?;
    let then = parse_http_date(retry_after, now)?;
    Some(Duration::from_secs(u64::try_from(then.checked_sub(now)?).unwrap_or(0)))
}

/// The waits between attempts at one thing: exponential backoff with full jitter.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    attempts: u32,
    first_wait: Duration,
    waits: u32,
}

impl Backoff {
    /// AWS's standard mode: up to 1 s before the second attempt, up to 2 s before the third, and so on up to 20 s.
    pub const fn standard(attempts: u32) -> Self {
        Self { attempts, first_wait: Duration::from_secs(1), waits: 0 }
    }

    /// For what DynamoDB leaves unprocessed: [`UNPROCESSED_ATTEMPTS`], with waits of 6 s at most together, and 3 s on
    /// average.
    pub const fn unprocessed() -> Self {
        Self { attempts: UNPROCESSED_ATTEMPTS, first_wait: Duration::from_millis(50), waits: 0 }
    }

    /// How long to wait before the next attempt: somewhere between nothing and a bound that doubles each time, chosen
    /// by `random`, which is any number. `None` when there have been all attempts.
    pub fn next(&mut self, random: u32) -> Option<Duration> {
        if self.waits + 1 >= self.attempts {
            return None;
        }
        let factor = 1_u32.checked_shl(self.waits).unwrap_or(u32::MAX);
        let bound = self.first_wait.saturating_mul(factor).min(LONGEST_WAIT);
        self.waits += 1;
        // At most 20,000 ms times 2^32 - 1: fits.
        let milliseconds = (bound.as_millis() as u64 * u64::from(random)) >> 32;
        Some(Duration::from_millis(milliseconds))
    }
}

/// How many attempts a whole run may make beyond the first ones: standard mode's token bucket. When a region comes back,
/// a run with thousands of files does not throw thousands of repeats at it.
#[derive(Debug, Clone)]
pub struct RetryQuota {
    tokens: u32,
}

impl Default for RetryQuota {
    fn default() -> Self {
        Self { tokens: QUOTA }
    }
}

impl RetryQuota {
    /// Takes what another attempt costs after the error of that code, and says how much that was; `None` when there
    /// is not enough left.
    pub fn take(&mut self, code: &str) -> Option<u32> {
        let cost = if TIMEOUTS.contains(&code) { TIMEOUT_COST } else { RETRY_COST };
        self.tokens = self.tokens.checked_sub(cost)?;
        Some(cost)
    }

    /// Something has succeeded: gives back what its last repeat cost, or a little where there was none.
    pub fn succeeded(&mut self, last_cost: Option<u32>) {
        self.tokens = (self.tokens + last_cost.unwrap_or(NO_RETRY_REFUND)).min(QUOTA);
    }
}

/// Attempts at what DynamoDB's BatchWriteItem leaves unprocessed.
pub const UNPROCESSED_ATTEMPTS: u32 = 8;
/// The longest wait that a server is granted within a command. Who asks for more is asked again by the next run.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// AWS's list for standard mode (same guide), and S3's and DynamoDB's own names for the same.
const THROTTLING: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];
/// AWS's list; what the services call their own faults, and conflicts that pass; what was damaged on its way (Amazon S3
/// API Reference, "List of error codes"; DynamoDB Developer Guide, "Error handling").
const TRANSIENT: &[&str] = &[
    "BadDigest",
    "ConditionalRequestConflict",
    "IDPCommunicationError",
    "IncompleteBody",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "InternalServiceError",
    "OperationAborted",
    "ReplicatedWriteConflictException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "TransactionConflictException",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
];
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
/// What AWS's SDKs correct the clock for (smithy, "clock skew"); all of them have other reasons, too.
const CLOCK: &[&str] = &[
    "AuthFailure",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];
/// Nobody could be reached, or whoever was fell silent or broke off.
const TRANSPORT: &[&str] = &[
    "connect_failed",
    "connect_timeout",
    "connection_closed",
    "connection_failed",
    "connection_refused",
    "connection_reset",
    "credentials_truncated",
    "damaged_reply",
    "mqtt_connect_timeout",
    "mqtt_puback_timeout",
    "mqtt_publish_timeout",
    "name_not_resolved",
    "proxy_failed",
    "resolve_timeout",
    "timeout",
    "tls_timeout",
    "truncated_reply",
];
/// A timeout has cost the service more than a refusal.
const TIMEOUTS: &[&str] = &[
    "RequestTimeout",
    "RequestTimeoutException",
    "connect_timeout",
    "http_408",
    "mqtt_connect_timeout",
    "mqtt_puback_timeout",
    "mqtt_publish_timeout",
    "resolve_timeout",
    "timeout",
    "tls_timeout",
];
/// A file that changed stays changed. Another client of the same name would be thrown out again, and throw us out, and
/// so on. Damaged bytes and a wrong destination are not better the next second.
const FOR_LATER: &[&str] = &["checksum_mismatch", "file_changed", "mqtt_session_taken_over"];
const OWN_WRITE: &[&str] = &["ConditionalCheckFailedException", "PreconditionFailed", "http_412"];
/// Standard mode's longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Standard mode's bucket and prices (botocore, `retries/standard.py`).
const QUOTA: u32 = 500;
const RETRY_COST: u32 = 5;
const TIMEOUT_COST: u32 = 10;
const NO_RETRY_REFUND: u32 = 1;
/// 2026-01-01, before which this was not written: what a date's two-digit year is nearest to.
const FIRST_RELEASE: i64 = 1_767_225_600;

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(mut backoff: Backoff) -> Vec<u128> {
        core::iter::from_fn(|| backoff.next(u32::MAX)).map(|wait| wait.as_millis()).collect()
    }

    #[test]
    fn the_bound_doubles_up_to_20_s_and_the_attempts_end() {
        assert_eq!(bounds(Backoff::standard(3)), [999, 1999]);
        assert_eq!(bounds(Backoff::standard(8)), [999, 1999, 3999, 7999, 15_999, 19_999, 19_999]);
        assert_eq!(bounds(Backoff::standard(1)), []);
        assert_eq!(bounds(Backoff::unprocessed()), [49, 99, 199, 399, 799, 1599, 3199]);
        assert_eq!(bounds(Backoff::standard(100)).last(), Some(&19_999));
    }

    #[test]
    fn the_jitter_is_full() {
        assert_eq!(Backoff::standard(3).next(0), Some(Duration::ZERO));
        assert_eq!(Backoff::standard(3).next(1 << 31), Some(Duration::from_millis(500)));
    }

    #[test]
    fn replies_are_classed_by_code_then_status() {
        for (code, status, class) in [
            ("SlowDown", 503, Class::Throttled),
            ("ThrottlingException", 400, Class::Throttled),
            ("", 429, Class::Throttled),
            ("", 503, Class::Transient),
            ("", 500, Class::Transient),
            ("", 408, Class::Transient),
            ("", 501, Class::Permanent),
            ("InternalError", 200, Class::Transient),
            ("RequestTimeout", 400, Class::Transient),
            ("ExpiredTokenException", 400, Class::ExpiredCredentials),
            ("RequestTimeTooSkewed", 403, Class::Clock),
            ("AccessDenied", 403, Class::Permanent),
            ("", 403, Class::Permanent),
        ] {
            assert_eq!(classify(code, status), class, "{code} {status}");
        }
    }

    #[test]
    fn every_list_is_sorted_and_no_code_is_in_two_classes() {
        for list in [THROTTLING, TRANSIENT, EXPIRED, CLOCK, TRANSPORT, TIMEOUTS, FOR_LATER, OWN_WRITE] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
        }
        let mut all = [THROTTLING, TRANSIENT, EXPIRED, CLOCK, TRANSPORT, FOR_LATER, OWN_WRITE].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn waits_are_read_in_every_form() {
        let date = Some("Sun, 22 Nov 2026 10:00:00 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(retry_after(None, Some("3"), None), seconds(3));
        assert_eq!(retry_after(Some("1500"), Some("3"), None), Some(Duration::from_millis(1500)));
        assert_eq!(retry_after(Some("soon"), Some("3"), None), seconds(3));
        assert_eq!(retry_after(None, Some("Sun, 22 Nov 2026 10:01:05 GMT"), date), seconds(65));
        assert_eq!(retry_after(None, Some("Sun, 22 Nov 2026 09:00:00 GMT"), date), seconds(0));
        assert_eq!(retry_after(None, Some("Sun, 22 Nov 2026 10:01:05 GMT"), None), None);
        for nonsense in ["", "-1", "+1", "1.5", "99999999999999999999", "soon"] {
            assert_eq!(retry_after(None, Some(nonsense), date), None, "{nonsense}");
        }
        assert_eq!(retry_after(None, None, date), None);
    }

    #[test]
    fn the_quota_is_used_up_and_filled_again() {
        let mut quota = RetryQuota::default();
        assert_eq!(core::iter::from_fn(|| quota.take("SlowDown")).count(), 100);
        let mut quota = RetryQuota::default();
        assert_eq!(core::iter::from_fn(|| quota.take("timeout")).count(), 50);
        quota.succeeded(Some(10));
        assert_eq!((quota.take("timeout"), quota.take("SlowDown")), (Some(10), None));
        (0..5).for_each(|_| quota.succeeded(None));
        assert_eq!((quota.take("SlowDown"), quota.take("SlowDown")), (Some(5), None));
        quota.succeeded(Some(u32::MAX / 2));
        assert_eq!(quota.tokens, QUOTA);
    }
}

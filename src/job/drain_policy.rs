//! What a failed attempt means for the entry, and for those behind it.
//!
//! | failure | entry | the others |
//! | --- | --- | --- |
//! | the entry is damaged, its file is not what was queued, or is too large for its way; AWS refuses this object or topic for good | to `failed/`, with the reason | go on |
//! | the disk does not let it be read, which may pass | stays | go on |
//! | AWS does not allow it, does not know the credentials or the bucket; a server is busy, or a connection breaks half way | stays | go on, but not for ever: see [`Streaks`] |
//! | S3 or the credential provider cannot be reached or trusted, gives no credentials, or a setting for it is wrong | stays | only what travels inside messages goes on |
//! | the data endpoint cannot be reached or trusted, or a setting for it is wrong | stays | stop |

use crate::error::{Error, Fault};
use crate::net::tls;

/// How far an entry got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading it from the queue.
    Read,
    /// Credentials, and the way to S3.
    Store,
    /// The put.
    Put,
    /// Certificate, settings and thread for messages.
    Messenger,
    /// The message.
    Publish,
}

/// What is to be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The entry goes to `failed/`.
    GiveUp,
    /// It stays, and the next one is tried.
    Keep,
    /// It stays, and nothing goes to S3 any more in this pass.
    NoObjects,
    /// It stays, and nothing goes anywhere any more in this pass.
    Stop,
}

/// Judges a failure.
pub fn verdict(step: Step, error: &Error) -> Verdict {
    let everything = match step {
        // A disk that fails now, or this process that may open no more files, is not the entry's fault.
        Step::Read if error.fault() == Fault::Data => return Verdict::GiveUp,
        Step::Read => return Verdict::Keep,
        Step::Store => return Verdict::NoObjects,
        Step::Messenger => return Verdict::Stop,
        Step::Put => Verdict::NoObjects,
        Step::Publish => Verdict::Stop,
    };
    if is_unreachable(error) {
        return everything;
    }
    match error.fault() {
        Fault::Config => everything,
        Fault::Data | Fault::Usage => Verdict::GiveUp,
        Fault::Refused if step == Step::Put && !is_of_the_device(error.code()) => Verdict::GiveUp,
        Fault::Refused if error.code() == "mqtt_topic_name_invalid" => Verdict::GiveUp,
        _ => Verdict::Keep,
    }
}

/// Whether the next run is to wait because of this: a server, or something on the way to it, did not do its part. A
/// network that is not there costs nobody anything, and is to be used as soon as it is back.
pub fn is_of_a_service(error: &Error) -> bool {
    matches!(error.fault(), Fault::Temporary | Fault::Unavailable) && !LOCAL.contains(&error.code())
}

/// How many failures in a row there may be before it is not the entries any more that are at fault.
#[derive(Debug, Default)]
pub struct Streaks {
    /// Entries that were given up in a row.
    given_up: u32,
    /// Entries in a row that had failed in an earlier pass, and did again.
    again: u32,
    /// Entries in a row that failed for the first time.
    newly: u32,
}

impl Streaks {
    /// Whether an entry is to be tried that failed `attempts` times in earlier passes, `since` the last one so many
    /// seconds ago. When [`LONGEST`] of its kind failed again, it is left alone, so that the others get their turn; but
    /// for so many more whose own turn it is, the later the oftener they failed, so that those that are always refused do
    /// not keep one from it for good.
    pub fn tries(&self, attempts: u32, since: i64) -> bool {
        let pause = FIRST_PAUSE << attempts.min(MOST_DOUBLINGS);
        // Before the clock was put back, nobody knows when.
        let is_its_turn = !(0..pause).contains(&since);
        attempts == 0 || self.again < LONGEST || (is_its_turn && self.again < 2 * LONGEST)
    }

    /// Delivered: the way is good.
    pub fn delivered(&mut self) {
        *self = Self::default();
    }

    /// An entry is to be given up; `false`: it stays, because [`LONGEST`] in a row went before it, so that the fault
    /// may be another's.
    pub fn gives_up(&mut self) -> bool {
        self.given_up += 1;
        self.given_up <= LONGEST
    }

    /// An entry stays; `false`: it was the last to be tried in this pass.
    pub fn goes_on(&mut self, failed_before: bool) -> bool {
        if failed_before {
            self.again += 1;
        } else {
            self.newly += 1;
        }
        self.newly < LONGEST
    }
}

/// No connection came about, or none that can be trusted.
fn is_unreachable(error: &Error) -> bool {
    tls::is_failure(error) || LOCAL.contains(&error.code()) || UNREACHABLE.contains(&error.code())
}

/// What S3 refuses for the device's sake and not the object's, by S3's codes ("Error responses"), or by the status where
/// there was no document.
fn is_of_the_device(code: &str) -> bool {
    DEVICE.contains(&code) || code.starts_with("KMS.")
}

/// Entries in a row.
pub const LONGEST: u32 = 3;
/// Seconds: two minutes after the first attempt, and twice as long after each further one.
const FIRST_PAUSE: i64 = 60;
/// 17 hours.
const MOST_DOUBLINGS: u32 = 10;
/// A name that is not found, a route that is not there, a thread that the system does not give.
const LOCAL: &[&str] = &["name_not_resolved", "resolve_timeout", "connect_failed", "no_thread"];
const UNREACHABLE: &[&str] = &[
    "connect_timeout",
    "connection_refused",
    "mqtt_closed_before_connack",
    "mqtt_connect_timeout",
    "mqtt_invalid_packet",
    "mqtt_no_resources",
    "mqtt_thread_ended",
    "mqtt_unsupported_protocol_version",
    "not_connected",
    "proxy_failed",
    "tls_timeout",
];
const DEVICE: &[&str] = &[
    "AccessDenied",
    "AccessPointAccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "InvalidBucketState",
    "InvalidPayer",
    "InvalidSecurity",
    "InvalidToken",
    "MethodNotAllowed",
    "NoSuchBucket",
    "NotImplemented",
    "NotSignedUp",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UserSuspended",
    "http_401",
    "http_402",
    "http_403",
    "http_404",
    "http_405",
    "http_407",
    "http_501",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(step: Step, fault: Fault, code: &'static str) -> Verdict {
        verdict(step, &Error::new(fault, code, ""))
    }

    #[test]
    fn what_lies_with_the_entry_is_given_up() {
        for (step, fault, code) in [
            (Step::Read, Fault::Data, "entry_damaged"),
            (Step::Read, Fault::Data, "file_changed"),
            (Step::Put, Fault::Data, "EntityTooLarge"),
            (Step::Put, Fault::Refused, "InvalidStorageClass"),
            (Step::Put, Fault::Refused, "PreconditionFailed"),
            (Step::Put, Fault::Usage, "invalid_tags"),
            (Step::Publish, Fault::Data, "mqtt_packet_too_large"),
            (Step::Publish, Fault::Refused, "mqtt_topic_name_invalid"),
        ] {
            assert_eq!(of(step, fault, code), Verdict::GiveUp, "{code}");
        }
    }

    #[test]
    fn what_may_lie_with_the_device_stays() {
        for (step, fault, code) in [
            (Step::Read, Fault::Io, "io_error"),
            (Step::Read, Fault::Io, "too_many_files"),
            (Step::Read, Fault::CannotCreate, "permission_denied"),
            (Step::Put, Fault::Io, "read_failed"),
            (Step::Put, Fault::NoInput, "cannot_open"),
            (Step::Put, Fault::Refused, "AccessDenied"),
            (Step::Put, Fault::Refused, "KMS.DisabledException"),
            (Step::Put, Fault::Refused, "http_403"),
            (Step::Put, Fault::Temporary, "SlowDown"),
            (Step::Put, Fault::Unavailable, "connection_reset"),
            (Step::Publish, Fault::Refused, "mqtt_not_authorized"),
            (Step::Publish, Fault::Unavailable, "mqtt_puback_timeout"),
        ] {
            assert_eq!(of(step, fault, code), Verdict::Keep, "{code}");
        }
    }

    #[test]
    fn what_concerns_s3_alone_leaves_messages_a_way_and_what_concerns_all_stops() {
        for (fault, code) in [
            (Fault::Unavailable, "connection_refused"),
            (Fault::Unavailable, "unknown_issuer"),
            (Fault::Config, "PermanentRedirect"),
        ] {
            assert_eq!(of(Step::Put, fault, code), Verdict::NoObjects, "{code}");
            assert_eq!(of(Step::Publish, fault, code), Verdict::Stop, "{code}");
        }
        assert_eq!(of(Step::Store, Fault::Refused, "InvalidCertificate"), Verdict::NoObjects);
        assert_eq!(of(Step::Messenger, Fault::Config, "key_mismatch"), Verdict::Stop);
    }

    #[test]
    fn a_network_that_is_not_there_costs_no_wait() {
        assert!(is_of_a_service(&Error::new(Fault::Temporary, "SlowDown", "")));
        assert!(is_of_a_service(&Error::new(Fault::Unavailable, "connection_refused", "")));
        for (fault, code) in [
            (Fault::Unavailable, "name_not_resolved"),
            (Fault::Unavailable, "connect_failed"),
            (Fault::Refused, "AccessDenied"),
            (Fault::Config, "key_mismatch"),
        ] {
            assert!(!is_of_a_service(&Error::new(fault, code, "")), "{code}");
        }
    }

    #[test]
    fn a_wrong_role_stops_the_pass_and_bad_old_entries_do_not_block_the_rest() {
        let mut streaks = Streaks::default();
        assert!(streaks.goes_on(false) && streaks.goes_on(false));
        assert!(!streaks.goes_on(false), "three new ones in a row");

        let mut streaks = Streaks::default();
        for _ in 0..LONGEST {
            assert!(streaks.tries(1, 0) && streaks.goes_on(true));
        }
        assert!(!streaks.tries(1, 0) && streaks.tries(0, 0));
        // Its own turn comes, later and later.
        for (attempts, since, is_tried) in [
            (1, 119, false),
            (1, 120, true),
            (2, 239, false),
            (2, 240, true),
            (u32::MAX, 61_439, false),
            (u32::MAX, 61_440, true),
            (u32::MAX, -1, true),
        ] {
            assert_eq!(streaks.tries(attempts, since), is_tried, "{attempts} {since}");
        }
        for _ in 0..LONGEST {
            assert!(streaks.tries(1, 120) && streaks.goes_on(true));
        }
        assert!(!streaks.tries(1, 120) && streaks.tries(0, 0), "that is limited, too");
        streaks.delivered();
        assert!(streaks.tries(1, 0));
    }

    #[test]
    fn what_is_refused_for_good_one_after_the_other_is_not_given_up_for_ever() {
        let mut streaks = Streaks::default();
        let given_up: Vec<bool> = (0..5).map(|_| streaks.gives_up()).collect();
        assert_eq!(given_up, [true, true, true, false, false]);
    }
}

//! Kept credentials as text: the credential provider's own reply, and when it came.

use crate::aws::iot_credentials::RoleAliasCredentials;
use crate::config::limits::CREDENTIAL_LIFE_MAXIMUM;
use crate::protocol::credentials::{Credentials, JSON_CAPACITY};
use crate::protocol::json::{self, Full, ObjectWriter};
use crate::protocol::reply::Reply;
use serde::Deserialize;

/// Credentials, and the device's clock when they came, in seconds since the Unix epoch.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) credentials: Box<Credentials>,
    fetched: i64,
}

impl Entry {
    /// Whether they can be handed out at `now`, to somebody who wants them to live `min_ttl` seconds longer. A clock
    /// that was set since then may make old credentials look young: those are not trusted.
    pub(super) fn is_good(&self, now: i64, min_ttl: u64) -> bool {
        let lives = |life: i64| {
            let wanted = i64::try_from(min_ttl).unwrap_or(i64::MAX);
            life > REFRESH_EARLY && life >= wanted && life <= LIFE_MAXIMUM
        };
        self.fetched <= now && self.credentials.life(now).is_some_and(lives)
    }
}

/// Whether anybody could be handed them at `now` out of the cache.
pub(super) fn is_worth_keeping(credentials: &Credentials, now: i64) -> bool {
    credentials.life(now).is_some_and(|life| life > REFRESH_EARLY && life <= LIFE_MAXIMUM)
}

/// Writes credentials that came at `fetched` into `out`, which then holds secrets, and gives the text's length.
pub(super) fn write(credentials: &Credentials, fetched: i64, out: &mut [u8]) -> Result<usize, Full> {
    let mut writer = ObjectWriter::new(out);
    // A clock before 1970 cannot be written, and reads as one that has gone backwards since.
    writer.number("fetched", u64::try_from(fetched).unwrap_or(u64::MAX >> 1));
    credentials.write_json(&mut writer);
    writer.finish()
}

/// Reads what [`write`] wrote, as strictly as the provider's reply to `call` itself; `None` for anything else.
pub(super) fn read(text: &[u8], call: &RoleAliasCredentials<'_>) -> Option<Entry> {
    let Fetched { fetched } = json::read(text).ok()?;
    let reply = Reply { status: 200, headers: &http::HeaderMap::new(), body: text, complete: true };
    Some(Entry { credentials: Box::new(call.parse(&reply).ok()?), fetched })
}

#[derive(Deserialize)]
struct Fetched {
    fetched: i64,
}

/// How the file's name ends.
pub(super) const SUFFIX: &str = ".credentials";
/// The credentials, the time, and what is around them.
pub(super) const CAPACITY: usize = JSON_CAPACITY + 64;
/// Seconds before their end from which on credentials are fetched anew: a request that is signed now may be looked at
/// later, and by a clock that is ahead. AWS's SDKs and Greengrass do so, too.
const REFRESH_EARLY: i64 = 300;
/// The longest life, and the quarter of an hour that the device's clock may be behind AWS's before S3 refuses it. What
/// seems to live longer was stored under another clock.
const LIFE_MAXIMUM: i64 = CREDENTIAL_LIFE_MAXIMUM as i64 + 900;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::secret::Secret;

    const CALL: RoleAliasCredentials<'_> =
        RoleAliasCredentials { endpoint: "c2.example.com", role_alias: "alias", thing_name: None };
    const NOW: i64 = 1_800_000_000;

    fn credentials(expiration: i64) -> Credentials {
        Credentials {
            access_key_id: "ASIAEXAMPLE".try_into().unwrap(),
            secret_access_key: Secret::new("wJalr\"XUt").unwrap(),
            session_token: Secret::new(&"\"".repeat(4096)).unwrap(),
            expiration: Some(expiration),
        }
    }

    fn text(fetched: i64, expiration: i64) -> Vec<u8> {
        let mut out = vec![0; CAPACITY];
        let length = write(&credentials(expiration), fetched, &mut out).unwrap();
        out.truncate(length);
        out
    }

    fn entry(fetched: i64, expiration: i64) -> Entry {
        read(&text(fetched, expiration), &CALL).unwrap()
    }

    #[test]
    fn what_is_written_reads_back_at_its_longest() {
        let entry = entry(NOW, NOW + 3600);
        assert_eq!(entry.fetched, NOW);
        assert_eq!(entry.credentials.expiration, Some(NOW + 3600));
        assert_eq!(entry.credentials.access_key_id, "ASIAEXAMPLE");
        assert_eq!(entry.credentials.secret_access_key.expose(), "wJalr\"XUt");
        assert_eq!(entry.credentials.session_token.expose().len(), 4096);
    }

    #[test]
    fn an_hour_s_credentials_are_good_for_55_minutes() {
        let entry = entry(NOW, NOW + 3600);
        for (later, good) in [(0, true), (3299, true), (3300, false), (3600, false), (i64::MAX - NOW, false)] {
            assert_eq!(entry.is_good(NOW + later, 0), good, "{later}");
        }
    }

    #[test]
    fn whoever_wants_them_to_live_longer_gets_no_shorter_ones() {
        let entry = entry(NOW, NOW + 3600);
        for (min_ttl, good) in [(60, true), (3600, true), (3601, false), (u64::MAX, false)] {
            assert_eq!(entry.is_good(NOW, min_ttl), good, "{min_ttl}");
        }
    }

    #[test]
    fn a_clock_that_jumped_makes_them_untrusted() {
        assert!(!entry(NOW, NOW + 3600).is_good(NOW - 1, 0), "fetched in the future");
        assert!(entry(NOW, NOW + 43_200 + 900).is_good(NOW, 0));
        assert!(!entry(NOW, NOW + 43_200 + 901).is_good(NOW, 0));
        assert!(!entry(-5, NOW).is_good(0, 0), "before 1970");
    }

    #[test]
    fn only_what_could_be_handed_out_is_kept() {
        for (life, kept) in [(-1, false), (300, false), (301, true), (43_200, true), (50_000, false)] {
            assert_eq!(is_worth_keeping(&credentials(NOW + life), NOW), kept, "{life}");
        }
        assert!(!is_worth_keeping(&Credentials { expiration: None, ..credentials(0) }, NOW));
    }

    #[test]
    fn damaged_text_is_no_entry() {
        let good = text(NOW, NOW + 3600);
        for length in 0..good.len() {
            assert!(read(&good[..length], &CALL).is_none(), "{length}");
        }
        let long = String::from_utf8(good).unwrap();
        for bad in [
            long.replace("1800000000", "\"1800000000\""),
            long.replace("fetched", "fetchec"),
            long.replace("ASIAEXAMPLE", "ASIA EXAMPLE"),
            long.replace("accessKeyId", "accessKey"),
            long.replace("expiration\":\"2", "expiration\":\"x"),
            format!("{long}{long}"),
        ] {
            assert!(read(bad.as_bytes(), &CALL).is_none(), "{bad}");
        }
    }
}

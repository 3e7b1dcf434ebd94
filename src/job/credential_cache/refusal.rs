//! A refusal as text, so that for some minutes nobody asks again.

use crate::error::{Error, Fault};
use crate::protocol::json::{self, Full, ObjectWriter, Text};
use crate::protocol::time::iso8601;
use serde::Deserialize;

/// An error of the credential provider's, or of TLS with it, that the next runs give at once.
#[derive(Debug)]
pub struct Refusal {
    error: Error,
    /// The device's clock when it came, in seconds since the Unix epoch.
    since: i64,
    /// The first second in which it counts no more.
    until: i64,
    circumstances: String,
}

impl Refusal {
    /// A refusal that came at `now` and counts for `seconds`, as long as the circumstances are the same.
    pub(super) fn new(error: &Error, now: i64, seconds: i64, circumstances: String) -> Self {
        Self { error: error.clone(), since: now, until: now.saturating_add(seconds), circumstances }
    }

    /// Whether it still counts. A clock that went backwards, or that made it last longer than any does, ends it.
    pub(super) fn counts(&self, now: i64, circumstances: &str) -> bool {
        let lasts = self.until.saturating_sub(self.since) <= LONGEST;
        lasts && (self.since..self.until).contains(&now) && self.circumstances == circumstances
    }

    /// The error as it was, with since when it counts, until when, and what to do about that.
    pub fn into_error(self) -> Error {
        let (since, until) = (iso8601(self.since), iso8601(self.until));
        let message = format!("{} (at {since}; remembered, and not asked again before {until})", self.error.message());
        let before = self.error.remedy().map(|remedy| format!("{remedy}; then ")).unwrap_or_default();
        let remedy = format!("{before}use --no-cache to ask at once");
        let again = Error::new(self.error.fault(), self.error.code().to_owned(), message);
        again.with_remedy(remedy).with_retryable(self.error.retryable())
    }
}

/// Writes a refusal into `out` and gives the text's length.
pub(super) fn write(refusal: &Refusal, out: &mut [u8]) -> Result<usize, Full> {
    let Refusal { error, since, until, circumstances } = refusal;
    let mut writer = ObjectWriter::new(out);
    // A clock before 1970 cannot be written: such a refusal counts at no time.
    writer
        .number("since", u64::try_from(*since).unwrap_or(0))
        .number("until", u64::try_from(*until).unwrap_or(0))
        .text("circumstances", circumstances)
        .number("exit_code", u64::from(error.exit_code()))
        .text("code", error.code())
        .text("message", error.message())
        .optional_text("remedy", error.remedy())
        .boolean("retryable", error.retryable());
    writer.finish()
}

/// Reads what [`write`] wrote; `None` for anything else.
pub(super) fn read(text: &[u8]) -> Option<Refusal> {
    let fields: Fields<'_> = json::read(text).ok()?;
    let unescaped = |text: Text<'_>| {
        let mut buffer = [0; CAPACITY];
        json::unescape(text, &mut buffer).ok().map(str::to_owned)
    };
    let fault = FAULTS.into_iter().find(|fault| fault.exit_code() == fields.exit_code)?;
    let mut error = Error::new(fault, unescaped(fields.code)?, unescaped(fields.message)?);
    if let Some(remedy) = fields.remedy {
        error = error.with_remedy(unescaped(remedy)?);
    }
    Some(Refusal {
        error: error.with_retryable(fields.retryable),
        since: fields.since,
        until: fields.until,
        circumstances: unescaped(fields.circumstances)?,
    })
}

#[derive(Deserialize)]
struct Fields<'a> {
    since: i64,
    until: i64,
    #[serde(borrow)]
    circumstances: Text<'a>,
    exit_code: u8,
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    remedy: Option<Text<'a>>,
    retryable: bool,
}

/// How the file's name ends.
pub(super) const SUFFIX: &str = ".refusal";
/// A message has the endpoint's name of 253 bytes, two names of 128 and 300 of the server's text at most, a remedy 300.
pub(super) const CAPACITY: usize = 4096;
/// Seconds; that of a TLS failure.
const LONGEST: i64 = 300;
/// Whose fault a refusal can be.
const FAULTS: [Fault; 4] = [Fault::Refused, Fault::Unavailable, Fault::Temporary, Fault::Config];

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn refusal(seconds: i64) -> Refusal {
        let error = Error::new(Fault::Refused, "AccessDenied", "provider \"c2\" said\n403").with_remedy("check it");
        Refusal::new(&error, NOW, seconds, "here".to_owned())
    }

    fn text(refusal: &Refusal) -> Vec<u8> {
        let mut out = vec![0; CAPACITY];
        let length = write(refusal, &mut out).unwrap();
        out.truncate(length);
        out
    }

    #[test]
    fn the_same_error_comes_back_with_since_and_until() {
        let original = refusal(120);
        let again = read(&text(&original)).unwrap();
        assert_eq!(again.error, original.error);
        let error = again.into_error();
        assert_eq!((error.code(), error.exit_code(), error.retryable()), ("AccessDenied", 77, false));
        assert_eq!(
            error.message(),
            "provider \"c2\" said\n403 (at 2027-01-15T08:00:00Z; remembered, and not asked again before \
             2027-01-15T08:02:00Z)"
        );
        assert_eq!(error.remedy(), Some("check it; then use --no-cache to ask at once"));
        for fault in FAULTS {
            let original = Refusal::new(&Error::new(fault, "a", "b"), NOW, 300, String::new());
            let again = read(&text(&original)).unwrap().error;
            assert_eq!((again.fault(), again.remedy()), (fault, original.error.remedy()));
        }
    }

    #[test]
    fn it_counts_for_its_time_only_and_not_for_a_clock_that_went_backwards() {
        let refusal = refusal(120);
        for (later, counts) in [(-1, false), (0, true), (119, true), (120, false), (90_000, false)] {
            assert_eq!(refusal.counts(NOW + later, "here"), counts, "{later}");
        }
        assert!(!refusal.counts(NOW, "elsewhere"));
        assert!(!super::tests::refusal(LONGEST + 1).counts(NOW, "here"));
    }

    #[test]
    fn damaged_text_is_no_refusal() {
        let good = text(&refusal(120));
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_none(), "{length}");
        }
        let text = String::from_utf8(good).unwrap();
        for bad in
            [text.replace(":77", ":0"), text.replace(":77", ":256"), text.replace("false", "0"), format!("{text}x")]
        {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}

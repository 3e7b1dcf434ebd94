//! Times as AWS writes and reads them, and what can be said of a clock that is wrong.
//!
//! A time is seconds since the Unix epoch in an `i64`, so that 2038 is a year like any other on 32-bit
//! machines; the clock itself is always an argument. The calendar is the `time` crate's.

use core::fmt::{self, Write as _};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// `20150830T123600Z`: ISO 8601 basic, the form of `x-amz-date` (SigV4). Years beyond 0 to 9999 are clamped.
pub fn amz_date(time: i64) -> heapless::String<16> {
    let (date, clock) = civil(time);
    text(format_args!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    ))
}

/// `2015-08-30T12:36:00Z`: ISO 8601 extended, UTC. Years beyond 0 to 9999 are clamped.
pub fn iso8601(time: i64) -> heapless::String<20> {
    let (_, clock) = civil(time);
    text(format_args!("{}T{:02}:{:02}:{:02}Z", iso8601_date(time), clock.hour(), clock.minute(), clock.second()))
}

/// `2015-08-30`, UTC.
pub fn iso8601_date(time: i64) -> heapless::String<10> {
    let (date, _) = civil(time);
    text(format_args!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
}

/// `123600`, UTC: hours, minutes and seconds without colons, which file systems and URLs do not like.
pub fn compact_clock(time: i64) -> heapless::String<6> {
    let (_, clock) = civil(time);
    text(format_args!("{:02}{:02}{:02}", clock.hour(), clock.minute(), clock.second()))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: IMF-fixdate (RFC 9110, section 5.6.7).
pub fn http_date(time: i64) -> heapless::String<29> {
    let (date, clock) = civil(time);
    text(format_args!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        WEEKDAYS[usize::from(date.weekday().number_days_from_monday())],
        date.day(),
        MONTHS[usize::from(u8::from(date.month())) - 1],
        date.year(),
        clock.hour(),
        clock.minute(),
        clock.second()
    ))
}

/// Reads ISO 8601 as AWS writes it: extended or basic form, any fraction of a second (dropped), and `Z` or
/// a numeric offset. `None` for anything else.
pub fn parse_iso8601(input: &str) -> Option<i64> {
    let mut cursor = Cursor(input.as_bytes());
    let year = cursor.digits(4)?;
    let extended = cursor.skip(b"-").is_some();
    let month = cursor.digits(2)?;
    cursor.skip_if(extended, b"-")?;
    let day = cursor.digits(2)?;
    cursor.skip(b"T").or_else(|| cursor.skip(b"t"))?;
    let hour = cursor.digits(2)?;
    cursor.skip_if(extended, b":")?;
    let minute = cursor.digits(2)?;
    cursor.skip_if(extended, b":")?;
    let second = cursor.digits(2)?;
    if cursor.skip(b".").is_some() {
        cursor.digits(1)?;
        while cursor.digits(1).is_some() {}
    }
    let offset = cursor.offset()?;
    cursor.end()?;
    Some(unix_time(year, month, day, hour, minute, second)? - offset)
}

/// Reads an HTTP `Date`: IMF-fixdate and the two obsolete forms that a recipient must accept (RFC 9110,
/// section 5.6.7). The day of the week is not checked.
///
/// The RFC 850 form has two digits for the year; it is the year nearest to `reference`, a time known to be
/// roughly right, such as the build's. The device's own clock will not do: it may be at 1970.
pub fn parse_http_date(input: &str, reference: i64) -> Option<i64> {
    let input = input.trim_ascii();
    let Some((_, rest)) = input.split_once(", ") else { return parse_asctime(input) };
    let mut cursor = Cursor(rest.as_bytes());
    let day = cursor.digits(2)?;
    let obsolete = cursor.skip(b"-").is_some();
    cursor.skip_if(!obsolete, b" ")?;
    let month = cursor.month()?;
    cursor.skip(if obsolete { b"-" } else { b" " })?;
    let year = if obsolete { nearest_year(cursor.digits(2)?, reference) } else { cursor.digits(4)? };
    cursor.skip(b" ")?;
    let (hour, minute, second) = cursor.clock()?;
    cursor.skip(b" GMT")?;
    cursor.end()?;
    unix_time(year, month, day, hour, minute, second)
}

/// How many seconds the server's clock is ahead of the device's (negative: behind), from the reply's `Date`
/// and the middle between sending the request and receiving the reply.
///
/// `None` when there is nothing to learn: no readable `Date`; an `Age`, because then the `Date` is that of a
/// cached reply (smithy-rs#4800); or a device clock that went backwards in between. `reference` as in
/// [`parse_http_date`].
pub fn clock_skew(date: Option<&str>, age: Option<&str>, sent: i64, received: i64, reference: i64) -> Option<i64> {
    if age.is_some() {
        return None;
    }
    let server = parse_http_date(date?, reference)?;
    let halfway = u64::try_from(received.checked_sub(sent)?).ok()? / 2;
    server.checked_sub(sent.checked_add_unsigned(halfway)?)
}

/// Both clocks in words, for an error that a wrong clock may have caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BothClocks {
    /// The device's clock.
    pub device: i64,
    /// The server's clock.
    pub server: i64,
}

impl fmt::Display for BothClocks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = self.device.saturating_sub(self.server);
        let (device, server) = (iso8601(self.device), iso8601(self.server));
        write!(formatter, "this device's clock says {device}, the server's {server}")?;
        match difference {
            0 => Ok(()),
            ahead @ 1.. => write!(formatter, " (the device is {} ahead)", Span(ahead.unsigned_abs())),
            behind => write!(formatter, " (the device is {} behind)", Span(behind.unsigned_abs())),
        }
    }
}

/// Says that the clock must be wrong, because it shows a time before this program was built. For errors of
/// TLS and of signatures: without a right clock no certificate is valid and no signature is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockBeforeBuild {
    now: i64,
    built: i64,
}

/// Whether the clock `now` is before the time this program was `built`; the answer prints as the sentence to add.
pub fn clock_before_build(now: i64, built: i64) -> Option<ClockBeforeBuild> {
    (now < built).then_some(ClockBeforeBuild { now, built })
}

impl fmt::Display for ClockBeforeBuild {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, built) = (iso8601(self.now), iso8601(self.built));
        write!(
            formatter,
            "this device's clock says {now}, but this program was built on {built}: set the clock (for example with \
             NTP), for with a wrong one no certificate is valid and no signature is accepted"
        )
    }
}

/// A length of time in its largest unit, rounded down: what a person needs in order to guess the cause.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ 0..120 => write!(formatter, "{seconds} s"),
            seconds @ 120..7_200 => write!(formatter, "{} min", seconds / 60),
            seconds @ 7_200..172_800 => write!(formatter, "{} h", seconds / 3_600),
            seconds => write!(formatter, "{} days", seconds / 86_400),
        }
    }
}

/// `Sun Nov  6 08:49:37 1994`
fn parse_asctime(input: &str) -> Option<i64> {
    let mut cursor = Cursor(input.as_bytes().get(3..)?);
    cursor.skip(b" ")?;
    let month = cursor.month()?;
    cursor.skip(b" ")?;
    let day = if cursor.skip(b" ").is_some() { cursor.digits(1)? } else { cursor.digits(2)? };
    cursor.skip(b" ")?;
    let (hour, minute, second) = cursor.clock()?;
    cursor.skip(b" ")?;
    let year = cursor.digits(4)?;
    cursor.end()?;
    unix_time(year, month, day, hour, minute, second)
}

fn nearest_year(two_digits: u16, reference: i64) -> u16 {
    let (date, _) = civil(reference);
    let around = u16::try_from(date.year()).unwrap_or(2000);
    let earliest = around.saturating_sub(50);
    let year = earliest - earliest % 100 + two_digits;
    if year < earliest { year + 100 } else { year }
}

/// A leap second counts as the second before it: the Unix epoch has none.
fn unix_time(year: u16, month: u16, day: u16, hour: u16, minute: u16, second: u16) -> Option<i64> {
    let small = |number: u16| u8::try_from(number).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, small(day)?).ok()?;
    let second = if second == 60 { 59 } else { second };
    let clock = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    Some(PrimitiveDateTime::new(date, clock).assume_utc().unix_timestamp())
}

fn civil(time: i64) -> (Date, Time) {
    let moment =
        OffsetDateTime::from_unix_timestamp(time.clamp(YEAR_0, YEAR_9999)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (moment.date(), moment.time())
}

fn text<const N: usize>(arguments: fmt::Arguments<'_>) -> heapless::String<N> {
    let mut text = heapless::String::new();
    // Cannot fail: every caller's form has exactly N characters for the clamped years.
    let _ = text.write_fmt(arguments);
    text
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn digits(&mut self, count: usize) -> Option<u16> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let number = digits
            .iter()
            .try_fold(0_u16, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0')))?;
        self.0 = rest;
        Some(number)
    }

    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn skip_if(&mut self, condition: bool, expected: &[u8]) -> Option<()> {
        if condition { self.skip(expected) } else { Some(()) }
    }

    fn month(&mut self) -> Option<u16> {
        let (name, rest) = self.0.split_at_checked(3)?;
        let index = MONTHS.iter().position(|month| month.as_bytes() == name)?;
        self.0 = rest;
        u16::try_from(index + 1).ok()
    }

    fn clock(&mut self) -> Option<(u16, u16, u16)> {
        let hour = self.digits(2)?;
        self.skip(b":")?;
        let minute = self.digits(2)?;
        self.skip(b":")?;
        Some((hour, minute, self.digits(2)?))
    }

    /// `Z`, `+09:00`, `-0530`: seconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.skip(b"Z").is_some() || self.skip(b"z").is_some() {
            return Some(0);
        }
        let sign = if self.skip(b"+").is_some() { 1 } else { self.skip(b"-").map(|()| -1)? };
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        let _ = self.skip(b":");
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        Some(sign * (i64::from(hours) * 3_600 + i64::from(minutes) * 60))
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: four digits are all that the formats have for a year.
const YEAR_0: i64 = -62_167_219_200;
const YEAR_9999: i64 = 253_402_300_799;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110's example, in all three forms.
    const RFC_9110: i64 = 784_111_777;
    const BUILT: i64 = 1_795_362_559;

    #[test]
    fn http_dates_of_rfc_9110() {
        for form in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http_date(form, BUILT), Some(RFC_9110), "{form}");
        }
        assert_eq!(parse_http_date("Wed Nov 16 08:49:37 1994", BUILT), Some(RFC_9110 + 10 * 86_400));
        assert_eq!(http_date(RFC_9110), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_two_digit_year_is_the_one_nearest_to_the_reference() {
        assert_eq!(nearest_year(76, BUILT), 1976);
        assert_eq!(nearest_year(75, BUILT), 2075);
        assert_eq!(nearest_year(0, BUILT), 2000);
        assert_eq!(nearest_year(26, BUILT), 2026);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for input in [
            "",
            "now",
            "Sun, 06 Nov 1994 08:49:37 PST",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT!",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "é, 06 Nov 1994 08:49:37 GM",
        ] {
            assert_eq!(parse_http_date(input, BUILT), None, "{input}");
        }
        for input in [
            "",
            "2026",
            "2026-11-22",
            "2026-11-22T15:49:19",
            "2026-1122T15:49:19Z",
            "2026-11-22T15:49:19.Z",
            "2026-02-30T00:00:00Z",
        ] {
            assert_eq!(parse_iso8601(input), None, "{input}");
        }
    }

    #[test]
    fn any_text_can_be_read() {
        for form in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "2018-02-28T20:41:43.5-02:00",
        ] {
            for end in 0..form.len() {
                assert_eq!((parse_http_date(&form[..end], BUILT), parse_iso8601(&form[..end])), (None, None));
                for other in ['9', '-', ':', ' ', 'é', 'Z'] {
                    let changed = format!("{}{other}{}", &form[..end], &form[end + 1..]);
                    let _ = (
                        parse_http_date(&changed, BUILT),
                        parse_http_date(&changed, i64::MAX),
                        parse_iso8601(&changed),
                    );
                }
            }
        }
    }

    #[test]
    fn iso_8601_as_aws_writes_it() {
        assert_eq!(parse_iso8601("2018-02-28T22:41:43Z"), Some(1_519_857_703));
        assert_eq!(parse_iso8601("2018-02-28T22:41:43.123456Z"), Some(1_519_857_703));
        assert_eq!(parse_iso8601("2018-03-01T07:41:43+09:00"), Some(1_519_857_703));
        assert_eq!(parse_iso8601("2018-02-28T20:41:43-0200"), Some(1_519_857_703));
        assert_eq!(parse_iso8601("20180228T224143Z"), Some(1_519_857_703));
        assert_eq!(parse_iso8601("2016-12-31T23:59:60Z"), parse_iso8601("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn the_signature_v4_example_date() {
        assert_eq!(amz_date(1_440_938_160), "20150830T123600Z");
        assert_eq!(iso8601(1_440_938_160), "2015-08-30T12:36:00Z");
        assert_eq!(
            (iso8601_date(1_440_938_160).as_str(), compact_clock(1_440_938_160).as_str()),
            ("2015-08-30", "123600")
        );
    }

    #[test]
    fn every_day_of_400_years_goes_there_and_back() {
        for day in 0..146_097_i64 {
            let time = day * 86_400 + day % 86_400;
            assert_eq!(parse_iso8601(&iso8601(time)), Some(time));
            assert_eq!(parse_iso8601(&amz_date(time)), Some(time));
            assert_eq!(parse_http_date(&http_date(time), BUILT), Some(time));
        }
    }

    #[test]
    fn after_2038_and_at_the_ends_of_time() {
        assert_eq!(amz_date(i64::from(i32::MAX) + 1), "20380119T031408Z");
        assert_eq!(amz_date(4_102_444_800), "21000101T000000Z");
        assert_eq!(amz_date(i64::MAX), "99991231T235959Z");
        assert_eq!(amz_date(i64::MIN), "00000101T000000Z");
        assert_eq!(http_date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn skew_is_measured_from_the_middle_of_the_exchange() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(clock_skew(date, None, RFC_9110, RFC_9110, BUILT), Some(0));
        assert_eq!(clock_skew(date, None, 0, 20, BUILT), Some(RFC_9110 - 10));
        assert_eq!(clock_skew(date, None, RFC_9110 + 100, RFC_9110 + 104, BUILT), Some(-102));
        assert_eq!(clock_skew(date, Some("0"), 0, 20, BUILT), None);
        assert_eq!(clock_skew(None, None, 0, 20, BUILT), None);
        assert_eq!(clock_skew(date, None, 20, 0, BUILT), None);
        assert_eq!(clock_skew(date, None, i64::MIN, i64::MAX, BUILT), None);
    }

    #[test]
    fn a_wrong_clock_is_put_in_words() {
        let words = |device, server| BothClocks { device, server }.to_string();
        assert_eq!(
            words(10, RFC_9110),
            "this device's clock says 1970-01-01T00:00:10Z, the server's 1994-11-06T08:49:37Z (the device is 9075 days behind)"
        );
        assert!(words(RFC_9110 + 3_600, RFC_9110).ends_with("(the device is 60 min ahead)"));
        assert!(words(i64::MIN, i64::MAX).contains("behind"));
        assert_eq!(clock_before_build(BUILT, BUILT), None);
        let sentence = clock_before_build(0, BUILT).unwrap().to_string();
        assert!(sentence.contains("1970-01-01T00:00:00Z") && sentence.contains(&*iso8601(BUILT)), "{sentence}");
    }
}

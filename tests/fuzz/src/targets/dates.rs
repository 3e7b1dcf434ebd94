//! Dates in both forms: what is read is written and read again as the same second, and a clock's difference never
//! overflows.

use homing::protocol::time::{BothClocks, clock_skew, http_date, iso8601, parse_http_date, parse_iso8601};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for reference in [0, REFERENCE, i64::MAX, i64::MIN] {
        let Some(time) = parse_http_date(text, reference) else { continue };
        if (YEAR_0..YEAR_10000).contains(&time) {
            assert_eq!(parse_http_date(&http_date(time), 0), Some(time), "{text:?}");
        }
        for clock in [0, REFERENCE, i64::MAX, i64::MIN] {
            let _ = clock_skew(Some(text), None, clock, clock, reference);
            assert_eq!(clock_skew(Some(text), Some("1"), clock, clock, reference), None);
            assert!(BothClocks { device: clock, server: time }.to_string().len() < 256);
        }
    }
    if let Some(time) = parse_iso8601(text)
        && (YEAR_0..YEAR_10000).contains(&time)
    {
        assert_eq!(parse_iso8601(&iso8601(time)), Some(time), "{text:?}");
    }
}

/// 2026-11-22.
const REFERENCE: i64 = 1_795_305_600;
const YEAR_0: i64 = -62_167_219_200;
const YEAR_10000: i64 = 253_402_300_800;

//! The name of an entry: when it arrived, and how many bytes it has.

use crate::protocol::time::{amz_date, parse_iso8601};
use std::fmt;

/// An entry of the queue, 16 bytes small. Its order is that of arrival.
///
/// It prints as the time of its arrival, `20261122T224331.000000`, which is what people name it by. The part behind
/// the second tells those of one second apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryId {
    /// Microseconds since the Unix epoch; unique within a queue.
    arrival: u64,
    size: u64,
}

impl EntryId {
    /// The id of a file of `size` bytes that arrives at `now` (seconds since the Unix epoch) and `micros` behind the
    /// entry `last`: later than that, also when the clock was put back.
    pub(super) fn next(last: Option<Self>, now: i64, micros: u32, size: u64) -> Self {
        let now = u64::try_from(now).unwrap_or(0).min(LAST_SECOND).saturating_mul(MICROSECONDS) + u64::from(micros);
        let arrival = last.map_or(now, |last| now.max(last.arrival + 1));
        Self { arrival, size }
    }

    /// The same entry with another size.
    pub(super) fn with_size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// The first id behind this one.
    pub(super) fn successor(self) -> Self {
        Self { arrival: self.arrival + 1, ..self }
    }

    /// Whether it arrived at another time than `other`, and that was later.
    pub(super) fn is_later_than(self, other: Self) -> bool {
        self.arrival > other.arrival
    }

    /// Whether the two cannot be told apart when they are printed.
    pub(super) fn is_same_arrival(self, other: Self) -> bool {
        self.arrival == other.arrival
    }

    /// Bytes of the file.
    pub fn size(self) -> u64 {
        self.size
    }

    /// When it arrived, in seconds since the Unix epoch, by the clock of that time. It is later than that only when
    /// the clock was put back while older entries waited.
    pub fn arrival(self) -> i64 {
        // At most LAST_SECOND, which fits.
        (self.arrival / MICROSECONDS).cast_signed()
    }

    /// The name of its directory.
    pub(super) fn file_name(self) -> String {
        format!("{self}-{}", self.size)
    }

    /// Reads [`Self::file_name`]; `None`: something else has this name.
    pub(super) fn from_file_name(name: &str) -> Option<Self> {
        let (time, size) = name.split_once('-')?;
        let (second, micros) = time.split_once('.')?;
        let seconds = u64::try_from(parse_iso8601(&format!("{second}Z"))?).ok()?;
        let id = Self {
            arrival: seconds.checked_mul(MICROSECONDS)?.checked_add(micros.parse().ok()?)?,
            size: size.parse().ok()?,
        };
        // One name for each id: no signs, no leading zeros, no other form of the time.
        (id.file_name() == name).then_some(id)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = amz_date(self.arrival());
        write!(formatter, "{}.{:06}", date.trim_end_matches('Z'), self.arrival % MICROSECONDS)
    }
}

impl PartialOrd for EntryId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntryId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.arrival, self.size).cmp(&(other.arrival, other.size))
    }
}

const MICROSECONDS: u64 = 1_000_000;
/// 9999-12-31T23:59:59Z: four digits are all that the form has for a year.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_387_411;

    #[test]
    fn names_say_when_and_how_much_and_sort_by_age() {
        let first = EntryId::next(None, NOW, 0, 51_200);
        assert_eq!(first.file_name(), "20261122T224331.000000-51200");
        assert_eq!(first.to_string(), "20261122T224331.000000");
        let second = EntryId::next(Some(first), NOW, 0, 7);
        assert_eq!(second.file_name(), "20261122T224331.000001-7");
        assert!(first < second && first.file_name() < second.file_name());
        for id in [first, second, EntryId::next(None, i64::MAX, 999_999, u64::MAX), EntryId::next(None, i64::MIN, 0, 0)]
        {
            assert_eq!(EntryId::from_file_name(&id.file_name()), Some(id));
        }
    }

    #[test]
    fn the_clock_may_be_put_back() {
        let before = EntryId::next(None, NOW, 0, 1);
        for now in [0, -5, i64::MIN, NOW - 1, NOW] {
            let after = EntryId::next(Some(before), now, 0, 1);
            assert!(after > before && after.arrival() == NOW, "{now}");
        }
        assert_eq!(EntryId::next(Some(before), NOW + 1, 0, 1).arrival(), NOW + 1);
        assert_eq!(before.successor(), EntryId::next(Some(before), 0, 0, 1));
    }

    #[test]
    fn other_names_are_no_entries() {
        for name in [
            "",
            "data",
            "20261122T224331.000000",
            "20261122T224331.000000-",
            "20261122T224331.000000-+1",
            "20261122T224331.000000-01",
            "20261122T224331.0-1",
            "20261122T224331.1000000-1",
            "2026-11-22T22:43:31.000000-1",
            "20261122T224331+0900.000000-1",
            "20261322T224331.000000-1",
            "20261122T224331.000000-18446744073709551616",
            "20261122T224331.000000-1 ",
        ] {
            assert_eq!(EntryId::from_file_name(name), None, "{name}");
        }
    }
}

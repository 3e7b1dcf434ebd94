//! Which way a file goes, by its size alone.

/// The way a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Base64 inside one MQTT message.
    Inline,
    /// One S3 PutObject.
    Single,
    /// An S3 multipart upload: one PutObject cannot carry that much.
    Multipart,
}

/// Decides for a file of `size` bytes. `inline_limit` is the largest file, in bytes, that goes into a
/// message, where 0 means none at all, not even an empty one; `None` where there is no message to put it into
/// (`homing put`).
pub fn plan(size: u64, inline_limit: Option<u64>) -> Plan {
    match inline_limit {
        Some(limit @ 1..) if size <= limit => Plan::Inline,
        _ if size <= MAXIMUM_PUT_SIZE => Plan::Single,
        _ => Plan::Multipart,
    }
}

/// The parts of a multipart upload: all of one size but the last, which has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    object_size: u64,
    part_size: u64,
}

impl Parts {
    /// The parts of an object of `object_size` bytes. They have `wanted` bytes, unless that is out of
    /// [`MINIMUM_PART_SIZE`] to [`MAXIMUM_PART_SIZE`], or there would be more than [`MAXIMUM_PARTS`] of them: then as
    /// few more as will do, in whole MiB. `None` for an object of more than [`MAXIMUM_OBJECT_SIZE`].
    pub fn new(object_size: u64, wanted: u64) -> Option<Self> {
        let least = object_size.div_ceil(u64::from(MAXIMUM_PARTS)).next_multiple_of(MEBIBYTE);
        let part_size = wanted.clamp(MINIMUM_PART_SIZE, MAXIMUM_PART_SIZE).max(least);
        (part_size <= MAXIMUM_PART_SIZE).then_some(Self { object_size, part_size })
    }

    /// Bytes of every part but the last.
    pub fn part_size(self) -> u64 {
        self.part_size
    }

    /// How many there are, 1 to [`MAXIMUM_PARTS`]: even an empty object has one.
    pub fn count(self) -> u16 {
        // At most 10,000 by the choice of the part's size.
        self.object_size.div_ceil(self.part_size).clamp(1, u64::from(MAXIMUM_PARTS)) as u16
    }

    /// Where the part of this number, from 1 on, begins, and its length. A number behind the last has no bytes.
    pub fn part(self, number: u16) -> (u64, u64) {
        let start = (u64::from(number.max(1)) - 1).saturating_mul(self.part_size).min(self.object_size);
        (start, self.part_size.min(self.object_size - start))
    }
}

/// The largest object that one PutObject takes: 5 GiB (Amazon S3 User Guide, "Uploading objects").
pub const MAXIMUM_PUT_SIZE: u64 = 5_368_709_120;
/// The largest object that a multipart upload makes: 10,000 parts of 5 GiB, 48.8 TiB (this and what follows: Amazon S3
/// User Guide, "Amazon S3 multipart upload limits"; until 2025 it was 5 TiB).
pub const MAXIMUM_OBJECT_SIZE: u64 = MAXIMUM_PARTS as u64 * MAXIMUM_PART_SIZE;
/// The smallest part but the last: 5 MiB.
pub const MINIMUM_PART_SIZE: u64 = 5 * MEBIBYTE;
/// The largest part: 5 GiB.
pub const MAXIMUM_PART_SIZE: u64 = 5_368_709_120;
/// The most parts.
pub const MAXIMUM_PARTS: u16 = 10_000;
const MEBIBYTE: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_themselves_still_fit() {
        assert_eq!(plan(0, Some(51_200)), Plan::Inline);
        assert_eq!(plan(51_200, Some(51_200)), Plan::Inline);
        assert_eq!(plan(51_201, Some(51_200)), Plan::Single);
        assert_eq!(plan(5 * 1024 * 1024 * 1024, Some(51_200)), Plan::Single);
        assert_eq!(plan(5 * 1024 * 1024 * 1024 + 1, Some(51_200)), Plan::Multipart);
    }

    #[test]
    fn parts_at_their_limits() {
        let of = |size, wanted| Parts::new(size, wanted).map(|parts| (parts.part_size(), parts.count()));
        assert_eq!(of(0, 8 * MEBIBYTE), Some((8 * MEBIBYTE, 1)));
        assert_eq!(of(8 * MEBIBYTE, 8 * MEBIBYTE), Some((8 * MEBIBYTE, 1)));
        assert_eq!(of(8 * MEBIBYTE + 1, 8 * MEBIBYTE), Some((8 * MEBIBYTE, 2)));
        assert_eq!(of(80_000 * MEBIBYTE, 8 * MEBIBYTE), Some((8 * MEBIBYTE, 10_000)));
        assert_eq!(of(80_000 * MEBIBYTE + 1, 8 * MEBIBYTE), Some((9 * MEBIBYTE, 8_889)));
        assert_eq!(of(MAXIMUM_OBJECT_SIZE, 1), Some((MAXIMUM_PART_SIZE, 10_000)));
        assert_eq!(of(MAXIMUM_OBJECT_SIZE + 1, 1), None);
        assert_eq!(of(u64::MAX, u64::MAX), None);
        assert_eq!(of(1, 0), Some((MINIMUM_PART_SIZE, 1)));
        assert_eq!(MAXIMUM_OBJECT_SIZE, 53_687_091_200_000);
    }

    #[test]
    fn a_limit_of_nothing_keeps_even_an_empty_file_out_of_messages() {
        assert_eq!(plan(0, Some(0)), Plan::Single);
        assert_eq!(plan(0, Some(1)), Plan::Inline);
    }

    #[test]
    fn without_a_message_nothing_is_inline() {
        assert_eq!(plan(0, None), Plan::Single);
        assert_eq!(plan(u64::MAX, None), Plan::Multipart);
    }
}

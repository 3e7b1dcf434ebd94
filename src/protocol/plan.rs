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

/// The largest object that one PutObject takes: 5 GiB (Amazon S3 User Guide, "Uploading objects").
pub const MAXIMUM_PUT_SIZE: u64 = 5_368_709_120;

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

//! Dates as texts.
/// Writes the time in seconds since the Unix epoch.
///
/// # Errors
/// When `out` is full.
pub fn write_iso8601(seconds: i64, out: &mut impl core::fmt::Write) -> core::fmt::Result {
    write!(out, "{seconds}")
}

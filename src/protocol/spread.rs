//! When a device tries again after runs in which a service did not answer: later each time, and each device at a
//! moment of its own, so that a fleet does not come back all at once when a region does.
//!
//! Within one command [`super::retry`] spaces the attempts; this is for what comes after it, from run to run.

use core::time::Duration;

/// How long to wait after that many failed runs in a row, for the device with this [`hash`]: between a half and the
/// whole of a bound that doubles from [`FIRST_BOUND`] to [`LAST_BOUND`]. Nothing after none.
pub fn wait(failed_runs: u32, hash: u32) -> Duration {
    let Some(doublings) = failed_runs.checked_sub(1) else { return Duration::ZERO };
    let bound = FIRST_BOUND.saturating_mul(1 << doublings.min(MOST_DOUBLINGS)).min(LAST_BOUND);
    // At most 300,000 ms times 2^32 - 1: fits.
    let bound = bound.as_millis() as u64;
    Duration::from_millis(bound / 2 + ((bound.div_ceil(2) * u64::from(hash)) >> 32))
}

/// How much is left of a wait until `not_before`, both in seconds since the Unix epoch. One that is longer than any
/// can be comes from a clock that was wrong, then or now, and does not count.
pub fn remaining(not_before: i64, now: i64) -> Duration {
    let seconds = u64::try_from(not_before.saturating_sub(now)).unwrap_or(0);
    Duration::from_secs(if seconds > LAST_BOUND.as_secs() { 0 } else { seconds })
}

/// A number for a thing's name, evenly spread over all there are: FNV-1a (RFC 9923) with the finalizer of
/// MurmurHash3, because the names of a fleet often differ in their last digits only.
pub fn hash(thing: &str) -> u32 {
    let mut hash = thing.bytes().fold(FNV_OFFSET_BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// After the first failed run: a broken connection to one server is soon mended.
pub const FIRST_BOUND: Duration = Duration::from_secs(10);
/// As often as a cron job that nobody thinks too frequent.
pub const LAST_BOUND: Duration = Duration::from_secs(300);
/// Enough for any bound to be the last one.
const MOST_DOUBLINGS: u32 = 16;
/// RFC 9923, section 2.2 and 2.1, for 32 bits.
const FNV_OFFSET_BASIS: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let least: Vec<u128> = (0..9).map(|runs| wait(runs, 0).as_millis()).collect();
        assert_eq!(least, [0, 5_000, 10_000, 20_000, 40_000, 80_000, 150_000, 150_000, 150_000]);
        let most: Vec<u128> = (0..8).map(|runs| wait(runs, u32::MAX).as_millis()).collect();
        assert_eq!(most, [0, 9_999, 19_999, 39_999, 79_999, 159_999, 299_999, 299_999]);
        assert_eq!(wait(u32::MAX, u32::MAX).as_millis(), 299_999);
    }

    #[test]
    fn a_fleet_is_spread_evenly() {
        let mut buckets = [0_u32; 10];
        for number in 0..10_000 {
            let wait = wait(20, hash(&format!("camera-{number:05}"))).as_millis() - 150_000;
            buckets[usize::try_from(wait / 15_000).unwrap()] += 1;
        }
        // 1,000 each on average, with a standard deviation of 30.
        assert!(buckets.iter().all(|count| (850..1150).contains(count)), "{buckets:?}");
        assert_eq!(hash("camera-1"), hash("camera-1"));
    }

    #[test]
    fn a_time_that_cannot_be_is_ignored() {
        assert_eq!(remaining(1_000, 970), Duration::from_secs(30));
        assert_eq!(remaining(1_300, 1_000), LAST_BOUND);
        for (not_before, now) in [(1_000, 1_000), (1_000, 1_001), (1_301, 1_000), (i64::MAX, i64::MIN), (i64::MIN, 5)] {
            assert_eq!(remaining(not_before, now), Duration::ZERO, "{not_before} {now}");
        }
    }
}

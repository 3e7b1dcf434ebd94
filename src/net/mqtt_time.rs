//! The clock of minimq: an `embassy-time` driver that only remembers the next deadline.
//!
//! minimq's futures ask for a wake-up while they are polled. They are polled and waited for on one and
//! the same thread, so each thread keeps the earliest deadline of its current poll to itself: several
//! publishers in one process neither share nor disturb each other's, and no timer queue is needed.

use std::cell::Cell;
use std::sync::OnceLock;
use std::task::Waker;
use std::time::{Duration, Instant};

use embassy_time_driver::{Driver, TICK_HZ};

/// Forgets the deadline of the poll before, so that a timer that was dropped wakes nobody.
pub(super) fn forget_deadline() {
    NEXT_DEADLINE.set(None);
}

/// The earliest moment at which a timer polled on this thread since [`forget_deadline`] wants to be polled again.
pub(super) fn next_deadline() -> Option<Instant> {
    NEXT_DEADLINE.get().and_then(|ticks| process_start().checked_add(Duration::from_micros(ticks)))
}

struct NextDeadline;

impl Driver for NextDeadline {
    fn now(&self) -> u64 {
        // 2^64 microseconds are 584,000 years.
        process_start().elapsed().as_micros() as u64
    }

    fn schedule_wake(&self, at: u64, _: &Waker) {
        NEXT_DEADLINE.set(Some(NEXT_DEADLINE.get().map_or(at, |earlier| earlier.min(at))));
    }
}

embassy_time_driver::time_driver_impl!(static DRIVER: NextDeadline = NextDeadline);

thread_local! {
    static NEXT_DEADLINE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Tick 0: the first use of the clock in this process.
fn process_start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Ticks are counted as microseconds above.
const _: () = assert!(TICK_HZ == 1_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_of_the_thread_wins_and_other_threads_have_their_own() {
        forget_deadline();
        assert_eq!(next_deadline(), None);
        embassy_time_driver::schedule_wake(2_000_000, Waker::noop());
        embassy_time_driver::schedule_wake(1_000_000, Waker::noop());
        embassy_time_driver::schedule_wake(3_000_000, Waker::noop());
        assert_eq!(next_deadline(), Some(process_start() + Duration::from_secs(1)));
        std::thread::spawn(|| assert_eq!(next_deadline(), None)).join().unwrap();
        forget_deadline();
        assert_eq!(next_deadline(), None);
    }

    #[test]
    fn a_deadline_beyond_the_clock_is_no_deadline_and_no_panic() {
        forget_deadline();
        embassy_time_driver::schedule_wake(u64::MAX, Waker::noop());
        let _ = next_deadline();
        forget_deadline();
    }

    #[test]
    fn the_clock_does_not_go_backwards() {
        let first = embassy_time_driver::now();
        assert!(embassy_time_driver::now() >= first);
    }
}

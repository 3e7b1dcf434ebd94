//! Runs one future to its end on the current thread, without an executor.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::net::mqtt_time;

/// Polls `future` until it is ready. Whenever it is pending, calls `park` with the moment at which one of
/// its own timers wants to be polled again; `park` waits for the socket until then, or ends the matter
/// with an error. Nobody needs to be woken: what the future waits for is what `park` waits for.
pub(super) fn block_on<F: Future, E>(
    future: F,
    mut park: impl FnMut(Option<Instant>) -> Result<(), E>,
) -> Result<F::Output, E> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        mqtt_time::forget_deadline();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        park(mqtt_time::next_deadline())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::time::Duration;

    #[test]
    fn parks_until_the_timer_of_the_future() {
        let start = Instant::now();
        let done: Result<(), Infallible> =
            block_on(embassy_time::Timer::after(embassy_time::Duration::from_millis(20)), |timer| {
                std::thread::sleep(timer.unwrap().saturating_duration_since(Instant::now()));
                Ok(())
            });
        done.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn ends_when_parking_fails() {
        assert_eq!(block_on(std::future::pending::<()>(), Err), Err(None));
    }
}

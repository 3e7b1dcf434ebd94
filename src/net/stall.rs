//! How long no byte moves on a connection that is waited for.

use super::duplex::Duplex;
use super::stream::Stream;
use std::io;
use std::time::{Duration, Instant};

/// A wait that lasts while bytes go to the other side, be it only out of the system's own buffer: that takes a piece of
/// an upload at once, and a slow link may need minutes for it.
pub struct Stall {
    limit: Duration,
    /// When something moved last, as far as is known.
    since: Instant,
    sent: u64,
    unacknowledged: Option<u64>,
    /// When the system's buffer was last seen to become emptier.
    pub drained: Option<Instant>,
}

impl Stall {
    /// Nothing may move for so long.
    pub fn new(stream: &Stream, limit: Duration) -> Self {
        Self { limit, since: Instant::now(), sent: stream.sent(), unacknowledged: None, drained: None }
    }

    /// Waits until there is something to read or, with `write`, room to write. `Ok(false)`: nothing has moved for as long
    /// as it may, or `end` is over.
    pub fn wait(&mut self, stream: &Stream, write: bool, end: Option<Instant>) -> io::Result<bool> {
        if stream.sent() > self.sent {
            (self.sent, self.since, self.unacknowledged) = (stream.sent(), Instant::now(), None);
        }
        loop {
            let over = self.since + self.limit;
            let over = end.map_or(over, |end| end.min(over));
            // The table is no socket's to wait for, so it is looked at now and then.
            if stream.wait(write, None, Some(over.min(Instant::now() + self.limit / LOOKS)))? {
                return Ok(true);
            }
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return Ok(false);
            }
            let left = stream.unacknowledged().unwrap_or(0);
            // What was there before the first look, nobody knows.
            if self.unacknowledged.map_or(left > 0, |before| left < before) {
                (self.since, self.drained) = (now, Some(now));
            } else if now >= over {
                return Ok(false);
            }
            self.unacknowledged = Some(left);
        }
    }
}

const LOOKS: u32 = 4;

//! Threads for what is to go on in the background, and what they tell the others.
//!
//! One instance for all: the standard library's `spawn` is 1 KB of code for every closure, and its channels, which are
//! made for any number of senders and much traffic, are 2.5 KB for every type that goes through one.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Does `work` in a thread of this name, with so many bytes of stack.
///
/// # Errors
/// The system's, when it has no thread left.
pub fn start(name: &str, stack: usize, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    start_boxed(name, stack, Box::new(work))
}

fn start_boxed(name: &str, stack: usize, work: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(stack).spawn(work)
}

/// A channel from one thread to another, without a bound: who sends knows how much is on its way.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State { waiting: Vec::new(), is_closed: false }),
        changed: Condvar::new(),
    });
    (Sender(shared.clone()), Receiver(shared))
}

/// Where things go in.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Where they come out.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

/// Why nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It may come yet.
    NotYet,
    /// It never comes: nothing is left, and the sender is gone.
    Closed,
}

impl<T> Sender<T> {
    /// Sends `item`, and says whether somebody may receive it: the receiver is still there.
    pub fn send(&self, item: T) -> bool {
        let mut state = self.0.state();
        if !state.is_closed {
            state.waiting.push(item);
            self.0.changed.notify_one();
        }
        !state.is_closed
    }
}

impl<T> Receiver<T> {
    /// Waits until something is there or the sender is gone.
    ///
    /// # Errors
    /// [`Missing::Closed`].
    pub fn receive(&self) -> Result<T, Missing> {
        let waited = self.0.changed.wait_while(self.0.state(), |state| state.is_awaited());
        waited.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The same, but not beyond `deadline`; a past one looks only.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn receive_until(&self, deadline: Instant) -> Result<T, Missing> {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.0.changed.wait_timeout_while(self.0.state(), left, |state| state.is_awaited());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }

    /// What is there already.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn look(&self) -> Result<T, Missing> {
        self.0.state().take()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }
}

#[derive(Debug)]
struct State<T> {
    /// The oldest first; there are one or two.
    waiting: Vec<T>,
    /// One of the ends is gone.
    is_closed: bool,
}

impl<T> State<T> {
    fn is_awaited(&self) -> bool {
        self.waiting.is_empty() && !self.is_closed
    }

    fn take(&mut self) -> Result<T, Missing> {
        match self.waiting.is_empty() {
            false => Ok(self.waiting.remove(0)),
            true => Err(if self.is_closed { Missing::Closed } else { Missing::NotYet }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn things_come_out_in_the_order_in_which_they_went_in() {
        let (sender, receiver) = channel();
        assert_eq!(receiver.look(), Err(Missing::NotYet));
        assert!(sender.send(1) && sender.send(2));
        drop(sender);
        assert_eq!([receiver.look(), receiver.receive(), receiver.receive()], [Ok(1), Ok(2), Err(Missing::Closed)]);
    }

    #[test]
    fn the_end_of_either_thread_is_seen_by_the_other() {
        let (orders, ordered) = channel::<()>();
        let (sender, results) = channel();
        let thread = start("test", 64 * 1024, move || {
            while ordered.receive().is_ok() {
                sender.send("done");
            }
        });
        let thread = thread.unwrap();
        let soon = || Instant::now() + Duration::from_secs(60);
        assert!(orders.send(()));
        assert_eq!(results.receive_until(soon()), Ok("done"));
        assert_eq!(results.receive_until(Instant::now()), Err(Missing::NotYet));
        drop(orders);
        assert_eq!(results.receive_until(soon()), Err(Missing::Closed));
        thread.join().unwrap();
        let (sender, receiver) = channel();
        drop(receiver);
        assert!(!sender.send(()));
    }
}

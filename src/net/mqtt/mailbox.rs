//! Commands from the caller to the MQTT thread, with a pipe that ends its wait for the socket.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::Qos;
use crate::error::Result;
use crate::net::background::{Missing, Receiver, Sender, channel};

/// Writes the payload of a message into the packet and gives its length.
pub(super) type Payload = Box<dyn FnMut(&mut [u8]) -> Result<usize> + Send>;

/// One message to publish.
pub(super) struct Job {
    pub(super) topic: String,
    pub(super) qos: Qos,
    pub(super) payload: Payload,
    /// When the caller asked for it.
    pub(super) issued: Instant,
}

pub(super) enum Command {
    Publish(Job),
    Close,
}

/// The caller's end. Dropping it is a [`Command::Close`].
pub(super) struct Postbox {
    // Dropped before `wake`, whose end then wakes a thread that already finds the channel closed.
    commands: Sender<Command>,
    wake: PipeWriter,
}

/// The thread's end.
pub(super) struct Mailbox {
    commands: Receiver<Command>,
    wake: PipeReader,
    next: Option<Command>,
}

/// # Errors
/// The system's, when it has no pipe left.
pub(super) fn pair() -> io::Result<(Postbox, Mailbox)> {
    let (sender, receiver) = channel();
    let (reader, writer) = io::pipe()?;
    Ok((Postbox { commands: sender, wake: writer }, Mailbox { commands: receiver, wake: reader, next: None }))
}

impl Postbox {
    pub(super) fn post(&self, command: Command) {
        // When the thread has ended, the missing outcome tells the caller.
        if self.commands.send(command) {
            let _ = (&self.wake).write_all(&[0]);
        }
    }
}

impl fmt::Debug for Postbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Postbox")
    }
}

impl Mailbox {
    /// The next command, if there is one.
    pub(super) fn peek(&mut self) -> Option<&Command> {
        if self.next.is_none() {
            self.next = match self.commands.look() {
                Ok(command) => Some(self.arrived(command)),
                Err(Missing::NotYet) => None,
                Err(Missing::Closed) => Some(Command::Close),
            };
        }
        self.next.as_ref()
    }

    /// Waits for the next command and takes it.
    pub(super) fn take(&mut self) -> Command {
        if let Some(command) = self.next.take() {
            return command;
        }
        match self.commands.receive() {
            Ok(command) => self.arrived(command),
            Err(_) => Command::Close,
        }
    }

    /// Becomes readable with the next command; none while one lies here unread.
    pub(super) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.next.is_none().then(|| self.wake.as_fd())
    }

    /// Takes the command's byte out of the pipe. It is there already or in this moment.
    fn arrived(&mut self, command: Command) -> Command {
        let _ = self.wake.read_exact(&mut [0]);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_arrive_once_and_a_dropped_postbox_means_close() {
        let (postbox, mut mailbox) = pair().unwrap();
        assert!(mailbox.peek().is_none());
        let job = Job { topic: "t".into(), qos: Qos::AtMostOnce, payload: Box::new(|_| Ok(0)), issued: Instant::now() };
        postbox.post(Command::Publish(job));
        assert!(matches!(mailbox.peek(), Some(Command::Publish(_))));
        assert!(mailbox.wake().is_none());
        assert!(matches!(mailbox.take(), Command::Publish(_)));
        assert!(mailbox.peek().is_none());
        drop(postbox);
        assert!(matches!(mailbox.peek(), Some(Command::Close)));
        assert!(matches!(mailbox.take(), Command::Close));
        assert!(matches!(mailbox.take(), Command::Close));
    }

    #[test]
    fn posting_to_a_thread_that_has_ended_is_harmless() {
        let (postbox, mailbox) = pair().unwrap();
        drop(mailbox);
        postbox.post(Command::Close);
    }
}

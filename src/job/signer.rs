//! Who signs requests, and by which clock.

use super::credentials;
use super::network::Network;
use crate::config::Config;
use crate::error::Result;
use crate::net::stream::unix_time;
use crate::protocol::credentials::Credentials;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The credentials of a run, and the clock to sign by. All clones share both: when the attempts at something find out
/// that the credentials have ended, or how wrong the device's clock is, whoever signs next knows.
#[derive(Clone)]
pub struct Signer {
    credentials: Rc<RefCell<Rc<Credentials>>>,
    clock: SigningClock,
}

impl Signer {
    /// Gets the credentials that the configuration asks for, or those that this run has already.
    ///
    /// # Errors
    /// As [`credentials::obtain`].
    pub fn obtain(config: &Config, network: &Network<'_>) -> Result<Self> {
        if let Some(signer) = network.signer() {
            return Ok(signer);
        }
        Ok(Self::of(credentials::obtain(config, network)?, network))
    }

    /// Signs this run's requests with these credentials.
    pub fn of(credentials: Box<Credentials>, network: &Network<'_>) -> Self {
        let credentials = Rc::new(RefCell::new(Rc::from(credentials)));
        let signer = Self { credentials, clock: network.clock().clone() };
        network.hold_signer(signer.clone());
        signer
    }

    /// The credentials as they are now.
    pub fn credentials(&self) -> Rc<Credentials> {
        self.credentials.borrow().clone()
    }

    /// Signs with these from now on.
    pub fn replace(&self, credentials: Box<Credentials>) {
        self.credentials.replace(Rc::from(credentials));
    }

    /// The time to sign with, in seconds since the Unix epoch.
    pub fn time(&self) -> i64 {
        self.clock.now()
    }

    /// What the signing clock says when the device's says `time`.
    pub fn at(&self, time: i64) -> i64 {
        self.clock.at(time)
    }
}

/// The device's clock, corrected by what a server has said of it.
#[derive(Debug, Clone, Default)]
pub struct SigningClock {
    /// Seconds by which the servers' clock is ahead.
    offset: Rc<Cell<i64>>,
}

impl SigningClock {
    /// The time to sign with, in seconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.at(unix_time())
    }

    /// What it says when the device's clock says `time`.
    pub fn at(&self, time: i64) -> i64 {
        time.saturating_add(self.offset.get())
    }

    /// Moves it by that many seconds.
    pub fn correct(&self, difference: i64) {
        self.offset.set(self.offset.get().saturating_add(difference));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_reaches_every_clone_and_adds_to_the_one_before() {
        let clock = SigningClock::default();
        let other = clock.clone();
        assert_eq!(other.at(1000), 1000);
        clock.correct(-300);
        clock.correct(100);
        assert_eq!((other.at(1000), clock.at(1000)), (800, 800));
        clock.correct(i64::MIN);
        clock.correct(i64::MIN);
        assert_eq!(other.at(0), i64::MIN);
    }
}

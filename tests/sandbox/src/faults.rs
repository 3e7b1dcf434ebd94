//! Faults that a test, or a person at `cargo sandbox serve`, can put into any service while it runs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answers::Answer;

/// What a service does wrong. Byte counts are of the application's bytes inside TLS, per connection.
///
/// Faults of a reply (delay, answer, silence, MQTT reasons) are counted per request, resets and silent connections per
/// connection; see [`Self::times`].
#[derive(Debug, Clone, Default)]
pub struct Fault {
    pub(crate) delay: Duration,
    pub(crate) reset_after_request: Option<u64>,
    pub(crate) reset_after_reply: Option<u64>,
    pub(crate) answer: Option<Answer>,
    pub(crate) silence: Option<Silence>,
    pub(crate) mqtt: Option<MqttFault>,
    pub(crate) skip: u32,
    pub(crate) times: Option<u32>,
    pub(crate) half: Option<u64>,
    pub(crate) every: u32,
    pub(crate) seen: u32,
}

/// Where a service falls silent for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// TCP connects, then nothing: not even a TLS handshake.
    Connection,
    /// The request is read to its end, then nothing.
    Reply,
}

/// What the MQTT broker does wrong. Reason codes are MQTT 5's (section 2.4), for instance 0x87 not authorized,
/// 0x97 quota exceeded, 0x8E session taken over. A 3.1.1 client gets CONNACK return code 5, and PUBACK has no reason there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MqttFault {
    /// CONNECT is refused with this reason.
    Connack(u8),
    /// PUBLISH with QoS 1 is refused with this reason and is not recorded.
    Puback(u8),
    /// At a PUBLISH the broker disconnects with this reason.
    Disconnect(u8),
    /// At a PUBLISH the broker closes the connection without a word, as AWS IoT Core does above its limits.
    Close,
    /// PUBLISH is read and never acknowledged nor recorded.
    NoPuback,
}

impl Fault {
    /// No fault yet; add some.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits before replying.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Resets the TCP connection when this many bytes of requests have been read (0: at the first byte).
    #[must_use]
    pub fn reset_after_request(mut self, bytes: u64) -> Self {
        self.reset_after_request = Some(bytes);
        self
    }

    /// Resets the TCP connection when this many bytes of replies have been written (0: instead of the first).
    #[must_use]
    pub fn reset_after_reply(mut self, bytes: u64) -> Self {
        self.reset_after_reply = Some(bytes);
        self
    }

    /// Gives this answer instead of the service's own; HTTP services only.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answer = Some(answer);
        self
    }

    /// Never answers.
    #[must_use]
    pub fn silence(mut self, silence: Silence) -> Self {
        self.silence = Some(silence);
        self
    }

    /// Breaks the MQTT conversation.
    #[must_use]
    pub fn mqtt(mut self, fault: MqttFault) -> Self {
        self.mqtt = Some(fault);
        self
    }

    /// Leaves the first `count` requests (or connections) alone.
    #[must_use]
    pub fn skip(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Happens this often, then the service is well again. Without this call: always.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    /// Happens to half of all requests (or connections), which ones a generator with this seed decides.
    #[must_use]
    pub fn half(mut self, seed: u64) -> Self {
        // The generator stays at 0 for ever.
        self.half = Some(seed.max(1));
        self
    }

    /// Happens to the first of each `count` requests (or connections), and leaves the others alone: 2 is half of them.
    #[must_use]
    pub fn every(mut self, count: u32) -> Self {
        self.every = count;
        self
    }

    fn concerns_connections(&self) -> bool {
        self.reset_after_request.is_some()
            || self.reset_after_reply.is_some()
            || self.silence == Some(Silence::Connection)
    }

    fn concerns_requests(&self) -> bool {
        !self.delay.is_zero() || self.answer.is_some() || self.silence == Some(Silence::Reply) || self.mqtt.is_some()
    }
}

/// The fault that is switched on for one service, and its clock.
#[derive(Default)]
pub(crate) struct FaultSwitch {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    clock_offset: i64,
}

impl FaultSwitch {
    pub(crate) fn set(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        self.lock().clock_offset = seconds;
    }

    pub(crate) fn now(&self) -> time::OffsetDateTime {
        time::OffsetDateTime::now_utc() + time::Duration::seconds(self.lock().clock_offset)
    }

    /// The fault for a connection that has just been accepted.
    pub(crate) fn take_for_connection(&self) -> Option<Fault> {
        self.take(Fault::concerns_connections)
    }

    /// The fault for a request (or MQTT packet) for which `concerned` holds.
    pub(crate) fn take_for_request(&self, concerned: impl Fn(&Fault) -> bool) -> Option<Fault> {
        self.take(|fault| fault.concerns_requests() && concerned(fault))
    }

    fn take(&self, concerned: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut state = self.lock();
        let fault = state.fault.as_mut().filter(|fault| concerned(fault))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        if let Some(state) = &mut fault.half {
            // Marsaglia's xorshift64; its high bits are the better ones.
            *state ^= *state << 13;
            *state ^= *state >> 7;
            *state ^= *state << 17;
            if *state >> 63 == 0 {
                return None;
            }
        }
        fault.seen += 1;
        if fault.every > 1 && fault.seen % fault.every != 1 {
            return None;
        }
        let taken = fault.clone();
        match &mut fault.times {
            None => {}
            Some(0 | 1) => state.fault = None,
            Some(left) => *left -= 1,
        }
        Some(taken)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_skips_then_happens_as_often_as_asked() {
        let switch = FaultSwitch::default();
        switch.set(Some(Fault::new().delay(Duration::from_secs(1)).skip(1).times(2)));
        let happened: Vec<bool> = (0..5).map(|_| switch.take_for_request(|_| true).is_some()).collect();
        assert_eq!(happened, [false, true, true, false, false]);
    }

    #[test]
    fn half_of_all_is_about_half_in_no_simple_order() {
        let switch = FaultSwitch::default();
        switch.set(Some(Fault::new().delay(Duration::from_secs(1)).half(7)));
        let happened: Vec<bool> = (0..1000).map(|_| switch.take_for_request(|_| true).is_some()).collect();
        let count = happened.iter().filter(|happened| **happened).count();
        assert!((400..600).contains(&count), "{count}");
        assert!(happened.windows(3).any(|three| three == [true; 3]), "never three in a row");
    }

    #[test]
    fn a_fault_of_every_second_request_leaves_the_others_alone() {
        let switch = FaultSwitch::default();
        switch.set(Some(Fault::new().delay(Duration::from_secs(1)).every(2)));
        let happened: Vec<bool> = (0..4).map(|_| switch.take_for_request(|_| true).is_some()).collect();
        assert_eq!(happened, [true, false, true, false]);
    }

    #[test]
    fn a_request_does_not_use_up_a_fault_of_connections() {
        let switch = FaultSwitch::default();
        switch.set(Some(Fault::new().reset_after_request(10).times(1)));
        assert!(switch.take_for_request(|_| true).is_none());
        assert!(switch.take_for_connection().is_some());
        assert!(switch.take_for_connection().is_none());
    }
}

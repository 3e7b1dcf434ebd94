//! Which credentials are answered, and when new ones are fetched: decisions only, no clock and no connections.
//!
//! Every client gets the same response. It is renewed while it is still good, so that nobody waits for AWS but the very
//! first; and AWS is asked by one client's request or by a thousand's just once.

use crate::net::http_server::Response;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The credentials that clients are given, over time.
pub(super) struct Rotation {
    current: Option<Issued>,
    /// How long before the credentials expire new ones are fetched, seconds.
    early: i64,
    /// Since when an attempt to fetch is under way.
    fetching: Option<Instant>,
    /// Whether a client has asked since the current credentials are there, or, when they are over, since the last
    /// failure. Where nobody asks, nothing is fetched.
    asked: bool,
    /// What is answered after a failed attempt, when there are no credentials.
    failure: Option<Rc<Response>>,
    failures: u32,
    next_attempt: Option<Instant>,
}

/// Credentials, rendered.
pub(super) struct Issued {
    pub(super) response: Rc<Response>,
    /// Seconds since the Unix epoch.
    pub(super) expires: i64,
}

/// The time by both clocks: the one that credentials expire by can be set, the other only goes on.
#[derive(Clone, Copy)]
pub(super) struct Now {
    /// Seconds since the Unix epoch.
    pub(super) clock: i64,
    pub(super) instant: Instant,
}

impl Rotation {
    /// `early`: how long before the credentials expire new ones are fetched, seconds.
    pub(super) fn new(early: i64) -> Self {
        Self { current: None, early, fetching: None, asked: false, failure: None, failures: 0, next_attempt: None }
    }

    /// What a client that asks now is answered; `None`: what [`Self::settle`] will give.
    pub(super) fn ask(&mut self, now: Now) -> Option<Rc<Response>> {
        self.asked = true;
        let can_come = self.fetching.is_some() || self.may_fetch(now);
        if self.is_due(now) && can_come { self.settle_while_fetching(now) } else { self.best(now) }
    }

    /// Whether to begin to fetch. After `true` an attempt counts as under way.
    pub(super) fn begins_to_fetch(&mut self, now: Now) -> bool {
        let begins = self.asked && self.fetching.is_none() && self.is_due(now) && self.may_fetch(now);
        if begins {
            self.fetching = Some(now.instant);
        }
        begins
    }

    /// How the attempt has ended: with credentials, or with the response to those who ask for some in vain.
    pub(super) fn fetched(&mut self, outcome: Result<Issued, Rc<Response>>, now: Now) {
        self.fetching = None;
        let pause = match outcome {
            Ok(issued) => {
                self.current = Some(issued);
                self.failure = None;
                self.failures = 0;
                self.asked = false;
                PAUSE_AFTER_SUCCESS
            }
            Err(failure) => {
                self.failure = Some(failure);
                // Who has asked is told that now; only to keep what is in use is there reason to try again unasked.
                self.asked &= self.living(now).is_some();
                let pause = PAUSE_AFTER_FAILURE * 2_u32.saturating_pow(self.failures);
                self.failures += 1;
                pause.min(LONGEST_PAUSE)
            }
        };
        self.next_attempt = now.instant.checked_add(pause);
    }

    /// What those who wait are answered, once that is known.
    pub(super) fn settle(&self, now: Now) -> Option<Rc<Response>> {
        if self.fetching.is_some() { self.settle_while_fetching(now) } else { self.best(now) }
    }

    /// When to look again without anything having happened.
    pub(super) fn until(&self, now: Now) -> Option<Instant> {
        let current = self.current.as_ref()?;
        if let Some(since) = self.fetching {
            let patience = since + PATIENCE;
            return (current.expires > now.clock && patience > now.instant).then_some(patience);
        }
        if !self.asked {
            return None;
        }
        let left = u64::try_from(current.expires - self.early - now.clock).unwrap_or(0);
        let due = now.instant.checked_add(Duration::from_secs(left))?;
        Some(self.next_attempt.map_or(due, |next| next.max(due)))
    }

    fn settle_while_fetching(&self, now: Now) -> Option<Rc<Response>> {
        let is_impatient = self.fetching.is_some_and(|since| now.instant >= since + PATIENCE);
        self.living(now).filter(|_| is_impatient)
    }

    fn best(&self, now: Now) -> Option<Rc<Response>> {
        self.living(now).or_else(|| self.failure.clone())
    }

    fn living(&self, now: Now) -> Option<Rc<Response>> {
        self.current.as_ref().filter(|issued| issued.expires > now.clock).map(|issued| Rc::clone(&issued.response))
    }

    fn is_due(&self, now: Now) -> bool {
        self.current.as_ref().is_none_or(|issued| issued.expires - now.clock <= self.early)
    }

    fn may_fetch(&self, now: Now) -> bool {
        self.next_attempt.is_none_or(|next| next <= now.instant)
    }
}

/// How long clients wait for new credentials while the old are good: SDKs give up after one or two seconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// Credentials that are due at once would otherwise be fetched at every request.
const PAUSE_AFTER_SUCCESS: Duration = Duration::from_secs(5);
/// Doubled with every further failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http_server::Status;

    /// Time that the test moves on.
    struct Clock(Now);

    impl Clock {
        fn new() -> Self {
            Self(Now { clock: 1_000_000, instant: Instant::now() })
        }

        fn pass(&mut self, time: Duration) -> Now {
            self.0.clock += i64::try_from(time.as_secs()).unwrap();
            self.0.instant += time;
            self.0
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);
    const EARLY: i64 = 300;

    fn response(text: &str) -> Rc<Response> {
        Rc::new(Response::json(Status::Ok, text.as_bytes()))
    }

    fn issued(now: Now, text: &str) -> Result<Issued, Rc<Response>> {
        Ok(Issued { response: response(text), expires: now.clock + 3600 })
    }

    fn text(response: Option<Rc<Response>>) -> Option<String> {
        response.map(|response| String::from_utf8(response.pieces(false, false)[2].to_vec()).unwrap())
    }

    #[test]
    fn all_who_ask_at_first_wait_for_one_attempt() {
        let now = Clock::new().0;
        let mut rotation = Rotation::new(EARLY);
        assert!(!rotation.begins_to_fetch(now), "nobody has asked");
        for _ in 0..1000 {
            assert_eq!(text(rotation.ask(now)), None);
        }
        assert!(rotation.begins_to_fetch(now));
        assert!(!rotation.begins_to_fetch(now));
        assert_eq!(text(rotation.ask(now)), None);
        rotation.fetched(issued(now, "one"), now);
        assert_eq!(text(rotation.settle(now)).as_deref(), Some("one"));
        assert_eq!(text(rotation.ask(now)).as_deref(), Some("one"));
    }

    #[test]
    fn credentials_are_renewed_early_and_clients_wait_a_moment_only() {
        let mut clock = Clock::new();
        let mut rotation = Rotation::new(EARLY);
        rotation.fetched(issued(clock.0, "one"), clock.0);
        let now = clock.pass(HOUR - 301 * SECOND);
        assert_eq!(text(rotation.ask(now)).as_deref(), Some("one"));
        assert!(!rotation.begins_to_fetch(now));
        let now = clock.pass(SECOND);
        assert_eq!(text(rotation.ask(now)), None);
        assert!(rotation.begins_to_fetch(now));
        assert_eq!(rotation.until(now), Some(now.instant + PATIENCE));
        assert_eq!(text(rotation.settle(now)), None);
        let now = clock.pass(PATIENCE);
        assert_eq!(text(rotation.settle(now)).as_deref(), Some("one"));
        assert_eq!(text(rotation.ask(now)).as_deref(), Some("one"));
        assert_eq!(rotation.until(now), None);
        rotation.fetched(issued(now, "two"), now);
        assert_eq!(text(rotation.ask(now)).as_deref(), Some("two"));
    }

    #[test]
    fn what_is_in_use_is_renewed_without_being_asked_for() {
        let mut clock = Clock::new();
        let mut rotation = Rotation::new(EARLY);
        rotation.fetched(issued(clock.0, "one"), clock.0);
        assert_eq!(rotation.until(clock.0), None, "nobody uses them");
        assert!(rotation.ask(clock.0).is_some());
        let due = rotation.until(clock.0).unwrap();
        assert_eq!(due, clock.0.instant + HOUR - 300 * SECOND);
        let now = clock.pass(HOUR - 300 * SECOND);
        assert!(rotation.begins_to_fetch(now));
        rotation.fetched(issued(now, "two"), now);
        assert!(!rotation.begins_to_fetch(clock.pass(2 * HOUR)), "nobody has used these");
    }

    #[test]
    fn while_the_old_are_good_a_failure_changes_nothing() {
        let mut clock = Clock::new();
        let mut rotation = Rotation::new(EARLY);
        rotation.fetched(issued(clock.0, "one"), clock.0);
        let now = clock.pass(HOUR - 200 * SECOND);
        assert_eq!(text(rotation.ask(now)), None);
        assert!(rotation.begins_to_fetch(now));
        rotation.fetched(Err(response("failure")), now);
        assert_eq!(text(rotation.settle(now)).as_deref(), Some("one"));
        assert_eq!(text(rotation.ask(now)).as_deref(), Some("one"));
        assert_eq!(rotation.until(now), Some(now.instant + PAUSE_AFTER_FAILURE));
        let now = clock.pass(200 * SECOND);
        assert_eq!(text(rotation.ask(now)), None, "they have expired, and an attempt may be made");
        assert!(rotation.begins_to_fetch(now));
        rotation.fetched(Err(response("failure")), now);
        assert_eq!(text(rotation.settle(now)).as_deref(), Some("failure"));
    }

    #[test]
    fn without_credentials_nothing_is_fetched_until_somebody_asks() {
        let mut clock = Clock::new();
        let mut rotation = Rotation::new(EARLY);
        rotation.fetched(issued(clock.0, "one"), clock.0);
        let now = clock.pass(HOUR + SECOND);
        assert!(rotation.ask(now).is_none() && rotation.begins_to_fetch(now));
        rotation.fetched(Err(response("failure")), now);
        assert_eq!(text(rotation.settle(now)).as_deref(), Some("failure"));
        assert_eq!(rotation.until(now), None);
        let now = clock.pass(HOUR);
        assert!(!rotation.begins_to_fetch(now), "nobody has asked since");
        assert!(rotation.ask(now).is_none() && rotation.begins_to_fetch(now));
    }

    #[test]
    fn after_failures_aws_is_left_alone_for_ever_longer() {
        let mut clock = Clock::new();
        let mut rotation = Rotation::new(EARLY);
        let mut attempts = Vec::new();
        // A client that asks every second for ten minutes.
        for second in 0..600 {
            let answer = rotation.ask(clock.0);
            if rotation.begins_to_fetch(clock.0) {
                assert!(answer.is_none());
                attempts.push(second);
                rotation.fetched(Err(response("failure")), clock.0);
            } else {
                assert_eq!(text(answer).as_deref(), Some("failure"));
            }
            clock.pass(SECOND);
        }
        assert_eq!(attempts, [0, 5, 15, 35, 75, 135, 195, 255, 315, 375, 435, 495, 555]);
        let now = clock.pass(LONGEST_PAUSE);
        assert!(rotation.ask(now).is_none() && rotation.begins_to_fetch(now));
        rotation.fetched(issued(now, "one"), now);
        assert_eq!(text(rotation.settle(now)).as_deref(), Some("one"));
    }

    #[test]
    fn credentials_that_are_always_due_are_fetched_every_five_seconds() {
        let mut clock = Clock::new();
        let mut rotation = Rotation::new(EARLY);
        let mut attempts = 0;
        for _ in 0..100 {
            if rotation.ask(clock.0).is_none() {
                assert!(rotation.begins_to_fetch(clock.0));
                attempts += 1;
                let short = Issued { response: response("short"), expires: clock.0.clock + 200 };
                rotation.fetched(Ok(short), clock.0);
            }
            clock.pass(SECOND / 10);
        }
        assert_eq!(attempts, 2);
    }
}

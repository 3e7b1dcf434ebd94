//! What one run of homing keeps for the next, by the real binary against the sandbox, which counts who asks.
//!
//! [`bench`] is a sandbox and a private directory in memory. Time passes by libfaketime, for homing and the sandbox alike.
//! [`sharing`] is the cache as it is meant, [`refusals`] its memory of a no, [`places`] and [`files`] where nothing may be
//! kept or believed, [`secrets`] that nothing leaks.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod bench;
mod files;
mod places;
mod refusals;
mod secrets;
mod sharing;
#[path = "../support/mod.rs"]
mod support;

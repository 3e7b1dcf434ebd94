//! What another attempt within a command can mend, and what it must leave alone: the real binary against the sandbox,
//! which counts and times every request.
//!
//! [`replies`] is throttling and the services' own troubles, [`connections`] what breaks in between, [`clock`] the signing
//! time, [`credentials`] what has ended, [`mqtt`] and [`https_publish`] messages, [`writes`] what must not be taken for
//! somebody else's, [`slow_link`] what is slow and not broken.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod clock;
mod connections;
mod credentials;
mod https_publish;
mod mqtt;
mod replies;
mod scene;
mod slow_link;
#[path = "../support/mod.rs"]
mod support;
mod writes;

//! The promise about secrets, kept by every command: keys, tokens, secret values and passwords are where a command was
//! asked to put them, and nowhere else.
//!
//! [`cases`] has each command once. Every one of them is looked at while a service's reply, all but its last byte, is
//! under way ([`front`] holds it there): what is in homing's memory then are the keys and what was fetched with them. It is
//! then ended by a signal that dumps core, let go on, refused by a service that repeats what it was sent, and answered with
//! garbage. [`canary`] looks for the secrets in everything that is left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod canary;
mod cases;
mod core_dump;
mod errors;
mod front;
mod held;
mod scene;
mod serve;
#[allow(dead_code, reason = "this program uses a part of it")]
#[path = "../errors/support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

//! "Bad input gets a clear error and loses nothing": every case runs the real binary against the sandbox.
//!
//! A failure must end with the right exit code and the stable error code, name what was wrong and where it came from, say
//! what to do, show no secret, leave the file as it was, and deliver nothing. [`support::Scene`] and [`support::Run`] check
//! the last four after every run, without being asked.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod certificates;
mod clock;
mod command_line;
mod configuration;
mod connections;
mod container;
mod credential_replies;
mod get;
mod https_publish;
mod inputs;
mod mqtt;
mod output;
mod proxy;
mod s3_replies;
mod secrets;
mod several_files;
mod support;

//! `homing`: what a small Linux device that holds nothing but an X.509 certificate needs of AWS.
#![forbid(unsafe_code)]

pub mod aws;
pub mod cli;
pub mod config;
pub mod error;
pub mod job;
pub mod logging;
pub mod net;
pub mod options;
pub mod progress;
pub mod protocol;

/// When this version was released, in seconds since the Unix epoch: 2026-11-22T00:00:00Z. A clock that says
/// less is wrong. It is a constant and not the build's own time so that builds are reproducible.
pub const BUILD_TIME: i64 = 1_795_305_600;

//! `homing`: what a small Linux device that holds nothing but an X.509 certificate needs of AWS.
//!
//! ```text
//!  argv, HOMING_*, JSON                                      the device's certificate and key
//!        │                                                              │
//!  cli, config ──▶ job::send ── aws::iot_credentials ──▶ net::http ─ mutual TLS ─▶ credential provider
//!                    │   │                                                 │
//!              file ─┘   │        temporary credentials ◀──────────────────┘
//!               │        │
//!               ▼        │
//!   protocol::chunked: hash, sign, frame ── aws::s3_put ──▶ net::http ─── TLS ───▶ S3
//!                        │
//!                        └── protocol::message ───────────▶ net::mqtt ─ mutual TLS ─▶ data endpoint
//! ```
//!
//! | module | what it may do |
//! | --- | --- |
//! | [`protocol`] | bytes in, bytes out: no sockets, files, clock |
//! | [`aws`] | one AWS call a file: builds the request, parses the reply |
//! | [`net`] | opens sockets |
//! | [`queue`] | files that wait on disk, durably |
//! | [`job`] | what a command does, as a straight line through the others |
//! | [`cli`], [`config`], [`options`] | what the user said, checked, each value with its origin |
//! | [`error`] | who is at fault, and what to do |
//!
//! Dependencies point one way: `main → program → job → {aws, net, queue} → protocol`; a test enforces it.
//!
//! In scope: delivering files and messages with temporary credentials. Out of scope: a general AWS CLI, jobs,
//! shadows, an update agent, a broker. This library is the program's inside and promises no stable interface.
#![forbid(unsafe_code)]

pub mod aws;
pub mod cli;
pub mod config;
pub mod error;
pub mod job;
pub mod logging;
pub mod net;
pub mod options;
mod program;
pub mod progress;
pub mod protocol;
pub mod queue;

pub use program::run;

/// When this version was released, in seconds since the Unix epoch: 2026-11-22T00:00:00Z. A clock that says
/// less is wrong. It is a constant and not the build's own time so that builds are reproducible.
pub const BUILD_TIME: i64 = 1_795_305_600;

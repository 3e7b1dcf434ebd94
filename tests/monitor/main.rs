//! What is watched and what is told: `drain --follow`, `drain --watch`, `--status-file` and `--syslog`, by the real binary
//! with real directories and sockets, against the sandbox.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]
#![allow(dead_code, reason = "the support is shared with the suite `delivery`, which uses more of it")]

mod follow;
mod follower;
mod status;
#[path = "../delivery/support.rs"]
mod support;
mod syslog;
mod watch;

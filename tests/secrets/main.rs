//! Secrets from moto with its authentication on: printed, given to commands, and given to git.
//!
//! One file a subject: `homing secret get`, `homing exec --secret`, `homing git-credential` asked as git asks, and real git
//! and pip against a real git server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exec;
mod get;
mod git;
mod git_server;
mod helper;
mod service;
#[path = "../support/mod.rs"]
mod support;

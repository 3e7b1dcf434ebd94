//! `homing serve` as its clients meet it: AWS's SDKs with real signed calls, and clients that are slow, many, wrong, or
//! hostile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod connections;
mod failures;
mod protocol;
mod sdks;
mod secrets;
mod serving;
mod token_file;

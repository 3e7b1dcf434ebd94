//! `homing check` names each cause: set up against the sandbox, one a test, and found in what it prints.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod aws_names;
mod clock;
mod connections;
mod local;
mod output;
mod queue;
mod refusals;
mod services;
#[allow(dead_code, unused_imports, reason = "shared with tests/errors, which uses the rest")]
#[path = "../errors/support/mod.rs"]
mod support;
mod visit;

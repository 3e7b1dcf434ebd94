//! CodeArtifact: the sandbox's API, which checks signatures on its own, and real pip, twine, uv and npm at a real pypiserver
//! behind its token check.
//!
//! One file a subject: the calls and their refusals, `exec --codeartifact`, the same for npm, `login` and `logout`,
//! a closed network.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod closed_network;
mod exec;
mod login;
mod npm;
mod scene;
#[path = "../support/mod.rs"]
mod support;

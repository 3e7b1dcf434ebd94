//! Every board's static binary on its own instruction set, under qemu's user emulation, against the sandbox.
//!
//! The binaries are those of `cross/build all`. Where one is missing, or older than the sources, the suite is skipped with a
//! loud line, and fails in CI.
//!
//! [`board`] reads a board's data and runs its binary; [`static_binary`] reads the ELF headers; the others are the proofs:
//! [`main_job`], [`large_files`], [`instruction_set`], [`beyond_2038`].
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]

mod beyond_2038;
mod board;
mod instruction_set;
mod large_files;
mod main_job;
mod static_binary;
#[path = "../support/mod.rs"]
mod support;

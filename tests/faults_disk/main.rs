//! What happens to files when this machine fails: the process is killed, the power goes, the disk is full or broken,
//! memory is short. The real binary against the sandbox, stopped at each system call ([`tracer`]).
//!
//! A bounded number of steps by default; HOMING_FAULTS=full takes every one. Each row of tests/RELIABILITY.md is a line
//! that a test prints.
//!
//! | row | file |
//! | --- | --- |
//! | SIGKILL at every system call | [`sigkill`], by [`stepper`] |
//! | power cut | [`power_cut`]: [`write_log`] records, [`disk_model`] says what may be left of it |
//! | the same of an upload in parts | [`resumed_upload`] |
//! | ENOSPC, EIO, EROFS, EMFILE, ENOMEM | [`disk_errors`], by [`stepper`]; [`full_disk`] with real ones |
//! | SIGTERM at random moments | [`signals`] |
//! | 64 MiB, 5 GiB | [`memory`] |
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod calls;
#[path = "../support/content.rs"]
mod content;
mod disk_errors;
mod disk_model;
mod figures;
mod full_disk;
mod memory;
mod power_cut;
mod resumed_upload;
mod scene;
mod sigkill;
mod signals;
mod stepper;
mod tracer;
mod tree;
mod write_log;

//! What happens to files when this machine fails: the process is killed, the power goes, the disk is full or broken,
//! memory is short. The real binary against the sandbox, stopped at each system call ([`tracer`]).
//!
//! A bounded number of steps by default; HOMING_FAULTS=full takes every one. Each row of tests/RELIABILITY.md is a line
//! that a test prints.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod calls;
mod disk_errors;
mod disk_model;
mod figures;
mod full_disk;
mod memory;
mod power_cut;
mod scene;
mod sigkill;
mod signals;
mod stepper;
mod tracer;
mod write_log;

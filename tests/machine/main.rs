//! homing where it is to live: on an emulated 32-bit machine with nothing but busybox, installed by its script and by
//! dpkg, and run as a Greengrass component.
//!
//! The servers are the sandbox's, on the host; the machine's kernel and user space are Debian's for armhf, and the
//! binary is the one that cross/build makes for the board pi-32.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod board;
mod cron;
mod debian;
mod emulator;
mod greengrass;
mod initramfs;
mod install;
mod nucleus;

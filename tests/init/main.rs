//! `homing init`: the real binary writes configurations from files as Greengrass and the Device Client have them, from
//! flags, and from what is typed on a terminal; and delivers with what it wrote.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]
#![allow(clippy::duplicate_mod, reason = "both supports have the sample bytes")]

#[path = "../delivery/support.rs"]
#[allow(dead_code, unused_imports, reason = "the support is shared with the suite `delivery`, which uses more of it")]
mod device;
mod device_client;
mod greengrass;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod typed;
mod written;

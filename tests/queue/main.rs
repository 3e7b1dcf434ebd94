//! "Nothing is lost": `send --queue`, `drain` and `queue` against the sandbox, which is out of reach, broken or well as
//! each test says.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]
#![allow(dead_code, reason = "the support is shared with the suite `delivery`, which uses more of it")]

mod commands;
mod drainers;
mod keep;
mod limits;
mod offline;
mod policies;
mod refusals;
mod repeats;
mod scene;
mod secrets;
#[path = "../delivery/support.rs"]
mod support;
mod waiting;

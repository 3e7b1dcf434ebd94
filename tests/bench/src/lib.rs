//! What `tests/bench/run` measures, and how it is put into figures, a page and a picture.
//!
//! ```text
//! peers/            starts the servers, runs every contender in turn, checks what each delivered
//! src/bin/measure   runs one command: time, processor, memory, or processes
//! src/bin/limit     the least work that an upload can be
//! device/           the scripts that homing is compared with
//! src/              results.json → RESULTS.md, results.svg, and the table in the README
//! ```
#![forbid(unsafe_code)]

pub mod goals;
pub mod page;
pub mod picture;
pub mod results;
pub mod statistics;
pub mod tls_hello;

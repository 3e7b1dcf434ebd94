//! The real binary against the sandbox: files, messages, objects and credentials, looked at where they arrive.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod aws_names;
mod chunks;
mod closing;
mod credentials;
mod get;
mod object_headers;
mod payload_modes;
mod presign;
mod proxies;
mod publish;
mod put;
mod recorder;
mod round_trips;
mod screen;
mod send;
mod support;
mod templates;
mod wire;

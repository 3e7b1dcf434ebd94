//! The only code that opens sockets.
//!
//! ```text
//! connect  name → addresses → TCP, through a CONNECT proxy where the environment names one
//!    │
//! stream   TLS over it (tls: roots, device certificate, cipher order), non-blocking, with deadlines
//!    │
//!    ├── http    ureq over a stream: bounded buffers, a deadline for everything
//!    └── mqtt    minimq over a stream: a thread that keeps the connection alive
//! ```
//!
//! [`probe`] takes the same steps one by one, for whoever wants to know how each of them went. The other way round, [`http_server`] answers programs on this machine.

pub mod background;
pub mod connect;
mod crypto;
pub mod duplex;
pub mod http;
pub mod http_server;
pub mod mqtt;
mod mqtt_time;
pub mod probe;
pub mod proxy;
mod stall;
pub mod stream;
pub mod syslog;
pub mod tls;
mod unacknowledged;
mod witness;

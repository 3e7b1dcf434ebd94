//! Sans-IO protocol code: bytes in, bytes out. No sockets, no files, no clock and no heap.
//!
//! Nothing here imports anything else of ours; a test enforces it.

pub mod checksum;
pub mod chunked;
pub mod credentials;
pub mod reply;
pub mod request;
pub mod secret;
pub mod sigv4;
pub mod time;
pub mod x509;

//! Sans-IO protocol code: bytes in, bytes out. No sockets, no files, no clock and no heap.
//!
//! Nothing here imports anything else of ours; a test enforces it.

pub mod certificate_request;
pub mod checksum;
pub mod checksum_of_parts;
pub mod chunked;
pub mod content_type;
pub mod credentials;
pub mod decimal;
pub mod dynamodb_json;
pub mod hexadecimal;
pub mod http_request;
pub mod json;
pub mod json_syntax;
pub mod json_walk;
pub mod message;
pub mod pem;
pub mod plan;
pub mod reply;
pub mod request;
pub mod retry;
pub mod secret;
pub mod sigv4;
pub mod spread;
pub mod template;
pub mod time;
pub mod uri;
pub mod x509;
pub mod xml;
pub mod yaml;

//! A local stand-in AWS for homing's demo and tests: one process, loopback only, nothing left behind.
//!
//! ```text
//!                 ┌────────────────────────────── Sandbox ──────────────────────────────┐
//! device ─ mTLS ─▶ credential provider ──issues──▶ sessions ◀──checks── S3 (s3s, s3s-fs) ◀─ TLS ─ device
//! device ─ mTLS ─▶ MQTT gateway ─ mTLS ─▶ rumqttd          records ◀── every arrival
//! device ─ mTLS ─▶ HTTPS publish                            faults ──▶ any service, at any time
//! device ─ HTTP ─▶ container credentials
//! device ─ TLS ─▶ STS
//! device ─ TLS ─▶ CodeArtifact ──issues tokens for──▶ its repositories ◀─ TLS ─ pip, twine, npm
//!                 └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Everything here blocks: the runtime is inside. Dropping a [`Sandbox`] ends its servers and removes its folder.
#![forbid(unsafe_code)]

mod answers;
mod builder;
mod certificates;
mod codeartifact;
mod configuration;
mod connect_proxy;
mod container_credentials;
mod credential_provider;
mod delay_proxy;
#[cfg(test)]
mod echo;
mod fault_text;
mod faults;
mod faulty_link;
mod http_server;
mod https_publish;
mod mqtt;
mod mqtt_packet;
pub mod peak_memory;
mod records;
mod s3;
mod s3_multipart;
mod sandbox;
mod sessions;
mod sigv4;
mod stream;
mod sts;
mod tls;

pub use answers::Answer;
pub use builder::SandboxBuilder;
pub use certificates::Certificates;
pub use codeartifact::PackageToken;
pub use connect_proxy::{ConnectProxy, ConnectRequest};
pub use delay_proxy::{Cut, DelayProxy, Direction, ProxiedConnection, Turn};
pub use fault_text::parse_fault;
pub use faults::{Fault, MqttFault, Silence};
pub use faulty_link::{FaultyLink, LinkConnection, LinkFault};
pub use records::{Arrival, Counts, HttpExchange, Message, Object, PendingUpload, Service, Via};
pub use sandbox::{ContainerEndpoint, Sandbox};
pub use sessions::IssuedCredentials;

//! The ready `config.json` for homing.

use serde_json::{Value, json};

use crate::builder::SandboxBuilder;
use crate::certificates::Certificates;

/// The ports a device talks to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) credentials: u16,
    pub(crate) s3: u16,
    pub(crate) mqtt: u16,
    pub(crate) publish: u16,
    pub(crate) container: u16,
    pub(crate) codeartifact: u16,
    pub(crate) repositories: u16,
    pub(crate) sts: u16,
}

/// Every key that homing needs to reach this sandbox.
pub(crate) fn configuration(settings: &SandboxBuilder, certificates: &Certificates, ports: Ports) -> Value {
    json!({
        "region": settings.region,
        "thing_name": settings.thing_name,
        "certificate": certificates.device_certificate,
        "private_key": certificates.device_key,
        "ca_file": certificates.ca,
        "credential_endpoint": format!("localhost:{}", ports.credentials),
        "data_endpoint": format!("localhost:{}", ports.mqtt),
        "https_port": ports.publish,
        "role_alias": settings.role_alias,
        "bucket": settings.bucket,
        "path_style": true,
        "endpoints": {
            "s3": format!("https://localhost:{}", ports.s3),
            "codeartifact": format!("https://localhost:{}", ports.codeartifact),
            "sts": format!("https://localhost:{}", ports.sts),
        },
    })
}

//! The sandbox under AWS's own host names: a CONNECT proxy leads them here, so that configuration, TLS and ports are
//! those of the real service.

use std::net::SocketAddr;

use homing_sandbox::{ConnectProxy, Sandbox, Service};
use serde_json::json;

use crate::support::Run;

/// A sandbox that is reached by AWS's names.
pub struct Aws {
    pub sandbox: Sandbox,
    pub proxy: ConnectProxy,
}

impl Aws {
    /// Starts both, and leads every name on its usual port to its service.
    pub fn start() -> Self {
        let builder = [CREDENTIAL_ENDPOINT, DATA_ENDPOINT, BUCKET_HOST]
            .into_iter()
            .fold(Sandbox::builder(), |builder, name| builder.server_name(name));
        let aws = Self { sandbox: builder.start().unwrap(), proxy: ConnectProxy::start().unwrap() };
        for (target, service) in [
            (format!("{CREDENTIAL_ENDPOINT}:443"), Service::Credentials),
            (format!("{BUCKET_HOST}:443"), Service::S3),
            (format!("{DATA_ENDPOINT}:8883"), Service::Mqtt),
            (format!("{DATA_ENDPOINT}:8443"), Service::Publish),
        ] {
            aws.route(&target, aws.sandbox.port(service));
        }
        aws
    }

    /// Leads `host:port` to a port of this machine.
    pub fn route(&self, target: &str, port: u16) {
        self.proxy.route(target, SocketAddr::from(([127, 0, 0, 1], port)));
    }

    /// `homing COMMAND` with a configuration as on a real device.
    pub fn run(&self, command: &str) -> Run {
        let certificates = self.sandbox.certificates();
        let configuration = json!({
            "region": REGION,
            "thing_name": self.sandbox.thing_name(),
            "certificate": certificates.device_certificate,
            "private_key": certificates.device_key,
            "ca_file": certificates.ca,
            "credential_endpoint": CREDENTIAL_ENDPOINT,
            "data_endpoint": DATA_ENDPOINT,
            "role_alias": "sandbox-role-alias",
            "bucket": self.sandbox.bucket(),
        });
        Run::without_configuration(command)
            .args(["--config-json", &configuration.to_string()])
            .env("HTTPS_PROXY", format!("http://{}", self.proxy.address()))
    }

    /// What was asked of the proxy, without repetitions, sorted.
    pub fn targets(&self) -> Vec<String> {
        let mut targets: Vec<String> = self.proxy.requests().into_iter().map(|request| request.target).collect();
        targets.sort();
        targets.dedup();
        targets
    }
}

pub const REGION: &str = "eu-west-1";
pub const CREDENTIAL_ENDPOINT: &str = "c2example.credentials.iot.eu-west-1.amazonaws.com";
pub const DATA_ENDPOINT: &str = "a2example-ats.iot.eu-west-1.amazonaws.com";
/// Of the sandbox's own bucket, in virtual-hosted style.
pub const BUCKET_HOST: &str = "sandbox-bucket.s3.eu-west-1.amazonaws.com";

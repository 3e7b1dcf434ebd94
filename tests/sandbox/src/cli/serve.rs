//! `cargo sandbox serve`: a sandbox that stays until SIGINT or SIGTERM.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homing_sandbox::{Sandbox, Service};

use super::homing::overriding_variables;
use super::options::SandboxOptions;
use super::signals::stop_on_signal;

/// Serves until a signal comes, and prints each arrival.
pub(crate) fn serve(options: SandboxOptions) -> io::Result<()> {
    let stop = stop_on_signal()?;
    let sandbox = options.start()?;
    introduce(&sandbox);
    let mut seen = 0;
    while !stop.load(Ordering::Relaxed) {
        for arrival in sandbox.wait_beyond(seen, SIGNAL_PAUSE) {
            println!("{arrival}");
            seen += 1;
        }
    }
    Ok(())
}

fn introduce(sandbox: &Sandbox) {
    let config = sandbox.config_path().display();
    let container = sandbox.container_endpoint();
    let certificates = sandbox.certificates();
    println!("config  {config}");
    for service in Service::ALL {
        println!("{:<12} localhost:{}", service.name(), sandbox.port(service));
    }
    println!(
        "
Try, in another terminal (homing is target/release/homing after: cargo build --release):
  homing send --config {config} FILE
  homing publish --config {config} some/topic -m hello
  homing credentials --config {config}
  homing codeartifact token --config {config} --domain sandbox-domain
  AWS_CONTAINER_CREDENTIALS_FULL_URI={} AWS_CONTAINER_AUTHORIZATION_TOKEN={} homing credentials --config {config} --credentials container
  curl --cacert {} --cert {} --key {} https://localhost:{}/role-aliases/sandbox-role-alias/credentials
{}Stop with Ctrl-C; the folder is removed then. Arrivals:
",
        container.full_uri,
        container.authorization_token,
        certificates.ca.display(),
        certificates.device_certificate.display(),
        certificates.device_key.display(),
        sandbox.port(Service::Credentials),
        warning(),
    );
}

/// Says which variables of the shell, probably the same in the other terminal, would keep homing from using the sandbox.
fn warning() -> String {
    let variables: Vec<String> =
        overriding_variables().iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if variables.is_empty() {
        return String::new();
    }
    let names = variables.join(" ");
    format!("These variables of this shell would override config.json; first: unset {names}\n")
}

/// How soon a signal is noticed while nothing arrives.
const SIGNAL_PAUSE: Duration = Duration::from_millis(200);

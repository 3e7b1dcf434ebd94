//! What the tests against real servers have already: servers under guard, certificates, folders.

#![allow(dead_code, reason = "the tests use all of it")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot start its servers can only stop")]

#[path = "../../support/content.rs"]
pub(crate) mod content;
#[path = "../../support/directory.rs"]
pub(crate) mod directory;
#[path = "../../support/mosquitto.rs"]
pub(crate) mod mosquitto;
#[path = "../../support/nginx.rs"]
pub(crate) mod nginx;
#[path = "../../support/packages.rs"]
pub(crate) mod packages;
#[path = "../../support/pki.rs"]
pub(crate) mod pki;
#[path = "../../support/process.rs"]
pub(crate) mod process;

/// The thing that the device's certificate is made out to.
pub(crate) const THING: &str = "example-thing";
/// The role alias that the credential provider knows.
pub(crate) const ROLE_ALIAS: &str = "device-iot-role-alias";
/// The region that requests are signed for.
pub(crate) const REGION: &str = "us-east-1";
/// The bucket that everybody writes to.
pub(crate) const BUCKET: &str = "device-uploads";

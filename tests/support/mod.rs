//! What the tests against real servers share: starting a server on a free loopback port and stopping it, certificates,
//! running the homing binary, and the rule for missing packages.
//!
//! One file a subject: [`process`] (a server under guard), [`directory`], [`pki`], [`homing`] (the program under test),
//! and one for each server: [`mosquitto`], [`nginx`], [`radosgw`], [`moto`], [`registry`]; [`http`] for those that a test is itself. `boto.py` is the other side's AWS client.

#![allow(dead_code, reason = "every test program uses its own part of this module")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod boto;
pub(crate) mod content;
pub(crate) mod directory;
pub(crate) mod homing;
pub(crate) mod http;
pub(crate) mod mosquitto;
pub(crate) mod moto;
pub(crate) mod nginx;
pub(crate) mod packages;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod radosgw;
pub(crate) mod registry;

/// The thing that every device certificate here is made out to.
pub(crate) const THING: &str = "example-thing";
/// The role alias that the credential provider knows.
pub(crate) const ROLE_ALIAS: &str = "device-iot-role-alias";
/// The region that requests are signed for; radosgw's default zone group takes any, moto too.
pub(crate) const REGION: &str = "us-east-1";
/// The bucket that a device may write to.
pub(crate) const BUCKET: &str = "device-uploads";

//! What a device of the sandbox's has in /etc/homing.

use std::fs;

use homing_sandbox::Sandbox;
use serde_json::Value;

use crate::emulator::HOST_NAME;
use crate::initramfs::Initramfs;

/// A sandbox whose servers may be called by the name they have inside the machine.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::builder().server_name(HOST_NAME).start().unwrap()
}

/// The configuration of a device inside the machine: the sandbox's own, by the names and paths there.
pub(crate) fn configuration(sandbox: &Sandbox) -> Value {
    let mut configuration = sandbox.configuration();
    configuration["certificate"] = "/etc/homing/device.pem.crt".into();
    configuration["private_key"] = "/etc/homing/private.pem.key".into();
    configuration["ca_file"] = "/etc/homing/ca.pem".into();
    for pointer in ["/credential_endpoint", "/data_endpoint", "/endpoints/s3"] {
        let value = configuration.pointer_mut(pointer).unwrap();
        *value = value.as_str().unwrap().replace("localhost", HOST_NAME).into();
    }
    configuration
}

/// Puts the configuration, certificate, key and authority into a folder.
pub(crate) fn add_files(initramfs: &mut Initramfs, folder: &str, sandbox: &Sandbox) {
    initramfs.folder(folder, 0o700);
    let certificates = sandbox.certificates();
    let configuration = serde_json::to_vec_pretty(&configuration(sandbox)).unwrap();
    initramfs.file(&format!("{folder}/config.json"), 0o600, &configuration);
    for (name, mode, from) in [
        ("device.pem.crt", 0o644, &certificates.device_certificate),
        ("private.pem.key", 0o600, &certificates.device_key),
        ("ca.pem", 0o644, &certificates.ca),
    ] {
        initramfs.file(&format!("{folder}/{name}"), mode, &fs::read(from).unwrap());
    }
}

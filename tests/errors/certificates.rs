//! Certificates and keys: ours, the server's, and whom each side trusts.

use crate::support::{Scene, servers};
use homing_sandbox::Service;
use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[test]
fn a_certificate_file_that_is_not_there_names_the_file_and_the_setting() {
    for (key, what) in [("certificate", "certificate"), ("private_key", "private key"), ("ca_file", "CA certificate")] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.set(key, "/nowhere/x.pem");
        let failure = scene.send(&file).failed(78, "file_unreadable");
        failure.names(&[what, "/nowhere/x.pem", "config-", &format!("key \"{key}\""), "o such file"]);
        failure.advises("check the path");
        let flag = format!("--{}", key.replace('_', "-"));
        let failure = scene.send_with(&file, &[&flag, "/elsewhere/y.pem"]).failed(78, "file_unreadable");
        failure.names(&["/elsewhere/y.pem", &flag]);
        assert_eq!(scene.connections(), 0);
    }
}

#[test]
fn a_folder_or_a_huge_file_in_place_of_a_certificate_is_told() {
    let mut scene = Scene::new();
    let file = scene.small();
    let folder = scene.path("certificates");
    scene.set("certificate", text(&folder));
    scene.send(&file).failed(78, "file_unreadable").names(&["certificates", "directory"]).advises("check the path");
    let huge = scene.sparse("huge.pem", 10 << 30);
    scene.set("certificate", text(&huge));
    scene.send(&file).failed(78, "file_too_large").names(&["huge.pem", "256 KiB"]);
}

#[test]
fn a_key_of_another_certificate_names_both_files() {
    let mut scene = Scene::new();
    let file = scene.small();
    let other = scene.sandbox.certificates().other_key.clone();
    scene.set("private_key", text(&other));
    let failure = scene.send(&file).failed(78, "key_mismatch");
    failure.names(&["other.pem.key", "device.pem.crt", "key \"private_key\"", "key \"certificate\""]);
    failure.advises("created together").may_pass(false);
    assert_eq!(scene.connections(), 0);
}

#[test]
fn certificate_and_key_swapped_are_recognized() {
    let mut scene = Scene::new();
    let file = scene.small();
    let certificates = scene.sandbox.certificates().clone();
    scene.set("certificate", text(&certificates.device_key));
    scene.send(&file).failed(78, "no_certificate").names(&["private.pem.key", "swapped"]).advises("certificate");
    scene.set("certificate", text(&certificates.device_certificate));
    scene.set("private_key", text(&certificates.device_certificate));
    scene.send(&file).failed(78, "no_private_key").names(&["device.pem.crt", "swapped"]).advises("private_key");
}

#[test]
fn what_is_no_pem_or_no_certificate_is_told() {
    let mut scene = Scene::new();
    let file = scene.small();
    let (certificate, key) =
        (text(&scene.sandbox.certificates().device_certificate), scene.config["private_key"].clone());
    let wrong = |scene: &Scene, name: &str, content: &str| {
        let path = scene.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        text(&path)
    };
    for (setting, content, code, what) in [
        ("certificate", "", "no_certificate", "is empty"),
        ("certificate", "\u{0}\u{1}binary", "no_certificate", "no PEM certificate"),
        ("certificate", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "pem_malformed", "PEM"),
        (
            "certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate_malformed",
            "X.509",
        ),
        ("private_key", "", "no_private_key", "is empty"),
        (
            "private_key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "key_unsupported",
            "EC P-256",
        ),
        (
            "private_key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "no_private_key",
            "encrypted",
        ),
        ("ca_file", "", "no_certificate", "is empty"),
        ("ca_file", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ca_unusable", "no usable CA"),
    ] {
        let ca = scene.config["ca_file"].clone();
        let path = wrong(&scene, "wrong.pem", content);
        scene.set(setting, path);
        let failure = scene.send(&file).failed(78, code);
        failure.names(&["wrong.pem", &format!("key \"{setting}\""), what]);
        scene.set("certificate", certificate.clone()).set("private_key", key.clone()).set("ca_file", ca);
    }
}

#[test]
fn an_expired_device_certificate_is_told_with_its_end_and_the_clock() {
    let mut scene = Scene::new();
    let file = scene.small();
    let expired = scene.sandbox.certificates().expired_certificate.clone();
    scene.set("certificate", text(&expired));
    let failure = scene.send(&file).failed(78, "certificate_expired");
    failure.names(&["expired.pem.crt", "key \"certificate\"", "expired on 20", "clock says 20"]);
    failure.advises("new certificate").advises("clock");
    assert_eq!(scene.connections(), 0, "it is seen before anything is connected to");
}

#[test]
fn a_device_certificate_that_is_not_yet_valid_blames_the_clock() {
    let mut scene = Scene::new();
    let file = scene.small();
    let path = certificate_from_2040(&scene);
    scene.set("certificate", text(&path));
    let failure = scene.send(&file).failed(78, "certificate_not_yet_valid");
    failure.names(&["future.pem.crt", "2040-01-01", "clock says 20"]).advises("clock");
}

#[test]
fn a_key_that_others_can_read_is_a_warning_and_with_strict_an_error() {
    let mut scene = Scene::new();
    let file = scene.small();
    let key = scene.sandbox.certificates().device_key.clone();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let failure = scene.send_with(&file, &["--strict"]).failed(78, "key_exposed");
    failure.names(&["private.pem.key", "key \"private_key\"", "0644"]).advises("chmod 600");
    let run = scene.send_with(&file, &["-v"]);
    run.succeeded();
    assert!(
        run.stderr.contains("warning: ") && run.stderr.contains("0644") && run.stderr.contains("private.pem.key"),
        "{run:?}"
    );
    let run = scene.send(&file);
    assert_eq!(run.succeeded().stderr, "", "not on a terminal and without -v, only errors are told");
}

#[test]
fn a_server_of_an_unknown_authority_is_not_trusted() {
    for (key, service) in
        [("data_endpoint", Service::Mqtt), ("credential_endpoint", Service::Credentials), ("endpoints", Service::S3)]
    {
        let mut scene = Scene::new();
        let file = scene.large();
        let rogue = scene.sandbox.certificates().rogue_ca.clone();
        scene.set("ca_file", text(&rogue));
        let file = if key == "data_endpoint" { scene.small() } else { file };
        let failure = scene.send(&file).failed(69, "unknown_issuer");
        failure.names(&["localhost", "not signed by a certificate authority that is trusted here"]);
        failure.advises("--ca-file").may_pass(false);
        assert_eq!(scene.sandbox.counts(service).requests, 0, "a request went to a server that is not trusted");
        // The built-in authorities do not know the sandbox either.
        scene.unset("ca_file");
        scene.send(&file).failed(69, "unknown_issuer");
    }
}

#[test]
fn a_server_certificate_for_another_name_is_not_trusted() {
    for service in [Service::Mqtt, Service::Credentials, Service::S3, Service::Publish] {
        let mut scene = Scene::new();
        // The sandbox's certificate is for localhost and 127.0.0.1.
        let port = servers::gate_at(Ipv4Addr::new(127, 0, 0, 2), scene.sandbox.port(service), || {});
        let place = format!("127.0.0.2:{port}");
        let file = match service {
            Service::Mqtt | Service::Publish => scene.small(),
            _ => scene.large(),
        };
        match service {
            Service::Mqtt => scene.set("data_endpoint", place),
            Service::Credentials => scene.set("credential_endpoint", place),
            Service::S3 => scene.set("endpoints", serde_json::json!({ "s3": format!("https://{place}") })),
            _ => scene.set("data_endpoint", place).unset("https_port").set("via", "https"),
        };
        let failure = scene.send(&file).failed(69, "wrong_host_name");
        failure.names(&["127.0.0.2", "another host name"]).advises("endpoint's name");
        assert_eq!(scene.sandbox.counts(service).requests, 0);
    }
}

#[test]
fn a_rogue_device_certificate_is_refused_by_the_server() {
    for (size, via) in [(100, "mqtt"), (100, "https"), (200_000, "mqtt")] {
        let mut scene = Scene::new();
        let file = scene.file("file.jpg", &vec![7; size]);
        let (certificate, key) =
            (scene.sandbox.certificates().rogue_certificate.clone(), scene.sandbox.certificates().rogue_key.clone());
        scene.set("certificate", text(&certificate)).set("private_key", text(&key)).set("via", via);
        let failure = scene.send(&file).failed(77, "certificate_refused");
        failure.names(&["localhost", "refused the device certificate"]).advises("ACTIVE").may_pass(false);
    }
}

#[test]
fn replacing_the_authorities_needs_some() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.unset("ca_file").set("ca_replace", true);
    scene.send(&file).failed(78, "conflict").names(&["ca_replace", "ca_file"]).advises("--ca-file");
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders are UTF-8").to_owned()
}

fn certificate_from_2040(scene: &Scene) -> PathBuf {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2040, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2050, 1, 1);
    let path = scene.path("future.pem.crt");
    fs::write(&path, parameters.self_signed(&key).unwrap().pem()).unwrap();
    path
}

//! What can be told without a network: configuration, files, certificate.

use crate::support::Scene;
use crate::visit::Visit;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn each_value_is_told_with_where_it_came_from() {
    let mut scene = Scene::new();
    scene.variable("HOMING_BUCKET", "other-bucket").unset("region");
    scene.variable("AWS_REGION", "eu-west-1");
    let visit = Visit::with(&scene, &["--qos", "0"]);
    let details = visit.ok("configuration", "");
    assert_eq!(details["bucket"], "other-bucket (variable HOMING_BUCKET)");
    assert_eq!(details["qos"], "0 (--qos)");
    assert_eq!(details["region"], "eu-west-1 (variable AWS_REGION)");
    let thing = details["thing_name"].as_str().unwrap();
    assert!(thing.starts_with("sandbox-thing (") && thing.ends_with("key \"thing_name\")"), "{thing}");
}

#[test]
fn a_mistake_in_the_configuration_does_not_stop_the_other_steps() {
    let mut scene = Scene::new();
    scene.set("qos", 7).set("bukket", "x");
    let visit = Visit::of(&scene);
    visit.failed("configuration", "", "bad_configuration", &["qos", "bukket"]).ends_with(78);
    visit.ok("role_alias", "credential_endpoint");
    visit.ok("s3", "endpoints.s3");
}

#[test]
fn what_comes_of_a_mistake_in_the_configuration_is_not_told_as_another() {
    for (key, value, step, setting) in [
        ("role_alias", "arn:aws:iot:eu-west-1:123456789012:rolealias/a", "role_alias", "credential_endpoint"),
        ("thing_name", "camera 1", "mqtt", "data_endpoint"),
        ("bucket", "s3://sandbox-bucket", "s3", "endpoints.s3"),
        ("data_endpoint", "a b", "mqtt", "data_endpoint"),
        ("topic", "a/#", "publish", "data_endpoint"),
        ("key", "{nom}", "s3_write", "endpoints.s3"),
    ] {
        let mut scene = Scene::new();
        scene.set(key, value);
        let visit = Visit::with(&scene, &["--write"]);
        visit.failed("configuration", "", "invalid_value", &[key]).ends_with(78);
        visit.skipped(step, setting, "see configuration");
        assert_eq!(visit.count("failed"), 1, "{key}: {visit:#?}");
    }
    // Nobody else is asked in place of an endpoint that cannot be used.
    let mut scene = Scene::new();
    scene.config["endpoints"]["s3"] = "http://localhost:9000".into();
    let visit = Visit::of(&scene);
    visit.failed("configuration", "", "invalid_value", &["endpoints.s3"]).skipped("s3", "endpoints.s3", "see conf");
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
    let scene = Scene::new();
    let text = "{\"region\": \"eu-west-1\",}";
    let bare = scene.finish(scene.bare_command(&["check", "--json", "--config-json", text]).env("HOME", "/"));
    Visit::from(bare).skipped("credentials", "", "see configuration").ends_with(78);
}

#[test]
fn endpoints_of_aws_iot_without_a_certificate_are_a_mistake() {
    let mut scene = Scene::new();
    scene.unset("certificate").unset("private_key");
    let visit = Visit::of(&scene);
    visit.failed("certificate", "", "bad_configuration", &["certificate is not set", "private_key is not set"]);
    visit.skipped("role_alias", "credential_endpoint", "certificate").ends_with(78);
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
    // What is left needs none.
    for name in ["role_alias", "credential_endpoint", "data_endpoint"] {
        scene.unset(name);
    }
    Visit::of(&scene).skipped("certificate", "", "not set");
}

#[test]
fn a_device_that_only_sends_messages_needs_no_credentials() {
    const ONLY_MESSAGES: &str = "neither bucket nor role_alias is set";
    let mut scene = Scene::new();
    scene.unset("role_alias").unset("credential_endpoint").unset("bucket");
    let visit = Visit::of(&scene);
    visit.skipped("credentials", "", ONLY_MESSAGES).skipped("s3", "endpoints.s3", "bucket is not set").ends_with(0);
    assert_eq!(visit.count("failed"), 0, "{visit:#?}");
    scene.set("bucket", "sandbox-bucket");
    let visit = Visit::of(&scene);
    visit.failed("credentials", "", "no_credentials", &["no source of AWS credentials"]).ends_with(78);
}

#[test]
fn a_key_in_place_of_its_file_s_name_is_not_repeated() {
    let mut scene = Scene::new();
    let key = fs::read_to_string(&scene.sandbox.certificates().device_key).unwrap();
    scene.unset("private_key");
    scene.variable("HOMING_PRIVATE_KEY", key.clone());
    let visit = Visit::of(&scene);
    visit.failed("configuration", "", "invalid_value", &["HOMING_PRIVATE_KEY", "the PEM text itself", "mode 0600"]);
    let secret = key.lines().nth(1).unwrap();
    let said = format!("{}{}", visit.run.stdout, visit.run.stderr);
    assert!(!said.contains(secret) && !said.contains("BEGIN"), "{said}");
}

#[test]
fn without_any_configuration_it_says_what_to_set() {
    let scene = Scene::new();
    let visit =
        Visit::from(scene.finish(scene.bare_command(&["check", "--json", "--config-json", "{}"]).env("HOME", "/")));
    visit.ok("configuration", "");
    visit.failed("credentials", "", "no_credentials", &["--role-alias", "HOMING_ROLE_ALIAS"]).ends_with(78);
    visit.skipped("certificate", "", "not set").skipped("mqtt", "data_endpoint", "not set");
    visit.skipped("s3", "endpoints.s3", "bucket is not set").skipped("identity", "", "no credentials");
}

#[test]
fn a_file_that_is_not_there_or_cannot_be_read_is_named() {
    let mut scene = Scene::new();
    let (absent, directory) = (scene.path("absent.pem"), scene.path("certificates"));
    scene.set("certificate", text(&absent)).set("ca_file", text(&directory));
    let visit = Visit::of(&scene);
    visit.failed("file", "certificate", "file_unreadable", &["absent.pem", "check the path"]).ends_with(78);
    visit.failed("file", "ca_file", "not_a_file", &["is a directory"]);
    assert_eq!(visit.ok("file", "private_key")["mode"], "0600");
    // What comes of it is no second thing to change.
    visit.skipped("certificate", "", "see file").skipped("tls", "credential_endpoint", "ca_file cannot be used");
    visit.skipped("tls", "data_endpoint", "ca_file").skipped("tls", "endpoints.s3", "ca_file");
    assert_eq!(visit.count("failed"), 2, "{visit:#?}");
    // The key alone: the certificate is described.
    scene.set("private_key", text(&absent));
    let certificate = scene.sandbox.certificates().device_certificate.clone();
    let ca = scene.sandbox.certificates().ca.clone();
    scene.set("certificate", text(&certificate)).set("ca_file", text(&ca));
    let visit = Visit::of(&scene);
    visit.failed("file", "private_key", "file_unreadable", &["absent.pem"]).skipped("certificate", "", "see file");
    assert_eq!(visit.step("certificate", "")["details"]["subject"], "CN=sandbox-thing");
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
}

#[test]
fn a_relative_path_is_noted_for_cron_starts_elsewhere() {
    let mut scene = Scene::new();
    scene.set("certificate", "certificates/device.pem.crt");
    let run = |folder: &Path| Visit::by(scene.command(&["check", "--json"]).current_dir(folder));
    run(scene.sandbox.folder()).ends_with(0).noted("file", "certificate", "cron starts in another");
    run("/".as_ref()).failed("file", "certificate", "file_unreadable", &["give its whole path"]);
}

#[test]
fn a_ca_file_that_holds_no_authority_is_told_once() {
    let mut scene = Scene::new();
    let key = scene.sandbox.certificates().device_key.clone();
    scene.set("ca_file", text(&key));
    let visit = Visit::of(&scene);
    visit.failed("file", "ca_file", "no_certificate", &["swapped"]).skipped("tls", "data_endpoint", "see its file");
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
}

#[test]
fn a_file_of_another_user_is_told_with_its_owner_and_mode() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scene = Scene::new();
    // As nobody, who may read the configuration, and not the key.
    for folder in [scene.sandbox.folder().to_owned(), scene.path("certificates")] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = scene.path("homing");
    fs::copy(env!("CARGO_BIN_EXE_homing"), &program).unwrap();
    let command = scene.command(&["check", "--json"]);
    let mut other = std::process::Command::new("setpriv");
    other.args(["--reuid", "65534", "--clear-groups"]).arg(&program).args(command.get_args()).env_clear();
    let visit = Visit::by(&mut other);
    visit.failed(
        "file",
        "private_key",
        "file_unreadable",
        &["user 65534", "Permission denied", "\"uid\":0", "0600", "chown"],
    );
    visit.skipped("role_alias", "credential_endpoint", "the device certificate cannot be used");
    // The server is looked at all the same.
    visit.ok("tls", "credential_endpoint");
}

#[test]
fn a_key_that_others_can_read_is_noted_and_fails_when_strict() {
    let mut scene = Scene::new();
    let key = scene.sandbox.certificates().device_key.clone();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    Visit::of(&scene).ends_with(0).noted("file", "private_key", "chmod 600");
    scene.set("strict", true);
    let visit = Visit::of(&scene);
    visit.failed("file", "private_key", "key_exposed", &["chmod 600"]).ends_with(78);
    assert_eq!(visit.count("failed"), 1, "{visit:#?}");
}

#[test]
fn an_expired_certificate_is_described_and_nothing_is_asked_with_it() {
    let mut scene = Scene::new();
    let expired = scene.sandbox.certificates().expired_certificate.clone();
    scene.set("certificate", text(&expired));
    let visit = Visit::of(&scene);
    visit.failed("certificate", "", "certificate_expired", &["expired on", "\"days_left\":0", "CN=sandbox-thing"]);
    visit.skipped("role_alias", "credential_endpoint", "certificate").skipped("mqtt", "data_endpoint", "certificate");
    visit.ends_with(78).ok("tls", "data_endpoint");
}

#[test]
fn a_key_of_another_certificate_is_told() {
    let mut scene = Scene::new();
    let other = scene.sandbox.certificates().other_key.clone();
    scene.set("private_key", text(&other));
    Visit::of(&scene).failed("certificate", "", "key_mismatch", &["does not belong"]).ends_with(78);
}

#[test]
fn a_chain_in_the_wrong_order_is_told() {
    let mut scene = Scene::new();
    let certificates = scene.sandbox.certificates();
    let device = fs::read(&certificates.device_certificate).unwrap();
    let (ca, other) = (fs::read(&certificates.ca).unwrap(), fs::read(&certificates.other_certificate).unwrap());
    let file = scene.path("chain.pem");
    scene.set("certificate", text(&file));
    fs::write(&file, [&*ca, &*device].concat()).unwrap();
    let visit = Visit::of(&scene);
    visit.failed("certificate", "", "chain_order", &["certificate 2 of the file", "device certificate first"]);
    // Some other certificate behind it.
    fs::write(&file, [&*device, &*other].concat()).unwrap();
    Visit::of(&scene).noted("certificate", "", "certificate 2 of the file did not sign certificate 1");
    fs::write(&file, [&*device, &*ca].concat()).unwrap();
    let visit = Visit::of(&scene);
    assert_eq!(visit.ok("certificate", "")["certificates"], 2);
    assert_eq!(visit.ok("certificate", "")["key_matches"], "yes");
    assert!(visit.step("certificate", "")["note"].is_null());
}

#[test]
fn a_certificate_that_ends_soon_is_noted() {
    let mut scene = Scene::new();
    let (certificate, key) = ends_in_days(&scene, 9);
    scene.set("certificate", text(&certificate)).set("private_key", text(&key));
    Visit::of(&scene).noted("certificate", "", "it expires in ");
}

#[test]
fn a_file_that_is_no_certificate_is_told() {
    let mut scene = Scene::new();
    let key = scene.sandbox.certificates().device_key.clone();
    scene.set("certificate", text(&key));
    Visit::of(&scene).failed("certificate", "", "no_certificate", &["swapped"]);
}

#[test]
fn a_file_in_another_form_is_told_with_the_way_to_the_right_one() {
    let mut scene = Scene::new();
    let certificates = scene.sandbox.certificates();
    let [certificate, key] =
        [&certificates.device_certificate, &certificates.device_key].map(|file| fs::read_to_string(file).unwrap());
    let (file, key_file) = (scene.path("form.pem"), scene.path("form.key"));
    fs::write(&key_file, &key).unwrap();
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    scene.set("certificate", text(&file)).set("private_key", text(&key_file));
    // As Windows writes them, which can be read all the same.
    fs::write(&file, format!("\u{feff}{certificate}").replace('\n', "\r\n")).unwrap();
    fs::write(&key_file, format!("\u{feff}{key}")).unwrap();
    Visit::of(&scene).ends_with(0);
    let cut = |text: &str| text.as_bytes()[..text.len() / 2].to_vec();
    let utf_16 = |text: &str| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let der = |pem: &str| {
        let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, digits).unwrap()
    };
    for (content, code, words) in [
        (der(&certificate), "no_certificate", ["is DER, not PEM", "openssl x509 -inform DER"]),
        (utf_16(&certificate), "no_certificate", ["is UTF-16", "iconv -f UTF-16"]),
        (vec![0; 1024], "no_certificate", ["is empty", "power cut"]),
        (cut(&certificate), "pem_malformed", ["is cut short", "copy the whole file"]),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n".to_vec(),
            "no_certificate",
            ["holds a certificate request", "create-certificate-from-csr"],
        ),
    ] {
        fs::write(&file, content).unwrap();
        Visit::of(&scene).failed("certificate", "", code, &words);
    }
    fs::write(&file, &certificate).unwrap();
    let encrypted = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n\
                     -----END EC PRIVATE KEY-----\n";
    for (content, code, words) in [
        (der(&key), "no_private_key", ["is DER, not PEM", "openssl pkey -inform DER"]),
        (cut(&key), "pem_malformed", ["is cut short", "copy the whole file"]),
        (encrypted.into(), "no_private_key", ["passphrase", "openssl pkey -in"]),
        (
            b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n".to_vec(),
            "no_private_key",
            ["holds the public key", "private_key is *-private.pem.key"],
        ),
    ] {
        fs::write(&key_file, content).unwrap();
        Visit::of(&scene).failed("certificate", "", code, &words);
    }
}

fn ends_in_days(scene: &Scene, days: i64) -> (std::path::PathBuf, std::path::PathBuf) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut device = CertificateParams::default();
    device.distinguished_name.push(DnType::CommonName, "short-lived");
    let now = std::time::SystemTime::now();
    device.not_before = now.into();
    device.not_after = (now + std::time::Duration::from_secs(days as u64 * 86_400 + 3600)).into();
    let own_key = KeyPair::generate().unwrap();
    let pem = device.signed_by(&own_key, &authority).unwrap().pem();
    let (certificate, key) = (scene.path("short.pem"), scene.path("short.key"));
    fs::write(&certificate, pem).unwrap();
    fs::write(&key, own_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    (certificate, key)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

//! Greengrass's nucleus and Greengrass Lite.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::device::{self, HOMING, Run, file};
use crate::scene::Scene;
use crate::support::packages;

/// The whole way: what the nucleus knows, and a bucket, are enough for a delivery.
#[test]
fn a_nucleus_s_configuration_delivers_a_file() {
    let (scene, sandbox) = (Scene::new(), device::sandbox());
    let wanted = sandbox.configuration();
    let text = |key: &str| wanted[key].as_str().unwrap().to_owned();
    fs::copy(text("certificate"), scene.directory.join("thingCert.crt")).unwrap();
    fs::copy(text("private_key"), scene.directory.join("privKey.key")).unwrap();
    let words = [("@CREDENTIALS@", &*text("credential_endpoint")), ("@DATA@", &*text("data_endpoint"))];
    let yaml = scene.sample("effectiveConfig.yaml", &words);
    let (s3, port) = (wanted["endpoints"]["s3"].as_str().unwrap(), wanted["https_port"].to_string());
    let arguments = [
        "--bucket",
        &text("bucket"),
        "--ca-file",
        &text("ca_file"),
        "--endpoint-url",
        s3,
        "--path-style",
        "--https-port",
        &port,
    ];
    let run = scene.init(&["--from", "greengrass", yaml.to_str().unwrap()]).args(arguments).succeed();
    assert!(run.stdout.contains("effectiveConfig.yaml") && !run.stdout.contains("missing"), "{run:?}");
    let written = scene.written();
    for key in [
        "thing_name",
        "credential_endpoint",
        "data_endpoint",
        "role_alias",
        "region",
        "ca_file",
        "bucket",
        "https_port",
        "path_style",
    ] {
        assert_eq!(written[key], wanted[key], "{key}");
    }
    let large = file(&sandbox, "photo.jpg", 60_000);
    Run::without_configuration("send").arg("--config").arg(&scene.config).arg(&large).succeed();
    assert_eq!(sandbox.messages().len(), 1);
}

#[test]
fn greengrass_lite_s_files_count_in_their_order() {
    let scene = Scene::new();
    let yaml = scene.sample("lite/config.yaml", &[]);
    for name in ["lite/config.d/10-endpoints.yaml", "lite/config.d/20-site.yaml"] {
        scene.sample(name, &[]);
    }
    scene.put("lite/config.d/30-notes.txt", "no: [yaml");
    let run = scene.init(&[yaml.to_str().unwrap()]).succeed();
    let folder = scene.directory.path().to_str().unwrap();
    assert_eq!(
        scene.written(),
        json!({
            "region": "us-west-2",
            "thing_name": "lite-thing",
            "certificate": format!("{folder}/device.pem"),
            "private_key": format!("{folder}/device.key"),
            "credential_endpoint": "c2exampleexample.credentials.iot.us-west-2.amazonaws.com",
            "data_endpoint": "a1exampleexample-ats.iot.us-west-2.amazonaws.com",
            "role_alias": "site-role-alias",
            "mqtt_port": 443,
        })
    );
    assert!(run.stdout.contains("missing: \"bucket\"") && run.stdout.contains("set HTTPS_PROXY"), "{run:?}");
    assert!(run.stdout.contains(&format!("cannot read '{folder}/device.key'")), "{run:?}");
    assert!(!run.stdout.contains("s3cret") && !run.stderr.contains("s3cret"), "{run:?}");
}

/// In a mount namespace of its own, where /etc is empty but for it.
#[test]
fn it_is_found_where_it_usually_is() {
    let scene = Scene::new();
    scene.sample("lite/config.yaml", &[]);
    for name in ["lite/config.d/10-endpoints.yaml", "lite/config.d/20-site.yaml"] {
        scene.sample(name, &[]);
    }
    let script = "mount -t tmpfs none /etc && cp -r \"$1/lite\" /etc/greengrass && exec \"$2\" init --from greengrass --config \"$3\"";
    let namespace = |command: &mut Command| {
        command.args(["--user", "--map-root-user", "--mount", "sh", "-euc"]).env_remove("HOMING_CONFIG");
    };
    let mut possible = Command::new("unshare");
    namespace(&mut possible);
    if !packages::available("init", &["unshare"])
        || !possible.arg("mount -t tmpfs none /etc").output().unwrap().status.success()
    {
        packages::skip("init", "no mount namespaces here");
        return;
    }
    let mut command = Command::new("unshare");
    namespace(&mut command);
    let output =
        command.arg(script).arg("sh").arg(scene.directory.path()).arg(HOMING).arg(&scene.config).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(scene.written()["role_alias"], "site-role-alias");

    // Where provisioning has left fragments only.
    let mut command = Command::new("unshare");
    namespace(&mut command);
    let script = format!("{} --force", script.replace("exec", "rm /etc/greengrass/config.yaml && exec"));
    let output =
        command.arg(script).arg("sh").arg(scene.directory.path()).arg(HOMING).arg(&scene.config).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!((&scene.written()["role_alias"], scene.written().get("thing_name")), (&json!("site-role-alias"), None));
}

#[test]
fn where_there_is_none_the_places_are_named() {
    let scene = Scene::new();
    if !std::path::Path::new("/greengrass").exists() && !std::path::Path::new("/etc/greengrass").exists() {
        scene.refused(&["--from", "greengrass"], 66, "/greengrass/v2/config/effectiveConfig.yaml");
    }
    scene.refused(&["--from", "greengrass", "/nowhere/config.yaml"], 66, "/nowhere/config.yaml");
}

#[test]
fn what_is_not_understood_is_refused_and_nothing_is_written() {
    let scene = Scene::new();
    let refused = |text: &str, code: i32, part: &str| {
        let path = scene.put("config.yaml", text);
        scene.refused(&["--from", "greengrass", path.to_str().unwrap()], code, part);
    };
    refused("system:\n  thingName: &name x\n", 65, "config.yaml', line 2: ");
    refused("system: {thingName: x}\n", 65, "line 1: ");
    refused("system:\n  thingName: a\n  thingName: b\n", 65, "line 3: ");
    refused("{\"system\": {\"thingName\": \"x\"}}", 65, "line 1: ");
    refused("system:\n  privateKeyPath: \"pkcs11:object=key;type=private\"\n", 78, "hardware module");
    refused("system:\n  privateKeyPath: \"handle:0x81000002\"\n", 78, "hardware module");
    // The example's own placeholder, and endpoints that were mixed up.
    let nucleus = "services:\n  aws.greengrass.Nucleus:\n    configuration:\n      ";
    refused(&format!("{nucleus}iotCredEndpoint: \"<CONFIGURE_THIS>\"\n"), 78, "config.yaml");
    refused(
        &format!("{nucleus}iotCredEndpoint: \"a1x-ats.iot.eu-west-1.amazonaws.com\"\n"),
        78,
        "iot:CredentialProvider",
    );
    refused(&format!("system:\n  thingName: x\n# {}\n", "x".repeat(1 << 20)), 66, "config.yaml");
    let path = scene.directory.join("latin-1.yaml");
    fs::write(&path, b"system:\n  thingName: \"K\xfche\"\n").unwrap();
    scene.refused(&[path.to_str().unwrap()], 66, "latin-1.yaml");
}

/// The nucleus's files may be written as URLs.
#[test]
fn file_urls_are_plain_names() {
    let scene = Scene::new();
    let yaml = scene.put("a.yaml", "system:\n  certificateFilePath: \"file:///a/b.crt\"\n");
    scene.init(&[yaml.to_str().unwrap()]).succeed();
    assert_eq!(scene.written(), json!({"certificate": "/a/b.crt"}));
}

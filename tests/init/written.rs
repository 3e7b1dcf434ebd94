//! What is written, where, and what stays.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::device::Run;
use crate::scene::Scene;

#[test]
fn flags_alone_make_a_configuration_with_whole_names() {
    let scene = Scene::new();
    scene
        .init(&[
            "--thing-name",
            "camera-1",
            "--bucket",
            "my-bucket",
            "--certificate",
            "a.pem.crt",
            "--queue-dir",
            "/var/q",
        ])
        .args(["--queue-max-age", "60", "--strict", "--ca-replace=false", "--inline-limit", "0"])
        .succeed();
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        scene.written(),
        json!({
            "thing_name": "camera-1",
            "bucket": "my-bucket",
            "certificate": here.join("a.pem.crt"),
            "queue": {"dir": "/var/q", "max_age": 60},
            "strict": true,
            "ca_replace": false,
            "inline_limit": 0,
        })
    );
    assert_eq!(fs::metadata(&scene.config).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn flags_count_before_what_is_found() {
    let scene = Scene::new();
    let yaml = scene.put("a.yaml", "system:\n  thingName: found\n");
    scene.init(&[yaml.to_str().unwrap(), "--thing-name", "given"]).succeed();
    assert_eq!(scene.written(), json!({"thing_name": "given"}));
    // A variable is not written: it counts wherever homing runs.
    scene.init(&["--force", yaml.to_str().unwrap()]).env("HOMING_BUCKET", "variable").succeed();
    assert_eq!(scene.written(), json!({"thing_name": "found"}));
}

#[test]
fn what_flags_give_is_not_looked_for() {
    let scene = Scene::new();
    let text = r#"{"thing-name": "x", "cert": "pem", "key": "pkcs11:object=k", "secure-element": {"enabled": true}}"#;
    let path = scene.put("tpm.conf", text);
    let path = path.to_str().unwrap();
    scene.refused(&[path, "--certificate", "/etc/own.crt"], 78, "hardware module");
    scene.refused(&[path, "--private-key", "/etc/own.key"], 78, "certificate \"pem\" is no path from the root");
    scene.init(&[path, "--private-key", "/etc/own.key", "--certificate", "/etc/own.crt"]).succeed();
    assert_eq!(scene.written()["private_key"], "/etc/own.key");
    assert_eq!(scene.written()["thing_name"], "x");
}

#[test]
fn a_file_with_nothing_of_use_is_refused() {
    let scene = Scene::new();
    for (name, text) in
        [("empty.yaml", ""), ("empty.json", "{}"), ("other.json", r#"{"a": 1}"#), ("other.yaml", "services:\n  x: 1\n")]
    {
        let path = scene.put(name, text);
        scene.refused(&[path.to_str().unwrap()], 65, "nothing in '");
        // Flags do not make it the right file.
        scene.refused(&[path.to_str().unwrap(), "--bucket", "my-bucket"], 65, name);
    }
    let folder = scene.put("config.d/readme.txt", "");
    scene.refused(&[folder.parent().unwrap().to_str().unwrap()], 65, "nothing in '");
}

#[test]
fn a_byte_order_mark_is_read_over_and_what_is_no_text_is_told() {
    let scene = Scene::new();
    let json = scene.put("client.conf", "\u{feff}{\"thing-name\": \"x\"}\r\n");
    scene.init(&[json.to_str().unwrap()]).succeed();
    let yaml = scene.put("config.yaml", "\u{feff}system:\r\n  thingName: \"y\"\r\n");
    scene.init(&["--force", yaml.to_str().unwrap()]).succeed();
    assert_eq!(scene.written()["thing_name"], "y");
    let scene = Scene::new();
    let binary = scene.directory.join("binary.yaml");
    std::fs::write(&binary, b"system:\n  thingName: \"\xe4\"\n").unwrap();
    let run = scene.refused(&[binary.to_str().unwrap()], 66, "UTF-8");
    assert!(!run.stderr.contains("root"), "{run:?}");
    scene.refused(&["/absent.yaml"], 66, "check the path");
}

#[test]
fn a_configuration_that_is_there_stays_without_force() {
    let scene = Scene::new();
    scene.init(&["--thing-name", "first"]).succeed();
    let before = fs::read(&scene.config).unwrap();
    let run = scene.init(&["--thing-name", "second"]).finish();
    assert_eq!(run.code, Some(73), "{run:?}");
    assert!(run.stderr.contains("config.json' is there already") && run.stderr.contains("--force"), "{run:?}");
    // Nor does one go away whose replacement turns out to be wrong.
    assert_eq!(scene.init(&["--force", "--thing-name", "no blanks"]).finish().code, Some(78));
    assert_eq!(fs::read(&scene.config).unwrap(), before);
    fs::set_permissions(&scene.config, fs::Permissions::from_mode(0o644)).unwrap();
    scene.init(&["--force", "--thing-name", "second"]).succeed();
    assert_eq!(scene.written(), json!({"thing_name": "second"}));
    assert_eq!(fs::metadata(&scene.config).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(scene.config.parent().unwrap()).unwrap().count(), 1, "no drafts are left");
}

/// Whoever had the old file open keeps it: the new one takes its place whole.
#[test]
fn it_is_replaced_and_links_stay_links() {
    let scene = Scene::new();
    scene.init(&["--thing-name", "first"]).succeed();
    let link = scene.directory.join("link.json");
    symlink(&scene.config, &link).unwrap();
    let other_name = scene.directory.join("other.json");
    fs::hard_link(&scene.config, &other_name).unwrap();
    Run::without_configuration("init").arg("--config").arg(&link).args(["--force", "--thing-name", "second"]).succeed();
    assert!(link.is_symlink());
    assert_eq!(scene.written(), json!({"thing_name": "second"}));
    assert!(fs::read_to_string(other_name).unwrap().contains("first"), "written over, and not replaced");
}

#[test]
fn nothing_said_and_nobody_to_ask_is_a_mistake() {
    let scene = Scene::new();
    scene.refused(&[], 64, "--from greengrass");
    scene.refused(&["--from", "somewhere"], 64, "greengrass, device-client");
    scene.refused(&["a", "b"], 64, "one FILE");
    scene.refused(&["--thing-name", "x", "--qos", "7"], 78, "qos");
    // The variable of the file counts here as everywhere.
    let named = scene.directory.join("named.json");
    Run::without_configuration("init").args(["--thing-name", "x"]).env("HOMING_CONFIG", &named).succeed();
    assert!(named.exists());
}

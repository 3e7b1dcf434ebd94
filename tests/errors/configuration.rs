//! Settings that are missing or wrong: exit code 78, the place where the value came from, and how to set it right.
//!
//! With `--json` a mistake in the settings is the outcome of every file.

use crate::support::{Run, Scene};
use serde_json::json;
use std::fs;
use std::path::Path;

#[test]
fn malformed_json_is_told_with_line_and_column() {
    let mut scene = Scene::new();
    let file = scene.small();
    for (text, place, what) in [
        ("{\n  \"region\": \"eu-west-1\"\n  \"bucket\": \"b\"\n}", "line 3, column 3", "comma"),
        ("{\n  \"region\": 'eu-west-1'\n}", "line 2, column 13", "double quotes"),
        ("{\n  \"region\": \"eu-west-1\",\n}", "line 3, column 1", "comma"),
        ("{\n  \"region\": \"eu-west-1\",", "line 2, column 25", "ends too early"),
        ("{ // comment\n}", "line 1, column 3", "comments"),
        ("", "line 1, column 1", "ends too early"),
    ] {
        let run = send_with_text(&scene, &file, text);
        run.failed(78, "malformed_json").names(&["broken.json", place, what]).advises("correct");
        scene.assert_nothing_arrived(&run);
    }
}

#[test]
fn a_document_that_is_no_configuration_is_told_apart() {
    let mut scene = Scene::new();
    let file = scene.small();
    for (text, code, what) in [
        ("[1, 2]".to_owned(), "wrong_type", "an array"),
        ("\"text\"".to_owned(), "wrong_type", "text"),
        ("{}".to_owned() + &" ".repeat(70_000), "config_too_large", "probably another file"),
    ] {
        send_with_text(&scene, &file, &text).failed(78, code).names(&["broken.json", what]);
    }
    let path = scene.path("latin.json");
    fs::write(&path, b"{ \"bucket\": \"caf\xe9\" }").unwrap();
    let run = scene.finish(scene.bare_command(&["send", "--json", "--config"]).arg(&path).arg(&file));
    run.failed(78, "not_utf8").names(&["latin.json", "byte 17"]).advises("UTF-8");
}

#[test]
fn a_configuration_file_that_is_not_there_is_named_with_who_named_it() {
    let mut scene = Scene::new();
    let file = scene.small();
    let path = scene.path("absent.json");
    let run = scene.finish(scene.bare_command(&["send", "--json", "--config"]).arg(&path).arg(&file));
    run.failed(78, "config_unreadable").names(&["absent.json", "--config"]).advises("name and permissions");
    scene.variable("HOMING_CONFIG", path.to_str().unwrap());
    let run = scene.finish(scene.bare_command(&["send", "--json"]).arg(&file));
    run.failed(78, "config_unreadable").names(&["absent.json", "HOMING_CONFIG"]);
    let folder = scene.sandbox.folder().to_str().unwrap().to_owned();
    scene.variable("HOMING_CONFIG", &folder);
    let run = scene.finish(scene.bare_command(&["send", "--json"]).arg(&file));
    run.failed(78, "config_unreadable").names(&[&folder]);
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("buckte", "b");
    let failure = scene.send(&file).failed(78, "unknown_key");
    failure.names(&["config-", ".json", "line ", "\"buckte\""]).advises("did you mean \"bucket\"?");
    scene.unset("buckte").set("endpoints", json!({ "s4": "https://localhost:1" }));
    scene.send(&file).failed(78, "unknown_key").names(&["endpoints.s4"]).advises("endpoints.s3");
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_shown() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("secret_access_key", "wJalrXUtnFEMI").keep_secret("wJalrXUtnFEMI");
    scene.send(&file).failed(78, "unknown_key").names(&["secret_access_key"]).advises("environment");
}

#[test]
fn a_wrong_type_is_told_with_what_was_expected_and_found() {
    let mut scene = Scene::new();
    let file = scene.small();
    for (key, value, expected, found) in [
        ("inline_limit", json!("much"), "whole number", "text"),
        ("inline_limit", json!(-1), "whole number", "negative"),
        ("inline_limit", json!(1.5), "whole number", "not whole"),
        ("bucket", json!(5), "text in double quotes", "a number"),
        ("certificate", json!(["a"]), "text in double quotes", "an array"),
        ("path_style", json!("maybe"), "true or false", "text"),
        ("endpoints", json!("https://localhost"), "an object", "text"),
    ] {
        let before = scene.config[key].clone();
        scene.set(key, value);
        let failure = scene.send(&file).failed(78, "wrong_type");
        failure.names(&[&format!("key \"{key}\""), "line ", expected, found]).advises("homing help send");
        match before.is_null() {
            true => scene.unset(key),
            false => scene.set(key, before),
        };
    }
}

#[test]
fn a_value_out_of_range_names_its_flag_variable_or_key() {
    let mut scene = Scene::new();
    let file = scene.small();
    let failure = scene.send_with(&file, &["--inline-limit", "131072"]).failed(78, "invalid_value");
    failure.names(&["--inline-limit", "\"131072\"", "131072 bytes that AWS IoT Core takes"]).advises("homing help");
    let failure = scene.send_with(&file, &["--chunk-size", "4096"]).failed(78, "invalid_value");
    failure.names(&["--chunk-size", "8192", "S3 takes no smaller chunks"]);
    scene.variable("HOMING_QOS", "2");
    scene.send(&file).failed(78, "invalid_value").names(&["variable HOMING_QOS", "\"2\"", "0 to 1"]);
    scene.variable("HOMING_QOS", "").set("via", "pigeon");
    scene.send(&file).failed(78, "invalid_value").names(&["key \"via\"", "\"pigeon\"", "mqtt, https"]);
    scene.unset("via").set("region", "EU West");
    scene.send(&file).failed(78, "invalid_value").names(&["key \"region\"", "\"EU West\"", "eu-central-1"]);
}

#[test]
fn every_mistake_is_told_at_once() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("buckte", "b").set("inline_limit", "x").set("region", "EU West");
    let failure = scene.send(&file).failed(78, "bad_configuration");
    failure.names(&["3 mistakes", "buckte", "inline_limit", "EU West", "did you mean"]);
}

#[test]
fn a_missing_setting_is_told_with_every_way_to_set_it() {
    for (key, flag, variable, arguments) in [
        ("certificate", "--certificate", "HOMING_CERTIFICATE", &["send", "--json"][..]),
        ("private_key", "--private-key", "HOMING_PRIVATE_KEY", &["send", "--json"]),
        ("data_endpoint", "--data-endpoint", "HOMING_DATA_ENDPOINT", &["send", "--json"]),
        ("bucket", "--bucket", "HOMING_BUCKET", &["send", "--json"]),
        ("region", "--region", "HOMING_REGION", &["send", "--json"]),
        ("role_alias", "--role-alias", "HOMING_ROLE_ALIAS", &["send", "--json"]),
        ("credential_endpoint", "--credential-endpoint", "HOMING_CREDENTIAL_ENDPOINT", &["send", "--json"]),
        ("thing_name", "--thing-name", "HOMING_THING_NAME", &["send", "--json"]),
    ] {
        let mut scene = Scene::new();
        // Without a thing name the key of an object cannot be made either: see below.
        let file = if key == "thing_name" { scene.small() } else { scene.large() };
        scene.unset(key);
        let run = scene.finish(scene.command(arguments).arg(&file));
        let failure = run.failed(78, "missing_setting");
        failure.names(&[key, "is not set"]);
        failure.advises(flag).advises(variable).advises("config-");
        scene.assert_nothing_arrived(&run);
    }
}

#[test]
fn several_missing_settings_are_told_at_once() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.unset("certificate").unset("bucket");
    let failure = scene.send(&file).failed(78, "bad_configuration");
    failure.names(&["certificate is not set", "bucket is not set", "--certificate", "--bucket"]);
    assert_eq!(scene.connections(), 0);
}

#[test]
fn on_a_device_where_nothing_is_configured_everything_is_asked_for_at_once() {
    const MESSAGES: [&str; 4] = ["thing_name", "data_endpoint", "certificate", "private_key"];
    for (is_large, more) in [(false, &[][..]), (true, &["bucket", "region"])] {
        let mut scene = Scene::new();
        let file = if is_large { scene.large() } else { scene.small() };
        for key in MESSAGES.iter().chain(&["bucket", "region", "credential_endpoint", "role_alias"]) {
            scene.unset(key);
        }
        let failure = scene.send(&file).failed(78, "bad_configuration");
        failure.names(&[&format!("{} mistakes", MESSAGES.len() + more.len())]);
        for key in MESSAGES.iter().chain(more) {
            failure.names(&[&format!("{key} is not set")]);
        }
        failure.advises("homing init");
        assert_eq!(scene.connections(), 0);
    }
}

#[test]
fn an_endpoint_of_the_wrong_kind_is_seen_by_its_name() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("credential_endpoint", "a2example-ats.iot.eu-west-1.amazonaws.com");
    let failure = scene.send(&file).failed(78, "wrong_endpoint");
    failure.names(&["key \"credential_endpoint\"", "a2example-ats.iot", "looks like the data endpoint"]);
    failure.advises("iot:CredentialProvider");
    assert_eq!(scene.connections(), 0);
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("data_endpoint", "c2example.credentials.iot.eu-west-1.amazonaws.com");
    scene.send(&file).failed(78, "wrong_endpoint").names(&["data_endpoint"]).advises("iot:Data-ATS");
    for (value, what) in [
        ("http://localhost:1", "TLS only"),
        ("https://localhost/path", "path"),
        ("localhost:70000", "1 to 65535"),
        ("local host", "no host name"),
    ] {
        scene.set("data_endpoint", value);
        scene.send(&file).failed(78, "invalid_value").names(&["key \"data_endpoint\"", value, what]);
    }
    scene.set("data_endpoint", "https://user:hunter2@localhost").keep_secret("hunter2");
    scene.send(&file).failed(78, "invalid_value").names(&["data_endpoint", "user name or password"]);
}

#[test]
fn a_template_that_cannot_be_filled_is_told_with_the_file() {
    let mut scene = Scene::new();
    let file = scene.large();
    scene.set("key", "{thing}/{nmae}");
    scene.send(&file).failed(78, "invalid_value").names(&["key \"key\"", "{nmae}"]).advises("homing help");
    scene.set("key", "{thing}/{name}").unset("thing_name").set("client_id", "c");
    let failure = scene.send(&file).failed(78, "template_failed");
    failure.names(&["key (", "large.jpg", "{thing}"]).advises("--thing-name");
    scene.set("thing_name", "sandbox-thing").set("topic", "{name}/x");
    let other = scene.file("a+b.jpg", b"x");
    scene.send(&other).failed(78, "invalid_topic").names(&["a+b.jpg/x", "topic (", "wildcard"]).advises("--topic");
}

#[test]
fn two_configurations_at_once_are_a_conflict() {
    let mut scene = Scene::new();
    let file = scene.small();
    let run = scene.send_with(&file, &["--config-json", "{}"]);
    run.failed(78, "conflict").names(&["--config", "--config-json"]).advises("one of them");
}

#[test]
fn a_dry_run_connects_to_nothing() {
    let mut scene = Scene::new();
    let (small, large) = (scene.small(), scene.large());
    let run = scene.finish(scene.command(&["send", "--json", "--dry-run"]).args([&small, &large]));
    run.succeeded();
    let outcomes = run.outcomes();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|outcome| outcome["result"] == "dry-run"), "{run:?}");
    assert_eq!((&outcomes[0]["via"], &outcomes[1]["via"]), (&json!("mqtt"), &json!("s3")));
    let run = scene.finish(scene.command(&["put", "--json", "--dry-run"]).arg(&large).arg("s3://sandbox-bucket/key"));
    run.succeeded();
    assert_eq!(run.outcomes()[0]["result"], "dry-run");
    scene.assert_nothing_arrived(&run);
    assert_eq!(scene.connections(), 0);
    // And it is not a promise without a look: what is wrong is told.
    let missing = scene.path("absent");
    scene.send_with(&missing, &["--dry-run"]).failed(66, "no_such_file");
    scene.unset("bucket");
    scene.send_with(&large, &["--dry-run"]).failed(78, "missing_setting").names(&["bucket"]);
}

fn send_with_text(scene: &Scene, file: &Path, text: &str) -> Run {
    let path = scene.path("broken.json");
    fs::write(&path, text).unwrap();
    scene.finish(scene.bare_command(&["send", "--json", "--config"]).arg(path).arg(file))
}

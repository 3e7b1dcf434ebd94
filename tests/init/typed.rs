//! Questions on a terminal: `script` gives one.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::device::HOMING;
use crate::scene::Scene;
use crate::support::packages;

fn typed(scene: &Scene, answers: &str) -> Option<Output> {
    if !packages::available("init", &["script"]) {
        return None;
    }
    let line = format!("{HOMING} init --config {}", scene.config.display());
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_remove("HOMING_CONFIG");
    command.env("HOME", "/home/pi");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn answers_become_the_configuration_and_wrong_ones_are_asked_for_again() {
    let scene = Scene::new();
    let answers = "no blanks\ncamera-1\n/a/b.crt\n~/private.key\na1x-ats.iot.eu-west-1.amazonaws.com\nc2x.credentials.iot.eu-west-1.amazonaws.com\na1x-ats.iot.eu-west-1.amazonaws.com\nmy-alias\n\n";
    let Some(output) = typed(&scene, answers) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        scene.written(),
        json!({
            "thing_name": "camera-1",
            "certificate": "/a/b.crt",
            "private_key": "/home/pi/private.key",
            "credential_endpoint": "c2x.credentials.iot.eu-west-1.amazonaws.com",
            "data_endpoint": "a1x-ats.iot.eu-west-1.amazonaws.com",
            "role_alias": "my-alias",
        })
    );
    assert_eq!(said.matches("thing_name: ").count(), 2, "{said}");
    assert!(!said.contains("missing: \"private_key\"") && said.contains("missing: \"bucket\""), "{said}");
}

#[test]
fn when_the_answers_end_nothing_is_written() {
    let scene = Scene::new();
    // Control-D, as a person would.
    let Some(output) = typed(&scene, "camera-1\n\u{4}") else { return };
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert!(!scene.config.exists());
}

#[test]
fn without_any_answer_nothing_is_written() {
    let scene = Scene::new();
    let Some(output) = typed(&scene, &"\n".repeat(7)) else { return };
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing was written"), "{output:?}");
    assert!(!scene.config.exists());
}

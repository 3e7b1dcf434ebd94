//! The AWS IoT Device Client.

use serde_json::json;

use crate::scene::Scene;

const NAME: &str = "device-client/aws-iot-device-client.conf";
const RUNTIME: &str = "device-client/aws-iot-device-client-runtime.conf";

#[test]
fn its_configuration_is_read_and_the_rest_is_said_to_be_missing() {
    let scene = Scene::new();
    let path = scene.sample(NAME, &[]);
    let run = scene.init(&["--from", "device-client", path.to_str().unwrap()]).succeed();
    let folder = scene.directory.path().to_str().unwrap();
    let expected = json!({
        "thing_name": "client-thing",
        "certificate": format!("{folder}/certs/device.pem.crt"),
        "private_key": format!("{folder}/private.pem.key"),
        "data_endpoint": "a1exampleexample-ats.iot.eu-central-1.amazonaws.com",
    });
    assert_eq!(scene.written(), expected);
    for hint in [
        "missing: \"credential_endpoint\"",
        "--endpoint-type iot:CredentialProvider",
        "missing: \"role_alias\"",
        "missing: \"bucket\"",
    ] {
        assert!(run.stdout.contains(hint), "{hint}: {run:?}");
    }
    assert!(!run.stdout.contains("missing: \"data_endpoint\""), "{run:?}");
    // The file alone says whose it is.
    let json = scene.init(&["--force", "--json", path.to_str().unwrap()]).succeed().json_lines();
    assert_eq!(json[0]["missing"], "credential_endpoint role_alias bucket");
    assert_eq!(json[0]["file"], scene.config.to_str().unwrap());
    assert_eq!(scene.written(), expected);
}

#[test]
fn it_is_found_in_the_user_s_home() {
    let scene = Scene::new();
    let text = std::fs::read_to_string(scene.sample(NAME, &[])).unwrap();
    scene.refused(&["--from", "device-client"], 66, ".aws-iot-device-client/aws-iot-device-client.conf");
    scene.put(".aws-iot-device-client/aws-iot-device-client.conf", &text);
    scene.init(&["--from", "device-client"]).succeed();
    assert_eq!(scene.written()["thing_name"], "client-thing");
}

/// The certificate in the configuration is then the fleet's, and not the device's.
#[test]
fn with_fleet_provisioning_the_identity_is_the_provisioned_one() {
    let scene = Scene::new();
    let fleet = [(
        "\"fleet-provisioning\":\t{\n        \"enabled\":\tfalse",
        "\"fleet-provisioning\":\t{\n        \"enabled\":\ttrue",
    )];
    let path = scene.sample(NAME, &fleet);
    let at = path.to_str().unwrap();
    scene.refused(&["--from", "device-client", at], 66, "aws-iot-device-client-runtime.conf");
    scene.sample(RUNTIME, &[("true", "false")]);
    scene.refused(&["--from", "device-client", at], 78, "not provisioned yet");
    scene.sample(RUNTIME, &[]);
    scene.init(&["--from", "device-client", at]).succeed();
    let written = scene.written();
    assert_eq!(written["thing_name"], "fleet-thing-7");
    assert_eq!(written["private_key"], "/root/.aws-iot-device-client/keys/0123-private.pem.key");
    assert_eq!(written["data_endpoint"], "a1exampleexample-ats.iot.eu-central-1.amazonaws.com");
}

#[test]
fn a_key_in_a_secure_element_and_what_is_no_json_are_refused() {
    let scene = Scene::new();
    let path = scene.put("a.conf", r#"{"thing-name": "x", "secure-element": {"enabled": true}}"#);
    scene.refused(&["--from", "device-client", path.to_str().unwrap()], 78, "hardware module");
    // As the template is before it is filled in.
    let path = scene.put("b.conf", "{\n\"secure-element\": {\n\"secure-element-slot-id\": replace_with_it\n}}");
    scene.refused(&["--from", "device-client", path.to_str().unwrap()], 65, "b.conf', line 3: ");
    let path = scene.put("c.conf", r#"{"cert": "certs/relative.pem"}"#);
    scene.refused(&[path.to_str().unwrap()], 78, "certs/relative.pem");
    let path = scene.put("d.conf", r#"{"thing-name": "<replace_with_thing_name/replace_with_client_id>"}"#);
    scene.refused(&[path.to_str().unwrap()], 78, "replace_with_thing_name");
}

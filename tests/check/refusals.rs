//! The credential provider's refusals, taken apart: each cause that remains, and the command that tells.

use crate::support::Scene;
use crate::visit::Visit;
use homing_sandbox::{Answer, Fault, MqttFault, Service};

const PLACE: (&str, &str) = ("role_alias", "credential_endpoint");

fn refused(scene: &Scene, status: u16, message: &str, code: &str, words: &[&str]) -> Visit {
    scene.answer(Service::Credentials, Answer::credential_refusal(status, message));
    let visit = Visit::of(scene);
    visit.failed(PLACE.0, PLACE.1, code, words).ends_with(77);
    visit.skipped("identity", "", "no credentials").skipped("s3", "endpoints.s3", "no credentials");
    visit.skipped("credentials_life", "", "no credentials").ok("clock", "");
    visit
}

#[test]
fn a_policy_without_assume_role_with_certificate() {
    let scene = Scene::new();
    let visit = refused(
        &scene,
        403,
        "Access Denied",
        "assume_role_not_allowed",
        &[
            "iot:AssumeRoleWithCertificate on arn:aws:iot:eu-west-1:ACCOUNT:rolealias/sandbox-role-alias",
            "aws iot list-attached-policies",
            "misspelt",
            "the certificate is active",
        ],
    );
    // The data endpoint has accepted it, so that it is no cause.
    assert!(!visit.step(PLACE.0, PLACE.1).to_string().contains("INACTIVE"));
}

#[test]
fn without_a_data_endpoint_an_inactive_certificate_remains_possible() {
    let mut scene = Scene::new();
    scene.unset("data_endpoint");
    let words = [
        "1. no policy",
        "2. role_alias",
        "3. the certificate is INACTIVE or REVOKED",
        "4. the certificate is not registered",
    ];
    refused(&scene, 403, "Access Denied", "assume_role_not_allowed", &words);
}

#[test]
fn a_policy_with_thing_variables_and_no_thing_name() {
    let mut scene = Scene::new();
    scene.unset("thing_name").set("client_id", "x").set("key", "{name}");
    refused(
        &scene,
        403,
        "Access Denied",
        "assume_role_not_allowed",
        &["${iot:Connection.Thing.ThingName}", "set thing_name"],
    );
}

#[test]
fn a_bare_403_leaves_every_cause_of_one_open() {
    let scene = Scene::new();
    scene.answer(Service::Credentials, Answer::new(403, "text/plain", ""));
    Visit::of(&scene)
        .failed(
            PLACE.0,
            PLACE.1,
            "assume_role_not_allowed",
            &[
                "1. no policy",
                "2. role_alias",
                "3. the thing \\\"sandbox-thing\\\" is not attached",
                "4. the role's trust policy",
                "credentials.iot.amazonaws.com",
            ],
        )
        .ends_with(77);
}

#[test]
fn a_thing_that_is_not_attached_to_the_certificate() {
    let mut scene = Scene::new();
    // The sandbox knows the thing in the certificate only.
    scene.set("thing_name", "another-thing");
    let visit = Visit::of(&scene);
    visit.failed(
        PLACE.0,
        PLACE.1,
        "thing_not_attached",
        &["another-thing", "aws iot list-thing-principals", "attach-thing-principal", "nothing else is wrong"],
    );
    visit.ends_with(77);
    // With the alias wrong as well, both are told.
    scene.set("role_alias", "another-alias");
    let words = ["thing", "without the thing name: ", "Access Denied"];
    Visit::of(&scene).failed(PLACE.0, PLACE.1, "thing_not_attached", &words);
}

#[test]
fn a_role_alias_that_does_not_exist() {
    let scene = Scene::new();
    let words = ["no role alias", "sandbox-role-alias", "aws iot list-role-aliases --region eu-west-1"];
    refused(&scene, 404, "Role alias does not exist", "role_alias_unknown", &words);
    // Where the policy names the right one only, AWS answers as to any denial; so does the sandbox.
    let mut scene = Scene::new();
    scene.set("role_alias", "sandbox-rol-alias");
    Visit::of(&scene).failed(PLACE.0, PLACE.1, "assume_role_not_allowed", &["sandbox-rol-alias", "misspelt"]);
}

#[test]
fn a_role_that_does_not_trust_the_credential_provider() {
    let message = "Unable to assume the role, or the role to assume does not exist";
    let words = [
        "sts:AssumeRole to the service credentials.iot.amazonaws.com",
        "aws iam get-role",
        "has been deleted",
        "describe-role-alias",
    ];
    refused(&Scene::new(), 400, message, "role_not_assumable", &words);
}

#[test]
fn a_session_that_is_longer_than_the_role_allows() {
    let message = "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role";
    refused(&Scene::new(), 400, message, "session_too_long", &["credentialDurationSeconds", "MaxSessionDuration"]);
}

#[test]
fn a_certificate_that_is_not_active() {
    let mut scene = Scene::new();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Connack(0x87)));
    let words = [
        "INACTIVE or REVOKED",
        "--query certificateDescription.status",
        "not registered in this account and in eu-west-1",
    ];
    let message = "Certificate is invalid on this endpoint";
    scene.answer(Service::Credentials, Answer::credential_refusal(403, message));
    let visit = Visit::of(&scene);
    visit.failed("role_alias", "credential_endpoint", "certificate_not_active", &words).ends_with(77);
    visit.failed("mqtt", "data_endpoint", "mqtt_not_authorized", &["certificate is active"]);
    scene.set("region", "eu-west-1");
}

#[test]
fn the_data_endpoint_in_place_of_the_credential_endpoint_is_known_by_its_answer() {
    let scene = Scene::new();
    scene.answer(Service::Credentials, Answer::not_found());
    let visit = Visit::of(&scene);
    visit.failed(PLACE.0, PLACE.1, "data_endpoint_used", &["iot:CredentialProvider"]).ends_with(78);
}

#[test]
fn credentials_that_live_too_short() {
    let scene =
        Scene::with(homing_sandbox::Sandbox::builder().credential_lifetime(std::time::Duration::from_secs(900)));
    let visit = Visit::with(&scene, &["--min-ttl", "1800"]);
    visit
        .failed("credentials_life", "", "min_ttl_not_met", &["1800 s are wanted", "credentialDurationSeconds"])
        .ends_with(78);
    assert!(Visit::of(&scene).ok("credentials_life", "")["seconds_left"].as_u64().unwrap() > 800);
}

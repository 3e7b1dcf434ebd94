//! What STS, S3 and the broker answer.

use crate::support::{Scene, servers};
use crate::visit::Visit;
use homing_sandbox::{Answer, Fault, MqttFault, Service};

#[test]
fn credentials_that_sts_does_not_know() {
    let mut scene = Scene::new();
    scene
        .variable("AWS_ACCESS_KEY_ID", "ASIAEXAMPLEEXAMPLE00")
        .variable("AWS_SECRET_ACCESS_KEY", "wrong")
        .variable("AWS_SESSION_TOKEN", "wrong");
    let visit = Visit::with(&scene, &["--credentials", "environment"]);
    visit.failed("identity", "", "InvalidClientTokenId", &["STS answered 403"]).ends_with(77);
    visit.failed("s3", "endpoints.s3", "InvalidAccessKeyId", &["S3 answered 403"]);
}

#[test]
fn credentials_that_have_ended() {
    let scene = Scene::with(homing_sandbox::Sandbox::builder().credential_lifetime(std::time::Duration::ZERO));
    let visit = Visit::of(&scene);
    visit.failed("identity", "", "ExpiredToken", &["new credentials"]).ends_with(77);
    visit.failed("s3", "endpoints.s3", "ExpiredToken", &["new credentials"]);
    visit.failed("credentials_life", "", "min_ttl_not_met", &["clock"]);
}

#[test]
fn a_bucket_that_does_not_exist() {
    let mut scene = Scene::new();
    scene.set("bucket", "absent-bucket");
    Visit::of(&scene).failed("s3", "endpoints.s3", "NoSuchBucket", &["absent-bucket", "spelling"]).ends_with(77);
}

#[test]
fn a_bucket_in_another_region() {
    let mut scene = Scene::new();
    scene.set("region", "us-west-2").unset("endpoints");
    scene.config["endpoints"] =
        serde_json::json!({ "s3": format!("https://localhost:{}", scene.sandbox.port(Service::S3)) });
    let visit = Visit::of(&scene);
    let words = ["bucket sandbox-bucket is in region eu-west-1", "set region to eu-west-1"];
    visit.failed("s3", "endpoints.s3", "AuthorizationHeaderMalformed", &words).ends_with(78);
    let scene = Scene::new();
    scene.answer(Service::S3, Answer::permanent_redirect("sandbox-bucket", "us-west-2"));
    let visit = Visit::with(&scene, &["--write"]);
    visit.failed("s3", "endpoints.s3", "PermanentRedirect", &["set region to us-west-2"]);
    visit.skipped("s3_write", "endpoints.s3", "the bucket cannot be used");
}

#[test]
fn a_role_that_may_not_look_into_the_bucket_or_not_write() {
    let scene = Scene::new();
    scene.answer(
        Service::S3,
        Answer::s3_error(403, "AccessDenied", "Access Denied").header("x-amz-bucket-region", "eu-west-1"),
    );
    // That is how most devices' roles are.
    let visit = Visit::of(&scene);
    visit.ends_with(0).noted("s3", "endpoints.s3", "s3:ListBucket");
    let visit = Visit::with(&scene, &["--write"]);
    visit
        .failed("s3_write", "endpoints.s3", "AccessDenied", &["sandbox-thing/homing-check", "s3:PutObject"])
        .ends_with(77);
}

#[test]
fn templates_that_lack_a_value_are_told_without_write() {
    let mut scene = Scene::new();
    scene.unset("thing_name").set("client_id", "camera").set("topic", "{thing}/files");
    let visit = Visit::of(&scene);
    visit.failed("publish", "data_endpoint", "invalid_template", &["topic", "set what it needs (thing_name)"]);
    visit.failed("s3_write", "endpoints.s3", "invalid_template", &["key", "{thing}"]).ends_with(78);
    visit.ok("s3", "endpoints.s3");
}

#[test]
fn something_that_is_not_s3() {
    let scene = Scene::new();
    scene.answer(Service::S3, Answer::new(404, "text/html", "<html>not here</html>"));
    Visit::of(&scene).failed("s3", "endpoints.s3", "http_404", &["404"]);
}

#[test]
fn a_client_id_that_the_policy_does_not_allow() {
    let scene = Scene::new();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Connack(0x87)));
    let visit = Visit::of(&scene);
    let words = ["not authorized", "iot:Connect on client/sandbox-thing-homing"];
    visit.failed("mqtt", "data_endpoint", "mqtt_not_authorized", &words).ends_with(77);
    visit.skipped("publish", "data_endpoint", "MQTT does not connect").ok("role_alias", "credential_endpoint");
}

#[test]
fn a_topic_that_the_policy_does_not_allow() {
    let scene = Scene::new();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Puback(0x87)));
    let visit = Visit::with(&scene, &["--write"]);
    visit.ok("mqtt", "data_endpoint");
    visit
        .failed("publish", "data_endpoint", "mqtt_not_authorized", &["iot:Publish on topic/file/upload"])
        .ends_with(77);
}

#[test]
fn a_client_id_that_somebody_else_uses() {
    let scene = Scene::new();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Disconnect(0x8e)));
    let visit = Visit::with(&scene, &["--write"]);
    visit.failed("publish", "data_endpoint", "mqtt_session_taken_over", &["--client-id"]).ends_with(75);
}

#[test]
fn the_credential_endpoint_in_place_of_the_data_endpoint() {
    let mut scene = Scene::new();
    // By a name that tells nothing: an HTTP server answers CONNECT.
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
        servers::write(&mut stream, &servers::http_reply("400 Bad Request", &"<html>400</html>".repeat(20)));
        servers::drain(&mut stream, &std::sync::atomic::AtomicU64::new(0));
    });
    scene.set("data_endpoint", format!("localhost:{port}"));
    Visit::of(&scene).failed("mqtt", "data_endpoint", "mqtt_invalid_packet", &["iot:Data-ATS"]).ends_with(69);
}

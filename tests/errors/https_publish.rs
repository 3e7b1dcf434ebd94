//! `--via https`: what the data endpoint answers to `POST /topics/…`.

use crate::support::Scene;
use homing_sandbox::{Answer, Fault, Service, Silence};

#[test]
fn refusals_are_told_with_topic_message_and_trace_id() {
    for (status, exit_code, message, remedy) in [
        (403, 77, "Forbidden", "iot:Publish"),
        (413, 65, "Payload Too Large", "inline_limit"),
        (400, 77, "Bad Request", "topic"),
        (404, 77, "Not Found", "data_endpoint"),
        (429, 75, "Too Many Requests", "try again"),
        (500, 75, "Internal Error", "try again"),
        (302, 69, "Found", "data_endpoint"),
    ] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.set("via", "https");
        let body = format!(r#"{{"message":"{message}","traceId":"7e71ace5-0000"}}"#);
        scene.answer(Service::Publish, Answer::new(status, "application/json", body));
        let failure = scene.send(&file).failed(exit_code, &format!("http_{status}"));
        failure.names(&["localhost:", &status.to_string(), message, "7e71ace5-0000", "file/upload"]);
        failure.advises(remedy).may_pass(exit_code == 75);
    }
}

#[test]
fn a_data_endpoint_that_falls_silent_is_given_up() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("via", "https").set("stall_timeout", 1);
    scene.sandbox.set_fault(Service::Publish, Fault::new().silence(Silence::Reply));
    scene.send(&file).failed(69, "timeout").names(&["localhost"]).advises("try again").may_pass(true);
}

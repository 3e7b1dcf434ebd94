//! What a broker refuses, forgets or breaks off.

use crate::support::{Scene, servers};
use homing_sandbox::{Fault, MqttFault, Service, Silence};
use std::time::Duration;

#[test]
fn a_refused_connect_is_told_in_words() {
    for (reason, exit_code, code, words, remedy) in [
        (0x87, 77, "mqtt_not_authorized", "not authorized", "iot:Connect"),
        (0x85, 77, "mqtt_client_identifier_not_valid", "client identifier not valid", "--client-id"),
        (0x86, 77, "mqtt_bad_user_name_or_password", "bad user name or password", "iot:Connect"),
        (0x97, 75, "mqtt_quota_exceeded", "quota exceeded", "later"),
        (0x88, 75, "mqtt_server_unavailable", "server unavailable", "later"),
        (0x9c, 69, "mqtt_use_another_server", "use another server", "endpoint"),
    ] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Connack(reason)));
        let failure = scene.send(&file).failed(exit_code, code);
        failure.names(&["localhost:", "client id sandbox-thing-homing", words, &format!("0x{reason:02x}")]);
        failure.advises(remedy).may_pass(exit_code == 75);
    }
}

#[test]
fn a_broker_that_does_not_answer_connect_is_given_up() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("connect_timeout", 1);
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().silence(Silence::Reply).times(1));
    let run = scene.send(&file);
    let failure = run.failed(69, "mqtt_connect_timeout");
    failure.names(&["localhost:", "CONNACK", "1s"]).advises("--via https").may_pass(true);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn a_broker_that_does_not_acknowledge_is_given_up() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.set("acknowledge_timeout", 1);
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::NoPuback));
    let run = scene.send(&file);
    let failure = run.failed(69, "mqtt_puback_timeout");
    failure.names(&["localhost:", "PUBACK"]).advises("try again").may_pass(true);
    assert!(run.took < Duration::from_secs(15), "{run:?}");
}

#[test]
fn an_acknowledgement_with_a_failure_reason_is_a_failure() {
    for (reason, exit_code, code, words) in [
        (0x87, 77, "mqtt_not_authorized", "not authorized"),
        (0x97, 75, "mqtt_quota_exceeded", "quota exceeded"),
        (0x90, 77, "mqtt_topic_name_invalid", "topic name invalid"),
        (0x80, 75, "mqtt_unspecified_error", "unspecified error"),
        (0x83, 75, "mqtt_implementation_specific_error", "implementation specific error"),
    ] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Puback(reason)));
        let failure = scene.send(&file).failed(exit_code, code);
        failure.names(&["localhost:", "file/upload", words, &format!("0x{reason:02x}")]);
        failure.may_pass(exit_code == 75);
    }
}

#[test]
fn a_broker_that_disconnects_with_a_reason_has_it_told() {
    for (reason, exit_code, code, remedy) in [
        (0x87, 77, "mqtt_not_authorized", "iot:Publish"),
        (0x8e, 75, "mqtt_session_taken_over", "--client-id"),
        (0x95, 65, "mqtt_packet_too_large", "--inline-limit"),
    ] {
        let mut scene = Scene::new();
        let file = scene.small();
        scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Disconnect(reason)));
        scene.send(&file).failed(exit_code, code).names(&["localhost:", "ended the connection"]).advises(remedy);
    }
}

#[test]
fn a_broker_that_closes_after_the_message_names_the_causes() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Close));
    let failure = scene.send(&file).failed(75, "mqtt_closed_after_publish");
    failure.names(&["localhost:", "file/upload", "without a reason"]);
    failure.advises("iot:Publish on topic/file/upload").advises("client id sandbox-thing-homing").may_pass(true);
}

#[test]
fn a_broker_that_closes_before_connack_names_the_causes() {
    let mut scene = Scene::new();
    let file = scene.small();
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().reset_after_request(1));
    let failure = scene.send(&file).failed(75, "mqtt_closed_before_connack");
    failure.names(&["localhost:", "client id sandbox-thing-homing"]).advises("iot:Connect").may_pass(true);
}

#[test]
fn a_port_that_speaks_tls_but_not_mqtt_is_told() {
    let mut scene = Scene::new();
    let file = scene.small();
    let port = servers::tls(scene.sandbox.certificates(), |mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
        let page = "<html><body>400 Bad Request: plain MQTT was sent to a web server</body></html>".repeat(4);
        servers::write(&mut stream, &servers::http_reply("400 Bad Request", &page));
        servers::drain(&mut stream, &std::sync::atomic::AtomicU64::new(0));
    });
    scene.set("data_endpoint", format!("localhost:{port}"));
    let failure = scene.send(&file).failed(69, "mqtt_invalid_packet");
    failure.names(&[&format!("localhost:{port}"), "MQTT"]).advises("8883");
}

#[test]
fn a_message_for_publish_is_refused_when_it_is_too_long() {
    let mut scene = Scene::new();
    let file = scene.file("long.txt", &[b'x'; 131_073]);
    let run = scene.finish(scene.command(&["publish", "a/b"]).arg("-f").arg(&file));
    run.failed_without_outcome(65).names(&["131072"]).advises("homing send");
    scene.assert_nothing_arrived(&run);
    let missing = scene.path("absent.txt");
    let run = scene.finish(scene.command(&["publish", "a/b"]).arg("-f").arg(&missing));
    run.failed_without_outcome(66).names(&["absent.txt"]).advises("check the path");
}

#[test]
fn lines_say_how_many_were_published_before() {
    let mut scene = Scene::new();
    let file = scene.file("lines.txt", b"one\ntwo\nthree\n");
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Puback(0x97)).skip(1));
    let run = scene.finish(scene.command(&["publish", "a/b", "--lines"]).arg("-f").arg(&file));
    run.failed_without_outcome(75).names(&["line 2 (1 published)", "quota exceeded"]).advises("later");
    assert_eq!(scene.sandbox.messages().len(), 1);
}

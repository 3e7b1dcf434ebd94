//! Messages over MQTT: what is not acknowledged is sent again, over a new connection.

use homing_sandbox::{Fault, MqttFault, Service};

use crate::scene::Scene;

#[test]
fn what_was_not_acknowledged_is_published_again() {
    for (fault, connects) in [
        (Fault::new().mqtt(MqttFault::NoPuback), 2),
        (Fault::new().mqtt(MqttFault::Close), 2),
        (Fault::new().mqtt(MqttFault::Disconnect(0x8b)), 2),
        // The connection is good.
        (Fault::new().mqtt(MqttFault::Puback(0x97)), 1),
        (Fault::new().mqtt(MqttFault::Connack(0x88)), 2),
    ] {
        let scene = Scene::new();
        let shown = format!("{fault:?}");
        scene.fault(Service::Mqtt, fault.times(1));
        let outcome = scene.send(&scene.small()).args(["--acknowledge-timeout", "2"]).run();
        outcome.expect_code(0);
        assert_eq!(scene.sandbox.messages().len(), 1, "{shown}: {outcome}");
        assert_eq!(scene.sandbox.counts(Service::Mqtt).requests, connects, "{shown}: {outcome}");
    }
}

#[test]
fn a_connection_that_breaks_before_connack_is_made_again() {
    let scene = Scene::new();
    scene.fault(Service::Mqtt, Fault::new().reset_after_request(1).times(2));
    let outcome = scene.send(&scene.small()).run();
    outcome.expect_code(0);
    assert_eq!(scene.sandbox.messages().len(), 1, "{outcome}");
}

#[test]
fn the_same_bytes_are_sent_each_time() {
    let scene = Scene::new();
    // Delivered, but its PUBACK is lost with the connection: CONNACK alone has 5 bytes and more.
    scene.fault(Service::Mqtt, Fault::new().reset_after_reply(12).times(1));
    let outcome = scene.send(&scene.small()).run();
    outcome.expect_code(0);
    let messages = scene.sandbox.messages();
    assert!(!messages.is_empty(), "{outcome}");
    assert!(messages.iter().all(|message| message.payload == messages[0].payload), "{outcome}");
}

#[test]
fn what_the_broker_refuses_is_not_published_again() {
    for (fault, code) in [
        (MqttFault::Puback(0x87), 77),
        (MqttFault::Connack(0x87), 77),
        // Another client of the same name would be thrown out, and throw us out, and so on.
        (MqttFault::Disconnect(0x8e), 75),
        (MqttFault::Disconnect(0x95), 65),
    ] {
        let scene = Scene::new();
        scene.fault(Service::Mqtt, Fault::new().mqtt(fault));
        let outcome = scene.send(&scene.small()).run();
        outcome.expect_code(code);
        assert!(!outcome.stderr.contains("attempt 2"), "{fault:?}: {outcome}");
        let connects = scene.sandbox.counts(Service::Mqtt).requests;
        assert_eq!(connects, 1, "{fault:?}: {outcome}");
    }
}

#[test]
fn attempts_at_a_message_end_as_well() {
    let scene = Scene::new();
    scene.fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Close));
    let outcome = scene.send(&scene.small()).run();
    outcome.expect_code(75).expect_error("without a reason").expect_error("after 3 attempts in ");
    // One more where the connection had been idle before it was needed, and might have been dead for long.
    assert!((3..=4).contains(&scene.sandbox.counts(Service::Mqtt).requests), "{outcome}");
}

#[test]
fn a_message_of_qos_0_is_tried_again_only_before_it_is_written() {
    let scene = Scene::new();
    scene.fault(Service::Mqtt, Fault::new().reset_after_request(1).times(2));
    let outcome = scene.homing("publish").args(["a/b", "-m", "hello", "--qos", "0"]).run();
    outcome.expect_code(0);
    assert_eq!(scene.sandbox.wait_for_arrivals(1, std::time::Duration::from_secs(60)).len(), 1, "{outcome}");
}

//! Messages over HTTPS.

use homing_sandbox::{Answer, Fault, Service};

use crate::scene::Scene;

fn publish(scene: &Scene, qos: &str) -> crate::support::homing::Outcome {
    scene.homing("publish").args(["a/b", "-m", "hello", "--via", "https", "--qos", qos]).run()
}

#[test]
fn a_throttled_message_is_published_again() {
    for qos in ["0", "1"] {
        let scene = Scene::new();
        scene.answers(Service::Publish, Answer::new(429, "application/json", r#"{"message":"Rate exceeded"}"#), 2);
        publish(&scene, qos).expect_code(0);
        assert_eq!(scene.statuses(Service::Publish), [429, 429, 200]);
        assert_eq!(scene.sandbox.messages().len(), 1);
    }
}

#[test]
fn a_lost_answer_is_asked_for_again_with_qos_1_alone() {
    for (qos, code, arrived) in [("1", 0, 2), ("0", 69, 1)] {
        let scene = Scene::new();
        scene.fault(Service::Publish, Fault::new().reset_after_reply(0).times(1));
        let outcome = publish(&scene, qos);
        outcome.expect_code(code);
        assert_eq!(scene.sandbox.messages().len(), arrived, "QoS {qos}: {outcome}");
    }
}

//! A write whose reply was lost, and which is then in its own way.

use homing_sandbox::{Answer, Fault, Service};

use crate::scene::Scene;

#[test]
fn an_object_that_is_there_already_is_known_as_the_own_one() {
    let scene = Scene::new();
    let put = || {
        let target = format!("s3://{}/key", scene.sandbox.bucket());
        scene.homing("put").args(["-v", "--if-none-match"]).arg(scene.large()).arg(target)
    };
    // Stored, and the answer lost.
    scene.fault(Service::S3, Fault::new().reset_after_reply(0).times(1));
    let outcome = put().run();
    outcome.expect_code(0).expect_error("which an attempt without an answer has stored");
    assert_eq!(scene.statuses(Service::S3), [200, 412, 200], "{outcome}");
    assert_eq!(scene.sandbox.objects().len(), 1, "{outcome}");

    // The same bytes, but of another run: they may be another's.
    let another = put().run();
    another.expect_code(77).expect_error("PreconditionFailed").expect_error("another object");
    assert!(!another.stderr.contains("may have written it"), "{another}");
    scene.fault(Service::S3, Fault::new().reset_after_reply(0).times(1));
    put().run().expect_code(77).expect_error("PreconditionFailed").expect_error("another object");
    assert_eq!(scene.sandbox.objects().len(), 1);
}

#[test]
fn an_object_that_may_not_be_looked_at_may_be_the_own_one() {
    let scene = Scene::new();
    let target = format!("s3://{}/key", scene.sandbox.bucket());
    let put = scene.homing("put").args(["--if-none-match", "--max-attempts", "1"]).arg(scene.large()).arg(target);
    scene.answers(Service::S3, Answer::s3_error(412, "PreconditionFailed", "no"), 1);
    // Nothing is there: the refusal stands.
    let outcome = put.run();
    outcome.expect_code(77).expect_error("PreconditionFailed");
    assert_eq!(scene.statuses(Service::S3), [412, 404], "{outcome}");
}

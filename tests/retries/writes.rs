//! A write whose reply was lost, and which is then in its own way.

use homing_sandbox::{Fault, Service};

use crate::scene::Scene;

#[test]
fn an_object_that_is_there_already_may_be_the_own_one() {
    let scene = Scene::new();
    let put = || {
        let target = format!("s3://{}/key", scene.sandbox.bucket());
        scene.homing("put").arg("--if-none-match").arg(scene.large()).arg(target).run()
    };
    // Stored, and the answer lost.
    scene.fault(Service::S3, Fault::new().reset_after_reply(0).times(1));
    let outcome = put();
    outcome.expect_code(77).expect_error("PreconditionFailed").expect_error("may have written it");
    assert_eq!(scene.sandbox.objects().len(), 1, "{outcome}");

    let another = put();
    another.expect_code(77).expect_error("PreconditionFailed");
    assert!(!another.stderr.contains("may have written it"), "{another}");
}

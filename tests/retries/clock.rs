//! The time of signing, corrected once by the server's.

use homing_sandbox::{Answer, Fault, Service};

use crate::scene::Scene;

const JSON: &str = "application/json";

#[test]
fn a_clock_that_is_wrong_is_corrected_once_and_for_all_files() {
    for offset in [16 * 60, -16 * 60, 86_400, -86_400] {
        let scene = Scene::new();
        scene.sandbox.set_clock_offset(Service::S3, offset);
        let files = [scene.large(), scene.file("other.bin", 200_000)];
        let outcome = scene.homing("send").args(["-v", "--json"]).args(&files).run();
        outcome.expect_code(0).expect_error("signing again with the server's time");
        assert_eq!(scene.statuses(Service::S3), [403, 200, 200], "{offset}: {outcome}");
        assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (2, 2), "{outcome}");
    }
}

#[test]
fn the_json_services_and_downloads_are_signed_again_as_well() {
    let scene = Scene::new();
    scene.sandbox.set_clock_offset(Service::CodeArtifact, 7200);
    scene.homing("codeartifact").args(["token", "sandbox-domain"]).run().expect_code(0);
    assert_eq!(scene.statuses(Service::CodeArtifact).len(), 2);

    scene.send(&scene.large()).run().expect_code(0);
    let key = scene.sandbox.objects()[0].key.clone();
    scene.sandbox.clear_records();
    scene.sandbox.set_clock_offset(Service::S3, -7200);
    let target = scene.sandbox.folder().join("fetched");
    scene.homing("get").arg(format!("s3://{}/{key}", scene.sandbox.bucket())).arg(&target).run().expect_code(0);
    assert_eq!(scene.statuses(Service::S3), [403, 200]);
}

#[test]
fn a_second_refusal_is_the_clear_error_with_both_clocks() {
    let scene = Scene::new();
    scene.sandbox.set_clock_offset(Service::S3, 86_400);
    scene.always_answers(Service::S3, Answer::s3_error(403, "RequestTimeTooSkewed", "Too large"));
    let outcome = scene.send(&scene.large()).run();
    outcome.expect_code(77).expect_error("RequestTimeTooSkewed").expect_error("this device's clock says 20");
    outcome.expect_error("(the device is 24 h behind)").expect_error("it was refused as well");
    outcome.expect_error("set this device's clock");
    assert_eq!(scene.statuses(Service::S3), [403, 403], "{outcome}");
    scene.assert_nothing_arrived(&outcome);
}

#[test]
fn a_cached_reply_corrects_nothing() {
    let scene = Scene::new();
    scene.sandbox.set_clock_offset(Service::S3, 86_400);
    let cached = Answer::s3_error(403, "SignatureDoesNotMatch", "It does not match").header("age", "30");
    scene.always_answers(Service::S3, cached);
    let outcome = scene.send(&scene.large()).run();
    outcome.expect_code(77);
    assert_eq!(scene.statuses(Service::S3), [403], "{outcome}");
}

#[test]
fn a_wrong_signature_under_a_right_clock_is_not_made_again() {
    let scene = Scene::new();
    scene.always_answers(Service::S3, Answer::s3_error(403, "SignatureDoesNotMatch", "It does not match"));
    scene.send(&scene.large()).run().expect_code(77).expect_error("secret access key");
    assert_eq!(scene.statuses(Service::S3), [403]);
    let wrong = Answer::new(400, JSON, r#"{"__type":"InvalidSignatureException","message":"It does not match"}"#);
    scene.fault(Service::CodeArtifact, Fault::new().answer(wrong));
    scene.homing("codeartifact").args(["token", "sandbox-domain"]).run().expect_code(77);
    assert_eq!(scene.statuses(Service::CodeArtifact), [400]);
}

#[test]
fn a_clock_that_is_a_little_wrong_is_no_reason() {
    let scene = Scene::new();
    scene.sandbox.set_clock_offset(Service::S3, 200);
    scene.always_answers(Service::S3, Answer::s3_error(403, "SignatureDoesNotMatch", "It does not match"));
    scene.send(&scene.large()).run().expect_code(77);
    assert_eq!(scene.statuses(Service::S3), [403]);
}

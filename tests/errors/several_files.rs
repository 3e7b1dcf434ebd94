//! Several files, some of them bad: the others are delivered, each has one outcome line, the exit code is the worst.

use crate::support::{Failure, Scene};
use homing_sandbox::{Answer, Fault, MqttFault, Service};
use serde_json::json;

#[test]
fn bad_files_do_not_stop_the_others() {
    let mut scene = Scene::new();
    let (small, large) = (scene.small(), scene.large());
    let (missing, folder) = (scene.path("absent.jpg"), scene.path("certificates"));
    let run = scene.finish(scene.command(&["send", "--json"]).args([&missing, &small, &folder, &large]));
    let outcomes = run.outcomes();
    assert_eq!(outcomes.len(), 4, "{run:?}");
    let of = |path: &std::path::Path| {
        let name = path.to_str().unwrap();
        outcomes.iter().find(|outcome| outcome["file"] == name).unwrap_or_else(|| panic!("no outcome: {run:?}"))
    };
    assert_eq!(of(&small)["result"], "delivered");
    assert_eq!(of(&large)["result"], "delivered");
    assert_eq!(Failure::of_outcome(of(&missing)).code, "no_such_file");
    assert_eq!(Failure::of_outcome(of(&folder)).code, "is_directory");
    assert_eq!(run.code, 66, "the worst of 0, 65 and 66");
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (1, 2));
    assert_eq!(run.stderr.matches("homing: ").count(), 2, "one error for each bad file: {run:?}");
}

#[test]
fn a_lasting_error_is_worse_than_one_that_may_pass() {
    let mut scene = Scene::new();
    let (first, second) = (scene.file("a.bin", &[1; 60_000]), scene.path("absent.jpg"));
    scene.answer(Service::S3, Answer::slow_down());
    let run = scene.finish(scene.command(&["send", "--json"]).args([&first, &second]));
    assert_eq!(run.code, 66, "75 may pass, 66 will not: {run:?}");
    scene.assert_nothing_arrived(&run);
}

#[test]
fn a_refused_object_does_not_stop_the_next() {
    let mut scene = Scene::new();
    let files =
        [scene.file("a.bin", &[1; 60_000]), scene.file("b.bin", &[2; 60_000]), scene.file("c.bin", &[3; 60_000])];
    for answer in
        [Answer::s3_error(403, "AccessDenied", "Access Denied"), Answer::early_access_denied(), Answer::slow_down()]
    {
        scene.sandbox.clear_records();
        scene.sandbox.set_fault(Service::S3, Fault::new().answer(answer).skip(1).times(1));
        let run = scene.finish(scene.command(&["send", "--json"]).args(&files));
        let results: Vec<_> = run.outcomes().iter().map(|outcome| outcome["result"].clone()).collect();
        assert_eq!(results, [json!("delivered"), json!("failed"), json!("delivered")], "{run:?}");
        assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (2, 2));
        assert_ne!(run.code, 0);
    }
}

#[test]
fn a_refused_message_does_not_stop_the_next() {
    for fault in [MqttFault::Puback(0x97), MqttFault::Disconnect(0x97), MqttFault::NoPuback] {
        let mut scene = Scene::new();
        let files = [scene.file("a.txt", b"a"), scene.file("b.txt", b"b"), scene.file("c.txt", b"c")];
        scene.set("acknowledge_timeout", 1);
        scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(fault).skip(1).times(1));
        let run = scene.finish(scene.command(&["send", "--json"]).args(&files));
        let results: Vec<_> = run.outcomes().iter().map(|outcome| outcome["result"].clone()).collect();
        assert_eq!(results, [json!("delivered"), json!("failed"), json!("delivered")], "{fault:?}: {run:?}");
        assert_eq!(scene.sandbox.messages().len(), 2, "{fault:?}");
    }
}

#[test]
fn a_mistake_in_the_settings_is_the_outcome_of_every_file_and_told_once() {
    let mut scene = Scene::new();
    let (small, large) = (scene.small(), scene.large());
    for (key, value, code) in [("buckte", "x", "unknown_key"), ("certificate", "/nowhere", "file_unreadable")] {
        let before = scene.config[key].clone();
        scene.set(key, value);
        let run = scene.finish(scene.command(&["send", "--json"]).args([&small, &large]));
        assert_eq!(run.code, 78);
        let outcomes = run.outcomes();
        let [first, second] = outcomes.as_slice() else { panic!("one line for each file: {run:?}") };
        assert_eq!((&first["file"], &second["file"]), (&json!(small.to_str()), &json!(large.to_str())));
        assert_eq!(
            (Failure::of_outcome(first).code, Failure::of_outcome(second).code),
            (code.to_owned(), code.to_owned())
        );
        assert_eq!(run.stderr.matches("homing: ").count(), 1, "{run:?}");
        match before.is_null() {
            true => scene.unset(key),
            false => scene.set(key, before),
        };
    }
    scene.set("buckte", "x");
    let run = scene.homing(&["publish", "a/b", "-m", "text", "--json"]);
    run.failed(78, "unknown_key");
    assert_eq!(scene.connections(), 0);
}

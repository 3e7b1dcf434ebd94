//! At least once: a repeat is the same object and the same message.

use homing_sandbox::{Fault, MqttFault, Service};
use serde_json::Value;

use crate::scene::{Scene, each};
use crate::support::{json, text};

#[test]
fn what_s3_has_confirmed_is_announced_later_and_not_stored_again() {
    let scene = Scene::new();
    let file = scene.large("a.bin");
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Close));
    let run = scene.send(&[&file]).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    let line = &run.json_lines()[0];
    assert_eq!(line["result"], "queued");
    assert!(line["error"]["message"].as_str().unwrap().contains("is stored, but not announced"), "{line}");
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (1, 0));
    let waiting = &scene.list()[0];

    scene.sandbox.clear_fault(Service::Mqtt);
    scene.drain().succeed();
    let (objects, messages) = (scene.sandbox.objects(), scene.sandbox.messages());
    assert_eq!((objects.len(), messages.len()), (1, 1), "one put");
    let message = json(&messages[0]);
    for name in ["key", "bucket", "message_id"] {
        assert_eq!(message[name], waiting[name], "{name}");
    }
    assert_eq!(message["key"], objects[0].key);
    assert!(message["etag"].as_str().unwrap().len() >= 32, "what S3 confirmed is remembered: {message}");
}

#[test]
fn a_put_whose_answer_is_lost_is_repeated_to_the_same_key() {
    let scene = Scene::new();
    // In every second there would be another key.
    let key = "{thing}/{date}/{time}/{sha256}-{name}";
    scene.sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(1));
    let run = scene.send(&[&scene.large("a.bin")]).args(["--key", key]).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    let waiting = scene.list().remove(0);
    scene.sandbox.clear_fault(Service::S3);
    // The template of now does not count.
    scene.drain().args(["--key", "elsewhere"]).succeed();
    let objects = scene.sandbox.objects();
    assert!(!objects.is_empty() && objects.iter().all(|object| object.key == waiting["key"]), "{objects:?}");
    assert!(objects.iter().all(|object| object.sha256 == objects[0].sha256));
    assert_eq!(scene.sandbox.messages().len(), 1);
    assert_eq!(json(&scene.sandbox.messages()[0])["key"], waiting["key"]);
}

#[test]
fn a_message_whose_acknowledgement_is_lost_is_repeated_byte_for_byte() {
    let scene = Scene::new();
    let files = [scene.small("a.txt"), scene.large("b.bin")];
    scene.sandbox.set_fault(Service::Publish, Fault::new().reset_after_reply(1));
    let run = scene.send(&[&files[0], &files[1]]).args(["--via", "https"]).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert_eq!(each(&run.json_lines(), "result"), ["queued"; 2]);
    let ids: Vec<Value> = scene.list().iter().map(|entry| entry["message_id"].clone()).collect();
    scene.sandbox.clear_fault(Service::Publish);
    scene.drain().args(["--via", "https"]).succeed();
    let messages = scene.sandbox.messages();
    for id in ids {
        let same: Vec<&str> = messages.iter().filter(|message| json(message)["message_id"] == id).map(text).collect();
        assert!(same.len() >= 2 && same.iter().all(|message| *message == same[0]), "{same:?}");
    }
    assert_eq!(scene.counts(), (0, 0));
}

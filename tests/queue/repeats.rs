//! At least once: a repeat is the same object and the same message.

use homing_sandbox::{Fault, MqttFault, Service};
use serde_json::Value;

use crate::scene::{Scene, each};
use crate::support::{Run, json, text};
use std::fs;

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
fn a_put_that_must_not_overwrite_is_known_as_the_own_one_when_its_answer_was_lost() {
    for kills_knowledge in [false, true] {
        let scene = Scene::new();
        let file = scene.large("a.bin");
        scene.sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(0));
        let run = scene.send(&[&file]).arg("--if-none-match").finish();
        assert_eq!(run.code, Some(75), "{run:?}");
        assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (1, 0), "stored, not announced");
        scene.sandbox.clear_fault(Service::S3);
        if kills_knowledge {
            // As after a kill before the attempt could be noted.
            let entry = fs::read_dir(scene.queue.join("pending")).unwrap().next().unwrap().unwrap().path();
            let record = fs::read_to_string(entry.join("metadata.json")).unwrap();
            assert!(record.contains("\"attempts\":1"), "{record}");
            fs::write(entry.join("metadata.json"), record.replace("\"attempts\":1", "\"attempts\":0")).unwrap();
        }
        let run = scene.drain().succeed();
        assert_eq!(each(&run.json_lines(), "result"), ["delivered"]);
        assert_eq!((scene.counts(), scene.sandbox.objects().len()), ((0, 0), 1));
        let message = json(&scene.sandbox.messages()[0]);
        assert_eq!(message["key"], scene.sandbox.objects()[0].key);
        assert!(message["etag"].as_str().unwrap().len() >= 32, "{message}");
    }
}

#[test]
fn anothers_object_is_not_taken_for_the_own_one_whatever_it_has() {
    let scene = Scene::new();
    let file = scene.large("a.bin");
    let key = "{name}";
    let target = format!("s3://{}/a.bin", scene.sandbox.bucket());
    // The very same bytes.
    Run::new(&scene.sandbox, "put").arg(&file).arg(target).succeed();
    scene.sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(0));
    let run = scene.send(&[&file]).args(["--if-none-match", "--key", key]).finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    scene.sandbox.clear_fault(Service::S3);
    let run = scene.drain().finish();
    assert_eq!(run.code, Some(77), "{run:?}");
    assert_eq!((scene.counts(), scene.sandbox.messages().len()), ((0, 1), 0));
    let failed = scene.list().remove(0);
    assert_eq!(failed["error"]["code"], "PreconditionFailed");
    assert!(failed["error"]["message"].as_str().unwrap().contains("another object"), "{failed}");
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

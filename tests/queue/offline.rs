//! No network, then a network.

use crate::scene::{Scene, each, offline, summary};
use crate::support::{bytes, json, sha256};
use serde_json::json;

#[test]
fn what_is_queued_offline_is_delivered_oldest_first() {
    let scene = Scene::new();
    let files = [scene.large("1.bin"), scene.small("2.txt"), scene.large("3.bin"), scene.small("4.txt")];
    for file in &files {
        let run = offline(scene.send(&[file])).finish();
        assert_eq!(run.code, Some(75), "{run:?}");
        let line = &run.json_lines()[0];
        assert_eq!((&line["file"], &line["result"]), (&json!(file), &json!("queued")), "{run:?}");
        assert!(line["entry"].is_string() && line["error"]["code"].is_string(), "{line}");
        assert!(run.stderr.contains("queued, not delivered yet"), "{run:?}");
        assert!(!file.exists(), "it has moved into the queue");
    }
    assert_eq!(scene.counts(), (4, 0));
    let still = offline(scene.drain()).finish();
    assert_eq!((still.code, summary(&still)), (Some(75), (0, 0, 4)), "{still:?}");
    assert!(still.stderr.contains("4 left in the queue"), "{still:?}");
    assert!(scene.sandbox.arrivals().is_empty());

    let run = scene.drain().succeed();
    let lines = run.json_lines();
    assert_eq!(each(&lines, "file"), ["1.bin", "2.txt", "3.bin", "4.txt"]);
    assert_eq!(each(&lines, "result"), ["delivered"; 4]);
    assert_eq!(each(&lines, "via"), ["s3", "mqtt", "s3", "mqtt"]);
    assert_eq!(summary(&run), (4, 0, 0));
    let names: Vec<_> = scene.sandbox.messages().iter().map(|message| json(message)["name"].clone()).collect();
    assert_eq!(names, ["1.bin", "2.txt", "3.bin", "4.txt"]);
    assert_eq!(scene.keys(), ["1.bin", "3.bin"]);
    assert!(scene.sandbox.objects().iter().all(|object| object.sha256 == sha256(&bytes(60_000))));
    assert_eq!(scene.counts(), (0, 0));
    assert!(scene.everything_in_the_queue().len() < 1000, "no file stays behind");
}

#[test]
fn with_a_network_a_file_is_delivered_at_once_and_leaves_no_trace() {
    let scene = Scene::new();
    let (small, large) = (scene.small("s.txt"), scene.large("l.bin"));
    let run = scene.send(&[&small, &large]).succeed();
    let lines = run.json_lines();
    assert_eq!(each(&lines, "file"), [small.to_str().unwrap(), large.to_str().unwrap()]);
    assert_eq!(each(&lines, "result"), ["delivered"; 2]);
    assert_eq!((run.stderr.as_str(), lines[1]["etag"].is_string()), ("", true));
    assert_eq!((scene.sandbox.objects().len(), scene.sandbox.messages().len()), (1, 2));
    assert!(!small.exists() && !large.exists());
    assert_eq!(scene.counts(), (0, 0));
    // As little is said as by plain send.
    let quiet = scene.run("send").arg("--queue").arg(scene.small("q.txt")).succeed();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let quiet = scene.run("drain").succeed();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn sending_delivers_what_was_queued_before_it_and_tells_of_its_own() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("earlier.txt")]);
    let later = scene.small("later.txt");
    let run = scene.send(&[&later]).succeed();
    assert_eq!(each(&run.json_lines(), "file"), [later.to_str().unwrap()]);
    let names: Vec<_> = scene.sandbox.messages().iter().map(|message| json(message)["name"].clone()).collect();
    assert_eq!(names, ["earlier.txt", "later.txt"]);
}

#[test]
fn what_can_be_reached_is_used() {
    // No credentials, and so no S3: what travels inside messages still goes.
    let scene = Scene::new();
    scene.queue_offline(&[&scene.large("1.bin"), &scene.small("2.txt"), &scene.large("3.bin"), &scene.small("4.txt")]);
    let denied = homing_sandbox::Answer::new(403, "application/json", r#"{"message":"Access denied"}"#);
    let fault = || homing_sandbox::Fault::new().answer(denied.clone());
    scene.sandbox.set_fault(homing_sandbox::Service::Credentials, fault());
    let run = scene.drain().finish();
    assert_eq!((run.code, summary(&run)), (Some(75), (2, 0, 2)), "{run:?}");
    assert_eq!(each(&run.json_lines(), "file"), ["1.bin", "2.txt", "4.txt"]);
    scene.sandbox.clear_fault(homing_sandbox::Service::Credentials);
    assert_eq!(summary(&scene.drain().succeed()), (2, 0, 0));
    assert_eq!(scene.keys(), ["1.bin", "3.bin"]);
}

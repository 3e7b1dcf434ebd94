//! Whose fault it is, and what that means for the entry and the others.

use homing_sandbox::{Answer, Fault, MqttFault, Service};
use serde_json::json;

use crate::scene::{Scene, each, summary};

#[test]
fn a_wrong_role_moves_nothing_to_failed_and_is_not_asked_for_every_file() {
    let scene = Scene::new();
    let files: Vec<_> = (0..8).map(|number| scene.large(&format!("{number}.bin"))).collect();
    for file in &files {
        scene.queue_offline(&[file]);
    }
    let denied = Answer::s3_error(403, "AccessDenied", "Access Denied");
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(denied));
    for _ in 0..3 {
        let before = scene.puts();
        let run = scene.drain().finish();
        assert_eq!((run.code, summary(&run)), (Some(75), (0, 0, 8)), "{run:?}");
        assert!(scene.puts() - before <= 6, "{} requests", scene.puts() - before);
    }
    assert_eq!(scene.counts(), (8, 0));
    // Repaired: in the order of their arrival, whatever happened to each.
    scene.sandbox.clear_fault(Service::S3);
    scene.drain().succeed();
    assert_eq!(scene.keys(), (0..8).map(|number| format!("{number}.bin")).collect::<Vec<_>>());
}

#[test]
fn what_is_refused_again_and_again_leaves_the_others_their_turn() {
    let scene = Scene::new();
    // To a key that the role will never be allowed.
    for name in ["1.bin", "2.bin", "3.bin", "4.bin"] {
        scene.queue_offline(&[&scene.large(name)]);
    }
    let denied = Answer::s3_error(403, "AccessDenied", "Access Denied");
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(denied.clone()));
    scene.drain().finish();
    scene.drain().finish();
    // From now on three are refused in each run, as the three oldest would be.
    for name in ["5.bin", "6.bin"] {
        let sent = scene.large(name);
        scene.queue_offline(&[&sent]);
    }
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(denied).times(3));
    let run = scene.drain().finish();
    assert_eq!(run.code, Some(75), "{run:?}");
    assert_eq!(scene.keys()[..2], ["5.bin", "6.bin"], "{run:?}");
}

#[test]
fn what_failed_once_is_not_kept_back_for_good_by_what_is_always_refused() {
    let scene = Scene::new();
    for name in ["1.bin", "2.bin", "3.bin"] {
        let run = scene.send(&[&scene.large(name)]).args(["--bucket", "nobodys-bucket"]).finish();
        assert_eq!(run.code, Some(75), "{run:?}");
    }
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Puback(0x97)).times(1));
    for name in ["4.txt", "5.txt"] {
        assert_eq!(scene.send(&[&scene.small(name)]).finish().code, Some(if name == "4.txt" { 75 } else { 0 }));
    }
    let failed_once = scene.list().remove(3);
    assert_eq!((&failed_once["file"], &failed_once["attempts"]), (&json!("4.txt"), &json!(1)));
    assert_eq!(summary(&scene.drain().finish()), (0, 0, 4), "it has just been tried");
    scene.set_last_attempts(120);
    let run = scene.drain().finish();
    assert_eq!((run.code, summary(&run)), (Some(75), (1, 0, 3)), "{run:?}");
}

#[test]
fn an_object_that_s3_refuses_for_good_goes_to_failed_and_blocks_nobody() {
    let scene = Scene::new();
    for name in ["1.bin", "2.bin", "3.txt"] {
        let file = if name.ends_with("txt") { scene.small(name) } else { scene.large(name) };
        scene.queue_offline(&[&file]);
    }
    let invalid = Answer::s3_error(400, "InvalidArgument", "Invalid tagging");
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(invalid).times(1));
    let run = scene.drain().finish();
    assert_eq!((run.code, summary(&run)), (Some(77), (2, 1, 0)), "{run:?}");
    assert_eq!(each(&run.json_lines(), "result"), ["failed", "delivered", "delivered"]);
    assert!(run.stderr.contains("1.bin: given up") && run.stderr.contains("Invalid tagging"), "{run:?}");
    assert_eq!(scene.counts(), (0, 1));
    let failed = scene.list().remove(0);
    assert_eq!((&failed["state"], &failed["file"]), (&json!("failed"), &json!("1.bin")));
    assert_eq!(failed["error"]["code"], "InvalidArgument");
    assert!(failed["error"]["message"].as_str().unwrap().contains("Invalid tagging"));
    // What has failed is no reason for the next drain to fail.
    assert_eq!(summary(&scene.drain().succeed()), (0, 0, 0));

    scene.run("queue").args(["retry", failed["entry"].as_str().unwrap()]).succeed();
    assert_eq!(scene.counts(), (1, 0));
    scene.drain().succeed();
    assert_eq!(scene.keys(), ["2.bin", "1.bin"]);
}

#[test]
fn when_everything_is_refused_for_good_it_is_not_the_files_fault() {
    let scene = Scene::new();
    for number in 0..9 {
        scene.queue_offline(&[&scene.large(&format!("{number}.bin"))]);
    }
    let invalid = Answer::s3_error(400, "InvalidRequest", "this store does not do that");
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(invalid));
    let run = scene.drain().finish();
    assert_eq!((run.code, summary(&run)), (Some(77), (0, 3, 6)), "{run:?}");
}

#[test]
fn a_server_that_is_busy_loses_nothing() {
    let scene = Scene::new();
    for number in 0..4 {
        scene.queue_offline(&[&scene.large(&format!("{number}.bin"))]);
    }
    scene.sandbox.set_fault(Service::S3, Fault::new().answer(Answer::slow_down()));
    let run = scene.drain().finish();
    assert_eq!((run.code, summary(&run)), (Some(75), (0, 0, 4)), "{run:?}");
    scene.sandbox.clear_fault(Service::S3);
    assert_eq!(summary(&scene.drain().succeed()), (4, 0, 0));
}

#[test]
fn a_setting_that_is_wrong_leaves_everything_where_it_is() {
    let scene = Scene::new();
    let (small, large) = (scene.small("s.txt"), scene.large("l.bin"));
    for (flag, value) in [("--certificate", "/nowhere/device.pem"), ("--ca-file", "/nowhere/ca.pem")] {
        let run = scene.send(&[&small, &large]).args([flag, value]).arg("--keep").finish();
        assert_eq!(run.code, Some(75), "{run:?}");
        let lines = run.json_lines();
        assert_eq!(each(&lines, "result"), ["queued"; 2]);
        assert_eq!(lines[0]["error"]["code"], "file_unreadable", "{run:?}");
        let drained = scene.drain().args([flag, value]).finish();
        assert_eq!(drained.code, Some(75), "{drained:?}");
        assert!(drained.stderr.contains(value), "{drained:?}");
    }
    assert_eq!((scene.counts(), scene.sandbox.arrivals().len()), ((4, 0), 0));
    assert_eq!(summary(&scene.drain().succeed()), (4, 0, 0));
}

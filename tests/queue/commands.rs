//! `homing queue`, for people and for programs.

use crate::scene::Scene;
use serde_json::json;

#[test]
fn entries_are_listed_with_where_they_go_and_what_went_wrong() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.large("l\u{1b}[2J.bin"), &scene.small("s.txt")]);
    let entries = scene.list();
    let expected = json!({"state": "waiting", "file": "s.txt", "bytes": 500, "topic": "file/upload", "attempts": 1});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(entries[1][name], *value, "{name}");
    }
    assert_eq!(entries[0]["key"], "sandbox-thing/l\u{1b}[2J.bin");
    assert_eq!(entries[0]["bucket"], "sandbox-bucket");
    assert!(entries[0]["error"]["code"].is_string() && entries[0]["queued"].is_string());

    let text = scene.run("queue").arg("list").succeed().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("-> s3://sandbox-bucket/sandbox-thing/l?[2J.bin"), "{text}");
    assert!(!text.contains('\u{1b}'), "a name cannot command the terminal");
    assert!(lines[1].contains("s.txt -> file/upload; 1 attempts"), "{text}");

    let text = scene.run("queue").arg("status").succeed().stdout;
    assert!(text.contains("2 waiting, 60500 bytes, the oldest for "), "{text}");
}

#[test]
fn entries_are_removed_by_name() {
    let scene = Scene::new();
    scene.queue_offline(&[&scene.small("1.txt"), &scene.small("2.txt")]);
    let first = scene.list()[0]["entry"].as_str().unwrap().to_owned();
    let run = scene.run("queue").args(["remove", &first, "20200101T000000.000000", "--json"]).finish();
    assert_eq!(run.code, Some(66), "{run:?}");
    let results: Vec<_> = run.json_lines().iter().map(|line| line["result"].clone()).collect();
    assert_eq!(results, ["removed", "failed"]);
    assert!(run.stderr.contains("no entry 20200101T000000.000000"), "{run:?}");
    let left: Vec<_> = scene.list().iter().map(|entry| entry["file"].clone()).collect();
    assert_eq!(left, ["2.txt"]);
    // Only what has failed can be retried.
    let second = scene.list()[0]["entry"].as_str().unwrap().to_owned();
    assert_ne!(scene.run("queue").args(["retry", &second]).finish().code, Some(0));
    assert_eq!(scene.counts(), (1, 0));
}

#[test]
fn the_queue_needs_no_configuration_but_its_place() {
    let scene = Scene::new();
    scene.drain().succeed();
    let run = crate::support::Run::without_configuration("queue").arg("status").env("HOMING_QUEUE_DIR", &scene.queue);
    assert!(run.succeed().stdout.contains(&format!("{}: 0 waiting, 0 bytes", scene.queue.display())));
}

#[test]
fn looking_at_a_queue_that_is_not_there_does_not_make_it() {
    let scene = Scene::new();
    assert_eq!((scene.counts(), scene.list().len()), ((0, 0), 0));
    assert_eq!(scene.run("queue").args(["remove", "20200101T000000.000000"]).finish().code, Some(66));
    assert_eq!(scene.run("queue").args(["retry", "failed"]).finish().code, Some(0));
    assert!(!scene.queue.exists());
}

#[test]
fn the_help_names_what_a_newcomer_needs() {
    for (command, words) in [
        ("send", &["--queue", "--keep", "--queue-dir", "75: queued"][..]),
        (
            "drain",
            &[
                "*/5 * * * * /usr/local/bin/homing drain",
                "failed/",
                "AccessDenied",
                "--now",
                "--timeout",
                "--queue-dir",
            ],
        ),
        ("queue", &["retry failed", "--queue-dir", "homing queue list"]),
    ] {
        let text = crate::support::Run::without_configuration("help").arg(command).succeed().stdout;
        let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flowing.contains(word), "{command}: {word}: {text}");
        }
    }
    let text = crate::support::Run::without_configuration("help").arg("queue").succeed().stdout;
    assert!(!text.contains("--certificate"), "{text}");
}

//! A disk that is really full, and one that is really read-only: a tmpfs in a mount namespace of its own.

use std::process::Command;

use crate::figures::{report, skipped};
use crate::scene::{Original, Scene};

/// Each `run NAME COMMAND…` prints `NAME: code CODE`, and what the command said goes to standard error.
#[test]
fn a_full_disk_leaves_the_source_and_passes() {
    let scene = Scene::new();
    let files = scene.begin();
    // The larger file takes two pages, the queue's directories and metadata some more.
    let script = r#"
        mount -t tmpfs -o size=4k,mode=700 none "$QUEUE"
        run full $SEND "$LARGE"
        cmp "$LARGE" "$LARGE.copy" && echo "source: intact"
        mount -o remount,size=1m "$QUEUE"
        run room $SEND "$LARGE"
    "#;
    let Some(output) = in_namespace(&scene, &files, script) else { return };
    told(&output, &["full: code 74", "source: intact", "room: code 0"], &["full", "make room"]);
    assert_eq!(scene.judge(&files[1..], &[]).unwrap().delivered, 1);
    report(
        "full disk, no room",
        "send --queue into a full tmpfs: exit code 74, the source intact; with room again: delivered",
    );
}

#[test]
fn no_inodes_left_is_a_full_disk() {
    let scene = Scene::new();
    let files = scene.begin();
    let script = r#"
        mount -t tmpfs -o nr_inodes=5,mode=700 none "$QUEUE"
        run full $SEND "$LARGE"
        cmp "$LARGE" "$LARGE.copy" && echo "source: intact"
        mount -o remount,nr_inodes=100 "$QUEUE"
        run room $SEND "$LARGE"
    "#;
    let Some(output) = in_namespace(&scene, &files, script) else { return };
    told(&output, &["full: code 7", "source: intact", "room: code 0"], &[]);
    assert_eq!(scene.judge(&files[1..], &[]).unwrap().delivered, 1);
    report(
        "full disk, no inodes",
        "send --queue without inodes: a typed error, the source intact; with inodes again: delivered",
    );
}

#[test]
fn a_read_only_disk_leaves_the_source_and_passes() {
    let scene = Scene::new();
    let files = scene.begin();
    let script = r#"
        mount -t tmpfs -o size=1m,mode=700 none "$QUEUE"
        run offline $SEND --data-endpoint localhost:1 "$SMALL"
        mount -o remount,ro "$QUEUE"
        run readonly $SEND "$LARGE"
        cmp "$LARGE" "$LARGE.copy" && echo "source: intact"
        run drain $DRAIN
        mount -o remount,rw "$QUEUE"
        run again $DRAIN
        run room $SEND "$LARGE"
    "#;
    let Some(output) = in_namespace(&scene, &files, script) else { return };
    told(
        &output,
        &["offline: code 75", "readonly: code 7", "source: intact", "again: code 0", "room: code 0"],
        &["read-only"],
    );
    assert!(!output.0.contains("drain: code 0"), "{output:?}");
    assert_eq!(scene.judge(&files, &[]).unwrap().delivered, 2);
    report(
        "read-only disk, of the queue",
        "send --queue and drain: typed errors, nothing lost; writable again: delivered",
    );
}

#[test]
fn a_source_that_cannot_be_removed_is_not_queued() {
    let scene = Scene::new();
    let files = scene.begin();
    let script = r#"
        mount --bind "$FILES" "$FILES"
        mount -o remount,bind,ro "$FILES"
        run move $SEND "$LARGE"
        cmp "$LARGE" "$LARGE.copy" && echo "source: intact"
        run keep $SEND --keep "$LARGE"
    "#;
    let Some(output) = in_namespace(&scene, &files, script) else { return };
    told(&output, &["move: code 7", "source: intact", "keep: code 0"], &["--keep"]);
    let tally = scene.judge(&files[1..], &[]).unwrap();
    assert_eq!((tally.delivered, tally.repeated), (1, 0));
    report(
        "read-only disk, of the files",
        "send --queue of a file on one: refused before anything is sent; with --keep: delivered",
    );
}

/// Runs a script where mounts are its own; `None` where there are no such namespaces.
fn in_namespace(scene: &Scene, files: &[Original], script: &str) -> Option<(String, String)> {
    let possible = Command::new("unshare").args(NAMESPACE).args(["sh", "-c", "mount -t tmpfs none /mnt"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        skipped("mount namespaces are not to be had");
        return None;
    }
    std::fs::create_dir_all(scene.queue()).unwrap();
    std::fs::copy(&files[1].path, files[1].path.with_extension("bin.copy")).unwrap();
    let words = |command: Command| {
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        assert!(words.iter().all(|word| !word.contains([' ', '*'])), "{words:?}");
        words.join(" ")
    };
    let no_reserve = ["--queue-min-free-bytes", "0", "--queue-min-free-inodes", "0"];
    let mut command = Command::new("unshare");
    homing_sandbox::peak_memory::forget_foreign_variables(&mut command);
    let output = command
        .args(NAMESPACE)
        .args(["sh", "-c", &format!("{RUN}\n{script}")])
        .env("QUEUE", scene.queue())
        .env("FILES", scene.folder())
        .env("SMALL", &files[0].path)
        .env("LARGE", &files[1].path)
        .env("SEND", words(scene.send_queued(&[], &no_reserve)))
        .env("DRAIN", words(scene.drain()))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((text(&output.stdout), text(&output.stderr)))
}

/// The lines are among those printed, and the words are in what homing said.
fn told(output: &(String, String), lines: &[&str], words: &[&str]) {
    for line in lines {
        assert!(output.0.lines().any(|printed| printed.starts_with(line)), "{line}: {output:?}");
    }
    for word in words {
        assert!(output.1.contains(word), "{word}: {output:?}");
    }
    assert!(!output.1.contains("panicked"), "{output:?}");
}

const NAMESPACE: [&str; 3] = ["--map-root-user", "--mount", "--propagation=private"];
const RUN: &str = r#"run() { name=$1; shift; "$@" >&2; echo "$name: code $?"; }"#;

//! Standard output that nobody reads, or that is full.

use crate::support::{Run, Scene};
use std::fs::OpenOptions;
use std::process::Stdio;
use std::time::Instant;

#[test]
fn a_reader_that_has_gone_is_an_error_and_no_panic() {
    let mut scene = Scene::new();
    let file = scene.small();
    for arguments in [&["send", "--json"][..], &["send", "-v"], &["credentials"], &["--help"], &["--version"]] {
        let mut command = scene.command(arguments);
        if arguments[0] == "send" {
            command.arg(&file);
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let start = Instant::now();
        let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let run = Run::from_output(output, start.elapsed());
        scene.check(&run);
        run.failed_without_outcome(74).names(&["standard output", "reader has gone"]);
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let mut scene = Scene::new();
    let file = scene.small();
    for arguments in [&["send", "--json"][..], &["credentials"]] {
        let mut command = scene.command(arguments);
        if arguments[0] == "send" {
            command.arg(&file);
        }
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let run = Run::from_output(output, std::time::Duration::ZERO);
        scene.check(&run);
        run.failed_without_outcome(74).names(&["standard output", "space"]);
    }
}

#[test]
fn closed_streams_are_no_panic() {
    let mut scene = Scene::new();
    let file = scene.small();
    // A daemon's child may have no descriptors 0 to 2 at all; a socket must not take their place.
    let command = scene.command(&["send", "--json"]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "exec \"$@\" <&- >&- 2>&-", "sh"]).arg(command.get_program()).args(command.get_args()).arg(&file);
    let run = Run::of(shell.env_clear());
    scene.check(&run);
    assert!([0, 74].contains(&run.code), "{run:?}");
    let messages = scene.sandbox.messages();
    assert_eq!(messages.len(), 1, "{run:?}");
    assert!(
        serde_json::from_slice::<serde_json::Value>(&messages[0].payload).is_ok(),
        "an outcome line got into a connection"
    );
}

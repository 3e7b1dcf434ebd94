//! What a person or a program gets to see.

use std::process::Command;

use homing_sandbox::Sandbox;
use serde_json::json;

use crate::support::{Run, file, sandbox};

#[test]
fn nothing_but_errors_when_not_on_a_terminal() {
    let sandbox = sandbox();
    let files = [file(&sandbox, "small.bin", 3), file(&sandbox, "large.bin", 3 * 1024 * 1024)];
    let run = Run::new(&sandbox, "send").args(&files).succeed();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let run = Run::new(&sandbox, "put").arg(&files[1]).arg("s3://sandbox-bucket/k").succeed();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let run = Run::new(&sandbox, "publish").args(["t", "-m", "x"]).succeed();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn outcomes_as_json_lines() {
    let sandbox = sandbox();
    let (small, large) = (file(&sandbox, "small \"1\".bin", 3), file(&sandbox, "large.bin", 60_000));
    let absent = sandbox.folder().join("absent");
    let run = Run::new(&sandbox, "send").arg("--json").args([&small, &large, &absent]).finish();
    assert_eq!(run.code, Some(66));
    let mut lines = run.json_lines();
    assert_eq!(lines.len(), 3);
    let etag = lines[1]["etag"].take();
    assert!(etag.as_str().is_some_and(|etag| !etag.contains('"')), "{etag}");
    let message = lines[2]["error"]["message"].take();
    assert!(message.as_str().is_some_and(|message| message.contains("absent")), "{message}");
    let remedy = lines[2]["error"]["remedy"].take();
    assert_eq!(
        lines,
        [
            json!({ "file": small, "result": "delivered", "via": "mqtt", "bytes": 3, "topic": "file/upload" }),
            json!({
                "file": large, "result": "delivered", "via": "s3", "bucket": "sandbox-bucket",
                "key": "sandbox-thing/large.bin", "etag": null, "bytes": 60_000, "topic": "file/upload",
            }),
            json!({
                "file": absent, "result": "failed",
                "error": { "code": "no_such_file", "message": null, "remedy": null, "retryable": false },
            }),
        ]
    );
    assert!(remedy.is_string());
    // Field by field as DESIGN.md orders them.
    assert!(run.stdout.lines().all(|line| line.starts_with(r#"{"file":"#)), "{run:?}");
}

#[test]
fn files_arrive_even_when_nobody_reads_the_outcomes() {
    let sandbox = sandbox();
    let files: Vec<_> = (0..3).map(|number| file(&sandbox, &format!("{number}.bin"), 3)).collect();
    let mut command = Run::new(&sandbox, "send").arg("--json").args(&files).into_command();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"), "{output:?}");
    assert_eq!(sandbox.messages().len(), 3);
}

#[test]
fn verbosely_each_outcome_has_a_line_and_each_step_is_told() {
    let sandbox = sandbox();
    let (small, large) = (file(&sandbox, "small.bin", 3), file(&sandbox, "large.bin", 60_000));
    let run = Run::new(&sandbox, "send").arg("-v").args([&small, &large]).succeed();
    let lines: Vec<&str> = run.stdout.lines().collect();
    let [first, second] = lines[..] else { panic!("{run:?}") };
    assert!(first.starts_with(&format!("{}: delivered", small.display())), "{run:?}");
    assert!(first.contains("mqtt") && first.contains("file/upload"), "{run:?}");
    assert!(second.starts_with(&format!("{}: delivered", large.display())), "{run:?}");
    assert!(second.contains("s3://sandbox-bucket/sandbox-thing/large.bin"), "{run:?}");
    assert!(run.stderr.lines().all(|line| line.starts_with("homing: ")), "{run:?}");
    assert!(run.stderr.contains("homing: credentials: role-alias\n"), "{run:?}");
}

#[test]
fn a_dry_run_speaks_without_being_asked_twice() {
    let sandbox = sandbox();
    let run = Run::new(&sandbox, "send").arg("--dry-run").arg(file(&sandbox, "small.bin", 3)).succeed();
    assert!(run.stdout.contains("would be delivered"), "{run:?}");
}

#[test]
fn progress_on_a_terminal_for_large_uploads_only() {
    let sandbox = sandbox();
    let size = 48 * 1024 * 1024;
    let shown = on_a_terminal(&sandbox, "large.bin", size);
    let drawings: Vec<&str> = shown.split('\r').filter(|part| part.contains(" of 48.0 MiB")).collect();
    assert!(!drawings.is_empty(), "{shown:?}");
    for drawing in &drawings {
        assert!(drawing.starts_with("large.bin  "), "{drawing:?}");
        assert!(drawing.contains(" %  ") && drawing.contains(" MiB/s"), "{drawing:?}");
    }
    assert!(drawings.iter().any(|drawing| drawing.contains(" left")), "{shown:?}");
    // The line is cleared before the outcome takes its place.
    let last = shown.rfind(" of 48.0 MiB").unwrap();
    let outcome = shown.rfind("large.bin: delivered").unwrap();
    assert!(shown[last..outcome].contains("\r\x1b[K"), "{shown:?}");

    let shown = on_a_terminal(&sandbox, "small.bin", 1024 * 1024);
    assert!(shown.contains("small.bin: delivered") && !shown.contains("MiB"), "{shown:?}");
}

/// What `send` writes to a terminal, as `script` of util-linux records it.
fn on_a_terminal(sandbox: &Sandbox, name: &str, size: usize) -> String {
    let path = file(sandbox, name, size);
    let homing = Run::new(sandbox, "send").arg(&path).into_command();
    let quoted: Vec<String> = std::iter::once(homing.get_program())
        .chain(homing.get_args())
        .map(|argument| format!("'{}'", argument.to_str().unwrap().replace('\'', r"'\''")))
        .collect();
    let record = sandbox.folder().join(format!("{name}.typescript"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &quoted.join(" ")]).arg(&record);
    for (name, value) in homing.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let output = script.stdin(std::process::Stdio::null()).output().expect("script, of the package bsdutils");
    assert!(output.status.success(), "{output:?}");
    let typescript = std::fs::read(record).unwrap();
    String::from_utf8_lossy(&typescript).replace(&*path.to_string_lossy(), name)
}

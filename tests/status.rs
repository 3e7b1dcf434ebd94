//! `homing status`: what the real binary tells of a device, without asking anybody.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]
#![allow(clippy::duplicate_mod, reason = "both supports have the sample bytes")]

#[path = "delivery/support.rs"]
#[allow(dead_code, unused_imports, reason = "the support is shared with the suite `delivery`, which uses more of it")]
mod device;
mod support;

use device::{Run, file, write};
use homing_sandbox::{Sandbox, Service};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::packages;

struct Scene {
    sandbox: Sandbox,
    status: PathBuf,
    queue: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let sandbox = device::sandbox();
        let (status, queue) = (sandbox.folder().join("status.json"), sandbox.folder().join("queue"));
        Self { sandbox, status, queue }
    }

    fn run(&self, command: &str) -> Run {
        let run = Run::new(&self.sandbox, command).arg("--status-file").arg(&self.status);
        run.arg("--queue-dir").arg(&self.queue)
    }

    #[track_caller]
    fn json(&self) -> Value {
        self.run("status").arg("--json").succeed().json_lines().remove(0)
    }

    #[track_caller]
    fn text(&self) -> String {
        self.run("status").succeed().stdout
    }
}

#[test]
fn it_tells_of_the_certificate_the_queue_and_the_last_run() {
    let scene = Scene::new();
    let before = scene.json();
    assert_eq!(before["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(before["thing_name"], "sandbox-thing");
    assert!(before["certificate_life"].as_u64().unwrap() > 86_400 && before["certificate_expires"].is_string());
    assert_eq!((before.get("queue"), before.get("last_run"), before.get("credentials_life")), (None, None, None));
    assert!(!scene.queue.exists(), "whoever only looks makes nothing");

    let path = file(&scene.sandbox, "a.txt", 100);
    let queued = scene.run("send").args(["--queue", "--now"]).arg(&path).env("HTTPS_PROXY", "http://127.0.0.1:1");
    assert_eq!(queued.env("HOMING_MAX_ATTEMPTS", "1").finish().code, Some(75));
    let waiting = scene.json();
    assert_eq!((&waiting["queue"]["entries"], &waiting["queue"]["bytes"]), (&1.into(), &100.into()));
    assert_eq!((&waiting["last_run"]["result"], &waiting["last_run"]["exit_code"]), (&"failure".into(), &75.into()));
    let text = scene.text();
    let row =
        |name: &str| text.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap_or_default().to_owned();
    assert!(row("queue").contains("1 waiting, 100 bytes, the oldest for "), "{text}");
    assert!(row("last run").contains("send, failure, 20") && row("last success").ends_with(": -"), "{text}");
    let error = waiting["last_run"]["last_error"]["message"].as_str().unwrap();
    assert!(row("last error").contains(error.lines().next().unwrap()), "{text}");

    scene.run("drain").arg("--now").succeed();
    let after = scene.json();
    assert_eq!((&after["last_run"]["command"], &after["queue"]["entries"]), (&"drain".into(), &0.into()));
    assert!(scene.text().contains("\nlast success: 20"), "{}", scene.text());
}

#[test]
fn nobody_is_asked() {
    let scene = Scene::new();
    scene.run("status").env("HOMING_CREDENTIAL_CACHE", "true").succeed();
    let counts = [Service::Credentials, Service::S3].map(|service| scene.sandbox.counts(service).requests);
    assert_eq!(counts, [0, 0]);
}

/// With credentials that an earlier run has kept, in a folder in memory.
#[test]
fn kept_credentials_have_a_life_and_a_refusal_is_told() {
    let Some(memory) = memory() else { return };
    let scene = Scene::new();
    let run =
        |command: &str| scene.run(command).env("HOMING_CREDENTIAL_CACHE", "true").env("XDG_RUNTIME_DIR", memory.path());
    let large = file(&scene.sandbox, "large.bin", 60_000);
    run("send").arg(&large).succeed();
    let asked = scene.sandbox.counts(Service::Credentials).requests;
    let status = run("status").arg("--json").succeed();
    let life = status.json_lines()[0]["credentials_life"].as_u64().unwrap();
    assert!((3000..=3600).contains(&life), "{life}");
    assert!(run("status").succeed().stdout.contains("\ncredentials: until 20"));

    let other = |command: &str| run(command).args(["--role-alias", "no-such-alias"]);
    assert_eq!(other("send").arg(&large).finish().code, Some(77));
    let refused = other("status").succeed();
    assert!(refused.stdout.contains("no-such-alias") && refused.stdout.contains("not asked again"), "{refused:?}");
    assert!(other("status").arg("--json").succeed().json_lines()[0]["credentials_refused"].is_string());
    assert_eq!(scene.sandbox.counts(Service::Credentials).requests, asked + 1);
    for output in [&status.stdout, &refused.stdout] {
        assert!(!output.contains("ASIA"), "{output}");
    }
}

#[test]
fn what_is_wrong_is_told_and_the_rest_all_the_same() {
    let scene = Scene::new();
    let expired = &scene.sandbox.certificates().expired_certificate;
    let run = scene.run("status").arg("--certificate").arg(expired).succeed();
    assert!(run.stdout.contains("certificate: until ") && run.stdout.contains(", expired\n"), "{run:?}");
    let missing =
        scene.run("status").args(["--certificate", "/nowhere/a.pem", "--json"]).succeed().json_lines().remove(0);
    assert!(missing["certificate_error"].as_str().unwrap().contains("/nowhere/a.pem"), "{missing}");
    // Somebody else's file, or half of one.
    for text in ["", "{\"command\":", "[1]", "\"a\"", "{\"command\":{},\n\"last_error\":7}"] {
        fs::write(&scene.status, text).unwrap();
        scene.text();
        scene.json();
    }
    // A message cannot command the terminal.
    write(scene.sandbox.folder(), "x", b"");
    fs::write(&scene.status, r#"{"command":"send","last_error":{"time":"t","message":"\u001b[2J\nx"}}"#).unwrap();
    let text = scene.text();
    assert!(text.contains("t, ?[2J?x") && !text.contains('\u{1b}'), "{text:?}");
    let bare = Run::without_configuration("status").succeed().stdout;
    assert!(bare.contains("certificate: -\n") && bare.contains("last run: not known"), "{bare}");
    assert_eq!(Run::without_configuration("status").arg("x").finish().code, Some(64));
}

#[test]
fn a_queue_or_a_status_file_that_cannot_be_read_is_not_an_empty_one() {
    let scene = Scene::new();
    fs::write(&scene.queue, "no directory").unwrap();
    let status = scene.json();
    assert!(status.get("queue").is_none());
    assert!(status["queue_error"].as_str().unwrap().contains("is no directory"), "{status}");
    let text = scene.text();
    assert!(text.contains("\nqueue: the queue cannot be opened: "), "{text}");
    assert!(text.contains("last run: not known: no run has written '"), "{text}");
    // Cut by a power cut, and another program's.
    for content in ["{\"time\":\"2026-", "{\"last_error\":\"x\",\"time\":5}"] {
        fs::write(&scene.status, content).unwrap();
        assert!(scene.text().contains("last run: not known: no run has written '"), "{}", scene.text());
        assert!(scene.text().ends_with("last error: -\n"), "{}", scene.text());
        assert!(scene.json().get("last_run").is_none());
    }
}

#[test]
fn on_a_terminal_it_is_a_table() {
    if !packages::available("status", &["script"]) {
        return;
    }
    let scene = Scene::new();
    let line = format!("{} status --config {}", device::HOMING, scene.sandbox.config_path().display());
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert!(output.status.success() && rows.len() == 8, "{text}");
    assert!(rows.iter().all(|row| row.as_bytes()[12] == b' ' && row.as_bytes()[13] != b' '), "{text}");
    assert!(rows[0].starts_with("version      0."), "{text}");
}

/// A folder in memory of this user's own; `None`, loudly, where there is none.
fn memory() -> Option<Memory> {
    let path = PathBuf::from(format!("/dev/shm/homing-status-{}", std::process::id()));
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => Some(Memory(path)),
        Err(error) => {
            packages::skip("status", &format!("no folder in memory: {error}"));
            None
        }
    }
}

struct Memory(PathBuf);

impl Memory {
    fn path(&self) -> &PathBuf {
        &self.0
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

//! What people and programs get to see.

use crate::support::{Run, Scene};
use crate::visit::Visit;
use homing_sandbox::{Answer, Service};
use std::process::{Command, Stdio};

#[test]
fn everything_that_a_delivery_needs_is_looked_at_and_nothing_is_left_behind() {
    let scene = Scene::new();
    let visit = Visit::of(&scene);
    visit.ends_with(0);
    let certificate = visit.ok("certificate", "");
    assert_eq!(certificate["subject"], "CN=sandbox-thing");
    assert_eq!(certificate["issuer"], "CN=homing sandbox CA");
    assert_eq!(certificate["valid_until"], "2049-12-31T23:59:59Z");
    assert!(certificate["days_left"].as_u64().unwrap() > 8000, "{certificate}");
    assert_eq!(certificate["certificate_id"], fingerprint(&scene));
    for setting in ["credential_endpoint", "data_endpoint", "endpoints.s3", "endpoints.sts"] {
        assert!(visit.ok("name", setting)["ipv4"].as_str().unwrap().contains("127.0.0.1"));
        visit.ok("tcp", setting);
        let tls = visit.ok("tls", setting);
        assert_eq!((&tls["version"], &tls["sni"]), (&"TLS 1.3".into(), &"localhost".into()));
        assert_eq!((&tls["server"], &tls["root"]), (&"CN=localhost".into(), &"CN=homing sandbox CA".into()));
        assert!(tls["cipher"].as_str().unwrap().starts_with("TLS_") && tls["milliseconds"].is_u64(), "{tls}");
    }
    assert_eq!(visit.ok("mqtt", "data_endpoint")["client_id"], "sandbox-thing-homing");
    visit.skipped("publish", "data_endpoint", "--write");
    assert!(visit.ok("clock", "")["seconds_off"].as_u64().unwrap() < 10);
    assert_eq!(visit.ok("role_alias", "credential_endpoint")["role_alias"], "sandbox-role-alias");
    assert_eq!(visit.ok("identity", "")["account"], "123456789012");
    visit.noted("s3", "endpoints.s3", "--write");
    assert_eq!(visit.ok("s3", "endpoints.s3")["region"], "eu-west-1");
    assert!(visit.ok("credentials_life", "")["seconds_left"].as_u64().unwrap() > 3500);
    scene.assert_nothing_arrived(&visit.run);
}

#[test]
fn with_write_an_empty_object_and_a_message_go_where_files_go() {
    let scene = Scene::new();
    let visit = Visit::with(&scene, &["--write"]);
    visit.ends_with(0);
    assert_eq!(visit.ok("s3_write", "endpoints.s3")["key"], "sandbox-thing/homing-check");
    assert_eq!(visit.ok("publish", "data_endpoint")["topic"], "file/upload");
    let objects = scene.sandbox.objects();
    let [object] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!((&*object.key, object.bytes), ("sandbox-thing/homing-check", 0));
    let messages = scene.sandbox.messages();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    let content: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!((&content["type"], &content["thing"]), (&"check".into(), &"sandbox-thing".into()));
}

#[test]
fn messages_by_https_are_looked_at_likewise() {
    let mut scene = Scene::new();
    scene.set("via", "https");
    let visit = Visit::with(&scene, &["--write"]);
    visit.ends_with(0).ok("publish", "data_endpoint");
    assert_eq!(visit.ok("tcp", "data_endpoint")["port"], scene.sandbox.port(Service::Publish));
    assert_eq!(scene.sandbox.messages().len(), 1);
}

#[test]
fn plain_words_stand_where_nobody_looks() {
    let scene = Scene::new();
    scene.answer(Service::Credentials, Answer::credential_refusal(403, "Access Denied"));
    let run = scene.homing(&["check"]);
    assert_eq!(run.code, 77, "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("ok endpoints.s3 tcp: port ")), "{run:?}");
    let place = lines.iter().position(|line| line.starts_with("failed credential_endpoint role_alias: ")).unwrap();
    assert!(lines[place + 1..].iter().take(3).any(|line| line.starts_with("    try: most likely first:")), "{run:?}");
    assert!(lines.contains(&"skipped identity: skipped because there are no credentials"), "{run:?}");
    assert!(lines.last().unwrap().contains(" 1 failed, "), "{run:?}");
    assert!(!run.stdout.contains(['✓', '✗', '\u{1b}']), "{run:?}");
}

#[test]
fn marks_stand_on_a_terminal() {
    let scene = Scene::new();
    // util-linux's script gives a program a terminal.
    let command = scene.command(&["check"]);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut terminal = Command::new("script");
    terminal.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]).stdin(Stdio::null());
    terminal.env("HOMING_MAX_ATTEMPTS", "1").env("SHELL", "/bin/sh");
    let run = Run::of(&mut terminal);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("✓ certificate: subject CN=sandbox-thing"), "{run:?}");
    assert!(run.stdout.contains("- data_endpoint publish: skipped because"), "{run:?}");
}

#[test]
fn no_secret_is_shown() {
    let mut scene = Scene::new();
    let issued = scene.sandbox.issue_credentials(std::time::Duration::from_secs(600)).unwrap();
    scene.keep_secret(&*issued.secret_access_key).keep_secret(&*issued.session_token).keep_secret("hunter2");
    scene
        .variable("AWS_ACCESS_KEY_ID", issued.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", issued.secret_access_key)
        .variable("AWS_SESSION_TOKEN", issued.session_token)
        .variable("AWS_ENDPOINT_URL_ECR", "https://user:hunter2@localhost");
    let visit = Visit::with(&scene, &["--credentials", "environment", "-vvv"]);
    visit.failed("configuration", "", "invalid_value", &["(not shown)"]).ends_with(78);
    visit.ok("identity", "");
    visit.skipped("credentials_life", "", "nothing says when they end");
    // The proxy's password, too.
    scene.variable("AWS_ENDPOINT_URL_ECR", "").variable("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:1");
    Visit::with(&scene, &["-vvv"]).failed(
        "proxy",
        "credential_endpoint",
        "connection_refused",
        &["127.0.0.1:1", "HTTPS_PROXY"],
    );
}

#[test]
fn a_closed_standard_output_is_an_error() {
    let scene = Scene::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = scene.command(&["check"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

fn fingerprint(scene: &Scene) -> String {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let file = &scene.sandbox.certificates().device_certificate;
    let der = CertificateDer::from_pem_file(file).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &der);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

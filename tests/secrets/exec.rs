//! `homing exec --secret`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::service::{PLAIN, contains, fetched, files_with, service};
use crate::support::directory::Directory;

#[test]
fn a_command_gets_secrets_in_variables_and_each_is_fetched_once() {
    let Some(service) = service() else { return };
    let script = "printf '%s,%s,%s' \"$A\" \"$B\" \"$C\"";
    let arn = format!("C={}:port", service.arn);
    let words =
        ["exec", "-v", "--secret", "A=json:mypat", "--secret", "B=plain", "--secret", &arn, "--", "sh", "-c", script];
    let outcome = service.homing(&words).run();
    assert_eq!(outcome.expect_code(0).stdout, format!("ghp_canary\"1,{PLAIN},5432"), "{outcome}");
    // json, by name and by ARN, and plain.
    assert_eq!(fetched(&outcome), 3);
    let words =
        ["exec", "-v", "--secret", "A=json:mypat", "--secret", "B=json:port", "--secret", "C=json", "--", "true"];
    let outcome = service.homing(&words).run();
    outcome.expect_code(0);
    assert_eq!(fetched(&outcome), 1);
}

#[test]
fn what_cannot_be_given_is_named_and_the_command_not_run() {
    let Some(service) = service() else { return };
    for (secret, code, said) in [
        ("MY_VARIABLE=absent", 77, "ResourceNotFoundException"),
        ("MY_VARIABLE=json:nope", 65, "\"mypat\""),
        ("MY_VARIABLE=nul", 65, "NUL"),
        ("MY_VARIABLE=plain:a", 65, "is no JSON object"),
    ] {
        let outcome = service.homing(&["exec", "-vvv", "--secret", secret, "--", "echo", "ran"]).run();
        outcome.expect_code(code).expect_error("MY_VARIABLE").expect_error(said).expect_nowhere("canary");
        assert_eq!(outcome.stdout, "", "{outcome}");
    }
    let outcome = service.homing(&["exec", "--aws", "--secret", "AWS_SESSION_TOKEN=plain", "--", "true"]).run();
    outcome.expect_code(64).expect_error("--aws and --secret both give the variable AWS_SESSION_TOKEN");
    // The command is looked for first: nothing is fetched for it in vain.
    let outcome = service.homing(&["exec", "-v", "--secret", "A=plain", "--", "no-such-command"]).run();
    outcome.expect_code(127);
    assert_eq!(fetched(&outcome), 0);
}

#[test]
fn a_secret_is_in_the_commands_environment_and_nowhere_else() {
    let Some(service) = service() else { return };
    let home = Directory::new("home");
    let words = ["exec", "-vvv", "--secret", "V=json:mypat", "--", "sh", "-c", "echo ready; read line"];
    let mut command = service.command(&words);
    let (home_path, temporary) = (home.join("home"), home.join("tmp"));
    for path in [&home_path, &temporary] {
        fs::create_dir(path).unwrap();
    }
    command.current_dir(home.path()).env("HOME", &home_path).env("TMPDIR", &temporary);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");

    let process = |file: &str| fs::read(format!("/proc/{}/{file}", child.id())).unwrap();
    assert!(contains(&process("environ"), "V=ghp_canary\"1\0"));
    for own in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        assert!(!contains(&process("environ"), own), "{own} is inherited");
    }
    assert!(!contains(&process("cmdline"), "canary"));
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert!(!contains(&output.stderr, "canary") && !output.stderr.is_empty());
    assert_eq!(files_with(home.path(), "canary"), 0);
}

//! `homing exec` with real commands: what they get, what they do not, and how they end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use support::directory::Directory;
use support::homing::{Homing, homing};

#[test]
fn the_command_gets_credentials_and_nothing_of_homings_own() {
    let outcome = exec(&["--aws", "--region", "eu-west-1", "--", "env"])
        .env("AWS_PROFILE", "other")
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-canary")
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/run/token")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
        .env("ANOTHER", "stays")
        .run();

    outcome.expect_code(0);
    let mut lines: Vec<&str> = outcome.stdout.lines().filter(|line| !line.starts_with("PATH=")).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "ANOTHER=stays",
            "AWS_ACCESS_KEY_ID=ASIAEXAMPLE",
            "AWS_DEFAULT_REGION=eu-west-1",
            "AWS_REGION=eu-west-1",
            "AWS_SECRET_ACCESS_KEY=secret-canary",
            "AWS_SESSION_TOKEN=token-canary",
            // The settings that every run of these tests has.
            "HOMING_CREDENTIAL_CACHE=false",
            "HOMING_MAX_ATTEMPTS=1",
        ],
        "{outcome}"
    );
}

#[test]
fn a_region_that_is_set_already_stays_unless_homing_is_told_another() {
    for (flags, variables, expected) in [
        (&[][..], &[("AWS_DEFAULT_REGION", "us-west-2")][..], ["us-west-2", "us-west-2"]),
        (&[], &[("AWS_DEFAULT_REGION", "us-west-2"), ("AWS_REGION", "us-east-1")], ["us-west-2", "us-east-1"]),
        (&["--region", "eu-west-1"], &[("AWS_DEFAULT_REGION", "us-west-2")], ["eu-west-1", "eu-west-1"]),
        (
            &["--region", "eu-west-1"],
            &[("AWS_DEFAULT_REGION", "us-west-2"), ("AWS_REGION", "us-east-1")],
            ["eu-west-1", "eu-west-1"],
        ),
        (&[], &[("HOMING_REGION", "eu-west-1"), ("AWS_REGION", "us-east-1")], ["eu-west-1", "eu-west-1"]),
    ] {
        let call = exec(&[&["--aws"], flags, &["--", "env"]].concat());
        let outcome = variables.iter().fold(call, |call, (name, value)| call.env(name, value)).run();
        outcome.expect_code(0);
        for (name, region) in ["AWS_DEFAULT_REGION", "AWS_REGION"].into_iter().zip(expected) {
            assert!(outcome.stdout.lines().any(|line| line == format!("{name}={region}")), "{variables:?}: {outcome}");
        }
    }
}

#[test]
fn arguments_behind_the_commands_name_are_its_own() {
    for words in [
        &["--aws", "--", "printf", "%s,", "--aws", "-v", "--", "-x"][..],
        &["--aws", "printf", "%s,", "--aws", "-v", "--", "-x"],
    ] {
        assert_eq!(exec(words).run().expect_code(0).stdout, "--aws,-v,--,-x,");
    }
}

#[test]
fn exit_codes_are_those_of_the_command_or_of_a_shell() {
    exec(&["--aws", "--", "sh", "-c", "exit 42"]).run().expect_code(42);
    let outcome = exec(&["--aws", "--", "no-such-command"]).run();
    outcome.expect_code(127).expect_error("command not found: 'no-such-command'").expect_error("try:");
    let directory = Directory::new("exec");
    let file = directory.write("script", "#!/bin/sh\n");
    exec(&["--aws", "--", file.to_str().unwrap()]).run().expect_code(126).expect_error("script' cannot be executed");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    exec(&["--aws", "--", file.to_str().unwrap()]).run().expect_code(0);
    // Found out by the kernel only.
    let broken = directory.write("broken", "#!/nowhere/interpreter\n");
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    exec(&["--aws", "--", broken.to_str().unwrap()]).run().expect_code(127).expect_error("broken");
}

#[test]
fn without_credentials_the_command_is_not_run() {
    let outcome = homing(["exec", "--aws", "--", "sh", "-c", "echo ran"]).env("PATH", PATH).run();
    outcome.expect_code(78).expect_error("no source of AWS credentials");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn wrong_words_are_explained() {
    exec(&["--", "true"]).run().expect_code(64).expect_error("--aws").expect_error("usage: homing exec");
    exec(&["--aws"]).run().expect_code(64).expect_error("needs a command");
    exec(&["--aws", "--"]).run().expect_code(64).expect_error("needs a command");
    exec(&["true", "--aws"]).run().expect_code(64).expect_error("before the command");
}

/// The command is the process that was started, and finds signals and files as it would without homing.
#[test]
fn homing_becomes_the_command() {
    let script = "echo $$; grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd";
    let run = |mut command: Command| {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let pid = child.id().to_string();
        let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(first, pid);
        rest.to_owned()
    };
    let mut directly = Command::new("sh");
    directly.args(["-c", script]);
    let directly = run(directly);

    assert_eq!(run(command(&["--aws", "--", "sh", "-c", script])), directly);
    // Rust programs ignore SIGPIPE, which is 13, this test among them; what they start must not.
    let ignored = directly.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & 1 << 12, 0, "{directly}");
}

#[test]
fn core_dumps_and_debuggers_are_the_commands_own_affair() {
    let script = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))";
    let outcome = exec(&["--aws", "--", "python3", "-c", script]).env("PATH", std::env::var("PATH").unwrap()).run();
    assert_eq!(outcome.expect_code(0).stdout, "1\n", "{outcome}");
}

#[test]
fn signals_reach_the_command() {
    use std::os::unix::process::ExitStatusExt;
    let mut child = command(&["--aws", "--", "sh", "-c", "echo ready; exec sleep 600"]).spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn no_output_has_a_secret_in_it() {
    for words in [&["--aws", "-vvv", "--", "true"][..], &["--aws", "-vvv", "--", "no-such-command"]] {
        exec(words).run().expect_nowhere("canary");
    }
}

/// homing exec with credentials in its environment.
fn exec(words: &[&str]) -> Homing {
    homing(["--credentials", "environment", "exec"].iter().chain(words))
        .env("PATH", PATH)
        .env("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret-canary")
        .env("AWS_SESSION_TOKEN", "token-canary")
}

/// The same, to be started by the test itself.
fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homing"));
    command.args(["--credentials", "environment", "exec"]).args(words).env_clear().env("PATH", PATH);
    command.env("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret-canary");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

const PATH: &str = "/usr/bin:/bin";

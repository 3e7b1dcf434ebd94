//! `homing credentials`, and where credentials come from.

use std::process::Command;
use std::time::Duration;

use homing_sandbox::{IssuedCredentials, Sandbox, Service};
use serde_json::{Value, json};

use crate::support::{Run, file, sandbox, write};

#[test]
fn the_three_formats_are_what_their_readers_expect() {
    let sandbox = sandbox();

    let process = Run::new(&sandbox, "credentials").succeed().json_lines().remove(0);
    let named = Run::new(&sandbox, "credentials").args(["--format", "process"]).succeed().json_lines().remove(0);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&named), keys(&process));
    assert_eq!(process["Version"], 1);
    check_expiration(&process["Expiration"]);
    works(&sandbox, &process["AccessKeyId"], &process["SecretAccessKey"], &process["SessionToken"]);

    let json = Run::new(&sandbox, "credentials").args(["--format", "json"]).succeed().json_lines().remove(0);
    let inner = &json["credentials"];
    check_expiration(&inner["expiration"]);
    works(&sandbox, &inner["accessKeyId"], &inner["secretAccessKey"], &inner["sessionToken"]);

    let env = Run::new(&sandbox, "credentials").args(["--format", "env"]).succeed().stdout;
    let script = r#"eval "$1"; printf '%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" "$AWS_CREDENTIAL_EXPIRATION"; env | grep -c '^AWS_'"#;
    let shell =
        Command::new("sh").args(["-c", script, "sh", &env]).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    let lines: Vec<Value> = String::from_utf8(shell.stdout).unwrap().lines().map(|line| json!(line)).collect();
    let [id, secret, token, expiration, exported] = &lines[..] else { panic!("{lines:?}") };
    check_expiration(expiration);
    works(&sandbox, id, secret, token);
    assert_eq!(exported, "4");
}

#[test]
fn a_session_token_of_four_kibibytes_is_passed_on_whole() {
    for length in [1, 4096] {
        let sandbox = Sandbox::builder().token_length(length).start().unwrap();
        let line = Run::new(&sandbox, "credentials").succeed().json_lines().remove(0);
        assert_eq!(line["SessionToken"].as_str().map(str::len), Some(length));
        Run::new(&sandbox, "send").arg(file(&sandbox, "a.bin", 60_000)).succeed();
        assert_eq!(sandbox.objects().len(), 1);
    }
}

#[test]
fn from_the_container_endpoint_as_greengrass_gives_it() {
    let sandbox = sandbox();
    let endpoint = sandbox.container_endpoint();
    // The name has an IPv6 address on most machines, and the server listens on IPv4 only.
    assert!(endpoint.full_uri.starts_with("http://localhost:"));
    let run = container(&sandbox, "send")
        .env(TOKEN, &endpoint.authorization_token)
        .arg("-v")
        .arg(file(&sandbox, "a.bin", 60_000))
        .succeed();
    assert!(run.stderr.contains("credentials: container"), "{run:?}");
    assert_eq!((sandbox.objects().len(), sandbox.messages().len()), (1, 1));
    assert_eq!((sandbox.counts(Service::Container).requests, sandbox.counts(Service::Credentials).requests), (1, 0));
}

#[test]
fn the_token_s_file_counts_before_its_variable() {
    let sandbox = sandbox();
    let endpoint = sandbox.container_endpoint();
    let right = write(sandbox.folder(), "right", format!("{}\n", endpoint.authorization_token).as_bytes());
    let wrong = write(sandbox.folder(), "wrong", b"not the token");
    container(&sandbox, "credentials").env(TOKEN_FILE, &right).env(TOKEN, "not the token").succeed();
    let run =
        container(&sandbox, "credentials").env(TOKEN_FILE, &wrong).env(TOKEN, &endpoint.authorization_token).finish();
    assert_eq!(run.code, Some(77), "{run:?}");
    assert!(run.stderr.contains(TOKEN_FILE), "{run:?}");
}

#[test]
fn from_the_environment() {
    let sandbox = sandbox();
    let issued = sandbox.issue_credentials(Duration::from_secs(600)).unwrap();
    let run =
        environment(Run::without_configuration("send").args(["--config-json", &without_role_alias(&sandbox)]), &issued)
            .arg("-v")
            .arg(file(&sandbox, "a.bin", 60_000))
            .succeed();
    assert!(run.stderr.contains("credentials: environment"), "{run:?}");
    assert_eq!((sandbox.objects().len(), sandbox.counts(Service::Credentials).requests), (1, 0));
}

#[test]
fn the_role_alias_comes_first_then_the_container_then_the_environment() {
    let sandbox = sandbox();
    let issued = sandbox.issue_credentials(Duration::from_secs(600)).unwrap();
    let endpoint = sandbox.container_endpoint();
    let everything = |run: Run| {
        environment(run, &issued).env(FULL_URI, &endpoint.full_uri).env(TOKEN, &endpoint.authorization_token).arg("-v")
    };
    let source = |run: Run| {
        let stderr = run.succeed().stderr;
        let (_, rest) = stderr.split_once("credentials: ").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let without = without_role_alias(&sandbox);
    let bare = || Run::without_configuration("credentials").args(["--config-json", &without]);
    assert_eq!(source(everything(Run::new(&sandbox, "credentials"))), "role-alias");
    assert_eq!(source(everything(bare())), "container");
    assert_eq!(source(environment(bare(), &issued).arg("-v")), "environment");
    for named in ["role-alias", "container", "environment"] {
        assert_eq!(source(everything(Run::new(&sandbox, "credentials")).args(["--credentials", named])), named);
    }
}

#[test]
fn a_source_that_fails_is_not_replaced_by_the_next() {
    let sandbox = sandbox();
    let issued = sandbox.issue_credentials(Duration::from_secs(600)).unwrap();
    let run = environment(Run::new(&sandbox, "credentials"), &issued).args(["--role-alias", "no-such-alias"]).finish();
    assert_eq!((run.code, run.stdout.as_str()), (Some(77), ""), "{run:?}");
}

/// The credentials are good enough for S3.
fn works(sandbox: &Sandbox, id: &Value, secret: &Value, token: &Value) {
    let seen = sandbox.objects().len();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let issued =
        IssuedCredentials { access_key_id: text(id), secret_access_key: text(secret), session_token: text(token) };
    environment(Run::new(sandbox, "put"), &issued)
        .args(["--credentials", "environment"])
        .arg(file(sandbox, "probe", 10))
        .arg("s3://sandbox-bucket/probe")
        .succeed();
    assert_eq!(sandbox.objects().len(), seen + 1);
}

fn check_expiration(value: &Value) {
    let expiration = homing::protocol::time::parse_iso8601(value.as_str().unwrap()).unwrap();
    let left = expiration - crate::support::now();
    assert!((3500..=3600).contains(&left), "{left}");
}

fn container(sandbox: &Sandbox, command: &str) -> Run {
    Run::without_configuration(command)
        .args(["--config-json", &without_role_alias(sandbox)])
        .env(FULL_URI, sandbox.container_endpoint().full_uri)
}

fn environment(run: Run, issued: &IssuedCredentials) -> Run {
    run.env("AWS_ACCESS_KEY_ID", &issued.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &issued.secret_access_key)
        .env("AWS_SESSION_TOKEN", &issued.session_token)
}

fn without_role_alias(sandbox: &Sandbox) -> String {
    let mut configuration = sandbox.configuration();
    for name in ["role_alias", "credential_endpoint"] {
        configuration.as_object_mut().unwrap().remove(name);
    }
    configuration.to_string()
}

const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

//! `homing secret get`.

use std::process::{Command, Stdio};

use crate::service::{BINARY, JSON, ODD, PATH, PLAIN, call, long, service};
use crate::support::boto::Keys;
use crate::support::directory::Directory;
use crate::support::nginx::Builder;
use crate::support::pki::Authority;

#[test]
fn a_secret_is_printed_byte_by_byte() {
    let Some(service) = service() else { return };
    for (id, value) in [("plain", PLAIN), ("json", JSON), ("odd", ODD)] {
        let outcome = service.homing(&["secret", "get", id]).run();
        assert_eq!(outcome.expect_code(0).stdout, value, "{outcome}");
        assert_eq!(outcome.stderr, "", "{outcome}");
    }
    let by_arn = service.homing(&["secret", "get", &service.arn]).run();
    assert_eq!(by_arn.expect_code(0).stdout, JSON);
}

#[test]
fn the_longest_value_comes_whole() {
    let Some(service) = service() else { return };
    let outcome = service.homing(&["secret", "get", "long"]).run();
    assert!(outcome.expect_code(0).stdout == long(), "it differs");
    // As a variable, too: the kernel takes 128 KiB.
    let outcome = service.homing(&["exec", "--secret", "LONG=long", "--", "sh", "-c", "printf %s \"$LONG\""]).run();
    assert!(outcome.expect_code(0).stdout == long(), "it differs");
}

#[test]
fn binary_secrets_are_bytes() {
    let Some(service) = service() else { return };
    let output = service.command(&["secret", "get", "binary"]).output().unwrap();
    assert!(output.status.success() && output.stdout == BINARY, "{output:?}");
    // What is text was meant as text.
    let outcome = service.homing(&["exec", "--secret", "V=binary-text:a", "--", "printenv", "V"]).run();
    assert_eq!(outcome.expect_code(0).stdout, "canary-b\n");
    let outcome = service.homing(&["exec", "--secret", "MY_VARIABLE=binary", "--", "echo", "ran"]).run();
    outcome.expect_code(65).expect_error("MY_VARIABLE").expect_error("is binary").expect_error("secret get binary");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_terminal_gets_a_newline_and_no_bytes_that_are_no_text() {
    let Some(service) = service() else { return };
    let script = |id: &str| format!("{} secret get {id}", env!("CARGO_BIN_EXE_homing"));
    // script(1) gives the command a terminal, which turns a newline into two characters.
    let run = |id: &str| {
        let mut command = service.prepared(Command::new("script"));
        command.args(["--quiet", "--return", "--command", &script(id), "/dev/null"]);
        let output = command.env("PATH", PATH).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run("plain"), (Some(0), format!("{PLAIN}\r\n")));
    let (code, text) = run("binary");
    assert!(code == Some(65) && text.contains("> FILE"), "{text}");
}

#[test]
fn a_field_is_one_keys_value() {
    let Some(service) = service() else { return };
    for (field, value) in [("mypat", "ghp_canary\"1"), ("port", "5432"), ("db.user", "u"), ("on", "true")] {
        assert_eq!(service.homing(&["secret", "get", "json", "--field", field]).run().expect_code(0).stdout, value);
    }
    let outcome = service.homing(&["secret", "get", "json", "--field", "nope"]).run();
    outcome.expect_code(65).expect_error(r#"has no key "nope", only "mypat", "port""#).expect_nowhere("canary");
    let outcome = service.homing(&["secret", "get", "plain", "--field", "a"]).run();
    outcome.expect_code(65).expect_error("is no JSON object").expect_nowhere("canary");
}

#[test]
fn a_version_is_named_by_its_label_or_id() {
    let Some(service) = service() else { return };
    let old = service.homing(&["secret", "get", "versions", "--version-stage", "AWSPREVIOUS"]).run();
    assert_eq!(old.expect_code(0).stdout, "canary-old");
    let id = service.first_version.as_str();
    let old = service.homing(&["secret", "get", "versions", "--version-id", id]).run();
    assert_eq!(old.expect_code(0).stdout, "canary-old");
    assert_eq!(service.homing(&["secret", "get", "versions"]).run().expect_code(0).stdout, "canary-new");
    let none = service.homing(&["secret", "get", "versions", "--version-stage", "NOPE"]).run();
    none.expect_code(77).expect_error("ResourceNotFoundException").expect_error("check the secret's name");
}

#[test]
fn refusals_say_what_to_do() {
    let Some(service) = service() else { return };
    service
        .homing(&["secret", "get", "absent"])
        .run()
        .expect_code(77)
        .expect_error("secret \"absent\": Secrets Manager answered 404 ResourceNotFoundException")
        .expect_error("region");
    // The secret is in another region than the one that is asked, by its name; its ARN says where it is.
    service.homing(&["--region", "eu-west-1", "secret", "get", "plain"]).run().expect_code(77).expect_error("region");
    service.homing(&["--region", "eu-west-1", "secret", "get", &service.arn]).run().expect_code(0);
    // moto tells these three apart in XML, which AWS would not send here; that each is refused is what it is good for.
    let denied = call(service, &service.stranger, &["secret", "get", "plain"]).run();
    denied.expect_code(77).expect_error("answered 403").expect_error("secretsmanager:GetSecretValue");
    let mut keys = service.session();
    keys.secret_access_key.push('x');
    let wrong = call(service, &keys, &["secret", "get", "plain"]).run();
    wrong.expect_code(77).expect_error("answered 403").expect_nowhere(&keys.secret_access_key);
    let foreign = Keys { session_token: service.session().session_token, ..service.session() };
    call(service, &foreign, &["secret", "get", "plain"]).run().expect_code(77).expect_error("answered 40");
}

#[test]
fn expired_credentials_are_named() {
    let Some(service) = service() else { return };
    let directory = Directory::new("expired");
    let authority = Authority::new("expired authority");
    let ca_file = authority.write(&directory, "ca.pem");
    let mut builder = Builder::new();
    let body =
        r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
    let directives = format!("default_type application/json; return 400 '{body}';");
    let port = builder.server(&authority.server(&directory, "server", &["localhost"]), &directives);
    let _front = builder.start();
    service
        .homing(&["secret", "get", "plain", "--endpoint-url", &format!("https://localhost:{port}")])
        .env("HOMING_CA_FILE", ca_file)
        .run()
        .expect_code(77)
        .expect_error("ExpiredTokenException")
        .expect_error("get new credentials");
}

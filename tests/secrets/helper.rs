//! `homing git-credential`, asked as git asks.

use crate::service::{fetched, service};
use crate::support::homing::homing;

#[test]
fn git_gets_the_password_of_its_host() {
    let Some(service) = service() else { return };
    let ask = |flag: &str, operation: &str, input: &str| {
        service.homing(&["git-credential", "-vvv", "--git", flag, operation]).stdin(input).run()
    };
    let asked = "capability[]=authtype\nprotocol=https\nhost=git.example\n\n";
    let answer = "username=x-access-token\npassword=ghp_canary\"1\n";
    assert_eq!(ask("git.example=json:mypat", "get", asked).expect_code(0).stdout, answer);
    assert_eq!(ask("me@git.example=lines", "get", asked).expect_code(0).stdout, "username=me\npassword=canary-line\n");
    for (flag, operation, input) in [
        ("git.example=json:mypat", "get", "protocol=https\nhost=other.example\n\n"),
        ("git.example=json:mypat", "get", "protocol=http\nhost=git.example\n\n"),
        ("git.example=json:mypat", "store", "protocol=https\nhost=git.example\nusername=a\npassword=canary-c\n\n"),
        ("git.example=json:mypat", "erase", asked),
        ("git.example=json:mypat", "of-the-future", asked),
    ] {
        let outcome = ask(flag, operation, input);
        outcome.expect_code(0).expect_nowhere("canary");
        assert_eq!((outcome.stdout.as_str(), fetched(&outcome)), ("", 0), "{outcome}");
    }
    for (flag, said) in [
        ("git.example=json", "name one of its keys behind a colon, json:KEY; it has \"mypat\""),
        ("git.example=odd", "more than one line"),
        ("git.example=json:nope", "\"mypat\""),
    ] {
        ask(flag, "get", asked).expect_code(65).expect_error(said).expect_nowhere("canary");
    }
}

#[test]
fn git_gets_a_password_from_a_variable_without_aws() {
    let run = |name: &str| {
        homing(["git-credential", "-vvv", "--git-variable", &format!("git.example={name}"), "get"])
            .env("HOMING_GIT_CREDENTIAL_0", "canary-d")
            .env("HOMING_CONFIG", "/nowhere")
            .stdin("protocol=https\nhost=git.example\n\n")
            .run()
    };
    let answer = run("HOMING_GIT_CREDENTIAL_0");
    assert_eq!(answer.expect_code(0).stdout, "username=x-access-token\npassword=canary-d\n");
    run("HOMING_GIT_CREDENTIAL_1").expect_code(78).expect_error("HOMING_GIT_CREDENTIAL_1").expect_nowhere("canary");
}

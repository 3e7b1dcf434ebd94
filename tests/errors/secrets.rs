//! Nothing secret is printed, however much is asked for.

use crate::support::{Run, Scene};
use homing_sandbox::{Answer, ConnectProxy, Fault, MqttFault, Service};
use serde_json::json;

/// What the credential provider hands out in these tests.
const ACCESS_KEY: &str = "ASIACANARYCANARY0000";
const SECRET_KEY: &str = "secret-access-key-canary-7Jq2";
const TOKEN: &str = "session-token-canary-Zx81+/==";
const PROXY_PASSWORD: &str = "proxy-password-canary";
const CONTAINER_TOKEN: &str = "container-token-canary";

#[test]
fn no_output_at_any_verbosity_has_a_secret_in_it() {
    let mut scene = Scene::new();
    for secret in [SECRET_KEY, TOKEN, PROXY_PASSWORD, CONTAINER_TOKEN] {
        scene.keep_secret(secret);
    }
    let (small, large) = (scene.small(), scene.large());
    let proxy = ConnectProxy::start_with_authentication("user", PROXY_PASSWORD).unwrap();
    let mut runs: Vec<Run> = Vec::new();
    let credentials = json!({ "credentials": {
        "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY, "sessionToken": TOKEN, "expiration": "2099-01-01T00:00:00Z",
    }});
    let send = |scene: &Scene| {
        let mut command = scene.command(&["send", "-vvv", "--json"]);
        scene.finish(command.args([&small, &large]))
    };
    let answer = Answer::new(200, "application/json", credentials.to_string());

    // Real credentials, all the way through.
    runs.push(send(&scene));
    scene.variable("HTTPS_PROXY", format!("http://user:{PROXY_PASSWORD}@{}", proxy.address()));
    runs.push(send(&scene));
    assert!(runs.iter().all(|run| run.code == 0), "{runs:?}");
    // Canaries that S3 does not know, and errors that repeat them.
    scene.answer(Service::Credentials, answer);
    runs.push(send(&scene));
    let echo = format!(
        "<Error><Code>InvalidToken</Code><Message>The provided token is malformed</Message><Token-0>{TOKEN}</Token-0></Error>"
    );
    scene.answer(Service::S3, Answer::new(400, "application/xml", echo));
    runs.push(send(&scene));
    scene.sandbox.set_fault(Service::S3, Fault::new().reset_after_request(50_000));
    runs.push(send(&scene));
    scene.sandbox.set_fault(Service::Mqtt, Fault::new().mqtt(MqttFault::Close));
    runs.push(send(&scene));
    // Replies that cannot be read, with the secrets in them.
    for body in [
        format!(
            r#"{{"credentials":{{"accessKeyId":"{ACCESS_KEY}","secretAccessKey":"{SECRET_KEY}","sessionToken":"{TOKEN}"#
        ),
        format!(r#"{{"credentials":{{"secretAccessKey":"{SECRET_KEY}","sessionToken":"{TOKEN}","expiration":"x"}}}}"#),
        format!(r#"{{"credentials":{{"secretAccessKey":["{SECRET_KEY}"],"sessionToken":"{TOKEN}"}}}}"#),
        format!("{SECRET_KEY} {TOKEN}"),
    ] {
        scene.answer(Service::Credentials, Answer::new(200, "application/json", body));
        runs.push(send(&scene));
    }
    // The wrong proxy password, and a proxy URL that cannot be used.
    scene.variable("HTTPS_PROXY", format!("http://other:{PROXY_PASSWORD}@{}", proxy.address()));
    runs.push(send(&scene));
    scene.variable("HTTPS_PROXY", format!("socks5://user:{PROXY_PASSWORD}@127.0.0.1:1"));
    runs.push(send(&scene));
    // Container credentials, and those of the environment.
    scene.variable("HTTPS_PROXY", "").unset("role_alias").unset("credential_endpoint");
    scene.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", scene.sandbox.container_endpoint().full_uri);
    for token in [CONTAINER_TOKEN.to_owned(), format!("{CONTAINER_TOKEN}\n")] {
        scene.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", token);
        runs.push(send(&scene));
    }
    scene.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "").variable("AWS_ACCESS_KEY_ID", ACCESS_KEY);
    scene.variable("AWS_SECRET_ACCESS_KEY", SECRET_KEY).variable("AWS_SESSION_TOKEN", TOKEN);
    runs.push(send(&scene));

    // Every run was checked as it ended. What was issued for real is known only now, from what S3 was sent.
    let issued: Vec<String> = scene
        .sandbox
        .exchanges()
        .iter()
        .flat_map(|exchange| exchange.headers.clone())
        .filter(|(name, _)| name == "x-amz-security-token")
        .map(|(_, value)| value)
        .collect();
    assert!(
        issued.iter().any(|token| token == TOKEN) && issued.iter().any(|token| token != TOKEN),
        "no token was sent"
    );
    for run in &runs {
        assert!(issued.iter().all(|token| !run.stderr.contains(token) && !run.stdout.contains(token)), "{run:?}");
        assert!(run.code == 78 || run.stderr.lines().count() > 5, "-vvv said nothing: {run:?}");
    }
}

#[test]
fn only_the_command_that_is_asked_for_credentials_prints_them_and_only_to_standard_output() {
    let scene = Scene::new();
    let credentials = json!({ "credentials": {
        "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY, "sessionToken": TOKEN, "expiration": "2099-01-01T00:00:00Z",
    }});
    scene.answer(Service::Credentials, Answer::new(200, "application/json", credentials.to_string()));
    let run = scene.homing(&["credentials", "-vvv"]);
    run.succeeded();
    assert!(run.stdout.contains(SECRET_KEY) && run.stdout.contains(TOKEN));
    assert!(!run.stderr.contains(SECRET_KEY) && !run.stderr.contains(TOKEN), "{}", run.stderr);
}

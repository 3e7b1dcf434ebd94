//! `codeartifact token` and `endpoint`: what they print, and how they are refused.

use std::time::Duration;

use homing_sandbox::{Answer, Fault, Sandbox, Service};
use serde_json::json;

use crate::scene::Scene;
use crate::support::boto::{Client, Keys};
use crate::support::packages;

#[test]
fn a_token_of_8_kib_is_printed_alone() {
    let scene = Scene::without_index(Sandbox::builder().package_token_length(8192));
    let run = scene.homing(&["codeartifact", "token", "--domain", "sandbox-domain"]).run();
    run.expect_code(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (format!("{}\n", scene.token()).as_str(), ""));

    let run = scene.homing(&["codeartifact", "token", "sandbox-domain", "--duration", "900", "--json"]).run();
    let line = run.json_lines().remove(0);
    assert_eq!(line["authorizationToken"], scene.token().as_str());
    let left = homing::protocol::time::parse_iso8601(line["expiration"].as_str().unwrap()).unwrap() - now();
    assert!((600..=900).contains(&left), "{left}");

    let flags = ["--domain-owner", "111122223333", "--duration", "0"];
    scene.homing(&[&["codeartifact", "token", "sandbox-domain"], &flags[..]].concat()).run().expect_code(0);
    let durations: Vec<_> = scene.sandbox.package_tokens().iter().map(|token| token.duration).collect();
    assert_eq!(durations, [None, Some(900), Some(0)]);
    assert_eq!(scene.files_with(&scene.token()), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn an_endpoint_is_printed_for_each_format() {
    let scene = Scene::without_index(Sandbox::builder());
    let port = scene.sandbox.port(Service::Repositories);
    for format in homing::cli::codeartifact::FORMATS {
        let arguments = ["codeartifact", "endpoint", "sandbox-domain/sandbox-repo", "--format", format];
        let run = scene.homing(&arguments).run();
        run.expect_code(0);
        assert_eq!(run.stdout, format!("https://localhost:{port}/{format}/sandbox-repo/\n"));
    }
    let flags = ["--domain", "sandbox-domain", "--repository", "sandbox-repo", "--json"];
    let run = scene.homing(&[&["codeartifact", "endpoint"], &flags[..]].concat()).run();
    assert_eq!(
        run.json_lines(),
        [json!({ "repositoryEndpoint": format!("https://localhost:{port}/pypi/sandbox-repo/") })]
    );
    // One connection for the two calls of a login, none left over.
    let counts = scene.sandbox.counts(Service::CodeArtifact);
    assert_eq!((counts.connections, counts.requests), (9, 9));
}

/// The sandbox is what AWS's own client takes for CodeArtifact, and homing asks as that does.
#[test]
fn boto3_gets_the_same_from_the_sandbox() {
    if !packages::available("codeartifact", &[packages::BOTO]) {
        return;
    }
    let scene = Scene::without_index(Sandbox::builder());
    let issued = scene.sandbox.issue_credentials(Duration::from_secs(600)).unwrap();
    let client = Client {
        endpoint: format!("https://localhost:{}", scene.sandbox.port(Service::CodeArtifact)),
        ca_file: scene.sandbox.certificates().ca.clone(),
        keys: Some(Keys {
            access_key_id: issued.access_key_id,
            secret_access_key: issued.secret_access_key,
            session_token: Some(issued.session_token),
        }),
        environment: Vec::new(),
    };
    let owned = json!({ "domain": "sandbox-domain", "domainOwner": "111122223333", "durationSeconds": 900 });
    let token = client.call("codeartifact", "get_authorization_token", owned);
    assert_eq!(token["authorizationToken"], scene.token().as_str());
    let repository = json!({ "domain": "sandbox-domain", "repository": "sandbox-repo", "format": "npm" });
    client.call("codeartifact", "get_repository_endpoint", repository);
    let other = json!({ "domain": "other-domain" });
    let refusal = client.attempt("codeartifact", "get_authorization_token", other, None);
    assert_eq!((&refusal["error"]["Code"], &refusal["status"]), (&json!("AccessDeniedException"), &json!(403)));

    let flags = ["--domain-owner", "111122223333", "--duration", "900"];
    scene.homing(&[&["codeartifact", "token", "sandbox-domain"], &flags[..]].concat()).run().expect_code(0);
    scene.homing(&["codeartifact", "endpoint", "sandbox-domain/sandbox-repo", "--format", "npm"]).run().expect_code(0);
    let asked: Vec<(String, String)> = scene
        .sandbox
        .exchanges()
        .into_iter()
        .filter(|exchange| exchange.service == Service::CodeArtifact)
        .map(|exchange| (exchange.method, exchange.path))
        .collect();
    let sorted = |target: &str| {
        let (path, query) = target.split_once('?').unwrap();
        let mut pairs: Vec<String> = query.split('&').map(str::to_owned).collect();
        pairs.sort();
        (path.to_owned(), pairs)
    };
    for (boto, homing) in [(0, 3), (1, 4)] {
        assert_eq!(asked[boto].0, asked[homing].0);
        assert_eq!(sorted(&asked[boto].1), sorted(&asked[homing].1));
    }
}

#[test]
fn refusals_say_what_to_do() {
    let scene = Scene::without_index(Sandbox::builder());
    let token =
        |domain: &str, flags: &[&str]| scene.homing(&[&["codeartifact", "token", domain], flags].concat()).run();
    let denied = token("other-domain", &[]);
    denied.expect_code(77).expect_error("AccessDeniedException");
    for action in ["GetAuthorizationToken", "GetRepositoryEndpoint", "ReadFromRepository", "sts:GetServiceBearerToken"]
    {
        denied.expect_error(action);
    }
    token("sandbox-domain", &["--domain-owner", "999999999999"]).expect_code(77).expect_error("--domain-owner");
    token("sandbox-domain", &["--duration", "60"]).expect_code(64).expect_error("neither 0 nor 900 to 43200");
    scene
        .homing(&["codeartifact", "endpoint", "sandbox-domain/other"])
        .run()
        .expect_code(77)
        .expect_error("ResourceNotFoundException")
        .expect_error("sandbox-domain/other");
    token("sandbox-domain", &["--region", "eu-central-1"]).expect_code(77).expect_error("InvalidSignatureException");
    assert_eq!(scene.sandbox.package_tokens(), []);

    let throttled = Answer::new(429, "application/json", r#"{"message":"Rate exceeded"}"#)
        .header("x-amzn-errortype", "ThrottlingException");
    scene.sandbox.set_fault(Service::CodeArtifact, Fault::new().answer(throttled));
    token("sandbox-domain", &[]).expect_code(75).expect_error("try again");
    scene.sandbox.set_fault(Service::CodeArtifact, Fault::new().answer(Answer::captive_portal()));
    token("sandbox-domain", &[]).expect_code(69).expect_error("check the endpoint");
    scene.sandbox.clear_fault(Service::CodeArtifact);
    scene.sandbox.set_clock_offset(Service::CodeArtifact, 7200);
    token("sandbox-domain", &[]).expect_code(77).expect_error("set this device's clock");
}

#[test]
fn no_token_is_in_any_log_or_error() {
    let scene = Scene::without_index(Sandbox::builder());
    let run = scene.homing(&["codeartifact", "token", "sandbox-domain", "-vvv"]).run();
    run.expect_code(0).expect_error("/v1/authorization-token");
    assert!(!run.stderr.contains(&scene.token()), "{run}");
    for body in [
        r#"{"authorizationToken":"canary-4711"#,
        r#"{"authorizationToken":["canary-4711"]}"#,
        r#"{"authorizationToken":"canary-4711 with spaces"}"#,
        "canary-4711",
    ] {
        let answer = Answer::new(200, "application/json", body);
        scene.sandbox.set_fault(Service::CodeArtifact, Fault::new().answer(answer));
        let run = scene.homing(&["codeartifact", "token", "sandbox-domain", "-vvv"]).run();
        run.expect_code(69).expect_nowhere("canary-4711");
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

//! `homing presign` and `homing send --presign`: what their URLs are good for, with curl.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use homing_sandbox::{Sandbox, Service};
use serde_json::json;

use crate::support::{Run, bytes, file, json, now, sandbox, sha256, text};

#[test]
fn a_url_fetches_the_object_and_nothing_else() {
    if !are_installed(&["curl"]) {
        return;
    }
    let sandbox = sandbox();
    let content = bytes(200_000);
    put(&sandbox, "a b/ü?&=+.jpg", 200_000);
    let run = Run::new(&sandbox, "presign").arg("s3://sandbox-bucket/a b/ü?&=+.jpg").succeed();
    let url = run.stdout.strip_suffix('\n').unwrap();
    assert!(url.starts_with("https://localhost:") && url.contains("X-Amz-Expires=3600&"), "{url}");
    assert_eq!(run.stderr, "");
    assert_eq!(curl(&sandbox, &[url]), (200, content));

    put(&sandbox, "other", 10);
    for wrong in
        [url.replace("a%20b/", "a%20b/x"), url.replace("Expires=3600", "Expires=3601"), with_another_signature(url)]
    {
        assert_eq!(curl(&sandbox, &[&wrong]).0, 403, "{wrong}");
    }
    assert_eq!(curl(&sandbox, &["-X", "DELETE", url]).0, 403);
    assert_eq!(curl(&sandbox, &["-T", file(&sandbox, "x", 10).to_str().unwrap(), url]).0, 403);
}

#[test]
fn a_url_to_store_with_stores() {
    if !are_installed(&["curl"]) {
        return;
    }
    let sandbox = sandbox();
    let run = Run::new(&sandbox, "presign").args(["--put", "--expires=60", "s3://sandbox-bucket/k"]).succeed();
    let url = run.stdout.trim_end();
    let path = file(&sandbox, "x", 200_000);
    assert_eq!(curl(&sandbox, &["-T", path.to_str().unwrap(), url]).0, 200);
    let object = sandbox.objects().pop().unwrap();
    assert_eq!((object.key.as_str(), object.sha256), ("k", sha256(&bytes(200_000))));
    assert_eq!(curl(&sandbox, &[url]).0, 403);
}

#[test]
fn a_url_that_has_expired_is_refused() {
    if !are_installed(&["curl", "faketime"]) {
        return;
    }
    let sandbox = sandbox();
    put(&sandbox, "k", 10);
    // With credentials of its own homing asks nobody, so that nobody minds the clock.
    let issued = sandbox.issue_credentials(Duration::from_secs(600)).unwrap();
    let presigned = |time: &str| {
        let mut command = Command::new("faketime");
        command.args([
            "-f",
            time,
            crate::support::HOMING,
            "presign",
            "--expires",
            "60",
            "--credentials",
            "environment",
        ]);
        command.args(["s3://sandbox-bucket/k", "--config"]).arg(sandbox.config_path());
        command.env("AWS_ACCESS_KEY_ID", &issued.access_key_id);
        command.env("AWS_SECRET_ACCESS_KEY", &issued.secret_access_key);
        command.env("AWS_SESSION_TOKEN", &issued.session_token);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(curl(&sandbox, &[&presigned("-120s")]).0, 403);
    assert_eq!(curl(&sandbox, &[&presigned("-1s")]).0, 200);
    assert_eq!(sandbox.counts(Service::Credentials).connections, 1, "only the put asked for credentials");
}

#[test]
fn a_url_that_ends_with_its_credentials_is_told() {
    let sandbox = Sandbox::builder().credential_lifetime(Duration::from_secs(900)).start().unwrap();
    let presign =
        |flags: &[&str]| Run::new(&sandbox, "presign").args(["s3://sandbox-bucket/k", "-v"]).args(flags).succeed();
    let run = presign(&["--expires", "604800", "--json"]);
    let line = run.json_lines().remove(0);
    assert!(run.stderr.contains("warning: the URL ends with the temporary credentials"), "{run:?}");
    let expires = line["expires"].as_str().unwrap();
    assert!(run.stderr.contains(expires) && run.stderr.contains("not after the 604800 s of --expires"), "{run:?}");
    assert_eq!(line["method"], "GET");
    assert!(line["url"].as_str().unwrap().contains("X-Amz-Expires=604800&"), "{line}");
    // Nobody asked for more than there is.
    for flags in [&[][..], &["--expires", "600"]] {
        assert!(!presign(flags).stderr.contains("the URL ends"), "{flags:?}");
    }
}

#[test]
fn a_presigned_message_lets_its_reader_fetch_the_object() {
    if !are_installed(&["curl"]) {
        return;
    }
    // The longest token that homing takes, and a name and a key that JSON and URLs have to escape.
    let sandbox = Sandbox::builder().token_length(4096).start().unwrap();
    for flags in [&["--presign"][..], &["--presign", "--expires", "900"], &["--presign", "--via", "https"]] {
        let path = file(&sandbox, "wo \"ist\" +ü.bin", 60_000);
        let run = Run::new(&sandbox, "send").args(flags).args(["--json", "-vvv"]).arg(&path).succeed();
        let message = sandbox.messages().pop().unwrap();
        let seconds = if flags.contains(&"900") { 900 } else { 3600 };
        let fields = json(&message);
        let url = fields["url"].as_str().unwrap();
        assert!(url.len() > 4096 && url.contains(&format!("X-Amz-Expires={seconds}&")), "{url}");
        assert_eq!(curl(&sandbox, &[url]), (200, bytes(60_000)));
        let expires = fields["expires"].as_str().unwrap();
        let left = Command::new("date").args(["+%s", "-d", expires]).output().unwrap();
        let left = String::from_utf8(left.stdout).unwrap().trim_end().parse::<i64>().unwrap() - now();
        assert!((seconds - 120..=seconds).contains(&left), "{expires}");
        assert_eq!((&fields["type"], &fields["size"]), (&json!("s3_url"), &json!(60_000)));
        // It is a password: nobody but the message's readers get it.
        let token = url.split("X-Amz-Security-Token=").nth(1).unwrap().split('&').next().unwrap();
        for secret in [token, "X-Amz-Signature"] {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{run:?}");
        }
    }
}

#[test]
fn without_presign_a_message_has_no_end_and_what_is_inline_has_no_url() {
    let sandbox = sandbox();
    Run::new(&sandbox, "send").arg(file(&sandbox, "a", 60_000)).succeed();
    let message = sandbox.messages().pop().unwrap();
    assert!(!text(&message).contains("expires") && !text(&message).contains("X-Amz"), "{}", text(&message));
    Run::new(&sandbox, "send").arg("--presign").arg(file(&sandbox, "a", 10)).succeed();
    let message = sandbox.messages().pop().unwrap();
    assert_eq!(json(&message)["type"], "file_content");
    assert!(!text(&message).contains("X-Amz"));
}

fn put(sandbox: &Sandbox, key: &str, size: usize) {
    Run::new(sandbox, "put").arg(file(sandbox, "source", size)).arg(format!("s3://sandbox-bucket/{key}")).succeed();
}

/// Whether tests/setup has installed these programs; where it cannot, the test is skipped with a loud line, but not in CI.
fn are_installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_missing = |name: &&&str| !std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let Some(missing) = programs.iter().find(is_missing) else { return true };
    assert!(std::env::var_os("CI").is_none(), "{missing} is missing; nothing may be skipped in CI");
    let _ = writeln!(std::io::stderr(), "SKIPPED: presigned URLs: {missing} is missing; run tests/setup");
    false
}

/// With another first digit.
fn with_another_signature(url: &str) -> String {
    let (before, signature) = url.split_once("X-Amz-Signature=").unwrap();
    let digit = if signature.starts_with('0') { '1' } else { '0' };
    format!("{before}X-Amz-Signature={digit}{}", &signature[1..])
}

/// Status and body of curl's request; it trusts the sandbox and nobody else.
fn curl(sandbox: &Sandbox, arguments: &[&str]) -> (u16, Vec<u8>) {
    let body = sandbox.folder().join("curl-body");
    let _ = std::fs::remove_file(&body);
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--globoff", "--noproxy", "*", "--write-out", "%{http_code}", "--cacert"])
        .arg(&sandbox.certificates().ca)
        .arg("--output")
        .arg(&body)
        .args(arguments)
        .output()
        .expect("curl, which tests/setup installs");
    let status = String::from_utf8(output.stdout.clone()).unwrap().parse().unwrap_or_else(|_| panic!("{output:?}"));
    (status, std::fs::read(body).unwrap_or_default())
}

//! Neither the token nor the keys are anywhere but where they have to be.

use std::fs;
use std::path::Path;

use crate::serving::{Device, fixed_keys};
use crate::support::directory::Directory;
use crate::support::{nginx, packages};

const SECRET: &str = "secret-access-key-canary-7Jq2";
const SESSION: &str = "session-token-canary-Zx81+/==";

#[test]
fn secrets_are_in_no_argument_log_or_file() {
    if !packages::available("serve", nginx::PROGRAMS) {
        return;
    }
    let reply = serde_json::json!({ "credentials": {
        "accessKeyId": "ASIACANARYCANARY0000",
        "secretAccessKey": SECRET,
        "sessionToken": SESSION,
        "expiration": crate::serving::in_seconds(250),
    }});
    let device = Device::start(&reply.to_string());
    let home = Directory::new("home");
    let file = home.join("token");
    let mut command = device.homing();
    command.args(["-vvv", "serve", "--print-env", "--token-file"]).arg(&file).current_dir(home.path());
    for name in ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"] {
        command.env(name, home.path());
    }
    let mut serving = crate::serving::Serving::start(&mut command);
    let token = serving.token().to_owned();
    let secrets = [SECRET, SESSION, &token];

    // Answers of every kind, and a refresh that fails.
    assert!(serving.fetch().body.contains(SECRET));
    let mut wrong = token.clone();
    wrong.replace_range(..1, "x");
    for request in [
        serving.request().replacen("GET", "POST", 1),
        serving.request().replacen("/credentials", "/", 1),
        serving.request().replacen(&token, &wrong, 1),
        serving.request().replacen("Host", "Host : x\r\nHost", 1),
        format!("{}{}", serving.request().trim_end(), "x".repeat(5000)),
    ] {
        let response = serving.exchange(&request);
        for secret in secrets {
            assert!(!response.head.contains(secret) && !response.body.contains(secret), "{response:?}");
        }
    }
    device.set_reply(None);
    let requests = device.requests();
    crate::serving::until("a refresh has failed", || {
        serving.fetch();
        (device.requests() > requests).then_some(())
    });

    let process = Path::new("/proc").join(serving.child.id().to_string());
    let arguments = fs::read(process.join("cmdline")).unwrap();
    assert!(arguments.starts_with(env!("CARGO_BIN_EXE_homing").as_bytes()));
    let environment = fs::read(process.join("environ")).unwrap_or_default();
    serving.signal(rustix::process::Signal::TERM);
    assert_eq!(serving.wait().code(), Some(0));
    let log = serving.log();
    assert!(log.contains("serving at http://127.0.0.1:"), "{log}");
    for secret in secrets.into_iter().chain([wrong.as_str()]) {
        assert!(!contains(&arguments, secret) && !contains(&environment, secret), "{secret} is to be seen in /proc");
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
    let files: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [file]);
}

#[test]
fn a_commands_arguments_hold_no_secret() {
    let script = r#"tr '\0' '\n' </proc/$PPID/cmdline; tr '\0' '\n' </proc/$$/cmdline; echo "token $AWS_CONTAINER_AUTHORIZATION_TOKEN""#;
    let output = fixed_keys().args(["-vvv", "serve", "--", "sh", "-c", script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // The word is in the script as well, which is an argument of both.
    let (arguments, token) = text.rsplit_once("token ").unwrap_or_else(|| panic!("{text}"));
    let token = token.trim();
    assert_eq!(token.len(), 64, "{text}");
    assert!(arguments.contains("serve") && !arguments.contains(token), "{text}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains(token));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

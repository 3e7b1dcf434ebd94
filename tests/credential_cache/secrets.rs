//! Credentials are in the one file that is theirs, and nowhere else.

use std::fs;

use homing::protocol::time::iso8601;
use serde_json::json;

use crate::bench::{Bench, files_below, mode, now};
use crate::support::directory::Directory;

const SUITE: &str = "secrets of the credential cache";
const SECRET_KEY: &str = "secret-access-key-canary-7Jq2";
const TOKEN: &str = "session-token-canary-Zx81+/==";

#[test]
fn canaries_are_in_the_cache_s_file_alone() {
    let Some(bench) = Bench::start(SUITE) else { return };
    let home = Directory::new("home");
    bench.answer(200, canaries());
    let file = home.write("a.bin", vec![7; 60_000]);
    let run = |command: &str, arguments: &[&str]| {
        let run = bench.homing(command).arg("-vvv").env("HOME", home.path()).env("TMPDIR", home.path());
        let run = arguments.iter().fold(run, |run, argument| run.arg(argument)).run();
        run.expect_error("credential cache: ");
        run
    };
    // New ones, and those of an earlier run; S3 knows neither, so that they are forgotten.
    for _ in 0..2 {
        let printed = run("credentials", &[]);
        printed.expect_code(0);
        assert!(printed.stdout.contains(SECRET_KEY) && printed.stdout.contains(TOKEN));
        assert!(!printed.stderr.contains(SECRET_KEY) && !printed.stderr.contains(TOKEN), "{printed}");
        run("send", &["--json", file.to_str().unwrap()])
            .expect_code(77)
            .expect_nowhere(SECRET_KEY)
            .expect_nowhere(TOKEN);
        assert!(bench.files().iter().all(|file| !file.to_str().unwrap().ends_with(".credentials")));
    }
    assert_eq!(bench.asked(), 2);
    run("credentials", &[]).expect_code(0);

    let holder = bench.file(".credentials");
    assert_eq!((mode(bench.cache()), mode(&holder)), (0o700, 0o600));
    let folders = [bench.runtime.path.as_path(), home.path(), bench.sandbox.folder()];
    let mut holders = Vec::new();
    for path in folders.into_iter().flat_map(files_below) {
        let content = fs::read(&path).unwrap();
        let holds = |canary: &str| content.windows(canary.len()).any(|window| window == canary.as_bytes());
        if holds(SECRET_KEY) || holds(TOKEN) {
            assert!(holds(SECRET_KEY) && holds(TOKEN));
            holders.push(path);
        }
    }
    assert_eq!(holders, [holder]);
}

#[test]
fn a_damaged_file_s_secrets_are_not_shown() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.answer(200, canaries());
    bench.homing("credentials").run().expect_code(0);
    let holder = bench.file(".credentials");
    let text = fs::read_to_string(&holder).unwrap();
    bench.answer(403, "{}");
    for damaged in [text.replace("\"expiration", "\"x"), text.replace('}', ""), text.replace("\"session", "session")] {
        fs::write(&holder, damaged).unwrap();
        let run = bench.homing("credentials").arg("-vvv").run();
        run.expect_code(77).expect_nowhere(SECRET_KEY).expect_nowhere(TOKEN).expect_error("cannot be read");
    }
}

#[test]
fn a_refusal_s_file_holds_no_secret_and_is_its_owner_s() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.answer(403, json!({ "message": "Access Denied", "sessionToken": TOKEN }).to_string());
    bench.homing("credentials").run().expect_code(77);
    let file = bench.file(".refusal");
    assert_eq!(mode(&file), 0o600);
    assert!(!fs::read_to_string(file).unwrap().contains(TOKEN));
}

fn canaries() -> String {
    json!({ "credentials": {
        "accessKeyId": "ASIACANARYCANARY0000", "secretAccessKey": SECRET_KEY, "sessionToken": TOKEN,
        "expiration": &*iso8601(now() + 3600),
    }})
    .to_string()
}

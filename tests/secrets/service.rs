//! moto with secrets in it, and homing as its client.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::json;

use crate::support::REGION;
use crate::support::boto::Keys;
use crate::support::homing::{Homing, Outcome, homing};
use crate::support::moto::{self, Moto};
use crate::support::packages;

/// moto with the secrets of these tests.
pub(crate) struct Secrets {
    pub(crate) moto: Moto,
    pub(crate) keys: Keys,
    /// Keys of a user who may do nothing.
    pub(crate) stranger: Keys,
    /// Of the secret `json`.
    pub(crate) arn: String,
    /// Of the secret `versions`.
    pub(crate) first_version: String,
}

impl Secrets {
    fn start() -> Self {
        let moto = Moto::start();
        moto.allow("secrets", &["secretsmanager:GetSecretValue"], "*");
        let owner = moto.owner();
        let text = |name: &str, value: &str| json!({ "Name": name, "SecretString": value });
        let secrets = json!([
            text("json", JSON),
            text("versions", "canary-old"),
            text("plain", PLAIN),
            text("odd", ODD),
            text("long", &long()),
            text("GithubToken", &json!({ "mypat": GIT_TOKEN, "wrong": "ghp_canaryOther" }).to_string()),
            text("nul", "canary\0"),
            text("lines", "canary-line\r\n"),
            // boto.py takes {"base64": …} for bytes.
            json!({ "Name": "binary", "SecretBinary": { "base64": "AP/+Y2FuYXJ5Cg==" } }),
            json!({ "Name": "binary-text", "SecretBinary": { "base64": "eyJhIjoiY2FuYXJ5LWIifQ==" } }),
        ]);
        let made = owner.call("secretsmanager", "create_secret", secrets);
        let arn = made[0]["ARN"].as_str().unwrap().to_owned();
        let first_version = made[1]["VersionId"].as_str().unwrap().to_owned();
        owner.call(
            "secretsmanager",
            "put_secret_value",
            json!({ "SecretId": "versions", "SecretString": "canary-new" }),
        );
        owner.call("iam", "create_user", json!({ "UserName": "stranger" }));
        let key = owner.call("iam", "create_access_key", json!({ "UserName": "stranger" }));
        let text = |name: &str| key["AccessKey"][name].as_str().unwrap().to_owned();
        let stranger = Keys {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: None,
        };
        Self { keys: moto.session(), moto, stranger, arn, first_version }
    }

    pub(crate) fn session(&self) -> Keys {
        self.moto.session()
    }

    /// homing with the session credentials of the device's role.
    pub(crate) fn homing(&self, words: &[&str]) -> Homing {
        call(self, &self.keys, words)
    }

    /// The same, to be started by the test itself.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.prepared(Command::new(env!("CARGO_BIN_EXE_homing")));
        command.args(words);
        command
    }

    pub(crate) fn prepared(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", PATH).env("HOMING_REGION", REGION).env("HOMING_CREDENTIALS", "environment");
        command.env("HOMING_CA_FILE", &self.moto.ca_file).env("AWS_ENDPOINT_URL", self.moto.endpoint());
        command.env("AWS_ACCESS_KEY_ID", &self.keys.access_key_id);
        command.env("AWS_SECRET_ACCESS_KEY", &self.keys.secret_access_key);
        command.env("AWS_SESSION_TOKEN", self.keys.session_token.as_ref().unwrap());
        command
    }
}

/// How many secrets homing has asked for, as it says with `-v`.
pub(crate) fn fetched(outcome: &Outcome) -> usize {
    outcome.stderr.matches("fetching secret ").count()
}

/// homing with these keys in the environment.
pub(crate) fn call(service: &Secrets, keys: &Keys, words: &[&str]) -> Homing {
    homing(["--credentials", "environment"].iter().chain(words))
        .env("PATH", PATH)
        .env("HOMING_REGION", REGION)
        .env("HOMING_CA_FILE", &service.moto.ca_file)
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", service.moto.endpoint())
        .keys(keys)
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// How many files below a folder have this text in them.
pub(crate) fn files_with(folder: &Path, text: &str) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => files_with(&path, text),
            false => usize::from(contains(&fs::read(path).unwrap(), text)),
        })
        .sum()
}

pub(crate) fn long() -> String {
    // As long as AWS takes, with everything that JSON escapes.
    let pattern = "\"\\canary\u{1}é\n€😀";
    let mut text = pattern.repeat(65_536 / pattern.len());
    text.push_str(&"x".repeat(65_536 - text.len()));
    text
}

pub(crate) fn service() -> Option<&'static Secrets> {
    static SERVICE: LazyLock<Option<Secrets>> =
        LazyLock::new(|| packages::available("secrets", moto::PROGRAMS).then(Secrets::start));
    SERVICE.as_ref()
}

/// The password of the git server.
pub(crate) const GIT_TOKEN: &str = "ghp_canaryGit7Jq2";
pub(crate) const PLAIN: &str = "canary-a";
pub(crate) const JSON: &str = r#"{"mypat":"ghp_canary\"1","port":5432,"on":true,"db":{"user":"u"}}"#;
pub(crate) const ODD: &str = " canary: \"quotes\" \\ back\tslash, é€😀\u{1}\r\n\nend\n";
pub(crate) const BINARY: &[u8] = b"\0\xff\xfecanary\n";
pub(crate) const PATH: &str = "/usr/bin:/bin";

//! Every command that has a secret in its hands, and what it is asked to do with it.

use crate::canary::{
    BEARER_TOKEN, BINARY_VALUE, GIT_PASSWORD, PACKAGE_TOKEN, PUBLIC_PASSWORD, REGISTRY_PASSWORD, SECRET_KEY,
    SECRET_VALUE, SESSION_TOKEN,
};

/// One command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// The words behind `homing`.
    pub(crate) words: &'static [&'static str],
    pub(crate) stdin: &'static str,
    /// In the head of the request that is held, refused or answered with garbage.
    pub(crate) target: &'static str,
    /// The canaries that it prints by purpose.
    pub(crate) prints: &'static [&'static str],
    /// A file below HOME that it puts the CodeArtifact token into by purpose.
    pub(crate) writes: Option<&'static str>,
    /// Canaries that the test itself gives it, in its environment.
    pub(crate) given: &'static [&'static str],
}

impl Case {
    const fn new(words: &'static [&'static str], target: &'static str) -> Self {
        Self { words, stdin: "", target, prints: &[], writes: None, given: &[] }
    }

    const fn prints(self, prints: &'static [&'static str]) -> Self {
        Self { prints, ..self }
    }

    const fn stdin(self, stdin: &'static str) -> Self {
        Self { stdin, ..self }
    }

    const fn writes(self, file: &'static str) -> Self {
        Self { writes: Some(file), ..self }
    }

    const fn given(self, given: &'static [&'static str]) -> Self {
        Self { given, ..self }
    }
}

const PROVIDER: &str = "/role-aliases/";
const SECRETS: &str = "GetSecretValue";
const PACKAGES: &str = "/v1/authorization-token";
const REGISTRIES: &str = "GetAuthorizationToken";
/// What `exec` runs: the environment that it was given, and its own arguments and its parent's, all on standard output.
const SHOW: &str = "env; tr '\\0' '\\n' </proc/$$/cmdline";

/// `homing serve`, which does not end by itself.
pub(crate) const SERVE: Case = Case::new(&["serve", "--print-env"], PROVIDER);

/// All of the others. `file.bin` and `s3://device-uploads` are the scene's.
pub(crate) const CASES: &[Case] = &[
    Case::new(&["send", "--json", "file.bin"], "PUT /device-uploads"),
    Case::new(&["send", "--json", "--presign", "file.bin"], "POST /topics/"),
    Case::new(&["put", "file.bin", "s3://device-uploads/a"], "PUT /device-uploads"),
    Case::new(&["get", "s3://device-uploads/a", "fetched"], "GET /device-uploads"),
    Case::new(&["get", "s3://device-uploads/a", "-"], "GET /device-uploads"),
    Case::new(&["presign", "s3://device-uploads/a"], PROVIDER).prints(&[SESSION_TOKEN]),
    Case::new(&["publish", "status", "-m", "up"], "POST /topics/"),
    Case::new(&["publish", "--via", "mqtt", "status", "-m", "up"], "MQTT"),
    Case::new(&["credentials"], PROVIDER).prints(&[SECRET_KEY, SESSION_TOKEN]),
    Case::new(&["credentials", "--format", "env"], PROVIDER).prints(&[SECRET_KEY, SESSION_TOKEN]),
    Case::new(&["credentials", "--format", "json"], PROVIDER).prints(&[SECRET_KEY, SESSION_TOKEN]),
    Case::new(&["credentials", "--credentials", "container"], "/container")
        .prints(&[SECRET_KEY, SESSION_TOKEN])
        .given(&[BEARER_TOKEN]),
    Case::new(&["secret", "get", "text", "--field", "password"], SECRETS).prints(&[SECRET_VALUE]),
    Case::new(&["secret", "get", "binary"], SECRETS).prints(&[BINARY_VALUE]),
    Case::new(&["exec", "--secret", "DB=text:password", "--", "sh", "-c", SHOW], SECRETS).prints(&[SECRET_VALUE]),
    // What homing itself is given is not inherited.
    Case::new(
        &["exec", "--credentials", "environment", "--secret", "DB=text:password", "--", "sh", "-c", SHOW],
        SECRETS,
    )
    .prints(&[SECRET_VALUE])
    .given(&[SECRET_KEY, SESSION_TOKEN]),
    Case::new(&["exec", "--git", "git.example=text:mypat", "--", "sh", "-c", SHOW], SECRETS).prints(&[GIT_PASSWORD]),
    Case::new(&["exec", "--aws", "--", "sh", "-c", SHOW], PROVIDER).prints(&[SECRET_KEY, SESSION_TOKEN]),
    Case::new(&["exec", "--aws", "--refresh", "--", "sh", "-c", "tr '\\0' '\\n' </proc/$PPID/cmdline"], PROVIDER),
    Case::new(&["exec", "--codeartifact", "my-domain/my-repo", "--", "sh", "-c", SHOW], PACKAGES)
        .prints(&[PACKAGE_TOKEN]),
    Case::new(&["git-credential", "--git", "git.example=text:mypat", "get"], SECRETS)
        .stdin("protocol=https\nhost=git.example\n\n")
        .prints(&[GIT_PASSWORD]),
    Case::new(&["codeartifact", "token", "my-domain"], PACKAGES).prints(&[PACKAGE_TOKEN]),
    Case::new(&["codeartifact", "endpoint", "my-domain/my-repo"], "/v1/repository/endpoint"),
    Case::new(&["codeartifact", "login", "--tool", "pip", "my-domain/my-repo"], PACKAGES)
        .writes(".config/pip/pip.conf"),
    Case::new(&["codeartifact", "login", "--tool", "twine", "my-domain/my-repo"], PACKAGES).writes(".pypirc"),
    Case::new(&["ecr", "password"], REGISTRIES).prints(&[REGISTRY_PASSWORD]),
    Case::new(&["ecr", "password", "--public"], REGISTRIES).prints(&[PUBLIC_PASSWORD]),
    Case::new(&["docker-credential", "get"], REGISTRIES)
        .stdin("111122223333.dkr.ecr.us-east-1.amazonaws.com")
        .prints(&[REGISTRY_PASSWORD]),
    Case::new(&["dynamodb", "put-item", "readings", "--item", r#"{"id":{"S":"a"}}"#], "DynamoDB_"),
    Case::new(&["dynamodb", "put-item", "readings", "--lines", "--plain", "-"], "DynamoDB_").stdin("{\"id\":\"a\"}\n"),
];

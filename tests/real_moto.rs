//! Temporary credentials against moto with its authentication on: they sign for S3, and STS says whose they are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::LazyLock;

use serde_json::json;
use support::boto::{Client, Keys};
use support::content::bytes;
use support::directory::Directory;
use support::homing::{CREDENTIAL_CACHE, Config, Outcome, homing};
use support::moto::{self, Moto};
use support::nginx::{Builder, Nginx, Provider};
use support::packages;
use support::pki::Authority;
use support::{BUCKET, REGION, ROLE_ALIAS, THING};

#[test]
fn an_object_is_put_with_session_credentials() {
    let Some(service) = service() else { return };
    let content = bytes(200_000);

    let outcome = put(service, &service.session(), &content, "device/object");

    outcome.expect_code(0);
    assert!(service.owner().get_object(BUCKET, "device/object") == content, "the object's bytes differ");
}

#[test]
fn the_doctor_asks_sts_and_stores_where_files_go() {
    let Some(service) = service() else { return };
    let (directory, endpoint) = (Directory::new("check"), service.endpoint());
    let check = |keys: &Keys, bucket: &str| {
        let settings =
            ["--credentials", "environment", "--region", REGION, "--path-style", "--endpoint-url", &endpoint];
        let arguments = ["check", "--json", "--write", "--bucket", bucket, "--key", "device/{name}"];
        homing(arguments.into_iter().chain(settings))
            .env("AWS_ENDPOINT_URL_STS", &endpoint)
            .env("HOMING_CA_FILE", &service.ca_file)
            .env("HOMING_QUEUE_DIR", directory.join("queue"))
            .keys(keys)
            .run()
    };
    let step = |outcome: &Outcome, name: &str| {
        let steps = outcome.json_lines();
        steps.into_iter().find(|step| step["check"] == name).unwrap_or_else(|| panic!("no {name}: {outcome}"))
    };
    let outcome = check(&service.session(), BUCKET);
    outcome.expect_code(0);
    let identity = step(&outcome, "identity");
    assert!(identity["details"]["arn"].as_str().unwrap().contains(ROLE_ALIAS), "{identity}");
    // The role may put and not list.
    assert!(step(&outcome, "s3")["note"].as_str().unwrap().contains("s3:ListBucket"), "{outcome}");
    assert!(service.owner().get_object(BUCKET, "device/homing-check").is_empty());

    let outcome = check(&service.owner().keys.clone().unwrap(), "absent-bucket");
    assert_eq!(step(&outcome, "s3")["error"]["code"], "NoSuchBucket", "{outcome}");
    let outcome = check(&service.powerless_session(), BUCKET);
    outcome.expect_code(77);
    assert_eq!(step(&outcome, "s3_write")["error"]["code"], "AccessDenied", "{outcome}");
    let mut wrong = service.session();
    wrong.secret_access_key = "wrong".to_owned();
    let outcome = check(&wrong, BUCKET);
    assert_eq!(step(&outcome, "identity")["error"]["code"], "SignatureDoesNotMatch", "{outcome}");
    assert_eq!(step(&outcome, "s3")["error"]["code"], "SignatureDoesNotMatch", "{outcome}");
}

#[test]
fn a_file_in_parts_is_put() {
    let Some(service) = service() else { return };
    let content = bytes(11 * 1024 * 1024);
    let directory = Directory::new("parts");
    let file = directory.write("file", &content);
    let parts = ["--part-size", "5242880", "--multipart-threshold", "5242880"];
    let put = |key: &str, checksum: &[&str]| {
        let url = format!("s3://{BUCKET}/{key}");
        let arguments = [&["put", file.to_str().unwrap(), &url], &parts[..], checksum].concat();
        call_in(service, &service.session(), &arguments, &directory)
    };
    for checksum in [&[][..], &["--payload", "signed-trailer", "--checksum", "sha256"]] {
        put("parts/1", checksum).expect_code(0);
        assert!(service.owner().get_object(BUCKET, "parts/1") == content, "the object's bytes differ");
    }
    let head = service.owner().call("s3", "head_object", json!({ "Bucket": BUCKET, "Key": "parts/1" }));
    assert!(head["ETag"].as_str().unwrap().ends_with("-3\""), "{head}");
}

#[test]
fn an_object_is_fetched_resumed_and_fetched_only_when_changed() {
    let Some(service) = service() else { return };
    let owner = service.owner();
    let keys = owner.keys.clone().unwrap();
    let directory = Directory::new("get");
    let file = directory.join("file");
    let get = |options: &[&str]| {
        let url = format!("s3://{BUCKET}/fetched");
        call(service, &keys, &[&["get", &url, file.to_str().unwrap(), "--json"], options].concat())
    };
    let result = |outcome: &Outcome| outcome.expect_code(0).json_lines()[0]["result"].as_str().unwrap().to_owned();
    let content = bytes(200_000);
    put(service, &service.session(), &content, "fetched").expect_code(0);
    assert_eq!(result(&get(&["--if-changed"])), "received");
    assert!(std::fs::read(&file).unwrap() == content);
    assert_eq!(result(&get(&["--if-changed"])), "not-changed");

    // As a command that was killed leaves it.
    let head = owner.call("s3", "head_object", json!({ "Bucket": BUCKET, "Key": "fetched" }));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    // In homing's order, by which it knows its own files: the object first.
    let (etag, last_modified) = (&head["ETag"], &head["ResponseMetadata"]["HTTPHeaders"]["last-modified"]);
    let begun =
        format!(r#"{{"object":"s3://{BUCKET}/fetched","etag":{etag},"size":200000,"last_modified":{last_modified}}}"#);
    directory.write("file.part", &content[..150_000]);
    directory.write("file.part.json", format!("{begun}\n{}\n", json!({ "boot": boot.trim(), "synced": 0 })));
    get(&[]).expect_code(0);
    assert!(std::fs::read(&file).unwrap() == content);
    assert!(service.log().lines().any(|line| line.contains("GET /device-uploads/fetched HTTP/1.1\" 206")), "no range");
}

#[test]
fn a_wrong_secret_is_refused_by_its_signature() {
    let Some(service) = service() else { return };
    let mut keys = service.session();
    keys.secret_access_key.push('x');

    let outcome = put(service, &keys, b"content", "wrong-secret");

    outcome.expect_code(77).expect_error("SignatureDoesNotMatch").expect_nowhere(&keys.secret_access_key);
    let keys = service.owner().list_keys(BUCKET);
    assert!(!keys.iter().any(|key| key == "wrong-secret"), "it is there after a refusal: {keys:?}");
}

#[test]
fn a_token_of_another_session_is_refused() {
    let Some(service) = service() else { return };
    let keys = Keys { session_token: service.session().session_token, ..service.session() };

    let outcome = put(service, &keys, b"content", "foreign-token");

    outcome.expect_code(77).expect_error("InvalidToken");
    let keys = service.owner().list_keys(BUCKET);
    assert!(!keys.iter().any(|key| key == "foreign-token"), "it is there after a refusal: {keys:?}");
}

#[test]
fn an_action_that_the_role_does_not_allow_is_refused() {
    let Some(service) = service() else { return };
    let file = Directory::new("put");
    let path = file.write("content", "content");
    let outcome = call(service, &service.session(), &["put", path.to_str().unwrap(), "s3://another-bucket/object"]);
    outcome.expect_code(77).expect_error("AccessDenied");
}

#[test]
fn boto3_runs_homing_for_its_credentials_and_sts_knows_the_role() {
    let Some(service) = service() else { return };
    let device = Device::start(service);
    // The ground: without credentials from somewhere the service does not answer.
    let nobody =
        Keys { access_key_id: "nobody".to_owned(), secret_access_key: "nothing".to_owned(), session_token: None };
    let refusal = service.client(Some(nobody)).attempt("sts", "get_caller_identity", json!({}), None);
    assert_eq!(refusal["status"], 403, "{refusal}");

    let aws_config = device.directory.write(
        "aws-config",
        format!(
            "[default]\ncredential_process = {} --config {} credentials --format process\n",
            env!("CARGO_BIN_EXE_homing"),
            device.config_file
        ),
    );
    let client = Client {
        environment: vec![
            ("AWS_CONFIG_FILE".to_owned(), aws_config.to_str().unwrap().to_owned()),
            (CREDENTIAL_CACHE.to_owned(), "false".to_owned()),
        ],
        ..service.client(None)
    };

    let identity = client.call("sts", "get_caller_identity", json!({}));

    let arn = identity["Arn"].as_str().unwrap();
    assert!(arn.ends_with(&format!(":assumed-role/{ROLE_ALIAS}/device-session")), "{arn}");
}

#[test]
fn every_format_carries_credentials_that_sts_accepts() {
    let Some(service) = service() else { return };
    let device = Device::start(service);
    let arguments = ["--config", &device.config_file, "credentials", "--format", "env"];
    let script = homing(arguments).run();
    script.expect_code(0);
    let shell = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{}\nprintf '%s\\n' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\"",
            script.stdout
        ))
        .output()
        .unwrap();
    let text = String::from_utf8(shell.stdout).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_else(|| panic!("{script}"));
    let keys = Keys { access_key_id: next(), secret_access_key: next(), session_token: Some(next()) };

    let identity = service.client(Some(keys)).call("sts", "get_caller_identity", json!({}));

    assert!(identity["Arn"].as_str().unwrap().contains(ROLE_ALIAS), "{identity}");
}

#[test]
fn a_command_that_homing_runs_has_credentials_that_sts_accepts() {
    let Some(service) = service() else { return };
    let device = Device::start(service);
    let exec = ["--config", &device.config_file, "exec", "--aws", "--"];
    let variable = homing(exec).arg("printenv").arg("AWS_CREDENTIAL_EXPIRATION").env("PATH", "/usr/bin:/bin").run();
    assert_eq!(variable.expect_code(0).stdout, "2049-12-31T23:59:59Z\n");

    let call = json!({
        "service": "sts", "operation": "get_caller_identity", "parameters": {}, "region": REGION,
        "endpoint": service.endpoint(), "ca_file": service.ca_file,
    });
    let outcome = homing(exec)
        .arg(packages::find(packages::BOTO).unwrap())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/boto.py"))
        .stdin(call.to_string())
        .run();
    assert!(outcome.expect_code(0).stdout.contains(&format!(":assumed-role/{ROLE_ALIAS}/")), "{outcome}");
}

/// A device whose credential provider (nginx) gives it a real session of moto's STS.
struct Device {
    directory: Directory,
    config_file: String,
    _provider: Nginx,
}

impl Device {
    fn start(service: &Moto) -> Self {
        let directory = Directory::new("moto-device");
        let authority = Authority::new("fleet authority");
        let ca_file = authority.write(&directory, "ca.pem");
        let server = authority.server(&directory, "server", &["localhost"]);
        let identity = authority.device(&directory, "device", THING);
        let reply = service.session().provider_reply();
        let mut builder = Builder::new();
        let provider =
            Provider { protocols: "TLSv1.2 TLSv1.3", server: &server, device_authority: &authority, reply: &reply };
        let port = builder.credential_provider(&provider);
        let provider = builder.start();
        let config_file = Config::new(&identity, &ca_file)
            .with("credential_endpoint", format!("localhost:{port}"))
            .with("role_alias", ROLE_ALIAS)
            .write(&directory);
        Self { config_file: config_file.to_str().unwrap().to_owned(), directory, _provider: provider }
    }
}

fn put(service: &Moto, keys: &Keys, content: &[u8], key: &str) -> Outcome {
    let directory = Directory::new("put");
    let file = directory.write("content", content);
    call(service, keys, &["put", file.to_str().unwrap(), &format!("s3://{BUCKET}/{key}")])
}

/// homing with these keys in the environment and nothing else.
fn call(service: &Moto, keys: &Keys, arguments: &[&str]) -> Outcome {
    call_in(service, keys, arguments, &Directory::new("queue"))
}

/// The same with a folder for what homing remembers.
fn call_in(service: &Moto, keys: &Keys, arguments: &[&str], directory: &Directory) -> Outcome {
    let endpoint = service.endpoint();
    let settings = ["--credentials", "environment", "--region", REGION, "--path-style"];
    homing(settings.into_iter().chain(["--endpoint-url", &endpoint]).chain(arguments.iter().copied()))
        .env("HOMING_CA_FILE", &service.ca_file)
        .env("HOMING_QUEUE_DIR", directory.join("queue"))
        .keys(keys)
        .run()
}

/// One service for all tests.
fn service() -> Option<&'static Moto> {
    static SERVICE: LazyLock<Option<Moto>> =
        LazyLock::new(|| packages::available("moto", moto::PROGRAMS).then(Moto::start));
    SERVICE.as_ref()
}

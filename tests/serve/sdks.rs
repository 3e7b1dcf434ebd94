//! AWS's own SDKs as clients: they find homing by its two variables, sign calls that moto checks, and go over to new
//! credentials while they run.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use serde_json::json;

use crate::serving::{Device, Serving, in_seconds, until};
use crate::support::directory::Directory;
use crate::support::moto::{self, Moto};
use crate::support::{REGION, THING, packages};

#[test]
fn boto3_is_served_across_a_refresh() {
    let Some(service) = service(&[]) else { return };
    let mut python = Command::new(packages::find(packages::BOTO).unwrap());
    python.arg(script("client.py")).arg(service.endpoint()).arg(&service.ca_file);
    serves_across_a_refresh(service, python);
}

#[test]
fn the_sdk_for_javascript_is_served_across_a_refresh() {
    let Some(service) = service(&["node", packages::NODE_SDK]) else { return };
    let mut node = Command::new(packages::find("node").unwrap());
    node.arg(script("client.js")).arg(service.endpoint());
    node.env("NODE_PATH", packages::find(packages::NODE_SDK).unwrap()).env("NODE_EXTRA_CA_CERTS", &service.ca_file);
    serves_across_a_refresh(service, node);
}

#[test]
fn the_aws_cli_v1_is_served_across_a_refresh() {
    let Some(service) = service(&[packages::AWS_CLI]) else { return };
    let (first, second) = (service.session(), service.session());
    let device = Device::start(&first.provider_reply_until(&in_seconds(DUE_AT_ONCE)));
    let serving = device.serve(&[]);
    let call = || {
        let mut aws = Command::new(packages::find(packages::AWS_CLI).unwrap());
        aws.args(["sts", "get-caller-identity", "--debug", "--output", "text", "--query", "Arn"]);
        aws.args(["--endpoint-url", &service.endpoint(), "--ca-bundle"]).arg(&service.ca_file);
        let output = client_of(&serving, &mut aws).output().unwrap();
        let (arn, debug) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{debug}");
        let signed_by = debug.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned();
        (signed_by, arn)
    };

    let (signed_by, arn) = call();
    assert_eq!(signed_by, first.access_key_id);
    assert!(arn.trim().ends_with(ROLE), "{arn}");
    device.set_reply(Some(&second.provider_reply()));
    let arn = until("new credentials are served", || {
        let (signed_by, arn) = call();
        (signed_by == second.access_key_id).then_some(arn)
    });
    assert!(arn.trim().ends_with(ROLE), "{arn}");
}

#[test]
fn sdks_read_the_token_from_the_file_that_homing_has_made() {
    let Some(service) = service(&["node", packages::NODE_SDK]) else { return };
    let directory = Directory::new("token");
    let file = directory.join("token");
    let keys = service.session();
    let device = Device::start(&keys.provider_reply());
    let serving = device.serve(&["--token-file", file.to_str().unwrap()]);
    let mut python = Command::new(packages::find(packages::BOTO).unwrap());
    python.arg(script("client.py")).arg(service.endpoint()).arg(&service.ca_file);
    let mut node = Command::new(packages::find("node").unwrap());
    node.arg(script("client.js")).arg(service.endpoint());
    node.env("NODE_PATH", packages::find(packages::NODE_SDK).unwrap()).env("NODE_EXTRA_CA_CERTS", &service.ca_file);
    for mut program in [python, node] {
        client_of(&serving, &mut program);
        program.env_remove("AWS_CONTAINER_AUTHORIZATION_TOKEN").env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file);
        assert_eq!(Client::start(&mut program).call().0, keys.access_key_id);
    }
}

#[test]
fn homing_itself_is_served() {
    let Some(service) = service(&[]) else { return };
    let keys = service.session();
    let device = Device::start(&keys.provider_reply());
    let serving = device.serve(&[]);
    let mut homing = Command::new(env!("CARGO_BIN_EXE_homing"));
    let output = client_of(&serving, &mut homing).args(["credentials"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["AccessKeyId"], &json["SessionToken"]), (&keys.access_key_id.into(), &keys.session_token.into()));
}

/// The recipe of `boards/RECIPES.md`. A container itself would add nothing: with the host's network it has the same loopback, and
/// nothing of homing's but these variables.
#[test]
fn a_container_writes_to_dynamodb_with_the_role_of_the_device() {
    let Some(service) = service(&[]) else { return };
    let owner = service.owner();
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let attribute = |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    let table = json!({
        "TableName": "telemetry",
        "KeySchema": [key("device_name", "HASH"), key("timestamp", "RANGE")],
        "AttributeDefinitions": [attribute("device_name", "S"), attribute("timestamp", "N")],
        "BillingMode": "PAY_PER_REQUEST",
    });
    owner.call("dynamodb", "create_table", table);
    service.allow("telemetry", &["dynamodb:PutItem"], "*");
    let device = Device::start(&service.session().provider_reply());

    let mut homing = device.homing();
    homing.env("AWS_ENDPOINT_URL_DYNAMODB", service.endpoint()).env("REQUESTS_CA_BUNDLE", &service.ca_file);
    homing.args(["serve", "--"]).arg(packages::find(packages::BOTO).unwrap()).arg(script("container.py"));
    let output = homing.output().unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let items = owner.call("dynamodb", "scan", json!({ "TableName": "telemetry" }));
    assert_eq!(items["Items"][0]["device_name"]["S"], THING, "{items}");
}

#[test]
fn a_command_calls_with_the_role_of_the_device() {
    let Some(service) = service(&[]) else { return };
    let keys = service.session();
    let device = Device::start(&keys.provider_reply());
    for way in [&["serve", "--"][..], &["exec", "--aws", "--refresh", "--"]] {
        let mut homing = device.homing();
        homing.args(way).arg(packages::find(packages::BOTO).unwrap());
        homing.arg(script("client.py")).arg(service.endpoint()).arg(&service.ca_file);
        let (signed_by, arn) = Client::start(&mut homing).call();
        assert_eq!(signed_by, keys.access_key_id);
        assert!(arn.ends_with(ROLE), "{arn}");
    }
}

/// One client of the service makes its first call with one pair of keys, and a later one with another.
fn serves_across_a_refresh(service: &Moto, mut program: Command) {
    let (first, second) = (service.session(), service.session());
    let device = Device::start(&first.provider_reply_until(&in_seconds(DUE_AT_ONCE)));
    let serving = device.serve(&[]);
    let mut client = Client::start(client_of(&serving, &mut program));

    let (signed_by, arn) = client.call();
    assert_eq!(signed_by, first.access_key_id);
    assert!(arn.ends_with(ROLE), "{arn}");
    device.set_reply(Some(&second.provider_reply()));
    until("new credentials are used", || {
        let (signed_by, arn) = client.call();
        assert!(arn.ends_with(ROLE), "{arn}");
        (signed_by == second.access_key_id).then_some(())
    });
    // These live long: nobody asks the provider again.
    let requests = device.requests();
    for _ in 0..10 {
        assert_eq!(client.call().0, second.access_key_id);
    }
    assert_eq!(device.requests(), requests);
}

/// A program that makes a call for each line that it gets.
struct Client {
    child: Child,
    calls: ChildStdin,
    results: BufReader<ChildStdout>,
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let calls = child.stdin.take().unwrap();
        let results = BufReader::new(child.stdout.take().unwrap());
        Self { child, calls, results }
    }

    /// The access key that signed the call, and the caller's ARN.
    fn call(&mut self) -> (String, String) {
        self.calls.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.results.read_line(&mut line).unwrap();
        let (key, arn) = line.trim().split_once(' ').unwrap_or_else(|| panic!("the client has failed: {line:?}"));
        (key.to_owned(), arn.to_owned())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a program the variables that homing has printed, and no other way to credentials.
fn client_of<'c>(serving: &Serving, program: &'c mut Command) -> &'c mut Command {
    let variables: Vec<(String, String)> = program
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
        .collect();
    program.env_clear().env("HOME", serving.directory.path()).env("PATH", std::env::var_os("PATH").unwrap());
    program.envs(variables).envs(serving.variables.iter().map(|(name, value)| (name, value)));
    // The AWS CLI v1 and boto3 read the one, others the other.
    program.env("AWS_DEFAULT_REGION", REGION).env("AWS_EC2_METADATA_DISABLED", "true")
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve").join(name)
}

/// One service for all tests; what else a test needs beside it.
fn service(further: &[&str]) -> Option<&'static Moto> {
    static SERVICE: LazyLock<Moto> = LazyLock::new(Moto::start);
    let needed = [moto::PROGRAMS, further].concat();
    packages::available("serve", &needed).then(|| &*SERVICE)
}

/// Seconds: homing renews what lives for less than 300.
const DUE_AT_ONCE: i64 = 250;
/// The end of the ARN of a session of the device's role, whose name is the role alias's.
const ROLE: &str = ":assumed-role/device-iot-role-alias/device-session";

//! The three ways to set the cloud side up, `boards/aws-cli`, `boards/cloudformation` and `boards/terraform`: the first two
//! are run against moto as their pages say, and all three make the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::aws::Account;
use crate::blocks::blocks;
use crate::support::packages::{self, BOTO};
use crate::terraform;

#[test]
fn all_three_ways_make_the_same() {
    if !packages::available("cloud pages", &["moto_server", "aws", "bash", "openssl", BOTO]) {
        return;
    }
    let account = Account::start("cloud");

    account.run_page("boards/aws-cli/README.md");
    let by_commands = account.take_stock(None);
    assert_eq!(by_commands["things"], json!(["camera-1"]));
    // The page's last step revokes it.
    assert_eq!(by_commands["certificates"], json!([["INACTIVE", true]]));
    assert_eq!(by_commands["policy_targets"], 1);
    assert_eq!(by_commands["rules"], json!(["SELECT * FROM 'file/upload' WHERE type = 's3_url'"]));
    let config: Value =
        serde_json::from_str(&fs::read_to_string(account.directory.join("config.json")).unwrap()).unwrap();
    assert_eq!((&config["bucket"], &config["role_alias"]), (&json!(BUCKET), &json!("device-upload")));
    assert!(fs::read_to_string(account.directory.join("device.pem.crt")).unwrap().contains("BEGIN CERTIFICATE"));

    account.run_page("boards/cloudformation/README.md");
    let by_stack = account.take_stock(Some(&folder().join("cloudformation/fleet.yaml")));
    let settings = json!({
        "alias_is_of_role": true,
        "duration": 3600,
        "public_access": {
            "BlockPublicAcls": true,
            "IgnorePublicAcls": true,
            "BlockPublicPolicy": true,
            "RestrictPublicBuckets": true,
        },
        "abandoned_uploads": [["Enabled", 7]],
    });
    assert_eq!(by_commands["settings"], settings);
    assert_eq!(by_stack["settings"], settings);

    let documents =
        |stock: &Value| -> BTreeMap<String, Value> { serde_json::from_value(stock["documents"].clone()).unwrap() };
    assert_eq!(documents(&by_commands), documents(&by_stack));
    assert_eq!(documents(&by_commands)["upload"]["Statement"][0]["Resource"], OWN_OBJECTS);
    if let Some(by_module) = terraform::documents("123456789012", "eu-west-1", BUCKET) {
        assert_eq!(documents(&by_commands), by_module);
    }
}

#[test]
fn the_templates_are_valid() {
    if !packages::available("cfn-lint", &["cfn-lint"]) {
        return;
    }
    let folder = folder().join("cloudformation");
    let mut lint = Command::new(packages::find("cfn-lint").unwrap());
    lint.args([folder.join("fleet.yaml"), folder.join("device.yaml")]);
    let output = lint.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A device has to be the only thing of its certificate, or AWS does not fill its name in for homing's client identifier.
#[test]
fn every_way_attaches_the_certificate_to_one_thing_only() {
    for (file, text) in [
        ("aws-cli/README.md", "--thing-principal-type EXCLUSIVE_THING"),
        ("cloudformation/device.yaml", "ThingPrincipalType: EXCLUSIVE_THING"),
        ("terraform/main.tf", "thing_principal_type = \"EXCLUSIVE_THING\""),
    ] {
        assert!(fs::read_to_string(folder().join(file)).unwrap().contains(text), "{file}");
    }
}

impl Account {
    fn run_page(&self, page: &str) {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let script: String = blocks(&text).iter().filter(|block| block.is_run()).map(|block| &*block.text).collect();
        let (success, said) = self.run(&script);
        assert!(success, "{page}:\n{said}");
    }

    /// What there is now, which is forgotten then. Of a stack moto makes only a part; the rest is in its template.
    fn take_stock(&self, template: Option<&Path>) -> Value {
        let output = Command::new(packages::find(BOTO).unwrap())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readme/cloud.py"))
            .args([&self.endpoint, "device-upload", BUCKET])
            .args(template)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("boards")
}

const BUCKET: &str = "my-camera-files";
const OWN_OBJECTS: &str = "arn:aws:s3:::my-camera-files/${credentials-iot:ThingName}/*";

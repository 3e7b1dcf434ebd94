//! `boards/terraform`, as far as it can be checked without Terraform, which is in no package registry (where it is
//! installed, its own `fmt -check` is run too): syntax and `terraform fmt -check` by HashiCorp's own parser and formatter; and of what `terraform validate` does, that every
//! argument and attribute is in the AWS provider's schema, no required one is missing, and every reference leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::blocks::of_kind;
use crate::support::directory::Directory;
use crate::support::packages;

#[test]
fn the_module_is_formatted_and_valid() {
    let Some(module) = Module::read() else { return };
    for (path, file) in &module.files {
        assert_eq!(formatted(file), fs::read_to_string(path).unwrap(), "{path}: as terraform fmt would write it");
    }
    let schema: Value = serde_json::from_str(include_str!("terraform-schema.json")).unwrap();
    let mut used = 0;
    for (kind, prefix) in [("resource", ""), ("data", "data.")] {
        for (provider_type, name, body) in module.blocks(kind) {
            let known = &schema[format!("{prefix}{provider_type}")]["arguments"];
            assert!(known.is_object(), "{provider_type} is not in the schema");
            check_arguments(&format!("{provider_type}.{name}"), &body, known.as_object().unwrap());
            used += 1;
        }
    }
    assert!(used >= 18, "{used}");
    module.check_references(&schema);
    if let Some(terraform) = packages::find("terraform") {
        let output = Command::new(terraform).args(["fmt", "-check", "-recursive"]).arg(folder()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn the_example_and_the_page_give_the_module_what_it_asks_for() {
    let Some(module) = Module::read() else { return };
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let directory = Directory::new("terraform");
    let written = of_kind(&page, "hcl");
    assert_eq!(written.len(), 1, "the page is one paste");
    let pasted = directory.write("main.tf", &written[0]);
    let variables = module.variables();
    for path in [pasted, folder().join("example/main.tf")] {
        let read = read(std::slice::from_ref(&path)).unwrap();
        let file = &read[path.to_str().unwrap()];
        assert_eq!(formatted(file), fs::read_to_string(&path).unwrap(), "{path:?}");
        let given = file["content"]["module"]["homing"][0].as_object().unwrap();
        for name in given.keys().filter(|name| *name != "source") {
            assert!(variables.contains_key(name), "{path:?}: there is no variable {name}");
        }
        for (name, optional) in &variables {
            assert!(*optional || given.contains_key(name), "{path:?}: {name} is missing");
        }
    }
    for name in variables.keys() {
        assert!(page.contains(&format!("| `{name}` |")), "the page says nothing of {name}");
    }
}

/// The module's policy documents, as they are in an account and region: `trust`, `upload`, `device` and `tls_only`.
pub(crate) fn documents(account: &str, region: &str, bucket: &str) -> Option<BTreeMap<String, Value>> {
    let module = Module::read()?;
    let iot = format!("arn:aws:iot:{region}:{account}");
    let replacements = [
        ("${local.iot}", iot.clone()),
        ("${aws_s3_bucket.files.arn}", format!("arn:aws:s3:::{bucket}")),
        ("${aws_iot_role_alias.upload.arn}", format!("{iot}:rolealias/device-upload")),
        ("${var.topic}", "file/upload".to_owned()),
        ("$${", "${".to_owned()),
    ];
    let locals = module.file("main.tf")["locals"][0].as_object().unwrap().clone();
    let documents = locals.into_iter().filter(|(name, _)| name != "iot").map(|(name, document)| {
        let text = replacements.iter().fold(document.to_string(), |text, (from, to)| text.replace(from, to));
        (name, serde_json::from_str(&text).unwrap())
    });
    Some(documents.collect())
}

/// The parsed files of `boards/terraform`, by path.
struct Module {
    files: Map<String, Value>,
}

impl Module {
    fn read() -> Option<Self> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "tf"));
        assert_eq!(files.len(), 4);
        Some(Self { files: read(&files)? })
    }

    fn file(&self, name: &str) -> &Value {
        &self.files[folder().join(name).to_str().unwrap()]["content"]
    }

    /// All blocks of a kind with two labels: type, name, content.
    fn blocks(&self, kind: &str) -> Vec<(String, String, Map<String, Value>)> {
        let types = self.files.values().filter_map(|file| file["content"][kind].as_object()).flatten();
        types
            .flat_map(|(provider_type, names)| {
                names.as_object().unwrap().iter().map(move |(name, bodies)| {
                    (provider_type.clone(), name.clone(), bodies[0].as_object().unwrap().clone())
                })
            })
            .collect()
    }

    /// The variables, and whether each may be left out.
    fn variables(&self) -> BTreeMap<String, bool> {
        let variables = self.file("variables.tf")["variable"].as_object().unwrap();
        variables.iter().map(|(name, bodies)| (name.clone(), bodies[0].get("default").is_some())).collect()
    }

    /// Every reference leads to something that is declared and has such an attribute, and everything that is declared for
    /// the module's own use is used.
    fn check_references(&self, schema: &Value) {
        let mut declared: BTreeMap<String, String> = BTreeMap::new();
        for (provider_type, name, _) in self.blocks("resource") {
            declared.insert(format!("{provider_type}.{name}"), provider_type);
        }
        for (provider_type, name, _) in self.blocks("data") {
            declared.insert(format!("data.{provider_type}.{name}"), format!("data.{provider_type}"));
        }
        let variables = self.variables();
        let locals = self.file("main.tf")["locals"][0].as_object().unwrap();
        let mut used = BTreeSet::new();
        for path in self.files.keys() {
            for reference in references(&fs::read_to_string(path).unwrap()) {
                let parts: Vec<&str> = reference.split('.').collect();
                match parts[0] {
                    "var" => assert!(variables.contains_key(parts[1]), "{path}: {reference}"),
                    "local" => assert!(locals.contains_key(parts[1]), "{path}: {reference}"),
                    first => {
                        let length = if first == "data" { 3 } else { 2 };
                        let address = parts[..length].join(".");
                        let provider_type = declared.get(&address).unwrap_or_else(|| panic!("{path}: {reference}"));
                        if let Some(attribute) = parts.get(length) {
                            let attributes = schema[provider_type]["attributes"].as_array().unwrap();
                            assert!(attributes.iter().any(|known| known == attribute), "{path}: {reference}");
                        }
                    }
                }
                used.insert(format!("{}.{}", parts[0], parts[1]));
            }
        }
        for name in variables.keys() {
            assert!(used.contains(&format!("var.{name}")), "the variable {name} is not used");
        }
        for name in locals.keys() {
            assert!(used.contains(&format!("local.{name}")), "local.{name} is not used");
        }
    }
}

fn check_arguments(place: &str, body: &Map<String, Value>, known: &Map<String, Value>) {
    for (name, value) in body {
        if ["for_each", "depends_on"].contains(&name.as_str()) {
            continue;
        }
        let argument = known.get(name).unwrap_or_else(|| panic!("{place}: the provider knows no argument {name}"));
        match argument.as_object() {
            Some(nested) => check_arguments(&format!("{place}.{name}"), value[0].as_object().unwrap(), nested),
            None => assert_ne!(argument, "block", "{place}.{name} is a block that the schema here does not have"),
        }
    }
    for (name, argument) in known {
        assert!(argument != "required" || body.contains_key(name), "{place}: {name} is missing");
    }
}

/// What looks like a reference outside comments: `var.x`, `local.x`, `TYPE.NAME[…].ATTRIBUTE`, `data.TYPE.NAME.ATTRIBUTE`,
/// without the index. Iteration's own names (`thing`, `certificate`) and functions have none of these beginnings.
fn references(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let line = line.replace("[each.key]", "").replace("[thing]", "");
        for word in line.split(|character| !is_part(character)) {
            let first = word.split('.').next().unwrap();
            let is_reference = ["var", "local", "data"].contains(&first) || first.starts_with("aws_");
            if is_reference && word.contains('.') {
                found.push(word.to_owned());
            }
        }
    }
    found
}

/// The formatter adds a line's end of its own.
fn formatted(file: &Value) -> String {
    format!("{}\n", file["formatted"].as_str().unwrap().trim_end())
}

fn read(files: &[PathBuf]) -> Option<Map<String, Value>> {
    if !packages::available("terraform", &["node", packages::HCL]) {
        return None;
    }
    let output = Command::new(packages::find("node").unwrap())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readme/terraform.js"))
        .args(files)
        .env("NODE_PATH", packages::find(packages::HCL).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/terraform")
}

//! What Greengrass's nucleus does with a recipe before it runs a component: it puts values in place of recipe variables
//! ("Recipe variables" in the component recipe reference; KernelConfigResolver in its source), and unpacks artifacts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::packages::{self, BOTO};
use crate::support::process::run;

/// A recipe, as JSON.
pub(crate) fn read_recipe(path: &Path) -> Value {
    const TO_JSON: &str = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let python = packages::find(BOTO).unwrap();
    serde_json::from_str(&run(python.to_str().unwrap(), ["-c", TO_JSON, path.to_str().unwrap()])).unwrap()
}

/// The folders of one component's version below the nucleus's root.
pub(crate) struct Folders {
    pub(crate) artifacts: PathBuf,
    pub(crate) unarchived: PathBuf,
    pub(crate) work: PathBuf,
}

/// A lifecycle script with every recipe variable replaced. A variable that names nothing stays as it stands.
pub(crate) fn interpolate(script: &str, configuration: &Value, folders: &Folders) -> String {
    let mut result = String::new();
    let mut rest = script;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        result.push_str(before);
        let variable = from[1..].split_once('}').and_then(|(inside, _)| inside.split_once(':'));
        match variable.and_then(|(namespace, key)| value(namespace, key, configuration, folders)) {
            Some(value) => {
                result.push_str(&value);
                rest = &from[from.find('}').unwrap() + 1..];
            }
            None => {
                result.push('{');
                rest = &from[1..];
            }
        }
    }
    result + rest
}

/// Unpacks an artifact as `Unarchive: ZIP` says, into a folder named after it. Modes in the archive do not count; what
/// the component's user may do is what `Permission` says of the owner.
pub(crate) fn unarchive(archive: &Path, folders: &Folders, permission: &Value, owner: Option<u32>) {
    let into = folders.unarchived.join(archive.file_stem().unwrap());
    run("python3", ["-m", "zipfile", "-e", archive.to_str().unwrap(), into.to_str().unwrap()]);
    let allowed = |what: &str, bits: u32| match permission[what].as_str() {
        Some("OWNER") => bits & 0o700,
        Some("ALL") => bits,
        _ => 0,
    };
    for entry in fs::read_dir(&into).unwrap() {
        let file = entry.unwrap().path();
        let mode = allowed("Read", 0o444) | allowed("Execute", 0o555);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        if let Some(owner) = owner {
            chown(file, Some(owner), Some(owner)).unwrap();
        }
    }
}

fn value(namespace: &str, key: &str, configuration: &Value, folders: &Folders) -> Option<String> {
    match (namespace, key) {
        // A value node as its text, an object or array as JSON.
        ("configuration", pointer) => match configuration.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        },
        ("artifacts", "path") => Some(folders.artifacts.to_str().unwrap().to_owned()),
        ("artifacts", "decompressedPath") => Some(folders.unarchived.to_str().unwrap().to_owned()),
        ("work", "path") => Some(folders.work.to_str().unwrap().to_owned()),
        _ => None,
    }
}

#[test]
fn variables_are_replaced_as_the_reference_says() {
    let folders = Folders { artifacts: "/a".into(), unarchived: "/u".into(), work: "/w".into() };
    let configuration = serde_json::json!({ "text": "it's", "number": 5, "homing": { "b": [1, true], "a": "\"" } });
    for (script, expected) in [
        ("echo {configuration:/text} {configuration:/number}", "echo it's 5"),
        ("'{configuration:/homing}'", r#"'{"a":"\"","b":[1,true]}'"#),
        ("{configuration:/homing/b/0} {artifacts:path} {artifacts:decompressedPath} {work:path}", "1 /a /u /w"),
        // The pointer "/" is to the member whose name is empty (RFC 6901, section 5).
        (
            "{configuration:/} {configuration:/none} {other:path}",
            "{configuration:/} {configuration:/none} {other:path}",
        ),
        ("${HOME} { echo {thing}/{name}; }", "${HOME} { echo {thing}/{name}; }"),
    ] {
        assert_eq!(interpolate(script, &configuration, &folders), expected);
    }
}

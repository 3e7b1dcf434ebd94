//! What Greengrass and the AWS IoT Device Client know of this device, as settings.

use super::Settings;
use crate::cli::Origin;
use crate::error::{Error, Fault, Result};
use crate::job::status::text_of;
use crate::options::{Id, Kind};
use crate::protocol::json_syntax::line_and_column;
use crate::protocol::json_walk::{self, Value};
use crate::protocol::yaml;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Settings, and where they came from.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) settings: Settings,
    /// The file; empty: nobody's.
    pub(super) origin: String,
    /// Whether Greengrass goes through a proxy.
    pub(super) has_proxy: bool,
    /// Whether it has anything of use.
    pub(super) is_any: bool,
    /// What is given otherwise, and not to be looked at.
    pub(super) given: Vec<Id>,
}

/// Reads the configuration of `from`, in `file` or where it usually is, but for what is `given` by flags. Without `from`,
/// JSON is the Device Client's.
///
/// # Errors
/// [`Fault::NoInput`]: there is none, or this user may not read it. [`Fault::Data`]: it cannot be understood, or has
/// nothing of use. [`Fault::Config`]: the device's identity is not in files, or not there yet.
pub(super) fn read(from: Option<Origin>, file: Option<&Path>, given: &Settings) -> Result<Found> {
    let path = match (file, from) {
        (Some(file), _) => file.to_owned(),
        (None, Some(Origin::DeviceClient)) => first(DEVICE_CLIENT)?,
        (None, _) => first(GREENGRASS)?,
    };
    let given = given.iter().map(|(id, _)| *id).collect();
    let found = Found { origin: format!("'{}'", path.display()), given, ..Found::default() };
    let found = read_at(&path, from, found)?;
    if !found.is_any {
        let message = format!("there is nothing in {} that homing needs", found.origin);
        return Err(Error::new(Fault::Data, "nothing_found", message)
            .with_remedy("name the configuration of Greengrass or of the AWS IoT Device Client: homing init FILE"));
    }
    Ok(found)
}

fn read_at(path: &Path, from: Option<Origin>, mut found: Found) -> Result<Found> {
    if path.is_dir() {
        return fragments(path, found);
    }
    let text = content(path)?;
    match from {
        Some(Origin::DeviceClient) => device_client(path, &text, &mut found)?,
        None if text.trim_ascii_start().starts_with('{') => device_client(path, &text, &mut found)?,
        _ => {
            greengrass(path, &text, &mut found)?;
            // Greengrass Lite reads this folder behind the file.
            let folder = path.with_file_name(FRAGMENTS);
            if folder.is_dir() {
                found = fragments(&folder, found)?;
            }
        }
    }
    Ok(found)
}

/// The files of a folder, each counting before those whose names come earlier.
fn fragments(folder: &Path, mut found: Found) -> Result<Found> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    // A sort of the library's is 3 KB of code.
    while let Some(first) = (0..paths.len()).min_by(|one, other| paths[*one].cmp(&paths[*other])) {
        let path = paths.swap_remove(first);
        greengrass(&path, &content(&path)?, &mut found)?;
    }
    Ok(found)
}

/// The nucleus's effectiveConfig.yaml, and Greengrass Lite's config.yaml ("Greengrass nucleus", "Greengrass nucleus
/// lite" in the AWS IoT Greengrass V2 Developer Guide).
fn greengrass(path: &Path, text: &str, found: &mut Found) -> Result<()> {
    let system = SYSTEM.iter().map(|(key, id)| (vec!["system", key], *id));
    let nucleus = ["aws.greengrass.Nucleus", "aws.greengrass.NucleusLite"].into_iter().flat_map(|name| {
        NUCLEUS.iter().map(move |(keys, id)| ([&["services", name, "configuration"], *keys].concat(), *id))
    });
    let (paths, ids): (Vec<_>, Vec<_>) = system.chain(nucleus).unzip();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    let values = yaml::read(text, &paths).map_err(|yaml::Unreadable { line, what }| {
        let message = format!("'{}', line {line}: {what}", path.display());
        Error::new(Fault::Data, "yaml_not_understood", message)
            .with_remedy("copy the values by hand: homing init --thing-name NAME --certificate FILE …")
    })?;
    for (id, value) in ids.into_iter().zip(values) {
        match (id, value.as_deref()) {
            (_, None | Some("")) => {}
            (None, Some(_)) => found.has_proxy = true,
            (Some(id), Some(value)) => add(found, id, value)?,
        }
    }
    Ok(())
}

/// The Device Client's JSON ("source/config/README.md" of aws-iot-device-client), and what fleet provisioning gave it.
fn device_client(path: &Path, text: &str, found: &mut Found) -> Result<()> {
    let document = json(path, text)?;
    let is_on = |object: &str| {
        let enabled = document.member(object).and_then(|object| object.member("enabled"));
        enabled.is_some_and(|enabled| enabled.kind() == json_walk::Kind::Bool(true))
    };
    if is_on("secure-element") && !found.given.contains(&Id::PrivateKey) {
        return Err(in_hardware("the Device Client's key"));
    }
    let mut take = |object: Value<'_>, keys: &[(&str, Id)]| {
        for (key, id) in keys {
            match text_of(object, key) {
                Some(value) if !value.is_empty() => add(found, *id, &value)?,
                _ => {}
            }
        }
        Ok(())
    };
    take(document, &[("endpoint", Id::DataEndpoint)])?;
    if !is_on("fleet-provisioning") {
        return take(document, IDENTITY);
    }
    // Its certificate is the one that all devices of the fleet begin with.
    let path = path.with_file_name("aws-iot-device-client-runtime.conf");
    let text = content(&path)?;
    let runtime = json(&path, &text)?.member("runtime-config");
    let is_done = runtime.and_then(|runtime| runtime.member("completed-fp"));
    match runtime {
        Some(runtime) if is_done.is_some_and(|done| done.kind() == json_walk::Kind::Bool(true)) => {
            take(runtime, IDENTITY)
        }
        _ => Err(Error::new(Fault::Config, "not_provisioned", format!("'{}': not provisioned yet", path.display()))
            .with_remedy("let the Device Client finish its fleet provisioning first")),
    }
}

fn json<'a>(path: &Path, text: &'a str) -> Result<Value<'a>> {
    Value::of(text, DEPTH_MAXIMUM).map_err(|malformed| {
        let (line, _) = line_and_column(text, malformed.offset);
        Error::new(Fault::Data, "malformed_json", format!("'{}', line {line}: {}", path.display(), malformed.what))
    })
}

/// A value as homing wants it: a file's plain name.
fn add(found: &mut Found, id: Id, value: &str) -> Result<()> {
    found.is_any = true;
    if found.given.contains(&id) {
        return Ok(());
    }
    if id.option().kind != Kind::Path {
        found.settings.push((id, value.into()));
        return Ok(());
    }
    let path = at_home(value.strip_prefix("file://").unwrap_or(value));
    if !path.is_absolute() {
        let what = format!("{} \"{value}\"", id.option().key);
        // Such as pkcs11:object=key, or a handle of a TPM.
        return Err(if value.contains(':') {
            in_hardware(&what)
        } else {
            Error::new(
                Fault::Config,
                "relative_path",
                format!("{what} is no path from the root: from where, nothing says"),
            )
            .with_remedy(format!("give it whole, with --{}", id.option().flag))
        });
    }
    found.settings.push((id, path.into()));
    Ok(())
}

fn in_hardware(what: &str) -> Error {
    Error::new(Fault::Config, "no_file", format!("{what} is no file: homing cannot use keys in a hardware module"))
        .with_remedy(
            "homing csr makes homing a key and a certificate request of its own: name them with --private-key and --certificate",
        )
}

/// `~/` as the shell takes it, which has not seen this name.
pub(super) fn at_home(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => name.into(),
    }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

fn first(places: &[&str]) -> Result<PathBuf> {
    let home = home().unwrap_or_default();
    for place in places {
        let path = home.join(place);
        match fs::metadata(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    let message = format!("there is no configuration at {}", places.join(", "));
    Err(Error::new(Fault::NoInput, "no_such_file", message).with_remedy("name it: homing init FILE"))
}

fn content(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LENGTH_MAXIMUM + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > LENGTH_MAXIMUM => Err(unreadable(path, &ErrorKind::FileTooLarge.into())),
        Ok(_) => {
            if text.starts_with(BYTE_ORDER_MARK) {
                text.remove(0);
            }
            Ok(text)
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Fault::NoInput, "file_unreadable", format!("cannot read '{}': {error}", path.display())).with_remedy(
        match error.kind() {
            ErrorKind::PermissionDenied => "run homing as a user who may read it, such as root",
            ErrorKind::NotFound => "check the path",
            _ => "check that it is the configuration of Greengrass or of the AWS IoT Device Client",
        },
    )
}

const SYSTEM: &[(&str, Option<Id>)] = &[
    ("thingName", Some(Id::ThingName)),
    ("certificateFilePath", Some(Id::Certificate)),
    ("privateKeyPath", Some(Id::PrivateKey)),
];
const NUCLEUS: &[(&[&str], Option<Id>)] = &[
    (&["awsRegion"], Some(Id::Region)),
    (&["iotCredEndpoint"], Some(Id::CredentialEndpoint)),
    (&["iotDataEndpoint"], Some(Id::DataEndpoint)),
    (&["iotRoleAlias"], Some(Id::RoleAlias)),
    (&["mqtt", "port"], Some(Id::MqttPort)),
    (&["networkProxy", "proxy", "url"], None),
];
const IDENTITY: &[(&str, Id)] = &[("cert", Id::Certificate), ("key", Id::PrivateKey), ("thing-name", Id::ThingName)];
/// Where the nucleus is installed by AWS's instructions; Greengrass Lite's.
const GREENGRASS: &[&str] =
    &["/greengrass/v2/config/effectiveConfig.yaml", "/etc/greengrass/config.yaml", "/etc/greengrass/config.d"];
/// Greengrass Lite's further files.
const FRAGMENTS: &str = "config.d";
/// In the user's home, and where its setup script puts it for root.
const DEVICE_CLIENT: &[&str] = &[
    ".aws-iot-device-client/aws-iot-device-client.conf",
    "/etc/.aws-iot-device-client/aws-iot-device-client.conf",
    "/etc/aws-iot-device-client/aws-iot-device-client.conf",
];
/// Windows' editors write it.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// A nucleus with a hundred components has some 200 KB.
const LENGTH_MAXIMUM: u64 = 1024 * 1024;
/// The Device Client's own has three levels.
const DEPTH_MAXIMUM: usize = 16;

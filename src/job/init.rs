//! `homing init`: a configuration from what the device already has, from flags, or from answers on a terminal.

mod document;
mod questions;
mod source;

use super::Screen;
use super::private_file::{PRIVATE, PrivateFile};
use super::screen::print;
use crate::cli::Init;
use crate::config::{Config, DEFAULT_FILE, Sources};
use crate::error::{Error, Fault, Result};
use crate::options::{Id, Kind};
use source::Found;
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Settings with their values, as flags have them; of several for one, the last counts.
type Settings = Vec<(Id, OsString)>;

/// Writes the configuration, and tells what is in it, what is missing, and how to find that. `flags` are the settings of
/// the command line.
///
/// # Errors
/// There is a file already, or it cannot be written; nothing says what to write; what does cannot be read, or is no
/// configuration. Nothing is written then.
pub fn run(command: &Init, flags: &[(Id, OsString)], screen: &mut Screen) -> Result<u8> {
    let target = flags.iter().rev().find(|(id, _)| *id == Id::Config).map(|(_, value)| value.clone());
    let target = target.or_else(|| std::env::var_os("HOMING_CONFIG").filter(|name| !name.is_empty()));
    let target = PathBuf::from(target.unwrap_or_else(|| DEFAULT_FILE.into()));
    let file = PrivateFile::open(&target)?;
    if file.mode().is_some() && !command.force {
        return Err(is_there(file.path()));
    }
    let flags: Settings =
        flags.iter().filter(|(id, _)| !matches!(id, Id::Config | Id::ConfigJson)).map(absolute).collect();
    let mut found = match (command.from, &command.file) {
        (None, None) if !flags.is_empty() => Found::default(),
        (None, None) if std::io::stdin().is_terminal() => questions::ask()?,
        (None, None) => {
            return Err(Error::new(
                Fault::Usage,
                "nothing_given",
                "nothing says what to write, and nobody can be asked",
            )
            .with_remedy("homing init --from greengrass, --from device-client, or the settings as flags"));
        }
        (from, file) => source::read(from, file.as_deref(), &flags)?,
    };
    found.settings.extend(flags);
    let config = checked(&found.settings).map_err(|error| match found.origin.as_str() {
        "" => error,
        origin => error.context(origin),
    })?;
    let text = document::write(&found.settings);
    file.replace(&text, PRIVATE)?;
    tell(&target, &text, &found, &config, screen)
}

/// The error for a file that is not to be replaced.
pub(super) fn is_there(path: &Path) -> Error {
    Error::new(Fault::CannotCreate, "exists", format!("'{}' is there already, and stays as it is", path.display()))
        .with_remedy("--force replaces it")
}

/// What is read from another folder later has to have its whole name.
fn absolute((id, value): &(Id, OsString)) -> (Id, OsString) {
    let path = matches!(id.option().kind, Kind::Path).then(|| std::path::absolute(value).ok()).flatten();
    (*id, path.map_or_else(|| value.clone(), PathBuf::into_os_string))
}

/// The configuration that these settings are, and no variable or file.
fn checked(settings: &[(Id, OsString)]) -> Result<Config> {
    Config::from_sources(&Sources { flags: settings, environment: &|_| None, default_file: "".as_ref() })
}

fn tell(target: &Path, text: &str, found: &Found, config: &Config, screen: &mut Screen) -> Result<u8> {
    let missing: Vec<_> =
        WANTED.iter().filter(|(id, _)| !found.settings.iter().any(|(given, _)| given == id)).collect();
    if screen.json {
        let names: Vec<_> = missing.iter().map(|(id, _)| id.option().key).collect();
        return screen.json_only(|writer| {
            writer
                .text("file", &target.to_string_lossy())
                .optional_text("from", Some(found.origin.as_str()).filter(|origin| !origin.is_empty()))
                .text("missing", &names.join(" "));
        });
    }
    print(|out| {
        write!(out, "wrote {}", target.display())?;
        if !found.origin.is_empty() {
            write!(out, " from {}", found.origin)?;
        }
        writeln!(out, ":\n{text}")?;
        for (id, how) in missing {
            writeln!(out, "missing: \"{}\", {}\n  find it: {how}", id.option().key, id.option().help)?;
        }
        for path in [&config.certificate, &config.private_key].into_iter().flatten() {
            if let Err(error) = File::open(path) {
                writeln!(out, "cannot read '{}': {error}", path.display())?;
            }
        }
        if found.has_proxy {
            writeln!(out, "Greengrass goes through a proxy: set HTTPS_PROXY where homing runs")?;
        }
        writeln!(out, "next: homing check")
    })?;
    Ok(0)
}

/// What `send` needs, and how whoever set the device up finds it.
const WANTED: &[(Id, &str)] = &[
    (Id::ThingName, "aws iot list-things"),
    (Id::Certificate, "homing csr makes a key and the request for one"),
    (Id::PrivateKey, "it came with the certificate"),
    (Id::CredentialEndpoint, "aws iot describe-endpoint --endpoint-type iot:CredentialProvider"),
    (Id::DataEndpoint, "aws iot describe-endpoint --endpoint-type iot:Data-ATS"),
    (Id::RoleAlias, "aws iot list-role-aliases"),
    (Id::Bucket, "aws s3 ls"),
];

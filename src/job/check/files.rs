//! The files that settings name: whether they are there, whose they are, and who may read them.

use super::details::Details;
use super::report::Report;
use crate::config::Config;
use crate::error::{Error, Fault};
use crate::net::tls::{PemFile, Trust};
use crate::options::Id;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tells of each file in a line.
pub(super) fn look(config: &Config, report: &mut Report) {
    let files =
        [(Id::Certificate, &config.certificate), (Id::PrivateKey, &config.private_key), (Id::CaFile, &config.ca_file)];
    for (id, path) in files {
        let Some(path) = path else { continue };
        let mut details = Details::default();
        let key = id.option().key;
        let found = std::fs::metadata(path);
        if let Ok(found) = &found {
            let (uid, gid, mode) = (found.uid(), found.gid(), found.mode() & 0o7777);
            details.text("path", &path.display());
            details.number("uid", uid.into()).number("gid", gid.into()).text("mode", &format_args!("{mode:04o}"));
        }
        let result = match found.and_then(|found| File::open(path).map(|_| found)) {
            Ok(found) => judged(config, id, path, &found, &mut details).and_then(|()| match id {
                Id::CaFile => trusted(config, path),
                _ => Ok(()),
            }),
            Err(error) => Err(unreadable(config, id, path, &error)),
        };
        report.ended("file", key, details, &result);
    }
}

fn judged(config: &Config, id: Id, path: &Path, found: &Metadata, details: &mut Details) -> Result<(), Error> {
    let (name, shown) = (config.described(id), path.display());
    if found.is_dir() {
        let message = format!("{name}: '{shown}' is a directory");
        return Err(Error::new(Fault::Config, "not_a_file", message).with_remedy("name the file in it"));
    }
    let others = found.mode() & if id == Id::PrivateKey { NOT_OWNERS } else { WRITABLE_BY_OTHERS };
    if others != 0 {
        let message = format!("{name}: others can {} '{shown}'", if id == Id::PrivateKey { "read" } else { "change" });
        let remedy = format!("chmod {} '{shown}'", if id == Id::PrivateKey { "600" } else { "go-w" });
        if config.strict {
            return Err(Error::new(Fault::Config, "key_exposed", message).with_remedy(remedy));
        }
        details.note(&format_args!("{message}: {remedy}"));
    }
    if path.is_relative() {
        details.note(&"its path is not whole: homing finds it from this folder only, and cron starts in another");
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && found.uid() != 0 {
        details.note(&format_args!("it belongs to user {}, and homing runs as user {own}", found.uid()));
    }
    Ok(())
}

/// What is in it is told here, once, rather than at every server.
fn trusted(config: &Config, path: &Path) -> Result<(), Error> {
    let origin = config.origin(Id::CaFile).to_string();
    Trust::load(Some(PemFile { path, origin: &origin }), true).map(|_| ())
}

fn unreadable(config: &Config, id: Id, path: &Path, error: &std::io::Error) -> Error {
    let own = rustix::process::geteuid().as_raw();
    let message = format!("{}: user {own} cannot read '{}': {error}", config.described(id), path.display());
    let remedy = match error.kind() {
        std::io::ErrorKind::NotFound if path.is_relative() => {
            "give its whole path, from / on: this one is looked for in the folder that homing is started in"
        }
        std::io::ErrorKind::NotFound => "check the path",
        std::io::ErrorKind::PermissionDenied => {
            "run homing as the file's owner, or give this user the file and each directory on its way (chown, chmod)"
        }
        _ => "check the file",
    };
    Error::new(Fault::Config, "file_unreadable", message).with_remedy(remedy)
}

const NOT_OWNERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;

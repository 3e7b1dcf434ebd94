//! `homing csr`.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;
use std::path::PathBuf;

/// Make a private key and a certificate request.
#[derive(Debug, PartialEq, Eq)]
pub struct Csr {
    /// Where the request goes.
    pub target: RequestTarget,
    /// The name in it; `None`: the thing name.
    pub common_name: Option<String>,
    /// Whether files that are there are replaced.
    pub force: bool,
}

/// Where a certificate request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum RequestTarget {
    /// Beside the key.
    BesideKey,
    /// A file.
    File(PathBuf),
    /// Standard output.
    StandardOutput,
}

impl Given {
    pub(super) fn csr(&self, positionals: &[OsString]) -> Result<Command> {
        let target = match positionals {
            [] => RequestTarget::BesideKey,
            [dash] if dash == "-" => RequestTarget::StandardOutput,
            [file] if !file.is_empty() => RequestTarget::File(file.into()),
            _ => return Err(usage("wrong_arguments", "homing csr takes one FILE at most")),
        };
        let common_name = self.text(Id::CommonName)?.map(str::to_owned);
        Ok(Command::Csr(Csr { target, common_name, force: self.has(Id::Force) }))
    }
}

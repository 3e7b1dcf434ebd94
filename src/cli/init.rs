//! `homing init`.

use super::{Command, Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;
use std::path::PathBuf;

/// Write a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Init {
    /// Whose configuration the settings are taken from; `None`: the file's content says it.
    pub from: Option<Origin>,
    /// The file that they are taken from; `None`: where it usually is.
    pub file: Option<PathBuf>,
    /// Whether a configuration that is there is replaced.
    pub force: bool,
}

/// What else on the device has a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Greengrass V2: its nucleus, or Greengrass Lite.
    Greengrass,
    /// The AWS IoT Device Client.
    DeviceClient,
}

impl Given {
    pub(super) fn init(&self, positionals: &[OsString]) -> Result<Command> {
        let file = match positionals {
            [] => None,
            [file] if !file.is_empty() => Some(file.into()),
            _ => return Err(usage("wrong_arguments", "homing init takes one FILE at most")),
        };
        let from = self.choice(Id::From)?.map(|word| match word {
            "greengrass" => Origin::Greengrass,
            _ => Origin::DeviceClient,
        });
        Ok(Command::Init(Init { from, file, force: self.has(Id::Force) }))
    }
}

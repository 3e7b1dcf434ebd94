//! `homing get`: one S3 object into a file or to standard output.

use super::download::{Begun, Download, Fetched, OBJECT_CHANGED, Sink};
use super::network::Network;
use super::outcome::{Outcome, Via};
use super::partial_file::PartialFile;
use super::place::Place;
use super::signer::Signer;
use super::{Screen, remembered, screen};
use crate::aws::s3_get::GetObject;
use crate::cli::{Get, Target};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::protocol::checksum::Checksum;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Fetches the object and prints the outcome.
///
/// # Errors
/// Only what concerns the outcome's printing; everything else is in the outcome and the exit code. Where the object
/// goes to standard output, there is no outcome, and everything is an error.
pub fn run(config: &Config, command: &Get, screen: &mut Screen) -> Result<u8> {
    let named = match &command.target {
        Target::Stdout => return to_stdout(config, command).map(|()| 0),
        Target::File(named) => named,
    };
    let mut file = named.clone();
    let result = to_file(config, command, named, &mut file);
    let (via, etag, size) = match &result {
        Ok(Fetched::Whole(begun)) => (Ok(Via::Received), begun.etag.trim_matches('"'), Some(begun.size)),
        Ok(Fetched::NotChanged) => (Ok(Via::NotChanged), "", None),
        Err(error) => (Err(error), "", None),
    };
    screen.outcome(&Outcome {
        file: Some(&file),
        result: via,
        dry_run: false,
        bucket: &command.bucket,
        key: &command.key,
        etag,
        bytes: size,
        topic: "",
    })?;
    Ok(via.err().map_or(0, Error::exit_code))
}

fn to_file(config: &Config, command: &Get, named: &Path, file: &mut PathBuf) -> Result<Fetched> {
    *file = in_directory(named, &command.key)?;
    let place = place(config, command)?;
    let name = full_name(command);
    // First of all, so that what cannot be written is not asked for.
    let mut partial = PartialFile::open(file, &name)?;
    let kept = command.if_changed.then(|| remembered::recall(partial.target(), &name)).flatten();
    let fetched = download(config, command, &place, &mut partial, kept.as_deref(), true)?;
    if let Fetched::Whole(begun) = &fetched {
        let target = partial.commit()?;
        if command.if_changed
            && let Err(error) = remembered::remember(&target, &name, &begun.etag)
        {
            log::warn!("the ETag of '{}' cannot be remembered, so it will be fetched again: {error}", target.display());
        }
    }
    Ok(fetched)
}

fn to_stdout(config: &Config, command: &Get) -> Result<()> {
    let place = place(config, command)?;
    let out = std::io::stdout();
    let shows_progress = !out.is_terminal();
    // Not through its own buffer, which looks for line ends.
    let out = out.as_fd().try_clone_to_owned().map_err(|error| screen::stdout_failed(&error))?;
    let mut sink = StandardOutput { out: out.into(), begun: None, position: 0 };
    download(config, command, &place, &mut sink, None, shows_progress).map(drop)
}

fn place(config: &Config, command: &Get) -> Result<Place> {
    config.require(&[Id::Region])?;
    Place::from_config(config, &command.bucket)
}

fn download(
    config: &Config,
    command: &Get,
    place: &Place,
    sink: &mut dyn Sink,
    if_none_match: Option<&str>,
    shows_progress: bool,
) -> Result<Fetched> {
    let network = Network::new(config)?;
    let client = network.public_client()?;
    client.warm_up(&place.bucket().authority()?);
    let signer = Signer::obtain(config, &network)?;
    let object = GetObject { bucket: place.bucket(), key: &command.key, version_id: command.version_id.as_deref() };
    // A store that is not S3 may not know what it is asked for: then only where a checksum is configured.
    let checksum_mode = place.is_aws() || config.payload.trailer().is_some();
    Download { client, network: &network, signer, place, object, checksum_mode, shows_progress }
        .run(sink, if_none_match)
}

/// What files remember having been fetched from.
fn full_name(command: &Get) -> String {
    let version = command.version_id.as_ref().map(|id| format!("?versionId={id}")).unwrap_or_default();
    format!("s3://{}/{}{version}", command.bucket, command.key)
}

/// The file itself, or the one in the directory that was named: the last part of the key is its name.
fn in_directory(named: &Path, key: &str) -> Result<PathBuf> {
    let is_meant_as_directory = named.as_os_str().as_encoded_bytes().ends_with(b"/");
    if !is_meant_as_directory && !named.is_dir() {
        return Ok(named.to_owned());
    }
    let name = key.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") || name.contains('\0') {
        let message =
            format!("'{}' is a directory, and the key {key:?} does not end in a file's name", named.display());
        return Err(Error::new(Fault::CannotCreate, "no_file_name", message).with_remedy("name the file"));
    }
    Ok(named.join(name))
}

/// Standard output: what was written cannot be taken back.
struct StandardOutput {
    out: File,
    begun: Option<Begun>,
    position: u64,
}

impl StandardOutput {
    fn cannot_be_taken_back(&self) -> Error {
        let position = self.position;
        let message =
            format!("the object was replaced when {position} bytes of it had been written to standard output");
        Error::new(Fault::Temporary, OBJECT_CHANGED, message)
            .with_remedy("throw away what was written, and try again; with a FILE, homing does so by itself")
    }
}

impl Sink for StandardOutput {
    fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref()
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn begin(&mut self, begun: Begun) -> Result<()> {
        if self.position > 0 {
            return Err(self.cannot_be_taken_back());
        }
        self.begun = Some(begun);
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        Ok(())
    }

    fn start_over(&mut self) -> Result<()> {
        if self.position > 0 { Err(self.cannot_be_taken_back()) } else { Ok(()) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| match error.kind() {
            ErrorKind::StorageFull => screen::stdout_failed(&error).with_remedy("make room on the disk"),
            _ => screen::stdout_failed(&error).with_remedy("keep the reader until the end"),
        })?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Its checksum is computed from the first byte on, so that there is never anything to read back.
    fn take_in(&mut self, _: &mut Checksum, _: &mut [u8]) -> Result<()> {
        Ok(())
    }

    fn reject(&mut self) -> String {
        "what was written to standard output is to be thrown away".to_owned()
    }

    fn is_kept(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_lead_out_of_the_directory() {
        let folder = std::env::temp_dir();
        assert_eq!(in_directory(&folder, "a/b c.bin"), Ok(folder.join("b c.bin")));
        assert_eq!(in_directory(&folder, "../../b"), Ok(folder.join("b")));
        for key in ["..", "a/..", "a/.", "a/", "/", "a/b\0c"] {
            let error = in_directory(&folder, key).unwrap_err();
            assert_eq!((error.fault(), error.code()), (Fault::CannotCreate, "no_file_name"), "{key}");
        }
        let file = Path::new("/no/such/file");
        assert_eq!(in_directory(file, ".."), Ok(file.to_owned()));
        assert_eq!(in_directory(Path::new("/no/such/"), "a/b"), Ok("/no/such/b".into()));
    }
}

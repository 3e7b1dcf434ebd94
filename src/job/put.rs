//! `homing put`: one file into one S3 object.

use super::attempts::attempted;
use super::network::Network;
use super::outcome::{Outcome, Via};
use super::place::Place;
use super::signer::Signer;
use super::source::Source;
use super::upload::{Uploader, check_size};
use super::{Screen, credentials};
use crate::cli::Put;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::options::Id;

/// Puts the file and prints the outcome.
///
/// # Errors
/// Only what concerns the outcome's printing; everything else is in the outcome and the exit code.
pub fn run(config: &Config, command: &Put, screen: &mut Screen) -> Result<u8> {
    let mut size = None;
    let mut etag = String::new();
    let result = put(config, command, &mut size, &mut etag);
    screen.outcome(&Outcome {
        file: Some(&command.file),
        result: result.as_ref().map(|()| Via::S3),
        dry_run: command.dry_run,
        bucket: &command.bucket,
        key: &command.key,
        etag: &etag,
        bytes: size,
        topic: "",
    })?;
    Ok(result.as_ref().err().map_or(0, Error::exit_code))
}

fn put(config: &Config, command: &Put, size: &mut Option<u64>, etag: &mut String) -> Result<()> {
    let mut source = Source::open(&command.file)?;
    *size = Some(source.size);
    check_size(&source)?;
    config.require(&[Id::Region])?;
    let place = Place::from_config(config, &command.bucket)?;
    if command.dry_run {
        credentials::choose(config)?;
        return Ok(());
    }
    let network = Network::new(config)?;
    let client = network.public_client()?;
    client.warm_up(&place.bucket().authority()?);
    let signer = Signer::obtain(config, &network)?;
    let mut uploader = Uploader::new(config, client, signer, place)?;
    let stored = attempted(&network, || uploader.put(&mut source, &command.key, &command.object))?;
    *etag = stored.etag;
    Ok(())
}

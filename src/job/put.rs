//! `homing put`: one file, or standard input, into one S3 object.

use super::delivery::new_message_id;
use super::network::Network;
use super::outcome::{Outcome, Via};
use super::place::Place;
use super::signer::Signer;
use super::source::Source;
use super::upload::{Uploader, check_size, with_own_id};
use super::{Screen, credentials};
use crate::cli::Put;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::options::Id;
use crate::protocol::hexadecimal;
use ring::digest::{Context, SHA256};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

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
    let source = if command.from_stdin { None } else { Some(Source::open(&command.file)?) };
    if let Some(source) = &source {
        *size = Some(source.size);
        check_size(source)?;
    }
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
    let (key, headers) = (&command.key, &with_own_id(&command.object, &new_message_id()?));
    let stored = match source {
        Some(mut source) => {
            let state = state_file(config, command);
            uploader.put_resumable(&network, &mut source, key, headers, state.as_deref())
        }
        None => {
            let directories = spool_directories(config);
            let stored = uploader.put_input(&network, &mut std::io::stdin().lock(), &directories, key, headers);
            stored.map(|(length, outcome)| {
                *size = Some(length);
                outcome
            })
        }
    };
    *etag = stored?.etag;
    Ok(())
}

/// Where an upload in parts is remembered: by what file it is of, and where it goes. What has become of the file stands
/// in it.
fn state_file(config: &Config, command: &Put) -> Option<PathBuf> {
    let path = std::path::absolute(&command.file).ok()?;
    let mut context = Context::new(&SHA256);
    for part in [command.bucket.as_bytes(), command.key.as_bytes(), path.as_os_str().as_bytes()] {
        context.update(part);
        context.update(&[0]);
    }
    let name: String = hexadecimal::digits(&context.finish().as_ref()[..16]).collect();
    Some(uploads(config).join(name))
}

/// Where the states of uploads are that no entry of the queue belongs to.
pub(super) fn uploads(config: &Config) -> PathBuf {
    config.queue.dir.join("uploads")
}

/// Where standard input may be spooled, a part at a time: where the user says, on the disk of the queue, and where
/// everybody may write, which is often in memory.
fn spool_directories(config: &Config) -> Vec<PathBuf> {
    let asked_for = std::env::var_os("TMPDIR").filter(|path| !path.is_empty()).map(PathBuf::from);
    asked_for.into_iter().chain([config.queue.dir.clone(), PathBuf::from("/tmp")]).collect()
}

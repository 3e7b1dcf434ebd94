//! `homing put --abort-stale`: ends multipart uploads that were begun long ago and that nobody will complete.

use super::attempts::attempted;
use super::multipart_state::{Found, MultipartState};
use super::network::Network;
use super::place::Place;
use super::signer::Signer;
use super::upload::Uploader;
use super::{Screen, put};
use crate::aws::s3_abort_multipart_upload::AbortMultipartUpload;
use crate::aws::s3_list_multipart_uploads::{ListMultipartUploads, ListedUpload, PAGE_CAPACITY};
use crate::aws::s3_multipart::MultipartUpload;
use crate::cli::AbortStale;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::options::Id;
use crate::protocol::time::iso8601;
use std::time::{Duration, SystemTime};

/// Aborts them, prints a line for each, and gives the exit code: that of the last that could not be aborted.
///
/// # Errors
/// What concerns no single upload: the configuration, S3 lists none, or an unwritable standard output.
pub fn run(config: &Config, command: &AbortStale, screen: &mut Screen) -> Result<u8> {
    config.require(&[Id::Region])?;
    let prefix = match &*command.prefix {
        "" => {
            config.require(&[Id::ThingName])?;
            format!("{}/", config.thing_name.as_deref().unwrap_or_default())
        }
        prefix => prefix.to_owned(),
    };
    let place = Place::from_config(config, &command.bucket)?;
    let network = Network::new(config)?;
    let client = network.public_client()?;
    let signer = Signer::obtain(config, &network)?;
    let uploader = Uploader::new(config, client, signer, place.clone())?;
    // A dry run is there to be looked at.
    screen.talkative |= command.dry_run;
    let (mut code, mut after) = (0, (String::new(), String::new()));
    loop {
        let call = ListMultipartUploads { bucket: place.bucket(), prefix: &prefix, after: (&after.0, &after.1) };
        let mut buffer = vec![0; PAGE_CAPACITY];
        let (uploads, next) = attempted(&network, || {
            uploader.ask(call.request()?, &mut buffer, |reply, now| {
                let page = call.parse(reply, now)?;
                Ok((page.uploads().collect::<Vec<_>>(), page.next()))
            })
        })?;
        // By the server's clock, once it has told that the device's is wrong.
        let older_than = i64::try_from(command.older_than).unwrap_or(i64::MAX);
        let begun_before = network.clock().now().saturating_sub(older_than);
        for upload in uploads.iter().filter(|upload| upload.initiated <= begun_before) {
            let ended = if command.dry_run { Ok(()) } else { end(&network, &uploader, &place, upload) };
            code = ended.as_ref().err().map_or(code, Error::exit_code);
            report(screen, command, upload, ended)?;
        }
        match next {
            // A store that says there is more and lists the same again would be asked for ever.
            Some(next) if next != after => after = next,
            _ => break,
        }
    }
    if !command.dry_run {
        forget_states(config, command, &prefix);
    }
    Ok(code)
}

fn end(network: &Network<'_>, uploader: &Uploader, place: &Place, upload: &ListedUpload) -> Result<()> {
    let upload = MultipartUpload { bucket: place.bucket(), key: &upload.key, upload_id: &upload.upload_id };
    attempted(network, || uploader.abort_upload(&AbortMultipartUpload { upload }))
}

fn report(screen: &mut Screen, command: &AbortStale, upload: &ListedUpload, ended: Result<()>) -> Result<()> {
    let (begun, bucket) = (iso8601(upload.initiated), &command.bucket);
    let result = if command.dry_run {
        "dry-run"
    } else if ended.is_ok() {
        "aborted"
    } else {
        "failed"
    };
    let json = |writer: &mut crate::protocol::json::ObjectWriter<'_>| {
        writer.text("result", result).text("bucket", bucket).text("key", &upload.key);
        writer.text("upload_id", &upload.upload_id).text("begun", &begun);
    };
    match ended {
        Ok(()) => {
            let verb = if command.dry_run { "would be aborted" } else { "aborted" };
            let key: String = upload.key.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
            screen.done(&format!("s3://{bucket}/{key}: {verb}, an upload begun {begun}"), json)
        }
        Err(error) => screen.failed(&error, json),
    }
}

/// Removes what is remembered of the uploads that have now been aborted.
fn forget_states(config: &Config, command: &AbortStale, prefix: &str) {
    let Some(before) = SystemTime::now().checked_sub(Duration::from_secs(command.older_than)) else { return };
    let Ok(entries) = std::fs::read_dir(put::uploads(config)) else { return };
    for entry in entries.flatten() {
        let is_old = entry.metadata().is_ok_and(|found| found.modified().is_ok_and(|modified| modified < before));
        if is_old && let Found::Begun(state) = MultipartState::recall(&entry.path()) {
            let upload = state.upload();
            if upload.bucket == command.bucket && upload.key.starts_with(prefix) {
                state.remove();
            }
        }
    }
}

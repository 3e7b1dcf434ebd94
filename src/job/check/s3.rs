//! The bucket: whether it is there, where, and with `--write` whether the role may store into it.

use super::details::Details;
use super::endpoint::Probed;
use super::{S3_ENDPOINT, Visit, clock};
use crate::aws::s3_head_bucket::HeadBucket;
use crate::aws::s3_put::{ObjectHeaders, PutObject};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::job::place::Place;
use crate::job::signer::Signer;
use crate::job::upload::Uploader;
use crate::net::stream::unix_time;
use crate::options::Id;
use crate::protocol::template::{self, KEY_CAPACITY, Values};

/// Looks at the bucket, and with `write` stores an empty object.
pub(super) fn look(visit: &mut Visit<'_>, signer: Option<&Signer>, place: &Place, store: Probed, write: bool) {
    let signer = match (store, signer) {
        (Probed::Well, Some(signer)) => signer,
        (Probed::Well, None) => return visit.report.skipped("s3", S3_ENDPOINT, "there are no credentials"),
        _ => return visit.report.skipped("s3", S3_ENDPOINT, "S3 cannot be reached"),
    };
    let mut details = Details::default();
    let uploader = visit
        .network
        .public_client()
        .and_then(|client| Uploader::new(visit.config, client, signer.clone(), place.clone()));
    let uploader = match uploader {
        Ok(uploader) => uploader,
        Err(error) => return visit.report.failed("s3", S3_ENDPOINT, details, &error),
    };
    let found = head(visit, &uploader, place, write, &mut details);
    visit.report.ended("s3", S3_ENDPOINT, details, &found);
    let mut details = Details::default();
    match (found, key(visit.config)) {
        (Err(_), _) if write => visit.report.skipped("s3_write", S3_ENDPOINT, "the bucket cannot be used"),
        // A mistake without --write, too.
        (Ok(()), Err(error)) => visit.report.failed("s3_write", S3_ENDPOINT, details, &error),
        (Ok(()), Ok(key)) if write => {
            details.text("key", &key);
            let result = put(&uploader, place, &key);
            visit.report.ended("s3_write", S3_ENDPOINT, details, &result);
        }
        _ => {}
    }
}

/// The key that a file named homing-check gets.
fn key(config: &Config) -> Result<heapless::String<KEY_CAPACITY>> {
    template::render(&config.key, &values(config.thing_name.as_deref()))
        .map_err(|error| unrendered(config.described(Id::Key), &error))
}

fn head(visit: &mut Visit<'_>, uploader: &Uploader, place: &Place, write: bool, details: &mut Details) -> Result<()> {
    let call = HeadBucket { bucket: place.bucket() };
    details.text("bucket", &call.bucket.name);
    let mut buffer = [0; REPLY_CAPACITY];
    let found = uploader.ask(call.request()?, &mut buffer, |reply, now| {
        clock::compare(visit, reply, now);
        Ok(call.parse(reply))
    })?;
    let state = match found {
        Some(state) => state,
        None => {
            let reason = uploader.ask(call.reason_request()?, &mut buffer, |reply, now| call.parse_reason(reply, now));
            reason.map_err(|error| if error.remedy().is_some() { error } else { error.with_remedy(NOT_S3) })?
        }
    };
    if let Some(region) = &state.region {
        details.text("region", region);
        if place.is_aws() && region != place.region() {
            return Err(call.elsewhere(region));
        }
    }
    if !write {
        details.note(&"whether the role may store an object is seen with --write");
    }
    if state.is_closed {
        details.note(&"the role may not look into the bucket (s3:ListBucket), which no delivery needs");
    }
    Ok(())
}

fn put(uploader: &Uploader, place: &Place, key: &str) -> Result<()> {
    let call = PutObject { bucket: place.bucket(), key };
    let request = call.request(&ObjectHeaders::default(), None)?;
    let mut buffer = [0; REPLY_CAPACITY];
    uploader.ask(request, &mut buffer, |reply, now| call.parse(reply, now)).map(|_| ())
}

/// What templates are filled in with, as for an empty file of the name homing-check.
pub(super) fn values(thing: Option<&str>) -> Values<'_> {
    Values { thing, name: "homing-check", time: unix_time(), sha256: Some(SHA256_OF_NOTHING) }
}

/// The error for a template that gives no text.
pub(super) fn unrendered(setting: String, error: &template::TemplateError<'_>) -> Error {
    Error::new(Fault::Config, "invalid_template", format!("{setting}: {error}"))
        .with_remedy("correct the template, or set what it needs (thing_name)")
}

const NOT_S3: &str =
    "check endpoints.s3 (--endpoint-url), path_style and region: something that is not S3 may be answering";
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// S3's error documents have under 2 KiB.
const REPLY_CAPACITY: usize = 4096;

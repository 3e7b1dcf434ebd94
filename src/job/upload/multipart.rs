//! One large file into one S3 object, in parts, each confirmed and remembered before the next is sent.
//!
//! ```text
//! recall the state ─┬─ none, or of another file ── CreateMultipartUpload ─────────┐
//!                   └─ this upload ── ListParts: what S3 has of it counts ────────┤
//!                                                                                 ▼
//!            CompleteMultipartUpload ◀── all there ── UploadPart: the next that is missing ─┐
//!                                                                 ▲── remember it ◀─────────┘
//! ```
//!
//! What is interrupted (network, power, signal) stays, and the next run goes on. What is given up for good (the file has
//! changed, S3 refuses) is aborted, so that its parts take no room that somebody pays for.

use super::own_object::OWN_ID_HEADER;
use super::{Uploader, check_size, object_headers};
use crate::aws::s3_abort_multipart_upload::AbortMultipartUpload;
use crate::aws::s3_complete_multipart_upload::CompleteMultipartUpload;
use crate::aws::s3_create_multipart_upload::CreateMultipartUpload;
use crate::aws::s3_list_parts::{self, ListParts};
use crate::aws::s3_multipart::MultipartUpload;
use crate::aws::s3_put::PutObjectOutcome;
use crate::aws::s3_upload_part::UploadPart;
use crate::cli;
use crate::error::{Error, Fault, Result};
use crate::job::attempts::attempted;
use crate::job::multipart_state::{Found, MultipartState, Upload};
use crate::job::network::Network;
use crate::job::source::{Modified, Source};
use crate::protocol::checksum_of_parts::JoinedChecksum;
use crate::protocol::content_type::content_type;
use crate::protocol::hexadecimal;
use crate::protocol::plan::{MAXIMUM_PUT_SIZE, Parts};
use crate::protocol::request::Request;
use ring::digest::{Context, SHA256};
use std::path::Path;

impl Uploader {
    /// Puts the whole of `source` to `key`: by one PutObject, or, above `multipart_threshold`, in parts. `state` is the
    /// file that remembers the parts, so that the next call with the same arguments goes on where this one ended; without
    /// it every call begins anew. The file is gone when the object is there.
    ///
    /// # Errors
    /// The file cannot be read or changes; S3 cannot be reached or refuses. S3 then has no such object, or the one it had
    /// before.
    pub fn put_resumable(
        &mut self,
        network: &Network<'_>,
        source: &mut Source,
        key: &str,
        headers: &cli::ObjectHeaders,
        state: Option<&Path>,
    ) -> Result<PutObjectOutcome> {
        check_size(source)?;
        let recalled = match state.map(MultipartState::recall) {
            Some(Found::Begun(recalled)) => Some(*recalled),
            Some(Found::Busy) => {
                let message = format!("'{}' is being uploaded by another process", source.path.display());
                return Err(Error::new(Fault::Temporary, "busy", message).with_remedy("try again when it is done"));
            }
            Some(Found::Nothing) | None => None,
        };
        if source.size <= self.place.multipart_threshold().min(MAXIMUM_PUT_SIZE) {
            if let Some(recalled) = recalled {
                self.give_up(network, recalled);
            }
            let put = attempted(network, || {
                source.rewind()?;
                self.put(source, key, headers)
            });
            return self.or_own(network, put, key, headers, source.size);
        }
        let media_type = headers.content_type.as_deref().unwrap_or_else(|| content_type(&source.name));
        let create = CreateMultipartUpload { bucket: self.place.bucket(), key };
        let request = create.request(&object_headers(headers, media_type), self.mode.trailer())?;
        let wanted = Wanted { key, modified: source.modified()?, headers: fingerprint(&request), file: state };
        drop(request);
        let mut recalled = recalled;
        for is_last in [false, true] {
            let resumed = match recalled.take() {
                Some(recalled) => self.resumed(network, recalled, source, &wanted)?,
                None => None,
            };
            let mut state = match resumed {
                Some(state) => state,
                None => self.begun(network, source, &wanted, headers)?,
            };
            let uploaded = self.upload(network, source, &mut state, headers.if_none_match);
            let is_completed = uploaded.is_ok();
            let error = match self.or_own(network, uploaded, key, headers, source.size) {
                Ok(outcome) if is_completed => {
                    state.remove();
                    return Ok(outcome);
                }
                Ok(outcome) => {
                    // Of an attempt before; the parts of this one are in nobody's use.
                    self.give_up(network, state);
                    return Ok(outcome);
                }
                Err(error) => error,
            };
            if !is_gone(&error) {
                return Err(self.left(network, error, state));
            }
            log::warn!("{}; beginning anew", error.message());
            self.give_up(network, state);
            if is_last {
                // The file is as good as ever: it is no reason to put it aside for ever.
                return Err(Error::new(Fault::Temporary, error.code().to_owned(), error.message().to_owned())
                    .with_remedy("see who ends multipart uploads of this bucket so soon: a lifecycle rule, perhaps"));
            }
        }
        unreachable!("the second round ends in any case")
    }

    /// CreateMultipartUpload.
    fn begun(
        &mut self,
        network: &Network<'_>,
        source: &Source,
        wanted: &Wanted<'_>,
        headers: &cli::ObjectHeaders,
    ) -> Result<MultipartState> {
        let plan = Parts::new(source.size, self.place.part_size()).ok_or_else(|| too_large(source))?;
        let media_type = headers.content_type.as_deref().unwrap_or_else(|| content_type(&source.name));
        let upload_id = attempted(network, || {
            let call = CreateMultipartUpload { bucket: self.place.bucket(), key: wanted.key };
            let request = call.request(&object_headers(headers, media_type), self.mode.trailer())?;
            self.ask(request, &mut vec![0; super::REPLY_CAPACITY], |reply, now| call.parse(reply, now))
        })?;
        log::info!("multipart upload of {}: {} parts of {} bytes", wanted.key, plan.count(), plan.part_size());
        let upload = Upload {
            bucket: self.place.bucket().name.to_owned(),
            key: wanted.key.to_owned(),
            upload_id,
            size: source.size,
            modified: wanted.modified,
            part_size: plan.part_size(),
            headers: wanted.headers.clone(),
        };
        Ok(MultipartState::begin(wanted.file, upload, plan))
    }

    /// Goes on with what an earlier run has begun. `None`: it is of another file, or S3 has it no more; what is left of it
    /// is given up.
    fn resumed(
        &mut self,
        network: &Network<'_>,
        mut state: MultipartState,
        source: &Source,
        wanted: &Wanted<'_>,
    ) -> Result<Option<MultipartState>> {
        let upload = state.upload();
        let is_same = upload.bucket == self.place.bucket().name && upload.key == wanted.key;
        if !is_same
            || upload.size != source.size
            || upload.modified != wanted.modified
            || upload.headers != wanted.headers
        {
            let what = if is_same { "the file has changed" } else { "it goes elsewhere" };
            log::info!("{what} since an upload of it was begun: that one is given up");
            self.give_up(network, state);
            return Ok(None);
        }
        match self.compare(network, &mut state) {
            Ok(()) => {}
            Err(error) if is_gone(&error) => {
                log::info!("{}; beginning anew", error.message());
                state.remove();
                return Ok(None);
            }
            // A role that may only put objects cannot ask. S3 compares the ETags when the upload is completed, too.
            Err(error) if error.fault() == Fault::Refused && !error.retryable() => {
                log::info!("{}; going by what this device remembers", error.message());
            }
            Err(error) => return Err(error),
        }
        let (done, count) = (state.done(), state.plan().count());
        log::info!("multipart upload of {} goes on: {done} of {count} parts are there", wanted.key);
        Ok(Some(state))
    }

    /// Asks S3 what it has, and forgets every part that is not there just as it was recorded.
    fn compare(&self, network: &Network<'_>, state: &mut MultipartState) -> Result<()> {
        let upload = state.upload().clone();
        let algorithm = self.mode.trailer();
        let (plan, mut after, mut buffer) = (state.plan(), 0, vec![0; s3_list_parts::PAGE_CAPACITY]);
        loop {
            let before = after;
            let is_last = attempted(network, || {
                let call = ListParts { upload: self.multipart_upload(&upload), after: before };
                self.ask(call.request()?, &mut buffer, |reply, now| {
                    let page = call.parse(algorithm, reply, now)?;
                    after = before;
                    for listed in page.parts().filter(|listed| (1..=plan.count()).contains(&listed.number)) {
                        // What stands between two that are listed is not there.
                        (after + 1..listed.number).for_each(|missing| state.forget(missing));
                        let (_, length) = plan.part(listed.number);
                        let is_same =
                            state.part(listed.number).is_some_and(|known| {
                                let (known, there) = (&known.checksum, &listed.part.checksum);
                                let is_same_checksum = known.is_empty() || there.is_empty() || known == there;
                                is_same_checksum && listed.size == length
                            }) && state.part(listed.number).is_some_and(|known| known.etag == listed.part.etag);
                        if !is_same {
                            state.forget(listed.number);
                        }
                        after = after.max(listed.number);
                    }
                    Ok(page.is_last())
                })
            })?;
            // A store that says there is more and lists none of it would be asked for ever.
            if is_last || after == before {
                (after + 1..=plan.count()).for_each(|missing| state.forget(missing));
                return Ok(());
            }
        }
    }

    /// Sends the parts that are missing, and completes the upload.
    fn upload(
        &mut self,
        network: &Network<'_>,
        source: &mut Source,
        state: &mut MultipartState,
        if_none_match: bool,
    ) -> Result<PutObjectOutcome> {
        let (upload, plan) = (state.upload().clone(), state.plan());
        for number in 1..=plan.count() {
            if state.part(number).is_some() {
                continue;
            }
            let part = attempted(network, || {
                let place = self.place.clone();
                let upload = MultipartUpload { bucket: place.bucket(), key: &upload.key, upload_id: &upload.upload_id };
                self.upload_part(&UploadPart { upload, number }, source, plan.part(number))
            })?;
            source.check_unmodified(upload.modified)?;
            state.record(number, part);
        }
        source.check_unmodified(upload.modified)?;
        self.completed(network, state, &upload, if_none_match)
    }

    /// CompleteMultipartUpload.
    pub(super) fn completed(
        &self,
        network: &Network<'_>,
        state: &MultipartState,
        upload: &Upload,
        if_none_match: bool,
    ) -> Result<PutObjectOutcome> {
        let algorithm = self.mode.trailer();
        let checksum = algorithm.and_then(JoinedChecksum::new).and_then(|mut joined| {
            let plan = state.plan();
            let all = (1..=plan.count()).all(|number| {
                state.part(number).is_some_and(|part| joined.append(&part.checksum, plan.part(number).1))
            });
            all.then(|| joined.finish())
        });
        let call = CompleteMultipartUpload {
            upload: self.multipart_upload(upload),
            algorithm,
            checksum: checksum.as_deref(),
            object_size: upload.size,
            if_none_match,
        };
        attempted(network, || self.complete(&call, state))
    }

    pub(super) fn multipart_upload<'a>(&'a self, upload: &'a Upload) -> MultipartUpload<'a> {
        MultipartUpload { bucket: self.place.bucket(), key: &upload.key, upload_id: &upload.upload_id }
    }

    /// What becomes of an upload that has failed: it stays for the next run, or is given up.
    fn left(&self, network: &Network<'_>, error: Error, state: MultipartState) -> Error {
        if (self.gives_up)(&error) || error.code() == FILE_CHANGED || !state.is_kept() {
            self.give_up(network, state);
            return error;
        }
        let (done, count) = (state.done(), state.plan().count());
        if error.retryable() {
            error.with_remedy(format!(
                "run the same command again: it goes on behind the {done} of {count} parts that S3 has"
            ))
        } else {
            error
        }
    }

    /// Aborts the upload. Where that fails it is still remembered, for another time.
    pub(super) fn give_up(&self, network: &Network<'_>, state: MultipartState) {
        let upload = state.upload();
        let bucket = crate::aws::s3_bucket::Bucket { name: &upload.bucket, ..self.place.bucket() };
        let call =
            AbortMultipartUpload { upload: MultipartUpload { bucket, key: &upload.key, upload_id: &upload.upload_id } };
        match attempted(network, || self.abort_upload(&call)) {
            Ok(()) => {
                log::info!("the multipart upload of {} is aborted", upload.key);
                state.remove();
            }
            Err(error) => log::warn!(
                "the parts of an upload that was given up stay in S3 until `homing put --abort-stale` or a lifecycle \
                 rule removes them: {}",
                error.message()
            ),
        }
    }
}

/// What an upload has to be of, to be gone on with.
struct Wanted<'a> {
    key: &'a str,
    modified: Modified,
    headers: String,
    file: Option<&'a Path>,
}

/// SHA-256 of a request's headers, but for what is another in each run.
fn fingerprint(request: &Request) -> String {
    let mut context = Context::new(&SHA256);
    for (name, value) in request.headers().filter(|(name, _)| *name != OWN_ID_HEADER) {
        [name, ":", value, "\n"].iter().for_each(|text| context.update(text.as_bytes()));
    }
    hexadecimal::digits(context.finish().as_ref()).collect()
}

/// Whether S3 says that the upload, or a part of it, is not there (any more).
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(error.code(), "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder")
}

pub(super) fn too_large(source: &Source) -> Error {
    let (path, size) = (source.path.display(), source.size);
    Error::new(
        Fault::Data,
        "file_too_large",
        format!("'{path}' has {size} bytes; an S3 object has at most 53,687,091,200,000 (48.8 TiB)"),
    )
    .with_remedy("split the file: split -b 4T FILE FILE.")
}

/// The code of [`Source::changed`].
const FILE_CHANGED: &str = "file_changed";

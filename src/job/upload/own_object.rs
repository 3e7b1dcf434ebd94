//! An object that is there where none was to be: whether it is the own one, of an attempt whose answer was lost.
//!
//! What is stored with `If-None-Match` gets an id in its metadata that nothing else has: by it the object is known again,
//! whatever its ETag or its encryption, and without fetching it.

use super::multipart::is_gone;
use super::{REPLY_CAPACITY, Uploader};
use crate::aws::s3_head::HeadObject;
use crate::aws::s3_put::{METADATA_LIMIT, PutObjectOutcome};
use crate::cli::ObjectHeaders;
use crate::error::Result;
use crate::job::attempts::attempted;
use crate::job::network::Network;

/// `headers` with the id by which the object is known again; `id` is another for each file that is sent.
pub fn with_own_id(headers: &ObjectHeaders, id: &str) -> ObjectHeaders {
    let mut headers = headers.clone();
    let size: usize = headers.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    // Where the user's own metadata leaves no room for it, it is done without.
    if headers.if_none_match && size + OWN_ID.len() + id.len() <= METADATA_LIMIT {
        headers.metadata.push((OWN_ID.to_owned(), id.to_owned()));
    }
    headers
}

impl Uploader {
    /// What became of a put: also a success if S3 refuses it because the object is there, and it is the own one.
    ///
    /// # Errors
    /// The put's own.
    pub(super) fn or_own(
        &self,
        network: &Network<'_>,
        outcome: Result<PutObjectOutcome>,
        key: &str,
        headers: &ObjectHeaders,
        size: u64,
    ) -> Result<PutObjectOutcome> {
        let is_there = |code: &str| ["PreconditionFailed", "http_412"].contains(&code);
        let error = match outcome {
            Err(error) if headers.if_none_match && (is_there(error.code()) || is_gone(&error)) => error,
            outcome => return outcome,
        };
        let Some((_, id)) = headers.metadata.iter().find(|(name, _)| name == OWN_ID) else { return Err(error) };
        let call = HeadObject { bucket: self.place.bucket(), key, checksum_mode: self.mode.trailer().is_some() };
        let found = attempted(network, || {
            self.ask(call.request()?, &mut [0; REPLY_CAPACITY], |reply, now| call.parse(OWN_ID_HEADER, reply, now))
        });
        match found {
            Ok(found) if found.metadata.as_ref() == Some(id) && found.size == size => {
                log::info!("{}; it is this file, which an attempt without an answer has stored", error.message());
                Ok(found.stored)
            }
            Ok(_) => Err(error.note("but what S3 has there is another object")),
            // Gone, or a multipart upload of which nothing came.
            Err(unseen) if unseen.code() == "http_404" => Err(error),
            Err(unseen) => Err(error.note(format_args!("which one it is cannot be seen: {}", unseen.message()))),
        }
    }
}

/// The name of the metadata.
const OWN_ID: &str = "homing-id";
/// The same as a header.
pub(super) const OWN_ID_HEADER: &str = "x-amz-meta-homing-id";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_must_not_be_there_yet_gets_an_id_and_only_where_there_is_room() {
        let of = |if_none_match, length| {
            let metadata = vec![("a".to_owned(), "x".repeat(length))];
            with_own_id(&ObjectHeaders { if_none_match, metadata, ..ObjectHeaders::default() }, "0123").metadata.len()
        };
        let room = METADATA_LIMIT - 1 - "homing-id0123".len();
        assert_eq!((of(true, room), of(true, room + 1), of(false, 1)), (2, 1, 1));
        assert_eq!(OWN_ID_HEADER.strip_prefix("x-amz-meta-"), Some(OWN_ID));
    }
}

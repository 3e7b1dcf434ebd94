//! One object from S3 into a file or standard output, piece by piece through one buffer: TLS → hash → file.
//!
//! After a connection that breaks, each further attempt asks for the rest (`Range`) as long as the object is the same
//! (`If-Match`).

use super::attempts::attempted;
use super::network::Network;
use super::place::{Place, S3, unsignable};
use super::signer::Signer;
use crate::aws::s3_get::{GetObject, GetObjectOutcome, ObjectHead, Wanted};
use crate::error::{Error, Fault, Result};
use crate::net::http::{Client, Incoming};
use crate::progress::Progress;
use crate::protocol::checksum::{Checksum, ChecksumAlgorithm};
use crate::protocol::sigv4::{self, Payload};

/// Where the bytes go, and what of them is there.
pub trait Sink {
    /// What the bytes that are there are of; `None` where there are none.
    fn begun(&self) -> Option<&Begun>;

    /// How many bytes are there.
    fn position(&self) -> u64;

    /// Begins anew, with this object.
    ///
    /// # Errors
    /// Here and below: the bytes cannot be written, or what was written cannot be taken back.
    fn begin(&mut self, begun: Begun) -> Result<()>;

    /// The next bytes are those behind [`Self::position`].
    fn resume(&mut self) -> Result<()>;

    /// What is there is of another object.
    fn start_over(&mut self) -> Result<()>;

    /// The next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Takes what is there into a checksum, through `buffer`.
    fn take_in(&mut self, checksum: &mut Checksum, buffer: &mut [u8]) -> Result<()>;

    /// What is there has turned out to be wrong. Gives what became of it, in words.
    fn reject(&mut self) -> String;

    /// Whether what is there will be there for the next command.
    fn is_kept(&self) -> bool;
}

/// What a download is of: as long as this stays the same, it can be resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The ETag with its quotes.
    pub etag: String,
    /// The whole object's size in bytes.
    pub size: u64,
    /// `Last-Modified` as it came.
    pub last_modified: String,
    /// The checksum of the whole object in base64, where S3 has told one.
    pub checksum: Option<(ChecksumAlgorithm, String)>,
}

/// What became of a download.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// All of it is there, and verified.
    Whole(Begun),
    /// The object still has the ETag that was given.
    NotChanged,
}

/// One download.
pub struct Download<'a> {
    /// The way to S3.
    pub client: Client,
    /// What attempts go by.
    pub network: &'a Network<'a>,
    /// Who asks.
    pub signer: Signer,
    /// The bucket.
    pub place: &'a Place,
    /// The object.
    pub object: GetObject<'a>,
    /// Whether S3 is asked for the object's checksum.
    pub checksum_mode: bool,
    /// Whether progress may be shown.
    pub shows_progress: bool,
}

impl Download<'_> {
    /// Fetches the object, or the rest of it, into `sink`; nothing while it has the ETag `if_none_match`.
    ///
    /// # Errors
    /// S3 refuses or cannot be reached, the connection breaks too often, the bytes are damaged, or cannot be written.
    pub fn run(&self, sink: &mut dyn Sink, if_none_match: Option<&str>) -> Result<Fetched> {
        let mut buffer = vec![0; BUFFER];
        let mut checksum = None;
        let mut is_repeat = false;
        let fetched = attempted(self.network, || {
            if is_repeat && sink.position() > 0 {
                log::warn!("{}: resuming at byte {}", self.object.target(), sink.position());
            }
            is_repeat = true;
            match self.attempt(sink, if_none_match, &mut checksum, &mut buffer) {
                Ok(Some(fetched)) => Ok(Ok(fetched)),
                Ok(None) => {
                    log::info!("{} is another one now: fetched from its beginning", self.object.target());
                    checksum = None;
                    match sink.start_over() {
                        Ok(()) => Err(self.always_another()),
                        // What was written cannot be taken back: no attempt changes that.
                        Err(error) => Ok(Err(error)),
                    }
                }
                // As above.
                Err(error) if error.code() == OBJECT_CHANGED => Ok(Err(error)),
                Err(error) => Err(error),
            }
        });
        match fetched.and_then(|fetched| fetched) {
            Ok(Fetched::Whole(begun)) => {
                verify(&self.object.target(), &begun, checksum, sink)?;
                Ok(Fetched::Whole(begun))
            }
            Ok(fetched) => Ok(fetched),
            Err(error) => Err(resumable(error, sink)),
        }
    }

    /// One request and its reply; the bytes are not yet verified. `None`: what is there is of another object. `checksum`
    /// is that of what is there, where it is known.
    fn attempt(
        &self,
        sink: &mut dyn Sink,
        if_none_match: Option<&str>,
        checksum: &mut Option<Checksum>,
        buffer: &mut [u8],
    ) -> Result<Option<Fetched>> {
        let begun = sink.begun().cloned();
        if let (None, Some((algorithm, _))) = (&checksum, begun.as_ref().and_then(|begun| begun.checksum.as_ref())) {
            let mut of_there = Checksum::new(*algorithm);
            sink.take_in(&mut of_there, buffer)?;
            *checksum = Some(of_there);
        }
        let wanted = Wanted {
            first_byte: sink.position(),
            if_match: begun.as_ref().map(|begun| begun.etag.as_str()),
            // What has been begun is not what is there under the final name.
            if_none_match: if_none_match.filter(|_| begun.is_none()),
            checksum_mode: self.checksum_mode,
        };
        let (mut incoming, outcome) = self.ask(&wanted, buffer)?;
        let head = match outcome {
            GetObjectOutcome::NotChanged => return Ok(Some(Fetched::NotChanged)),
            GetObjectOutcome::Changed => return Ok(None),
            GetObjectOutcome::Object(head) => head,
        };
        let begun = match begun {
            Some(begun) if head.first_byte > 0 => {
                if !is_same(&begun, &head) {
                    return Ok(None);
                }
                sink.resume()?;
                begun
            }
            _ => {
                if head.has_checksum_of_parts {
                    log::debug!("{}: the checksum is one of the parts', and is not compared", self.object.target());
                }
                let begun = Begun::from(head);
                sink.begin(begun.clone())?;
                *checksum = begun.checksum.as_ref().map(|(algorithm, _)| Checksum::new(*algorithm));
                begun
            }
        };
        self.receive(&mut incoming, &begun, sink, checksum, buffer)?;
        Ok(Some(Fetched::Whole(begun)))
    }

    fn ask(&self, wanted: &Wanted<'_>, buffer: &mut [u8]) -> Result<(Incoming, GetObjectOutcome)> {
        let mut request = self.object.request(wanted)?;
        let (credentials, time) = (self.signer.credentials(), self.signer.time());
        sigv4::sign(&mut request, &credentials, self.place.region(), S3, time, Payload::Bytes(b""))
            .map_err(|error| unsignable(&error))?;
        log::debug!("GET {} from byte {}", self.object.target(), wanted.first_byte);
        let mut incoming = self.client.open(&request)?;
        let midpoint = incoming.midpoint;
        let reply = if GetObject::explains_itself(incoming.status()) {
            let length = buffer.len().min(DOCUMENT_MAXIMUM);
            incoming.document(&mut buffer[..length])?
        } else {
            incoming.head()
        };
        let outcome = self.object.parse(wanted, &reply, self.signer.at(midpoint))?;
        Ok((incoming, outcome))
    }

    fn receive(
        &self,
        incoming: &mut Incoming,
        begun: &Begun,
        sink: &mut dyn Sink,
        checksum: &mut Option<Checksum>,
        buffer: &mut [u8],
    ) -> Result<()> {
        let name = self.object.key.rsplit('/').next().unwrap_or_default();
        let progress = || Progress::resumed(name, sink.position(), begun.size);
        let mut progress = if self.shows_progress { progress() } else { None };
        loop {
            let count = incoming.read(buffer)?;
            let left = begun.size - sink.position();
            if count as u64 > left || (count == 0 && left > 0) {
                // Content-Length was looked at, so this cannot be; it must not become a file all the same.
                let message = format!("{}: not the size that was announced", self.object.target());
                return Err(Error::new(Fault::Unavailable, "truncated_reply", message));
            }
            if count == 0 {
                return Ok(());
            }
            if let Some(checksum) = checksum {
                checksum.update(&buffer[..count]);
            }
            sink.write(&buffer[..count])?;
            if let Some(progress) = &mut progress {
                progress.update(sink.position());
            }
        }
    }

    fn always_another(&self) -> Error {
        let message = format!("{} was replaced again and again while it was being fetched", self.object.target());
        Error::new(Fault::Temporary, OBJECT_CHANGED, message)
    }
}

impl From<ObjectHead> for Begun {
    fn from(head: ObjectHead) -> Self {
        Self { etag: head.etag, size: head.size, last_modified: head.last_modified, checksum: head.checksum }
    }
}

fn is_same(begun: &Begun, head: &ObjectHead) -> bool {
    (begun.size, &begun.etag, &begun.last_modified) == (head.size, &head.etag, &head.last_modified)
}

fn verify(target: &str, begun: &Begun, computed: Option<Checksum>, sink: &mut dyn Sink) -> Result<()> {
    let (Some((algorithm, expected)), Some(computed)) = (&begun.checksum, computed) else {
        log::debug!("{target}: there is no checksum to compare");
        return Ok(());
    };
    let computed = computed.finish();
    if computed == expected.as_str() {
        log::debug!("{target}: {algorithm} {expected} is right");
        return Ok(());
    }
    let fate = sink.reject();
    let message = format!(
        "{target}: what arrived has another {algorithm} checksum ({computed}) than the object ({expected}); {fate}"
    );
    Err(Error::new(Fault::Temporary, "checksum_mismatch", message)
        .with_remedy("try again; if it stays, check the memory card, and whether the object itself is damaged"))
}

/// Says so where the next command can go on.
fn resumable(error: Error, sink: &dyn Sink) -> Error {
    match sink.begun() {
        Some(begun) if sink.is_kept() && error.retryable() => {
            let remedy = format!(
                "run the same command again: it resumes behind the {} of {} bytes that are there",
                sink.position(),
                begun.size
            );
            error.with_remedy(remedy)
        }
        _ => error,
    }
}

/// The code of the error that what has arrived is of another object than what is there now.
pub const OBJECT_CHANGED: &str = "object_changed";
/// One write a few TLS records: fewer system calls, and nothing that a small device would miss.
const BUFFER: usize = 64 * 1024;
/// S3's error documents have 300 to 1,500 bytes.
const DOCUMENT_MAXIMUM: usize = 8 * 1024;

//! `homing presign`: a URL that gives access to one object for a while; the same for the message of `homing send`.

use super::network::Network;
use super::place::{Place, S3};
use super::signer::Signer;
use super::{Screen, screen};
use crate::aws::s3_presigned::{Access, PresignedObject};
use crate::cli::{Expires, Presign};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::protocol::json::ObjectWriter;
use crate::protocol::request::RequestTooLarge;
use crate::protocol::sigv4::{self, SignError};
use crate::protocol::time::iso8601;
use std::io::{self, Write};
use zeroize::Zeroizing;

/// Prints the URL.
///
/// # Errors
/// The configuration, the credentials, or standard output.
pub fn run(config: &Config, command: &Presign, screen: &Screen) -> Result<u8> {
    config.require(&[Id::Region])?;
    let place = Place::from_config(config, &command.bucket)?;
    let network = Network::new(config)?;
    let access = match command.put {
        true => Access::Put,
        false => Access::Get { version_id: command.version_id.as_deref() },
    };
    let object = PresignedObject { bucket: place.bucket(), key: &command.key, access };
    // Before anybody is asked for credentials: whether there can be such a URL at all.
    object.request()?;
    let signer = Signer::obtain(config, &network)?;
    let presigned = presigned(&object, &signer, command.expires)?;
    let method = if command.put { "PUT" } else { "GET" };
    screen::print(
        |out| if screen.json { presigned.write_json(method, out) } else { writeln!(out, "{}", *presigned.url) },
    )
    .map(|()| 0)
}

/// A URL, and until when it gives access.
pub struct Presigned {
    /// The URL: a secret, for whoever has it has access.
    pub url: Zeroizing<String>,
    /// The end of it, or of the credentials that it is signed with, in seconds since the Unix epoch.
    pub expires: i64,
}

/// Signs a URL for `object`, and warns when it ends before its time.
///
/// # Errors
/// [`Fault::Data`]: the URL would be too long.
pub fn presigned(object: &PresignedObject<'_>, signer: &Signer, expires: Expires) -> Result<Presigned> {
    let (credentials, now) = (signer.credentials(), signer.time());
    let mut request = object.request()?;
    sigv4::presign(&mut request, &credentials, object.bucket.region, S3, now, expires.seconds)
        .map_err(|error| unsignable(&error))?;
    let mut end = now + i64::from(expires.seconds);
    if let Some(expiration) = credentials.expiration.filter(|expiration| *expiration < end) {
        if expires.is_asked_for {
            log::warn!(
                "the URL ends with the temporary credentials it is signed with, at {} (in {} s), not after the {} s of \
                 --expires: give the role alias a longer credential duration",
                iso8601(expiration),
                (expiration - now).max(0),
                expires.seconds
            );
        }
        end = expiration;
    }
    let parts = ["https://", &request.authority, &request.path, "?", &request.query];
    // Of the right size from the start: what a growing text leaves behind is not wiped.
    let mut url = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.into_iter().for_each(|part| url.push_str(part));
    Ok(Presigned { url, expires: end })
}

impl Presigned {
    fn write_json(&self, method: &str, out: &mut impl Write) -> io::Result<()> {
        let mut line = Zeroizing::new(vec![0; self.url.len() + AROUND_URL]);
        let mut writer = ObjectWriter::new(&mut line);
        writer.text("url", &self.url).text("method", method).text("expires", &iso8601(self.expires));
        let length = writer.finish().map_err(|_| io::Error::other("a URL grew while it was written"))?;
        line.truncate(length);
        out.write_all(&line)?;
        out.write_all(b"\n")
    }
}

fn unsignable(error: &SignError) -> Error {
    if *error == SignError::TooLarge(RequestTooLarge::Query) {
        return Error::new(
            Fault::Data,
            "url_too_long",
            "the URL would be too long: it contains the credentials' session token",
        )
        .with_remedy("use credentials with a session token of less than 4,096 bytes");
    }
    super::place::unsignable(error)
}

/// Field names, punctuation, method and time. What a URL is made of needs no escaping.
const AROUND_URL: usize = 128;

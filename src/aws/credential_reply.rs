//! What the two credential endpoints' replies have in common: four text values that must all be right.

use crate::error::{Error, Fault, Result};
use crate::protocol::credentials::{
    ACCESS_KEY_ID_CAPACITY, Credentials, SECRET_ACCESS_KEY_CAPACITY, SESSION_TOKEN_CAPACITY,
};
use crate::protocol::json::{self, JsonError, Text, UnescapeError};
use crate::protocol::reply::Reply;
use crate::protocol::secret::Secret;
use crate::protocol::time::parse_iso8601;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The values as they stand in the reply, each with the name it has there.
pub(super) struct CredentialFields<'a> {
    pub(super) access_key_id: (&'static str, Option<Text<'a>>),
    pub(super) secret_access_key: (&'static str, Option<Text<'a>>),
    pub(super) session_token: (&'static str, Option<Text<'a>>),
    pub(super) expiration: (&'static str, Option<Text<'a>>),
}

/// Reads the JSON of a successful reply. Its text never goes into an error: it is secret.
pub(super) fn read<'a, T: Deserialize<'a>>(reply: &Reply<'a>) -> Result<T> {
    if !reply.complete {
        return Err(unusable("credentials_too_long", format!("its reply is longer than {} bytes", reply.body.len())));
    }
    json::read(reply.body).map_err(|error| match error {
        JsonError::Truncated => {
            let length = reply.body.len();
            unusable("credentials_truncated", format!("its reply ends in the middle of the JSON, after {length} bytes"))
        }
        JsonError::WrongType => unusable(
            "credentials_malformed",
            "its reply is not the JSON expected: a value in it is of another type than text",
        ),
        JsonError::TooDeep | JsonError::Malformed => {
            unusable("credentials_malformed", "its reply is not the JSON expected")
        }
    })
}

impl CredentialFields<'_> {
    /// Checks the values and copies them into storage that is wiped.
    pub(super) fn into_credentials(self) -> Result<Credentials> {
        let mut access_key_id = [0; ACCESS_KEY_ID_CAPACITY];
        let access_key_id = value(self.access_key_id, &mut access_key_id)?;
        let mut secret_access_key = Zeroizing::new([0; SECRET_ACCESS_KEY_CAPACITY]);
        let secret_access_key = value(self.secret_access_key, &mut *secret_access_key)?;
        let mut session_token = Zeroizing::new([0; SESSION_TOKEN_CAPACITY]);
        let session_token = value(self.session_token, &mut *session_token)?;
        let mut expiration = [0; EXPIRATION_CAPACITY];
        let expiration_name = self.expiration.0;
        let expiration = parse_iso8601(value(self.expiration, &mut expiration)?).ok_or_else(|| {
            unusable("credentials_malformed", format!("{expiration_name} in its reply is no ISO 8601 time"))
        })?;
        let too_long = |_| unusable("credentials_too_long", "a value in its reply is too long");
        Ok(Credentials {
            access_key_id: access_key_id.try_into().map_err(|_| too_long(()))?,
            secret_access_key: Secret::new(secret_access_key).map_err(|_| too_long(()))?,
            session_token: Secret::new(session_token).map_err(|_| too_long(()))?,
            expiration: Some(expiration),
        })
    }
}

fn value<'b>((name, text): (&'static str, Option<Text<'_>>), buffer: &'b mut [u8]) -> Result<&'b str> {
    let capacity = buffer.len();
    let missing = || unusable("credentials_malformed", format!("{name} is missing from its reply"));
    let value = json::unescape(text.ok_or_else(missing)?, buffer).map_err(|error| match error {
        UnescapeError::TooLong => {
            unusable("credentials_too_long", format!("{name} in its reply is longer than {capacity} bytes"))
        }
        UnescapeError::Malformed => {
            unusable("credentials_malformed", format!("{name} in its reply has an invalid JSON escape"))
        }
    })?;
    match value {
        "" => Err(missing()),
        // They go into headers, and a control character there would be a second header.
        value if value.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(value),
        _ => Err(unusable("credentials_malformed", format!("{name} in its reply has characters that it cannot have"))),
    }
}

fn unusable(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(Fault::Unavailable, code, message).with_remedy(
        "look at what answers under that name: a proxy, a captive portal or another service may stand in between",
    )
}

/// ISO 8601 with fractions and an offset has up to 35 characters.
const EXPIRATION_CAPACITY: usize = 64;

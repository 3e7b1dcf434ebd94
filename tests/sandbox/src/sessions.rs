//! The temporary credentials that the sandbox has handed out, and the check of those that come back.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

/// One set of temporary credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCredentials {
    /// `ASIA…`, as temporary access keys begin.
    pub access_key_id: String,
    /// Forty characters.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
}

/// Why a request's credentials are not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionError {
    UnknownAccessKey,
    MissingToken,
    WrongToken,
    Expired,
}

/// Every session of one sandbox.
#[derive(Clone)]
pub(crate) struct Sessions {
    issued: Arc<Mutex<HashMap<String, Session>>>,
}

struct Session {
    credentials: IssuedCredentials,
    expires: Instant,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self { issued: Arc::default() }
    }

    /// Makes a new set with a session token of exactly `token_length` characters that ends after `lifetime`.
    pub(crate) fn issue(&self, token_length: usize, lifetime: Duration) -> io::Result<IssuedCredentials> {
        let credentials = IssuedCredentials {
            access_key_id: format!("ASIA{}", random_text(16, UPPER_CASE_AND_DIGITS)?),
            secret_access_key: random_text(40, BASE64)?,
            session_token: random_text(token_length, BASE64)?,
        };
        let session = Session { credentials: credentials.clone(), expires: Instant::now() + lifetime };
        self.lock().insert(credentials.access_key_id.clone(), session);
        Ok(credentials)
    }

    /// Ends every session now, as if their time were over.
    pub(crate) fn expire_all(&self) {
        let now = Instant::now();
        for session in self.lock().values_mut() {
            session.expires = now;
        }
    }

    /// The secret that belongs to an access key, also when the session is over (the token is checked later).
    pub(crate) fn secret(&self, access_key_id: &str) -> Option<String> {
        self.lock().get(access_key_id).map(|session| session.credentials.secret_access_key.clone())
    }

    /// Checks that the token belongs to the access key and that its time is not over.
    pub(crate) fn check(&self, access_key_id: &str, token: Option<&str>) -> Result<(), SessionError> {
        let sessions = self.lock();
        let session = sessions.get(access_key_id).ok_or(SessionError::UnknownAccessKey)?;
        if token.ok_or(SessionError::MissingToken)? != session.credentials.session_token {
            return Err(SessionError::WrongToken);
        }
        if session.expires <= Instant::now() {
            return Err(SessionError::Expired);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Random text from an alphabet of at most 256 characters. The slight bias of the remainder does not matter in a sandbox.
pub(crate) fn random_text(length: usize, alphabet: &[u8]) -> io::Result<String> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system's random source failed"))?;
    Ok(bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect())
}

/// A random identifier in the form of AWS's trace and request identifiers; zeros when the random source fails.
pub(crate) fn trace_id() -> String {
    let hex = random_text(32, HEX).unwrap_or_else(|_| "0".repeat(32));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The alphabet of access key identifiers and of S3's request identifiers.
pub(crate) const UPPER_CASE_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_only_with_its_own_access_key_and_in_its_time() {
        let sessions = Sessions::new();
        let first = sessions.issue(900, Duration::from_secs(60)).unwrap();
        let second = sessions.issue(4096, Duration::from_secs(60)).unwrap();
        assert_eq!(second.session_token.len(), 4096);
        assert_eq!(sessions.check(&first.access_key_id, Some(&first.session_token)), Ok(()));
        let check = |token| sessions.check(&first.access_key_id, token);
        assert_eq!(check(Some(&second.session_token)), Err(SessionError::WrongToken));
        assert_eq!(check(None), Err(SessionError::MissingToken));
        assert_eq!(sessions.check("ASIA", None), Err(SessionError::UnknownAccessKey));
        sessions.expire_all();
        assert_eq!(check(Some(&first.session_token)), Err(SessionError::Expired));
    }
}

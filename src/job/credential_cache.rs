//! What one run of homing keeps for the next: the credentials that a role alias gave, or that it was refused.
//!
//! ```text
//! look ── good credentials, or a refusal that still counts ──▶ done, nobody is asked
//!   │
//!   ▼
//! lock ── another run was asking: look again ──▶ done
//!   │
//!   ▼
//! ask ──▶ Lock::keep or Lock::remember, then unlock
//! ```
//!
//! The files are in memory only (tmpfs or ramfs), readable by this user only, and named by who asks whom for what: another
//! endpoint, role alias, thing or certificate has files of its own. Without a place for them homing works as if there
//! were no cache.

mod directory;
mod entry;
mod key;
mod refusal;

pub use key::{Circumstances, Key};
pub use refusal::Refusal;

use crate::aws::iot_credentials::RoleAliasCredentials;
use crate::error::Error;
use crate::protocol::credentials::Credentials;
use directory::Directory;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use zeroize::Zeroizing;

/// The files of one [`Key`].
pub struct CredentialCache {
    directory: Directory,
    name: String,
    circumstances: String,
}

/// The cache that a run's credentials came from or went to, known to whoever sees AWS refuse them.
#[derive(Clone, Default)]
pub struct CacheInUse(Arc<Mutex<Option<Arc<CredentialCache>>>>);

/// What an earlier run, or one at the same time, has left.
#[derive(Debug)]
pub enum Kept {
    /// Credentials that live long enough.
    Credentials(Box<Credentials>),
    /// A refusal that still counts.
    Refusal(Refusal),
}

/// The right to ask, and to keep what came of it; given back when it is dropped.
pub struct Lock<'c> {
    cache: &'c CredentialCache,
    _file: OwnedFd,
}

impl CredentialCache {
    /// Finds the files' place; makes it where it is not there and `create` says so. `None`, with a debug log, where
    /// nothing can be kept.
    pub fn open(key: &Key<'_>, circumstances: &Circumstances<'_>, create: bool) -> Option<Self> {
        let directory = Directory::open(create)?;
        Some(Self { directory, name: key.name(), circumstances: circumstances.digest() })
    }

    /// What is kept and counts at `now`: credentials for which `call` asked that live `min_ttl` seconds longer, else a
    /// refusal.
    pub fn look(&self, call: &RoleAliasCredentials<'_>, now: i64, min_ttl: u64) -> Option<Kept> {
        let mut text = Zeroizing::new(vec![0; entry::CAPACITY]);
        if let Some(text) = self.read(entry::SUFFIX, &mut text[..]) {
            match entry::read(text, call) {
                Some(entry) if entry.is_good(now, min_ttl) => return Some(Kept::Credentials(entry.credentials)),
                Some(_) => log::debug!("credential cache: what is kept does not live long enough"),
                None => log::debug!("credential cache: what is kept cannot be read"),
            }
        }
        let mut text = [0; refusal::CAPACITY];
        let refusal = refusal::read(self.read(refusal::SUFFIX, &mut text)?)?;
        refusal.counts(now, &self.circumstances).then_some(Kept::Refusal(refusal))
    }

    /// Waits for the right to ask, until `deadline` at most. `None`: ask without it, and keep nothing.
    pub fn lock(&self, deadline: Instant) -> Option<Lock<'_>> {
        match self.directory.lock(&format!("{}{LOCK_SUFFIX}", self.name), deadline) {
            Ok(file) => Some(Lock { cache: self, _file: file }),
            Err(reason) => {
                log::debug!("credential cache: no lock in {}: {reason}", self.directory.shown());
                None
            }
        }
    }

    /// Forgets a refusal, which a success has made void.
    pub fn forget_refusal(&self) {
        self.remove(refusal::SUFFIX);
    }

    fn read<'b>(&self, suffix: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        match self.directory.read(&format!("{}{suffix}", self.name), buffer) {
            Ok(text) => text,
            Err(reason) => {
                log::debug!("credential cache: {}/{}{suffix}: {reason}", self.directory.shown(), self.name);
                None
            }
        }
    }

    fn remove(&self, suffix: &str) {
        self.directory.remove(&format!("{}{suffix}", self.name));
    }
}

impl CacheInUse {
    /// From now on it is this one.
    pub fn hold(&self, cache: CredentialCache) -> Arc<CredentialCache> {
        let cache = Arc::new(cache);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cache.clone());
        cache
    }

    /// Forgets the credentials when a service's error of this code says that they are good no more: revoked, or expired
    /// by another clock than ours. The next run then asks for new ones.
    pub fn forget_if_void(&self, code: &str) {
        if !VOID.contains(&code) {
            return;
        }
        if let Some(cache) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            log::debug!("credential cache: forgotten, because of {code}");
            cache.remove(entry::SUFFIX);
        }
    }
}

impl Lock<'_> {
    /// Keeps credentials that came just now, and forgets any refusal.
    pub fn keep(&self, credentials: &Credentials, now: i64) {
        self.cache.forget_refusal();
        if !entry::is_worth_keeping(credentials, now) {
            log::debug!("credential cache: these credentials live too short or too long to be kept");
            return;
        }
        let mut text = Zeroizing::new(vec![0; entry::CAPACITY]);
        match entry::write(credentials, now, &mut text[..]) {
            Ok(length) => self.replace(entry::SUFFIX, &text[..length]),
            Err(_) => log::debug!("credential cache: these credentials are too long to be kept"),
        }
    }

    /// Keeps a refusal that came just now, for `seconds`.
    pub fn remember(&self, error: &Error, now: i64, seconds: i64) {
        let refusal = Refusal::new(error, now, seconds, self.cache.circumstances.clone());
        let mut text = [0; refusal::CAPACITY];
        match refusal::write(&refusal, &mut text) {
            Ok(length) => self.replace(refusal::SUFFIX, &text[..length]),
            Err(_) => log::debug!("credential cache: this refusal is too long to be kept"),
        }
    }

    fn replace(&self, suffix: &str, text: &[u8]) {
        let (directory, name) = (&self.cache.directory, format!("{}{suffix}", self.cache.name));
        match directory.replace(&name, text) {
            Ok(()) => log::debug!("credential cache: kept in {}/{name}", directory.shown()),
            Err(reason) => log::debug!("credential cache: not kept in {}/{name}: {reason}", directory.shown()),
        }
    }
}

const LOCK_SUFFIX: &str = ".lock";
/// What S3, and the services that speak JSON, call credentials that they do not know or know no more (Amazon S3 API
/// Reference, "Error responses"; AWS General Reference, "Common errors").
const VOID: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

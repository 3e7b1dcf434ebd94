//! A directory under `tmp/`: an entry that is being built, or one that is on its way out.

use super::directory::{Directory, Locked};
use crate::error::Result;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is locked, so that nobody takes it for one of a killed process. When it is dropped before it was
/// given away, it is removed with all that is in it.
pub(super) struct Draft<'q> {
    tmp: &'q Directory,
    name: String,
    directory: Directory,
    is_given_away: bool,
}

impl<'q> Draft<'q> {
    pub(super) fn new(tmp: &'q Directory) -> Result<Self> {
        loop {
            let name = next_name();
            match tmp.make_directory(&name) {
                Err(failure) if failure.errno() == Errno::EXIST => continue,
                made => made?,
            }
            let directory = match tmp.subdirectory(&name) {
                Err(failure) if failure.is_missing() => continue,
                opened => opened?,
            };
            // Before it was locked, somebody may have cleared it away.
            if directory.try_lock() == Locked::Yes && directory.is_at(tmp, &name)? {
                return Ok(Self { tmp, name, directory, is_given_away: false });
            }
        }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// It has got another name, and is not to be removed. Its lock is held as long as this lives.
    pub(super) fn give_away(&mut self) {
        self.is_given_away = true;
    }

    /// It has got its name back.
    pub(super) fn take_back(&mut self) {
        self.is_given_away = false;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_given_away {
            clear(self.tmp, &self.name, &self.directory);
        }
    }
}

/// Another name under `tmp/` each time.
pub(super) fn next_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Whether this is one of [`next_name`]'s.
pub(super) fn is_name(name: &OsStr) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.to_str().and_then(|name| name.split_once('-'));
    parts.is_some_and(|(process, count)| is_number(process) && is_number(count))
}

/// Removes a directory under `tmp/`. What cannot be removed now is removed when a queue is opened next.
pub(super) fn clear(tmp: &Directory, name: &str, directory: &Directory) {
    let removed = directory.remove_files().and_then(|()| tmp.remove_directory(name));
    if let Err(failure) = removed
        && !failure.is_missing()
    {
        log::warn!("a directory is left behind: {}", crate::error::Error::from(failure).message());
    }
}

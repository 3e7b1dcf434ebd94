//! The bearer token that a client has to show: random, or from a file.

use crate::error::{Error, Fault, Result};
use crate::job::partial_file::sync_directory;
use crate::protocol::hexadecimal;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What goes into `Authorization`, as it is. Wiped on drop.
pub(super) struct Token(Zeroizing<String>);

impl Token {
    /// 32 random bytes, in hexadecimal.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
        SystemRandom::new()
            .fill(&mut bytes[..])
            .map_err(|_| Error::new(Fault::Io, "no_randomness", "the system gives no random numbers for a token"))?;
        let mut text = Zeroizing::new(String::with_capacity(2 * RANDOM_BYTES));
        text.extend(hexadecimal::digits(&bytes[..]));
        Ok(Self(text))
    }

    /// The first line of a file. Where there is no such file, one with a random token is made that only its owner can
    /// read. A file that others can read is an error when `strict`, and otherwise warned about.
    ///
    /// # Errors
    /// The file cannot be read or made; what is in it can be no token.
    pub(super) fn from_file(path: &Path, strict: bool) -> Result<Self> {
        let name = path.display();
        if fs::symlink_metadata(path).is_ok() {
            return Self::read(path, strict);
        }
        let token = Self::random()?;
        match make(path, token.expose()) {
            Ok(()) => {
                log::info!("made a random token in '{name}'");
                Ok(token)
            }
            // Somebody else has made it meanwhile.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(path, strict),
            Err(error) => {
                let message = format!("cannot make the token file '{name}' (from --token-file): {error}");
                Err(Error::new(Fault::CannotCreate, "token_file_uncreatable", message)
                    .with_remedy("name a file in a directory that is there and that this user may write to"))
            }
        }
    }

    fn read(path: &Path, strict: bool) -> Result<Self> {
        let name = path.display();
        let mut text = Zeroizing::new(String::with_capacity(READ_MAXIMUM));
        let read = File::open(path).and_then(|file| {
            let metadata = file.metadata()?;
            file.take(READ_MAXIMUM as u64).read_to_string(&mut text)?;
            Ok(metadata)
        });
        let metadata = read.map_err(|error| {
            let message = format!("cannot read the token file '{name}' (from --token-file): {error}");
            Error::new(Fault::Config, "token_file_unreadable", message)
                .with_remedy("check the path, and that this user may read the file")
        })?;
        if metadata.mode() & OTHERS_MASK != 0 {
            let mode = metadata.mode() & 0o7777;
            let exposed =
                format!("the token file '{name}' (from --token-file) can be read by others (mode {mode:04o})");
            if strict {
                return Err(
                    Error::new(Fault::Config, "token_exposed", exposed).with_remedy(format!("chmod 600 '{name}'"))
                );
            }
            log::warn!("{exposed}");
        }
        let token = text.trim_end_matches(['\n', '\r']);
        let is_token =
            (TOKEN_MINIMUM..=TOKEN_MAXIMUM).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token {
            return Ok(Self(Zeroizing::new(token.to_owned())));
        }
        let message = format!(
            "the token file '{name}' (from --token-file) holds no token: one line of {TOKEN_MINIMUM} to {TOKEN_MAXIMUM} \
             printable ASCII characters without blanks"
        );
        Err(Error::new(Fault::Config, "token_invalid", message)
            .with_remedy("remove the file, and homing makes one with a random token"))
    }

    /// Whether `given` is this token. Takes the same time for every one of its length.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// The token itself, for the environment of those who are to show it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// Makes a file with this content, which has its name only when all of it is on the disk: whoever reads it, even after a
/// power cut, finds the whole token. [`ErrorKind::AlreadyExists`]: there is such a file, and it stays as it is.
fn make(path: &Path, text: &str) -> io::Result<()> {
    let draft = draft_beside(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&draft)?;
    // Without a line's end: some SDKs send the file as it is, others refuse it.
    let made = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| claim(&draft, path));
    if made.is_err() {
        let _ = fs::remove_file(&draft);
    }
    made?;
    sync_directory(path);
    Ok(())
}

/// Gives a file its name, unless something else has it.
fn claim(draft: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        // The kernel is older than 3.15, or the file system cannot do that.
        Err(Errno::NOSYS | Errno::INVAL) => {
            fs::hard_link(draft, path)?;
            fs::remove_file(draft)
        }
        renamed => Ok(renamed?),
    }
}

/// A name that nobody else comes upon, be it in another container that has the directory too.
fn draft_beside(path: &Path) -> io::Result<PathBuf> {
    let mut number = [0; 8];
    SystemRandom::new().fill(&mut number).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let mut name = OsString::from(path);
    name.push(format!(".{:016x}.homing-new", u64::from_ne_bytes(number)));
    Ok(name.into())
}

/// 256 bits, as keys have them.
const RANDOM_BYTES: usize = 32;
/// Whoever can read the token gets the credentials.
const OWNER_ONLY: u32 = 0o600;
const OTHERS_MASK: u32 = 0o077;
/// Less can be guessed.
const TOKEN_MINIMUM: usize = 16;
/// It has to fit into a request's head beside the other headers.
const TOKEN_MAXIMUM: usize = 1024;
/// A longer file than the longest token is no token.
const READ_MAXIMUM: usize = TOKEN_MAXIMUM + 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_64_digits_and_never_the_same() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert!(one.expose().len() == 64 && one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!one.is(other.expose().as_bytes()));
    }

    /// Enough for somebody to look just when a file has been made and not yet written.
    const ROUNDS: usize = 100;

    #[test]
    fn of_many_that_make_the_file_at_once_all_have_the_same_token() {
        let folder = std::env::temp_dir().join(format!("homing-token-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for round in 0..ROUNDS {
            let path = folder.join(format!("token-{round}"));
            let tokens: Vec<Token> = std::thread::scope(|scope| {
                // Whoever looks finds the whole token, or none.
                scope.spawn(|| {
                    let seen = std::iter::repeat_with(|| fs::read(&path)).find_map(io::Result::ok).unwrap();
                    assert_eq!(seen.len(), 64);
                });
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Token::from_file(&path, true).unwrap())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let there = fs::read(&path).unwrap();
            assert!(there.len() == 64 && tokens.iter().all(|token| token.is(&there)));
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, OWNER_ONLY);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), ROUNDS, "no draft is left");
        let (draft, path) = (folder.join("draft"), folder.join("token-0"));
        fs::write(&draft, "another").unwrap();
        let there = fs::read(&path).unwrap();
        assert_eq!(claim(&draft, &path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), there);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Token::random().unwrap();
        let text = token.expose().as_bytes();
        assert!(token.is(text));
        assert!(!token.is(b"") && !token.is(&text[..63]) && !token.is(&[text, b"0"].concat()));
        for index in 0..text.len() {
            let mut other = text.to_vec();
            other[index] ^= 1;
            assert!(!token.is(&other));
        }
    }
}

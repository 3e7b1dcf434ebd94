//! Storage for values that must not leak: zeroized on drop, never printed.

use core::fmt;
use zeroize::Zeroize;

/// A secret text of at most `N` bytes in place: no heap, no `Debug` of its content, wiped on drop.
pub struct Secret<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// The value is longer than the secret's fixed capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretTooLong;

impl<const N: usize> Secret<N> {
    /// Copies `text` in.
    ///
    /// # Errors
    /// [`SecretTooLong`] when `text` has more than `N` bytes.
    pub fn new(text: &str) -> Result<Self, SecretTooLong> {
        let mut secret = Self { bytes: [0; N], length: text.len() };
        secret.bytes.get_mut(..text.len()).ok_or(SecretTooLong)?.copy_from_slice(text.as_bytes());
        Ok(secret)
    }

    /// The secret itself. Name the reason where you call it.
    pub fn expose(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({} bytes)", self.length)
    }
}

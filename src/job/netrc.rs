//! netrc, in which programs look up the passwords of hosts (netrc(5); Python 3 Library Reference, "netrc").

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What the user's own has: that of the variable or, where it is not set, of the home folder. Empty where there is
/// none that could be read.
pub fn existing() -> Zeroizing<Vec<u8>> {
    let paths = match (std::env::var_os(VARIABLE), std::env::var_os("HOME")) {
        (Some(path), _) => vec![PathBuf::from(path)],
        (None, Some(home)) => NAMES.iter().map(|name| PathBuf::from(&home).join(name)).collect(),
        (None, None) => Vec::new(),
    };
    // Whole at once, so that no shorter copy is left behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LENGTH_MAXIMUM));
    if let Some(path) = paths.iter().find(|path| path.is_file())
        && let Err(error) = File::open(path).and_then(|file| file.take(LENGTH_MAXIMUM as u64).read_to_end(&mut content))
    {
        log::debug!("cannot read '{}': {error}", path.display());
        content.clear();
    }
    content
}

/// `before`, and one host's password behind it, where it counts for Python before another of the same host.
pub fn with(before: &[u8], host: &str, user: &str, password: &str) -> Zeroizing<Vec<u8>> {
    // An empty line ends a macro.
    let parts =
        [before, b"\n\nmachine ", host.as_bytes(), b" login ", user.as_bytes(), b" password ", password.as_bytes()];
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(length));
    parts.iter().for_each(|part| content.extend_from_slice(part));
    content.push(b'\n');
    content
}

/// The file's path. pip reads it since its version 20.3, by requests 2.25.
pub const VARIABLE: &str = "NETRC";
/// As requests looks for them.
const NAMES: [&str; 2] = [".netrc", "_netrc"];
/// A line a host; what is longer is another file.
const LENGTH_MAXIMUM: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stands_behind_what_was_there() {
        let content = with(b"machine a login b password c", "host", "aws", "to/k+n=");
        let expected = b"machine a login b password c\n\nmachine host login aws password to/k+n=\n";
        assert_eq!(&content[..], expected);
    }
}

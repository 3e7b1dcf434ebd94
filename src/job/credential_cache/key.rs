//! Whose credentials a file holds, as its name; and under which circumstances a refusal counts.

use crate::protocol::hexadecimal;
use ring::digest::{Context, SHA256};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Who asks whom for what.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The credential endpoint, with its port unless it is 443.
    pub endpoint: &'a str,
    /// The role alias.
    pub role_alias: &'a str,
    /// The thing name that is sent along, where one is.
    pub thing_name: Option<&'a str>,
    /// SHA-256 of the device certificate.
    pub certificate: [u8; 32],
}

impl Key<'_> {
    /// The files' common name: SHA-256 in hexadecimal.
    pub fn name(&self) -> String {
        let mut digest = Digest::new(b"homing credentials 1");
        digest.field(self.endpoint.as_bytes());
        digest.field(self.role_alias.as_bytes());
        digest.optional(self.thing_name.map(str::as_bytes));
        digest.field(&self.certificate);
        digest.hexadecimal()
    }
}

/// What, beside the key, decides whether a connection to the credential provider can be made and trusted. When it has
/// changed, somebody may have mended what a refusal was about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// The file of further certificate authorities.
    pub ca_file: Option<&'a Path>,
    /// Whether they replace the built-in ones.
    pub ca_replace: bool,
    /// Host and port of the proxy.
    pub proxy: Option<&'a str>,
}

impl Circumstances<'_> {
    /// SHA-256 in hexadecimal, of the CA file's name, size and times too.
    pub fn digest(&self) -> String {
        let stamp = |metadata: Metadata| {
            let (size, inode) = (metadata.size(), metadata.ino());
            format!("{size} {inode} {}.{}", metadata.mtime(), metadata.mtime_nsec())
        };
        let stamp = self.ca_file.and_then(|path| std::fs::metadata(path).ok()).map(stamp);
        let mut digest = Digest::new(b"homing circumstances 1");
        digest.optional(self.ca_file.map(|path| path.as_os_str().as_bytes()));
        digest.optional(stamp.as_deref().map(str::as_bytes));
        digest.field(&[u8::from(self.ca_replace)]);
        digest.optional(self.proxy.map(str::as_bytes));
        digest.hexadecimal()
    }
}

/// SHA-256 over fields, each behind its length, so that they cannot run into each other.
struct Digest(Context);

impl Digest {
    /// `purpose` keeps digests of other fields, or of a later version, apart.
    fn new(purpose: &[u8]) -> Self {
        let mut digest = Self(Context::new(&SHA256));
        digest.field(purpose);
        digest
    }

    fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// None is another thing than an empty field.
    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.field(&[u8::from(bytes.is_some())]);
        self.field(bytes.unwrap_or_default());
    }

    fn hexadecimal(self) -> String {
        hexadecimal::digits(self.0.finish().as_ref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> =
        Key { endpoint: "c2.example.com", role_alias: "alias", thing_name: Some("thing"), certificate: [7; 32] };

    #[test]
    fn every_field_makes_another_name_and_none_runs_into_the_next() {
        let keys = [
            KEY,
            Key { endpoint: "c2.example.com:444", ..KEY },
            Key { role_alias: "alia", ..KEY },
            Key { thing_name: None, ..KEY },
            Key { thing_name: Some(""), ..KEY },
            Key { thing_name: Some("thin"), ..KEY },
            Key { certificate: [8; 32], ..KEY },
            Key { endpoint: "c2.example.coma", role_alias: "lias", ..KEY },
            Key { role_alias: "aliast", thing_name: Some("hing"), ..KEY },
        ];
        let mut names = keys.map(|key| key.name()).to_vec();
        assert!(names.iter().all(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())));
        assert_eq!(KEY.name(), names[0]);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
    }

    #[test]
    fn circumstances_change_with_the_proxy_and_the_trust() {
        let base = Circumstances::default();
        let manifest = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let mut digests = [
            base,
            Circumstances { ca_replace: true, ..base },
            Circumstances { proxy: Some("proxy:3128"), ..base },
            Circumstances { ca_file: Some(Path::new("/nowhere")), ..base },
            Circumstances { ca_file: Some(manifest), ..base },
        ]
        .map(|circumstances| circumstances.digest())
        .to_vec();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 5);
    }
}

//! `homing csr`: a private key that never leaves the device, and the request for its certificate.

use super::Screen;
use super::private_file::{PRIVATE, PrivateFile};
use super::screen::{notice, print};
use crate::cli::{Csr, RequestTarget};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::protocol::certificate_request::{self, COMMON_NAME_MAXIMUM};
use crate::protocol::pem;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Makes both, and says what to do with the request.
///
/// # Errors
/// [`Fault::Config`]: no place for the key, or no name. [`Fault::CannotCreate`]: a file is there already, or cannot be
/// written; what was there is there.
pub fn run(config: &Config, command: &Csr, screen: &mut Screen) -> Result<u8> {
    let name = match &command.common_name {
        Some(name) => name,
        None => config.thing_name()?,
    };
    if name.trim().is_empty() || name.chars().count() > COMMON_NAME_MAXIMUM || name.contains(char::is_control) {
        return Err(Error::new(
            Fault::Config,
            "bad_common_name",
            format!(
                "the name {name:?} is empty, has control characters, or is longer than the {COMMON_NAME_MAXIMUM} \
                 characters of a certificate's"
            ),
        )
        .with_remedy("give another with --common-name: AWS IoT knows the thing by what it is attached to"));
    }
    let key_path = config.private_key()?;
    let request_path = match &command.target {
        RequestTarget::BesideKey => Some(key_path.with_extension("csr")),
        RequestTarget::File(path) => Some(path.clone()),
        RequestTarget::StandardOutput => None,
    };
    if request_path.as_deref() == Some(key_path) {
        return Err(Error::new(
            Fault::Usage,
            "same_file",
            format!("'{}' cannot be the key and the request", key_path.display()),
        ));
    }
    // Both are ours before anything is made.
    let key_file = open(key_path, command.force)?;
    let request_file = request_path.as_deref().map(|path| open(path, command.force)).transpose()?;

    let random = SystemRandom::new();
    let failed = |_| Error::new(Fault::Io, "no_randomness", "the system gives no random numbers to make a key from");
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random)
        .map_err(|_| failed(ring::error::Unspecified))?;
    let to_be_signed = certificate_request::to_be_signed(name, pair.public_key().as_ref());
    let signature = pair.sign(&random, &to_be_signed).map_err(failed)?;
    let request = pem::encode("CERTIFICATE REQUEST", &certificate_request::signed(&to_be_signed, signature.as_ref()));

    // The key first: a request without its key is worth nothing.
    key_file.replace(&pem::encode("PRIVATE KEY", key.as_ref()), PRIVATE)?;
    match request_file {
        Some(file) => file.replace(&request, READABLE)?,
        None => print(|out| out.write_all(request.as_bytes()))?,
    }
    tell(config, key_path, request_path, screen)
}

fn open(path: &Path, force: bool) -> Result<PrivateFile> {
    let file = PrivateFile::open(path)?;
    if file.mode().is_some() && !force {
        return Err(super::init::is_there(file.path()));
    }
    Ok(file)
}

fn tell(config: &Config, key: &Path, request: Option<PathBuf>, screen: &mut Screen) -> Result<u8> {
    let certificate = config.certificate.as_deref().and_then(Path::file_name);
    let certificate = certificate.map_or("device.pem.crt".into(), |name| name.to_string_lossy());
    let Some(request) = request else {
        notice(&format!("wrote the private key '{}'", key.display()));
        return Ok(0);
    };
    let name = request.file_name().unwrap_or_default().to_string_lossy();
    let next = format!(
        "aws iot create-certificate-from-csr --set-as-active --certificate-signing-request {} \
         --certificate-pem-outfile {}",
        shell_word(&format!("file://{name}")),
        shell_word(&certificate)
    );
    if screen.json {
        return screen.json_only(|writer| {
            writer
                .text("private_key", &key.to_string_lossy())
                .text("request", &request.to_string_lossy())
                .text("next", &next);
        });
    }
    print(|out| {
        writeln!(
            out,
            "wrote the private key '{}', which stays here, and the request '{}'\nnext, where the AWS CLI is set up:\n  {next}",
            key.display(),
            request.display()
        )?;
        match &config.certificate {
            Some(path) => writeln!(out, "then put {certificate} here as '{}'", path.display()),
            None => writeln!(
                out,
                "then put {certificate} here, and name it: {}",
                Id::Certificate.option().ways_to_set(config.document())
            ),
        }
    })?;
    Ok(0)
}

/// As a shell takes it for one word, whatever is in it.
fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/:._-+@%=,".contains(letter);
    if text.chars().all(is_plain) { text.into() } else { format!("'{}'", text.replace('\'', "'\\''")).into() }
}

/// A request is public.
const READABLE: u32 = 0o644;

//! TLS: whom we trust, who we are, and in which order ciphers are offered.
//!
//! There is no way to turn verification off.

use super::crypto;
use super::witness::Witness;
use crate::error::{Error, Fault, Result};
use crate::protocol::time::{clock_before_build, iso8601};
use crate::protocol::x509;
use ring::digest;
use rustls::client::{Resumption, WantsClientCert};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, InconsistentKeys, RootCertStore, WantsVerifier,
};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A PEM file that was configured, and where its path was given, for error texts.
#[derive(Debug, Clone, Copy)]
pub struct PemFile<'a> {
    /// The path as given.
    pub path: &'a Path,
    /// Where it came from, such as `flag --certificate`.
    pub origin: &'a str,
}

/// The certificate authorities that servers must be signed by.
#[derive(Debug, Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Trust {
    /// The built-in Amazon Trust Services roots, and those of `ca_file`; or, with `replace`, those of
    /// `ca_file` alone.
    ///
    /// # Errors
    /// [`Fault::Config`] when the file cannot be read or holds no usable certificate.
    pub fn load(ca_file: Option<PemFile<'_>>, replace: bool) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        if !(replace && ca_file.is_some()) {
            // These are constants of ours and a test parses them all.
            roots.add_parsable_certificates(AMAZON_ROOTS.iter().map(|der| CertificateDer::from(*der)));
        }
        if let Some(file) = ca_file {
            let certificates = certificates(file, "CA certificate")?;
            let (added, ignored) = roots.add_parsable_certificates(certificates);
            if ignored > 0 {
                log::warn!("{ignored} certificates in '{}' are no usable CA certificates", file.path.display());
            }
            if added == 0 {
                return Err(bad_pem(file, "ca_unusable", "holds no usable CA certificate"));
            }
        }
        Ok(Self(Arc::new(roots)))
    }
}

/// The device's certificate chain and private key.
#[derive(Debug, Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads certificate chain and key, and checks what a server would refuse without saying why: that the key
    /// belongs to the certificate, and that the certificate is valid at `now` (seconds since the Unix epoch).
    /// A key that others can read is a warning, and an error when `strict`.
    ///
    /// # Errors
    /// [`Fault::Config`], naming the file and where its path was given.
    pub fn load(certificate: PemFile<'_>, key: PemFile<'_>, strict: bool, now: i64) -> Result<Self> {
        let chain = certificates(certificate, "certificate")?;
        let signing_key = private_key(key, strict)?;
        let Some(leaf) = chain.first().and_then(|leaf| x509::validity(leaf)) else {
            return Err(malformed(certificate));
        };
        let unusable = |code, what: &str| {
            Err(Error::new(
                Fault::Config,
                code,
                format!(
                    "the device certificate '{}' ({}) {what}; the device's clock says {}",
                    certificate.path.display(),
                    certificate.origin,
                    iso8601(now)
                ),
            ))
        };
        if let Some(clock) = clock_before_build(now, crate::BUILD_TIME) {
            log::warn!("{clock}");
        }
        if now > leaf.not_after {
            return unusable("certificate_expired", &format!("expired on {}", iso8601(leaf.not_after))).map_err(
                |error: Error| error.with_remedy("create a new certificate for the thing, or correct the clock"),
            );
        }
        if now < leaf.not_before {
            return unusable("certificate_not_yet_valid", &format!("is valid only from {}", iso8601(leaf.not_before)))
                .map_err(|error: Error| error.with_remedy(CLOCK_REMEDY));
        }
        let identity = CertifiedKey::new(chain, signing_key);
        match identity.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Self(Arc::new(identity))),
            Err(_) => Err(Error::new(
                Fault::Config,
                "key_mismatch",
                format!(
                    "the private key '{}' ({}) does not belong to the certificate '{}' ({})",
                    key.path.display(),
                    key.origin,
                    certificate.path.display(),
                    certificate.origin
                ),
            )
            .with_remedy("use the certificate and the key that were created together")),
        }
    }
}

impl Identity {
    /// Which certificate of the chain the key belongs to, counted from 0, where it is any of them.
    ///
    /// # Errors
    /// As [`Identity::load`] for files that cannot be used.
    pub fn place_of_key(certificate: PemFile<'_>, key: PemFile<'_>) -> Result<Option<usize>> {
        let chain = certificates(certificate, "certificate")?;
        let key = private_key(key, false)?;
        let is_its = |leaf: CertificateDer<'static>| CertifiedKey::new(vec![leaf], key.clone()).keys_match().is_ok();
        Ok(chain.into_iter().position(is_its))
    }

    /// SHA-256 of the device's own certificate (DER), as `openssl x509 -fingerprint -sha256` prints it.
    pub fn fingerprint(&self) -> [u8; 32] {
        let leaf = self.0.cert.first().map(|leaf| &leaf[..]).unwrap_or_default();
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, leaf).as_ref());
        fingerprint
    }
}

/// The last second in which the first certificate of a file is valid, since the Unix epoch.
///
/// # Errors
/// [`Fault::Config`], naming the file and where its path was given.
pub fn expiry(file: PemFile<'_>) -> Result<i64> {
    let chain = certificates(file, "certificate")?;
    let validity = chain.first().and_then(|leaf| x509::validity(leaf));
    validity.map(|validity| validity.not_after).ok_or_else(|| malformed(file))
}

/// Makes the configuration for connections to servers that `trust` vouches for. With an `identity` the device
/// certificate is shown to servers that ask. `alpn` names the protocols to offer; empty for none.
///
/// # Errors
/// [`Fault::Config`] never in practice: the cipher suites are ours.
pub fn client_config(trust: &Trust, identity: Option<&Identity>, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>> {
    config_verified_by(|builder| builder.with_root_certificates(trust.0.clone()), identity, alpn)
}

/// The same, with what sees the certificates that the server shows, whether they are acceptable or not.
///
/// # Errors
/// As [`client_config`].
pub fn witnessed_config(
    trust: &Trust,
    identity: Option<&Identity>,
    alpn: &[&[u8]],
) -> Result<(Arc<ClientConfig>, Arc<Witness>)> {
    let witness = Arc::new(Witness::new(trust.0.clone()));
    // "Dangerous" is whatever is not rustls's own verifier; this one asks all that the own one asks.
    let verify = |builder: Verified| builder.dangerous().with_custom_certificate_verifier(witness.clone());
    Ok((config_verified_by(verify, identity, alpn)?, witness))
}

fn config_verified_by(
    verify: impl FnOnce(Verified) -> ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&Identity>,
    alpn: &[&[u8]],
) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| Error::new(Fault::Config, "tls_setup", format!("cannot set TLS up: {error}")))?;
    let builder = verify(builder);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.0.clone()))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::in_memory_sessions(RESUMED_SESSIONS);
    Ok(Arc::new(config))
}

/// A configuration that is still to be told whom to trust.
type Verified = ConfigBuilder<ClientConfig, WantsVerifier>;

/// Puts a TLS failure with `host` into words: who refused whom, and what to do.
pub fn explain(error: &rustls::Error, host: &str, now: i64) -> Error {
    let distrust = |code, why: String, remedy: &'static str| {
        Error::new(Fault::Unavailable, code, format!("TLS with {host}: {why}")).with_remedy(remedy)
    };
    let refused = |code, why: &str, remedy: &'static str| {
        Error::new(Fault::Refused, code, format!("TLS with {host}: {why}")).with_remedy(remedy)
    };
    let error = match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            // A bad signature is an authority of the right name with another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => distrust(
                "unknown_issuer",
                "the server's certificate is not signed by a certificate authority that is trusted here".into(),
                "check the endpoint's name; where a private CA or an inspecting proxy is in between, name its certificate with --ca-file",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => distrust(
                "wrong_host_name",
                format!("the server's certificate is for another host name than {host}"),
                "check the endpoint's name and region",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => distrust(
                "server_certificate_expired",
                format!("the server's certificate has expired, going by the device's clock ({})", iso8601(now)),
                CLOCK_REMEDY,
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => distrust(
                "server_certificate_not_yet_valid",
                format!("the server's certificate is not yet valid, going by the device's clock ({})", iso8601(now)),
                CLOCK_REMEDY,
            ),
            other => distrust(
                "bad_server_certificate",
                format!("the server's certificate is not acceptable: {other:?}"),
                "check the endpoint's name, and whether something is in between that inspects TLS",
            ),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // What servers say when a certificate names an authority of theirs that did not sign it.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied => refused(
                "certificate_refused",
                &format!("the server refused the device certificate ({alert:?})"),
                "check that the certificate is registered and ACTIVE in the account and region of this endpoint",
            ),
            AlertDescription::CertificateExpired => refused(
                "certificate_refused",
                "the server refused the device certificate as expired",
                "create a new certificate for the thing",
            ),
            AlertDescription::CertificateRevoked => refused(
                "certificate_refused",
                "the server refused the device certificate as revoked",
                "create a new certificate for the thing, or set this one to ACTIVE",
            ),
            AlertDescription::NoApplicationProtocol => refused(
                "no_application_protocol",
                "the server does not speak the protocol that was asked for (ALPN)",
                "use the data endpoint's own port: 8883 for MQTT, 8443 for HTTPS",
            ),
            AlertDescription::ProtocolVersion => distrust(
                "tls_alert",
                "the server speaks neither TLS 1.2 nor TLS 1.3 (ProtocolVersion)".into(),
                "check the endpoint's name and port: AWS speaks both, so that something else answers there",
            ),
            other => distrust(
                "tls_alert",
                format!("the server ended the handshake ({other:?})"),
                "check the endpoint and its port, and that the certificate is registered and ACTIVE",
            ),
        },
        rustls::Error::InvalidMessage(_) => {
            distrust("not_tls", "the server does not speak TLS there".into(), "check the endpoint's port")
        }
        other => distrust("tls_failed", other.to_string(), "check the endpoint, its port, and what is in between"),
    };
    match clock_before_build(now, crate::BUILD_TIME) {
        Some(clock) => error.with_remedy(CLOCK_REMEDY).context(clock),
        None => error,
    }
}

/// Whether an error is one of [`explain`]'s: TLS itself failed, and not the connection below it.
pub fn is_failure(error: &Error) -> bool {
    FAILURES.contains(&error.code())
}

/// The certificates of a PEM file, at least one, in their order; `what` is what errors call them.
///
/// # Errors
/// [`Fault::Config`]: it cannot be read, or holds none.
pub fn certificates(file: PemFile<'_>, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(file, what)?;
    let certificates = rustls_pemfile::certs(&mut without_mark(&text))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|_| malformed_pem(file, &text))?;
    if certificates.is_empty() {
        return Err(if contains(&text, b"CERTIFICATE REQUEST-----") {
            bad_pem(file, "no_certificate", "holds a certificate request, not the certificate")
                .with_remedy("let AWS IoT make the certificate of it: aws iot create-certificate-from-csr")
        } else if contains(&text, b"PRIVATE KEY-----") {
            bad_pem(file, "no_certificate", "holds a private key and no certificate: are certificate and key swapped?")
        } else {
            not_pem(file, "no_certificate", &text, "openssl x509").unwrap_or_else(|| {
                bad_pem(file, "no_certificate", "holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
            })
        });
    }
    Ok(certificates)
}

fn private_key(file: PemFile<'_>, strict: bool) -> Result<Arc<dyn rustls::sign::SigningKey>> {
    let text = read(file, "private key")?;
    if let Ok(metadata) = std::fs::metadata(file.path)
        && metadata.mode() & OTHERS_MASK != 0
    {
        let exposed = Error::new(
            Fault::Config,
            "key_exposed",
            format!(
                "the private key '{}' ({}) can be read by others (mode {:04o})",
                file.path.display(),
                file.origin,
                metadata.mode() & 0o7777
            ),
        )
        .with_remedy(format!("chmod 600 '{}'", file.path.display()));
        if strict {
            return Err(exposed);
        }
        log::warn!("{}", exposed.message());
    }
    let found = rustls_pemfile::private_key(&mut without_mark(&text));
    let key: PrivateKeyDer<'static> = match found {
        Ok(Some(key)) => key,
        _ if contains(&text, b"ENCRYPTED") => {
            let what = "is encrypted with a passphrase: nobody is there to type it on a device";
            let path = file.path.display();
            return Err(bad_pem(file, "no_private_key", what).with_remedy(format!(
                "take the passphrase away: openssl pkey -in '{path}' -out '{path}.new', then chmod 600"
            )));
        }
        Ok(None) => {
            let what_instead = if contains(&text, b"BEGIN CERTIFICATE") {
                "holds a certificate and no private key: are certificate and key swapped?"
            } else if contains(&text, b"PUBLIC KEY-----") {
                "holds the public key, not the private key"
            } else {
                return Err(not_pem(file, "no_private_key", &text, "openssl pkey").unwrap_or_else(|| {
                    bad_pem(file, "no_private_key", "holds no PEM private key (PKCS#8, SEC1 or PKCS#1)")
                }));
            };
            return Err(bad_pem(file, "no_private_key", what_instead));
        }
        Err(_) => return Err(malformed_pem(file, &text)),
    };
    crypto::signing_key(&key)
        .map_err(|_| bad_pem(file, "key_unsupported", "is not an EC P-256, EC P-384 or RSA (2048 to 8192 bits) key"))
}

fn read(file: PemFile<'_>, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error: std::io::Error| {
        let error = if error.kind() == std::io::ErrorKind::IsADirectory {
            "it is a directory".into()
        } else {
            error.to_string()
        };
        Error::new(
            Fault::Config,
            "file_unreadable",
            format!("cannot read the {what} '{}' ({}): {error}", file.path.display(), file.origin),
        )
        .with_remedy("check the path, and that this user may read the file")
    };
    let opened = File::open(file.path).map_err(failed)?;
    let size = usize::try_from(opened.metadata().map_err(failed)?.len()).unwrap_or(usize::MAX);
    // Room for all of it from the start: growing would leave a copy of the key behind on the heap.
    let mut text = Zeroizing::new(Vec::with_capacity(size.min(PEM_FILE_MAXIMUM) + 1));
    opened.take(PEM_FILE_MAXIMUM as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() > PEM_FILE_MAXIMUM {
        return Err(bad_pem(file, "file_too_large", "is larger than 256 KiB, too large for PEM certificates or a key"));
    }
    Ok(text)
}

fn malformed(certificate: PemFile<'_>) -> Error {
    bad_pem(certificate, "certificate_malformed", "does not begin with an X.509 certificate")
}

fn bad_pem(file: PemFile<'_>, code: &'static str, what: &str) -> Error {
    Error::new(Fault::Config, code, format!("the file '{}' ({}) {what}", file.path.display(), file.origin))
        .with_remedy("name the file as AWS IoT gave it: certificate is *-certificate.pem.crt, private_key is *-private.pem.key, ca_file holds CA certificates in PEM")
}

fn malformed_pem(file: PemFile<'_>, text: &[u8]) -> Error {
    if contains(text, b"-----END ") {
        bad_pem(file, "pem_malformed", "is not well-formed PEM")
    } else {
        bad_pem(file, "pem_malformed", "is cut short: it has no -----END line").with_remedy("copy the whole file again")
    }
}

/// The error for a file that is no text, where it can be told what it is instead. `converter` reads it.
fn not_pem(file: PemFile<'_>, code: &'static str, text: &[u8], converter: &str) -> Option<Error> {
    let path = file.path.display();
    let (what, remedy) = match text {
        _ if text.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace()) => {
            ("is empty", "copy it again: a power cut may have cost it its content".to_owned())
        }
        [0x30, 0x80..=0xff, ..] => {
            ("is DER, not PEM", format!("{converter} -inform DER -in '{path}' -out '{path}.pem', and name that file"))
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => (
            "is UTF-16, as PowerShell's > writes it",
            format!("iconv -f UTF-16 -t ASCII '{path}' > '{path}.pem', and name that file"),
        ),
        _ => return None,
    };
    Some(bad_pem(file, code, what).with_remedy(remedy))
}

/// The text behind a byte order mark, which Windows' editors write.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

const CLOCK_REMEDY: &str = "set the device's clock (a Raspberry Pi has none that survives power-off): start an NTP client and wait for it before running homing";

/// The codes of [`explain`]'s errors.
const FAILURES: &[&str] = &[
    "unknown_issuer",
    "wrong_host_name",
    "server_certificate_expired",
    "server_certificate_not_yet_valid",
    "bad_server_certificate",
    "certificate_refused",
    "no_application_protocol",
    "tls_alert",
    "not_tls",
    "tls_failed",
];

/// Amazon Trust Services' roots, which sign IoT Core's and S3's servers (as Debian's ca-certificates carries them).
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("roots/amazon_root_ca_1.der"),
    include_bytes!("roots/amazon_root_ca_2.der"),
    include_bytes!("roots/amazon_root_ca_3.der"),
    include_bytes!("roots/amazon_root_ca_4.der"),
    include_bytes!("roots/starfield_services_root_g2.der"),
];

/// Debian's whole bundle of CA certificates, which a user may name, has about 220 KB.
const PEM_FILE_MAXIMUM: usize = 256 * 1024;

/// Bits that let group or others do anything.
const OTHERS_MASK: u32 = 0o077;

/// One process talks to three servers at most: credentials, data, S3; one more for a redirected bucket.
const RESUMED_SESSIONS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_root_is_usable() {
        let mut roots = RootCertStore::empty();
        let (added, ignored) =
            roots.add_parsable_certificates(AMAZON_ROOTS.iter().map(|der| CertificateDer::from(*der)));
        assert_eq!((added, ignored), (AMAZON_ROOTS.len(), 0));
    }

    #[test]
    fn every_failure_of_tls_is_known_as_one_again() {
        use rustls::{Error as Tls, InvalidMessage};
        let certificate = [
            CertificateError::UnknownIssuer,
            CertificateError::NotValidForName,
            CertificateError::Expired,
            CertificateError::NotValidYet,
            CertificateError::Revoked,
        ];
        let alert = [
            AlertDescription::CertificateUnknown,
            AlertDescription::CertificateExpired,
            AlertDescription::CertificateRevoked,
            AlertDescription::NoApplicationProtocol,
            AlertDescription::HandshakeFailure,
        ];
        let failures = certificate.map(Tls::InvalidCertificate).into_iter().chain(alert.map(Tls::AlertReceived));
        let others = [Tls::InvalidMessage(InvalidMessage::InvalidContentType), Tls::HandshakeNotComplete];
        for failure in failures.chain(others) {
            for now in [0, crate::BUILD_TIME] {
                let error = explain(&failure, "example.com", now);
                assert!(is_failure(&error), "{error:?}");
            }
        }
        assert!(!is_failure(&Error::new(Fault::Unavailable, "connection_reset", "")));
    }
}

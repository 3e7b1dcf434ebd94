//! The certificate authority of one sandbox, and the certificates and keys that it (and a rogue one) issued, as PEM files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// The PEM files of one sandbox. Keys are PKCS#8, EC P-256, readable by their owner only.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority that signed the servers and the device.
    pub ca: PathBuf,
    /// The authority's key, for tests that issue further certificates.
    pub ca_key: PathBuf,
    /// The device's certificate; its common name is the thing name.
    pub device_certificate: PathBuf,
    /// The key of [`Self::device_certificate`] and [`Self::expired_certificate`].
    pub device_key: PathBuf,
    /// A device certificate of the same authority and key that ended yesterday.
    pub expired_certificate: PathBuf,
    /// A device certificate of the same authority for another thing.
    pub other_certificate: PathBuf,
    /// The key of [`Self::other_certificate`]; to the device's certificate it does not fit.
    pub other_key: PathBuf,
    /// An authority of the same name that nobody here trusts.
    pub rogue_ca: PathBuf,
    /// A device certificate with the right thing name, signed by the rogue authority.
    pub rogue_certificate: PathBuf,
    /// The key of [`Self::rogue_certificate`].
    pub rogue_key: PathBuf,
    /// The certificate the sandbox's servers show.
    pub server_certificate: PathBuf,
    /// The key of [`Self::server_certificate`].
    pub server_key: PathBuf,
    /// A client certificate that lets the sandbox's MQTT gateway into the broker behind it.
    pub(crate) gateway_certificate: PathBuf,
    /// The key of [`Self::gateway_certificate`].
    pub(crate) gateway_key: PathBuf,
}

impl Certificates {
    /// Makes everything anew in `folder`. The servers' certificate is valid for `localhost`, 127.0.0.1, ::1 and `server_names`.
    pub(crate) fn create(folder: &Path, thing_name: &str, server_names: &[String]) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let authority = authority()?;
        let rogue = authority_named_the_same()?;
        let device_key = key()?;
        let other_key = key()?;
        let rogue_key = key()?;
        let server_key = key()?;
        let gateway_key = key()?;
        let yesterday = OffsetDateTime::now_utc() - Duration::days(1);

        let certificates = Self {
            ca: write(folder, "ca.pem", &authority.pem())?,
            ca_key: write_secret(folder, "ca.key", &authority.key().serialize_pem())?,
            device_certificate: write(folder, "device.pem.crt", &device(thing_name, None, &device_key, &authority)?)?,
            device_key: write_secret(folder, "private.pem.key", &device_key.serialize_pem())?,
            expired_certificate: write(
                folder,
                "expired.pem.crt",
                &device(thing_name, Some(yesterday), &device_key, &authority)?,
            )?,
            other_certificate: write(folder, "other.pem.crt", &device("other-thing", None, &other_key, &authority)?)?,
            other_key: write_secret(folder, "other.pem.key", &other_key.serialize_pem())?,
            rogue_ca: write(folder, "rogue-ca.pem", &rogue.pem())?,
            rogue_certificate: write(folder, "rogue.pem.crt", &device(thing_name, None, &rogue_key, &rogue)?)?,
            rogue_key: write_secret(folder, "rogue.pem.key", &rogue_key.serialize_pem())?,
            server_certificate: write(folder, "server.pem.crt", &server(server_names, &server_key, &authority)?)?,
            server_key: write_secret(folder, "server.pem.key", &server_key.serialize_pem())?,
            gateway_certificate: write(
                folder,
                "gateway.pem.crt",
                &device("sandbox-gateway", None, &gateway_key, &authority)?,
            )?,
            gateway_key: write_secret(folder, "gateway.pem.key", &gateway_key.serialize_pem())?,
        };
        Ok(certificates)
    }
}

/// The common name of a certificate, which in the sandbox is the thing's name.
pub(crate) fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    Some(name)
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> io::Result<Authority> {
    let mut parameters = parameters("homing sandbox CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(parameters, key()?).map_err(io::Error::other)
}

/// The rogue authority differs from the real one in its key alone, so that only a verified signature can tell them apart.
fn authority_named_the_same() -> io::Result<Authority> {
    authority()
}

fn device(
    common_name: &str,
    not_after: Option<OffsetDateTime>,
    key: &KeyPair,
    authority: &Authority,
) -> io::Result<String> {
    let mut parameters = parameters(common_name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if let Some(not_after) = not_after {
        parameters.not_before = not_after - Duration::days(1);
        parameters.not_after = not_after;
    }
    sign(parameters, key, authority)
}

fn server(names: &[String], key: &KeyPair, authority: &Authority) -> io::Result<String> {
    let mut parameters = parameters("localhost");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.subject_alt_names = vec![
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)),
    ];
    for name in std::iter::once("localhost").chain(names.iter().map(String::as_str)) {
        parameters.subject_alt_names.push(SanType::DnsName(name.try_into().map_err(io::Error::other)?));
    }
    sign(parameters, key, authority)
}

fn sign(parameters: CertificateParams, key: &KeyPair, authority: &Authority) -> io::Result<String> {
    Ok(parameters.signed_by(key, authority).map_err(io::Error::other)?.pem())
}

fn parameters(common_name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.not_before = OffsetDateTime::now_utc() - CLOCK_MARGIN;
    parameters.not_after = LAST_MOMENT;
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(io::Error::other)
}

fn write(folder: &Path, name: &str, pem: &str) -> io::Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, pem)?;
    Ok(path)
}

fn write_secret(folder: &Path, name: &str, pem: &str) -> io::Result<PathBuf> {
    let path = folder.join(name);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(pem.as_bytes())?;
    Ok(path)
}

/// Certificates are valid a little into the past, so that two clocks need not agree to the second.
const CLOCK_MARGIN: Duration = Duration::hours(1);
/// As on the certificates that AWS IoT makes: far past 2038, so that 64-bit times are exercised.
const LAST_MOMENT: OffsetDateTime = datetime!(2049-12-31 23:59:59 UTC);

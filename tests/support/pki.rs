//! Certificate authorities, server and device certificates, made afresh for every test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};

use super::directory::Directory;
use super::process::run;

/// A certificate authority: a root, or an intermediate below one.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate with its private key, as files.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What a private key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    P256,
    P384,
    Rsa2048,
}

/// How a private key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// `BEGIN PRIVATE KEY`
    Pkcs8,
    /// `BEGIN EC PRIVATE KEY` (SEC1) or `BEGIN RSA PRIVATE KEY` (PKCS#1)
    Traditional,
}

impl Authority {
    /// A self-signed root.
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority_params(name);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// An intermediate authority signed by this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority_params(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Its own certificate in PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.certificate
    }

    /// Writes its certificate to `directory/NAME` and gives the path.
    pub(crate) fn write(&self, directory: &Directory, name: &str) -> PathBuf {
        directory.write(name, &self.certificate)
    }

    /// A server certificate for these host names and addresses.
    pub(crate) fn server(&self, directory: &Directory, file: &str, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "homing test server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, &key, directory, file, &key.serialize_pem())
    }

    /// A device certificate whose common name is `thing`, as AWS IoT makes them: EC P-256, valid until 2049.
    pub(crate) fn device(&self, directory: &Directory, file: &str, thing: &str) -> Identity {
        self.device_with_key(directory, file, thing, KeyKind::P256, KeyForm::Pkcs8)
    }

    /// A device certificate with a certain kind of key.
    pub(crate) fn device_with_key(
        &self,
        directory: &Directory,
        file: &str,
        thing: &str,
        kind: KeyKind,
        form: KeyForm,
    ) -> Identity {
        let (key, pem) = make_key(directory, file, kind, form);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, thing);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, &key, directory, file, &pem)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        key: &KeyPair,
        directory: &Directory,
        file: &str,
        key_pem: &str,
    ) -> Identity {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(key, &self.issuer).unwrap().pem();
        Identity {
            certificate: directory.write(&format!("{file}.pem.crt"), certificate),
            key: directory.write_private(&format!("{file}.pem.key"), key_pem),
        }
    }
}

impl Identity {
    /// Appends further certificates to the certificate file: the chain that the other side needs.
    pub(crate) fn append_chain(&self, authority: &Authority) {
        let chain = fs::read_to_string(&self.certificate).unwrap() + authority.pem();
        fs::write(&self.certificate, chain).unwrap();
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

/// A key pair and its PEM text in the wanted form. OpenSSL writes the traditional forms, and makes the RSA keys, which
/// ring cannot.
fn make_key(directory: &Directory, file: &str, kind: KeyKind, form: KeyForm) -> (KeyPair, String) {
    let key = match kind {
        KeyKind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
        KeyKind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyKind::Rsa2048 => {
            let pem = run("openssl", ["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
            KeyPair::from_pem(&pem).unwrap()
        }
    };
    let pem = match form {
        KeyForm::Pkcs8 => key.serialize_pem(),
        KeyForm::Traditional => {
            let pkcs8 = directory.write_private(&format!("{file}.pkcs8"), key.serialize_pem());
            traditional(&pkcs8)
        }
    };
    (key, pem)
}

fn traditional(pkcs8: &Path) -> String {
    run("openssl", ["pkey".as_ref(), "-traditional".as_ref(), "-in".as_ref(), pkcs8.as_os_str()])
}

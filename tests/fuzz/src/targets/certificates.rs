//! PEM files (CA certificates, the device's certificate, its key) and the dates in a certificate: an error names the
//! file and repeats none of its lines.

use crate::reply::assert_without;
use crate::scratch::scratch;
use homing::net::tls::{Identity, PemFile, Trust};
use homing::protocol::x509::validity;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

pub fn run(data: &[u8]) {
    let _ = validity(data);
    let files = files();
    fs::write(&files.fuzzed, data).expect("the temporary folder takes a small file");
    let fuzzed = PemFile { path: &files.fuzzed, origin: "flag --fuzzed" };
    let certificate = PemFile { path: &files.certificate, origin: "flag --certificate" };
    let key = PemFile { path: &files.key, origin: "flag --private-key" };
    let errors = [
        Trust::load(Some(fuzzed), true).err(),
        Identity::load(fuzzed, key, false, NOW).err(),
        Identity::load(certificate, fuzzed, false, NOW).err(),
    ];
    for error in errors.iter().flatten() {
        let said = format!("{error:?}");
        assert!(said.len() < 2048);
        assert_without(error, String::from_utf8_lossy(data).lines());
    }
}

struct Files {
    fuzzed: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let files =
            Files { fuzzed: scratch("fuzzed.pem"), certificate: scratch("certificate.pem"), key: scratch("key.pem") };
        fs::write(&files.certificate, include_bytes!("../../seeds/certificates/device-certificate.pem")).expect("room");
        fs::write(&files.key, include_bytes!("../../seeds/certificates/device-key-of-nobody.pem")).expect("room");
        files
    })
}

/// Within the validity of the device certificate among the seeds.
const NOW: i64 = 1_800_000_000;

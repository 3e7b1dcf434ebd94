//! PEM files (CA certificates, the device's certificate, its key) and the dates in a certificate: an error names the
//! file and repeats none of its lines.

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
        for line in data.split(|byte| *byte == b'\n').filter(|line| line.len() >= SECRET_LINE) {
            assert!(!said.as_bytes().windows(line.len()).any(|window| window == line), "{said}");
        }
    }
}

struct Files {
    fuzzed: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// In memory, where there is such a file system: three files are read for each input.
fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = |name: &str| folder.join(format!("homing-fuzz-{}-{name}", std::process::id()));
        let files = Files { fuzzed: path("fuzzed"), certificate: path("certificate"), key: path("key") };
        fs::write(&files.certificate, include_bytes!("../../seeds/certificates/device-certificate.pem")).expect("room");
        fs::write(&files.key, include_bytes!("../../seeds/certificates/device-key-of-nobody.pem")).expect("room");
        files
    })
}

/// Within the validity of the device certificate among the seeds.
const NOW: i64 = 1_800_000_000;
/// Shorter ones may be part of our own words.
const SECRET_LINE: usize = 24;

//! The device certificate: what it says, and whether the key fits.

use super::details::Details;
use super::report::Report;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::job::network::Network;
use crate::net::stream::unix_time;
use crate::net::tls::{self, Identity, PemFile};
use crate::options::Id;
use crate::protocol::hexadecimal;
use crate::protocol::time::iso8601;
use crate::protocol::x509::{self, Name};
use ring::digest;

/// Tells of it, and gives why it cannot be shown to servers, where it cannot.
pub(super) fn look(config: &Config, network: &Network<'_>, report: &mut Report) -> Option<&'static str> {
    let is_wanted =
        config.role_alias.is_some() || config.credential_endpoint.is_some() || config.data_endpoint.is_some();
    if config.certificate.is_none() && config.private_key.is_none() && !is_wanted {
        let why = "certificate and private_key are not set";
        report.skipped("certificate", "", why);
        return Some(why);
    }
    let mut details = Details::default();
    let result = judge(config, network, &mut details);
    match &result {
        Err(error) if matches!(error.code(), "file_unreadable" | "key_exposed") => {
            report.skipped_with("certificate", "", details, "a file of it cannot be used: see file");
        }
        _ => report.ended("certificate", "", details, &result),
    }
    result.err().map(|_| "the device certificate cannot be used")
}

fn judge(config: &Config, network: &Network<'_>, details: &mut Details) -> Result<()> {
    config.require(&[Id::Certificate, Id::PrivateKey])?;
    let (certificate_origin, key_origin) =
        (config.origin(Id::Certificate).to_string(), config.origin(Id::PrivateKey).to_string());
    let certificate = PemFile { path: config.certificate()?, origin: &certificate_origin };
    let key = PemFile { path: config.private_key()?, origin: &key_origin };
    let chain = tls::certificates(certificate, "certificate")?;
    if let Some(leaf) = chain.first().and_then(|leaf| x509::read(leaf)) {
        let serial: Vec<String> = leaf.serial.iter().map(|byte| format!("{byte:02x}")).collect();
        let left = leaf.validity.not_after.saturating_sub(unix_time()) / DAY;
        details
            .text("subject", &Name(leaf.subject))
            .text("issuer", &Name(leaf.issuer))
            .text("serial", &serial.join(":"))
            .text("valid_from", &iso8601(leaf.validity.not_before))
            .text("valid_until", &iso8601(leaf.validity.not_after))
            .number("days_left", u64::try_from(left).unwrap_or(0))
            .text("certificate_id", &id_of(&chain[0]))
            .number("certificates", chain.len() as u64);
        if (0..DAYS_WORTH_TELLING).contains(&left) {
            details.note(&format_args!("it expires in {left} days: rotate it"));
        }
    }
    if let Some(place) = chain.windows(2).position(|pair| !issuer_is(&pair[0], &pair[1])) {
        let (one, next) = (place + 1, place + 2);
        details.note(&format_args!(
            "certificate {next} of the file did not sign certificate {one}: a server may refuse the chain"
        ));
    }
    let fits = network.certificate_fingerprint().map(|_| {
        details.text("key_matches", &"yes");
    });
    fits.map_err(|error| match error.code() {
        "key_mismatch" => match Identity::place_of_key(certificate, key) {
            Ok(Some(place)) => Error::new(
                Fault::Config,
                "chain_order",
                format!(
                    "the private key belongs to certificate {} of the file '{}', and the device's own has to be the first",
                    place + 1,
                    certificate.path.display()
                ),
            )
            .with_remedy("put the device certificate first, and the authorities that signed it behind it"),
            _ => error,
        },
        _ => error,
    })
}

/// What AWS IoT calls a certificate: SHA-256 of its DER form.
pub(super) fn id_of(certificate: &[u8]) -> String {
    hexadecimal::digits(digest::digest(&digest::SHA256, certificate).as_ref()).collect()
}

fn issuer_is(one: &[u8], next: &[u8]) -> bool {
    x509::read(one).zip(x509::read(next)).is_some_and(|(one, next)| one.issuer == next.subject)
}

const DAY: i64 = 86_400;
/// AWS IoT Device Defender finds certificates worth telling that end within 30 days.
const DAYS_WORTH_TELLING: i64 = 30;

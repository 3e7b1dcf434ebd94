//! The few fields of an X.509 certificate that the device must judge by itself (RFC 5280, section 4.1).
//!
//! Trust in certificates is rustls's business; this only reads the dates of our own, so that an expired
//! certificate is named before a server drops the connection without a reason, and what people know one by.

use core::fmt::{self, Write as _};

/// What people know a certificate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The serial number, big-endian.
    pub serial: &'a [u8],
    /// Who signed it: the content of the DER `Name`, for [`Name`] and for comparing.
    pub issuer: &'a [u8],
    /// When it is valid.
    pub validity: Validity,
    /// Whom it is about, as `issuer`.
    pub subject: &'a [u8],
}

/// Prints the content of a DER `Name`: `CN=camera-1, O=Example`. Attributes without a usual abbreviation are left out,
/// and control characters are spaces.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a>(pub &'a [u8]);

/// When a certificate is valid, in seconds since the Unix epoch, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first valid second.
    pub not_before: i64,
    /// The last valid second. AWS's device certificates run to 2049-12-31.
    pub not_after: i64,
}

/// Reads the validity of a DER certificate; `None` when it is not one.
pub fn validity(certificate: &[u8]) -> Option<Validity> {
    read(certificate).map(|certificate| certificate.validity)
}

/// Reads a DER certificate; `None` when it is not one.
pub fn read(certificate: &[u8]) -> Option<Certificate<'_>> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, rest)) = element(fields, EXPLICIT_VERSION) {
        fields = rest;
    }
    let (serial, fields) = element(fields, INTEGER)?;
    let (_signature, fields) = element(fields, SEQUENCE)?;
    let (issuer, fields) = element(fields, SEQUENCE)?;
    let (dates, fields) = element(fields, SEQUENCE)?;
    let (subject, _) = element(fields, SEQUENCE)?;
    let (not_before, rest) = time(dates)?;
    let (not_after, _) = time(rest)?;
    Some(Certificate { serial, issuer, validity: Validity { not_before, not_after }, subject })
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.0;
        let mut separator = "";
        while let Some((set, rest)) = element(names, SET) {
            names = rest;
            let Some((attribute, _)) = element(set, SEQUENCE) else { continue };
            let Some((&[0x55, 0x04, kind], value)) = element(attribute, OBJECT_IDENTIFIER) else { continue };
            let Some((_, abbreviation)) = ABBREVIATIONS.iter().find(|(known, _)| *known == kind) else { continue };
            let Some((text, _)) = value.first().and_then(|tag| element(value, *tag)) else { continue };
            write!(formatter, "{separator}{abbreviation}=")?;
            for letter in text.utf8_chunks().flat_map(|chunk| chunk.valid().chars()) {
                formatter.write_char(if letter.is_control() { ' ' } else { letter })?;
            }
            separator = ", ";
        }
        Ok(())
    }
}

/// Splits the element of that tag off: its content, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// UTCTime `YYMMDDHHMMSSZ` (1950 to 2049) or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (digits, rest, year) = if let Some((text, rest)) = element(bytes, UTC_TIME) {
        let year = number(text.get(..2)?)?;
        (text.get(2..)?, rest, if year < 50 { 2000 + year } else { 1900 + year })
    } else {
        let (text, rest) = element(bytes, GENERALIZED_TIME)?;
        (text.get(4..)?, rest, number(text.get(..4)?)?)
    };
    if digits.len() != 11 || digits[10] != b'Z' {
        return None;
    }
    let field = |index: usize| number(&digits[index * 2..index * 2 + 2]);
    let (month, day) = (field(0)?, field(1)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some((days_from_epoch(year, month, day) * 86_400 + field(2)? * 3600 + field(3)? * 60 + field(4)?, rest))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March so that leap days come last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const INTEGER: u8 = 0x02;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The last number of an attribute's identifier below 2.5.4, and what it is usually called (RFC 4514, section 3).
const ABBREVIATIONS: [(u8, &str); 6] = [(3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU")];

#[cfg(test)]
mod tests {
    use super::*;

    const AMAZON_ROOT_CA_1: &[u8] = include_bytes!("../net/roots/amazon_root_ca_1.der");

    #[test]
    fn reads_the_dates_of_amazon_root_ca_1() {
        // 2015-05-26T00:00:00Z to 2038-01-17T00:00:00Z, as `openssl x509 -dates` prints them.
        assert_eq!(validity(AMAZON_ROOT_CA_1), Some(Validity { not_before: 1_432_598_400, not_after: 2_147_299_200 }));
    }

    #[test]
    fn reads_what_people_know_amazon_root_ca_1_by() {
        // As `openssl x509 -serial -subject -issuer` prints it.
        let root = read(AMAZON_ROOT_CA_1).unwrap();
        assert_eq!(root.serial[..3], [0x06, 0x6c, 0x9f]);
        assert_eq!(Name(root.subject).to_string(), "C=US, O=Amazon, CN=Amazon Root CA 1");
        assert_eq!(root.issuer, root.subject);
        let hostile = b"\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04a\x1b\xffb";
        assert_eq!(Name(hostile).to_string(), "CN=a b");
        (0..hostile.len()).for_each(|length| drop(Name(&hostile[..length]).to_string()));
    }

    #[test]
    fn reads_dates_beyond_2038_and_2049() {
        assert_eq!(time(b"\x17\x0d491231235959Z").map(|time| time.0), Some(2_524_607_999));
        assert_eq!(time(b"\x18\x0f21060207062816Z").map(|time| time.0), Some(4_294_967_296));
        assert_eq!(time(b"\x17\x0d500101000000Z").map(|time| time.0), Some(-631_152_000));
    }

    #[test]
    fn a_cut_or_spoilt_certificate_never_panics() {
        for length in 0..AMAZON_ROOT_CA_1.len() {
            assert_eq!(validity(&AMAZON_ROOT_CA_1[..length]), None);
        }
        let mut spoilt = AMAZON_ROOT_CA_1.to_vec();
        for index in 0..spoilt.len() {
            spoilt[index] ^= 0xff;
            let _ = read(&spoilt).map(|certificate| Name(certificate.subject).to_string());
            spoilt[index] ^= 0xff;
        }
    }
}

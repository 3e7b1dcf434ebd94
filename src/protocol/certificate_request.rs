//! A certificate request for an EC P-256 key (PKCS#10, RFC 2986): a subject with a common name, no attributes.
//!
//! Its DER differs from device to device in the name, the key and the signature only, so that constants and lengths are
//! all there is to it; a crate for X.509 in general weighs more than all of `homing csr` (DESIGN: bytes).

/// The most characters of a common name (RFC 5280, appendix A.1: ub-common-name).
pub const COMMON_NAME_MAXIMUM: usize = 64;
/// The bytes of an uncompressed point of P-256.
pub const PUBLIC_KEY_LENGTH: usize = 65;

/// The part that is signed, with ECDSA and SHA-256, signature in DER: name and public key (uncompressed point).
pub fn to_be_signed(common_name: &str, public_key: &[u8]) -> Vec<u8> {
    let name = element(UTF8_STRING, &[common_name.as_bytes()]);
    let name = element(SEQUENCE, &[COMMON_NAME, &name]);
    let name = element(SEQUENCE, &[&element(SET, &[&name])]);
    element(SEQUENCE, &[VERSION_1, &name, P256_KEY, public_key, NO_ATTRIBUTES])
}

/// The whole request, in DER.
pub fn signed(to_be_signed: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = element(BIT_STRING, &[&[0], signature]);
    element(SEQUENCE, &[to_be_signed, ECDSA_WITH_SHA256, &signature])
}

/// An element of DER around these parts, of at most 65,535 bytes (X.690, section 8.1.3).
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let [.., high, low] = length.to_be_bytes();
    let mut bytes = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

const BIT_STRING: u8 = 0x03;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// INTEGER 0, which is version 1.
const VERSION_1: &[u8] = &[0x02, 0x01, 0x00];
/// Object identifier 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
/// SubjectPublicKeyInfo of id-ecPublicKey and prime256v1 (RFC 5480), up to the point.
const P256_KEY: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The attributes' tag, [0], without any.
const NO_ATTRIBUTES: &[u8] = &[0xa0, 0x00];
/// AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758, section 3.2).
const ECDSA_WITH_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};

    #[test]
    fn it_is_what_rcgen_makes_of_the_same_name_and_key() {
        let key = KeyPair::generate().unwrap();
        for name in ["a", "camera-1", "Kamera-ß", &"n".repeat(64), &"n".repeat(300)] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            let theirs = params.serialize_request(&key).unwrap();
            let ours = to_be_signed(name, key.der_bytes());
            let whole = signed(&ours, &[0x30, 0x45]);
            // The signatures have random parts; what is signed is the same, byte by byte.
            let header = theirs.der().windows(ours.len()).position(|window| window == ours);
            assert!(matches!(header, Some(3 | 4)), "{name}: {header:?}");
            assert!(whole.windows(ours.len()).any(|window| window == ours));
            assert!(theirs.der().windows(ECDSA_WITH_SHA256.len()).any(|window| window == ECDSA_WITH_SHA256));
        }
    }
}

//! What cryptography is spoken: rustls's with ring, all but Ed25519.
//!
//! AWS IoT takes no Ed25519 certificates ("X.509 client certificates", key algorithms), and no public authority signs
//! servers with it (CA/Browser Forum, Baseline Requirements, 6.1.5); it would be 18 KB of the program.

use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms, ring as provider,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{Error, SignatureScheme, SupportedCipherSuite};
use std::sync::Arc;
use webpki::ring as algorithms;

/// Everything that rustls needs for a handshake.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: cipher_suites(),
        kx_groups: provider::ALL_KX_GROUPS.to_vec(),
        signature_verification_algorithms: SIGNATURES,
        secure_random: &Ring,
        key_provider: &Ring,
    }
}

/// A private key to sign with.
///
/// # Errors
/// It is no EC P-256, EC P-384 or RSA (2048 to 8192 bits) key.
pub(super) fn signing_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, Error> {
    match provider::sign::RsaSigningKey::new(key) {
        Ok(key) => Ok(Arc::new(key)),
        Err(_) => provider::sign::any_ecdsa_type(key),
    }
}

#[derive(Debug)]
struct Ring;

impl SecureRandom for Ring {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        SystemRandom::new().fill(buffer).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for Ring {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        signing_key(&key)
    }
}

/// ring uses AES instructions on x86-64 and aarch64, never on 32-bit ARM, where ChaCha20 is several times
/// faster than its portable AES.
fn has_aes_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

fn cipher_suites() -> Vec<SupportedCipherSuite> {
    use provider::cipher_suite::*;
    let aes = [
        TLS13_AES_128_GCM_SHA256,
        TLS13_AES_256_GCM_SHA384,
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    let chacha = [
        TLS13_CHACHA20_POLY1305_SHA256,
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    if has_aes_instructions() { [&aes[..], &chacha].concat() } else { [&chacha[..], &aes].concat() }
}

/// Which signatures are understood: as in rustls's own provider, in its order.
pub(super) const SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P384_SHA256,
        algorithms::ECDSA_P384_SHA384,
        algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
        algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        // TLS 1.2 fixes the hash alone, TLS 1.3 the curve as well: that is the first.
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[algorithms::ECDSA_P384_SHA384, algorithms::ECDSA_P256_SHA384]),
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256]),
        (SignatureScheme::RSA_PSS_SHA512, &[algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[algorithms::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[algorithms::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[algorithms::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_are_offered_by_what_the_cpu_is_good_at() {
        let first = cipher_suites()[0].suite();
        let expected = if has_aes_instructions() {
            rustls::CipherSuite::TLS13_AES_128_GCM_SHA256
        } else {
            rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
        };
        assert_eq!(first, expected);
        assert_eq!(cipher_suites().len(), provider::ALL_CIPHER_SUITES.len());
    }

    #[test]
    fn only_ed25519_is_missing_from_what_rustls_can_verify() {
        let (ours, whole) = (SIGNATURES, provider::default_provider().signature_verification_algorithms);
        let schemes = |signatures: WebPkiSupportedAlgorithms| {
            signatures.mapping.iter().map(|(scheme, algorithms)| (*scheme, algorithms.len())).collect::<Vec<_>>()
        };
        let expected = schemes(whole).into_iter().filter(|(scheme, _)| *scheme != SignatureScheme::ED25519);
        assert_eq!(schemes(ours), expected.collect::<Vec<_>>());
        assert_eq!(ours.all.len() + 1, whole.all.len());
    }
}

//! PEM: DER as text between lines that say what it is (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The PEM text of `der`, which may be a secret: what is made of it on the way is wiped.
pub fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(vec![0; der.len().div_ceil(3) * 4]);
    // It has the room for all of them, and they are ASCII.
    let length = STANDARD.encode_slice(der, &mut digits).unwrap_or(0);
    // At its final size from the start, so that no shorter copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(length + length / LINE + 2 * label.len() + FRAME));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in digits[..length].chunks(LINE) {
        text.extend(line.iter().map(|digit| char::from(*digit)));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// RFC 7468, section 2: every line but the last has exactly so many characters.
const LINE: usize = 64;
/// The frame's own characters, and the last line's end.
const FRAME: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_64_characters_and_the_text_is_written_in_one_place() {
        for length in [0_usize, 1, 47, 48, 49, 96, 138, 1000] {
            let der: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let text = encode("PRIVATE KEY", &der);
            let capacity = length.div_ceil(3) * 4 + length.div_ceil(3) * 4 / LINE + 22 + FRAME;
            assert!(text.len() <= capacity, "{length}");
            assert!(text.lines().all(|line| line.len() <= 64));
            let Some(item) = rustls_pemfile::read_one(&mut text.as_bytes()).unwrap() else { panic!("{}", *text) };
            let rustls_pemfile::Item::Pkcs8Key(key) = item else { panic!("{}", *text) };
            assert_eq!(key.secret_pkcs8_der(), der);
        }
    }
}

//! Bytes as lower-case hexadecimal digits: hashes, ids, tokens.

/// Two digits for each byte.
pub fn digits(bytes: &[u8]) -> impl Iterator<Item = char> {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| char::from(DIGITS[usize::from(half)]))
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_half_comes_first() {
        assert_eq!(digits(&[0x00, 0x0f, 0xa9, 0xff]).collect::<String>(), "000fa9ff");
    }
}

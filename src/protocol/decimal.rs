//! Decimal numbers as text: how many digits they have and how large they are, without a float that would round them.

/// A decimal number, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<'a> {
    is_negative: bool,
    integer: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads `-12.50e3` and the like; a leading `+` and leading zeros are allowed, as DynamoDB allows them. `None`: it
    /// is no decimal number.
    pub fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            None => (unsigned, 0),
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        };
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if integer.len() + fraction.len() == 0 || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        Some(Self { is_negative: text.starts_with('-'), integer, fraction, exponent })
    }

    /// How many digits there are between the first and the last that is not zero, both included; 0 for zero.
    pub fn significant_digits(self) -> usize {
        let first = self.digits().position(|digit| digit != b'0');
        let last = self.digits().rposition(|digit| digit != b'0');
        first.zip(last).map_or(0, |(first, last)| last - first + 1)
    }

    /// The exponent of ten of the first significant digit: 3 for 1,234 and -2 for 0.05. `None` for zero.
    pub fn magnitude(self) -> Option<i64> {
        let first = self.digits().position(|digit| digit != b'0')?;
        let place = self.integer.len() as i64 - first as i64 - 1;
        Some(place.saturating_add(self.exponent))
    }

    /// The number without what stands behind its decimal point; `None` where that does not fit.
    pub fn whole(self) -> Option<i64> {
        let Some(magnitude) = self.magnitude() else { return Some(0) };
        if magnitude > MAGNITUDE_OF_I64 {
            return None;
        }
        let count = usize::try_from((self.integer.len() as i64).saturating_add(self.exponent)).unwrap_or(0);
        let mut digits = self.digits().chain(core::iter::repeat(b'0')).take(count);
        let whole = digits.try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0')))?;
        Some(if self.is_negative { -whole } else { whole })
    }

    fn digits(self) -> Digits<'a> {
        Digits { integer: self.integer.as_bytes(), fraction: self.fraction.as_bytes() }
    }
}

/// The digits before the point, then those behind it.
struct Digits<'a> {
    integer: &'a [u8],
    fraction: &'a [u8],
}

impl Iterator for Digits<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let part = if self.integer.is_empty() { &mut self.fraction } else { &mut self.integer };
        part.split_off_first().copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = self.integer.len() + self.fraction.len();
        (length, Some(length))
    }
}

impl DoubleEndedIterator for Digits<'_> {
    fn next_back(&mut self) -> Option<u8> {
        let part = if self.fraction.is_empty() { &mut self.integer } else { &mut self.fraction };
        part.split_off_last().copied()
    }
}

impl ExactSizeIterator for Digits<'_> {}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What does not fit is larger than any number that anything here takes.
    let value = digits.parse().unwrap_or(EXPONENT_MAXIMUM).min(EXPONENT_MAXIMUM);
    Some(if text.starts_with('-') { -value } else { value })
}

/// Far beyond all that is taken, and far from an overflow when lengths are added.
const EXPONENT_MAXIMUM: i64 = 1 << 40;
/// `i64::MAX` is about 9.2 × 10^18.
const MAGNITUDE_OF_I64: i64 = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_without_the_zeros_around_them() {
        for (text, digits, magnitude) in [
            ("0", 0, None),
            ("-0.000", 0, None),
            ("0e5", 0, None),
            ("1", 1, Some(0)),
            ("-1.50", 2, Some(0)),
            ("00120", 2, Some(2)),
            ("0.0050", 1, Some(-3)),
            ("1234.5678", 8, Some(3)),
            ("10.01", 4, Some(1)),
            ("1E-130", 1, Some(-130)),
            ("9.9e+125", 2, Some(125)),
            ("100e3", 1, Some(5)),
            (".5", 1, Some(-1)),
            ("5.", 1, Some(0)),
            ("1e99999999999999999999", 1, Some(EXPONENT_MAXIMUM)),
        ] {
            let decimal = Decimal::parse(text).unwrap();
            assert_eq!((decimal.significant_digits(), decimal.magnitude()), (digits, magnitude), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "1.2.3", "1e", "e5", "1e+", "--1", "0x10", "1,5", "NaN", "Infinity", "1 ", "१"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_of_any_form() {
        for (text, whole) in [
            ("1712174803", Some(1_712_174_803)),
            ("1.712174803517E9", Some(1_712_174_803)),
            ("-17.9", Some(-17)),
            ("0.9", Some(0)),
            ("12e-5", Some(0)),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1e19", None),
            ("0e99", Some(0)),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().whole(), whole, "{text}");
        }
    }
}

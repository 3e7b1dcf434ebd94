//! Is a text JSON, and if not, where not?
//!
//! serde-json-core reads the values (see [`super::json`]), but does not say where it stopped, skips some text that is
//! not JSON and recurses as deep as the text does. So what a person wrote is first checked here, against RFC 8259.

/// Where a text stops being JSON and what was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Byte offset.
    pub offset: usize,
    /// What is wrong, to be read after "malformed JSON: ".
    pub what: &'static str,
}

/// Checks that `text` is one JSON value and nothing else, with at most `depth` objects and arrays inside each other.
///
/// # Errors
/// [`Malformed`] with the first place that is wrong.
pub fn check(text: &str, depth: usize) -> Result<(), Malformed> {
    let mut scanner = Scanner { bytes: text.as_bytes(), offset: 0 };
    scanner.value(depth)?;
    scanner.skip_whitespace();
    match scanner.peek() {
        None => Ok(()),
        Some(_) => scanner.fail("there is more text after the end"),
    }
}

/// Line and column of a byte offset, both from 1; columns count characters.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.offset).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.offset += 1;
        }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, Malformed> {
        let what = if self.offset >= self.bytes.len() { "it ends too early" } else { what };
        Err(Malformed { offset: self.offset, what })
    }

    fn value(&mut self, depth: usize) -> Result<(), Malformed> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => self.list(depth, b'}', true),
            Some(b'[') => self.list(depth, b']', false),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'\'') => self.fail("text stands in double quotes"),
            Some(b'/' | b'#') => self.fail("JSON has no comments"),
            Some(b',' | b'}' | b']') => self.fail("a value is missing here"),
            _ => self.fail("a value (text in double quotes, a number, true, false) was expected"),
        }
    }

    fn list(&mut self, depth: usize, close: u8, is_object: bool) -> Result<(), Malformed> {
        let Some(depth) = depth.checked_sub(1) else { return self.fail("it is nested too deeply") };
        self.offset += 1;
        self.skip_whitespace();
        if self.peek() == Some(close) {
            self.offset += 1;
            return Ok(());
        }
        loop {
            if is_object {
                self.skip_whitespace();
                match self.peek() {
                    Some(b'"') => self.string()?,
                    Some(b'}') => return self.fail("a comma stands before the closing brace"),
                    Some(b'/' | b'#') => return self.fail("JSON has no comments"),
                    _ => return self.fail("a key in double quotes was expected"),
                }
                self.skip_whitespace();
                if self.peek() != Some(b':') {
                    return self.fail("a colon was expected after the key");
                }
                self.offset += 1;
            } else if self.peek() == Some(b']') {
                return self.fail("a comma stands before the closing bracket");
            }
            self.value(depth)?;
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.offset += 1,
                Some(byte) if byte == close => break,
                _ if is_object => return self.fail("a comma or a closing brace was expected"),
                _ => return self.fail("a comma or a closing bracket was expected"),
            }
            self.skip_whitespace();
        }
        self.offset += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        if !self.bytes[self.offset..].starts_with(word) {
            return self.fail("this is neither true, false nor null, and text stands in double quotes");
        }
        self.offset += word.len();
        Ok(())
    }

    fn string(&mut self) -> Result<(), Malformed> {
        self.offset += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.offset += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                        Some(b'u') => {
                            let digits = self.bytes.get(self.offset + 1..self.offset + 5);
                            if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                                return self.fail("\\u needs four hexadecimal digits");
                            }
                            self.offset += 4;
                        }
                        _ => return self.fail("this is no JSON escape; a backslash itself is written \\\\"),
                    }
                }
                Some(b'\n' | b'\r') => return self.fail("the text's closing double quote is missing"),
                Some(byte) if byte < b' ' => return self.fail("a control character must be written as an escape"),
                Some(_) => {}
                None => return self.fail(""),
            }
            self.offset += 1;
        }
        self.offset += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        if self.peek() == Some(b'-') {
            self.offset += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        if self.digits()? > 1 && leading_zero {
            return self.fail("a number has no leading zeros");
        }
        if self.peek() == Some(b'.') {
            self.offset += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.offset += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.offset += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, Malformed> {
        let start = self.offset;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.offset += 1;
        }
        if self.offset == start { self.fail("a digit was expected") } else { Ok(self.offset - start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), Malformed> {
        super::check(text, 16)
    }

    #[test]
    fn json_passes() {
        for text in [
            "{}",
            " { } ",
            "[]",
            "[1, -2.5e+3 ,0]",
            r#"{"a":{"b":["\u00e9\n\"",true,false,null]},"c":""}"#,
            "0",
            "\"\"",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_first_wrong_place_is_named() {
        for (text, offset, what) in [
            ("", 0, "ends too early"),
            ("{", 1, "ends too early"),
            (r#"{"a":1"#, 6, "ends too early"),
            (r#"{"a":1,}"#, 7, "comma stands before the closing brace"),
            ("[1,]", 3, "comma stands before the closing bracket"),
            (r#"{"a" 1}"#, 5, "colon"),
            (r#"{a:1}"#, 1, "key in double quotes"),
            (r#"{"a":}"#, 5, "value is missing"),
            (r#"{"a":truth}"#, 5, "neither true"),
            (r#"{"a":01}"#, 7, "leading zeros"),
            (r#"{"a":1.}"#, 7, "digit"),
            (r#"{"a":1 "b":2}"#, 7, "comma or a closing brace"),
            ("{} x", 3, "more text"),
            (r#"{"a":'x'}"#, 5, "double quotes"),
            ("{\"a\":\"x\n\"}", 7, "closing double quote"),
            (r#"{"a":"\q"}"#, 7, "no JSON escape"),
            (r#"{"a":"\u12g4"}"#, 7, "four hexadecimal"),
            ("{ // x\n}", 2, "comments"),
        ] {
            let malformed = check(text).unwrap_err();
            assert_eq!(malformed.offset, offset, "{text}");
            assert!(malformed.what.contains(what), "{text}: {}", malformed.what);
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        let text = "[".repeat(60_000);
        assert!(check(&text).unwrap_err().what.contains("nested"));
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        assert_eq!(line_and_column("{\n  \"é\": x", 9), (2, 7));
        assert_eq!(line_and_column("", 0), (1, 1));
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_serde_json_on_damaged_text(place in 0..TEXT.len(), length in 0_usize..4, new in "[\\PC\n\\x00\"{}\\[\\],:\\\\0-9eE.+tfnu-]{0,3}") {
            let mut text = TEXT.to_owned();
            text.replace_range(place..(place + length).min(TEXT.len()), &new);
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            proptest::prop_assert_eq!(check(&text).is_ok(), expected, "{}", text);
        }
    }

    const TEXT: &str = r#"{ "region": "a\u0041\n", "inline_limit": -10.5e+3, "endpoints": {"s3":[true,false , null,0]}, "x" : {} ,"y":[[]]}"#;
}

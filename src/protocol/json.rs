//! JSON, as far as AWS's replies and our messages need it: reads borrow from the reply, writes go into the
//! caller's buffer, and nothing is allocated.
//!
//! Reading is serde-json-core's work (RFC 8259); it is called without its unescaping buffer, because with
//! one it also unescapes the values of fields that nobody asked for, and fails when those are long.
//! Fields are declared as [`Text`] and unescaped one by one.

use core::fmt::{self, Write as _};
use serde::Deserialize;

/// A JSON text value as it stands in the document, still escaped, borrowed from it.
pub use serde_json_core::str::EscapedStr as Text;

/// Why a document cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonError {
    /// It ends before its last value does.
    Truncated,
    /// A value has another type than the field it stands for.
    WrongType,
    /// More than [`DEEPEST_NESTING`] objects and arrays inside each other.
    TooDeep,
    /// Not JSON, or a field is there twice.
    Malformed,
}

/// Why a text value cannot be unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnescapeError {
    /// An escape sequence that RFC 8259, section 7, does not know, or half a surrogate pair.
    Malformed,
    /// The text is longer than the buffer.
    TooLong,
}

/// Reads `T` from a whole document. Fields that `T` does not declare are skipped, in any order.
///
/// # Errors
/// [`JsonError`] says in which way the document is not what `T` expects.
pub fn read<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, JsonError> {
    if deepest_nesting(document) > DEEPEST_NESTING {
        return Err(JsonError::TooDeep);
    }
    use serde_json_core::de::Error;
    match serde_json_core::from_slice(document) {
        Ok((value, _)) => Ok(value),
        Err(
            Error::EofWhileParsingList
            | Error::EofWhileParsingNumber
            | Error::EofWhileParsingObject
            | Error::EofWhileParsingString
            | Error::EofWhileParsingValue,
        ) => Err(JsonError::Truncated),
        Err(Error::InvalidType) => Err(JsonError::WrongType),
        Err(_) => Err(JsonError::Malformed),
    }
}

/// Unescapes `text` into `buffer` (RFC 8259, section 7) and gives the part of it that was written.
///
/// # Errors
/// [`UnescapeError`].
pub fn unescape<'b>(text: Text<'_>, buffer: &'b mut [u8]) -> Result<&'b str, UnescapeError> {
    let mut length = 0;
    let mut push = |bytes: &[u8]| {
        buffer.get_mut(length..length + bytes.len()).ok_or(UnescapeError::TooLong)?.copy_from_slice(bytes);
        length += bytes.len();
        Ok(())
    };
    let mut rest = text.0;
    while let Some(backslash) = rest.find('\\') {
        push(&rest.as_bytes()[..backslash])?;
        let (character, after) = unescape_character(&rest[backslash + 1..]).ok_or(UnescapeError::Malformed)?;
        push(character.encode_utf8(&mut [0; 4]).as_bytes())?;
        rest = after;
    }
    push(rest.as_bytes())?;
    core::str::from_utf8(&buffer[..length]).map_err(|_| UnescapeError::Malformed)
}

/// How many bytes `text` has when it is unescaped.
///
/// # Errors
/// [`UnescapeError::Malformed`].
pub fn unescaped_length(text: Text<'_>) -> Result<usize, UnescapeError> {
    let mut length = 0;
    let mut rest = text.0;
    while let Some(backslash) = rest.find('\\') {
        let (character, after) = unescape_character(&rest[backslash + 1..]).ok_or(UnescapeError::Malformed)?;
        length += backslash + character.len_utf8();
        rest = after;
    }
    Ok(length + rest.len())
}

/// Writes one JSON object into a buffer. Like `snprintf`, it goes on counting when the buffer is full, so
/// that an empty buffer measures.
pub struct ObjectWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
    first: bool,
}

/// The buffer is too small for the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How many bytes the whole object takes.
    pub needed: usize,
}

impl<'b> ObjectWriter<'b> {
    /// Opens the object.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        let mut writer = Self { buffer, length: 0, first: true };
        writer.push(b"{");
        writer
    }

    /// Adds a text field; name and value are escaped.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.push(b"\"");
        self.escaped(value);
        self.push(b"\"");
        self
    }

    /// Adds a text field unless there is no value.
    pub fn optional_text(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// Adds a whole number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        // Cannot fail: `write_str` below never does.
        let _ = write!(self, "{value}");
        self
    }

    /// Adds `true` or `false`.
    pub fn boolean(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name);
        self.push(if value { b"true" } else { b"false" });
        self
    }

    /// Adds an object inside this one.
    pub fn object(&mut self, name: &str, fields: impl FnOnce(&mut Self)) -> &mut Self {
        self.name(name);
        self.push(b"{");
        self.first = true;
        fields(self);
        self.first = false;
        self.push(b"}");
        self
    }

    /// Closes the object and gives its length in bytes.
    ///
    /// # Errors
    /// [`Full`] when it is longer than the buffer, whose content is then incomplete.
    pub fn finish(mut self) -> Result<usize, Full> {
        self.push(b"}");
        if self.length > self.buffer.len() { Err(Full { needed: self.length }) } else { Ok(self.length) }
    }

    /// Opens a text field whose content the caller puts into [`Self::reserve`]d room.
    pub(super) fn open_text(&mut self, name: &str) {
        self.name(name);
        self.push(b"\"");
    }

    /// Closes what [`Self::open_text`] opened.
    pub(super) fn close_text(&mut self) {
        self.push(b"\"");
    }

    /// Counts `length` bytes as written and gives the room for them; `None` when they do not fit.
    pub(super) fn reserve(&mut self, length: usize) -> Option<&mut [u8]> {
        let start = self.length;
        self.length = self.length.saturating_add(length);
        self.buffer.get_mut(start..self.length)
    }

    fn name(&mut self, name: &str) {
        if !core::mem::take(&mut self.first) {
            self.push(b",");
        }
        self.push(b"\"");
        self.escaped(name);
        self.push(b"\":");
    }

    fn escaped(&mut self, text: &str) {
        let mut plain_start = 0;
        for (index, byte) in text.bytes().enumerate() {
            if !matches!(byte, b'"' | b'\\' | 0..=0x1f) {
                continue;
            }
            self.push(&text.as_bytes()[plain_start..index]);
            plain_start = index + 1;
            match byte {
                b'"' => self.push(b"\\\""),
                b'\\' => self.push(b"\\\\"),
                b'\n' => self.push(b"\\n"),
                b'\r' => self.push(b"\\r"),
                b'\t' => self.push(b"\\t"),
                // Cannot fail: `write_str` below never does.
                _ => drop(write!(self, "\\u{byte:04x}")),
            }
        }
        self.push(&text.as_bytes()[plain_start..]);
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.reserve(bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }
}

impl fmt::Write for ObjectWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The character of the escape sequence whose backslash stands before `sequence`, and what follows it.
fn unescape_character(sequence: &str) -> Option<(char, &str)> {
    let kind = sequence.chars().next()?;
    let after = &sequence[kind.len_utf8()..];
    let simple = match kind {
        '"' | '\\' | '/' => kind,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (first, after) = hexadecimal_unit(after)?;
            if let Some(character) = char::from_u32(first) {
                return Some((character, after));
            }
            let (second, after) = hexadecimal_unit(after.strip_prefix("\\u")?)?;
            let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
            return Some((char::decode_utf16(pair).next()?.ok()?, after));
        }
        _ => return None,
    };
    Some((simple, after))
}

fn hexadecimal_unit(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((u32::from_str_radix(digits, 16).ok()?, &text[4..]))
}

fn deepest_nesting(document: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in document {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The reader recurses into what it skips. AWS's replies are 2 deep; a hostile one must not exhaust the stack.
pub const DEEPEST_NESTING: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Option<Text<'a>>,
    }

    fn name(document: &str) -> Result<Option<&str>, JsonError> {
        read::<Named<'_>>(document.as_bytes()).map(|named| named.name.map(|text| text.0))
    }

    #[test]
    fn unknown_fields_and_order_do_not_matter() {
        assert_eq!(name(r#"{"x":[1,{"y":"}\\"}],"z":null,"name":"a","w":-1.5e3}"#), Ok(Some("a")));
        assert_eq!(name(r#" { "name" : null } "#), Ok(None));
        assert_eq!(name("{}"), Ok(None));
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        assert_eq!(name(r#"{"name":"a""#), Err(JsonError::Truncated));
        assert_eq!(name(r#"{"name":1}"#), Err(JsonError::WrongType));
        assert_eq!(name("[]"), Err(JsonError::WrongType));
        assert_eq!(name("<html>"), Err(JsonError::WrongType));
        assert_eq!(name(r#"{"name":"a","name":"b"}"#), Err(JsonError::Malformed));
        assert_eq!(name(r#"{"name":"a"} x"#), Err(JsonError::Malformed));
        assert_eq!(name(&format!(r#"{{"x":{}"#, "[".repeat(100_000))), Err(JsonError::TooDeep));
    }

    #[test]
    fn a_brace_inside_text_is_not_nesting() {
        assert_eq!(name(&format!(r#"{{"x":"{}\"{{","name":"a"}}"#, "{".repeat(50))), Ok(Some("a")));
    }

    #[test]
    fn every_escape_of_rfc_8259_is_undone() {
        let mut buffer = [0; 64];
        assert_eq!(
            unescape(Text(r#"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u002Fplain"#), &mut buffer),
            Ok("\"\\/\u{8}\u{c}\n\r\té😀/plain")
        );
        for bad in [r"\", r"\x", r"\u12", r"\u+123", r"\ud83d", r"\ud83d\u0041", r"\ude00", r"\u12é"] {
            assert_eq!(unescape(Text(bad), &mut buffer), Err(UnescapeError::Malformed), "{bad}");
            assert_eq!(unescaped_length(Text(bad)), Err(UnescapeError::Malformed), "{bad}");
        }
        for (text, length) in [("", 0), ("é", 2), (r"a\n\ud83d\ude00b", 7)] {
            assert_eq!(unescaped_length(Text(text)), Ok(length));
        }
        assert_eq!(unescape(Text("abc"), &mut [0; 2]), Err(UnescapeError::TooLong));
    }

    #[test]
    fn what_is_written_reads_back() {
        let hostile = "q\" b\\ n\n r\r t\t 0\0 e\u{1b} é😀\u{2028}\u{7f}";
        let mut buffer = [0; 256];
        let mut writer = ObjectWriter::new(&mut buffer);
        writer.text("name", hostile).number("n", u64::MAX).boolean("b", true).object("o", |inner| {
            inner.boolean("c", false);
        });
        writer.optional_text("left out", None).optional_text("last", Some(""));
        let length = writer.finish().unwrap();
        let document = core::str::from_utf8(&buffer[..length]).unwrap();
        assert!(document.ends_with(r#","n":18446744073709551615,"b":true,"o":{"c":false},"last":""}"#), "{document}");
        let mut unescaped = [0; 128];
        let text = read::<Named<'_>>(document.as_bytes()).unwrap().name.unwrap();
        assert_eq!(unescape(text, &mut unescaped), Ok(hostile));
    }

    #[test]
    fn a_full_buffer_says_how_much_is_needed() {
        let write = |buffer: &mut [u8]| {
            let mut writer = ObjectWriter::new(buffer);
            writer.text("a", "b\n");
            writer.finish()
        };
        for length in 0..r#"{"a":"b\n"}"#.len() {
            assert_eq!(write(&mut vec![0; length]), Err(Full { needed: 11 }));
        }
        assert_eq!(write(&mut [0; 11]), Ok(11));
    }
}

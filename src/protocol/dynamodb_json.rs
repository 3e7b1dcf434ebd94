//! DynamoDB's JSON, in which every value names its type: checked, or made from plain JSON.
//!
//! Text goes straight from the item into the caller's buffer, so that numbers keep every digit and text its escapes. What
//! takes memory is the set of an object's names, to find one that is there twice, and the words of an error.
//!
//! Sources: Amazon DynamoDB API Reference, "AttributeValue"; Developer Guide, "Supported data types and naming rules in
//! Amazon DynamoDB", "DynamoDB item sizes and formats" and "Quotas in Amazon DynamoDB".

use super::decimal::Decimal;
use super::json::{Text, unescape, unescaped_length};
use super::json_syntax::Malformed;
use super::json_walk::{Elements, Kind, Members, Value};
use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// How an item is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// DynamoDB's own: `{"temperature": {"N": "21.50"}}`.
    Typed,
    /// As anybody would: `{"temperature": 21.50}`. Text, numbers, booleans, null, arrays and objects become `S`, `N`,
    /// `BOOL`, `NULL`, `L` and `M`; for binary values and sets there is [`Form::Typed`] only.
    Plain,
}

/// An item in DynamoDB's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its bytes of JSON. More than the buffer holds: the buffer's content is incomplete.
    pub length: usize,
    /// Its size in DynamoDB, in bytes, which is less. [`ITEM_SIZE_MAXIMUM`] is not checked here.
    pub size: usize,
}

/// Why an item cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is no JSON.
    Malformed(Malformed),
    /// It is JSON, but this value in it is nothing for DynamoDB.
    Value {
        /// Where it stands: `readings[2].value`, cut where it is longer than 200 bytes; empty for the whole item.
        path: String,
        /// What is wrong with it, to be read behind the path.
        what: &'static str,
    },
}

/// Writes `item`, an object of attributes, to `output` in DynamoDB's JSON without superfluous space. Like `snprintf`, it
/// goes on counting when the buffer is full, so that an empty buffer measures.
///
/// # Errors
/// [`Refused`]: malformed JSON, a name that is there twice, a number that DynamoDB would not keep as it is, nesting
/// beyond 32 levels; in [`Form::Typed`], a value without its type.
pub fn write_item(item: &str, form: Form, output: &mut [u8]) -> Result<Written, Refused> {
    let item = Value::of(item, DEPTH_MAXIMUM).map_err(Refused::Malformed)?;
    let mut writer = Writer { form, output, length: 0 };
    let path = Path { parent: None, step: Step::Item };
    let Kind::Object(members) = item.kind() else {
        return Err(path.refused("is no object { … } of attributes"));
    };
    let size = writer.members(members, &path, 0)?;
    Ok(Written { length: writer.length, size })
}

struct Writer<'b> {
    form: Form,
    output: &'b mut [u8],
    length: usize,
}

/// Each method writes something and gives its size in DynamoDB.
impl Writer<'_> {
    fn members(&mut self, members: Members<'_>, path: &Path<'_>, level: usize) -> Result<usize, Refused> {
        let mut size = 0;
        let mut names = BTreeSet::new();
        self.push("{");
        for (name, value) in members {
            let path = Path { parent: Some(path), step: Step::Name(name.0) };
            let unescaped = unescaped(name).ok_or_else(|| path.refused(HALF_A_PAIR))?;
            size += unescaped.len();
            if level > 0 {
                size += ELEMENT_OVERHEAD;
            }
            if !names.insert(unescaped) {
                return Err(path.refused("is there twice"));
            }
            self.push(if names.len() > 1 { ",\"" } else { "\"" });
            self.push(name.0);
            self.push("\":");
            size += self.value(value, &path, level)?;
        }
        self.push("}");
        Ok(size)
    }

    fn elements(&mut self, elements: Elements<'_>, path: &Path<'_>, level: usize) -> Result<usize, Refused> {
        let mut size = 0;
        self.push("[");
        for (index, value) in elements.enumerate() {
            self.push(if index > 0 { "," } else { "" });
            let path = Path { parent: Some(path), step: Step::Index(index) };
            size += ELEMENT_OVERHEAD + self.value(value, &path, level)?;
        }
        self.push("]");
        Ok(size)
    }

    fn value(&mut self, value: Value<'_>, path: &Path<'_>, level: usize) -> Result<usize, Refused> {
        match self.form {
            Form::Plain => self.plain(value, path, level),
            Form::Typed => self.typed(value, path, level),
        }
    }

    fn plain(&mut self, value: Value<'_>, path: &Path<'_>, level: usize) -> Result<usize, Refused> {
        match value.kind() {
            Kind::Text(text) => {
                self.scalar("S", value.text(), "");
                text_size(text, path)
            }
            Kind::Number(number) => {
                self.scalar("N", number, "\"");
                number_size(number, path)
            }
            Kind::Bool(_) => Ok(self.scalar("BOOL", value.text(), "")),
            Kind::Null => Ok(self.scalar("NULL", "true", "")),
            Kind::Array(elements) => {
                self.container("L", path, level, |writer, level| writer.elements(elements, path, level))
            }
            Kind::Object(members) => {
                self.container("M", path, level, |writer, level| writer.members(members, path, level))
            }
        }
    }

    fn typed(&mut self, value: Value<'_>, path: &Path<'_>, level: usize) -> Result<usize, Refused> {
        let Kind::Object(mut members) = value.kind() else { return Err(path.refused(WITHOUT_TYPE)) };
        let (Some((name, inside)), None) = (members.next(), members.next()) else {
            return Err(path.refused(WITHOUT_TYPE));
        };
        match (name.0, inside.kind()) {
            ("S", Kind::Text(text)) => {
                self.scalar("S", inside.text(), "");
                text_size(text, path)
            }
            ("N", Kind::Text(number)) => {
                self.scalar("N", inside.text(), "");
                number_text_size(number, path)
            }
            ("B", Kind::Text(text)) => {
                self.scalar("B", inside.text(), "");
                binary_size(text, path)
            }
            ("BOOL", Kind::Bool(_)) | ("NULL", Kind::Bool(true)) => Ok(self.scalar(name.0, inside.text(), "")),
            ("SS", Kind::Array(elements)) => self.set("SS", elements, path, text_size),
            ("NS", Kind::Array(elements)) => self.set("NS", elements, path, number_text_size),
            ("BS", Kind::Array(elements)) => self.set("BS", elements, path, binary_size),
            ("L", Kind::Array(elements)) => {
                self.container("L", path, level, |writer, level| writer.elements(elements, path, level))
            }
            ("M", Kind::Object(members)) => {
                self.container("M", path, level, |writer, level| writer.members(members, path, level))
            }
            ("S" | "N" | "B", _) => Err(path.refused("has a type whose value must be text in double quotes")),
            ("BOOL", _) => Err(path.refused("has the type BOOL, but neither true nor false")),
            ("NULL", _) => Err(path.refused("has the type NULL, whose value is always true")),
            ("SS" | "NS" | "BS" | "L", _) => Err(path.refused("has a type whose value must be an array [ … ]")),
            ("M", _) => Err(path.refused("has the type M, whose value must be an object { … }")),
            _ => Err(path.refused(WITHOUT_TYPE)),
        }
    }

    /// `{"TYPE":VALUE}`, with `quote` around a value that has none of its own. 1 is the size of `BOOL` and `NULL`.
    fn scalar(&mut self, kind: &str, value: &str, quote: &str) -> usize {
        for part in ["{\"", kind, "\":", quote, value, quote, "}"] {
            self.push(part);
        }
        1
    }

    fn set(
        &mut self,
        kind: &str,
        elements: Elements<'_>,
        path: &Path<'_>,
        size_of: impl Fn(Text<'_>, &Path<'_>) -> Result<usize, Refused>,
    ) -> Result<usize, Refused> {
        let mut size = 0;
        for part in ["{\"", kind, "\":["] {
            self.push(part);
        }
        let mut count = 0;
        for (index, value) in elements.enumerate() {
            let path = Path { parent: Some(path), step: Step::Index(index) };
            let Kind::Text(text) = value.kind() else {
                return Err(path.refused("is in a set, whose values must be text in double quotes"));
            };
            self.push(if index > 0 { "," } else { "" });
            self.push(value.text());
            size += size_of(text, &path)?;
            count += 1;
        }
        self.push("]}");
        if count == 0 { Err(path.refused("is an empty set, which DynamoDB does not have")) } else { Ok(size) }
    }

    fn container(
        &mut self,
        kind: &str,
        path: &Path<'_>,
        level: usize,
        inside: impl FnOnce(&mut Self, usize) -> Result<usize, Refused>,
    ) -> Result<usize, Refused> {
        if level == LEVELS_MAXIMUM {
            return Err(path.refused("is nested deeper than DynamoDB's 32 levels"));
        }
        for part in ["{\"", kind, "\":"] {
            self.push(part);
        }
        let size = inside(self, level + 1)?;
        self.push("}");
        Ok(CONTAINER_OVERHEAD + size)
    }

    fn push(&mut self, text: &str) {
        let start = self.length;
        self.length += text.len();
        if let Some(room) = self.output.get_mut(start..self.length) {
            room.copy_from_slice(text.as_bytes());
        }
    }
}

fn text_size(text: Text<'_>, path: &Path<'_>) -> Result<usize, Refused> {
    unescaped_length(text).map_err(|_| path.refused(HALF_A_PAIR))
}

/// One byte for two digits, and one more.
fn number_size(text: &str, path: &Path<'_>) -> Result<usize, Refused> {
    let number = Decimal::parse(text).ok_or_else(|| path.refused("has the type N, but is no decimal number"))?;
    let digits = number.significant_digits();
    let magnitude = number.magnitude().unwrap_or(0);
    if digits > DIGITS_MAXIMUM {
        return Err(path.refused("has more than the 38 significant digits that DynamoDB keeps of a number"));
    }
    if magnitude > MAGNITUDE_MAXIMUM {
        return Err(path.refused("is beyond DynamoDB's largest number, 9.9…E+125"));
    }
    if magnitude < MAGNITUDE_MINIMUM {
        return Err(path.refused("is closer to zero than DynamoDB's smallest number, 1E-130"));
    }
    Ok(digits.div_ceil(2) + 1)
}

/// The same for a number in double quotes, which JSON may write with escapes.
fn number_text_size(text: Text<'_>, path: &Path<'_>) -> Result<usize, Refused> {
    number_size(&unescaped(text).ok_or_else(|| path.refused(HALF_A_PAIR))?, path)
}

/// The bytes behind base64 (RFC 4648, section 4), which JSON may write with escapes.
fn binary_size(text: Text<'_>, path: &Path<'_>) -> Result<usize, Refused> {
    let text = unescaped(text).ok_or_else(|| path.refused(HALF_A_PAIR))?;
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    if padding > 2 || !text.len().is_multiple_of(4) || !digits.bytes().all(is_digit) {
        return Err(path.refused("is binary, but no base64"));
    }
    Ok(text.len() / 4 * 3 - padding)
}

fn unescaped<'a>(name: Text<'a>) -> Option<Cow<'a, str>> {
    if !name.0.contains('\\') {
        return Some(Cow::Borrowed(name.0));
    }
    let mut buffer = vec![0; name.0.len()];
    unescape(name, &mut buffer).ok().map(|name| Cow::Owned(name.to_owned()))
}

/// The way to a value, from the inside out.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Item,
    Name(&'a str),
    Index(usize),
}

impl Path<'_> {
    fn refused(&self, what: &'static str) -> Refused {
        let mut path = self.to_string();
        path.truncate(path.floor_char_boundary(PATH_MAXIMUM));
        Refused::Value { path, what }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(formatter)?;
        }
        match self.step {
            Step::Item => Ok(()),
            Step::Name(name) if self.parent.is_some_and(|parent| matches!(parent.step, Step::Item)) => {
                formatter.write_str(name)
            }
            Step::Name(name) => write!(formatter, ".{name}"),
            Step::Index(index) => write!(formatter, "[{index}]"),
        }
    }
}

const WITHOUT_TYPE: &str = "does not name its type, as in {\"S\": \"text\"} or {\"N\": \"21.5\"}";
const HALF_A_PAIR: &str = "has half a surrogate pair, which is no character";
/// Enough for most, and not more than a screen.
const PATH_MAXIMUM: usize = 200;
/// "Quotas in Amazon DynamoDB", item size: 400 KB, names included.
pub const ITEM_SIZE_MAXIMUM: usize = 400 * 1024;
/// "Nested attribute depth".
const LEVELS_MAXIMUM: usize = 32;
/// An attribute's levels, each of which is two objects in DynamoDB's JSON; the item; a value with its type.
const DEPTH_MAXIMUM: usize = 2 * LEVELS_MAXIMUM + 4;
/// "DynamoDB item sizes and formats": of a list or map.
const CONTAINER_OVERHEAD: usize = 3;
/// Of each element in it.
const ELEMENT_OVERHEAD: usize = 1;
/// "Number": up to 38 digits of precision.
const DIGITS_MAXIMUM: usize = 38;
const MAGNITUDE_MAXIMUM: i64 = 125;
const MAGNITUDE_MINIMUM: i64 = -130;

#[cfg(test)]
#[path = "dynamodb_json/tests.rs"]
mod tests;

//! A JSON document taken apart where it stands: nothing is copied, and numbers keep their text.
//!
//! For documents whose shape is not known beforehand, and for values that are handed on as they are. [`super::json`]
//! reads replies of known shape.

use super::json::Text;
use super::json_syntax::{self, Malformed};

/// A value in a document that is JSON throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a str);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Text, still escaped.
    Text(Text<'a>),
    /// A number as it is written.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// Values in their order.
    Array(Elements<'a>),
    /// Names and values in their order; a name may be there twice.
    Object(Members<'a>),
}

/// The values of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elements<'a>(&'a str);

/// The names and values of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members<'a>(&'a str);

impl<'a> Value<'a> {
    /// The value that a whole document is, with at most `depth` objects and arrays inside each other.
    ///
    /// # Errors
    /// [`Malformed`]: the first place where the text is not JSON.
    pub fn of(document: &'a str, depth: usize) -> Result<Self, Malformed> {
        json_syntax::check(document, depth)?;
        Ok(Self(document.trim_matches(WHITESPACE)))
    }

    /// The value as it is written.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// What the value is.
    pub fn kind(self) -> Kind<'a> {
        let inside = || self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object(Members(inside())),
            Some(b'[') => Kind::Array(Elements(inside())),
            Some(b'"') => Kind::Text(Text(inside())),
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number(self.0),
        }
    }

    /// The value of this name in an object, where `name` has nothing to be escaped.
    pub fn member(self, name: &str) -> Option<Self> {
        let Kind::Object(mut members) = self.kind() else { return None };
        members.find(|(other, _)| other.0 == name).map(|(_, value)| value)
    }

    /// The text of this name in an object, still escaped.
    pub fn text_member(self, name: &str) -> Option<Text<'a>> {
        match self.member(name)?.kind() {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        take_value(&mut self.0)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = take_value(&mut self.0)?;
        let Kind::Text(name) = name.kind() else { return None };
        Some((name, take_value(&mut self.0)?))
    }
}

/// Takes the next value off `rest`, with what separates it from the one before.
fn take_value<'a>(rest: &mut &'a str) -> Option<Value<'a>> {
    let start = rest.trim_start_matches([' ', '\t', '\n', '\r', ',', ':']);
    let (value, behind) = start.split_at_checked(length_of_first(start.as_bytes()))?;
    *rest = behind;
    (!value.is_empty()).then_some(Value(value))
}

/// The length of the value that `text` begins with.
fn length_of_first(text: &[u8]) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' if in_text => {
                in_text = false;
                if depth == 0 {
                    return index + 1;
                }
            }
            _ if in_text => {}
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return index,
            _ => {}
        }
    }
    text.len()
}

/// RFC 8259, section 2.
const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(value: Value<'_>, out: &mut String) {
        match value.kind() {
            Kind::Text(text) => out.push_str(&format!("\"{}\"", text.0)),
            Kind::Number(text) => out.push_str(text),
            Kind::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Kind::Null => out.push_str("null"),
            Kind::Array(elements) => {
                out.push('[');
                for (index, element) in elements.enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    walk(element, out);
                }
                out.push(']');
            }
            Kind::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(&format!("\"{}\":", name.0));
                    walk(value, out);
                }
                out.push('}');
            }
        }
    }

    fn walked(document: &str) -> String {
        let mut out = String::new();
        walk(Value::of(document, 16).unwrap(), &mut out);
        out
    }

    #[test]
    fn everything_is_found_as_it_is_written() {
        for (document, expected) in [
            (" 1 ", "1"),
            ("{ }", "{}"),
            ("[ [ ] , {} ]", "[[],{}]"),
            (
                "\n{ \"a\" : [1.10,\t-2e+3 , \"}]\\\"\" ], \"\" :{\"b\":null},\"c\":true , \"d\":false}\r\n",
                r#"{"a":[1.10,-2e+3,"}]\""],"":{"b":null},"c":true,"d":false}"#,
            ),
        ] {
            assert_eq!(walked(document), expected);
        }
    }

    #[test]
    fn members_are_found_by_name() {
        let document = Value::of(r#"{"a":{"b":"x\n"},"c":1}"#, 16).unwrap();
        assert_eq!(document.member("a").unwrap().text_member("b"), Some(Text("x\\n")));
        assert_eq!(document.member("c").unwrap().text(), "1");
        assert_eq!(document.text_member("c"), None);
        assert_eq!(document.member("b"), None);
    }

    #[test]
    fn what_is_not_json_is_not_walked() {
        assert_eq!(Value::of("{\"a\":1,}", 16).unwrap_err().offset, 7);
        assert!(Value::of("[[[]]]", 2).unwrap_err().what.contains("nested"));
        assert!(Value::of("[[[]]]", 3).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_serde_json(document in json()) {
            let text = serde_json::to_string_pretty(&document).unwrap();
            proptest::prop_assert_eq!(walked(&text), document.to_string());
        }
    }

    fn json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[\\PC\"\\\\\n\\[\\]{},: ]{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::btree_map("[a-c\"\\\\]{0,2}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
}

//! The JSON document of settings: keys and values with their lines, every mistake noted.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

use super::origin::{Origin, Problem};
use super::suggest::nearest;
use crate::options::{self, Kind, OPTIONS, Opt};
use crate::protocol::json_syntax::{self, line_and_column};

/// One setting found in a document. Numbers are in plain decimal, booleans are `true` or `false`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which setting.
    pub(super) option: &'static Opt,
    /// Its value as text.
    pub(super) value: String,
    /// Where it stands.
    pub(super) origin: Origin,
}

/// Reads a document; `document` is what messages call it. A value that is `null` counts as not there, as
/// Terraform writes an unset variable. A number or boolean may also be given as text, and a whole number with
/// a fraction of zero or an exponent, because Greengrass keeps every number of a component's configuration as
/// a double and recipes often quote values.
pub(super) fn read(text: &str, document: &str, problems: &mut Vec<Problem>) -> Vec<Entry> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Err(malformed) = json_syntax::check(text, DEPTH_MAXIMUM) {
        let (line, column) = line_and_column(text, malformed.offset);
        let what = malformed.what;
        problems.push(Problem::new(
            "malformed_json",
            format!("{document}, line {line}, column {column}: malformed JSON: {what}"),
        ));
        return Vec::new();
    }
    if !text.trim_ascii_start().starts_with('{') {
        let found = name_of_type(text.trim_ascii_start());
        problems.push(Problem::new(
            "wrong_type",
            format!("{document}: expected an object {{ … }} with the settings in it, found {found}"),
        ));
        return Vec::new();
    }
    let mut reader = Reader { text, document, problems, entries: Vec::new(), seen: Vec::new() };
    let mut deserializer = serde_json_core::de::Deserializer::new(text.as_bytes(), None);
    let result = Object { reader: &mut reader, prefix: "" }.deserialize(&mut deserializer);
    let entries = reader.entries;
    if result.is_err() {
        problems.push(Problem::new("malformed_json", format!("{document}: malformed JSON")));
    }
    entries
}

struct Reader<'a, 'p> {
    text: &'a str,
    document: &'a str,
    problems: &'p mut Vec<Problem>,
    entries: Vec<Entry>,
    seen: Vec<String>,
}

/// The document's own object, or one that is the value of a key in it.
struct Object<'r, 'a, 'p> {
    reader: &'r mut Reader<'a, 'p>,
    /// Empty, or the outer key with a dot behind it.
    prefix: &'static str,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(raw_key) = map.next_key::<&'de str>()? {
            let reader = &mut *self.reader;
            let key = format!("{}{}", self.prefix, unescape(raw_key).unwrap_or_else(|| raw_key.to_owned()));
            let (value, origin) = reader.place(raw_key, &key);
            let option = options::by_key(&key);
            // One setting may have two keys, see `by_key`.
            let name = option.map_or(key.as_str(), |option| option.key).to_owned();
            if reader.seen.contains(&name) {
                reader.problems.push(Problem::new(
                    "duplicate_key",
                    format!("{origin}: this setting is there already, further up"),
                ));
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            reader.seen.push(name);
            if let Some(option) = option {
                let value = if value.starts_with('"') {
                    let raw = map.next_value::<&'de str>()?;
                    unescape(raw).ok_or("text with half a surrogate pair").and_then(|text| from_text(option.kind, text))
                } else {
                    map.next_value::<IgnoredAny>()?;
                    from_scalar(option.kind, value)
                };
                match value {
                    Ok(Some(value)) => reader.entries.push(Entry { option, value, origin }),
                    Ok(None) => {}
                    Err(found) => reader.wrong_type(&origin, &expected(option.kind), found),
                }
            } else if let Some(prefix) = object_prefix(&key) {
                if value.starts_with('{') {
                    map.next_value_seed(Object { reader, prefix })?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                    if !value.starts_with("null") {
                        reader.wrong_type(&origin, "an object { … }", name_of_type(value));
                    }
                }
            } else {
                reader.problems.push(unknown_key(&key, &origin));
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'a> Reader<'a, '_> {
    /// The text from the value's first byte on, and the origin, of a key as it stands in the text.
    fn place(&self, raw_key: &str, key: &str) -> (&'a str, Origin) {
        // The key is borrowed from the text, so that the difference of the addresses is its offset.
        let offset = (raw_key.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let behind = self.text.get(offset + raw_key.len() + 1..).unwrap_or_default();
        let value = behind.trim_ascii_start().strip_prefix(':').unwrap_or_default().trim_ascii_start();
        let (line, _) = line_and_column(self.text, offset);
        (value, Origin::Json { document: self.document.to_owned(), key: key.to_owned(), line })
    }

    fn wrong_type(&mut self, origin: &Origin, expected: &str, found: &str) {
        self.problems.push(Problem::new("wrong_type", format!("{origin}: expected {expected}, found {found}")));
    }
}

/// `endpoints.` for `endpoints`, where such keys exist.
fn object_prefix(key: &str) -> Option<&'static str> {
    OPTIONS.iter().find_map(|option| {
        let (outer, inner) = option.key.split_once('.')?;
        (outer == key).then(|| &option.key[..option.key.len() - inner.len()])
    })
}

fn unknown_key(key: &str, origin: &Origin) -> Problem {
    let problem = Problem::new("unknown_key", format!("{origin}: there is no such setting"));
    let name = key.replace('-', "_");
    if NAMES_OF_SECRETS.contains(&name.as_str()) {
        return problem.remedy("remove it: homing takes no secret from a configuration; long-term credentials come from the environment only");
    }
    let keys = OPTIONS.iter().filter(|option| option.is_configuration()).map(|option| option.key);
    match nearest(key, keys.chain(["endpoints", "queue"])) {
        Some(meant) => problem.remedy(format!("did you mean \"{meant}\"?")),
        None => problem.remedy("remove it, or see \"homing help send\" for the settings there are"),
    }
}

fn from_text(kind: Kind, text: String) -> Result<Option<String>, &'static str> {
    match kind {
        Kind::Integer { .. } => integer(text.trim()).map(Some).ok_or("text that is no whole number"),
        Kind::Bool => match text.trim() {
            "true" | "false" => Ok(Some(text.trim().to_owned())),
            _ => Err("other text"),
        },
        _ => Ok(Some(text)),
    }
}

fn from_scalar(kind: Kind, value: &str) -> Result<Option<String>, &'static str> {
    if value.starts_with("null") {
        return Ok(None);
    }
    let end = value.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(value.len());
    let scalar = &value[..end];
    let found = name_of_type(value);
    match kind {
        Kind::Integer { .. } if found == A_NUMBER => {
            integer(scalar).map(Some).ok_or("a number that is not whole, or is negative or too large")
        }
        Kind::Bool if matches!(scalar, "true" | "false") => Ok(Some(scalar.to_owned())),
        _ => Err(found),
    }
}

fn expected(kind: Kind) -> String {
    match kind {
        Kind::Integer { unit: "", .. } => "a whole number".to_owned(),
        Kind::Integer { unit, .. } => format!("a whole number of {unit}"),
        Kind::Bool => "true or false".to_owned(),
        Kind::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
        Kind::Text(_) | Kind::Path | Kind::Endpoint | Kind::Count => "text in double quotes".to_owned(),
    }
}

fn name_of_type(value: &str) -> &'static str {
    match value.bytes().next() {
        Some(b'"') => "text",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't') => "true",
        Some(b'f') => "false",
        Some(b'n') => "null",
        _ => A_NUMBER,
    }
}

/// A whole number that is not negative, as plain decimal digits: `51200`, `51200.0`, `5.12E4`.
/// In integers, because a parser of floating-point numbers costs more code than all of this file.
fn integer(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut digits = format!("{whole}{fraction}");
    let zeros = usize::try_from(exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?);
    match zeros {
        Ok(zeros) if zeros <= DECIMAL_DIGITS_MAXIMUM => digits.extend(std::iter::repeat_n('0', zeros)),
        _ if digits.bytes().all(|digit| digit == b'0') => {}
        _ => return None,
    }
    digits.parse::<u64>().ok().map(|number| number.to_string())
}

/// Text between double quotes as it is meant; `None` for half a surrogate pair. serde-json-core's own way
/// refuses whole pairs, too, which Python's `json.dumps` writes for every character beyond U+FFFF.
fn unescape(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let unit = |escape: &str| u32::from_str_radix(escape.get(1..5)?, 16).ok();
        let (character, length) = match escape.bytes().next()? {
            b'n' => ('\n', 1),
            b't' => ('\t', 1),
            b'r' => ('\r', 1),
            b'b' => ('\u{8}', 1),
            b'f' => ('\u{c}', 1),
            b'u' => match unit(escape)? {
                high @ 0xD800..0xDC00 => {
                    let low = unit(escape[5..].strip_prefix('\\').filter(|next| next.starts_with('u'))?)?;
                    let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                    (char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low)?, 11)
                }
                other => (char::from_u32(other)?, 5),
            },
            byte => (char::from(byte), 1),
        };
        text.push(character);
        rest = escape.get(length..)?;
    }
    text.push_str(rest);
    Some(text)
}

const A_NUMBER: &str = "a number";
/// 2^64 has twenty.
const DECIMAL_DIGITS_MAXIMUM: usize = 20;
/// Keys that somebody may try, so that the answer says why not.
const NAMES_OF_SECRETS: &[&str] = &[
    "access_key_id",
    "secret_access_key",
    "session_token",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "password",
    "token",
];

/// A configuration has two levels; some more, so that deeper text is called by its real mistake.
const DEPTH_MAXIMUM: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Id;

    fn read_text(text: &str) -> (Vec<(Id, String)>, Vec<Problem>) {
        let mut problems = Vec::new();
        let entries = read(text, "FILE", &mut problems);
        (entries.into_iter().map(|entry| (entry.option.id, entry.value)).collect(), problems)
    }

    fn one_problem(text: &str) -> Problem {
        let (_, mut problems) = read_text(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn reads_every_kind_and_nested_objects() {
        let (entries, problems) = read_text(
            r#"{"region": "eu-west-1", "inline_limit": 1000 , "path_style":true,"endpoints":{"s3":"https://x"},"queue":{"max_age":60},"bucket":null}"#,
        );
        assert_eq!(problems, []);
        let expected = [
            (Id::Region, "eu-west-1"),
            (Id::InlineLimit, "1000"),
            (Id::PathStyle, "true"),
            (Id::EndpointUrl, "https://x"),
            (Id::QueueMaxAge, "60"),
        ];
        assert_eq!(entries, expected.map(|(id, value)| (id, value.to_owned())));
    }

    #[test]
    fn takes_numbers_and_booleans_as_greengrass_hands_them_over() {
        let (entries, problems) = read_text(
            r#"{"inline_limit":"51200","chunk_size":65536.0,"path_style":"true","strict":"false","queue":{"max_bytes":1.073741824E9}}"#,
        );
        assert_eq!(problems, []);
        let values: Vec<&str> = entries.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["51200", "65536", "true", "false", "1073741824"]);
    }

    #[test]
    fn whole_numbers_are_recognised_in_every_spelling() {
        for (text, number) in [
            ("0", Some("0")),
            ("0.0", Some("0")),
            ("0e99", Some("0")),
            ("51200.0", Some("51200")),
            ("5.12E4", Some("51200")),
            ("5120e+1", Some("51200")),
            ("1.5", None),
            ("-1", None),
            ("1e99", None),
            ("1e-1", None),
            ("", None),
            ("+5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(integer(text).as_deref(), number, "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_in_keys_and_values() {
        let (entries, problems) = read_text(r#"{"reg\u0069on":"a\"\\\/\n\u00e9\ud83d\ude00"}"#);
        assert_eq!(problems, []);
        assert_eq!(entries, [(Id::Region, "a\"\\/\né😀".to_owned())]);
        assert!(one_problem(r#"{"region":"\ud83d"}"#).message.contains("surrogate"));
    }

    #[test]
    fn a_malformed_document_says_line_and_column() {
        let problem = one_problem("{\n  \"region\": \"x\",\n}");
        assert_eq!(problem.code, "malformed_json");
        assert_eq!(problem.message, "FILE, line 3, column 1: malformed JSON: a comma stands before the closing brace");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let problem = one_problem("{\n\"role-alias\": \"x\"}");
        assert_eq!(problem.message, "FILE, line 2, key \"role-alias\": there is no such setting");
        assert_eq!(problem.remedy, "did you mean \"role_alias\"?");
        assert_eq!(one_problem(r#"{"endpoints":{"s33":"x"}}"#).remedy, "did you mean \"endpoints.s3\"?");
        assert!(one_problem(r#"{"aws_secret_access_key":"hush"}"#).remedy.contains("no secret"));
    }

    #[test]
    fn values_of_unknown_keys_are_skipped_whatever_they_are() {
        for value in [r#"{"a":[1,{"b":"}"}],"c":null}"#, "[]", "[[1],[2]]", "{}", "-1.5e3", "true", r#""\"""#] {
            let (entries, problems) = read_text(&format!(r#"{{"other":{value} , "region":"x"}}"#));
            assert_eq!((entries.len(), problems.len()), (1, 1), "{value}");
        }
    }

    #[test]
    fn a_wrong_type_says_what_was_expected_and_what_was_there() {
        assert_eq!(
            one_problem(r#"{"inline_limit":[1]}"#).message,
            "FILE, line 1, key \"inline_limit\": expected a whole number of bytes, found an array"
        );
        assert!(one_problem(r#"{"region":5}"#).message.ends_with("expected text in double quotes, found a number"));
        assert!(one_problem(r#"{"region":{"a":"b"}}"#).message.ends_with("found an object"));
        assert!(one_problem(r#"{"path_style":1}"#).message.ends_with("expected true or false, found a number"));
        assert!(one_problem(r#"{"path_style":"yes"}"#).message.ends_with("found other text"));
        assert!(one_problem(r#"{"endpoints":"https://x"}"#).message.ends_with("expected an object { … }, found text"));
        assert!(one_problem("[]").message.ends_with("found an array"));
        assert!(one_problem("\"x\"").message.ends_with("found text"));
    }

    #[test]
    fn a_duplicate_key_is_refused_and_all_mistakes_are_listed() {
        let (_, problems) = read_text(r#"{"region":"x","region":"y","endpoints":{},"endpoints":{"s3":1},"qos":true}"#);
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["duplicate_key", "duplicate_key", "wrong_type"]);
        assert_eq!(one_problem(r#"{"endpoint_url":"a","endpoints":{"s3":"b"}}"#).code, "duplicate_key");
        assert_eq!(read_text(r#"{"endpoint_url":"a"}"#).0, [(Id::EndpointUrl, "a".to_owned())]);
    }

    proptest::proptest! {
        #[test]
        fn what_passes_is_read_and_nothing_panics(place in 0..TEXT.len(), length in 0_usize..4, new in "[\"{}\\[\\],:\\\\ 0-9eE.a-u-]{0,3}") {
            let mut text = TEXT.to_owned();
            text.replace_range(place..(place + length).min(TEXT.len()), &new);
            let mut problems = Vec::new();
            read(&text, "FILE", &mut problems);
            let is_malformed = problems.iter().any(|problem| problem.code == "malformed_json");
            proptest::prop_assert_eq!(is_malformed, json_syntax::check(&text, DEPTH_MAXIMUM).is_err(), "{}", text);
        }
    }

    const TEXT: &str = r#"{ "region": "a\u0041\n", "inline_limit": -10.5e+3, "endpoints": {"s3":[true,false , null,0]}, "x" : {} ,"y":[[]]}"#;
}

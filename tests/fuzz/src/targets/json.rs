//! JSON: the checker takes what serde_json takes, the walker finds in it what serde_json finds, an unescaped text is
//! serde_json's, and what the writer writes serde_json reads back.

use homing::protocol::json::{self, DEEPEST_NESTING, ObjectWriter, Text, UnescapeError, unescape, unescaped_length};
use homing::protocol::json_syntax::{check, line_and_column};
use homing::protocol::json_walk::{Kind, Value};
use serde_json::Value as Theirs;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let theirs = serde_json::from_str::<Theirs>(text);
    match check(text, DEEPEST_NESTING) {
        Ok(()) => {
            let value = Value::of(text, DEEPEST_NESTING).expect("was checked");
            match theirs {
                Ok(theirs) => assert!(has_twice(value) || same(value, &theirs), "{text:?}"),
                // The checker looks at the form of escapes only; who unescapes finds half a pair.
                Err(error) => assert!(has_half_a_pair(value), "{text:?}: {error}"),
            }
        }
        Err(wrong) => {
            assert!(wrong.offset <= text.len());
            let (line, column) = line_and_column(text, wrong.offset);
            assert!(line >= 1 && column >= 1 && line + column <= text.len() + 2);
            assert!(wrong.what.contains("nested") || theirs.is_err(), "{text:?}: {wrong:?}");
        }
    }
    let _ = json::read::<Names<'_>>(data);
    unescape_as_it_is(text);
    write_and_read(text);
}

fn same(ours: Value<'_>, theirs: &Theirs) -> bool {
    match (ours.kind(), theirs) {
        (Kind::Null, Theirs::Null) => true,
        (Kind::Bool(ours), Theirs::Bool(theirs)) => ours == *theirs,
        (Kind::Number(ours), Theirs::Number(theirs)) => {
            // Theirs has every digit too, but writes the exponent in its own way.
            ours.to_lowercase().replace("e+", "e") == theirs.to_string().to_lowercase().replace("e+", "e")
        }
        (Kind::Text(ours), Theirs::String(theirs)) => unescaped(ours).as_ref() == Some(theirs),
        (Kind::Array(ours), Theirs::Array(theirs)) => {
            ours.count() == theirs.len() && ours.zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Kind::Object(mut ours), Theirs::Object(theirs)) => {
            ours.clone().count() == theirs.len()
                && ours.all(|(name, value)| {
                    unescaped(name).and_then(|name| theirs.get(&name)).is_some_and(|theirs| same(value, theirs))
                })
        }
        _ => false,
    }
}

/// Of names that are there twice serde_json keeps the last.
fn has_twice(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Array(mut elements) => elements.any(has_twice),
        Kind::Object(members) => {
            let names: Vec<_> = members.map(|(name, _)| unescaped(name)).collect();
            let mut unique = names.clone();
            unique.sort();
            unique.dedup();
            unique.len() < names.len() || members.into_iter().any(|(_, value)| has_twice(value))
        }
        _ => false,
    }
}

fn has_half_a_pair(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Text(text) => unescaped(text).is_none(),
        Kind::Array(mut elements) => elements.any(has_half_a_pair),
        Kind::Object(mut members) => members.any(|(name, value)| unescaped(name).is_none() || has_half_a_pair(value)),
        _ => false,
    }
}

fn unescaped(text: Text<'_>) -> Option<String> {
    let mut buffer = vec![0; text.0.len()];
    unescape(text, &mut buffer).ok().map(str::to_owned)
}

fn unescape_as_it_is(text: &str) {
    let mut buffer = vec![0; text.len()];
    let ours = unescape(Text(text), &mut buffer).map(str::to_owned);
    match &ours {
        Ok(ours) => {
            assert_eq!(unescaped_length(Text(text)), Ok(ours.len()));
            if ours.len() > 1 {
                assert_eq!(unescape(Text(text), &mut vec![0; ours.len() - 1]), Err(UnescapeError::TooLong));
            }
        }
        Err(error) => {
            assert_eq!(*error, UnescapeError::Malformed, "unescaped text is never longer");
            assert_eq!(unescaped_length(Text(text)), Err(UnescapeError::Malformed));
        }
    }
    // serde_json knows only whole texts, without control characters or quotes of their own.
    if let Ok(theirs) = serde_json::from_str::<String>(&format!("\"{text}\"")) {
        assert_eq!(ours, Ok(theirs));
    }
}

fn write_and_read(text: &str) {
    let write = |buffer: &mut [u8]| {
        let mut writer = ObjectWriter::new(buffer);
        writer.text(text, text).number("n", text.len() as u64);
        writer.object("o", |inner| {
            inner.boolean("b", true);
        });
        writer.finish()
    };
    let needed = write(&mut []).expect_err("nothing fits into nothing").needed;
    assert!(needed <= 2 * 6 * text.len() + 64);
    let mut buffer = vec![0; needed];
    assert_eq!(write(&mut buffer), Ok(needed));
    let theirs: Theirs = serde_json::from_slice(&buffer).expect("what was written is JSON");
    if !matches!(text, "n" | "o") {
        assert_eq!(theirs[text], text);
    }
}

#[derive(serde::Deserialize)]
struct Names<'a> {
    #[serde(borrow, rename = "name")]
    _name: Option<Text<'a>>,
    #[serde(rename = "size")]
    _size: Option<u64>,
}

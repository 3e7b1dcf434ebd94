//! One key's value of a secret: it is a value of that secret, and errors name keys but never a value. The first line is
//! the key, the rest the secret.

use crate::reply::assert_without;
use homing::job::secret_field::{find, keys};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (key, secret) = text.split_once('\n').unwrap_or(("a", text));
    let parsed = serde_json::from_str::<serde_json::Value>(secret).ok();
    match find("door", secret, key) {
        Ok(value) => {
            assert!(value.len() <= secret.len());
            // Of what was not asked for a half of a surrogate pair, or a number beyond every type, is no matter.
            let syntax = serde_json::from_str::<serde::de::IgnoredAny>(secret);
            assert!(syntax.is_ok(), "a value of what is no JSON");
            assert!(secret.trim_start().starts_with('{'));
        }
        Err(error) => {
            assert!(error.message().len() <= 2 * 6 * text.len() + 512);
            // Every text value of the document that is neither a name nor part of what was asked.
            let mut values = Vec::new();
            let mut names = String::new();
            collect(parsed.as_ref(), &mut values, &mut names);
            assert_without(&error, values.into_iter().filter(|value| !key.contains(value) && !names.contains(value)));
        }
    }
    let _ = keys(secret);
}

fn collect<'a>(value: Option<&'a serde_json::Value>, values: &mut Vec<&'a str>, names: &mut String) {
    match value {
        Some(serde_json::Value::String(text)) => values.push(text),
        Some(serde_json::Value::Array(elements)) => {
            elements.iter().for_each(|element| collect(Some(element), values, names));
        }
        Some(serde_json::Value::Object(members)) => members.iter().for_each(|(name, member)| {
            names.push_str(name);
            names.push('\n');
            collect(Some(member), values, names);
        }),
        _ => {}
    }
}

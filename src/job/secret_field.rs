//! One key's value of a secret that is a JSON object.

use crate::aws::secrets_manager::unescaped;
use crate::error::{Error, Fault, Result};
use crate::protocol::json_syntax::Malformed;
use crate::protocol::json_walk::{Kind, Members, Value};
use zeroize::Zeroizing;

/// The value of `key` in the JSON object `text`: a text without its quotes and escapes, anything else as it stands
/// there. A dot in `key` may be part of a name, or stand between an object's name and that of a member of it.
///
/// # Errors
/// [`Fault::Data`]: the secret `id` is no JSON object, or has no such key (the error has the names of those that it
/// has, and never a value), or two values that `key` can mean, or null.
pub fn find(id: &str, text: &str, key: &str) -> Result<Zeroizing<String>> {
    let error = |code: &'static str, message: String| Error::new(Fault::Data, code, format!("secret {id:?} {message}"));
    let no_object = |what: &str| {
        error("no_json_object", format!("is no JSON object{what}, so that it has no key {key:?}"))
            .with_remedy("leave the key away to get the whole secret")
    };
    let document = Value::of(text, DEPTH_MAXIMUM)
        .map_err(|Malformed { offset, what }| no_object(&format!(" (at byte {}, {what})", offset + 1)))?;
    let Kind::Object(members) = document.kind() else { return Err(no_object("")) };
    let mut found = Vec::new();
    collect(members, key, &mut found);
    let value = match found[..] {
        [value] => value,
        [] => {
            return Err(error("no_such_key", format!("has no key {key:?}, only {}", names(members)))
                .with_remedy("name one of these, or leave the key away to get the whole secret"));
        }
        _ => {
            return Err(error("ambiguous_key", format!("has more than one value that {key:?} can mean"))
                .with_remedy("get the whole secret, and take the value out of it"));
        }
    };
    match value.kind() {
        Kind::Null => Err(error("null_value", format!("has null for {key:?}"))),
        Kind::Text(text) => unescaped(text).ok_or_else(|| {
            error("malformed_json", format!("has an escape sequence in {key:?} that stands for no character"))
        }),
        _ => Ok(Zeroizing::new(value.text().to_owned())),
    }
}

/// The names of a secret's keys, as a list for people; `None` when it is no JSON object.
pub fn keys(text: &str) -> Option<String> {
    match Value::of(text, DEPTH_MAXIMUM).ok()?.kind() {
        Kind::Object(members) => Some(names(members)),
        _ => None,
    }
}

/// Every value that `key` can mean, in all ways of reading its dots.
fn collect<'a>(members: Members<'a>, key: &str, found: &mut Vec<Value<'a>>) {
    for (name, value) in members {
        let Some(name) = unescaped(name) else { continue };
        let Some(rest) = key.strip_prefix(name.as_str()) else { continue };
        if rest.is_empty() {
            found.push(value);
        } else if let Some(inner) = rest.strip_prefix('.')
            && let Kind::Object(members) = value.kind()
        {
            collect(members, inner, found);
        }
    }
}

fn names(members: Members<'_>) -> String {
    let mut names = String::new();
    for (index, (name, _)) in members.enumerate() {
        let name = unescaped(name).unwrap_or_default();
        match index {
            0 => {}
            NAMES_SHOWN => {
                names.push_str(", …");
                break;
            }
            _ => names.push_str(", "),
        }
        names.push_str(&format!("{:?}", name.as_str()));
    }
    if names.is_empty() { "{}".to_owned() } else { names }
}

/// Deeper than any secret; the check goes one call deeper with each.
const DEPTH_MAXIMUM: usize = 64;
/// More would fill the screen.
const NAMES_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"{"mypat":"ghp_\u0041\"","port":5432,"on":true,"none":null,"db":{"user":"u","x.y":"z"},"x.y":"dotted","é":"","list":[1, 2]}"#;

    fn value(key: &str) -> String {
        find("id", SECRET, key).unwrap().to_string()
    }

    #[test]
    fn values_are_unescaped_text_or_as_they_stand() {
        assert_eq!(value("mypat"), "ghp_A\"");
        assert_eq!(value("port"), "5432");
        assert_eq!(value("on"), "true");
        assert_eq!(value("é"), "");
        assert_eq!(value("list"), "[1, 2]");
        assert_eq!(value("db"), r#"{"user":"u","x.y":"z"}"#);
    }

    #[test]
    fn a_dot_is_of_the_name_or_goes_into_an_object() {
        assert_eq!(value("db.user"), "u");
        assert_eq!(value("db.x.y"), "z");
        assert_eq!(value("x.y"), "dotted");
        let both = r#"{"a.b":"1","a":{"b":"2"}}"#;
        assert_eq!(find("id", both, "a.b").unwrap_err().code(), "ambiguous_key");
        assert_eq!(find("id", r#"{"a":1,"a":2}"#, "a").unwrap_err().code(), "ambiguous_key");
    }

    #[test]
    fn errors_name_keys_and_never_values() {
        let error = find("door/pin", r#"{"a":"canary","b c":{"d":"canary"}}"#, "pat").unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Data, "no_such_key"));
        assert!(error.message().contains(r#"secret "door/pin" has no key "pat", only "a", "b c""#), "{error}");
        for (text, key, code) in [
            ("canary", "a", "no_json_object"),
            (r#"["canary"]"#, "a", "no_json_object"),
            (r#"{"a":"canary"#, "a", "no_json_object"),
            (r#"{"a":"canary\x"}"#, "a", "no_json_object"),
            (r#"{"a":"canary\ud800"}"#, "a", "malformed_json"),
            (r#"{"a":null,"b":"canary"}"#, "a", "null_value"),
            ("{}", "a", "no_such_key"),
        ] {
            let error = find("id", text, key).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            assert!(!format!("{error:?}").contains("canary"), "{error}");
        }
        let error = find("id", "{\"a\":\"canary\n\"}", "a").unwrap_err();
        assert!(error.message().contains("at byte 13, the text's closing double quote is missing"), "{error}");
        let many: String = (0..50).map(|index| format!("\"k{index}\":1,")).collect();
        let error = find("id", &format!("{{{many}\"last\":1}}"), "x").unwrap_err();
        assert!(error.message().ends_with("\"k19\", …") && error.message().len() < 300, "{error}");
    }
}

//! One key's value of a secret that is a JSON object.

use crate::aws::secrets_manager::unescaped;
use crate::error::{Error, Fault, Result};
use crate::protocol::json;
use crate::protocol::json_members::{Members, NoObject};
use zeroize::Zeroizing;

/// The value of `key` in the JSON object `text`: a text without its quotes and escapes, anything else as it stands
/// there. A dot in `key` may be part of a name, or stand between an object's name and that of a member of it.
///
/// # Errors
/// [`Fault::Data`]: the secret `id` is no JSON object, or has no such key (the error has the names of those that it
/// has, and never a value), or two values that `key` can mean, or null.
pub fn find(id: &str, text: &str, key: &str) -> Result<Zeroizing<String>> {
    let error = |code: &'static str, message: String| Error::new(Fault::Data, code, format!("secret {id:?} {message}"));
    let no_object = |NoObject| {
        error("no_json_object", format!("is no JSON object, so that it has no key {key:?}"))
            .with_remedy("leave the key away to get the whole secret")
    };
    let mut found = Vec::new();
    collect(text, key, &mut found).map_err(no_object)?;
    let value = match found[..] {
        [value] => value,
        [] => {
            let names = names(text).map_err(no_object)?;
            return Err(error("no_such_key", format!("has no key {key:?}, only {names}"))
                .with_remedy("name one of these, or leave the key away to get the whole secret"));
        }
        _ => {
            return Err(error("ambiguous_key", format!("has more than one value that {key:?} can mean"))
                .with_remedy("get the whole secret, and take the value out of it"));
        }
    };
    if value == "null" {
        return Err(error("null_value", format!("has null for {key:?}")));
    }
    if !value.starts_with('"') {
        return Ok(Zeroizing::new(value.to_owned()));
    }
    unescaped(json::Text(&value[1..value.len() - 1]))
        .ok_or_else(|| error("malformed_json", format!("has an escape sequence in {key:?} that JSON does not know")))
}

/// The names of a secret's keys, as a list for people; `None` when it is no JSON object.
pub fn keys(text: &str) -> Option<String> {
    names(text).ok()
}

/// Every value that `key` can mean, in all ways of reading its dots.
fn collect<'a>(object: &'a str, key: &str, found: &mut Vec<&'a str>) -> std::result::Result<(), NoObject> {
    for member in Members::of(object)? {
        let (name, value) = member?;
        let Some(name) = unescaped(name) else { continue };
        let Some(rest) = key.strip_prefix(name.as_str()) else { continue };
        if rest.is_empty() {
            found.push(value);
        } else if let Some(inner) = rest.strip_prefix('.')
            && value.starts_with('{')
        {
            collect(value, inner, found)?;
        }
    }
    Ok(())
}

fn names(object: &str) -> std::result::Result<String, NoObject> {
    let mut names = String::new();
    for (index, member) in Members::of(object)?.enumerate() {
        let name = unescaped(member?.0).unwrap_or_default();
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
    Ok(if names.is_empty() { "{}".to_owned() } else { names })
}

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
            (r#"{"a":"canary\x"}"#, "a", "malformed_json"),
            (r#"{"a":null,"b":"canary"}"#, "a", "null_value"),
            ("{}", "a", "no_such_key"),
        ] {
            let error = find("id", text, key).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            assert!(!format!("{error:?}").contains("canary"), "{error}");
        }
        let many: String = (0..50).map(|index| format!("\"k{index}\":1,")).collect();
        let error = find("id", &format!("{{{many}\"last\":1}}"), "x").unwrap_err();
        assert!(error.message().ends_with("\"k19\", …") && error.message().len() < 300, "{error}");
    }
}

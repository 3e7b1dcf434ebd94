//! The members of a JSON object whose keys are not known beforehand, borrowed from the document, nothing allocated.

use super::json::Text;

/// The document is no JSON object, or ends within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoObject;

/// Goes through the members of an object: each key, still escaped, with its value as it stands in the document. What
/// is inside a value that is itself an object or array is skipped, not checked.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    rest: &'a str,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Further,
    Done,
}

impl<'a> Members<'a> {
    /// Those of `document`, which must be one object (RFC 8259, section 4) with nothing behind it.
    ///
    /// # Errors
    /// [`NoObject`] when it does not begin as one; the iterator gives it for what is wrong further behind.
    pub fn of(document: &'a str) -> Result<Self, NoObject> {
        let rest = skip_whitespace(document).strip_prefix('{').ok_or(NoObject)?;
        Ok(Self { rest, state: State::First })
    }

    fn member(&mut self) -> Result<Option<(Text<'a>, &'a str)>, NoObject> {
        let mut rest = skip_whitespace(self.rest);
        if let Some(behind) = rest.strip_prefix('}') {
            return if skip_whitespace(behind).is_empty() { Ok(None) } else { Err(NoObject) };
        }
        if self.state == State::Further {
            rest = skip_whitespace(rest.strip_prefix(',').ok_or(NoObject)?);
        }
        let (key, behind) = split_text(rest)?;
        let behind = skip_whitespace(behind).strip_prefix(':').ok_or(NoObject)?;
        let (value, behind) = split_value(skip_whitespace(behind))?;
        (self.rest, self.state) = (behind, State::Further);
        Ok(Some((Text(&key[1..key.len() - 1]), value)))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Text<'a>, &'a str), NoObject>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let member = self.member();
        if !matches!(member, Ok(Some(_))) {
            self.state = State::Done;
        }
        member.transpose()
    }
}

/// A text with its quotes, and what follows it.
fn split_text(text: &str) -> Result<(&str, &str), NoObject> {
    let mut escaped = false;
    if !text.starts_with('"') {
        return Err(NoObject);
    }
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(text.split_at(index + 1)),
            _ => {}
        }
    }
    Err(NoObject)
}

fn split_value(text: &str) -> Result<(&str, &str), NoObject> {
    match text.bytes().next() {
        Some(b'"') => split_text(text),
        Some(b'{' | b'[') => split_nested(text),
        _ => {
            let end = text.find(|letter: char| !is_of_scalar(letter)).ok_or(NoObject)?;
            let (value, behind) = text.split_at(end);
            let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
            if is_number || SCALAR_WORDS.contains(&value) { Ok((value, behind)) } else { Err(NoObject) }
        }
    }
}

fn split_nested(text: &str) -> Result<(&str, &str), NoObject> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => {
                depth -= 1;
                if depth == 0 {
                    return Ok(text.split_at(index + 1));
                }
            }
            _ => {}
        }
    }
    Err(NoObject)
}

fn is_of_scalar(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.')
}

fn skip_whitespace(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

const SCALAR_WORDS: [&str; 3] = ["true", "false", "null"];

#[cfg(test)]
mod tests {
    use super::*;

    fn members(document: &str) -> Result<Vec<(&str, &str)>, NoObject> {
        Members::of(document)?.map(|member| member.map(|(key, value)| (key.0, value))).collect()
    }

    #[test]
    fn every_kind_of_value_is_given_as_it_stands() {
        let document = r#" { "a" : "x\"}y" ,"b\u0041":-1.50e+3,"c":{"d":["}",{}]} , "e":[ ], "f":true,"g":null,"":"" }
"#;
        assert_eq!(
            members(document),
            Ok(vec![
                ("a", r#""x\"}y""#),
                (r"b\u0041", "-1.50e+3"),
                ("c", r#"{"d":["}",{}]}"#),
                ("e", "[ ]"),
                ("f", "true"),
                ("g", "null"),
                ("", r#""""#),
            ])
        );
        assert_eq!(members("{}"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_object_is_told() {
        for document in [
            "",
            "[]",
            "\"a\"",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{,}",
            "{} x",
            "{a:1}",
            "{\"a\":x}",
            "{\"a\":inf}",
            "{\"a\":nan}",
            "{\"a\":\"b}",
            "{\"a\":{]",
            "ghp_token",
            "{\"a\":\"b\\",
        ] {
            assert_eq!(members(document), Err(NoObject), "{document}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_serde_json_reads_is_read_alike(document in "\\{(\"[a-c\\\\\"]{0,3}\":(\"[a-z{}\\[\\],:]{0,4}\"|[-0-9.e]{1,4}|\\[\\{\\}\\]|null),?){0,4}\\}") {
            if let Ok(expected) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&document) {
                let found = members(&document).unwrap();
                for (key, value) in &expected {
                    let same = |(raw, text): &&(&str, &str)| {
                        serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap() == *key
                            && serde_json::from_str::<serde_json::Value>(text).unwrap() == *value
                    };
                    proptest::prop_assert!(found.iter().any(|member| same(&member)), "{document}");
                }
            }
        }

        #[test]
        fn nothing_panics(document in "[{}\\[\\]\",:\\\\a1 é-]{0,24}") {
            let _ = members(&document);
        }
    }
}

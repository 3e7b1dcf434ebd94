//! XML, as far as S3's replies need it: the text of the first element of a name, and each element of a list.
//!
//! A tokenizer, not a parser: it walks the tags in one pass and knows what may hide a `<` (comments, CDATA,
//! processing instructions, attribute values). It has no recursion, so nesting costs nothing, and no
//! entities beyond XML's five and numeric ones, so nothing expands.

/// Copies the text of the first element called `name` into `text`, unescaped, and gives whether there is one.
/// Elements inside it contribute nothing; what does not fit `text` is cut at a character. Prefixes
/// (`s3:Code`) are ignored. A document cut off in the middle of the element has no such element.
pub fn element_text<const N: usize>(document: &str, name: &str, text: &mut heapless::String<N>) -> bool {
    text.clear();
    let mut tokens = Tokens { rest: document };
    // Depth below the wanted element: 0 outside, 1 directly in it.
    let mut depth = 0_usize;
    while let Some(token) = tokens.next() {
        match token {
            Token::Start { name: found, empty } => match (depth, empty) {
                (0, _) if local_name(found) != name => {}
                (0, true) => return true,
                (_, true) => {}
                (_, false) => depth += 1,
            },
            Token::End if depth == 1 => return true,
            Token::End => depth = depth.saturating_sub(1),
            Token::Text(raw) if depth == 1 => push_unescaped(raw, text),
            Token::CharacterData(raw) if depth == 1 => push_fitting(raw, text),
            Token::Text(_) | Token::CharacterData(_) => {}
        }
    }
    text.clear();
    false
}

/// What is inside each element called `name`, one after the other, raw, for [`element_text`]; those within such an
/// element are not looked for. Prefixes are ignored. An element that the document's end cuts off is left out.
pub fn elements<'a>(document: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut tokens = Tokens { rest: document };
    core::iter::from_fn(move || {
        loop {
            match tokens.next()? {
                Token::Start { name: found, empty } if local_name(found) == name => {
                    return if empty { Some("") } else { tokens.inside() };
                }
                _ => {}
            }
        }
    })
}

/// The name of the outermost element, without its prefix.
pub fn root_name(document: &str) -> Option<&str> {
    let mut tokens = Tokens { rest: document };
    while let Some(token) = tokens.next() {
        match token {
            Token::Start { name, .. } => return Some(local_name(name)),
            Token::Text(text) if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
            _ => return None,
        }
    }
    None
}

enum Token<'a> {
    Start { name: &'a str, empty: bool },
    End,
    Text(&'a str),
    CharacterData(&'a str),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// The next token; `None` at the end and at a token that has no end.
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if !self.rest.starts_with('<') {
                let (text, rest) = self.rest.split_at(self.rest.find('<')?);
                self.rest = rest;
                return Some(Token::Text(text));
            }
            if let Some(after) = self.rest.strip_prefix("<!--") {
                self.rest = after.split_once("-->")?.1;
            } else if let Some(after) = self.rest.strip_prefix("<![CDATA[") {
                let (data, rest) = after.split_once("]]>")?;
                self.rest = rest;
                return Some(Token::CharacterData(data));
            } else if let Some(after) = self.rest.strip_prefix("<?") {
                self.rest = after.split_once("?>")?.1;
            } else {
                return self.tag();
            }
        }
    }

    /// What stands between the start tag that was just read and its end tag, which is then read, too.
    fn inside(&mut self) -> Option<&'a str> {
        let document = self.rest;
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Token::Start { empty: false, .. } => depth += 1,
                Token::End => depth -= 1,
                _ => {}
            }
        }
        let read = &document[..document.len() - self.rest.len()];
        // The end tag is what was read last, and has no attributes that could hide another.
        read.rfind("</").map(|end| &read[..end])
    }

    fn tag(&mut self) -> Option<Token<'a>> {
        let inside = &self.rest[1..];
        let end = tag_end(inside)?;
        let tag = &inside[..end];
        self.rest = &inside[end + 1..];
        if tag.starts_with('/') {
            return Some(Token::End);
        }
        let name = tag.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
        // A document type declaration opens nothing.
        Some(Token::Start { name, empty: tag.ends_with('/') || tag.starts_with('!') })
    }
}

/// Where the tag ends: the first `>` that is not inside an attribute's value.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return true,
            _ => {}
        }
        false
    })
}

fn local_name(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn push_unescaped<const N: usize>(raw: &str, text: &mut heapless::String<N>) {
    let mut rest = raw;
    while let Some(ampersand) = rest.find('&') {
        push_fitting(&rest[..ampersand], text);
        rest = &rest[ampersand..];
        match rest.split_once(';').and_then(|(entity, after)| Some((character(&entity[1..])?, after))) {
            Some((character, after)) => {
                push_fitting(character.encode_utf8(&mut [0; 4]), text);
                rest = after;
            }
            // Not an entity: keep it as it is, rather than lose a message over it.
            None => {
                push_fitting("&", text);
                rest = &rest[1..];
            }
        }
    }
    push_fitting(rest, text);
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn push_fitting<const N: usize>(piece: &str, text: &mut heapless::String<N>) {
    let fitting = piece.floor_char_boundary(N - text.len());
    // Cannot fail: it was cut to what fits.
    let _ = text.push_str(&piece[..fitting]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amazon S3 API Reference, "REST error responses".
    const DOCUMENTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Error>
  <Code>NoSuchKey</Code>
  <Message>The resource you requested does not exist</Message>
  <Resource>/mybucket/myfoto.jpg</Resource> 
  <RequestId>4442587FB7D0A2F9</RequestId>
</Error>"#;

    fn text(document: &str, name: &str) -> Option<String> {
        let mut text = heapless::String::<64>::new();
        element_text(document, name, &mut text).then(|| text.as_str().to_owned())
    }

    #[test]
    fn the_documented_error_is_read() {
        assert_eq!(root_name(DOCUMENTED), Some("Error"));
        assert_eq!(text(DOCUMENTED, "Code").as_deref(), Some("NoSuchKey"));
        assert_eq!(text(DOCUMENTED, "Message").as_deref(), Some("The resource you requested does not exist"));
        assert_eq!(text(DOCUMENTED, "RequestId").as_deref(), Some("4442587FB7D0A2F9"));
        assert_eq!(text(DOCUMENTED, "HostId"), None);
    }

    #[test]
    fn comments_character_data_instructions_and_attributes_hide_nothing() {
        let document = r#"<!DOCTYPE x><Error a="<Code>no</Code>" b='>'><!-- <Code>no</Code> --><?x <Code>no</Code>?>
            <Message><![CDATA[<Code>no</Code> & more]]></Message><x:Code z="1">yes</x:Code></Error>"#;
        assert_eq!(text(document, "Code").as_deref(), Some("yes"));
        assert_eq!(text(document, "Message").as_deref(), Some("<Code>no</Code> & more"));
        assert_eq!(root_name("<!-- <A/> --> <Error/>"), Some("Error"));
    }

    #[test]
    fn nested_elements_contribute_nothing() {
        assert_eq!(text("<Error><Code>a<Code>b</Code><x/>c</Code></Error>", "Code").as_deref(), Some("ac"));
        assert_eq!(text("<Error><Code/></Error>", "Code").as_deref(), Some(""));
    }

    #[test]
    fn entities_are_undone_once() {
        assert_eq!(
            text("<M>&lt;a&gt; &amp;amp; &quot;&apos; &#233;&#xE9; &nope; & &#xD800; &#x110000;</M>", "M").as_deref(),
            Some("<a> &amp; \"' éé &nope; & &#xD800; &#x110000;")
        );
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(text(&format!("<M>a{}</M>", "é".repeat(40)), "M"), Some(format!("a{}", "é".repeat(31))));
    }

    #[test]
    fn a_document_cut_anywhere_gives_the_whole_text_or_none() {
        for end in 0..DOCUMENTED.len() {
            let found = text(&DOCUMENTED[..end], "Message");
            assert!(found.is_none_or(|found| found == "The resource you requested does not exist"));
        }
    }

    #[test]
    fn the_elements_of_a_list_come_one_by_one() {
        let document = "<?xml version='1.0'?><L><N>0</N><P><N>1</N></P><!-- <P>no</P> --><x:P><N>2</N><P>in it</P></x:P><P/>\
                        <Q><P><N>3</N></P></Q><P><N>cut off";
        let found: Vec<&str> = elements(document, "P").collect();
        assert_eq!(found, ["<N>1</N>", "<N>2</N><P>in it</P>", "", "<N>3</N>"]);
        assert_eq!(text(found[3], "N").as_deref(), Some("3"));
        for end in (0..document.len()).filter(|end| document.is_char_boundary(*end)) {
            assert!(found.starts_with(&elements(&document[..end], "P").collect::<Vec<_>>()), "{end}");
        }
    }

    #[test]
    fn deep_nesting_is_just_long() {
        let document = format!("{}<Code>x</Code>", "<a>".repeat(200_000));
        assert_eq!(text(&document, "Code").as_deref(), Some("x"));
    }
}

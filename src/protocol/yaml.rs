//! Single values out of a YAML document such as Greengrass writes: block mappings and sequences, quoted and plain values,
//! blocks of text (YAML 1.2.2, chapters 6 to 8).
//!
//! It is a part of YAML, and a strict one: whatever is outside of it, or may mean one thing to one reader and another to
//! the next (tabs, anchors, tags, merge keys, flow collections, plain values over several lines, a key twice), makes the
//! document unreadable. What is read is what every YAML reader finds there.

/// Why a document is not read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1.
    pub line: usize,
    /// What is the matter with it.
    pub what: &'static str,
}

/// The values at these paths of keys, from the outermost mapping inwards, each as text; `None` where there is nothing,
/// or `null`.
///
/// # Errors
/// [`Unreadable`]; also where a path leads to more than a single value.
pub fn read(document: &str, wanted: &[&[&str]]) -> Result<Vec<Option<String>>, Unreadable> {
    let mut reader = Reader {
        rest: document,
        line: 0,
        frames: Vec::new(),
        is_first: true,
        wanted,
        visited: Vec::new(),
        found: vec![None; wanted.len()],
    };
    let mut begun = false;
    while let Some(line) = reader.next_line()? {
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        if is_nothing(content) {
            continue;
        }
        if indent == 0 && content.strip_prefix("---").is_some_and(is_nothing) && !begun {
            begun = true;
            continue;
        }
        if is_marker(line) {
            return reader.refuse("more than one document, or a directive");
        }
        begun = true;
        reader.entry(indent, content)?;
    }
    Ok(reader.found)
}

struct Reader<'a, 'w> {
    rest: &'a str,
    line: usize,
    /// Where in the document we are: the keys that lead here.
    frames: Vec<Frame<'a>>,
    /// Whether nothing has been met yet.
    is_first: bool,
    wanted: &'w [&'w [&'w str]],
    /// Keys on the way to what is wanted that were met before.
    visited: Vec<Vec<&'a str>>,
    found: Vec<Option<String>>,
}

struct Frame<'a> {
    indent: usize,
    /// Empty: an element of a sequence.
    key: &'a str,
    /// Whether its value may still come.
    is_open: bool,
}

impl<'a> Reader<'a, '_> {
    /// A line that is not empty: `key: value`, `- value`, `- key: value`.
    fn entry(&mut self, mut indent: usize, mut content: &'a str) -> Result<(), Unreadable> {
        let mut is_element = false;
        while let Some(element) = content.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            self.enter(indent, "")?;
            is_element = true;
            let inner = element.trim_start_matches(' ');
            indent += content.len() - inner.len();
            content = inner;
        }
        match key(content) {
            Some((key, value)) => {
                if key.is_empty() || key == "<<" || key.contains(['\\', '\t']) {
                    return self.refuse("a key that is not read here");
                }
                self.enter(indent, key)?;
                self.value(value.trim_start_matches(' '))
            }
            None if is_element => self.value(content),
            None => self.refuse("expected a key with a colon and a value"),
        }
    }

    /// Goes to a key, or to the next element of a sequence, that begins at this column.
    fn enter(&mut self, indent: usize, key: &'a str) -> Result<(), Unreadable> {
        while self.frames.last().is_some_and(|last| {
            // A key that follows a sequence may stand where its elements' dashes stood.
            last.indent > indent || (last.indent == indent && (last.key.is_empty() && !key.is_empty()))
        }) {
            self.frames.pop();
        }
        match self.frames.last_mut() {
            // The next one beside it, unless it is a sequence that is its value.
            Some(last) if last.indent == indent && !(last.is_open && key.is_empty() && !last.key.is_empty()) => {
                if last.key.is_empty() != key.is_empty() {
                    return self.refuse("a mapping and a sequence at once");
                }
                self.frames.pop();
            }
            Some(last) if last.is_open => {
                last.is_open = false;
                if self.place().is_some() {
                    return self.refuse("expected a single value here");
                }
            }
            None if self.is_first => {}
            _ => return self.refuse("the indentation fits nothing above"),
        }
        self.is_first = false;
        self.frames.push(Frame { indent, key, is_open: true });
        self.visit()
    }

    /// Notes keys that lead to what is wanted: none of them may be there twice.
    fn visit(&mut self) -> Result<(), Unreadable> {
        let path: Vec<&str> = self.frames.iter().map(|frame| frame.key).collect();
        if self.wanted.iter().any(|wanted| wanted.starts_with(&path)) {
            if self.visited.contains(&path) {
                return self.refuse("this key is there twice");
            }
            self.visited.push(path);
        }
        Ok(())
    }

    /// What stands behind a colon or a dash, and belongs to the last frame.
    fn value(&mut self, text: &'a str) -> Result<(), Unreadable> {
        if is_nothing(text) {
            return Ok(());
        }
        let (value, behind) = match text.as_bytes()[0] {
            quote @ (b'"' | b'\'') => {
                let (value, behind) = self.quoted(&text[1..], char::from(quote))?;
                (Some(value), behind)
            }
            b'|' | b'>' => {
                let behind = text[1..].trim_start_matches(|letter: char| "+-123456789".contains(letter));
                let indicators = &text.as_bytes()[1..text.len() - behind.len()];
                let depth = indicators.iter().find(|byte| byte.is_ascii_digit()).map(|byte| usize::from(byte - b'0'));
                let digits = indicators.iter().filter(|byte| byte.is_ascii_digit()).count();
                if digits > 1 || indicators.len() - digits > 1 {
                    return self.refuse("a block of text that is not read here");
                }
                self.skip_block(depth)?;
                (None, behind)
            }
            b'{' | b'[' => match text.strip_prefix("{}").or(text.strip_prefix("[]")) {
                Some(behind) => (None, behind),
                None => return self.refuse("a collection between brackets"),
            },
            _ if text.starts_with(INDICATORS) => return self.refuse("an anchor, a tag or another thing not read here"),
            _ => {
                let end = text.find(" #").unwrap_or(text.len());
                let value = text[..end].trim_end_matches(' ');
                if text == "-"
                    || text.starts_with("- ")
                    || value.contains('\t')
                    || value.contains(": ")
                    || value.ends_with(':')
                {
                    return self.refuse("a value that wants quotes");
                }
                (Some(value.to_owned()), "")
            }
        };
        if !is_nothing(behind) || !(behind.is_empty() || behind.starts_with(' ')) {
            return self.refuse("something stands behind the value");
        }
        if let Some(last) = self.frames.last_mut() {
            last.is_open = false;
        }
        if let Some(place) = self.place() {
            let is_null = NULLS.contains(&text[..text.find(" #").unwrap_or(text.len())].trim_end_matches(' '));
            match value {
                Some(value) if !is_null => self.found[place] = Some(value),
                Some(_) => {}
                None => return self.refuse("expected a single value here"),
            }
        }
        Ok(())
    }

    /// The rest of a value between quotes, and what stands behind it on its last line.
    fn quoted(&mut self, mut rest: &'a str, quote: char) -> Result<(String, &'a str), Unreadable> {
        let mut value = String::new();
        let special: &[char] = if quote == '"' { &['"', '\\'] } else { &['\''] };
        loop {
            let Some(at) = rest.find(special) else {
                value.push_str(rest.trim_end_matches([' ', '\t']));
                rest = self.continued(&mut value, " ")?;
                continue;
            };
            value.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            rest = match (&rest[at..at + 1], behind.as_bytes().first()) {
                ("\\", None) => self.continued(&mut value, "")?,
                ("\\", Some(_)) => {
                    let Some((character, length)) = escaped(behind) else {
                        return self.refuse("an escape that is none of YAML's");
                    };
                    value.push(character);
                    &behind[length..]
                }
                ("'", Some(b'\'')) => {
                    value.push('\'');
                    &behind[1..]
                }
                _ => return Ok((value, behind)),
            };
        }
    }

    /// Goes on with a quoted value on the next line that is not empty: line ends become one `fold`, or as many as there
    /// are empty lines.
    fn continued(&mut self, value: &mut String, fold: &str) -> Result<&'a str, Unreadable> {
        let mut is_first = true;
        loop {
            let Some(line) = self.next_line()? else { return self.refuse("a quote is never closed") };
            let content = line.trim_start_matches(' ');
            let indent = line.len() - content.len();
            let content = content.trim_start_matches([' ', '\t']);
            if content.is_empty() {
                value.push('\n');
                is_first = false;
                continue;
            }
            if self.frames.last().is_some_and(|last| indent <= last.indent) {
                return self.refuse("a value between quotes is not indented");
            }
            if is_first {
                value.push_str(fold);
            }
            return Ok(content);
        }
    }

    /// Passes over a block of text, which is indented by `depth`, or as its first line is: it ends before the first line
    /// that is indented less.
    fn skip_block(&mut self, depth: Option<usize>) -> Result<(), Unreadable> {
        let outer = self.frames.last().map_or(0, |last| last.indent);
        let mut inner = depth.map(|depth| outer + depth);
        loop {
            let (rest, line) = (self.rest, self.line);
            let Some(text) = self.next_line()? else { return Ok(()) };
            let content = text.trim_start_matches(' ');
            let indent = text.len() - content.len();
            if !content.is_empty() && indent < *inner.get_or_insert(indent.max(outer + 1)) {
                (self.rest, self.line) = (rest, line);
                return Ok(());
            }
        }
    }

    /// Which of the wanted paths leads to the last frame.
    fn place(&self) -> Option<usize> {
        let is_here = |wanted: &&[&str]| wanted.iter().eq(self.frames.iter().map(|frame| &frame.key));
        self.wanted.iter().position(is_here)
    }

    fn next_line(&mut self) -> Result<Option<&'a str>, Unreadable> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(|letter: char| (letter.is_control() && letter != '\t') || MISLEADING.contains(&letter)) {
            return self.refuse("a control character");
        }
        Ok(Some(line))
    }

    fn refuse<T>(&self, what: &'static str) -> Result<T, Unreadable> {
        Err(Unreadable { line: self.line, what })
    }
}

/// The key that a line begins with, and what stands behind its colon.
fn key(content: &str) -> Option<(&str, &str)> {
    let (key, behind) = match content.as_bytes().first()? {
        quote @ (b'"' | b'\'') => {
            let (key, behind) = content[1..].split_once(char::from(*quote))?;
            (key, behind.trim_start_matches(' ').strip_prefix(':')?)
        }
        _ if content.starts_with(INDICATORS) => return None,
        _ => {
            let end = content.match_indices(':').map(|(at, _)| at).find(|at| is_colon(&content[at + 1..]))?;
            if content[..end].contains(" #") {
                return None;
            }
            (content[..end].trim_end_matches(' '), &content[end + 1..])
        }
    };
    is_colon(behind).then_some((key, behind))
}

/// Whether a colon before this ends a key.
fn is_colon(behind: &str) -> bool {
    behind.is_empty() || behind.starts_with(' ')
}

/// Whether it is empty but for a comment.
fn is_nothing(text: &str) -> bool {
    let text = text.trim_start_matches(' ');
    text.is_empty() || text.starts_with('#')
}

fn is_marker(line: &str) -> bool {
    ["---", "...", "%"].iter().any(|marker| line.starts_with(marker))
}

/// The character that an escape stands for, and the bytes behind the backslash that are the escape's (YAML 1.2.2,
/// section 5.7).
fn escaped(text: &str) -> Option<(char, usize)> {
    let letter = text.chars().next()?;
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => {
            let place = ESCAPES.iter().position(|(name, _)| *name == letter)?;
            return Some((ESCAPES[place].1, 1));
        }
    };
    let code = text.get(1..1 + digits)?;
    let code = code.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(code, 16).ok())??;
    Some((char::from_u32(code)?, 1 + digits))
}

/// What no plain value or key begins with here (YAML 1.2.2, section 5.3).
const INDICATORS: &[char] =
    &['?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '\t'];
/// Line ends to some readers and none to others, and a byte order mark.
const MISLEADING: &[char] = &['\u{2028}', '\u{2029}', '\u{feff}'];
/// YAML 1.2.2, section 10.3.2.
const NULLS: &[&str] = &["null", "Null", "NULL", "~"];
const ESCAPES: &[(char, char)] = &[
    ('0', '\0'),
    ('a', '\u{7}'),
    ('b', '\u{8}'),
    ('t', '\t'),
    ('n', '\n'),
    ('v', '\u{b}'),
    ('f', '\u{c}'),
    ('r', '\r'),
    ('e', '\u{1b}'),
    (' ', ' '),
    ('"', '"'),
    ('/', '/'),
    ('\\', '\\'),
    ('N', '\u{85}'),
    ('_', '\u{a0}'),
    ('L', '\u{2028}'),
    ('P', '\u{2029}'),
];

#[cfg(test)]
#[path = "yaml/tests.rs"]
mod tests;

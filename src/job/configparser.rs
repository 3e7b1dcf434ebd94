//! Files that Python's `configparser` reads (pip's and twine's): changed so that the change can be taken back to the
//! byte, whatever else is in the file and whatever is added to it meanwhile.
//!
//! The file itself remembers what was changed, in comments: each begins with `# homing login:` and speaks of the line
//! behind it. A value that was replaced stays there as a comment.
//!
//! ```text
//! # homing login: mode 644
//! [global]
//! timeout = 60
//! # homing login: was index-url = https://example.com/simple/
//! # homing login: set index-url
//! index-url = https://aws:…@example.com/pypi/repository/simple/
//! ```
//!
//! Python 3 Library Reference, "configparser", "Supported INI File Structure", and its `RawConfigParser._read`.

use zeroize::Zeroizing;

/// A file, line by line. What is in it may be secret: it is wiped on drop and has no `Debug`.
pub struct Document {
    lines: Vec<Line>,
}

/// What [`Document::note`] has noted, given back by [`Document::take_back`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There was no file.
    Absent,
    /// There was one with these permission bits.
    Mode(u32),
}

/// A line that configparser refuses, by its number, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub usize);

struct Line {
    /// Without its ending.
    text: Zeroizing<String>,
    /// `\n`, `\r\n`, `\r`; empty at most for the last.
    ending: &'static str,
}

/// What a line is to configparser. The places are indices of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Empty, or a comment.
    Nothing,
    Section,
    Option,
    /// Goes on with the value of the option at this place.
    Continuation(usize),
    Malformed,
}

impl Document {
    /// Takes a file apart. Any text can be; see [`Document::check`].
    pub fn parse(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let ending = ["\r\n", "\n", "\r"].into_iter().find(|ending| rest[end..].starts_with(ending)).unwrap_or("");
            lines.push(Line { text: Zeroizing::new(rest[..end].to_owned()), ending });
            rest = &rest[end + ending.len()..];
        }
        Self { lines }
    }

    /// Whether the tool itself can read the file.
    ///
    /// # Errors
    /// The first line that it cannot read, or that repeats a section or an option.
    pub fn check(&self) -> Result<(), Malformed> {
        let kinds = self.kinds();
        let (mut sections, mut options) = (Vec::new(), Vec::new());
        for (place, kind) in kinds.iter().enumerate() {
            let repeated = match kind {
                Kind::Section => {
                    options.clear();
                    let name = section_name(&self.lines[place].text);
                    // The section of defaults may be there more than once.
                    name != Some(DEFAULTS) && is_repeated(&mut sections, name.unwrap_or_default().to_owned())
                }
                Kind::Option => is_repeated(&mut options, option_name(&self.lines[place].text).to_lowercase()),
                Kind::Malformed => true,
                Kind::Nothing | Kind::Continuation(_) => false,
            };
            if repeated {
                return Err(Malformed(place + 1));
            }
        }
        Ok(())
    }

    /// Notes what there was before the first change.
    pub fn note(&mut self, before: Before) {
        if self.lines.iter().any(|line| before_of(&line.text).is_some()) {
            return;
        }
        let note = match before {
            Before::Absent => format!("{MARK}{NO_FILE}"),
            Before::Mode(mode) => format!("{MARK}{MODE}{mode:o}"),
        };
        self.insert(0, &note);
    }

    /// The value of an option: its lines, trimmed, with line feeds between them.
    pub fn value(&self, section: &str, option: &str) -> Option<Zeroizing<String>> {
        let kinds = self.kinds();
        let place = self.find_option(&kinds, section, option)?;
        let text = &self.lines[place].text;
        let first = text.split_once(['=', ':']).map_or("", |(_, value)| value.trim());
        let room = self.lines[place..].iter().map(|line| line.text.len() + 1).sum();
        let mut value = Zeroizing::new(String::with_capacity(room));
        value.push_str(first);
        for (line, _) in self.lines.iter().zip(&kinds).filter(|(_, kind)| **kind == Kind::Continuation(place)) {
            value.push('\n');
            value.push_str(line.text.trim());
        }
        Some(value)
    }

    /// Whether the option has been [`set`](Self::set) and not been taken back.
    pub fn is_set(&self, section: &str, option: &str) -> bool {
        self.find_option(&self.kinds(), section, option).is_some_and(|place| self.is_marked(place))
    }

    /// Sets an option to a value of one line. A value that was there stays in a comment, unless it was set here, too;
    /// so do the option's other spellings, which would otherwise be the same option twice.
    pub fn set(&mut self, section: &str, option: &str, value: &str) {
        let kinds = self.kinds();
        let mut places = self.options(&kinds, section, option);
        let marked = places.iter().rposition(|place| self.is_marked(*place));
        let chosen = marked.or(places.len().checked_sub(1)).map(|index| places.remove(index));
        // As many lines afterwards as before: no place moves.
        places.into_iter().for_each(|other| self.comment_out(other..end_of_option(&kinds, other)));
        if let Some(place) = chosen {
            let line = assignment(indentation(&self.lines[place].text), option, value);
            let end = end_of_option(&kinds, place);
            if marked.is_some() {
                // From the end, as places move.
                (place + 1..end).rev().for_each(|extra| self.remove(extra));
                self.lines[place].text = line;
                return;
            }
            self.comment_out(place..end);
            self.insert(end, &format!("{MARK}{SET}{option}"));
            self.insert(end + 1, &line);
            return;
        }
        let place = match self.find_section(&kinds, section) {
            Some(place) => place + 1,
            None => {
                self.insert(self.lines.len(), &format!("{MARK}{SECTION}{section}"));
                self.insert(self.lines.len(), &format!("[{section}]"));
                self.lines.len()
            }
        };
        // Less indented than the line behind it, this would take that for its own continuation.
        let next = (place..kinds.len()).find(|next| kinds[*next] != Kind::Nothing);
        let indent = next.map(|next| indentation(&self.lines[next].text));
        let line = assignment(indent.unwrap_or(""), option, value);
        self.insert(place, &format!("{MARK}{SET}{option}"));
        self.insert(place + 1, &line);
    }

    /// Adds a word to an option that is there, on a line of its own, unless it is one of its words already.
    pub fn add_word(&mut self, section: &str, option: &str, word: &str) {
        let kinds = self.kinds();
        let Some(place) = self.find_option(&kinds, section, option) else { return };
        let value = self.value(section, option);
        if value.is_some_and(|value| value.split_whitespace().any(|known| known == word)) {
            return;
        }
        let end = end_of_option(&kinds, place);
        let line = format!("{}    {word}", indentation(&self.lines[place].text));
        self.insert(end, &format!("{MARK}{WORD}{word}"));
        self.insert(end + 1, &line);
    }

    /// Removes an option with its value, for one that nobody has marked.
    pub fn remove_option(&mut self, section: &str, option: &str) {
        let kinds = self.kinds();
        if let Some(place) = self.find_option(&kinds, section, option) {
            (place..end_of_option(&kinds, place)).rev().for_each(|line| self.remove(line));
        }
    }

    /// Undoes everything that was done here, and gives what was noted; `None` when nothing had been done.
    pub fn take_back(&mut self) -> Option<Before> {
        let mut before = None;
        let mut found = false;
        // From the end, as places move.
        for place in (0..self.lines.len()).rev() {
            let Some(mark) = self.lines.get(place).and_then(|line| marked(&line.text)).map(str::to_owned) else {
                continue;
            };
            found = true;
            before = before.or(before_of(&self.lines[place].text));
            let kinds = self.kinds();
            let next = place + 1;
            if let Some(old) = mark.strip_prefix(WAS.trim_end()) {
                // An editor may have taken away the space at the end of the line.
                self.lines[place].text = Zeroizing::new(old.strip_prefix(' ').unwrap_or(old).to_owned());
                continue;
            }
            if let Some(option) = mark.strip_prefix(SET) {
                if kinds.get(next) == Some(&Kind::Option) && is_named(&self.lines[next].text, option) {
                    (next..end_of_option(&kinds, next)).rev().for_each(|line| self.remove(line));
                }
            } else if let Some(word) = mark.strip_prefix(WORD) {
                if matches!(kinds.get(next), Some(Kind::Continuation(_))) && self.lines[next].text.trim() == word {
                    self.remove(next);
                }
            } else if mark.starts_with(SECTION) && kinds.get(next) == Some(&Kind::Section) {
                let after = kinds[next + 1..].iter().find(|kind| **kind != Kind::Nothing);
                if after.is_none_or(|kind| *kind == Kind::Section) {
                    self.remove(next);
                }
            }
            self.remove(place);
        }
        found.then_some(before.unwrap_or(Before::Mode(0o600)))
    }

    /// Whether there is a password in it, in a comment, too: in an option that is called so, or in a URL.
    pub fn has_password(&self) -> bool {
        self.lines.iter().any(|line| {
            let text = &*line.text;
            let authority = |(_, rest): (&str, &str)| {
                let end = rest.find(['/', ' ', '\t']).unwrap_or(rest.len());
                rest[..end].rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
            };
            let is_named = option_name(text).to_lowercase().contains("password");
            is_named || text.match_indices("://").any(|(place, _)| authority(text[place..].split_at(3)))
        })
    }

    /// Whether there is nothing in it but white space.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.text.trim().is_empty())
    }

    /// The whole file.
    pub fn text(&self) -> Zeroizing<String> {
        let length = self.lines.iter().map(|line| line.text.len() + line.ending.len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for line in &self.lines {
            text.push_str(&line.text);
            text.push_str(line.ending);
        }
        text
    }

    /// As `RawConfigParser._read` has it.
    fn kinds(&self) -> Vec<Kind> {
        let (mut in_section, mut option, mut indent) = (false, None, 0);
        let mut kinds = Vec::with_capacity(self.lines.len());
        for (place, line) in self.lines.iter().enumerate() {
            let content = line.text.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                kinds.push(Kind::Nothing);
                continue;
            }
            let own_indent = indentation(&line.text).chars().count();
            kinds.push(match option {
                Some(option) if own_indent > indent => Kind::Continuation(option),
                _ => {
                    indent = own_indent;
                    let name = option_name(content);
                    if section_name(content).is_some() {
                        (in_section, option) = (true, None);
                        Kind::Section
                    } else if !in_section || name.is_empty() || name.len() == content.len() {
                        Kind::Malformed
                    } else {
                        option = Some(place);
                        Kind::Option
                    }
                }
            });
        }
        kinds
    }

    fn find_section(&self, kinds: &[Kind], section: &str) -> Option<usize> {
        (0..kinds.len())
            .find(|place| kinds[*place] == Kind::Section && section_name(&self.lines[*place].text) == Some(section))
    }

    /// The one that counts: pip lets the last of an option's spellings win.
    fn find_option(&self, kinds: &[Kind], section: &str, option: &str) -> Option<usize> {
        self.options(kinds, section, option).pop()
    }

    /// The option in each of its spellings, which configparser takes for options of their own.
    fn options(&self, kinds: &[Kind], section: &str, option: &str) -> Vec<usize> {
        let Some(section) = self.find_section(kinds, section) else { return Vec::new() };
        let first = section + 1;
        let end = (first..kinds.len()).find(|place| kinds[*place] == Kind::Section).unwrap_or(kinds.len());
        let is_option = |place: &usize| kinds[*place] == Kind::Option && is_named(&self.lines[*place].text, option);
        (first..end).filter(is_option).collect()
    }

    fn comment_out(&mut self, lines: std::ops::Range<usize>) {
        for line in &mut self.lines[lines] {
            line.text = Zeroizing::new(format!("{MARK}{WAS}{}", &*line.text));
        }
    }

    fn is_marked(&self, option: usize) -> bool {
        let mark = option.checked_sub(1).and_then(|place| marked(&self.lines[place].text));
        mark.is_some_and(|mark| mark.starts_with(SET))
    }

    /// The last line of the file stays without an ending when it has none, whichever line that is.
    fn insert(&mut self, place: usize, text: &str) {
        let ending = if self.lines.first().is_some_and(|line| line.ending == "\r\n") { "\r\n" } else { "\n" };
        let mut line = Line { text: Zeroizing::new(text.to_owned()), ending };
        if place == self.lines.len()
            && let Some(last) = self.lines.last_mut()
            && last.ending.is_empty()
        {
            last.ending = ending;
            line.ending = "";
        }
        self.lines.insert(place, line);
    }

    fn remove(&mut self, place: usize) {
        let removed = self.lines.remove(place);
        if removed.ending.is_empty()
            && let Some(last) = self.lines.last_mut()
        {
            last.ending = "";
        }
    }
}

/// The line behind the option's last; a comment or an empty line between its lines belongs to it.
fn end_of_option(kinds: &[Kind], place: usize) -> usize {
    kinds.iter().rposition(|kind| *kind == Kind::Continuation(place)).unwrap_or(place) + 1
}

fn section_name(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix('[')?;
    rest.rfind(']').map(|end| &rest[..end]).filter(|name| !name.is_empty())
}

/// The whole line where it has no delimiter.
fn option_name(line: &str) -> &str {
    let line = line.trim();
    line.find(['=', ':']).map_or(line, |end| line[..end].trim_end())
}

/// configparser ignores case; pip takes an underscore for a dash, and the dashes of a flag for nothing.
fn is_named(line: &str, option: &str) -> bool {
    let name = option_name(line).to_lowercase().replace('_', "-");
    name.strip_prefix("--").unwrap_or(&name) == option
}

fn is_repeated(known: &mut Vec<String>, name: String) -> bool {
    let repeated = known.contains(&name);
    known.push(name);
    repeated
}

fn assignment(indent: &str, option: &str, value: &str) -> Zeroizing<String> {
    // At once, so that no shorter copy of a secret value is left behind.
    Zeroizing::new([indent, option, " = ", value].concat())
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn marked(line: &str) -> Option<&str> {
    line.strip_prefix(MARK)
}

fn before_of(line: &str) -> Option<Before> {
    let mark = marked(line)?;
    if mark == NO_FILE {
        return Some(Before::Absent);
    }
    let mode = u32::from_str_radix(mark.strip_prefix(MODE)?, 8).ok()?;
    Some(Before::Mode(mode & 0o777))
}

const MARK: &str = "# homing login: ";
/// There was no file.
const NO_FILE: &str = "new file";
/// Followed by the permission bits that the file had, octal.
const MODE: &str = "mode ";
/// Followed by a line as it was.
const WAS: &str = "was ";
/// Followed by the name of the option in the next line.
const SET: &str = "set ";
/// Followed by the word in the next line.
const WORD: &str = "word ";
/// Followed by the name of the section in the next line.
const SECTION: &str = "section ";
/// configparser.DEFAULTSECT.
const DEFAULTS: &str = "DEFAULT";

#[cfg(test)]
#[path = "configparser/tests.rs"]
mod tests;

//! Templates of S3 keys and MQTT topics: `{thing}/{date}/{name}`.
//!
//! `{{` and `}}` are the braces themselves.

use super::time::{compact_clock, iso8601_date};

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{thing}`: the thing name, where one is configured.
    pub thing: Option<&'a str>,
    /// `{name}`: the file's name without its directory.
    pub name: &'a str,
    /// `{date}` (`2026-11-22`) and `{time}` (`154919`), both UTC: seconds since the Unix epoch.
    pub time: i64,
    /// `{sha256}`: the file's SHA-256 in lower-case hexadecimal, where it is known; see [`uses_sha256`].
    pub sha256: Option<&'a str>,
}

/// Why a template gives no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateError<'t> {
    /// No such placeholder; its name without braces.
    Unknown(&'t str),
    /// A `{` without its `}`, or the other way round, at that byte.
    Unbalanced(usize),
    /// The placeholder is known, but here there is nothing to put in its place.
    NoValue(&'t str),
    /// The result is empty.
    Empty,
    /// The result is longer than that many bytes.
    TooLong(usize),
}

impl core::fmt::Display for TemplateError<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(
                    formatter,
                    "there is no {{{name}}}; there are {{thing}} {{name}} {{date}} {{time}} {{sha256}} {{ext}}"
                )
            }
            Self::Unbalanced(position) => {
                write!(
                    formatter,
                    "the brace at byte {position} has no partner (a brace itself is written {{{{ or }}}})"
                )
            }
            Self::NoValue(name) => write!(formatter, "there is no value for {{{name}}} here"),
            Self::Empty => formatter.write_str("it comes out empty"),
            Self::TooLong(limit) => write!(formatter, "it comes out longer than {limit} bytes"),
        }
    }
}

/// Puts the values in: the key or topic of one file.
///
/// # Errors
/// [`TemplateError`]; [`TemplateError::TooLong`] beyond `N` bytes of UTF-8: [`KEY_CAPACITY`] or [`TOPIC_CAPACITY`].
pub fn render<'t, const N: usize>(
    template: &'t str,
    values: &Values<'_>,
) -> Result<heapless::String<N>, TemplateError<'t>> {
    let mut rendered = heapless::String::<N>::new();
    let (date, clock) = (iso8601_date(values.time), compact_clock(values.time));
    for part in parts(template) {
        let text = match part? {
            Part::Literal(text) => text,
            Part::Placeholder("thing") => values.thing.ok_or(TemplateError::NoValue("thing"))?,
            Part::Placeholder("name") => values.name,
            Part::Placeholder("date") => &date,
            Part::Placeholder("time") => &clock,
            Part::Placeholder("sha256") => values.sha256.ok_or(TemplateError::NoValue("sha256"))?,
            Part::Placeholder("ext") => super::content_type::extension(values.name).unwrap_or_default(),
            Part::Placeholder(unknown) => return Err(TemplateError::Unknown(unknown)),
        };
        rendered.push_str(text).map_err(|_| TemplateError::TooLong(N))?;
    }
    if rendered.is_empty() { Err(TemplateError::Empty) } else { Ok(rendered) }
}

/// Checks a template before there is a file: names and braces only.
///
/// # Errors
/// [`TemplateError::Unknown`], [`TemplateError::Unbalanced`] or [`TemplateError::Empty`].
pub fn check(template: &str) -> Result<(), TemplateError<'_>> {
    for part in parts(template) {
        match part? {
            Part::Placeholder(name) if !PLACEHOLDERS.contains(&name) => return Err(TemplateError::Unknown(name)),
            _ => {}
        }
    }
    if template.is_empty() { Err(TemplateError::Empty) } else { Ok(()) }
}

/// Whether rendering needs the file's SHA-256, and therefore a pass over the file beforehand.
pub fn uses_sha256(template: &str) -> bool {
    uses(template, "sha256")
}

/// Whether rendering needs the thing name.
pub fn uses_thing(template: &str) -> bool {
    uses(template, "thing")
}

fn uses(template: &str, name: &str) -> bool {
    parts(template).any(|part| matches!(part, Ok(Part::Placeholder(placeholder)) if placeholder == name))
}

enum Part<'t> {
    Literal(&'t str),
    Placeholder(&'t str),
}

fn parts(template: &str) -> impl Iterator<Item = Result<Part<'_>, TemplateError<'_>>> {
    let mut position = 0;
    core::iter::from_fn(move || {
        let rest = &template[position..];
        if rest.is_empty() {
            return None;
        }
        let (part, length) = match rest.find(['{', '}']) {
            None => (Part::Literal(rest), rest.len()),
            Some(0) if rest.starts_with("{{") || rest.starts_with("}}") => (Part::Literal(&rest[..1]), 2),
            Some(0) => match rest.find('}') {
                Some(end @ 1..) if !rest[1..end].contains('{') => (Part::Placeholder(&rest[1..end]), end + 1),
                _ => {
                    let error = TemplateError::Unbalanced(position);
                    position = template.len();
                    return Some(Err(error));
                }
            },
            Some(brace) => (Part::Literal(&rest[..brace]), brace),
        };
        position += length;
        Some(Ok(part))
    })
}

/// The longest S3 object key, in bytes of UTF-8 (Amazon S3 User Guide, "Naming objects").
pub const KEY_CAPACITY: usize = 1024;
/// The longest topic, in bytes of UTF-8 (AWS IoT Core quotas, "Topic size").
pub const TOPIC_CAPACITY: usize = 256;

const PLACEHOLDERS: [&str; 6] = ["thing", "name", "date", "time", "sha256", "ext"];

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> =
        Values { thing: Some("camera-1"), name: "写真.JPG", time: 1_440_938_160, sha256: Some("ab12") };

    fn rendered(template: &str) -> Result<String, TemplateError<'_>> {
        render::<KEY_CAPACITY>(template, &VALUES).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn every_placeholder_is_replaced() {
        assert_eq!(
            rendered("{thing}/{date}T{time}/{sha256}-{name}.{ext}").as_deref(),
            Ok("camera-1/2015-08-30T123600/ab12-写真.JPG.JPG")
        );
        assert_eq!(rendered("file/upload").as_deref(), Ok("file/upload"));
        assert_eq!(rendered("{{thing}}{thing}").as_deref(), Ok("{thing}camera-1"));
        for placeholder in PLACEHOLDERS {
            assert!(render::<64>(&format!("{{{placeholder}}}"), &VALUES).is_ok(), "{placeholder}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(rendered("a/{file}"), Err(TemplateError::Unknown("file")));
        assert_eq!(rendered("a/{}"), Err(TemplateError::Unknown("")));
        for template in ["a/{name", "a/}", "a/{na{me}", "a/{"] {
            assert_eq!(rendered(template), Err(TemplateError::Unbalanced(2)), "{template}");
            assert_eq!(check(template), Err(TemplateError::Unbalanced(2)), "{template}");
        }
        assert_eq!(rendered(""), Err(TemplateError::Empty));
        assert_eq!(check("a/{file}"), Err(TemplateError::Unknown("file")));
        assert_eq!(check("{thing}/{name}"), Ok(()));
        let nameless = Values { thing: None, sha256: None, ..VALUES };
        assert_eq!(render::<64>("{thing}", &nameless), Err(TemplateError::NoValue("thing")));
        assert_eq!(render::<64>("{sha256}", &nameless), Err(TemplateError::NoValue("sha256")));
    }

    #[test]
    fn the_limit_is_counted_in_bytes() {
        let key = "é".repeat(512);
        assert_eq!(rendered(&key).as_deref(), Ok(key.as_str()));
        let longer = format!("{key}a");
        assert_eq!(rendered(&longer), Err(TemplateError::TooLong(1024)));
    }

    #[test]
    fn what_a_template_needs_is_known_beforehand() {
        assert!(uses_sha256("{sha256}") && !uses_sha256("{{sha256}}"));
        assert!(uses_thing("a/{thing}") && !uses_thing("thing"));
    }
}

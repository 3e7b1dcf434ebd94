//! Settings as the JSON document that [`crate::config`] reads, one on a line.

use crate::job::screen::json_line;
use crate::options::{Id, Kind, OPTIONS, Opt};
use crate::protocol::json::ObjectWriter;
use std::ffi::{OsStr, OsString};

/// The document, in the order of the option table. A name that is not UTF-8 cannot be written in JSON and is written as
/// near to it as can be.
pub(super) fn write(settings: &[(Id, OsString)]) -> String {
    let value = |option: &Opt| {
        settings.iter().rev().find(|(id, _)| *id == option.id && option.is_configuration()).map(|(_, value)| value)
    };
    let mut lines: Vec<String> = Vec::new();
    let mut outer_before = "";
    for option in OPTIONS {
        let Some(found) = value(option) else { continue };
        let outer = option.key.split_once('.').map_or("", |(outer, _)| outer);
        let line = match option.key.split_once('.') {
            None => json_line(&|writer| put(writer, option, option.key, found)),
            // Written with the first of them.
            Some(_) if outer == outer_before => continue,
            Some((outer, _)) => json_line(&|writer| {
                writer.object(outer, |writer| {
                    for option in OPTIONS {
                        if let (Some((other, inner)), Some(found)) = (option.key.split_once('.'), value(option))
                            && other == outer
                        {
                            put(writer, option, inner, found);
                        }
                    }
                });
            }),
        };
        outer_before = outer;
        // Between the braces of an object with this one name.
        lines.push(format!("  {}", String::from_utf8_lossy(&line[1..line.len() - "}\n".len()])));
    }
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn put(writer: &mut ObjectWriter<'_>, option: &Opt, name: &str, value: &OsStr) {
    let value = value.to_string_lossy();
    match (option.kind, value.parse()) {
        (Kind::Integer { .. }, Ok(number)) => writer.number(name, number),
        (Kind::Bool, _) => writer.boolean(name, value == "true"),
        _ => writer.text(name, &value),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn what_is_written_is_read_as_the_same_configuration() {
        let flags: Vec<(Id, OsString)> = [
            (Id::QueueMaxAge, "60"),
            (Id::ThingName, "earlier"),
            (Id::Certificate, "/a \"b\"/c\u{7}.pem"),
            (Id::ThingName, "camera-1"),
            (Id::QueueDir, "/var/q"),
            (Id::EndpointUrl, "https://localhost:9000"),
            (Id::PathStyle, "true"),
            (Id::Strict, "false"),
            (Id::InlineLimit, "0"),
            (Id::Via, "https"),
        ]
        .map(|(id, value)| (id, value.into()))
        .into();
        let text = write(&flags);
        assert_eq!(text.lines().count(), 10, "{text}");
        assert_eq!(text.matches("\"queue\":{\"dir\":\"/var/q\",\"max_age\":60}").count(), 1, "{text}");
        let of = |flags: &[(Id, OsString)]| {
            Config::from_sources(&Sources { flags, environment: &|_| None, default_file: "".as_ref() }).unwrap()
        };
        let (ours, read) = (of(&flags), of(&[(Id::ConfigJson, text.into())]));
        assert_eq!((ours.thing_name, ours.certificate), (read.thing_name, read.certificate));
        assert_eq!((ours.queue, ours.endpoint_url), (read.queue, read.endpoint_url));
        assert_eq!((ours.via, ours.inline_limit, ours.path_style), (read.via, read.inline_limit, read.path_style));
    }

    #[test]
    fn no_settings_are_an_empty_object() {
        assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&write(&[])).unwrap().is_empty());
    }
}

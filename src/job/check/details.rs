//! What a step has found out, for people and programs alike.

use crate::error::Error;
use crate::job::outcome::write_error;
use crate::protocol::json::ObjectWriter;
use std::fmt::{Display, Write as _};

/// Values with their names, in the order in which they were found out, and what is worth knowing besides.
#[derive(Debug, Default)]
pub(super) struct Details {
    values: Vec<(&'static str, Value)>,
    note: String,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Number(u64),
}

impl Details {
    /// Adds a text.
    pub(super) fn text(&mut self, name: &'static str, value: &dyn Display) -> &mut Self {
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        self.values.push((name, Value::Text(value.to_string().chars().map(plain).collect())));
        self
    }

    /// Adds a number; its name says of what.
    pub(super) fn number(&mut self, name: &'static str, value: u64) -> &mut Self {
        self.values.push((name, Value::Number(value)));
        self
    }

    /// Adds what is no failure, but worth knowing.
    pub(super) fn note(&mut self, note: &dyn Display) {
        let separator = if self.note.is_empty() { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(self.note, "{separator}{note}");
    }

    /// `subject CN=camera-1, days left 27`, or with the names as they are, each behind `line_break`; and the note.
    pub(super) fn as_text(&self, line_break: Option<&str>) -> (String, &str) {
        let mut text = line_break.map(|_| format!("{} set", self.values.len())).unwrap_or_default();
        for (name, value) in &self.values {
            if !text.is_empty() {
                text.push_str(line_break.unwrap_or(", "));
            }
            let name = if line_break.is_some() { (*name).to_owned() } else { name.replace('_', " ") };
            // As above.
            let _ = match value {
                Value::Text(value) => write!(text, "{name} {value}"),
                Value::Number(value) => write!(text, "{name} {value}"),
            };
        }
        (text, &self.note)
    }

    /// Adds all of it to a line of JSON, with the error where there is one.
    pub(super) fn write_json(&self, writer: &mut ObjectWriter<'_>, error: Option<&Error>) {
        if !self.values.is_empty() {
            writer.object("details", |writer| {
                for (name, value) in &self.values {
                    match value {
                        Value::Text(value) => writer.text(name, value),
                        Value::Number(value) => writer.number(name, *value),
                    };
                }
            });
        }
        writer.optional_text("note", Some(&*self.note).filter(|note| !note.is_empty()));
        if let Some(error) = error {
            write_error(writer, error);
        }
    }
}

//! `homing publish`.

use super::{Command, Given, Message, usage};
use crate::config::values;
use crate::error::Result;
use crate::options::Id;
use std::ffi::OsString;

/// Publish a message, or one for each line.
#[derive(Debug, PartialEq, Eq)]
pub struct Publish {
    /// The topic, checked.
    pub topic: String,
    /// Where the bytes come from.
    pub message: Message,
    /// Whether each line is a message.
    pub lines: bool,
}

impl Given {
    pub(super) fn publish(&self, positionals: &[OsString]) -> Result<Command> {
        let (topic, is_dash) = match positionals {
            [topic] => (topic, false),
            [topic, dash] if dash == "-" => (topic, true),
            [_, _, ..] => {
                return Err(usage("wrong_arguments", "homing publish takes one TOPIC")
                    .with_remedy("give the message with -m TEXT, -f FILE, or on standard input"));
            }
            [] => return Err(usage("missing_argument", "homing publish needs a TOPIC")),
        };
        let topic = topic.to_str().ok_or_else(|| usage("not_utf8", "TOPIC is not UTF-8"))?;
        values::topic(topic).map_err(|what| usage("invalid_topic", format!("TOPIC \"{topic}\" {what}")))?;
        let message = self.message(Id::Message, is_dash)?;
        Ok(Command::Publish(Publish { topic: topic.to_owned(), message, lines: self.has(Id::Lines) }))
    }
}

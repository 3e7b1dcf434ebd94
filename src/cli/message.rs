//! What is published or written: a text, a file or standard input.

use super::{Given, usage};
use crate::error::Result;
use crate::options::Id;
use std::path::PathBuf;

/// Where the bytes of a message or item come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// From the command line.
    Text(Vec<u8>),
    /// From a file.
    File(PathBuf),
    /// From standard input.
    Stdin,
}

impl Given {
    /// What the flag `text`, `--file` or the argument `-` names; standard input when there is none of them.
    pub(super) fn message(&self, text: Id, is_dash: bool) -> Result<Message> {
        let flag = text.option().flag;
        match (self.last(text), self.last(Id::File), is_dash) {
            (None, None, _) => Ok(Message::Stdin),
            (Some(text), None, false) if !self.has(Id::Lines) => Ok(Message::Text(text.as_encoded_bytes().to_vec())),
            (Some(_), None, false) => {
                Err(usage("conflict", format!("--lines reads a file or standard input, not --{flag}")))
            }
            (None, Some(file), false) if file == "-" => Ok(Message::Stdin),
            (None, Some(file), false) if file.is_empty() => Err(usage("empty", "--file: the file name is empty")),
            (None, Some(file), false) => Ok(Message::File(file.into())),
            _ => Err(usage("conflict", format!("give one of --{flag}, --file and -, not several"))),
        }
    }
}

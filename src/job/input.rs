//! What a command is given to send: text from its arguments, a file, or standard input.

use super::source::Source;
use crate::cli::Message;
use crate::error::{Error, Fault, Result};
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};

/// Opens it for reading.
///
/// # Errors
/// As [`Source::open`].
pub fn open(input: &Message) -> Result<Box<dyn BufRead + '_>> {
    Ok(match input {
        Message::Text(text) => Box::new(Cursor::new(text.as_slice())),
        Message::File(path) => Box::new(BufReader::new(FromSource(Source::open(path)?))),
        Message::Stdin => Box::new(std::io::stdin().lock()),
    })
}

/// All of it; of a file or standard input at most as much as shows that it is longer than `most` bytes: one more.
///
/// # Errors
/// As [`open`], or reading fails.
pub fn whole(input: &Message, most: usize) -> Result<Vec<u8>> {
    if let Message::Text(text) = input {
        return Ok(text.clone());
    }
    let mut bytes = Vec::new();
    open(input)?.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// Reads the next line into `line`, without its end; `false` when there is none. Of a line longer than `most` bytes as
/// much as shows it.
///
/// # Errors
/// Reading fails.
pub fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>, most: usize) -> Result<bool> {
    line.clear();
    // Two more for the line's end, and one to see that there is more.
    let count = input.take(most as u64 + 3).read_until(b'\n', line).map_err(|error| unreadable(&error))?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    Ok(count > 0)
}

struct FromSource(Source);

impl Read for FromSource {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).map_err(std::io::Error::other)
    }
}

fn unreadable(error: &std::io::Error) -> Error {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return inner.clone();
    }
    let why = if error.kind() == ErrorKind::InvalidData { "it is not text".to_owned() } else { error.to_string() };
    Error::new(Fault::Io, "read_failed", format!("cannot read the input: {why}"))
        .with_remedy("check the file, or what writes to standard input")
}

//! `homing publish`: one message, or one for each line.

use super::messenger::Messenger;
use super::network::Network;
use super::source::Source;
use crate::cli::{Message, Publish};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;
use std::io::{BufRead, BufReader, ErrorKind, Read};

/// Publishes what the command names, and returns when all of it is acknowledged.
///
/// # Errors
/// The message cannot be read or is too large; the data endpoint cannot be reached or refuses. With one message a
/// line, the error says how many lines were published before.
pub fn run(config: &Config, command: &Publish) -> Result<u8> {
    config.require(&[Id::DataEndpoint, Id::Certificate, Id::PrivateKey])?;
    let network = Network::new(config)?;
    if command.lines {
        return lines(config, &network, command);
    }
    // Read before anything is opened: standard input may take its time, and the broker does not wait.
    let message = match &command.message {
        Message::Text(text) => text.clone(),
        Message::File(path) => {
            let mut source = Source::open(path)?;
            let mut message = Vec::new();
            limited(FromSource(&mut source)).read_to_end(&mut message).map_err(|error| unreadable(&error))?;
            message
        }
        Message::Stdin => {
            let mut message = Vec::new();
            limited(std::io::stdin().lock()).read_to_end(&mut message).map_err(|error| unreadable(&error))?;
            message
        }
    };
    if message.len() > AWS_IOT_PAYLOAD_LIMIT {
        return Err(too_large(&format!("the message for topic '{}'", command.topic)));
    }
    let mut messenger = Messenger::open(config, &network, message.len())?;
    messenger.publish(&command.topic, copy_of(message))?;
    messenger.close();
    Ok(0)
}

fn lines(config: &Config, network: &Network<'_>, command: &Publish) -> Result<u8> {
    let mut input: Box<dyn BufRead> = match &command.message {
        Message::Text(text) => Box::new(text.as_slice()),
        Message::File(path) => {
            Source::open(path)?;
            Box::new(BufReader::new(std::fs::File::open(path).map_err(|error| unreadable(&error))?))
        }
        Message::Stdin => Box::new(std::io::stdin().lock()),
    };
    let mut messenger = Messenger::open(config, network, AWS_IOT_PAYLOAD_LIMIT)?;
    let mut published = 0_u64;
    let mut line = Vec::new();
    loop {
        let progress = |error: Error| error.context(format_args!("line {} ({published} published)", published + 1));
        line.clear();
        // Two more for the line's end, and one to see that there is more.
        let count = input
            .by_ref()
            .take(AWS_IOT_PAYLOAD_LIMIT as u64 + 3)
            .read_until(b'\n', &mut line)
            .map_err(|error| progress(unreadable(&error)))?;
        if count == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        if line.len() > AWS_IOT_PAYLOAD_LIMIT {
            return Err(progress(too_large("the line")));
        }
        messenger.publish(&command.topic, copy_of(line.clone())).map_err(progress)?;
        published += 1;
    }
    messenger.close();
    log::info!("published {published} messages to {}", command.topic);
    Ok(0)
}

fn copy_of(message: Vec<u8>) -> impl FnMut(&mut [u8]) -> Result<usize> + Send + 'static {
    move |buffer| {
        let room = buffer.get_mut(..message.len()).ok_or_else(|| too_large("the message"))?;
        room.copy_from_slice(&message);
        Ok(message.len())
    }
}

fn limited(input: impl Read) -> impl Read {
    input.take(AWS_IOT_PAYLOAD_LIMIT as u64 + 1)
}

struct FromSource<'a>(&'a mut Source);

impl Read for FromSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).map_err(std::io::Error::other)
    }
}

fn unreadable(error: &std::io::Error) -> Error {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return inner.clone();
    }
    let why = if error.kind() == ErrorKind::InvalidData { "it is not text".to_owned() } else { error.to_string() };
    Error::new(Fault::Io, "read_failed", format!("cannot read the message: {why}"))
}

fn too_large(what: &str) -> Error {
    Error::new(
        Fault::Data,
        "message_too_large",
        format!("{what} has more than {AWS_IOT_PAYLOAD_LIMIT} bytes, the most that AWS IoT Core takes"),
    )
    .with_remedy("send it as a file: `homing send FILE` puts large files into S3")
}

//! `homing publish`: one message, or one for each line.

use super::Screen;
use super::messenger::Messenger;
use super::network::Network;
use super::outcome::{Outcome, Via};
use super::source::Source;
use crate::cli::{Message, Publish};
use crate::config::{self, Config};
use crate::error::{Error, Fault, Result};
use crate::options::Id;
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;
use std::io::{BufRead, BufReader, ErrorKind, Read};

/// Publishes what the command names, prints the outcome of each message, and gives the exit code.
///
/// # Errors
/// What concerns no message: the configuration, an unreadable input, an unwritable standard output.
pub fn run(config: &Config, command: &Publish, screen: &mut Screen) -> Result<u8> {
    config.require(&[Id::DataEndpoint, Id::Certificate, Id::PrivateKey])?;
    if config.via == config::Via::Mqtt {
        config.client_id()?;
    }
    let network = Network::new(config)?;
    let file = match &command.message {
        Message::File(path) => Some(path.as_path()),
        Message::Text(_) | Message::Stdin => None,
    };
    let mut report = |bytes: usize, result: &Result<()>| {
        let via = if config.via == config::Via::Mqtt { Via::Mqtt } else { Via::Https };
        screen.outcome(&Outcome {
            file,
            result: result.as_ref().map(|()| via),
            dry_run: false,
            bucket: "",
            key: "",
            etag: "",
            bytes: Some(bytes as u64),
            topic: &command.topic,
        })
    };
    if command.lines {
        return lines(config, &network, command, report);
    }
    // Read before anything is opened: standard input may take its time, and the broker does not wait.
    let message = whole(&command.message)?;
    let bytes = message.len();
    let result = if bytes > AWS_IOT_PAYLOAD_LIMIT {
        Err(too_large("the message"))
    } else {
        Messenger::open(config, &network, bytes).and_then(|mut messenger| {
            messenger.publish(&command.topic, copy_of(message))?;
            messenger.close();
            Ok(())
        })
    };
    report(bytes, &result)?;
    Ok(result.err().map_or(0, |error| error.exit_code()))
}

/// The whole message, or as much of it as shows that it is too large.
fn whole(message: &Message) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match message {
        Message::Text(text) => return Ok(text.clone()),
        Message::File(path) => limited(FromSource(&mut Source::open(path)?)).read_to_end(&mut bytes),
        Message::Stdin => limited(std::io::stdin().lock()).read_to_end(&mut bytes),
    };
    read.map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// One message for each line; stops at the first that fails, so that the reader knows which were published.
fn lines(
    config: &Config,
    network: &Network<'_>,
    command: &Publish,
    mut report: impl FnMut(usize, &Result<()>) -> Result<()>,
) -> Result<u8> {
    let mut source;
    let mut input: Box<dyn BufRead + '_> = match &command.message {
        Message::Text(text) => Box::new(text.as_slice()),
        Message::File(path) => {
            source = Source::open(path)?;
            Box::new(BufReader::new(FromSource(&mut source)))
        }
        Message::Stdin => Box::new(std::io::stdin().lock()),
    };
    let mut messenger = Messenger::open(config, network, AWS_IOT_PAYLOAD_LIMIT)?;
    let mut published = 0_u64;
    let mut line = Vec::new();
    loop {
        line.clear();
        // Two more for the line's end, and one to see that there is more.
        let most = AWS_IOT_PAYLOAD_LIMIT as u64 + 3;
        let count = input.by_ref().take(most).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        if count == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        let bytes = line.len();
        let result = if bytes > AWS_IOT_PAYLOAD_LIMIT {
            Err(too_large("the line"))
        } else {
            messenger.publish(&command.topic, copy_of(std::mem::take(&mut line)))
        }
        .map_err(|error| error.context(format_args!("line {} ({published} published)", published + 1)));
        report(bytes, &result)?;
        if let Err(error) = result {
            return Ok(error.exit_code());
        }
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
        .with_remedy("check the file, or what writes to standard input")
}

fn too_large(what: &str) -> Error {
    Error::new(
        Fault::Data,
        "message_too_large",
        format!("{what} has more than {AWS_IOT_PAYLOAD_LIMIT} bytes, the most that AWS IoT Core takes"),
    )
    .with_remedy("send it as a file: `homing send FILE` puts large files into S3")
}

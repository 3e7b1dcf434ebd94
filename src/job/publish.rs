//! `homing publish`: one message, or one for each line.

use super::messenger::Messenger;
use super::network::Network;
use super::outcome::{Outcome, Via};
use super::{Screen, input};
use crate::cli::{Message, Publish};
use crate::config::{self, Config};
use crate::error::{Error, Fault, Result};
use crate::protocol::message::AWS_IOT_PAYLOAD_LIMIT;

/// Publishes what the command names, prints the outcome of each message, and gives the exit code.
///
/// # Errors
/// What concerns no message: the configuration, an unreadable input, an unwritable standard output.
pub fn run(config: &Config, command: &Publish, screen: &mut Screen) -> Result<u8> {
    config.require_for_messages(&[])?;
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
    let message = input::whole(&command.message, AWS_IOT_PAYLOAD_LIMIT)?;
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

/// One message for each line; stops at the first that fails, so that the reader knows which were published.
fn lines(
    config: &Config,
    network: &Network<'_>,
    command: &Publish,
    mut report: impl FnMut(usize, &Result<()>) -> Result<()>,
) -> Result<u8> {
    let mut input = input::open(&command.message)?;
    let mut messenger = Messenger::open(config, network, AWS_IOT_PAYLOAD_LIMIT)?;
    let mut published = 0_u64;
    let mut line = Vec::new();
    while input::read_line(&mut *input, &mut line, AWS_IOT_PAYLOAD_LIMIT)? {
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

fn too_large(what: &str) -> Error {
    Error::new(
        Fault::Data,
        "message_too_large",
        format!("{what} has more than {AWS_IOT_PAYLOAD_LIMIT} bytes, the most that AWS IoT Core takes"),
    )
    .with_remedy("send it as a file: `homing send FILE` puts large files into S3")
}

//! `homing dynamodb put-item`: one item into a table.

use super::network::Network;
use super::service::ServiceClient;
use super::signer::Signer;
use super::{Screen, dynamodb_lines, input};
use crate::aws::dynamodb_batch_write_item::ITEM_TEXT_MAXIMUM;
use crate::aws::dynamodb_put_item::{self as aws, Condition};
use crate::aws::endpoint::Service;
use crate::cli::PutItem;
use crate::config::Config;
use crate::error::{Error, Fault, Result};

/// Writes the item, or with `--lines` the items, prints the outcome, and gives the exit code.
///
/// # Errors
/// What concerns no item: the configuration, an unwritable standard output.
pub fn run(config: &Config, command: &PutItem, screen: &mut Screen) -> Result<u8> {
    if command.lines {
        return dynamodb_lines::run(config, command, screen);
    }
    match put(config, command) {
        Ok(()) => {
            screen.done(&format!("{}: item written", command.table), |writer| {
                writer.text("table", &command.table).text("result", "written").number("items", 1);
            })?;
            Ok(0)
        }
        Err(error) => {
            screen.failed(&error, |writer| {
                writer.text("table", &command.table).text("result", "failed").number("items", 0);
            })?;
            Ok(error.exit_code())
        }
    }
}

fn put(config: &Config, command: &PutItem) -> Result<()> {
    // Read before anything is opened: standard input may take its time, and servers do not wait.
    let item = input::whole(&command.item, ITEM_TEXT_MAXIMUM)?;
    let item = item_text(&item, "the item")?;
    let network = Network::new(config)?;
    let client = ServiceClient::open(config, &network, Service::DynamoDb)?;
    let condition = command.condition.as_ref().map(|condition| Condition {
        expression: &condition.expression,
        names: condition.names.as_deref(),
        values: condition.values.as_deref(),
    });
    let now = network.clock().now();
    let call = aws::PutItem { authority: client.authority(), table: &command.table, condition, now };
    let body = call.body(item, command.form)?;
    let signer = Signer::obtain(config, &network)?;
    let mut buffer = vec![0; REPLY_CAPACITY];
    client.call(
        &network,
        &signer,
        || call.request(body.len()),
        &body,
        &mut buffer,
        |reply, now| aws::PutItem { now, ..call }.parse(reply),
    )
}

/// Checks what can be said of an item before it is read; `what` names it.
///
/// # Errors
/// [`Fault::Data`]: too long, or not UTF-8.
pub(super) fn item_text<'a>(item: &'a [u8], what: &str) -> Result<&'a str> {
    if item.len() > ITEM_TEXT_MAXIMUM {
        let message = format!("{what} has more than {ITEM_TEXT_MAXIMUM} bytes of text; DynamoDB takes 400 KB");
        return Err(Error::new(Fault::Data, "item_too_large", message)
            .with_remedy("put what is large into S3 (homing put), and its key into the item"));
    }
    std::str::from_utf8(item).map_err(|error| {
        let message = format!("{what} is not UTF-8, from byte {} on", error.valid_up_to() + 1);
        Error::new(Fault::Data, "not_utf8", message)
            .with_remedy("JSON is UTF-8; in DynamoDB's JSON, bytes are base64: {\"B\": …}")
    })
}

/// `{}`, or an error.
const REPLY_CAPACITY: usize = 8 * 1024;

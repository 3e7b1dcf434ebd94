//! `homing dynamodb put-item --lines`: every line an item, written in batches.

use super::attempts::random;
use super::dynamodb_put_item::item_text;
use super::network::Network;
use super::service::ServiceClient;
use super::signer::Signer;
use super::{Screen, credentials, input};
use crate::aws::dynamodb_batch_write_item::{Batch, BatchWriteItem, ITEM_TEXT_MAXIMUM, ITEMS_MAXIMUM, Unprocessed};
use crate::aws::endpoint::Service;
use crate::cli::PutItem;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::stream::unix_time;
use crate::protocol::json::ObjectWriter;
use crate::protocol::retry::{Backoff, UNPROCESSED_ATTEMPTS};
use std::io::BufRead;
use std::time::{Duration, Instant};

/// Writes all lines, prints each batch's outcome, and gives the exit code. Stops at the first mistake or failure; what
/// stands before it is written then, and of what stands behind it nothing.
///
/// # Errors
/// What concerns no line: the configuration, a file that cannot be opened, an unwritable standard output.
pub fn run(config: &Config, command: &PutItem, screen: &mut Screen) -> Result<u8> {
    let mut lines = input::open(&command.item)?;
    let network = Network::new(config)?;
    let client = ServiceClient::open(config, &network, Service::DynamoDb)?;
    let mut writer = Writer {
        config,
        command,
        network: &network,
        client,
        signer: None,
        batch: Batch::new(&command.table),
        lines: Lines::default(),
        written: 0,
        screen,
    };
    let Err(failure) = writer.write(&mut *lines) else { return Ok(0) };
    let Failure { error, lines, items, unprocessed } = *failure;
    let written = writer.written;
    let error = error.context(format_args!("{lines} (the {written} items before are written)"));
    screen.failed(&error, |json| {
        lines.write(json.text("table", &command.table).text("result", "failed"));
        json.number("items", items as u64);
        if unprocessed > 0 {
            json.number("unprocessed", unprocessed as u64);
        }
    })?;
    Ok(error.exit_code())
}

struct Writer<'a> {
    config: &'a Config,
    command: &'a PutItem,
    network: &'a Network<'a>,
    client: ServiceClient,
    signer: Option<Signer>,
    batch: Batch,
    /// Where the batch's items stand.
    lines: Lines,
    /// Items so far.
    written: u64,
    screen: &'a mut Screen,
}

/// A stretch of the input; lines count from 1.
#[derive(Debug, Clone, Copy, Default)]
struct Lines {
    first: u64,
    last: u64,
}

struct Failure {
    error: Error,
    lines: Lines,
    /// Items in these lines.
    items: usize,
    /// Those of them that DynamoDB has left unwritten; 0 where that is not known.
    unprocessed: usize,
}

impl Writer<'_> {
    fn write(&mut self, input: &mut dyn BufRead) -> std::result::Result<(), Box<Failure>> {
        let mut line = Vec::new();
        let mut number = 1;
        let mistake = loop {
            match input::read_line(input, &mut line, ITEM_TEXT_MAXIMUM) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
            if !line.trim_ascii().is_empty() {
                match self.take(&line, number) {
                    Ok(()) => {}
                    Err(Stopped::Mistake(error)) => break Some(error),
                    Err(Stopped::Failure(failure)) => return Err(failure),
                }
            }
            number += 1;
        };
        self.flush()?;
        let lines = Lines { first: number, last: number };
        mistake.map_or(Ok(()), |error| Err(Box::new(Failure { error, lines, items: 1, unprocessed: 0 })))
    }

    /// Adds a line to the batch, which is written when it is full.
    fn take(&mut self, line: &[u8], number: u64) -> std::result::Result<(), Stopped> {
        let what = "the item";
        let item = item_text(line, what).map_err(Stopped::Mistake)?;
        if !self.batch.push(item, self.command.form, what).map_err(Stopped::Mistake)? {
            self.flush().map_err(Stopped::Failure)?;
            // An empty batch has room for every item.
            self.batch.push(item, self.command.form, what).map_err(Stopped::Mistake)?;
        }
        if self.batch.items() == 1 {
            self.lines.first = number;
        }
        self.lines.last = number;
        if self.batch.items() == ITEMS_MAXIMUM { self.flush().map_err(Stopped::Failure) } else { Ok(()) }
    }

    /// Writes the batch, and says so.
    fn flush(&mut self) -> std::result::Result<(), Box<Failure>> {
        let (items, lines) = (self.batch.items(), self.lines);
        if items == 0 {
            return Ok(());
        }
        let mut unprocessed = 0;
        let body = self.batch.take();
        self.send(body, &mut unprocessed)
            .and_then(|()| {
                self.written += items as u64;
                log::debug!("{lines}: {items} items written");
                let table = &self.command.table;
                self.screen.done(&format!("{table}: {lines}: {items} items written"), |json| {
                    lines.write(json.text("table", table).text("result", "written"));
                    json.number("items", items as u64);
                })
            })
            .map_err(|error| Box::new(Failure { error, lines, items, unprocessed }))
    }

    /// Sends a batch, and what DynamoDB leaves of it, until all is written or the attempts are used up.
    fn send(&mut self, mut body: Vec<u8>, unprocessed: &mut usize) -> Result<()> {
        let mut backoff = Backoff::unprocessed();
        // What comes back is what was sent, perhaps with more of its characters escaped.
        let mut buffer = vec![0; body.len() * 3 + REPLY_OVERHEAD];
        loop {
            // To write an item twice is to write it once.
            let Some(rest) = self.write_batch(&body, &mut buffer)? else { return Ok(()) };
            (body, *unprocessed) = (rest.body, rest.items);
            let Some(wait) = backoff.next(random()).filter(|wait| self.has_time_for(*wait)) else {
                let message = format!(
                    "DynamoDB has left {} of these items unwritten in {UNPROCESSED_ATTEMPTS} attempts",
                    rest.items
                );
                return Err(Error::new(Fault::Temporary, "unprocessed_items", message).with_remedy(
                    "run it again from the first of these lines on: to write an item twice is to write it once; if it \
                     stays, the table needs more write capacity",
                ));
            };
            log::info!("{}: {} items left unwritten: next in {} ms", self.lines, rest.items, wait.as_millis());
            std::thread::sleep(wait);
        }
    }

    fn write_batch(&mut self, body: &[u8], buffer: &mut [u8]) -> Result<Option<Unprocessed>> {
        let signer = self.signer()?;
        let authority = self.client.authority();
        let call = BatchWriteItem { authority, table: &self.command.table, now: signer.time() };
        self.client.call(
            self.network,
            &signer,
            || call.request(body.len()),
            body,
            buffer,
            |reply, now| BatchWriteItem { now, ..call }.parse(reply),
        )
    }

    /// With credentials that live a little longer.
    fn signer(&mut self) -> Result<Signer> {
        let Some(signer) = &self.signer else {
            let signer = Signer::obtain(self.config, self.network)?;
            return Ok(self.signer.insert(signer).clone());
        };
        let end = signer.credentials().expiration;
        if end.is_some_and(|end| end <= unix_time() + CREDENTIALS_LEFT) {
            signer.replace(credentials::obtain(self.config, self.network)?);
        }
        Ok(signer.clone())
    }

    fn has_time_for(&self, wait: Duration) -> bool {
        self.network.deadline().is_none_or(|deadline| Instant::now() + wait < deadline)
    }
}

/// Why a line was not taken.
enum Stopped {
    /// It is wrong, and has no part in the batch.
    Mistake(Error),
    /// The batch could not be written.
    Failure(Box<Failure>),
}

impl Lines {
    fn write(self, json: &mut ObjectWriter<'_>) {
        json.number("first_line", self.first).number("last_line", self.last);
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(formatter, "line {}", self.first)
        } else {
            write!(formatter, "lines {} to {}", self.first, self.last)
        }
    }
}

/// Around what is sent back, or an error.
const REPLY_OVERHEAD: usize = 16 * 1024;
/// Seconds for which credentials must still be good, so that a request does not arrive after their end.
const CREDENTIALS_LEFT: i64 = 60;

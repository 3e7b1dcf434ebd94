//! `homing queue`: what waits, what has failed, and what is to become of it.

use super::Screen;
use super::outcome::{worst, write_error};
use super::queued::open_queue;
use super::screen::{complain, print};
use crate::cli::{QueueAction, Selection};
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::net::stream::unix_time;
use crate::protocol::json::ObjectWriter;
use crate::protocol::time::iso8601;
use crate::queue::{Counts, Entry, EntryId, Queue, Reason, Way};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Does it, prints what there is to say, and gives the exit code: with several entries the worst.
///
/// # Errors
/// The queue cannot be opened or read; standard output cannot be written.
pub fn run(config: &Config, action: &QueueAction, screen: &mut Screen) -> Result<u8> {
    let directory = &config.queue.dir;
    if std::fs::symlink_metadata(directory).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        // Whoever only looks, perhaps as root, must not make it his own.
        return nothing(directory, action, screen);
    }
    let queue = open_queue(config)?;
    match action {
        QueueAction::List => list(&queue, screen),
        QueueAction::Status => status(queue.path(), queue.counts()?, screen),
        QueueAction::Retry(selection) => change(&queue, selection, "retried", screen, |id| {
            queue.retry(id, unix_time()).map(|_| "waits for its delivery again")
        }),
        QueueAction::Remove(selection) => {
            change(&queue, selection, "removed", screen, |id| queue.remove(id).map(|()| "removed"))
        }
    }
}

/// A queue into which nothing was ever put.
fn nothing(directory: &Path, action: &QueueAction, screen: &mut Screen) -> Result<u8> {
    match action {
        QueueAction::List | QueueAction::Retry(Selection::Failed) | QueueAction::Remove(Selection::Failed) => Ok(0),
        QueueAction::Status => status(directory, Counts::default(), screen),
        QueueAction::Retry(Selection::Ids(_)) | QueueAction::Remove(Selection::Ids(_)) => {
            Err(Error::new(Fault::NoInput, "no_such_entry", format!("there is no queue '{}'", directory.display()))
                .with_remedy("name the right one with --queue-dir"))
        }
    }
}

fn list(queue: &Queue, screen: &mut Screen) -> Result<u8> {
    let mut errors = Vec::new();
    for id in queue.failed()?.iter().chain(&queue.entries()?) {
        match queue.read(id) {
            Ok(entry) if screen.json => {
                screen.json_only(|writer| write_entry(&entry, writer))?;
            }
            Ok(entry) => print(|out| writeln!(out, "{}", line(&entry)))?,
            // Gone meanwhile.
            Err(error) if error.code() == "no_such_entry" => {}
            Err(error) => {
                let error = error.context(id);
                screen.failed(&error, |writer| {
                    writer.text("entry", &id.to_string()).text("state", "unreadable");
                })?;
                errors.push(error);
            }
        }
    }
    Ok(worst(errors.iter()))
}

/// `20261122T224331.000000  waiting  51200  photo.jpg -> s3://my-bucket/camera-1/photo.jpg, then file/upload`
fn line(entry: &Entry) -> String {
    let metadata = &entry.metadata;
    let state = if entry.failed.is_some() { "failed " } else { "waiting" };
    let mut line = format!("{}  {state}  {:>10}  {}", entry.id, metadata.size, shown(&metadata.name));
    match &metadata.way {
        Way::S3(object) => line.push_str(&format!(" -> s3://{}/{}", object.bucket, shown(&object.key))),
        Way::Inline => line.push_str(&format!(" -> {}", shown(&metadata.topic))),
    }
    if metadata.attempts > 0 {
        line.push_str(&format!("; {} attempts", metadata.attempts));
    }
    if let Some(reason) = reason(entry) {
        line.push_str(&format!("; {}: {}", reason.code, shown(&reason.message)));
    }
    line
}

fn write_entry(entry: &Entry, writer: &mut ObjectWriter<'_>) {
    let metadata = &entry.metadata;
    writer
        .text("entry", &entry.id.to_string())
        .text("state", if entry.failed.is_some() { "failed" } else { "waiting" })
        .text("file", &metadata.name)
        .number("bytes", metadata.size)
        .text("queued", &iso8601(metadata.queued))
        .text("topic", &metadata.topic)
        .text("message_id", &metadata.message_id)
        .number("attempts", u64::from(metadata.attempts));
    if let Way::S3(object) = &metadata.way {
        writer.text("bucket", &object.bucket).text("key", &object.key);
    }
    if let Some(reason) = reason(entry) {
        writer.object("error", |writer| {
            writer.text("code", &reason.code).text("message", &reason.message);
            if reason.time > 0 {
                writer.text("time", &iso8601(reason.time));
            }
        });
    }
}

fn status(directory: &Path, counts: Counts, screen: &mut Screen) -> Result<u8> {
    let age = counts.oldest.map(|oldest| u64::try_from(unix_time().saturating_sub(oldest)).unwrap_or(0));
    if screen.json {
        return screen.json_only(|writer| {
            writer
                .text("queue", &directory.to_string_lossy())
                .number("waiting", counts.pending as u64)
                .number("waiting_bytes", counts.pending_bytes)
                .number("failed", counts.failed as u64)
                .number("failed_bytes", counts.failed_bytes)
                .optional_text("oldest", counts.oldest.map(iso8601).as_deref());
            if let Some(age) = age {
                writer.number("oldest_age", age);
            }
        });
    }
    let age = age.map(|seconds| format!(", the oldest for {}", duration(seconds))).unwrap_or_default();
    print(|out| {
        writeln!(out, "{}: {} waiting, {} bytes{age}", directory.display(), counts.pending, counts.pending_bytes)?;
        if counts.failed > 0 {
            writeln!(
                out,
                "{} failed, {} bytes: homing queue list says why, homing queue retry failed tries them again",
                counts.failed, counts.failed_bytes
            )?;
        }
        Ok(())
    })?;
    Ok(0)
}

/// Does `action` to each entry that was selected; those that cannot be found or changed do not stop the others.
fn change(
    queue: &Queue,
    selection: &Selection,
    result: &str,
    screen: &mut Screen,
    action: impl Fn(&EntryId) -> Result<&'static str>,
) -> Result<u8> {
    let targets: Vec<(String, Result<EntryId>)> = match selection {
        Selection::Ids(ids) => ids.iter().map(|text| (text.clone(), queue.find(text))).collect(),
        Selection::Failed => queue.failed()?.into_iter().map(|id| (id.to_string(), Ok(id))).collect(),
    };
    let mut errors: Vec<Error> = Vec::new();
    for (name, target) in targets {
        match target.and_then(|id| action(&id)) {
            Ok(text) => screen.done(&format!("{name}: {text}"), |writer| {
                writer.text("entry", &name).text("result", result);
            })?,
            Err(error) => {
                complain(&error.clone().context(&name));
                screen.json_only(|writer| {
                    writer.text("entry", &name).text("result", "failed");
                    write_error(writer, &error);
                })?;
                errors.push(error);
            }
        }
    }
    Ok(worst(errors.iter()))
}

/// Why it has failed, or did when it was last attempted.
fn reason(entry: &Entry) -> Option<&Reason> {
    entry.failed.as_ref().or(entry.metadata.last_error.as_ref())
}

/// On one line, and nothing in it that a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_largest_unit_that_says_enough() {
        let said: Vec<String> = [0, 119, 120, 7199, 7200, 172_799, 172_800].into_iter().map(duration).collect();
        assert_eq!(said, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\nb"), "a?[2J?b");
    }
}

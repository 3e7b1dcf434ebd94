//! `docker-credential-homing`: the protocol by which Docker and its kin ask a program for a registry's password.
//!
//! github.com/docker/docker-credential-helpers: the action is the one argument; `get` reads the server from standard
//! input; errors go to standard output, and the program then ends with an exit code other than 0.

use super::{ecr_password, screen};
use crate::aws::ecr_registry::Registry;
use crate::cli::DockerAction;
use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::protocol::json::ObjectWriter;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// Answers, on standard output, and gives the exit code. `config` is asked for when it is needed.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(config: impl FnOnce() -> Result<Box<Config>>, action: DockerAction) -> Result<u8> {
    let answered = match action {
        DockerAction::Get => get(config),
        DockerAction::List => list(config),
        DockerAction::Store => return store(),
        // Nothing is kept, so what was to be forgotten is.
        DockerAction::Erase => return Ok(0),
        DockerAction::Version => return say(VERSION, 0),
    };
    match answered {
        Ok(Some(answer)) => {
            screen::print(|out| {
                out.write_all(&answer)?;
                out.write_all(b"\n")
            })?;
            Ok(0)
        }
        Ok(None) => say(NOT_FOUND, NOT_FOUND_CODE),
        Err(error) => say(&in_one_line(&error), error.exit_code()),
    }
}

/// `None`: the server is none of ECR's.
fn get(config: impl FnOnce() -> Result<Box<Config>>) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut server = String::new();
    let read = std::io::stdin().lock().take(SERVER_MAXIMUM).read_to_string(&mut server);
    read.map_err(|error| Error::new(Fault::Io, "read_failed", format!("cannot read the server's name: {error}")))?;
    let server = server.trim();
    if server.is_empty() {
        return Err(Error::new(Fault::Data, "no_server", NO_SERVER));
    }
    let Some(registry) = Registry::of_server(server) else { return Ok(None) };
    let login = ecr_password::fetch(&*config()?, Some(registry))?;
    object(|writer| {
        writer.text("ServerURL", server).text("Username", login.user()).text("Secret", login.password());
    })
    .map(Some)
}

/// The registry of the account in the configured region.
fn list(config: impl FnOnce() -> Result<Box<Config>>) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let login = ecr_password::fetch(&*config()?, None)?;
    object(|writer| {
        if !login.registry.is_empty() {
            writer.text(&login.registry, login.user());
        }
    })
    .map(Some)
}

/// As amazon-ecr-credential-helper answers: to claim that a password was kept would be a lie, but for those who log in
/// all the same there is its variable. Standard input is left unread: there is a password in it.
fn store() -> Result<u8> {
    match std::env::var(IGNORE_STORE) {
        Ok(value) if value.eq_ignore_ascii_case("true") => Ok(0),
        _ => say(NOT_STORED, Fault::Usage.exit_code()),
    }
}

fn object(write: impl Fn(&mut ObjectWriter<'_>)) -> Result<Zeroizing<Vec<u8>>> {
    let mut answer = Zeroizing::new(vec![0; ANSWER_CAPACITY]);
    let mut writer = ObjectWriter::new(&mut answer);
    write(&mut writer);
    let length = writer.finish().map_err(|_| Error::new(Fault::Data, "answer_too_long", "the answer is too long"))?;
    answer.truncate(length);
    Ok(answer)
}

fn say(text: &str, code: u8) -> Result<u8> {
    screen::print(|out| writeln!(out, "{text}"))?;
    Ok(code)
}

/// Docker shows what it is told in quotes, with `\n` for a line's end.
fn in_one_line(error: &Error) -> String {
    match error.remedy() {
        _ if error.message() == NO_SERVER => NO_SERVER.to_owned(),
        Some(remedy) => format!("homing: {}; try: {remedy}", error.message()).replace('\n', " "),
        None => format!("homing: {}", error.message()).replace('\n', " "),
    }
}

/// By these very words Docker knows that it may go on without a password.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// What helpers written with Docker's library end with.
const NOT_FOUND_CODE: u8 = 1;
/// These words too are the library's.
const NO_SERVER: &str = "no credentials server URL";
const NOT_STORED: &str =
    "not implemented: homing keeps no passwords, it fetches one for every pull; there is no need to log in";
const VERSION: &str = concat!("docker-credential-homing (homing) ", env!("CARGO_PKG_VERSION"));
/// amazon-ecr-credential-helper's README: pretends that storing a password succeeded.
const IGNORE_STORE: &str = "AWS_ECR_IGNORE_CREDS_STORAGE";
/// Longer than any host name with a path behind it.
const SERVER_MAXIMUM: u64 = 2048;
/// A password of 8 KiB and a server's name, each byte escaped to two, and the rest.
const ANSWER_CAPACITY: usize = 24 * 1024;

//! The sandbox's own command line.

use std::ffi::OsString;

use homing_sandbox::{Fault, SandboxBuilder, Service};
use lexopt::prelude::*;

/// What is asked for.
pub(crate) enum Command {
    Help,
    Serve(Box<ServeOptions>),
    /// Arguments for homing, the command first.
    Homing(Vec<OsString>),
}

/// How to serve.
pub(crate) struct ServeOptions {
    pub(crate) builder: SandboxBuilder,
    pub(crate) faults: Vec<(Service, Fault)>,
    pub(crate) clock_offsets: Vec<(Service, i64)>,
}

/// Reads the process's arguments.
pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    match parser.next()? {
        None | Some(Short('h') | Long("help")) => Ok(Command::Help),
        Some(Value(command)) if command == "help" => Ok(Command::Help),
        Some(Value(command)) if command == "serve" => serve(parser),
        Some(Value(command)) if HOMING_COMMANDS.iter().any(|known| command == *known) => {
            Ok(Command::Homing(std::iter::once(command).chain(parser.raw_args()?).collect()))
        }
        Some(Value(command)) => Err(format!("unknown command '{}'", command.to_string_lossy()).into()),
        Some(argument) => Err(argument.unexpected()),
    }
}

fn serve(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options =
        ServeOptions { builder: SandboxBuilder::default(), faults: Vec::new(), clock_offsets: Vec::new() };
    while let Some(argument) = parser.next()? {
        let builder = options.builder.clone();
        match argument {
            Long("thing-name") => options.builder = builder.thing_name(&parser.value()?.string()?),
            Long("role-alias") => options.builder = builder.role_alias(&parser.value()?.string()?),
            Long("region") => options.builder = builder.region(&parser.value()?.string()?),
            Long("bucket") => options.builder = builder.bucket(&parser.value()?.string()?),
            Long("token-length") => options.builder = builder.token_length(parser.value()?.parse()?),
            Long("lifetime") => {
                let seconds = parser.value()?.parse()?;
                options.builder = builder.credential_lifetime(std::time::Duration::from_secs(seconds));
            }
            Long("versioned") => options.builder = builder.versioned(true),
            Long("fault") => options.faults.push(homing_sandbox::parse_fault(&parser.value()?.string()?)?),
            Long("clock") => {
                let text = parser.value()?.string()?;
                let (service, seconds) = text.split_once('=').ok_or("--clock takes SERVICE=SECONDS")?;
                let seconds = seconds.parse().map_err(|error| format!("--clock {text}: {error}"))?;
                options.clock_offsets.push((service.parse()?, seconds));
            }
            Short('h') | Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Serve(Box::new(options)))
}

/// The commands of homing that make sense against a sandbox that is gone afterwards.
const HOMING_COMMANDS: [&str; 4] = ["send", "put", "publish", "credentials"];
/// As in sysexits.
pub(crate) const USAGE: u8 = 64;

pub(crate) const HELP: &str = "\
A local stand-in AWS: credential provider, S3, MQTT and HTTPS publish, on loopback only.

cargo sandbox send FILE… [further arguments of homing send]
    builds homing, runs it against a fresh sandbox, prints what arrived, exits with homing's code
cargo sandbox put|publish|credentials [arguments of that homing command]
    the same for homing's other commands
cargo sandbox serve [options]
    keeps a sandbox running, prints the path of a ready config.json and every arrival

Options of serve:
    --thing-name NAME  --role-alias ALIAS  --region REGION  --bucket BUCKET
    --token-length CHARACTERS   length of session tokens (900)
    --lifetime SECONDS          life of credentials (3600)
    --versioned                 puts are answered with a version identifier
    --clock SERVICE=SECONDS     that service's clock is off by so much
    --fault SERVICE:FAULT[,FAULT…]
        SERVICE  credentials, s3, mqtt, publish, container
        FAULT    delay=SECONDS  reset-request=BYTES  reset-reply=BYTES  silent-connection  silent-reply
                 connack=REASON  puback=REASON  disconnect=REASON  close  no-puback   (mqtt; REASON as 0x87)
                 times=COUNT  skip=COUNT
                 answer=NAME: malformed-json, oversized, truncated, not-found, captive-portal, slow-down,
                 ok-with-error, early-403, redirect-301, time-skewed, or a status number
";

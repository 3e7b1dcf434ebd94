//! The sandbox's own command line.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use homing_sandbox::{Fault, Sandbox, SandboxBuilder, Service, parse_fault};
use lexopt::prelude::*;

/// What is asked for.
pub(crate) enum Command {
    Help,
    Serve,
    /// Arguments for homing, the command first.
    Homing(Vec<OsString>),
}

/// What kind of sandbox is asked for.
#[derive(Default)]
pub(crate) struct SandboxOptions {
    builder: SandboxBuilder,
    faults: Vec<(Service, Fault)>,
    clock_offsets: Vec<(Service, i64)>,
}

impl SandboxOptions {
    /// Starts a sandbox of that kind.
    pub(crate) fn start(self) -> io::Result<Sandbox> {
        let sandbox = self.builder.start()?;
        for (service, fault) in self.faults {
            sandbox.set_fault(service, fault);
        }
        for (service, seconds) in self.clock_offsets {
            sandbox.set_clock_offset(service, seconds);
        }
        Ok(sandbox)
    }
}

/// Reads the process's arguments. Everything behind a command of homing is homing's.
pub(crate) fn parse() -> Result<(Command, SandboxOptions), lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut options = SandboxOptions::default();
    let mut command = Command::Help;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok((Command::Help, options)),
            Value(name) if name == "help" => return Ok((Command::Help, options)),
            Value(name) if name == "serve" && matches!(command, Command::Help) => command = Command::Serve,
            Value(name) if HOMING_COMMANDS.iter().any(|known| name == *known) && matches!(command, Command::Help) => {
                let arguments = std::iter::once(name).chain(parser.raw_args()?).collect();
                return Ok((Command::Homing(arguments), options));
            }
            Value(name) => return Err(format!("unknown command '{}'", name.to_string_lossy()).into()),
            Long(name) => {
                let name = name.to_owned();
                option(&name, &mut parser, &mut options)?;
            }
            Short(_) => return Err(argument.unexpected()),
        }
    }
    Ok((command, options))
}

fn option(name: &str, parser: &mut lexopt::Parser, options: &mut SandboxOptions) -> Result<(), lexopt::Error> {
    let builder = options.builder.clone();
    match name {
        "thing-name" => options.builder = builder.thing_name(&parser.value()?.string()?),
        "role-alias" => options.builder = builder.role_alias(&parser.value()?.string()?),
        "region" => options.builder = builder.region(&parser.value()?.string()?),
        "bucket" => options.builder = builder.bucket(&parser.value()?.string()?),
        "token-length" => options.builder = builder.token_length(parser.value()?.parse()?),
        "lifetime" => options.builder = builder.credential_lifetime(Duration::from_secs(parser.value()?.parse()?)),
        "folder" => options.builder = builder.folder(Path::new(&parser.value()?)),
        "versioned" => options.builder = builder.versioned(true),
        "fault" => options.faults.push(parse_fault(&parser.value()?.string()?)?),
        "clock" => {
            let text = parser.value()?.string()?;
            let (service, seconds) = text.split_once('=').ok_or("--clock takes SERVICE=SECONDS")?;
            let seconds = seconds.parse().map_err(|error| format!("--clock {text}: {error}"))?;
            options.clock_offsets.push((service.parse()?, seconds));
        }
        _ => return Err(format!("unknown option '--{name}'").into()),
    }
    Ok(())
}

/// The commands of homing that make sense against a sandbox that is gone afterwards.
const HOMING_COMMANDS: [&str; 6] = ["send", "put", "publish", "check", "credentials", "codeartifact"];
/// As in sysexits.
pub(crate) const USAGE: u8 = 64;

pub(crate) const HELP: &str = "\
A local stand-in AWS: credential provider, S3, MQTT and HTTPS publish, CodeArtifact, on loopback only.

cargo sandbox [options] send FILE… [further arguments of homing send]
    builds homing, runs it against a fresh sandbox, prints what arrived, exits with homing's code
cargo sandbox [options] put|publish|check|credentials|codeartifact [arguments of that homing command]
    the same for homing's other commands
cargo sandbox [options] serve
    keeps a sandbox running, prints the path of a ready config.json and every arrival

Options:
    --thing-name NAME  --role-alias ALIAS  --region REGION  --bucket BUCKET
    --token-length CHARACTERS   length of session tokens (900)
    --lifetime SECONDS          life of credentials (3600)
    --folder FOLDER             where config.json, certificates and objects are; made now, removed at the end
    --versioned                 puts are answered with a version identifier
    --clock SERVICE=SECONDS     that service's clock is off by so much
    --fault SERVICE:FAULT[,FAULT…]
        SERVICE  credentials, s3, mqtt, publish, container, codeartifact, repositories,
                 sts
        FAULT    delay=SECONDS  reset-request=BYTES  reset-reply=BYTES  silent-connection  silent-reply
                 connack=REASON  puback=REASON  disconnect=REASON  close  no-puback   (mqtt; REASON as 0x87)
                 times=COUNT  skip=COUNT
                 answer=NAME: malformed-json, oversized, truncated, not-found, captive-portal, slow-down,
                 ok-with-error, early-403, redirect-301, time-skewed, or a status number
";

//! argv → [`Arguments`]: the command with what it was told, and the configuration flags for [`crate::config`].
//!
//! Flags may stand before and behind the other arguments, until `--`; what stands behind the name of a command that
//! homing is to run is that command's. Secrets are never accepted here: every process on the device can read another's
//! arguments.

mod check;
pub mod codeartifact;
pub mod commands;
mod credentials;
mod csr;
mod docker_credential;
mod drain;
mod dynamodb;
mod ecr;
mod exec;
mod get;
mod git;
pub mod help;
mod init;
mod message;
mod object;
mod object_url;
mod presign;
mod publish;
mod put;
mod queue;
mod secret;
mod send;
mod serve;
mod status;

pub use check::Check;
pub use codeartifact::Codeartifact;
pub use credentials::CredentialsFormat;
pub use csr::{Csr, RequestTarget};
pub use docker_credential::{DockerAction, with_command_of_name};
pub use drain::Drain;
pub use dynamodb::{Condition, PutItem};
pub use exec::Exec;
pub use get::{Get, Target};
pub use git::{GitCredential, GitHost, GitOperation, GitPassword, GitSecret};
pub use init::{Init, Origin};
pub use message::Message;
pub use object::{ObjectHeaders, known_sse, known_storage_class};
pub use presign::{Expires, Presign};
pub use publish::Publish;
pub use put::{AbortStale, Put};
pub use queue::{QueueAction, Selection};
pub use secret::{GetSecret, SecretReference, SecretVariable};
pub use send::{Queueing, Send};
pub use serve::Serve;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::config::suggest::nearest;
use crate::error::{Error, Fault, Result};
use crate::options::{
    self, CHECK, CODEARTIFACT, CSR, DOCKER_CREDENTIAL, DRAIN, DYNAMODB, ECR, EXEC, GET, GIT_CREDENTIAL, INIT, Id, Kind,
    OPTIONS, Opt, PRESIGN, PUBLISH, PUT, QUEUE, SECRET, SEND, SERVE, STATUS,
};

/// A command line, understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub command: Command,
    /// The configuration flags in the order given, for [`crate::config::Config::load`].
    pub settings: Vec<(Id, OsString)>,
    /// Whether outcomes are printed as JSON lines.
    pub json: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// `homing send FILE…`
    Send(Send),
    /// `homing drain`
    Drain(Drain),
    /// `homing queue ACTION`
    Queue(QueueAction),
    /// `homing put FILE s3://BUCKET/KEY`
    Put(Put),
    /// `homing put --abort-stale s3://BUCKET`
    AbortStale(AbortStale),
    /// `homing get s3://BUCKET/KEY FILE`
    Get(Get),
    /// `homing presign s3://BUCKET/KEY`
    Presign(Presign),
    /// `homing publish TOPIC`
    Publish(Publish),
    /// `homing check`
    Check(Check),
    /// `homing credentials`
    Credentials(CredentialsFormat),
    /// `homing codeartifact …`
    Codeartifact(Codeartifact),
    /// `homing exec -- CMD…`
    Exec(Exec),
    /// `homing serve`
    Serve(Serve),
    /// `homing secret get ID`
    GetSecret(GetSecret),
    /// `homing git-credential get`
    GitCredential(GitCredential),
    /// `homing ecr password`; of the public registry or of the account's own.
    EcrPassword {
        /// Whether it is the public registry's.
        public: bool,
    },
    /// `homing docker-credential ACTION`
    DockerCredential(DockerAction),
    /// `homing dynamodb put-item TABLE`
    PutItem(PutItem),
    /// `homing init`
    Init(Init),
    /// `homing csr`
    Csr(Csr),
    /// `homing status`
    Status,
    /// Print this text to standard output and be done.
    Help(String),
    /// Print the version and be done.
    Version,
}

impl Command {
    /// The command's name, where `--status-file` tells of it.
    pub fn reported(&self) -> Option<&'static str> {
        match self {
            Self::Send(_) => Some("send"),
            Self::Drain(_) => Some("drain"),
            Self::Put(_) => Some("put"),
            Self::Get(_) => Some("get"),
            Self::Publish(_) => Some("publish"),
            _ => None,
        }
    }

    /// What gets an outcome when it fails: each file to be delivered, and what does not come from one.
    pub fn deliveries(&self) -> impl Iterator<Item = Option<&Path>> {
        let (files, other): (&[PathBuf], _) = match self {
            Self::Send(command) => (&command.files, None),
            Self::Put(command) => (std::slice::from_ref(&command.file), None),
            Self::Get(Get { target: Target::File(file), .. }) => (std::slice::from_ref(file), None),
            Self::Publish(Publish { message: Message::File(file), .. }) => (std::slice::from_ref(file), None),
            Self::PutItem(PutItem { item: Message::File(file), .. }) => (std::slice::from_ref(file), None),
            Self::Publish(_) | Self::PutItem(_) | Self::Credentials(_) | Self::Codeartifact(_) => (&[], Some(None)),
            Self::Get(_)
            | Self::Drain(_)
            | Self::Queue(_)
            | Self::AbortStale(_)
            | Self::Presign(_)
            | Self::Exec(_)
            | Self::Serve(_)
            | Self::Check(_)
            | Self::GetSecret(_)
            | Self::GitCredential(_)
            | Self::EcrPassword { .. }
            | Self::DockerCredential(_)
            | Self::Init(_)
            | Self::Csr(_)
            | Self::Status
            | Self::Help(_)
            | Self::Version => (&[], None),
        };
        files.iter().map(|file| Some(file.as_path())).chain(other)
    }
}

/// Understands a command line; the first argument is the program's name.
///
/// # Errors
/// [`Fault::Usage`], with the nearest known name and the command's usage line where they help.
pub fn parse<I>(arguments: I) -> Result<Arguments>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    let arguments = with_command_of_name(arguments.into_iter().map(Into::into));
    let given = Given::read(lexopt::Parser::from_iter(arguments))?;
    let Some((name, positionals)) = given.positionals.split_first() else {
        let command = match given.has(Id::Version) && !given.has(Id::Help) {
            true => Command::Version,
            false => Command::Help(help::overview()),
        };
        return Ok(given.arguments(command, Id::EndpointUrl));
    };
    if name == "help" {
        let text = match positionals.first() {
            None => help::overview(),
            Some(name) => help::command(commands::find(name).ok_or_else(|| unknown_command(name))?),
        };
        return Ok(given.arguments(Command::Help(text), Id::EndpointUrl));
    }
    let command = commands::find(name).ok_or_else(|| unknown_command(name))?;
    if given.has(Id::Help) {
        return Ok(given.arguments(Command::Help(help::command(command)), command.endpoint));
    }
    if given.has(Id::Version) {
        return Ok(given.arguments(Command::Version, command.endpoint));
    }
    let parsed = given.command(command, positionals).map_err(|error| with_usage(error, command))?;
    let endpoint = match &parsed {
        Command::Exec(exec) => exec.endpoint(),
        _ => command.endpoint,
    };
    Ok(given.arguments(parsed, endpoint))
}

/// The flags and other arguments as they were given.
struct Given {
    flags: Vec<(&'static Opt, OsString)>,
    positionals: Vec<OsString>,
}

impl Given {
    fn read(mut parser: lexopt::Parser) -> Result<Self> {
        let mut given = Self { flags: Vec::new(), positionals: Vec::new() };
        loop {
            let (option, name, is_long) = match parser.next() {
                Ok(None) => return Ok(given),
                Ok(Some(lexopt::Arg::Value(value))) => {
                    given.positionals.push(value);
                    if let [name, _] = &*given.positionals
                        && RUNNING_A_COMMAND.iter().any(|running| name == running)
                    {
                        // Fails only within a cluster of short flags.
                        given.positionals.extend(parser.raw_args().into_iter().flatten());
                    }
                    continue;
                }
                Ok(Some(lexopt::Arg::Long(name))) => (options::by_flag(name), format!("--{name}"), true),
                Ok(Some(lexopt::Arg::Short(letter))) => (options::by_short(letter), format!("-{letter}"), false),
                // lexopt's own text would repeat the value.
                Err(lexopt::Error::UnexpectedValue { option, .. }) => {
                    return Err(given.in_context(usage("unexpected_value", format!("{option} takes no value"))));
                }
                Err(_) => return Err(given.in_context(usage("wrong_arguments", "the arguments cannot be understood"))),
            };
            let Some(option) = option else {
                return Err(given.in_context(unknown_flag(&name)));
            };
            let value = match option.kind {
                Kind::Count => OsString::from("true"),
                Kind::Bool if is_long => parser.optional_value().unwrap_or_else(|| "true".into()),
                Kind::Bool => "true".into(),
                _ => parser.value().map_err(|_| {
                    given.in_context(usage("missing_value", format!("{name} needs a value: {}", option.placeholder())))
                })?,
            };
            if !option.is_configuration() && matches!(option.kind, Kind::Bool) && value != "true" && value != "false" {
                return Err(given.in_context(usage("unexpected_value", format!("{name} is neither true nor false"))));
            }
            given.flags.push((option, value));
        }
    }

    /// Adds the usage line of the command, where it was named before the mistake.
    fn in_context(&self, error: Error) -> Error {
        match self.positionals.first().and_then(|name| commands::find(name)) {
            Some(command) => with_usage(error, command),
            None if error.remedy().is_none() => error.with_remedy("homing help"),
            None => error,
        }
    }

    fn last(&self, id: Id) -> Option<&OsStr> {
        self.flags.iter().rev().find(|(option, _)| option.id == id).map(|(_, value)| value.as_os_str())
    }

    fn all(&self, id: Id) -> impl Iterator<Item = &OsStr> {
        self.flags.iter().filter(move |(option, _)| option.id == id).map(|(_, value)| value.as_os_str())
    }

    fn has(&self, id: Id) -> bool {
        self.last(id).is_some_and(|value| value == "true")
    }

    fn text(&self, id: Id) -> Result<Option<&str>> {
        let not_utf8 = || usage("not_utf8", format!("--{}: the value is not UTF-8", id.option().flag));
        self.last(id).map(|value| value.to_str().ok_or_else(not_utf8)).transpose()
    }

    fn choice(&self, id: Id) -> Result<Option<&'static str>> {
        let Kind::Choice(words) = id.option().kind else { return Ok(None) };
        self.word(id, words)
    }

    /// One of these words, for a flag whose words depend on the command.
    fn word(&self, id: Id, words: &[&'static str]) -> Result<Option<&'static str>> {
        let Some(text) = self.text(id)? else { return Ok(None) };
        let found = words.iter().copied().find(|word| *word == text);
        let flag = id.option().flag;
        found
            .map(Some)
            .ok_or_else(|| usage("invalid_value", format!("--{flag}: \"{text}\" is none of {}", words.join(", "))))
    }

    fn arguments(&self, command: Command, endpoint: Id) -> Arguments {
        let is_setting = |option: &Opt| option.is_configuration() || matches!(option.id, Id::Config | Id::ConfigJson);
        let settings = self.flags.iter().filter(|(option, _)| is_setting(option));
        let verbosity = self.all(Id::Verbose).count();
        let mut settings: Vec<(Id, OsString)> = settings
            .map(|(option, value)| (if option.id == Id::EndpointUrl { endpoint } else { option.id }, value.clone()))
            .collect();
        if self.has(Id::NoCache) {
            settings.push((Id::CredentialCache, "false".into()));
        }
        Arguments { command, settings, json: self.has(Id::Json), verbosity: u8::try_from(verbosity).unwrap_or(u8::MAX) }
    }

    fn command(&self, command: &commands::CommandHelp, positionals: &[OsString]) -> Result<Command> {
        self.check_flags(command)?;
        match command.commands {
            SEND => self.send(positionals),
            DRAIN => self.drain(positionals),
            QUEUE => self.queue(positionals),
            PUT => self.put(positionals),
            GET => self.get(positionals),
            PRESIGN => self.presign(positionals),
            PUBLISH => self.publish(positionals),
            CHECK => self.check(positionals),
            EXEC => self.exec(positionals),
            SERVE => self.serve(positionals),
            SECRET => self.secret(positionals),
            GIT_CREDENTIAL => self.git_credential(positionals),
            CODEARTIFACT => self.codeartifact(positionals),
            ECR => self.ecr(positionals),
            DOCKER_CREDENTIAL => self.docker_credential(positionals),
            DYNAMODB => self.dynamodb(positionals),
            INIT => self.init(positionals),
            CSR => self.csr(positionals),
            STATUS => self.status(positionals),
            _ => self.credentials(positionals),
        }
    }

    /// A configuration flag may be given to every command, so that a script can give the same to all.
    fn check_flags(&self, command: &commands::CommandHelp) -> Result<()> {
        let foreign = |option: &Opt| !option.is_configuration() && !option.commands.intersects(command.commands);
        match self.flags.iter().find(|(option, _)| foreign(option)) {
            None => Ok(()),
            Some((option, _)) => {
                Err(usage("unknown_flag", format!("--{} is no flag of homing {}", option.flag, command.name)))
            }
        }
    }
}

fn usage(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(Fault::Usage, code, message)
}

fn with_usage(error: Error, command: &commands::CommandHelp) -> Error {
    let usage = format!("homing {} {}   (all about it: homing help {})", command.name, command.arguments, command.name);
    let remedy = match error.remedy() {
        Some(remedy) => format!("{remedy}\n  usage: {usage}"),
        None => usage,
    };
    error.with_remedy(remedy)
}

fn unknown_command(name: &OsStr) -> Error {
    let error = usage("unknown_command", format!("there is no command {name:?}"));
    let names = commands::COMMANDS.iter().map(|command| command.name).chain(["help"]);
    match nearest(&name.to_string_lossy(), names) {
        Some(meant) => error.with_remedy(format!("did you mean homing {meant}?")),
        None => error.with_remedy("homing help"),
    }
}

fn unknown_flag(name: &str) -> Error {
    let error = usage("unknown_flag", format!("there is no flag {name}"));
    let bare = name.trim_start_matches('-');
    if FLAGS_OF_SECRETS.iter().any(|part| bare.contains(part)) {
        return error.with_remedy(
            "secrets are never taken as arguments, which every process can read: put them in the environment (AWS_SECRET_ACCESS_KEY …) or use the device certificate",
        );
    }
    if FLAGS_AGAINST_VERIFICATION.contains(&bare) {
        return error.with_remedy("verification cannot be turned off: name the authority to trust with --ca-file FILE");
    }
    let flags = OPTIONS.iter().map(|option| option.flag).filter(|flag| !flag.is_empty());
    match nearest(bare, flags).filter(|_| name.starts_with("--")) {
        Some(meant) => error.with_remedy(format!("did you mean --{meant}?")),
        None => error,
    }
}

/// The commands that run another: its flags are not homing's.
const RUNNING_A_COMMAND: &[&str] = &["exec", "serve"];
/// Parts of flags that other tools have for secrets.
const FLAGS_OF_SECRETS: &[&str] = &["secret", "password", "session-token", "access-key"];
/// Flags that other tools have to turn verification off.
const FLAGS_AGAINST_VERIFICATION: &[&str] = &["insecure", "no-verify-ssl", "no-verify", "no-check-certificate", "k"];

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;

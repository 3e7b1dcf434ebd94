//! A command line from its words to its exit code.

use crate::cli::{self, Arguments, Command};
use crate::config::{Config, Monitoring};
use crate::error::{Error, Result};
use crate::job::status::StatusFile;
use crate::job::{
    Screen, abort_stale, check, codeartifact, csr, docker_credential, drain, dynamodb_put_item, ecr_password, exec,
    get, git_credential, init, presign, publish, put, queue, screen, secret, send, serve, show_credentials,
    show_status,
};
use crate::logging;
use std::ffi::OsString;
use std::io::Write;

/// Does what the arguments say (the first is the program's name), prints what there is to say, and gives the exit
/// code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let told = |error: Error| {
        screen::complain(&error);
        error.exit_code()
    };
    let arguments = match cli::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return told(error),
    };
    let monitoring = match arguments.command {
        Command::Help(_) | Command::Version => Monitoring::default(),
        _ => Monitoring::load(&arguments.settings),
    };
    logging::start(arguments.verbosity, monitoring.syslog);
    let mut screen = Screen::new(arguments.json, arguments.verbosity > 0);
    let status = StatusFile::new(&monitoring);
    let done = done(&arguments, &mut screen, status.as_ref());
    let code = match &done {
        Ok(code) => *code,
        Err(error) => told(error.clone()),
    };
    if let (Some(command), Some(file)) = (arguments.command.reported(), &status) {
        file.report(command, code, done.as_ref().err().or(screen.last_error.as_ref()));
    }
    code
}

fn done(arguments: &Arguments, screen: &mut Screen, status: Option<&StatusFile>) -> Result<u8> {
    let print = |text: &str| screen::print(|out| out.write_all(text.as_bytes())).map(|()| 0);
    // In a box, because a copy of it at each of the calls below would be 300 bytes.
    let config = || {
        let config = Box::new(Config::load(&arguments.settings)?);
        config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        Ok(config)
    };
    let done = match &arguments.command {
        Command::Help(text) => print(text),
        Command::Version => print(cli::help::version()),
        Command::Send(command) => config().and_then(|config| send::run(&config, command, screen)),
        Command::Drain(command) => config().and_then(|config| drain::run(&config, command, screen, status)),
        Command::Queue(action) => config().and_then(|config| queue::run(&config, action, screen)),
        Command::Put(command) => config().and_then(|config| put::run(&config, command, screen)),
        Command::AbortStale(command) => config().and_then(|config| abort_stale::run(&config, command, screen)),
        Command::Get(command) => config().and_then(|config| get::run(&config, command, screen)),
        Command::Presign(command) => config().and_then(|config| presign::run(&config, command, screen)),
        Command::Publish(command) => config().and_then(|config| publish::run(&config, command, screen)),
        Command::Check(command) => check::run(&arguments.settings, command, screen),
        Command::Credentials(format) => config().and_then(|config| show_credentials::run(&config, *format)),
        Command::Codeartifact(command) => codeartifact::run(config, command, screen),
        Command::Exec(command) => config().and_then(|config| exec::run(&config, command)),
        Command::Serve(command) => config().and_then(|config| serve::run(&config, command)),
        Command::GetSecret(command) => config().and_then(|config| secret::run(&config, command)),
        Command::GitCredential(command) => git_credential::run(config, command),
        Command::EcrPassword { public } => config().and_then(|config| ecr_password::run(&config, *public)),
        Command::DockerCredential(action) => docker_credential::run(config, *action),
        Command::Init(command) => init::run(command, &arguments.settings, screen),
        Command::Csr(command) => config().and_then(|config| csr::run(&config, command, screen)),
        Command::Status => config().and_then(|config| show_status::run(&config, status, screen)),
        Command::PutItem(command) => config().and_then(|config| dynamodb_put_item::run(&config, command, screen)),
    };
    if let Err(error) = &done {
        screen.none_of(arguments.command.deliveries(), error)?;
    }
    done
}

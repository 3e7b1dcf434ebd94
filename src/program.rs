//! A command line from its words to its exit code.

use crate::cli::{self, Command};
use crate::config::Config;
use crate::error::Result;
use crate::job::{
    Screen, abort_stale, codeartifact, docker_credential, drain, dynamodb_put_item, ecr_password, exec, get,
    git_credential, presign, publish, put, queue, screen, secret, send, serve, show_credentials,
};
use crate::logging;
use std::ffi::OsString;
use std::io::Write;

/// Does what the arguments say (the first is the program's name), prints what there is to say, and gives the exit
/// code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match understood(arguments) {
        Ok(code) => code,
        Err(error) => {
            screen::complain(&error);
            error.exit_code()
        }
    }
}

fn understood(arguments: impl IntoIterator<Item = OsString>) -> Result<u8> {
    let arguments = cli::parse(arguments)?;
    logging::start(arguments.verbosity);
    let print = |text: &str| screen::print(|out| out.write_all(text.as_bytes())).map(|()| 0);
    let config = || {
        let config = Config::load(&arguments.settings)?;
        config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        Ok(config)
    };
    let mut screen = Screen::new(arguments.json, arguments.verbosity > 0);
    let done = match &arguments.command {
        Command::Help(text) => print(text),
        Command::Version => print(cli::help::version()),
        Command::Send(command) => config().and_then(|config| send::run(&config, command, &mut screen)),
        Command::Drain(command) => config().and_then(|config| drain::run(&config, command, &mut screen)),
        Command::Queue(action) => config().and_then(|config| queue::run(&config, action, &mut screen)),
        Command::Put(command) => config().and_then(|config| put::run(&config, command, &mut screen)),
        Command::AbortStale(command) => config().and_then(|config| abort_stale::run(&config, command, &screen)),
        Command::Get(command) => config().and_then(|config| get::run(&config, command, &mut screen)),
        Command::Presign(command) => config().and_then(|config| presign::run(&config, command, &screen)),
        Command::Publish(command) => config().and_then(|config| publish::run(&config, command, &mut screen)),
        Command::Credentials(format) => config().and_then(|config| show_credentials::run(&config, *format)),
        Command::Codeartifact(command) => codeartifact::run(config, command, &screen),
        Command::Exec(command) => config().and_then(|config| exec::run(&config, command)),
        Command::Serve(command) => config().and_then(|config| serve::run(&config, command)),
        Command::GetSecret(command) => config().and_then(|config| secret::run(&config, command)),
        Command::GitCredential(command) => git_credential::run(config, command),
        Command::EcrPassword { public } => config().and_then(|config| ecr_password::run(&config, *public)),
        Command::DockerCredential(action) => docker_credential::run(config, *action),
        Command::PutItem(command) => config().and_then(|config| dynamodb_put_item::run(&config, command, &mut screen)),
    };
    if let Err(error) = &done {
        screen.none_of(arguments.command.deliveries(), error)?;
    }
    done
}

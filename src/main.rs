//! argv → command → exit code; the only place that exits.

use homing::cli::{self, Command};
use homing::config::Config;
use homing::error::Result;
use homing::job::{Screen, publish, put, screen, send, show_credentials};
use homing::logging;
use std::process::ExitCode;

fn main() -> ExitCode {
    // No core dump and no debugger sees the keys. Where the kernel refuses, there is nothing to be done about it.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            screen::complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<u8> {
    let arguments = cli::parse(std::env::args_os())?;
    logging::start(arguments.verbosity);
    let print = |text: &str| screen::print(|out| std::io::Write::write_all(out, text.as_bytes())).map(|()| 0);
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
        Command::Put(command) => config().and_then(|config| put::run(&config, command, &mut screen)),
        Command::Publish(command) => config().and_then(|config| publish::run(&config, command, &mut screen)),
        Command::Credentials(format) => config().and_then(|config| show_credentials::run(&config, *format)),
    };
    if let Err(error) = &done {
        screen.none_of(arguments.command.deliveries(), error)?;
    }
    done
}

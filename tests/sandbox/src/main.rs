//! `cargo sandbox`: runs homing against a local stand-in AWS, or keeps one running for trying by hand.
#![forbid(unsafe_code)]

mod cli {
    pub(crate) mod deliver;
    pub(crate) mod homing;
    pub(crate) mod options;
    pub(crate) mod serve;
    pub(crate) mod signals;
}

use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match cli::options::parse() {
        Ok((cli::options::Command::Help, _)) => {
            print!("{}", cli::options::HELP);
            Ok(0)
        }
        Ok((cli::options::Command::Serve, options)) => cli::serve::serve(options).map(|()| 0),
        Ok((cli::options::Command::Homing(arguments), options)) => cli::deliver::deliver(&arguments, options),
        Err(error) => {
            eprintln!("sandbox: {error}\n\n{}", cli::options::HELP);
            return ExitCode::from(cli::options::USAGE);
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

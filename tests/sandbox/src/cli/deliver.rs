//! `cargo sandbox send …`: one run of homing against a fresh sandbox.

use std::ffi::OsString;
use std::io;

use super::homing;
use super::options::SandboxOptions;
use super::signals::stop_on_signal;

/// Runs homing, then prints one line for each thing that arrived; gives homing's exit code.
pub(crate) fn deliver(arguments: &[OsString], options: SandboxOptions) -> io::Result<u8> {
    let executable = homing::build()?;
    let stop = stop_on_signal()?;
    let sandbox = options.start()?;
    let code = homing::run(&executable, sandbox.config_path(), arguments, &stop)?;
    for arrival in sandbox.arrivals() {
        println!("{arrival}");
    }
    Ok(code)
}

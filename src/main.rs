//! argv → command → exit code; the only place that exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    // No core dump and no debugger sees the keys. Where the kernel refuses, there is nothing to be done about it.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    ExitCode::from(homing::run(std::env::args_os()))
}

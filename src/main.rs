//! argv → command → exit code; the only place that exits.

mod record_memory;

use std::alloc::System;
use std::process::ExitCode;

use record_memory::RecordMemory;

#[global_allocator]
static ALLOCATOR: RecordMemory<System> = RecordMemory::new(System);

fn main() -> ExitCode {
    // No core dump and no debugger sees the keys. Where the kernel refuses, there is nothing to be done about it.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    ExitCode::from(homing::run(std::env::args_os()))
}

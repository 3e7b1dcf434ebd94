//! One binary with every fuzz target; `HOMING_FUZZ_TARGET` names the one to run.
//!
//! One, because linking twenty would take longer than fuzzing. A target is a function from bytes to nothing that panics
//! when a promise is broken; the promises stand at the top of its file.
#![no_main]

mod reply;
mod scratch;
mod targets;

use std::sync::OnceLock;

/// The chosen target's function.
static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("HOMING_FUZZ_TARGET").unwrap_or_default();
        let Some((_, target)) = targets::ALL.iter().find(|(known, _)| *known == name) else {
            let names: Vec<_> = targets::ALL.iter().map(|(name, _)| *name).collect();
            eprintln!("set HOMING_FUZZ_TARGET to one of: {}", names.join(" "));
            std::process::exit(2);
        };
        let _ = TARGET.set(*target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(data);
        }
    }
);

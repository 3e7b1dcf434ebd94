//! That the emulator is strict: the test of a Pi Zero's binary can only mean something if an ARMv7 binary fails it.

use crate::board::board;

#[test]
fn the_binary_for_armv7_dies_of_an_illegal_instruction_on_a_pi_zero() {
    let suite = "instruction sets";
    let (Some(zero), Some(newer)) = (board(suite, "pi-zero"), board(suite, "pi-32")) else { return };
    newer.homing(["--version"]).run().expect_code(0);
    let outcome = newer.homing_on(&zero.cpu, ["--version"]).run();
    outcome.expect_code(ENDED_BY_SIGNAL).expect_error("illegal instruction");
    zero.homing(["--version"]).run().expect_code(0);
}

/// What a run that a signal ended has for an exit code.
const ENDED_BY_SIGNAL: i32 = -1;

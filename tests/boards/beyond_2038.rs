//! Clocks, certificates and file times beyond January 2038, where 32-bit seconds end.
//!
//! The clock is libfaketime's, which works on programs that are linked dynamically: it is put under the emulator, not
//! under homing. So the emulator is the one of the package qemu-user here, not the static one.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use homing_sandbox::{Arrival, Sandbox, Service};
use serde_json::Value;

use crate::board::{Board, boards};
use crate::support::content::bytes;
use crate::support::directory::Directory;
use crate::support::homing::{Homing, prepare};
use crate::support::packages;

#[test]
fn the_main_job_works_in_2049_with_certificates_of_2049() {
    for board in with_clock("clocks beyond 2038") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let offset = MAY_2049 - seconds_now();
        for service in [Service::Credentials, Service::S3, Service::Mqtt] {
            sandbox.set_clock_offset(service, i64::try_from(offset).unwrap());
        }
        let file = directory.write("picture.bin", bytes(200_000));
        // A file of the same day, as a camera would leave it.
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(UNIX_EPOCH + Duration::from_secs(MAY_2049))
            .unwrap();
        let arguments = ["send", "--key", "{date}/{name}", file.to_str().unwrap()];
        in_2049(&board, offset, &sandbox, &arguments).run().expect_code(0);

        let arrivals = sandbox.arrivals();
        let [Arrival::Object(object), Arrival::Message(message)] = &arrivals[..] else { panic!("{arrivals:?}") };
        assert!(object.key.starts_with("2049-05-"), "{}: {}", board.name, object.key);
        assert_eq!(object.bytes, 200_000);
        assert!(object.header("x-amz-date").unwrap().starts_with("204905"), "{}: {:?}", board.name, object.headers);
        let message: Value = serde_json::from_slice(&message.payload).unwrap();
        assert!(message["time"].as_str().unwrap().starts_with("2049-05-"), "{}: {message}", board.name);
    }
}

/// The other way round: that these certificates' ends are looked at, and not lost in 32 bits.
#[test]
fn a_certificate_that_ends_before_the_clock_is_refused() {
    for board in with_clock("certificates beyond 2038") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let file = directory.write("picture.bin", bytes(1000));
        let after_the_end = MAY_2049 - seconds_now() + YEAR;
        let outcome = in_2049(&board, after_the_end, &sandbox, &["send", file.to_str().unwrap()]).run();
        outcome.expect_code(CONFIGURATION).expect_error("expired on 2049-12-31").expect_error("clock says 2050-05-");
        assert!(sandbox.arrivals().is_empty());
    }
}

/// `homing ARGUMENTS` with the clock `offset` seconds ahead.
fn in_2049(board: &Board, offset: u64, sandbox: &Sandbox, arguments: &[&str]) -> Homing {
    let mut command = std::process::Command::new(packages::find("faketime").unwrap());
    // Deadlines are measured with the monotonic clock, which stays as it is.
    command.args(["--exclude-monotonic", "-f", &format!("+{offset}s")]);
    command.arg(packages::find(&dynamic_emulator(board)).unwrap()).args(["-cpu", &board.cpu]).arg(&board.binary);
    command.arg("--config").arg(sandbox.config_path()).args(arguments);
    prepare(command)
}

fn with_clock(suite: &str) -> Vec<Board> {
    let has_emulator = |board: &Board| packages::available(suite, &["faketime", &dynamic_emulator(board)]);
    boards(suite).into_iter().filter(has_emulator).collect()
}

fn dynamic_emulator(board: &Board) -> String {
    board.emulator.trim_end_matches("-static").to_owned()
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// 2049-05-01T00:00:00Z in seconds since the Unix epoch.
const MAY_2049: u64 = 2_503_440_000;
const YEAR: u64 = 365 * 24 * 3600;
const CONFIGURATION: i32 = 78;

//! Files beyond 4 GiB, where a 32-bit size or offset wraps around.

use std::fs::File;

use homing_sandbox::{Answer, Fault, Sandbox, Service};
use serde_json::Value;

use crate::board::boards;
use crate::support::directory::Directory;

#[test]
fn a_file_over_4_gib_is_sized_and_announced_right() {
    for board in boards("sizes over 4 GiB") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let file = directory.join("sparse.bin");
        File::create(&file).unwrap().set_len(SIZE).unwrap();
        let place = format!("s3://{}/sparse.bin", sandbox.bucket());
        let put = || board.homing_with(&sandbox, &["--json", "put", WHOLE, file.to_str().unwrap(), &place]);

        let planned = put().arg("--dry-run").run();
        assert_eq!(planned.expect_code(0).json_lines()[0]["bytes"], SIZE, "{}", board.name);

        // Refused before the body, so that the request is recorded with what it announced.
        sandbox.set_fault(Service::S3, Fault::new().answer(Answer::early_access_denied()));
        put().run().expect_code(REFUSED);
        let exchanges = sandbox.exchanges();
        let request = exchanges.iter().find(|exchange| exchange.service == Service::S3).unwrap();
        let header = |wanted: &str| {
            let (_, value) = request.headers.iter().find(|(name, _)| name == wanted).unwrap();
            value.parse::<u64>().unwrap()
        };
        assert_eq!(header("x-amz-decoded-content-length"), SIZE, "{}", board.name);
        let framing = header("content-length") - SIZE;
        let chunks = SIZE.div_ceil(CHUNK) + 1;
        // A chunk's header and end: its length in hexadecimal digits, the signature's 64, and what is around them.
        assert!((chunks * 86..chunks * 92).contains(&framing), "{}: {framing} bytes of framing", board.name);
    }
}

#[test]
fn a_file_over_4_gib_flows_until_the_connection_breaks() {
    for board in boards("parts of files over 4 GiB") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let file = directory.join("sparse.bin");
        File::create(&file).unwrap().set_len(SIZE).unwrap();
        let place = format!("s3://{}/sparse.bin", sandbox.bucket());
        sandbox.set_fault(Service::S3, Fault::new().reset_after_request(PART));
        let outcome =
            board.homing_with(&sandbox, &["--json", "put", WHOLE, ONCE, file.to_str().unwrap(), &place]).run();
        // S3 has the last word where its reply to the broken request overtakes the break.
        assert!([UNAVAILABLE, TEMPORARY].contains(&outcome.code), "{outcome}");
        let Value::Object(line) = &outcome.json_lines()[0] else { panic!("{outcome}") };
        assert_eq!(line["bytes"], SIZE, "{outcome}");
        assert_eq!(line["result"], "failed", "{outcome}");
        assert!(sandbox.objects().is_empty(), "{}", board.name);
    }
}

/// Above 4 GiB, below the 5 GiB of one request; the low 32 bits would be 123,456,789.
const SIZE: u64 = (1 << 32) + 123_456_789;
/// So that it goes in one request.
const WHOLE: &str = "--multipart-threshold=5368709120";
/// Each attempt signs as much again, which takes its time under emulation.
const ONCE: &str = "--max-attempts=1";
/// How much of it the sandbox takes before it breaks the connection.
const PART: u64 = 8 << 20;
/// The default of `chunk_size`.
const CHUNK: u64 = 65_536;
const REFUSED: i32 = 77;
const UNAVAILABLE: i32 = 69;
const TEMPORARY: i32 = 75;

//! The main job from every board's binary: a small and a large file, byte for byte.

use base64::Engine as _;
use homing_sandbox::{Arrival, Sandbox};
use serde_json::Value;

use crate::board::boards;
use crate::support::content::{bytes, sha256};
use crate::support::directory::Directory;

#[test]
fn says_its_version() {
    for board in boards("version on boards") {
        let outcome = board.homing(["--version"]).run();
        outcome.expect_code(0);
        assert_eq!(outcome.stdout, format!("homing {}\n", env!("CARGO_PKG_VERSION")), "{}", board.name);
    }
}

#[test]
fn sends_a_small_file_inside_the_message() {
    for board in boards("small files on boards") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let content = bytes(SMALL);
        let file = directory.write("small.bin", &content);
        board.homing_with(&sandbox, &["send", file.to_str().unwrap()]).run().expect_code(0);
        let [Arrival::Message(message)] = &sandbox.arrivals()[..] else { panic!("{:?}", sandbox.arrivals()) };
        let message: Value = serde_json::from_slice(&message.payload).unwrap();
        let arrived = base64::engine::general_purpose::STANDARD.decode(message["content"].as_str().unwrap()).unwrap();
        assert!(arrived == content, "{}: another content arrived", board.name);
    }
}

#[test]
fn sends_a_large_file_to_s3_and_says_so() {
    for board in boards("large files on boards") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let content = bytes(LARGE);
        let file = directory.write("large.bin", &content);
        board.homing_with(&sandbox, &["send", file.to_str().unwrap()]).run().expect_code(0);
        let arrivals = sandbox.arrivals();
        let [Arrival::Object(object), Arrival::Message(message)] = &arrivals[..] else { panic!("{arrivals:?}") };
        assert_eq!(object.sha256, sha256(&content), "{}", board.name);
        let message: Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(message["type"], "s3_url");
        assert_eq!(message["size"], LARGE);
    }
}

/// Each kind of signature and checksum has code of its own for each CPU.
#[test]
fn puts_with_every_signature_and_checksum() {
    for board in boards("signatures on boards") {
        let (sandbox, directory) = (Sandbox::builder().start().unwrap(), Directory::new(&board.name));
        let content = bytes(LARGE);
        let file = directory.write("large.bin", &content);
        for (payload, checksum) in [
            ("signed", "none"),
            ("signed-trailer", "crc32"),
            ("signed-trailer", "crc32c"),
            ("unsigned-trailer", "crc64nvme"),
            ("unsigned-trailer", "sha256"),
        ] {
            let place = format!("s3://{}/{payload}-{checksum}", sandbox.bucket());
            let options = ["--payload", payload, "--checksum", checksum];
            let put = board.homing_with(&sandbox, &["put", file.to_str().unwrap(), &place]);
            options.iter().fold(put, |put, option| put.arg(option)).run().expect_code(0);
        }
        let objects = sandbox.objects();
        assert_eq!(objects.len(), 5, "{}", board.name);
        assert!(objects.iter().all(|object| object.sha256 == sha256(&content)), "{}", board.name);
    }
}

/// Goes inside the message.
const SMALL: usize = 20_000;
/// Goes to S3, in several chunks and an odd rest.
const LARGE: usize = 3_000_017;

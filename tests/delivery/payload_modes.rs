//! Every way of protecting an upload, in every size and chunk size; s3s checks each signature, trailer and checksum.

use std::path::PathBuf;

use homing_sandbox::{Object, Sandbox};

use crate::aws_names::Aws;
use crate::support::{Run, bytes, file, json, sandbox, sha256};

#[test]
fn signed_chunks() {
    each_chunk_size("signed", "none");
}

#[test]
fn signed_chunks_with_a_signed_trailer() {
    for checksum in CHECKSUMS {
        each_chunk_size("signed-trailer", checksum);
    }
}

#[test]
fn a_checksum_alone() {
    for checksum in CHECKSUMS {
        each_chunk_size("unsigned-trailer", checksum);
    }
}

#[test]
fn a_trailer_asks_for_a_checksum_and_a_checksum_for_a_trailer() {
    let sandbox = sandbox();
    let path = file(&sandbox, "a.bin", 60_000);
    for (flags, expected, checksum) in [
        (&["--payload", "signed-trailer"][..], "signed-trailer", "crc32"),
        (&["--payload", "unsigned-trailer", "--checksum", "none"], "unsigned-trailer", "crc32"),
        (&["--checksum", "crc64nvme"], "signed-trailer", "crc64nvme"),
    ] {
        Run::new(&sandbox, "send").args(flags).arg(&path).succeed();
        let object = sandbox.objects().pop().unwrap();
        assert_eq!(object.header("x-amz-content-sha256"), Some(content_sha256(expected)), "{flags:?}");
        assert!(trailer(&object, checksum).is_some(), "{flags:?}");
    }
}

fn each_chunk_size(payload: &str, checksum: &str) {
    let sandbox = sandbox();
    let aws = Aws::start();
    for (index, chunk_size) in ["8192", "65536", "1048576"].into_iter().enumerate() {
        // Either way of naming the bucket has every mode.
        let virtual_hosted = index == 1;
        let sandbox = if virtual_hosted { &aws.sandbox } else { &sandbox };
        let run = if virtual_hosted { aws.run("send") } else { Run::new(sandbox, "send") };
        let run = run.args(["--inline-limit", "0", "--payload", payload, "--checksum", checksum]);
        let seen = sandbox.objects().len();
        run.args(["--chunk-size", chunk_size]).args(files(sandbox)).succeed();
        let objects = &sandbox.objects()[seen..];
        let messages = sandbox.messages();
        for ((object, message), size) in objects.iter().zip(&messages[seen..]).zip(SIZES) {
            let context = format!("{payload} {checksum} {chunk_size} {size}");
            assert_eq!((object.bytes, object.sha256.as_str()), (size as u64, &*sha256(&bytes(size))), "{context}");
            assert_eq!(object.virtual_hosted, virtual_hosted, "{context}");
            assert_eq!(object.header("x-amz-content-sha256"), Some(content_sha256(payload)), "{context}");
            let kept = trailer(object, checksum);
            assert_eq!(kept.is_some(), checksum != "none", "{context}");
            let announced = json(message);
            let announced = announced.get(format!("checksum_{checksum}")).and_then(|value| value.as_str());
            assert_eq!(announced, kept, "{context}");
        }
        assert_eq!(objects.len(), SIZES.len());
    }
}

fn files(sandbox: &Sandbox) -> Vec<PathBuf> {
    SIZES.iter().map(|size| file(sandbox, &format!("{size}.bin"), *size)).collect()
}

fn content_sha256(payload: &str) -> &'static str {
    match payload {
        "signed" => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "signed-trailer" => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        _ => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
}

fn trailer<'a>(object: &'a Object, checksum: &str) -> Option<&'a str> {
    let wanted = format!("x-amz-checksum-{checksum}");
    object.trailers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
}

const CHECKSUMS: [&str; 4] = ["crc32", "crc32c", "crc64nvme", "sha256"];
/// Around every chunk size.
const SIZES: [usize; 9] = [1, 8191, 8192, 8193, 65_535, 65_536, 65_537, 1024 * 1024, 1024 * 1024 + 1];

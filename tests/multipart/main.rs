//! Multipart uploads by the real binary against the sandbox's S3, which verifies every part: whole, resumed, given up.
//!
//! The files are sparse where their bytes do not matter, so that parts of S3's own minimum size cost little.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

mod queued;
mod resume;
mod stale;
mod standard_input;
#[path = "../delivery/support.rs"]
#[allow(dead_code, reason = "every test program uses its own part of this module")]
mod support;
mod whole;

use homing_sandbox::{HttpExchange, Sandbox, Service};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use support::Run;

/// `homing put FILE s3://…/key` in parts of 5 MiB, for files above that, with the state in the sandbox's folder.
fn put(sandbox: &Sandbox, file: &std::path::Path) -> Run {
    in_parts(Run::new(sandbox, "put"), sandbox).arg(file).arg("s3://sandbox-bucket/some key/ü.bin")
}

/// With the smallest parts there are.
fn in_parts(run: Run, sandbox: &Sandbox) -> Run {
    run.args(["--part-size", PART_TEXT, "--multipart-threshold", PART_TEXT])
        .env("HOMING_QUEUE_DIR", sandbox.folder().join("queue"))
}

/// A file of that many bytes, holes but for a mark in each MiB.
fn sparse(sandbox: &Sandbox, name: &str, length: u64) -> PathBuf {
    let path = sandbox.folder().join(name);
    let mut file = File::create(&path).unwrap();
    file.set_len(length).unwrap();
    for mebibyte in 0..length / (1 << 20) {
        file.seek(SeekFrom::Start(mebibyte << 20)).unwrap();
        file.write_all(format!("MiB {mebibyte}").as_bytes()).unwrap();
    }
    path
}

fn sha256_of(path: &std::path::Path) -> String {
    support::sha256(&std::fs::read(path).unwrap())
}

/// What S3 was asked, each as `METHOD what`, where what is the query's first name and, of a part, its number.
fn asked(sandbox: &Sandbox) -> Vec<String> {
    sandbox.exchanges().iter().filter(|exchange| exchange.service == Service::S3).map(described).collect()
}

fn described(exchange: &HttpExchange) -> String {
    let query = exchange.path.split_once('?').map_or("", |(_, query)| query);
    let part = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
    match (exchange.method.as_str(), part) {
        ("PUT", Some(number)) => format!("part {number}"),
        ("PUT", None) => "put".to_owned(),
        ("POST", _) if query.starts_with("uploads") => "create".to_owned(),
        ("POST", _) => "complete".to_owned(),
        ("DELETE", _) => "abort".to_owned(),
        ("GET", _) if query.starts_with("max-parts") => "list".to_owned(),
        (method, _) => format!("{method} {query}"),
    }
}

/// The files in which uploads are remembered.
fn states(sandbox: &Sandbox) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(sandbox.folder().join("queue/uploads")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// S3's minimum.
const PART: u64 = 5 << 20;
const PART_TEXT: &str = "5242880";

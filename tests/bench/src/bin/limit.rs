//! The least work that an upload can be: each byte is read from the page cache, hashed, encrypted and copied once.
//!
//! ```text
//! limit STEPS FILE          STEPS of sha256, crc32, aead, copy, socket=PORT, with commas; reading is always one
//! ```
//!
//! With the code that homing uses: ring and crc32fast; in blocks of homing's size, and TLS records of
//! the largest size there is.
#![forbid(unsafe_code)]

use std::env;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;

use crc32fast::Hasher;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [steps, file] = arguments.as_slice() else {
        eprintln!("limit: give STEPS and FILE");
        return ExitCode::FAILURE;
    };
    match run(steps, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(steps: &str, file: &str) -> io::Result<()> {
    let mut sha256 = None;
    let mut crc = None;
    let mut aead = None;
    let mut target = Target::Nowhere;
    for step in steps.split(',') {
        match step.split_once('=').unwrap_or((step, "")) {
            ("read", _) => {}
            ("sha256", _) => sha256 = Some(Context::new(&SHA256)),
            ("crc32", _) => crc = Some(Hasher::new()),
            ("aead", _) => {
                let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| io::Error::other("no AEAD"))?;
                aead = Some(LessSafeKey::new(key));
            }
            ("copy", _) => target = Target::Memory(vec![0; RECORD]),
            ("socket", port) => {
                let port: u16 = port.parse().map_err(io::Error::other)?;
                target = Target::Socket(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
            }
            _ => return Err(io::Error::other(format!("no step {step}"))),
        }
    }

    let mut file = File::open(file)?;
    let mut block = vec![0; BLOCK];
    let mut number = 0_u64;
    loop {
        let length = read_full(&mut file, &mut block)?;
        if length == 0 {
            break;
        }
        let block = &mut block[..length];
        if let Some(sha256) = &mut sha256 {
            sha256.update(block);
        }
        if let Some(crc) = &mut crc {
            crc.update(block);
        }
        for record in block.chunks_mut(RECORD) {
            if let Some(key) = &aead {
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&number.to_be_bytes());
                let tag = key
                    .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from([23; 5]), record)
                    .map_err(|_| io::Error::other("the record cannot be sealed"))?;
                let _ = black_box(tag);
                number += 1;
            }
            if let Target::Memory(copy) = &mut target {
                copy[..record.len()].copy_from_slice(record);
                black_box(copy);
            }
        }
        if let Target::Socket(socket) = &mut target {
            socket.write_all(block)?;
        }
        black_box(block);
    }
    black_box(sha256.map(Context::finish));
    black_box(crc.map(Hasher::finalize));
    Ok(())
}

/// Where the bytes are copied to.
enum Target {
    Nowhere,
    Memory(Vec<u8>),
    Socket(TcpStream),
}

fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

/// homing's `chunk_size`.
const BLOCK: usize = 64 * 1024;
/// The most that a TLS record holds (RFC 8446, section 5.1).
const RECORD: usize = 16 * 1024;

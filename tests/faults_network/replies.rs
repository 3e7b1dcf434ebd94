//! Replies that trickle, break off, never end, or say 200 and mean an error: bounded time, bounded memory, no message
//! of what is not there.

use crate::support::tls_server::{Seen, Tls, TlsServer, trusted};
use crate::support::{Bench, Extent, Run, in_parallel, report};
use homing_sandbox::Sandbox;
use serde_json::json;
use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Who replies, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Credentials,
    Put,
    Get,
    Https,
    Mqtt,
}

const HTTP: [Place; 4] = [Place::Credentials, Place::Put, Place::Get, Place::Https];

#[test]
fn replies_without_end_take_bounded_memory() {
    let mut bench = Bench::new();
    let mut figures = Vec::new();
    for place in HTTP {
        for (name, head, repeated) in ENDLESS {
            let server = TlsServer::start(trusted(bench.sandbox.certificates()), move |tls, seen| {
                read_request(tls)?;
                endless(tls, seen, head.as_bytes(), repeated)
            });
            let run = attempt(&mut bench, place, &server);
            check(&run, place, name);
            figures.push((name, server.seen.get(|seen| &seen.sent), run));
        }
    }
    for (name, acknowledged, head, repeated) in ENDLESS_MQTT {
        let server = TlsServer::start(trusted(bench.sandbox.certificates()), move |tls, seen| {
            read_packet(tls)?;
            if acknowledged {
                tls.write_all(CONNACK)?;
                tls.flush()?;
                read_packet(tls)?;
            }
            endless(tls, seen, head, repeated)
        });
        // Some are only over when the deadline is.
        let run = attempt_within(&mut bench, Place::Mqtt, &server, TRICKLE_LIMIT);
        check(&run, Place::Mqtt, name);
        figures.push((name, server.seen.get(|seen| &seen.sent), run));
    }
    for name in ENDLESS.map(|(name, ..)| name).into_iter().chain(ENDLESS_MQTT.map(|(name, ..)| name)) {
        let of_name = || figures.iter().filter(|(known, ..)| *known == name);
        let sent = of_name().map(|(_, sent, _)| sent).max().unwrap();
        let peak = of_name().map(|(.., run)| run.peak_memory).max().unwrap();
        let longest = of_name().map(|(.., run)| run.took).max().unwrap();
        let codes: Vec<String> = of_name().map(|(.., run)| run.verdict().code().to_owned()).collect();
        report(
            &format!("oversized reply: {name}"),
            format_args!(
                "{} runs | taken of it at most {} KiB, peak memory {} KiB, longest run {:.1} s | ended with {}",
                codes.len(),
                sent / 1024,
                peak / 1024,
                longest.as_secs_f64(),
                codes.join(" ")
            ),
        );
    }
}

#[test]
fn replies_at_a_byte_a_second_end_with_the_deadline() {
    let places = [Place::Credentials, Place::Put, Place::Get, Place::Https, Place::Mqtt];
    // The head alone, and the body behind a head that comes at once.
    let cases: Vec<(Place, bool)> = places.into_iter().flat_map(|place| [(place, false), (place, true)]).collect();
    let tally = Mutex::new(Vec::new());
    in_parallel(&cases, Bench::new, |bench, (place, head_first)| {
        let (place, head_first) = (*place, *head_first);
        let server = TlsServer::start(trusted(bench.sandbox.certificates()), move |tls, seen| {
            if place == Place::Mqtt {
                read_packet(tls)?;
                if head_first {
                    tls.write_all(CONNACK)?;
                    tls.flush()?;
                    read_packet(tls)?;
                    // A PUBACK with a reason of 255 bytes.
                    return trickle(tls, seen, &[&[0x40, 0xff, 0x01], &[b'a'; 255][..]].concat());
                }
                return trickle(tls, seen, &[&[0x20, 0xff, 0x01], &[b'a'; 255][..]].concat());
            }
            read_request(tls)?;
            let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: 4000\r\n\r\n";
            if head_first {
                tls.write_all(head.as_bytes())?;
                tls.flush()?;
                return trickle(tls, seen, &[b' '; 4000]);
            }
            trickle(tls, seen, head.as_bytes())
        });
        bench.config["stall_timeout"] = json!(2);
        bench.config["acknowledge_timeout"] = json!(4);
        bench.config["connect_timeout"] = json!(4);
        let run = attempt_within(bench, place, &server, TRICKLE_LIMIT);
        check(&run, place, "a byte a second");
        tally.lock().unwrap().push((run, server.seen.get(|seen| &seen.sent)));
    });
    let tally = tally.into_inner().unwrap();
    let longest = tally.iter().map(|(run, _)| run.took).max().unwrap();
    let peak = tally.iter().map(|(run, _)| run.peak_memory).max().unwrap();
    let codes: Vec<String> = tally.iter().map(|(run, _)| run.verdict().code().to_owned()).collect();
    report(
        "reply at 1 byte a second",
        format_args!(
            "{} runs with --timeout {} | longest {:.1} s, at most {} bytes taken, peak memory {} KiB | ended with {}",
            tally.len(),
            TRICKLE_LIMIT.as_secs(),
            longest.as_secs_f64(),
            tally.iter().map(|(_, sent)| sent).max().unwrap(),
            peak / 1024,
            codes.join(" ")
        ),
    );
}

#[test]
fn replies_at_a_byte_a_second_end_without_a_deadline_too() {
    let tally = Mutex::new(Vec::new());
    // The longest first: a body, behind a head that comes at once.
    let cases = [(Place::Put, true), (Place::Credentials, false), (Place::Put, false), (Place::Https, false)];
    in_parallel(&cases, Bench::new, |bench, (place, head_first)| {
        let head_first = *head_first;
        let server = TlsServer::start(trusted(bench.sandbox.certificates()), move |tls, seen| {
            read_request(tls)?;
            if head_first {
                tls.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4000\r\n\r\n")?;
                return trickle_each(tls, seen, &[b' '; 4000], Duration::from_millis(100));
            }
            trickle(tls, seen, format!("HTTP/1.1 403 Forbidden\r\nX-Endless: {}", "a".repeat(4000)).as_bytes())
        });
        bench.config["stall_timeout"] = json!(if head_first { 1 } else { 2 });
        bench.config["max_attempts"] = json!(1);
        let limit = if head_first { BODY_LIMIT } else { HEAD_LIMIT };
        let run = attempt_told(bench, *place, &server, Duration::ZERO, limit);
        check(&run, *place, "a byte a second without a deadline");
        tally.lock().unwrap().push(run);
    });
    let tally = tally.into_inner().unwrap();
    let longest = tally.iter().map(|run| run.took).max().unwrap();
    let codes: Vec<String> = tally.iter().map(|run| run.verdict().code().to_owned()).collect();
    report(
        "reply at 1 byte a second, no --timeout",
        format_args!(
            "{} runs with --stall-timeout 2, of a body 1 | longest {:.1} s | ended with {}",
            tally.len(),
            longest.as_secs_f64(),
            codes.join(" ")
        ),
    );
}

#[test]
fn a_reply_that_breaks_off_anywhere_is_no_success() {
    let mut sandbox_for_replies = Bench::new();
    let extent = Extent::from_environment();
    let mut cases: Vec<(Place, Arc<Vec<u8>>, usize)> = Vec::new();
    for place in HTTP {
        let reply = Arc::new(good_reply(&mut sandbox_for_replies.sandbox, place));
        let step = if extent == Extent::Everything { 1 } else { reply.len() / extent.samples(12, 0) + 1 };
        cases.extend(
            (0..reply.len()).step_by(step).chain([reply.len() - 1]).map(|end| (place, Arc::clone(&reply), end)),
        );
    }
    let tally = Mutex::new(std::collections::BTreeMap::<String, usize>::new());
    in_parallel(&cases, Bench::new, |bench, (place, reply, end)| {
        let (part, is_get) = (reply[..*end].to_vec(), *place == Place::Get);
        let server = TlsServer::start(trusted(bench.sandbox.certificates()), move |tls, _| {
            read_request(tls)?;
            tls.write_all(&part)?;
            tls.conn.send_close_notify();
            tls.flush()
        });
        let run = attempt(bench, *place, &server);
        let verdict = run.verdict();
        assert!(!verdict.is_success(), "a success by {end} of {} bytes, {place:?}: {run:?}", reply.len());
        assert!(!is_get || !bench.sandbox.folder().join("fetched.bin").exists(), "{run:?}");
        *tally.lock().unwrap().entry(verdict.code().to_owned()).or_default() += 1;
    });
    let tally = tally.into_inner().unwrap();
    let codes: Vec<String> = tally.iter().map(|(code, count)| format!("{code}: {count}")).collect();
    report(
        "truncated reply",
        format_args!("{} runs, 4 kinds of replies | successes: 0 | ended with {}", cases.len(), codes.join(" ")),
    );
}

#[test]
fn a_200_with_an_error_in_it_is_an_error() {
    let mut bench = Bench::new();
    let mut codes = Vec::new();
    for place in [Place::Credentials, Place::Put] {
        for (media_type, body) in ERRORS {
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let server = TlsServer::start(trusted(bench.sandbox.certificates()), move |tls, _| {
                read_request(tls)?;
                tls.write_all(reply.as_bytes())?;
                tls.flush()
            });
            let run = attempt(&mut bench, place, &server);
            let verdict = run.verdict();
            assert!(!verdict.is_success(), "{place:?} {body}: {run:?}");
            codes.push(verdict.code().to_owned());
        }
    }
    assert_eq!(bench.ledger.announcements(), (0, 0));
    report(
        "200 with an error body",
        format_args!("{} runs | successes: 0, messages sent: 0 | ended with {}", codes.len(), codes.join(" ")),
    );
}

/// Sends (or fetches) a file past this server, which takes the place of one of the sandbox's.
#[track_caller]
fn attempt(bench: &mut Bench, place: Place, server: &TlsServer) -> Run {
    attempt_within(bench, place, server, LIMIT)
}

#[track_caller]
fn attempt_within(bench: &mut Bench, place: Place, server: &TlsServer, limit: Duration) -> Run {
    attempt_told(bench, place, server, limit, limit)
}

/// The same with another `--timeout`, where 0 is none.
#[track_caller]
fn attempt_told(bench: &mut Bench, place: Place, server: &TlsServer, timeout: Duration, limit: Duration) -> Run {
    let file = bench.file("reply.bin", 3000);
    let config = bench.config.clone();
    match place {
        Place::Credentials => bench.config["credential_endpoint"] = json!(server.place()),
        Place::Put | Place::Get => bench.config["endpoints"]["s3"] = json!(format!("https://{}", server.place())),
        Place::Mqtt => bench.config["data_endpoint"] = json!(server.place()),
        Place::Https => {
            bench.config["data_endpoint"] = json!("127.0.0.1");
            bench.config["https_port"] = json!(server.port);
            bench.config["via"] = json!("https");
        }
    }
    let target = bench.sandbox.folder().join("fetched.bin");
    let object = format!("s3://{}/reply.bin", bench.sandbox.bucket());
    let limited = if matches!(place, Place::Mqtt | Place::Https) { "51200" } else { "0" };
    let arguments: &[&str] = if place == Place::Get { &["get", &object] } else { &["send", "--inline-limit", limited] };
    let mut command = bench.command_within(arguments, timeout);
    command.arg(if place == Place::Get { &target } else { &file.path });
    let run = bench.run_within(&mut command, limit);
    bench.config = config;
    run
}

#[track_caller]
fn check(run: &Run, place: Place, name: &str) {
    assert!(!run.verdict().is_success(), "{place:?}, {name}: {run:?}");
    assert!(run.peak_memory > 0 && run.peak_memory < MEMORY_LIMIT, "{place:?}, {name}: {} bytes", run.peak_memory);
}

/// A whole request: head, and as much body as it says.
fn read_request(tls: &mut Tls) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        tls.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    io::copy(&mut Read::by_ref(tls).take(length), &mut io::sink()).map(drop)
}

/// A whole MQTT packet.
fn read_packet(tls: &mut Tls) -> io::Result<()> {
    let mut byte = [0];
    tls.read_exact(&mut byte)?;
    let (mut length, mut shift) = (0_u64, 0);
    loop {
        tls.read_exact(&mut byte)?;
        length |= u64::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    io::copy(&mut Read::by_ref(tls).take(length), &mut io::sink()).map(drop)
}

/// A gibibyte of `repeated`, made as it goes, or as much as is taken of it.
fn endless(tls: &mut Tls, seen: &Seen, head: &[u8], repeated: &[u8]) -> io::Result<()> {
    tls.write_all(head)?;
    let block = repeated.repeat(BLOCK / repeated.len() + 1);
    while seen.sent.load(Ordering::SeqCst) < ENDLESS_LENGTH {
        tls.write_all(&block)?;
        tls.flush()?;
        seen.sent.fetch_add(block.len() as u64, Ordering::SeqCst);
    }
    Ok(())
}

/// One byte a second, each in a TLS record of its own.
fn trickle(tls: &mut Tls, seen: &Seen, bytes: &[u8]) -> io::Result<()> {
    trickle_each(tls, seen, bytes, Duration::from_secs(1))
}

fn trickle_each(tls: &mut Tls, seen: &Seen, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        tls.write_all(&[*byte])?;
        tls.flush()?;
        seen.sent.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(pause);
    }
    Ok(())
}

/// What the server would say if all were well.
fn good_reply(sandbox: &mut Sandbox, place: Place) -> Vec<u8> {
    match place {
        Place::Credentials => {
            let issued = sandbox.issue_credentials(Duration::from_secs(3600)).unwrap();
            let body = json!({ "credentials": {
                "accessKeyId": issued.access_key_id,
                "secretAccessKey": issued.secret_access_key,
                "sessionToken": issued.session_token,
                "expiration": "2099-01-01T00:00:00Z",
            }})
            .to_string();
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes()
        }
        // Cut before its last byte, this is no whole head.
        Place::Put => {
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\n\r\n".to_vec()
        }
        Place::Https => b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"message\":\"OK\"}    ".to_vec(),
        Place::Get => {
            let body = "x".repeat(3000);
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"0123456789abcdef0123456789abcdef\"\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        }
        Place::Mqtt => unreachable!("HTTP alone"),
    }
}

/// What is told, what comes first, and what then comes for ever.
const ENDLESS: [(&str, &str, &[u8]); 4] = [
    ("1 GiB of headers", "HTTP/1.1 200 OK\r\n", b"x-amz-meta-more: and more and more and more\r\n"),
    (
        "1 GiB of JSON or XML",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n",
        b"{\"credentials\":{\"accessKeyId\":\"AAAA",
    ),
    (
        "1 GiB in chunks",
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"10\r\n<Error><Code>AAA\r\n",
    ),
    ("1 GiB of 100 Continue", "", b"HTTP/1.1 100 Continue\r\n\r\n"),
];

/// The same for MQTT: whether CONNACK comes first, the packet's beginning, and what then comes for ever.
const ENDLESS_MQTT: [(&str, bool, &[u8], &[u8]); 4] = [
    ("CONNACK of 256 MB", false, &[0x20, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0], &[0]),
    ("PUBACK of 256 MB", true, &[0x40, 0xff, 0xff, 0xff, 0x7f, 0, 1, 0], &[0]),
    ("1 GiB of PINGRESP", true, &[], &[0xd0, 0]),
    ("1 GiB of PUBLISH", true, &[], &[0x30, 7, 0, 1, b't', 0, b'a', b'b', b'c']),
];

/// Errors that came with 200.
const ERRORS: [(&str, &str); 3] = [
    (
        "application/xml",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>",
    ),
    ("application/json", "{\"message\":\"Internal Server Error\"}"),
    ("text/html", "<html><body>Please sign in to the guest network</body></html>"),
];

/// MQTT 5: no session, success, no properties.
const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];
const ENDLESS_LENGTH: u64 = 1 << 30;
const BLOCK: usize = 16 * 1024;
/// Debug builds stay under 16 MiB when all is well; what is read without a limit is a gibibyte.
const MEMORY_LIMIT: u64 = 40 << 20;
/// The deadline of a run against a reply that does not end.
const LIMIT: Duration = Duration::from_secs(20);
/// Four times the silence that is allowed.
const HEAD_LIMIT: Duration = Duration::from_secs(8);
/// Twenty times.
const BODY_LIMIT: Duration = Duration::from_secs(20);
/// The deadline of one against a reply that trickles.
const TRICKLE_LIMIT: Duration = Duration::from_secs(6);

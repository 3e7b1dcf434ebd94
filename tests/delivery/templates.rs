//! Keys and topics made from templates, and names that need care.

use std::path::PathBuf;

use homing::protocol::time::iso8601_date;
use homing_sandbox::{Sandbox, Service};
use percent_encoding::percent_decode_str;

use crate::aws_names::Aws;
use crate::support::{Finished, Run, bytes, file, json, now, sandbox, sha256, write};

#[test]
fn every_placeholder_is_filled_in() {
    let sandbox = sandbox();
    let path = file(&sandbox, "photo.of.a.cat.JPEG", 60_000);
    let before = now();
    Run::new(&sandbox, "send")
        .args([
            "--key",
            "{thing}/{date}/{time}/{sha256}/{ext}/{{x}}/{name}",
            "--topic",
            "up/{thing}/{date}/{ext}/{time}",
        ])
        .arg(path)
        .succeed();
    let after = now();
    let objects = sandbox.objects();
    let parts: Vec<&str> = objects[0].key.split('/').collect();
    let [thing, date, time, hash, extension, braces, name] = parts[..] else { panic!("{parts:?}") };
    assert_eq!((thing, name, braces), ("sandbox-thing", "photo.of.a.cat.JPEG", "{x}"));
    assert_eq!(hash, sha256(&bytes(60_000)));
    assert!(extension.eq_ignore_ascii_case("jpeg"), "{extension}");
    assert!([before, after].map(iso8601_date).iter().any(|day| *day == *date), "{date}");
    assert!(time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit()), "{time}");
    let messages = sandbox.messages();
    assert_eq!(messages[0].topic, format!("up/sandbox-thing/{date}/{extension}/{time}"));
    // One moment for all of them: the message's time is the key's.
    let message = json(&messages[0]);
    let clock: String = message["time"].as_str().unwrap()[11..19].split(':').collect();
    assert_eq!(clock, time);
}

#[test]
fn the_hash_in_a_topic_is_that_of_an_inline_file() {
    let sandbox = sandbox();
    let path = write(sandbox.folder(), "abc", b"abc");
    Run::new(&sandbox, "send").args(["--topic", "t/{sha256}"]).arg(path).succeed();
    assert_eq!(sandbox.messages()[0].topic, format!("t/{}", sha256(b"abc")));
}

#[test]
fn every_name_arrives_as_it_is_in_key_url_and_message() {
    let sandbox = sandbox();
    let files = large_files(&sandbox);
    let run = Run::new(&sandbox, "send").args(["--json", "--key", KEY]).args(&files).succeed();
    let port = sandbox.port(Service::S3);
    check_names(&sandbox, &run, &format!("https://localhost:{port}/sandbox-bucket/"), false);
}

#[test]
fn every_name_arrives_as_it_is_under_the_bucket_s_host_name() {
    let aws = Aws::start();
    let files = large_files(&aws.sandbox);
    let run = aws.run("send").args(["--json", "--key", KEY]).args(&files).succeed();
    // The form that consumers in the field parse, without the region.
    check_names(&aws.sandbox, &run, "https://sandbox-bucket.s3.amazonaws.com/", true);
}

fn large_files(sandbox: &Sandbox) -> Vec<PathBuf> {
    NAMES.iter().enumerate().map(|(index, name)| file(sandbox, name, 60_000 + index)).collect()
}

fn check_names(sandbox: &Sandbox, run: &Finished, base: &str, virtual_hosted: bool) {
    let objects = sandbox.objects();
    let messages = sandbox.messages();
    assert_eq!((objects.len(), messages.len()), (NAMES.len(), NAMES.len()));
    for (index, name) in NAMES.iter().enumerate() {
        let key = KEY.replace("{name}", name);
        assert_eq!((objects[index].key.as_str(), objects[index].virtual_hosted), (&*key, virtual_hosted));
        assert_eq!(objects[index].sha256, sha256(&bytes(60_000 + index)), "{name}");
        let message = json(&messages[index]);
        assert_eq!((message["name"].as_str(), message["key"].as_str()), (Some(*name), Some(&*key)));
        let url = message["url"].as_str().unwrap();
        let encoded = url.strip_prefix(base).unwrap_or_else(|| panic!("{url} has another base than {base}"));
        assert_eq!(percent_decode_str(encoded).decode_utf8().unwrap(), key);
        assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)), "{url}");
        let line = &run.json_lines()[index];
        assert_eq!((line["key"].as_str(), line["result"].as_str()), (Some(&*key), Some("delivered")));
    }
}

#[test]
fn every_name_arrives_as_it_is_inside_a_message() {
    for via in ["mqtt", "https"] {
        let sandbox = sandbox();
        let files: Vec<PathBuf> = NAMES.iter().map(|name| write(sandbox.folder(), name, name.as_bytes())).collect();
        Run::new(&sandbox, "send")
            .args(["--via", via, "--topic", "grüße und mehr/{thing}/%2F?&"])
            .args(&files)
            .succeed();
        let messages = sandbox.messages();
        assert_eq!(messages.len(), NAMES.len());
        for (message, name) in messages.iter().zip(NAMES) {
            assert_eq!(message.topic, "grüße und mehr/sandbox-thing/%2F?&");
            assert_eq!(
                (json(message)["name"].as_str(), json(message)["sha256"].as_str()),
                (Some(name), Some(&*sha256(name.as_bytes())))
            );
        }
    }
}

const KEY: &str = "a//b/{name}";
/// Names that have hurt somebody: in a URL, in a signature, in JSON, on a command line.
const NAMES: [&str; 18] = [
    "plain.txt",
    "with space.txt",
    " leading and trailing ",
    "quote\".txt",
    "apostrophe's.txt",
    "back\\slash",
    "plus+plus.txt",
    "percent%41%zz.txt",
    "hash#1",
    "question?x=1&y=2",
    ".hidden",
    "...dots",
    "tilde~(brackets)[1]{2}!*;:@=,$",
    "Grüße, 写真 📷.jpg",
    "e\u{301}.txt",
    "<xml>&amp;",
    "line\nbreak",
    "tab\tand\u{1}control\u{7f}",
];

//! An HTTP reply as a readable text, which is what the seeds of the reply targets are: the status on the first line, a
//! header on each of the next, an empty line, the body.

use homing::error::Error;
use homing::protocol::reply::Reply;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Calls `then` with the reply that `text` spells; text without a status is the body of a 200.
pub fn with_reply<T>(text: &[u8], then: impl FnOnce(&Reply<'_>) -> T) -> T {
    let mut headers = HeaderMap::new();
    let mut status = 200;
    let mut body = text;
    if let Some((first, mut rest)) = line(text)
        && let Some(number) = std::str::from_utf8(first).ok().and_then(|number| number.parse().ok())
        && (100..600).contains(&number)
    {
        status = number;
        while let Some((header, behind)) = line(rest) {
            rest = behind;
            let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
            // What net::http hands on has passed the same checks.
            let name = HeaderName::from_bytes(&header[..colon]);
            let value = HeaderValue::from_bytes(header[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value)
                && headers.len() < 64
            {
                headers.append(name, value);
            }
        }
        body = rest;
    }
    then(&Reply { status, headers: &headers, body, complete: true })
}

/// What every error text about a reply must be, whatever the reply was: short enough for a log, and without characters
/// that command a terminal.
pub fn assert_presentable(error: &Error) {
    let (message, code) = (error.message(), error.code());
    assert!(message.len() + code.len() < ERROR_TEXT_MAXIMUM, "an error of {} bytes", message.len());
    assert!(!message.chars().chain(code.chars()).any(char::is_control), "{message:?} {code:?}");
}

/// That no secret among these words is in an error's text, its code or its remedy.
pub fn assert_without<'a>(error: &Error, words: impl IntoIterator<Item = &'a str>) {
    let said = format!("{error:?}");
    for word in words.into_iter().filter(|word| looks_secret(word)) {
        assert!(!said.contains(word), "{said} has {word}");
    }
}

/// Whether it looks as keys and tokens do. Anything else the fuzzer could have learnt from our own error texts.
pub fn looks_secret(word: &str) -> bool {
    word.len() >= SHORTEST_SECRET
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// The first line without its end, and what follows; `None` at the end.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let first = text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]);
    Some((first, text.get(end + 1..).unwrap_or_default()))
}

/// Our own words, and a few parts of at most 300 bytes each of the server's.
const ERROR_TEXT_MAXIMUM: usize = 4096;
/// A PEM file has lines of 64 characters, an access key id 20.
const SHORTEST_SECRET: usize = 12;

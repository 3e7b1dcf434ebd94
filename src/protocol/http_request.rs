//! The head of an HTTP/1.1 request as a server gets it (RFC 9112): whole, still incomplete, or wrong.

use httparse::Status;

/// A request's head, borrowed from the bytes it came in.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The method, as it was sent: `GET`.
    pub method: &'a str,
    /// The path without its query. Not decoded.
    pub path: &'a str,
    /// The value of `Authorization`, without the blanks around it.
    pub authorization: Option<&'a [u8]>,
    /// Whether the connection ends with the reply to this request.
    pub close: bool,
    /// How many bytes the head has; the next request begins behind them.
    pub length: usize,
}

/// Why a head is refused. The connection cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRequest {
    /// Not HTTP/1, or against its rules.
    Malformed,
    /// A body was announced, which nothing here takes.
    Body,
    /// Longer than [`HEAD_MAXIMUM`], or more than 32 headers.
    TooLarge,
}

/// Reads the head that `bytes` begin with; `None` when its end has not come yet.
///
/// # Errors
/// [`BadRequest`], as soon as it is certain.
pub fn parse(bytes: &[u8]) -> Result<Option<RequestHead<'_>>, BadRequest> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_COUNT_MAXIMUM];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) if length <= HEAD_MAXIMUM => length,
        Ok(Status::Partial) if bytes.len() < HEAD_MAXIMUM => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(BadRequest::TooLarge),
        Err(_) => return Err(BadRequest::Malformed),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(BadRequest::Malformed);
    };
    // The absolute form is for proxies, which this is none of.
    if !target.starts_with('/') {
        return Err(BadRequest::Malformed);
    }
    let is_old = minor == 0;
    // RFC 9112, section 3.2: exactly one, with HTTP/1.1.
    if only(request.headers, "host")?.is_none() && !is_old {
        return Err(BadRequest::Malformed);
    }
    let announced = only(request.headers, "content-length")?;
    if announced.is_some_and(|length| length.is_empty() || length.iter().any(|byte| !byte.is_ascii_digit())) {
        return Err(BadRequest::Malformed);
    }
    let has_body = announced.is_some_and(|length| length.iter().any(|digit| *digit != b'0'));
    if has_body || values(request.headers, "transfer-encoding").next().is_some() {
        return Err(BadRequest::Body);
    }
    let close = is_old || values(request.headers, "connection").any(|value| names(value, b"close"));
    Ok(Some(RequestHead {
        method,
        path: target.split_once('?').map_or(target, |(path, _)| path),
        authorization: only(request.headers, "authorization")?,
        close,
        length,
    }))
}

fn values<'a>(headers: &[httparse::Header<'a>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// The value of a header that must not be repeated.
fn only<'a>(headers: &[httparse::Header<'a>], name: &'static str) -> Result<Option<&'a [u8]>, BadRequest> {
    let mut values = values(headers, name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(<[u8]>::trim_ascii)),
        _ => Err(BadRequest::Malformed),
    }
}

/// Whether a comma-separated list has this word.
fn names(list: &[u8], word: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// The most bytes of a head: AWS SDKs send under 1 KiB; an authorization token of 1 KiB fits beside it.
pub const HEAD_MAXIMUM: usize = 4096;
/// AWS SDKs send about 10.
const HEADER_COUNT_MAXIMUM: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore's container provider sends.
    const BOTOCORE: &[u8] = b"GET /credentials HTTP/1.1\r\nHost: 127.0.0.1:4321\r\nUser-Agent: python-urllib3/2\r\n\
        Accept-Encoding: identity\r\nAccept: application/json\r\nAuthorization: token\r\n\r\n";

    fn error(text: &str) -> Option<BadRequest> {
        parse(text.as_bytes()).err()
    }

    #[test]
    fn a_head_is_read_and_the_next_begins_behind_it() {
        let two = [BOTOCORE, b"GET /next?x=1 HTTP/1.1\r\nhost: a\r\nConnection: x, Close\r\n\r\n"].concat();
        let first = parse(&two).unwrap().unwrap();
        let expected = RequestHead {
            method: "GET",
            path: "/credentials",
            authorization: Some(b"token"),
            close: false,
            length: BOTOCORE.len(),
        };
        assert_eq!(first, expected);
        let second = parse(&two[first.length..]).unwrap().unwrap();
        assert_eq!((second.path, second.authorization, second.close), ("/next", None, true));
    }

    #[test]
    fn what_has_begun_is_waited_for() {
        for length in 0..BOTOCORE.len() {
            assert_eq!(parse(&BOTOCORE[..length]), Ok(None), "{length}");
        }
    }

    #[test]
    fn http_1_0_needs_no_host_and_ends_with_its_reply() {
        let head = parse(b"GET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
        assert!(head.close);
    }

    #[test]
    fn what_breaks_the_rules_is_malformed() {
        for text in [
            "GET /\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nauthorization: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "\u{16}\u{3}\u{1}\0TLS",
        ] {
            assert_eq!(error(text), Some(BadRequest::Malformed), "{text:?}");
        }
    }

    #[test]
    fn bodies_are_refused() {
        let with = |header: &str| error(&format!("POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n"));
        assert_eq!(with("Content-Length: 1"), Some(BadRequest::Body));
        assert_eq!(with("Transfer-Encoding: chunked"), Some(BadRequest::Body));
        assert_eq!(with("Content-Length: 00"), None);
    }

    #[test]
    fn a_head_has_its_limits() {
        let of_length = |length: usize| {
            let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(length - frame))
        };
        assert!(matches!(parse(of_length(HEAD_MAXIMUM).as_bytes()), Ok(Some(_))));
        assert_eq!(error(&of_length(HEAD_MAXIMUM + 1)), Some(BadRequest::TooLarge));
        assert_eq!(error(&of_length(HEAD_MAXIMUM + 1)[..HEAD_MAXIMUM]), Some(BadRequest::TooLarge));
        let many = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
        assert_eq!(error(&many(HEADER_COUNT_MAXIMUM)), None);
        assert_eq!(error(&many(HEADER_COUNT_MAXIMUM + 1)), Some(BadRequest::TooLarge));
    }

    #[test]
    fn any_bytes_can_be_read() {
        let mut bytes = BOTOCORE.to_vec();
        for index in 0..bytes.len() {
            for byte in [0, b'\n', b' ', b':', 0xff] {
                let before = std::mem::replace(&mut bytes[index], byte);
                let _ = parse(&bytes);
                bytes[index] = before;
            }
        }
    }
}

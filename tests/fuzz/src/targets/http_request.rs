//! Requests to `homing serve`: a head is never longer than what came or than its limit, its parts lie within it and
//! cannot smuggle a line, and every beginning of it is waited for.

use homing::protocol::http_request::{HEAD_MAXIMUM, parse};

pub fn run(data: &[u8]) {
    let mut rest = data;
    // As a connection goes through pipelined requests.
    while let Ok(Some(head)) = parse(rest) {
        assert!(head.length > 0 && head.length <= rest.len() && head.length <= HEAD_MAXIMUM);
        assert!(head.path.starts_with('/') && !head.path.contains(['?', ' ', '\r', '\n']));
        let within = rest[..head.length].as_ptr_range();
        for part in [head.method.as_bytes(), head.path.as_bytes(), head.authorization.unwrap_or(head.method.as_bytes())]
        {
            assert!(part.is_empty() || within.contains(&part.as_ptr()));
        }
        if let Some(value) = head.authorization {
            assert!(!value.contains(&b'\n') && !value.contains(&b'\r') && value.trim_ascii() == value);
        }
        assert_eq!(parse(&rest[..head.length]).as_ref(), Ok(&Some(head)));
        let head_length = parse(rest).ok().flatten().map_or(0, |head| head.length);
        for end in [0, 1, head_length / 2, head_length - 1] {
            assert_eq!(parse(&rest[..end]), Ok(None), "the first {end} bytes");
        }
        rest = &rest[head_length..];
    }
    if data.len() >= HEAD_MAXIMUM {
        assert_ne!(parse(data), Ok(None), "a full buffer can wait for nothing");
    }
}

//! What the calls to DynamoDB have in common: their checksum, and the words for an item that cannot be written.
//!
//! Amazon DynamoDB Developer Guide, "DynamoDB low-level API".

use super::json_service::Asked;
use super::printable;
use crate::error::{Error, Fault, Result};
use crate::protocol::checksum::crc32;
use crate::protocol::dynamodb_json::{Form, ITEM_SIZE_MAXIMUM, Refused, Written, write_item};
use crate::protocol::json_syntax::line_and_column;
use crate::protocol::reply::Reply;

/// Writes `item` behind what `body` has already, in DynamoDB's JSON.
///
/// # Errors
/// [`Fault::Data`]: what is wrong with the item, which `what` names; `body` is as before.
pub(super) fn append_item(body: &mut Vec<u8>, item: &str, form: Form, what: &str) -> Result<Written> {
    let refused = |error| self::refused(error, item, form, what);
    let start = body.len();
    let measured = write_item(item, form, &mut []).map_err(refused)?;
    if measured.size > ITEM_SIZE_MAXIMUM {
        return Err(Error::new(
            Fault::Data,
            "item_too_large",
            format!("{what} has {} bytes, and DynamoDB takes {ITEM_SIZE_MAXIMUM} (400 KB)", measured.size),
        )
        .with_remedy("put what is large into S3 (homing put), and its key into the item"));
    }
    body.resize(start + measured.length, 0);
    write_item(item, form, &mut body[start..]).map_err(refused)
}

fn refused(error: Refused, item: &str, form: Form, what: &str) -> Error {
    match error {
        Refused::Malformed(malformed) => {
            let (line, column) = line_and_column(item, malformed.offset);
            let place = if line == 1 { format!("column {column}") } else { format!("line {line}, column {column}") };
            Error::new(Fault::Data, "malformed_json", format!("{what}, {place}: malformed JSON: {}", malformed.what))
                .with_remedy("correct it; nothing after the mistake was read")
        }
        Refused::Value { path, what: why } => {
            let space = if path.is_empty() { "" } else { ": " };
            let error = Error::new(Fault::Data, "invalid_item", format!("{what}{space}{} {why}", printable(&path)));
            error.with_remedy(match form {
                Form::Typed => "correct it; for plain JSON, without DynamoDB's types, give --plain",
                Form::Plain => "correct it, or give it as text in double quotes",
            })
        }
    }
}

/// Checks the CRC-32 that DynamoDB sends with every reply.
///
/// # Errors
/// [`Fault::Unavailable`], worth another attempt: the reply was damaged on its way.
pub(super) fn check_crc32(reply: &Reply<'_>, asked: &Asked<'_>) -> Result<()> {
    let Some(expected) = reply.header("x-amz-crc32") else { return Ok(()) };
    // Of a reply that was not read to its end nothing is used.
    if !reply.complete || expected.trim().parse() == Ok(crc32(reply.body)) {
        return Ok(());
    }
    Err(Error::new(
        Fault::Unavailable,
        "damaged_reply",
        format!("{}: DynamoDB's reply was damaged on its way: its checksum (x-amz-crc32) does not match", asked.what),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::endpoint::Service;
    use crate::aws::tests::headers;

    const ASKED: Asked<'_> =
        Asked { service: Service::DynamoDb, what: "table \"t\"", permission: "", absent: "", now: 0 };

    #[test]
    fn the_checksum_is_compared() {
        let check = |value, body: &[u8], complete| {
            check_crc32(&Reply { status: 200, headers: &headers(&[("x-amz-crc32", value)]), body, complete }, &ASKED)
        };
        // What DynamoDB sends with its empty object.
        assert_eq!(check("2745614147", b"{}", true), Ok(()));
        assert_eq!(check("2745614147", b"{", false), Ok(()));
        for (value, body) in [("2745614148", &b"{}"[..]), ("2745614147", b"{ }"), ("x", b"{}"), ("", b"{}")] {
            let error = check(value, body, true).unwrap_err();
            assert_eq!((error.fault(), error.code()), (Fault::Unavailable, "damaged_reply"));
            assert!(error.retryable());
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let mut body = b"before".to_vec();
        let mut refused = |item, form| append_item(&mut body, item, form, "line 3").unwrap_err();
        let error = refused("{\"a\":1,}", Form::Plain);
        assert!(error.message().starts_with("line 3, column 8: malformed JSON"), "{error}");
        let error = refused("{\"a\":{\"b\":1e999}}", Form::Plain);
        assert!(error.message().starts_with("line 3: a.b is beyond"), "{error}");
        let error = refused("[]", Form::Plain);
        assert!(error.message().starts_with("line 3 is no object"), "{error}");
        let error = refused("{\"a\":1}", Form::Typed);
        assert!(error.remedy().unwrap().contains("--plain"), "{error}");
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(ITEM_SIZE_MAXIMUM));
        let error = refused(&large, Form::Plain);
        assert_eq!((error.fault(), error.code()), (Fault::Data, "item_too_large"));
        assert_eq!(body, b"before");
        let largest = format!(r#"{{"a":"{}"}}"#, "x".repeat(ITEM_SIZE_MAXIMUM - 1));
        assert_eq!(append_item(&mut body, &largest, Form::Plain, "line 3").unwrap().size, ITEM_SIZE_MAXIMUM);
    }
}

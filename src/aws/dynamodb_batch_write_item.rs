//! Up to 25 items into a DynamoDB table with one request.
//!
//! Amazon DynamoDB API Reference, "BatchWriteItem"
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>).

use super::dynamodb::{append_item, check_crc32};
use super::endpoint::Service;
use super::json_service::{self, Asked};
use crate::error::Result;
use crate::protocol::dynamodb_json::Form;
use crate::protocol::json_walk::{Kind, Value};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// `BatchWriteItem`: writes each item by itself, in place of one with the same key, in no certain order. Not all need be
/// written.
#[derive(Debug, Clone, Copy)]
pub struct BatchWriteItem<'a> {
    /// DynamoDB's endpoint: host and, where it is not 443, `:port`.
    pub authority: &'a str,
    /// The table's name or ARN, of bytes that need no escaping in JSON.
    pub table: &'a str,
    /// The clock by which the request is signed, in seconds since the Unix epoch.
    pub now: i64,
}

/// The body of a request in the making.
#[derive(Debug)]
pub struct Batch {
    body: Vec<u8>,
    start: usize,
    items: usize,
}

/// Items that have not been written, through no fault of theirs.
#[derive(Debug, PartialEq, Eq)]
pub struct Unprocessed {
    /// The body of the request that asks for them again.
    pub body: Vec<u8>,
    /// How many they are.
    pub items: usize,
}

impl Batch {
    /// An empty batch for a table.
    pub fn new(table: &str) -> Self {
        let body = format!("{{\"RequestItems\":{{\"{table}\":[").into_bytes();
        Self { start: body.len(), body, items: 0 }
    }

    /// How many items it has.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Adds an item, which `what` names in errors. `false`: there is no room for it, send the others first; there
    /// always is in an empty batch, for an item of at most [`ITEM_TEXT_MAXIMUM`] bytes of text.
    ///
    /// # Errors
    /// [`crate::error::Fault::Data`]: what is wrong with the item. The batch is as before.
    pub fn push(&mut self, item: &str, form: Form, what: &str) -> Result<bool> {
        if self.items == ITEMS_MAXIMUM {
            return Ok(false);
        }
        let before = self.body.len();
        self.body.extend_from_slice(if self.items > 0 { b"," } else { b"" });
        self.body.extend_from_slice(b"{\"PutRequest\":{\"Item\":");
        if let Err(error) = append_item(&mut self.body, item, form, what) {
            self.body.truncate(before);
            return Err(error);
        }
        self.body.extend_from_slice(b"}}");
        if self.body.len() + END.len() > REQUEST_MAXIMUM {
            self.body.truncate(before);
            return Ok(false);
        }
        self.items += 1;
        Ok(true)
    }

    /// The body of the request; the batch is empty afterwards.
    pub fn take(&mut self) -> Vec<u8> {
        let mut body = self.body[..self.start].to_vec();
        core::mem::swap(&mut body, &mut self.body);
        body.extend_from_slice(END);
        self.items = 0;
        body
    }
}

impl BatchWriteItem<'_> {
    /// Builds the request for a body of `length` bytes.
    ///
    /// # Errors
    /// A host name that is longer than DNS allows.
    pub fn request(&self, length: usize) -> Result<Request> {
        json_service::request(self.authority, "1.0", TARGET, length)
    }

    /// Reads the reply: what has not been written, if anything.
    ///
    /// # Errors
    /// Refused or temporary: nothing was written. A reply that is damaged or not the documented one: nobody knows.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<Option<Unprocessed>> {
        let what = format!("table {:?}", self.table);
        let asked = Asked {
            service: Service::DynamoDb,
            what: &what,
            permission: "allow dynamodb:BatchWriteItem on the table's ARN in the role's policy",
            absent: "check the table's name, and the region in which it was looked for",
            now: self.now,
        };
        check_crc32(reply, &asked)?;
        if reply.status != 200 {
            let error = asked.error(reply);
            let twice = error.message().contains(DUPLICATES);
            return Err(if twice { error.with_remedy(ONE_KEY_ONCE) } else { error });
        }
        let document = asked.document(reply, "it is longer than all that was sent", REPLY_DEPTH)?;
        let Some(unprocessed) = document.member("UnprocessedItems") else { return Ok(None) };
        let Kind::Object(tables) = unprocessed.kind() else {
            return Err(asked.nonsense("its UnprocessedItems are no object"));
        };
        let count = |requests: Value<'_>| match requests.kind() {
            Kind::Array(requests) => requests.count(),
            _ => 0,
        };
        // A table may be asked for by its ARN, which ends in its name.
        let name = self.table.rsplit('/').next().unwrap_or(self.table);
        let own = unprocessed.member(self.table).or_else(|| unprocessed.member(name)).map_or(0, count);
        match tables.map(|(_, requests)| count(requests)).sum::<usize>() {
            items if items != own => Err(asked.nonsense("its UnprocessedItems are of another table")),
            0 => Ok(None),
            items => {
                let body = [b"{\"RequestItems\":", unprocessed.text().as_bytes(), b"}"].concat();
                Ok(Some(Unprocessed { body, items }))
            }
        }
    }
}

const TARGET: &str = "DynamoDB_20120810.BatchWriteItem";
/// Closes the list, the table, and the request.
const END: &[u8] = b"]}}";
/// API Reference, "BatchWriteItem": 25 requests.
pub const ITEMS_MAXIMUM: usize = 25;
/// The same page: 16 MB.
const REQUEST_MAXIMUM: usize = 16 * 1024 * 1024;
/// The most text of one item. An item of 400 KB has less, unless it is full of space: an empty text in a list, one byte
/// of the item, has nine in DynamoDB's JSON.
pub const ITEM_TEXT_MAXIMUM: usize = 4 * 1024 * 1024;
/// An item of 32 levels, and what is around it.
const REPLY_DEPTH: usize = 80;
/// In the message of the `ValidationException`.
const DUPLICATES: &str = "contains duplicates";
const ONE_KEY_ONCE: &str = "two of these lines have the same key, which one batch cannot write: leave one out, or write \
                            such items one by one, without --lines";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{torture, with_reply};
    use crate::error::Fault;

    const CALL: BatchWriteItem<'_> =
        BatchWriteItem { authority: "dynamodb.us-east-1.amazonaws.com", table: "Forum", now: 1_440_938_160 };
    /// The API Reference's example: its first item is written, its second is not.
    const REPLY: &str = r#"{"UnprocessedItems":{"Forum":[{"PutRequest":{"Item":{"Name":{"S":"Amazon ElastiCache"},
        "Category":{"S":"Amazon Web Services"}}}}]},
        "ConsumedCapacity":[{"TableName":"Forum","CapacityUnits":3}]}"#;

    #[test]
    fn the_documented_request() {
        let mut batch = Batch::new("Forum");
        let item = |name| format!(r#"{{"Name":{{"S":"{name}"}},"Category":{{"S":"Amazon Web Services"}}}}"#);
        for name in ["Amazon DynamoDB", "Amazon RDS"] {
            assert_eq!(batch.push(&item(name), Form::Typed, "line 1"), Ok(true));
        }
        let body = batch.take();
        let put = |name: &str| {
            serde_json::json!({ "PutRequest": { "Item": {
                "Name": { "S": name }, "Category": { "S": "Amazon Web Services" },
            }}})
        };
        let expected = serde_json::json!({ "RequestItems": { "Forum": [put("Amazon DynamoDB"), put("Amazon RDS")] } });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
        let request = CALL.request(body.len()).unwrap();
        assert_eq!(request.header_value("x-amz-target"), Some("DynamoDB_20120810.BatchWriteItem"));
        assert_eq!(request.header_value("content-type"), Some("application/x-amz-json-1.0"));
        // And the next batch begins anew.
        assert_eq!((batch.items(), batch.take()), (0, br#"{"RequestItems":{"Forum":[]}}"#.to_vec()));
    }

    #[test]
    fn a_batch_has_25_items_and_16_megabytes() {
        let mut batch = Batch::new("Forum");
        for _ in 0..25 {
            assert_eq!(batch.push(r#"{"a":1}"#, Form::Plain, "line 1"), Ok(true));
        }
        assert_eq!(batch.push(r#"{"a":1}"#, Form::Plain, "line 26"), Ok(false));
        // Control characters have six bytes each in JSON and one in DynamoDB.
        let large = format!(r#"{{"a":"{}"}}"#, "\\u0001".repeat(409_000));
        let mut batch = Batch::new("Forum");
        let mut count = 0;
        while batch.push(&large, Form::Plain, "line 1").unwrap() {
            count += 1;
        }
        assert_eq!((count, batch.items()), (6, 6));
        let body = batch.take();
        assert!(body.len() <= REQUEST_MAXIMUM && body.len() + large.len() > REQUEST_MAXIMUM);
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        assert_eq!(batch.push(&large, Form::Plain, "line 7"), Ok(true));
    }

    #[test]
    fn a_bad_item_leaves_the_batch_as_it_was() {
        let mut batch = Batch::new("Forum");
        assert_eq!(batch.push(r#"{"a":1}"#, Form::Plain, "line 1"), Ok(true));
        let error = batch.push(r#"{"a":1e999}"#, Form::Plain, "line 2").unwrap_err();
        assert_eq!(error.fault(), Fault::Data);
        assert!(error.message().starts_with("line 2: a is beyond"), "{error}");
        assert_eq!(batch.take(), br#"{"RequestItems":{"Forum":[{"PutRequest":{"Item":{"a":{"N":"1"}}}}]}}"#);
    }

    #[test]
    fn what_was_not_written_is_asked_for_again_as_it_came() {
        let unprocessed = with_reply(200, REPLY.as_bytes(), |reply| CALL.parse(reply)).unwrap().unwrap();
        assert_eq!(unprocessed.items, 1);
        let document: serde_json::Value = serde_json::from_str(REPLY).unwrap();
        let again: serde_json::Value = serde_json::from_slice(&unprocessed.body).unwrap();
        assert_eq!(again, serde_json::json!({ "RequestItems": document["UnprocessedItems"] }));
        for body in [&br#"{"UnprocessedItems":{}}"#[..], br#"{"UnprocessedItems":{"Forum":[]}}"#, b"{}"] {
            assert_eq!(with_reply(200, body, |reply| CALL.parse(reply)), Ok(None));
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        for (code, message, fault, remedy) in [
            ("ProvisionedThroughputExceededException", "", Fault::Temporary, "try again later"),
            ("AccessDeniedException", "", Fault::Refused, "dynamodb:BatchWriteItem"),
            ("ValidationException", "Provided list of item keys contains duplicates", Fault::Refused, "same key"),
        ] {
            let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{message}"}}"#);
            let error = with_reply(400, body.as_bytes(), |reply| CALL.parse(reply)).unwrap_err();
            assert_eq!((error.fault(), error.code()), (fault, code));
            assert!(error.remedy().unwrap().contains(remedy), "{error}");
        }
        let of_another_table = br#"{"UnprocessedItems":{"Other":[{"PutRequest":{"Item":{"id":{"S":"1"}}}}]}}"#;
        for body in [&b"<html>"[..], b"", b"[]x", br#"{"UnprocessedItems":[]}"#, b"\xff", of_another_table] {
            assert_eq!(with_reply(200, body, |reply| CALL.parse(reply)).unwrap_err().code(), "malformed_reply");
        }
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(REPLY.as_bytes(), &[200, 400, 500], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

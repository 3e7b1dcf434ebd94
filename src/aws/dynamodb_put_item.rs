//! One item into a DynamoDB table.
//!
//! Amazon DynamoDB API Reference, "PutItem"
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>).

use super::dynamodb::{append_item, check_crc32};
use super::endpoint::Service;
use super::json_service::{self, Asked};
use crate::error::{Error, Fault, Result};
use crate::protocol::dynamodb_json::Form;
use crate::protocol::json::ObjectWriter;
use crate::protocol::json_walk::{Kind, Value};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// `PutItem`: writes an item, in place of one with the same key.
#[derive(Debug, Clone, Copy)]
pub struct PutItem<'a> {
    /// DynamoDB's endpoint: host and, where it is not 443, `:port`.
    pub authority: &'a str,
    /// The table's name or ARN, of bytes that need no escaping in JSON.
    pub table: &'a str,
    /// What must hold for the item that is there, so that it is written.
    pub condition: Option<Condition<'a>>,
    /// The clock by which the request is signed, in seconds since the Unix epoch.
    pub now: i64,
}

/// `ConditionExpression` and what it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition<'a> {
    /// Such as `attribute_not_exists(device_name)`.
    pub expression: &'a str,
    /// `ExpressionAttributeNames`: a JSON object whose values are text.
    pub names: Option<&'a str>,
    /// `ExpressionAttributeValues`: a JSON object in the form of the item.
    pub values: Option<&'a str>,
}

impl PutItem<'_> {
    /// The request's body, for an item that is written in `form`.
    ///
    /// # Errors
    /// [`Fault::Data`]: what is wrong with the item, or with the condition's names and values.
    pub fn body(&self, item: &str, form: Form) -> Result<Vec<u8>> {
        let mut body = Vec::with_capacity(item.len() + item.len() / 2 + self.table.len() + FRAME_USUAL);
        body.extend_from_slice(b"{\"TableName\":\"");
        body.extend_from_slice(self.table.as_bytes());
        body.extend_from_slice(b"\",\"Item\":");
        append_item(&mut body, item, form, "the item")?;
        if let Some(condition) = self.condition {
            let expression = object_of("ConditionExpression", condition.expression);
            body.push(b',');
            body.extend_from_slice(&expression[1..expression.len() - 1]);
            if let Some(names) = condition.names {
                check_names(names)?;
                body.extend_from_slice(b",\"ExpressionAttributeNames\":");
                body.extend_from_slice(names.as_bytes());
            }
            if let Some(values) = condition.values {
                body.extend_from_slice(b",\"ExpressionAttributeValues\":");
                append_item(&mut body, values, form, "--values")?;
            }
        }
        body.push(b'}');
        Ok(body)
    }

    /// Builds the request for a body of `length` bytes.
    ///
    /// # Errors
    /// A host name that is longer than DNS allows.
    pub fn request(&self, length: usize) -> Result<Request> {
        json_service::request(self.authority, "1.0", TARGET, length)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// Refused, where the condition does not hold too; temporary; a damaged reply.
    pub fn parse(&self, reply: &Reply<'_>) -> Result<()> {
        let what = format!("table {:?}", self.table);
        let asked = Asked {
            service: Service::DynamoDb,
            what: &what,
            permission: "allow dynamodb:PutItem on the table's ARN in the role's policy",
            absent: "check the table's name, and the region in which it was looked for",
            now: self.now,
        };
        check_crc32(reply, &asked)?;
        if reply.status == 200 {
            return Ok(());
        }
        let error = asked.error(reply);
        let Some(condition) = self.condition.filter(|_| error.code() == CONDITION_FAILED) else { return Err(error) };
        Err(Error::new(
            Fault::Refused,
            CONDITION_FAILED,
            format!("{what}: nothing was written: the condition {:?} does not hold", condition.expression),
        )
        .with_remedy("if that was to be expected, let the script go on at exit code 77; otherwise look at the item that is there"))
    }
}

/// `{"NAME":"value"}`.
fn object_of(name: &str, value: &str) -> Vec<u8> {
    let write = |buffer: &mut [u8]| {
        let mut writer = ObjectWriter::new(buffer);
        writer.text(name, value);
        writer.finish()
    };
    let needed = write(&mut []).unwrap_or_else(|full| full.needed);
    let mut object = vec![0; needed];
    // It has the room that was measured.
    let _ = write(&mut object);
    object
}

fn check_names(names: &str) -> Result<()> {
    let invalid = |why: &str| {
        Error::new(Fault::Data, "invalid_names", format!("--names: {why}"))
            .with_remedy("give an object whose values are text: '{\"#t\": \"timestamp\"}'")
    };
    let document =
        Value::of(names, NAMES_DEPTH).map_err(|malformed| invalid(&format!("malformed JSON: {}", malformed.what)))?;
    let Kind::Object(mut members) = document.kind() else { return Err(invalid("it is no object")) };
    match members.find(|(_, value)| !matches!(value.kind(), Kind::Text(_))) {
        None => Ok(()),
        Some((name, _)) => Err(invalid(&format!("the value of \"{}\" is no text", super::printable(name.0)))),
    }
}

const TARGET: &str = "DynamoDB_20120810.PutItem";
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";
/// The object around the item.
const FRAME_USUAL: usize = 64;
/// One object; some more, so that deeper text is called by its real mistake.
const NAMES_DEPTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tests::{headers, torture, with_reply};

    const CALL: PutItem<'_> = PutItem {
        authority: "dynamodb.us-east-1.amazonaws.com",
        table: "Thread",
        condition: Some(Condition {
            expression: "ForumName <> :f and Subject <> :s",
            names: None,
            values: Some(r#"{":f":{"S":"Amazon DynamoDB"},":s":{"S":"How do I update multiple items?"}}"#),
        }),
        now: 1_440_938_160,
    };
    /// The API Reference's example, without the parameters that homing does not have.
    const ITEM: &str = r#"{"LastPostDateTime":{"S":"201303190422"},"Tags":{"SS":["Update","Multiple Items","HelpMe"]},
        "ForumName":{"S":"Amazon DynamoDB"},"Message":{"S":"I want to update multiple items in a single call."},
        "Subject":{"S":"How do I update multiple items?"},"LastPostedBy":{"S":"fred@example.com"}}"#;

    #[test]
    fn the_documented_request() {
        let body = CALL.body(ITEM, Form::Typed).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({
            "TableName": "Thread",
            "Item": serde_json::from_str::<serde_json::Value>(ITEM).unwrap(),
            "ConditionExpression": "ForumName <> :f and Subject <> :s",
            "ExpressionAttributeValues": {
                ":f": { "S": "Amazon DynamoDB" }, ":s": { "S": "How do I update multiple items?" },
            },
        });
        assert_eq!(document, expected);
        let request = CALL.request(body.len()).unwrap();
        let length = body.len().to_string();
        assert!(request.headers().eq([
            ("content-type", "application/x-amz-json-1.0"),
            ("content-length", &*length),
            ("x-amz-target", "DynamoDB_20120810.PutItem"),
        ]));
    }

    #[test]
    fn values_have_the_form_of_the_item() {
        let condition = Condition {
            expression: "#t < :now",
            names: Some(r##"{"#t":"timestamp"}"##),
            values: Some(r#"{":now":1.50}"#),
        };
        let call = PutItem { condition: Some(condition), ..CALL };
        assert_eq!(
            String::from_utf8(call.body(r#"{"timestamp":1.50}"#, Form::Plain).unwrap()).unwrap(),
            r##"{"TableName":"Thread","Item":{"timestamp":{"N":"1.50"}},"ConditionExpression":"#t < :now","ExpressionAttributeNames":{"#t":"timestamp"},"ExpressionAttributeValues":{":now":{"N":"1.50"}}}"##
        );
        let error = call.body(r#"{"timestamp":{"N":"1.50"}}"#, Form::Typed).unwrap_err();
        assert!(error.message().starts_with("--values: :now does not name its type"), "{error}");
    }

    #[test]
    fn an_expression_cannot_leave_its_place() {
        let expression = "a = \"x\",\"TableName\":\"other\"\n";
        let call = PutItem { condition: Some(Condition { expression, names: None, values: None }), ..CALL };
        let document: serde_json::Value = serde_json::from_slice(&call.body("{}", Form::Plain).unwrap()).unwrap();
        assert_eq!(document["ConditionExpression"], expression);
        assert_eq!(document["TableName"], "Thread");
        for names in ["{\"#a\":1}", "[]", "{\"#a\":\"b\"", "{\"#a\":\"b\"},\"TableName\":\"x\"", "{\"#a\":{}}"] {
            let condition = Condition { expression: "x", names: Some(names), values: None };
            let error = PutItem { condition: Some(condition), ..CALL }.body("{}", Form::Plain).unwrap_err();
            assert_eq!((error.fault(), error.code()), (Fault::Data, "invalid_names"), "{names}");
        }
    }

    #[test]
    fn a_condition_that_does_not_hold_has_its_own_words() {
        let body = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#;
        let error = with_reply(400, body, |reply| CALL.parse(reply)).unwrap_err();
        assert_eq!((error.fault(), error.code()), (Fault::Refused, "ConditionalCheckFailedException"));
        assert!(
            error.message().contains("nothing was written") && error.message().contains("ForumName <> :f"),
            "{error}"
        );
    }

    #[test]
    fn replies_are_checked() {
        let reply = |crc32, status, body: &[u8]| {
            CALL.parse(&Reply { status, headers: &headers(&[("x-amz-crc32", crc32)]), body, complete: true })
        };
        assert_eq!(reply("2745614147", 200, b"{}"), Ok(()));
        assert_eq!(reply("2745614147", 200, b"{x").unwrap_err().code(), "damaged_reply");
        let body = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#;
        let error = with_reply(400, body, |reply| CALL.parse(reply)).unwrap_err();
        assert!(error.message().starts_with("table \"Thread\": DynamoDB answered 400 ResourceNotFoundException"));
        assert!(error.remedy().unwrap().contains("region"), "{error}");
    }

    #[test]
    fn any_reply_can_be_read() {
        torture(br#"{"__type":"a#ThrottlingException","message":"x"}"#, &[200, 400, 500], |reply| {
            let _ = CALL.parse(reply);
        });
    }
}

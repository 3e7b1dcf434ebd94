//! Items for DynamoDB: what is written is JSON of at most a known length, is the same written once more, and a plain
//! item that is taken back from its types is the one that was given, digit by digit.

use homing::protocol::dynamodb_json::{Form, Refused, write_item};
use serde_json::{Map, Value};

pub fn run(data: &[u8]) {
    let Ok(item) = std::str::from_utf8(data) else { return };
    for form in [Form::Plain, Form::Typed] {
        match written(item, form) {
            Ok(text) => {
                assert!(text.len() <= GROWTH * item.len() + 2, "{} from {}", text.len(), item.len());
                let typed: Value = serde_json::from_str(&text).expect("what is sent is JSON");
                assert_eq!(written(&text, Form::Typed).as_deref(), Ok(text.as_str()));
                if form == Form::Plain {
                    let given: Value = serde_json::from_str(item).expect("what was taken is JSON");
                    assert_eq!(plain_item(&typed), without_number_form(given));
                }
            }
            Err(Refused::Malformed(wrong)) => assert!(wrong.offset <= item.len()),
            Err(Refused::Value { path, .. }) => assert!(path.len() <= 200),
        }
    }
}

fn written(item: &str, form: Form) -> Result<String, Refused> {
    let measured = write_item(item, form, &mut [])?;
    let mut output = vec![0; measured.length];
    assert_eq!(write_item(item, form, &mut output)?, measured);
    Ok(String::from_utf8(output).expect("JSON is text"))
}

fn plain_item(item: &Value) -> Value {
    Value::Object(members(item.as_object().expect("an item is an object")))
}

fn members(typed: &Map<String, Value>) -> Map<String, Value> {
    typed.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn plain(typed: &Value) -> Value {
    let (kind, value) = typed.as_object().and_then(|object| object.iter().next()).expect("every value has its type");
    match (kind.as_str(), value) {
        ("S" | "BOOL", value) => value.clone(),
        ("N", Value::String(number)) => without_number_form(serde_json::from_str(number).expect("a number")),
        ("NULL", _) => Value::Null,
        ("L", Value::Array(elements)) => Value::Array(elements.iter().map(plain).collect()),
        ("M", Value::Object(object)) => Value::Object(members(object)),
        _ => panic!("{typed}"),
    }
}

/// Numbers as text: `arbitrary_precision` compares them so.
fn without_number_form(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(format!("number {number}")),
        Value::Array(elements) => Value::Array(elements.into_iter().map(without_number_form).collect()),
        Value::Object(object) => {
            Value::Object(object.into_iter().map(|(name, value)| (name, without_number_form(value))).collect())
        }
        other => other,
    }
}

/// `{}` becomes `{"M":{}}`, a digit `{"N":"1"}`.
const GROWTH: usize = 9;

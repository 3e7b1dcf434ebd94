//! Templates of keys and topics: what passes the check renders unless it is too long or comes out empty, never beyond
//! its capacity, and literal text comes out as it stands.

use homing::protocol::template::{TemplateError, Values, check, render, uses_sha256, uses_thing};

pub fn run(data: &[u8]) {
    let Ok(template) = std::str::from_utf8(data) else { return };
    let values = Values { thing: Some("camera-1"), name: "写真.JPG", time: 1_440_938_160, sha256: Some("ab12") };
    let rendered = render::<CAPACITY>(template, &values);
    match (check(template), &rendered) {
        (Ok(()), Ok(text)) => assert!(text.len() <= CAPACITY),
        (Ok(()), Err(TemplateError::TooLong(limit))) => assert_eq!(*limit, CAPACITY),
        (Err(checked), Err(rendered)) => {
            assert!(checked == *rendered || matches!(rendered, TemplateError::TooLong(_)));
            assert!(checked.to_string().len() <= template.len() + 128);
        }
        other => panic!("{template:?}: {other:?}"),
    }
    if let Ok(text) = &rendered {
        // {thing} and {sha256} have no value here, so that they are missed exactly where they are used.
        let without = Values { thing: None, sha256: None, ..values };
        let needs = uses_thing(template) || uses_sha256(template);
        assert_eq!(render::<CAPACITY>(template, &without).is_err(), needs);
        if !text.contains(['{', '}']) {
            assert_eq!(render::<CAPACITY>(text, &values).as_deref(), Ok(text.as_str()));
        }
    }
    let literal = template.replace('{', "{{").replace('}', "}}");
    if !template.is_empty() && template.len() <= CAPACITY {
        assert_eq!(render::<CAPACITY>(&literal, &values).as_deref(), Ok(template));
    }
}

const CAPACITY: usize = 256;

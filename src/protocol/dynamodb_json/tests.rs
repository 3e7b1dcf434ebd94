use super::*;

fn written(item: &str, form: Form) -> Result<(String, usize), Refused> {
    let measured = write_item(item, form, &mut [])?;
    let mut output = vec![0; measured.length];
    assert_eq!(write_item(item, form, &mut output), Ok(measured));
    Ok((String::from_utf8(output).unwrap(), measured.size))
}

fn plain(item: &str) -> String {
    written(item, Form::Plain).unwrap().0
}

fn refused(item: &str, form: Form) -> (String, &'static str) {
    match written(item, form).unwrap_err() {
        Refused::Value { path, what } => (path, what),
        Refused::Malformed(malformed) => panic!("{item}: {malformed:?}"),
    }
}

#[test]
fn each_type_of_plain_json_has_its_own() {
    assert_eq!(
        plain(r#" { "s" : "a\"é\u00e9", "n":-1.50, "t":true,"f":false , "z":null, "l":[1,"x",[ ]], "m":{"a":{}} } "#),
        r#"{"s":{"S":"a\"é\u00e9"},"n":{"N":"-1.50"},"t":{"BOOL":true},"f":{"BOOL":false},"z":{"NULL":true},"l":{"L":[{"N":"1"},{"S":"x"},{"L":[]}]},"m":{"M":{"a":{"M":{}}}}}"#
    );
    assert_eq!(plain("{}"), "{}");
}

#[test]
fn numbers_keep_their_digits() {
    for number in ["1.10", "0.1", "1E+2", "-0.0", "12345678901234567890123456789012345678", "1e-130", "9.99e125"] {
        assert_eq!(plain(&format!("{{\"n\":{number}}}")), format!(r#"{{"n":{{"N":"{number}"}}}}"#));
    }
}

#[test]
fn numbers_that_would_change_are_refused_with_their_path() {
    for (number, why) in [
        ("123456789012345678901234567890123456789", "38 significant digits"),
        ("0.1234567890123456789012345678901234567891", "38 significant digits"),
        ("1e126", "largest"),
        ("-1e126", "largest"),
        ("1e-131", "smallest"),
        ("1e99999999999", "largest"),
    ] {
        let (path, what) = refused(&format!(r#"{{"a":[0,{{"b c":{number}}}]}}"#), Form::Plain);
        assert_eq!(path, "a[1].b c");
        assert!(what.contains(why), "{number}: {what}");
        let (path, _) = refused(&format!(r#"{{"a":{{"NS":["1","{number}"]}}}}"#), Form::Typed);
        assert_eq!(path, "a[1]");
    }
}

#[test]
fn typed_json_passes_as_it_is() {
    let item = r#"{"s":{"S":""},"n":{"N":"+007.50"},"b":{"B":"aGk="},"t":{"BOOL":false},"z":{"NULL":true},"ss":{"SS":["a","b"]},"ns":{"NS":["1","2e3"]},"bs":{"BS":["AA==","a\/8="]},"l":{"L":[{"S":"x"},{"L":[]}]},"m":{"M":{"a":{"M":{}},"S":{"S":"x"}}}}"#;
    assert_eq!(written(item, Form::Typed).unwrap().0, item);
    let spread = item.replace(':', " : ").replace(",\"", " ,\n\"");
    assert_eq!(written(&spread, Form::Typed).unwrap().0, item);
}

/// RFC 8259, section 7: any character may be escaped.
#[test]
fn escaped_numbers_and_base64_are_what_they_say() {
    for (plain, escaped) in [
        (r#"{"a":{"N":"12.5"}}"#, r#"{"a":{"N":"\u0031\u0032.5"}}"#),
        (r#"{"a":{"NS":["1","-2"]}}"#, r#"{"a":{"NS":["\u0031","\u002d2"]}}"#),
        (r#"{"a":{"B":"a+/="}}"#, r#"{"a":{"B":"a\u002B\/\u003d"}}"#),
        (r#"{"a":{"BS":["+A=="]}}"#, r#"{"a":{"BS":["\u002bA=\u003D"]}}"#),
    ] {
        let (text, size) = written(escaped, Form::Typed).unwrap();
        assert_eq!((text.as_str(), size), (escaped, written(plain, Form::Typed).unwrap().1));
    }
    for item in
        [r#"{"a":{"N":"1\n"}}"#, r#"{"a":{"B":"aGk\u003f"}}"#, r#"{"a":{"B":"aGk\\"}}"#, r#"{"a":{"B":"\ud800"}}"#]
    {
        assert_eq!(refused(item, Form::Typed).0, "a", "{item}");
    }
}

#[test]
fn values_without_their_type_are_refused() {
    for (item, path, why) in [
        (r#"{"a":"x"}"#, "a", "does not name its type"),
        (r#"{"a":{}}"#, "a", "does not name its type"),
        (r#"{"a":{"S":"x","N":"1"}}"#, "a", "does not name its type"),
        (r#"{"a":{"X":"x"}}"#, "a", "does not name its type"),
        (r#"{"a":{"L":["x"]}}"#, "a[0]", "does not name its type"),
        (r#"{"a":{"M":{"b":1}}}"#, "a.b", "does not name its type"),
        (r#"{"a":{"N":1}}"#, "a", "text in double quotes"),
        (r#"{"a":{"N":"one"}}"#, "a", "no decimal number"),
        (r#"{"a":{"B":"aGk"}}"#, "a", "no base64"),
        (r#"{"a":{"B":"a?k="}}"#, "a", "no base64"),
        (r#"{"a":{"BOOL":"true"}}"#, "a", "neither true nor false"),
        (r#"{"a":{"NULL":false}}"#, "a", "always true"),
        (r#"{"a":{"L":{}}}"#, "a", "array"),
        (r#"{"a":{"M":[]}}"#, "a", "object"),
        (r#"{"a":{"SS":[]}}"#, "a", "empty set"),
        (r#"{"a":{"SS":[1]}}"#, "a[0]", "in a set"),
        ("[]", "", "no object"),
    ] {
        let (found, what) = refused(item, Form::Typed);
        assert_eq!(found, path, "{item}");
        assert!(what.contains(why), "{item}: {what}");
    }
}

#[test]
fn a_name_that_is_there_twice_is_refused_however_it_is_written() {
    assert_eq!(refused(r#"{"a":1,"b":2,"\u0061":3}"#, Form::Plain), ("\\u0061".to_owned(), "is there twice"));
    assert_eq!(refused(r#"{"a":{"b":1,"b":1}}"#, Form::Plain).0, "a.b");
    assert_eq!(refused(r#"{"a":{"M":{"b":{"S":""},"b":{"S":""}}}}"#, Form::Typed).0, "a.b");
    assert_eq!(plain(r#"{"a":{"b":1},"b":{"b":1}}"#).matches("\"b\"").count(), 3);
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    assert_eq!(refused(r#"{"a":"\ud83d"}"#, Form::Plain), ("a".to_owned(), HALF_A_PAIR));
    assert_eq!(refused(r#"{"\ud83d":1}"#, Form::Plain).1, HALF_A_PAIR);
    assert_eq!(refused(r#"{"a":{"S":"\ude00"}}"#, Form::Typed).1, HALF_A_PAIR);
}

#[test]
fn nesting_ends_where_dynamodbs_does() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(written(&nested(32), Form::Plain).is_ok());
    assert!(refused(&nested(33), Form::Plain).1.contains("32 levels"));
    let typed = plain(&nested(32));
    assert_eq!(written(&typed, Form::Typed).unwrap().0, typed);
    assert!(matches!(written(&nested(10_000), Form::Plain), Err(Refused::Malformed(_))));
}

/// "DynamoDB item sizes and formats": names, text and binary as bytes, numbers by two digits, booleans and null as one,
/// lists and maps 3 and 1 for each element.
#[test]
fn sizes_are_those_of_dynamodb() {
    for (item, size) in [
        ("{}", 0),
        (r#"{"name":"é\n"}"#, 4 + 3),
        (r#"{"n":12345}"#, 1 + 3 + 1),
        (r#"{"n":1000}"#, 1 + 1 + 1),
        (r#"{"n":0}"#, 1 + 1),
        (r#"{"t":true,"z":null}"#, 2 + 2),
        (r#"{"l":[]}"#, 1 + 3),
        (r#"{"l":["ab",1]}"#, 1 + 3 + (1 + 2) + (1 + 2)),
        (r#"{"m":{"ab":"c"}}"#, 1 + 3 + (1 + 2 + 1)),
    ] {
        assert_eq!(written(item, Form::Plain).unwrap().1, size, "{item}");
    }
    assert_eq!(written(r#"{"b":{"B":"aGk="},"s":{"SS":["ab","c"]}}"#, Form::Typed).unwrap().1, 1 + 2 + 1 + 3);
}

#[test]
fn a_long_path_is_cut() {
    let item = format!(r#"{{"{}":1e999}}"#, "é".repeat(300));
    assert_eq!(refused(&item, Form::Plain).0, "é".repeat(PATH_MAXIMUM / 2));
}

#[test]
fn malformed_json_is_told_with_its_place() {
    assert!(matches!(written("{\"a\":1,}", Form::Plain), Err(Refused::Malformed(Malformed { offset: 7, .. }))));
}

proptest::proptest! {
    /// What boto3's serializer would send, and back: the same document, whatever it is.
    #[test]
    fn plain_items_come_back_from_their_typed_form(item in item()) {
        let (typed, size) = written(&item.to_string(), Form::Plain).unwrap();
        let document: serde_json::Value = serde_json::from_str(&typed).unwrap();
        let back: serde_json::Map<_, _> =
            document.as_object().unwrap().iter().map(|(name, value)| (name.clone(), from_typed(value))).collect();
        proptest::prop_assert_eq!(serde_json::Value::Object(back), item);
        let (again, again_size) = written(&typed, Form::Typed).unwrap();
        proptest::prop_assert_eq!((again, again_size), (typed, size));
    }

    #[test]
    fn any_text_is_taken_or_refused(text in "[{}\\[\\]\",:a0-9.eENSBLM\\\\u-]{0,40}") {
        for form in [Form::Plain, Form::Typed] {
            if let Ok((typed, _)) = written(&text, form) {
                proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&typed).is_ok());
            }
        }
    }
}

fn from_typed(value: &serde_json::Value) -> serde_json::Value {
    let (kind, inside) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" | "BOOL" => inside.clone(),
        "N" => serde_json::from_str(inside.as_str().unwrap()).unwrap(),
        "NULL" => serde_json::Value::Null,
        "L" => inside.as_array().unwrap().iter().map(from_typed).collect(),
        "M" => serde_json::Value::Object(
            inside.as_object().unwrap().iter().map(|(name, value)| (name.clone(), from_typed(value))).collect(),
        ),
        other => panic!("{other}"),
    }
}

fn item() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,6}".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("\\PC{0,3}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map("\\PC{0,3}", value, 0..5)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

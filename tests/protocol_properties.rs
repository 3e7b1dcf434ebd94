//! Properties of the sans-IO code on random inputs, each against something that shares nothing with it: chrono's
//! calendar, serde_json, percent-encoding's decoder, a template put together by hand.

use homing::aws::endpoint::Variant;
use homing::aws::s3_put::{Bucket, ObjectHeaders, PutObject};
use homing::protocol::dynamodb_json::{Form, write_item};
use homing::protocol::json::{Full, ObjectWriter};
use homing::protocol::template::{Values, check, render};
use homing::protocol::time::{amz_date, http_date, iso8601, parse_http_date, parse_iso8601};
use homing::protocol::uri::{encode_component, encode_key, encode_topic};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// All that AWS writes and wants to have written, in years of four digits.
    #[test]
    fn dates_are_chrono_s(time in YEAR_0..YEAR_10000) {
        let theirs = chrono::DateTime::from_timestamp(time, 0).expect("in range");
        let format = |format: &str| theirs.format(format).to_string();
        let date = http_date(time);
        prop_assert_eq!(date.as_str(), format("%a, %d %b %Y %H:%M:%S GMT"));
        prop_assert_eq!(&*iso8601(time), &*format("%Y-%m-%dT%H:%M:%SZ"));
        prop_assert_eq!(&*amz_date(time), &*format("%Y%m%dT%H%M%SZ"));
        prop_assert_eq!(parse_http_date(&date, 0), Some(time));
        prop_assert_eq!(parse_http_date(&format("%a %b %e %H:%M:%S %Y"), 0), Some(time));
        // Two digits mean the nearest year: within 48 years of the time itself there is no other.
        for years in [-48, 0, 48] {
            let reference = time + years * 31_556_952;
            prop_assert_eq!(parse_http_date(&format("%A, %d-%b-%y %H:%M:%S GMT"), reference), Some(time));
        }
    }

    #[test]
    fn iso_8601_with_an_offset_is_chrono_s(time in YEAR_0..YEAR_10000, minutes in -14 * 60..=14 * 60_i32, nanos in 0..1_000_000_000_u32) {
        let offset = chrono::FixedOffset::east_opt(minutes * 60).expect("in range");
        let theirs = chrono::DateTime::from_timestamp(time, nanos).expect("in range").with_timezone(&offset);
        let text = theirs.to_rfc3339();
        prop_assume!(text.len() < 40 && !text.starts_with(['-', '+']));
        prop_assert_eq!(parse_iso8601(&text), Some(time), "{}", text);
    }

    /// Whatever a key, topic or query value has in it comes back from the wire, and nothing in it ends its place there.
    #[test]
    fn what_is_percent_encoded_decodes(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|[%/?#&=+. ]{0,40}") {
        for (encoded, kept) in [
            (encode_key(&text).to_string(), "-._~/"),
            (encode_component(&text).to_string(), "-._~"),
            (encode_topic(&text).to_string(), "-._~"),
        ] {
            prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().expect("UTF-8"), &*text);
            prop_assert!(encoded.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '%' || kept.contains(letter)));
            let digits = encoded.split('%').skip(1).flat_map(|sequence| sequence.chars().take(2));
            prop_assert!(digits.into_iter().all(|digit| digit.is_ascii_digit() || ('A'..='F').contains(&digit)));
        }
    }

    /// The path that is signed and sent is the key's, in both styles.
    #[test]
    fn a_request_s_path_is_its_key(key in "[\\PC]{1,300}", path_style in any::<bool>()) {
        let bucket = Bucket { name: "my-bucket", region: "eu-west-1", endpoint: None, variant: Variant::ORDINARY, path_style };
        let request = PutObject { bucket, key: &key }.request(&ObjectHeaders::default(), None).expect("fits");
        let decoded = percent_decode_str(&request.path).decode_utf8().expect("UTF-8");
        prop_assert_eq!(decoded.strip_prefix(if path_style { "/my-bucket/" } else { "/" }), Some(&*key));
        prop_assert_eq!(request.query.as_str(), "");
    }

    /// serde_json reads what was written, and less room than is needed says how much is.
    #[test]
    fn what_the_json_writer_writes_serde_json_reads(
        fields in prop::collection::btree_map("\\PC{0,8}|[\\x00-\\x7f]{0,8}", field(), 0..6),
        missing in 1..64_usize,
    ) {
        let write = |buffer: &mut [u8]| {
            let mut writer = ObjectWriter::new(buffer);
            write_fields(&mut writer, &fields);
            writer.finish()
        };
        let Full { needed } = write(&mut []).expect_err("nothing fits into nothing");
        let mut buffer = vec![0xa5; needed];
        prop_assert_eq!(write(&mut buffer), Ok(needed));
        let document: serde_json::Value = serde_json::from_slice(&buffer).expect("JSON");
        prop_assert_eq!(document, as_serde_json(&fields));
        prop_assert_eq!(write(&mut buffer[..needed.saturating_sub(missing)]), Err(Full { needed }));
    }

    /// A template is its pieces put together, or too long.
    #[test]
    fn templates_are_their_pieces(pieces in prop::collection::vec(piece(), 1..8)) {
        let template: String = pieces.iter().map(|(template, _)| template.as_str()).collect();
        let expected: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
        prop_assert_eq!(check(&template), Ok(()));
        let rendered = render::<CAPACITY>(&template, &VALUES);
        if expected.len() <= CAPACITY {
            prop_assert_eq!(rendered.as_deref(), Ok(expected.as_str()));
        } else {
            prop_assert!(rendered.is_err());
        }
    }

    /// A number that DynamoDB keeps goes out digit by digit as it came in; another is refused, and never rounded.
    #[test]
    fn numbers_keep_their_digits(
        sign in "-?", integer in "0|[1-9][0-9]{0,39}", fraction in prop::option::of("[0-9]{1,40}"), exponent in prop::option::of(-140..140_i32),
    ) {
        let fraction_text = fraction.as_ref().map(|digits| format!(".{digits}")).unwrap_or_default();
        let exponent_text = exponent.map(|exponent| format!("e{exponent}")).unwrap_or_default();
        let number = format!("{sign}{integer}{fraction_text}{exponent_text}");
        let all = format!("{integer}{}", fraction.unwrap_or_default());
        let significant = all.trim_matches('0').len();
        let leading = (all.len() - all.trim_start_matches('0').len()) as i32;
        let magnitude = integer.len() as i32 - 1 - leading + exponent.unwrap_or(0);
        let is_kept = significant == 0 || (significant <= 38 && (-130..=125).contains(&magnitude));
        let item = format!("{{\"n\":{number}}}");
        let mut output = [0; 512];
        match write_item(&item, Form::Plain, &mut output) {
            Ok(written) => {
                prop_assert!(is_kept, "{}", number);
                let expected = format!("{{\"n\":{{\"N\":\"{number}\"}}}}");
                prop_assert_eq!(core::str::from_utf8(&output[..written.length]), Ok(expected.as_str()));
            }
            Err(refused) => prop_assert!(!is_kept, "{} {:?}", number, refused),
        }
    }
}

#[derive(Debug, Clone)]
enum Field {
    Text(String),
    Number(u64),
    Boolean(bool),
    Object(std::collections::BTreeMap<String, Field>),
}

fn field() -> impl Strategy<Value = Field> {
    let leaf = prop_oneof![
        "\\PC{0,20}|[\\x00-\\x7f]{0,20}".prop_map(Field::Text),
        any::<u64>().prop_map(Field::Number),
        any::<bool>().prop_map(Field::Boolean),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| prop::collection::btree_map("\\PC{0,8}", inner, 0..4).prop_map(Field::Object))
}

fn write_fields(writer: &mut ObjectWriter<'_>, fields: &std::collections::BTreeMap<String, Field>) {
    for (name, field) in fields {
        match field {
            Field::Text(text) => writer.text(name, text),
            Field::Number(number) => writer.number(name, *number),
            Field::Boolean(value) => writer.boolean(name, *value),
            Field::Object(inner) => writer.object(name, |writer| write_fields(writer, inner)),
        };
    }
}

fn as_serde_json(fields: &std::collections::BTreeMap<String, Field>) -> serde_json::Value {
    let value = |field: &Field| match field {
        Field::Text(text) => text.as_str().into(),
        Field::Number(number) => (*number).into(),
        Field::Boolean(value) => (*value).into(),
        Field::Object(inner) => as_serde_json(inner),
    };
    serde_json::Value::Object(fields.iter().map(|(name, field)| (name.clone(), value(field))).collect())
}

/// A piece of a template, and what becomes of it.
fn piece() -> impl Strategy<Value = (String, String)> {
    let placeholder = prop::sample::select(&[
        ("{thing}", "camera-1"),
        ("{name}", "写真.JPG"),
        ("{date}", "2015-08-30"),
        ("{time}", "123600"),
        ("{sha256}", "ab12"),
        ("{ext}", "JPG"),
        ("{{", "{"),
        ("}}", "}"),
    ]);
    prop_oneof![
        placeholder.prop_map(|(template, text)| (template.to_owned(), text.to_owned())),
        "[\\PC--{}]{1,40}".prop_map(|text| (text.clone(), text)),
    ]
}

/// 2015-08-30T12:36:00Z.
const VALUES: Values<'_> =
    Values { thing: Some("camera-1"), name: "写真.JPG", time: 1_440_938_160, sha256: Some("ab12") };
const CAPACITY: usize = 128;
const YEAR_0: i64 = -62_167_219_200;
const YEAR_10000: i64 = 253_402_300_800;

use super::*;
use proptest::prelude::*;
use yaml_rust2::{Yaml, YamlLoader};

const WANTED: &[&[&str]] = &[&["a"], &["b", "c"], &["b", "d", "e"]];

fn values(document: &str) -> Result<Vec<Option<String>>, Unreadable> {
    read(document, WANTED)
}

#[track_caller]
fn expect(document: &str, a: Option<&str>, c: Option<&str>, e: Option<&str>) {
    let expected = [a, c, e].map(|value| value.map(str::to_owned));
    assert_eq!(values(document).unwrap(), expected, "{document}");
    assert_eq!(theirs(document).unwrap(), expected, "{document}");
}

/// What another reader finds at the same places; `None`: it finds more than one value, or no document.
fn theirs(document: &str) -> Option<Vec<Option<String>>> {
    let documents = YamlLoader::load_from_str(document).ok()?;
    let Some(root) = documents.first() else { return Some(vec![None; WANTED.len()]) };
    let at = |path: &&[&str]| {
        let mut value = root;
        for key in *path {
            value = match value {
                Yaml::Hash(hash) => hash.get(&Yaml::String((*key).to_owned())).unwrap_or(&Yaml::Null),
                _ => &Yaml::Null,
            };
        }
        match value {
            Yaml::Null | Yaml::BadValue => Some(None),
            Yaml::String(text) | Yaml::Real(text) => Some(Some(text.clone())),
            Yaml::Integer(number) => Some(Some(number.to_string())),
            Yaml::Boolean(value) => Some(Some(value.to_string())),
            _ => None,
        }
    };
    (documents.len() == 1).then(|| WANTED.iter().map(at).collect())?
}

#[test]
fn values_are_found_by_their_keys_however_they_are_written() {
    expect("a: 1\n", Some("1"), None, None);
    expect("a: '1'", Some("1"), None, None);
    expect("---\r\n\"a\" : \"x y\" # z\r\nb:\r\n  c: d\r\n", Some("x y"), Some("d"), None);
    expect(
        "# first\n\n  a: x#y # z\n  b:\n     'c': 'it''s'\n     d:\n        e: http://h:1/\n",
        Some("x#y"),
        Some("it's"),
        Some("http://h:1/"),
    );
    expect("b:\n  d: {}\n  c: null\na: ~\n", None, None, None);
    expect("a:\nb:\n", None, None, None);
    expect("a: \"\"\nb:\n  c: 'null'\n", Some(""), Some("null"), None);
    expect("", None, None, None);
    expect("---\n# nothing\n", None, None, None);
}

#[test]
fn what_is_beside_them_is_passed_over() {
    expect(
        "s:\n- \"x: 1\"\n- a: no\n  b: no\n-\n  - a: no\nt:\n  - |\n    a: no\n\n  - y\nr: |-\n  a: no\n   b:\n\n  # no\nq: >2\n     a: no\nb:\n  x: [] # none\n  c: yes it is\na: yes",
        Some("yes"),
        Some("yes it is"),
        None,
    );
    expect("z.b:\n  c: no\nb:\n  z: \"a:\\n\"\n  d:\n    e: 2\nbb:\n  c: no\n", None, None, Some("2"));
}

/// As the nucleus (Jackson) writes long values: broken at blanks, with escapes for those.
#[test]
fn quoted_values_go_on_over_lines() {
    expect("a: \"one\\\n  \\ two\\\n  \\  three\"\n", Some("one two  three"), None, None);
    expect("a: \"one  \n  two\n\n\n  three\"\nb:\n  c: 'x\n\n    y'\n", Some("one two\n\nthree"), Some("x\ny"), None);
    expect("a: \"\\\"\\\\\\t\\x41\\u00e9\\U0001f600\\/\\e\"\n", Some("\"\\\tAé😀/\u{1b}"), None, None);
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (document, line) in [
        ("a: 1\na: 2\n", 2),
        ("b:\n  c: 1\nb:\n  d: 1\n", 3),
        ("b:\n  d:\n    x: 1\n  d:\n    e: 1\n", 4),
        ("a: &x 1\n", 1),
        ("a: *x\n", 1),
        ("b:\n  <<: *x\n", 2),
        ("b: {c: 1}\n", 1),
        ("a: [1]\n", 1),
        ("a: !!str 1\n", 1),
        ("? a\n: 1\n", 1),
        ("a: one\n  two\n", 2),
        ("a: one\n  two: x\n", 2),
        ("a:\n  one\n", 2),
        ("a:\n  one: 1\n", 2),
        ("a:\n  - one\n", 2),
        ("a: |\n  text\n", 2),
        ("b:\n  x: |\n    text\n   less\n", 4),
        ("b:\n  x: |2\n   text\n", 3),
        ("b:\n  x: |--\n    text\n", 2),
        ("b:\n  x: |22\n    text\n", 2),
        ("a: {}\n", 1),
        ("a: x: y\n", 1),
        ("a: - x\n", 1),
        ("a: \"x\" y\n", 1),
        ("a: \"x\"#y\n", 1),
        ("a: \"x\n", 1),
        ("a: \"x\ny\"\n", 2),
        ("a: \"\\q\"\n", 1),
        ("a: \"\\ud83d\\ude00\"\n", 1),
        ("\ta: 1\n", 1),
        ("a:\t1\n", 1),
        ("a: 1\t# x\n", 1),
        ("b:\n    x: 1\n  c: 2\n", 3),
        ("b:\n  c: 1\n c: 2\n", 3),
        ("  b: 1\na: 1\n", 2),
        ("- x\na: 1\n", 2),
        ("b:\n  - x\n  c: 1\n", 3),
        ("a: 1\n- x\n", 2),
        ("a: 1\n---\na: 2\n", 2),
        ("a: 1\n...\n", 2),
        ("%YAML 1.1\n---\na: 1\n", 1),
        ("--- a: 1\n", 1),
        ("\u{feff}a: 1\n", 1),
        ("a: x\ry\n", 1),
        ("a: x\u{85}y\n", 1),
        ("a\n", 1),
        ("\"a\\x\": 1\n", 1),
        ("a:1\n", 1),
    ] {
        assert_eq!(values(document).map_err(|error| error.line), Err(line), "{document:?}");
    }
}

fn fragment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "c",
        "d",
        "e",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "\n  - ",
        "- ",
        "\"",
        "'",
        "\\",
        "#",
        " #",
        " ",
        "x",
        "1",
        "null",
        "~",
        "{}",
        "[]",
        "{",
        "[",
        "|",
        ">",
        "|\n",
        "&",
        "*",
        "!",
        "\t",
        "\r\n",
        "---",
        "...",
        "é",
        "\\n",
        "''",
        "\\\n",
        "a: ",
        "b:\n  c: ",
        "b:\n  d:\n    e: ",
        "\n\n",
        ",",
        "?",
        "? ",
        "%",
        "<<: ",
        "-",
        "|2\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    /// Whatever is read is what another reader finds there. A key that is there twice, but leads to nothing that is wanted,
    /// is passed over here, and refused there.
    #[test]
    fn nothing_is_misread(parts in prop::collection::vec(fragment(), 0..24)) {
        let document = parts.concat();
        let is_twice = || matches!(YamlLoader::load_from_str(&document), Err(error) if error.info().contains("duplicate"));
        if let Ok(found) = values(&document) && !is_twice() {
            prop_assert_eq!(Some(found), theirs(&document), "{:?}", document);
        }
    }

    #[test]
    fn no_text_makes_it_panic(document in "[\\PC\n\r\t:\"'\\\\#|>-]{0,60}") {
        let _ = values(&document);
    }

    /// What another program writes, with every value between double quotes as Greengrass has it, is all read.
    #[test]
    fn every_value_comes_back(a in "\\PC{0,80}", c in "[ -~]{0,200}", e in "[a-z \\\\\"':#\n-]{0,60}") {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        prop_assume!(![&a, &c, &e].iter().any(|text| text.contains(MISLEADING)));
        let document = format!("---\ns:\n- x\nb:\n  c: {}\n  d:\n    e: {}\na: {}\n", quoted(&c), quoted(&e), quoted(&a));
        prop_assert_eq!(values(&document).unwrap(), [Some(a), Some(c), Some(e)]);
    }
}

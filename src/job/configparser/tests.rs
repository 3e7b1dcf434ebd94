use super::*;
use proptest::prelude::*;

const FILES: &[&str] = &[
    "",
    "\n",
    "# only a comment",
    "[global]",
    "[global]\n",
    "[global]\r\ntimeout = 60\r\n",
    "[global]\ntimeout = 60\nindex-url = https://old/simple\n",
    "[global]\nindex-url=https://old/simple",
    "[global]\nIndex_URL : https://old/simple\n\n[install]\nuser = yes\n",
    "[global]\n  indented = 1\n  other = 2\n",
    "[global]\nindex-url =\n    https://old/simple\n# in between\n\n    more\n\n; behind\ntimeout = 60",
    "[install]\nuser = yes\n\n  # indented comment\n",
    "; licence\n\n[other]\na = 1\n   b = continued\nc: 2\n",
    "[global]\nIndex_URL : https://older/simple\n  more\nuser = yes\nindex-url = https://old/simple\n--index-url = x\n",
    "[DEFAULT]\na = 1\n[DEFAULT]\na = 2\n[global]\n--index-url = x\n",
];

fn edited(text: &str, edit: impl Fn(&mut Document)) -> String {
    let mut document = Document::parse(text);
    edit(&mut document);
    document.text().to_string()
}

fn login(document: &mut Document) {
    document.note(Before::Mode(0o644));
    document.set("global", "index-url", "https://aws:t@h/simple/");
    document.set("other", "a", "new");
    document.add_word("other", "a", "word");
    document.add_word("other", "a", "word");
}

#[test]
fn what_was_there_comes_back_to_the_byte() {
    for text in FILES {
        let once = edited(text, login);
        let document = Document::parse(&once);
        assert_eq!(document.check(), Ok(()), "{once}");
        assert_eq!(document.value("global", "index-url").unwrap().as_str(), "https://aws:t@h/simple/", "{once}");
        assert_eq!(document.value("other", "a").unwrap().as_str(), "new\nword", "{once}");
        let twice = edited(&once, login);
        for changed in [&once, &twice] {
            let mut document = Document::parse(changed);
            assert_eq!(document.take_back(), Some(Before::Mode(0o644)));
            assert_eq!(document.text().as_str(), *text, "{changed}");
        }
    }
}

#[test]
fn the_rest_of_the_file_means_what_it_meant() {
    for text in FILES {
        let once = Document::parse(&edited(text, login));
        let before = Document::parse(text);
        for (section, option) in [("global", "timeout"), ("global", "indented"), ("install", "user"), ("other", "c")] {
            assert_eq!(once.value(section, option), before.value(section, option), "{text:?} {section} {option}");
        }
    }
}

#[test]
fn a_replaced_value_is_kept_in_a_comment_and_a_second_login_keeps_the_first_s() {
    let text = "[global]\nindex-url =\n  https://old/simple\n";
    let first = edited(text, |document| document.set("global", "index-url", "one"));
    assert_eq!(
        first,
        "[global]\n# homing login: was index-url =\n# homing login: was   https://old/simple\n# homing login: set index-url\nindex-url = one\n"
    );
    let second = edited(&first, |document| document.set("global", "index-url", "two"));
    assert_eq!(second, first.replace("= one", "= two"));
}

#[test]
fn of_an_option_s_spellings_the_last_counts_and_none_is_left_beside_what_was_set() {
    let text = "[global]\nIndex_URL : one\nindex-url = two\n";
    assert_eq!(Document::parse(text).value("global", "index-url").unwrap().as_str(), "two");
    let first = edited(text, |document| document.set("global", "index-url", "new"));
    assert_eq!(
        first,
        "[global]\n# homing login: was Index_URL : one\n# homing login: was index-url = two\n# homing login: set index-url\nindex-url = new\n"
    );
    // One that somebody has added since.
    let added = first + "index_url = three\n";
    let second = edited(&added, |document| document.set("global", "index-url", "newer"));
    assert_eq!(Document::parse(&second).value("global", "index-url").unwrap().as_str(), "newer");
    let mut document = Document::parse(&second);
    document.take_back();
    assert_eq!(document.text().as_str(), text.to_owned() + "index_url = three\n");
}

#[test]
fn what_was_added_meanwhile_stays() {
    let text = "[distutils]\nindex-servers =\n    pypi\n";
    let login = edited(text, |document| {
        document.note(Before::Absent);
        document.add_word("distutils", "index-servers", "codeartifact");
        document.set("codeartifact", "password", "secret");
    });
    let later = login.replace("    codeartifact\n", "    codeartifact\n    mine\n") + "note = kept\n\n[new]\nb = 2\n";
    let mut document = Document::parse(&later);
    assert_eq!(document.take_back(), Some(Before::Absent));
    assert_eq!(
        document.text().as_str(),
        "[distutils]\nindex-servers =\n    pypi\n    mine\n[codeartifact]\nnote = kept\n\n[new]\nb = 2\n"
    );
}

#[test]
fn a_line_that_is_no_longer_what_was_set_stays() {
    let login = edited("[global]\n", |document| document.set("global", "index-url", "secret"));
    let mut document = Document::parse(&login.replace("index-url = secret", "timeout = 9"));
    document.take_back();
    assert_eq!(document.text().as_str(), "[global]\ntimeout = 9\n");
}

#[test]
fn editors_that_take_away_spaces_do_no_harm() {
    let text = "[global]\nindex-url =\n\n  https://old/simple\n";
    let login = edited(text, |document| document.set("global", "index-url", "secret"));
    let trimmed: Vec<&str> = login.lines().map(str::trim_end).collect();
    let mut document = Document::parse(&(trimmed.join("\n") + "\n"));
    document.take_back();
    assert_eq!(document.text().as_str(), text);
}

#[test]
fn nothing_is_taken_back_where_nothing_was_done() {
    for text in FILES {
        let mut document = Document::parse(text);
        assert_eq!(document.take_back(), None);
        assert_eq!(document.text().as_str(), *text);
    }
}

#[test]
fn files_that_configparser_refuses_are_refused_by_line() {
    for (text, line) in [
        ("index-url = x\n", 1),
        ("\u{feff}[global]\n", 1),
        ("[a]\nb\n", 2),
        ("[a]\n= c\n", 2),
        ("[a]\nb = 1\nB: 2\n", 3),
        ("[a]\n[b]\n\n[a]\n", 4),
        ("[a\nb = 1\n", 1),
        ("[]\n", 1),
    ] {
        assert_eq!(Document::parse(text).check(), Err(Malformed(line)), "{text}");
    }
}

proptest! {
    /// Files of lines as people and tools write them, and of lines that nobody writes.
    #[test]
    fn any_file_comes_back(lines in prop::collection::vec(line(), 0..9), ended in any::<bool>()) {
        let mut text = lines.concat();
        if !ended {
            text = text.trim_end_matches(['\n', '\r']).to_owned();
        }
        let document = Document::parse(&text);
        prop_assert_eq!(&*document.text(), &text);
        prop_assume!(document.check().is_ok());
        let changed = edited(&edited(&text, login), login);
        let mut document = Document::parse(&changed);
        prop_assert_eq!(document.check(), Ok(()), "{}", changed);
        let value = document.value("global", "index-url");
        prop_assert_eq!(value.as_deref().map(String::as_str), Some("https://aws:t@h/simple/"));
        prop_assert_eq!(document.take_back(), Some(Before::Mode(0o644)));
        prop_assert_eq!(&*document.text(), &text, "{}", changed);
    }
}

fn line() -> impl Strategy<Value = String> {
    let content = prop_oneof![
        Just(String::new()),
        Just("[global]".to_owned()),
        Just("[other]".to_owned()),
        Just("[x] y".to_owned()),
        Just("index-url = https://old/simple".to_owned()),
        Just("Index_URL : https://old/simple".to_owned()),
        Just("--index-url=https://old/simple".to_owned()),
        Just("a = 1".to_owned()),
        "k[0-9] ?= ?[a-z ]{0,4}",
        "[a-z]{3}",
        Just("# comment".to_owned()),
        Just("; comment".to_owned()),
    ];
    let ending = prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    (prop_oneof![4 => Just(""), 1 => Just("  "), 1 => Just("\t")], content, ending)
        .prop_map(|(indent, content, ending)| format!("{indent}{content}{ending}"))
}

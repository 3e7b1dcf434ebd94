//! pip.conf and .pypirc: a file that is only read is written back to the byte, and a login that is taken back leaves
//! every byte as it was, once or twice over.

use homing::job::configparser::{Before, Document};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let document = Document::parse(text);
    assert_eq!(document.text().as_str(), text);
    let _ = (document.has_password(), document.is_empty());
    if document.check().is_err() {
        // log_in leaves such a file alone; log_out may meet it, if somebody has spoilt it meanwhile.
        let _ = Document::parse(text).take_back();
        return;
    }
    let had_marks = text.contains("# homing login:");
    let mut document = Document::parse(text);
    for _ in 0..2 {
        log_in(&mut document);
        let written = document.text().to_string();
        document = Document::parse(&written);
        assert_eq!(document.check(), Ok(()), "{written:?}");
        let value = document.value("global", "index-url").map(|value| value.to_string());
        assert_eq!(value.as_deref(), Some(URL), "{written:?}");
        let servers = document.value("distutils", "index-servers").unwrap_or_default();
        assert!(servers.split_whitespace().any(|word| word == "codeartifact"), "{written:?}");
    }
    if !had_marks {
        assert_eq!(document.take_back(), Some(Before::Mode(0o644)));
        assert_eq!(document.text().as_str(), text);
    }
}

/// As job::tool_login does for pip and for twine.
fn log_in(document: &mut Document) {
    document.note(Before::Mode(0o644));
    document.set("global", "index-url", URL);
    if document.value("distutils", "index-servers").is_none() {
        document.set("distutils", "index-servers", "pypi");
    }
    document.add_word("distutils", "index-servers", "codeartifact");
    document.set("codeartifact", "password", "token");
}

const URL: &str = "https://aws:token@example.com/pypi/repository/simple/";

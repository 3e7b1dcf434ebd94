//! The XML tokenizer: what is found is part of the document or fits its buffer, and what is escaped and read again is
//! the same.

use homing::protocol::xml::{element_text, elements, root_name};

pub fn run(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data) else { return };
    if let Some(name) = root_name(document) {
        assert!(document.as_bytes().as_ptr_range().contains(&name.as_ptr()) || name.is_empty());
    }
    let mut text = heapless::String::<64>::new();
    for name in ["Code", "Message", "UploadId", ""] {
        if !element_text(document, name, &mut text) {
            assert!(text.is_empty(), "no element, but a text");
        }
    }
    let mut found = 0;
    for inside in elements(document, "Part") {
        assert!(inside.is_empty() || document.as_bytes().as_ptr_range().contains(&inside.as_ptr()));
        found += inside.len() + "<Part>".len();
    }
    assert!(found <= document.len(), "more elements than there is document");
    let mut whole = heapless::String::<CAPACITY>::new();
    if data.len() * LONGEST_ENTITY < CAPACITY {
        let escaped = document.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#x22;");
        let written = format!("<?xml version=\"1.0\"?><Error><Code><a>-</a>{escaped}</Code></Error>");
        assert_eq!(root_name(&written), Some("Error"));
        assert!(element_text(&written, "Code", &mut whole));
        assert_eq!(whole, document);
        // The document cannot get out of its element.
        assert!(!element_text(&written, "Message", &mut whole));
    }
}

const CAPACITY: usize = 4096;
/// `&#x22;`
const LONGEST_ENTITY: usize = 6;

//! Greengrass's YAML: no document makes the reader panic or take long, what it finds comes out of the document, and it
//! finds it again when something is added behind.

use homing::protocol::yaml::read;

pub fn run(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data) else { return };
    let wanted: &[&[&str]] = &[&["system", "thingName"], &["services", "aws.greengrass.Nucleus", "version"], &["a"]];
    let Ok(found) = read(document, wanted) else { return };
    assert_eq!(found.len(), wanted.len());
    for value in found.iter().flatten() {
        // No escape is shorter than what it stands for, but for those of two bytes that stand for three.
        assert!(value.len() <= document.len() * 2, "{value:?}");
    }
    let longer = format!("{document}\n# a: b\n");
    // A comment is none within a block of text, where it is passed over as well.
    assert_eq!(read(&longer, wanted).as_ref(), Ok(&found));
}

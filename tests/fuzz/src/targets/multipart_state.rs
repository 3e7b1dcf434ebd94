//! The state of a multipart upload on the disk: what makes no sense counts as nothing, what counts is within the plan of
//! its parts, and once what is torn has been cut off, the same is read again.

use crate::scratch::scratch;
use homing::job::multipart_state::{Found, MultipartState};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

pub fn run(data: &[u8]) {
    static PATH: OnceLock<std::path::PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| scratch("upload.json"));
    fs::write(path, data).expect("the scratch folder takes a small file");
    let Some(first) = recalled(path) else { return };
    let kept = fs::read(path).expect("it is there");
    assert!(kept.len() <= data.len() && data.starts_with(&kept));
    assert_eq!(recalled(path), Some(first));
}

/// What is recalled, and which of its parts are done.
fn recalled(path: &Path) -> Option<(String, Vec<u16>)> {
    let Found::Begun(state) = MultipartState::recall(path) else { return None };
    let (upload, plan) = (state.upload(), state.plan());
    assert!(plan.count() >= 1 && plan.part_size() == upload.part_size);
    let done: Vec<u16> = (1..=plan.count()).filter(|number| state.part(*number).is_some()).collect();
    assert_eq!(done.len(), state.done(), "parts beyond the plan");
    assert!(state.part(0).is_none());
    Some((format!("{upload:?}"), done))
}

//! The JSON configuration: never a panic, the same answer twice, every accepted value within its range, and an error
//! text that grows with the document at most.

use homing::config::{Config, Sources};
use homing::options::Id;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

pub fn run(data: &[u8]) {
    let flags = [(Id::ConfigJson, OsString::from_vec(data.to_vec()))];
    let sources =
        Sources { flags: &flags, environment: &|_| None, default_file: Path::new("/nonexistent/homing.json") };
    let first = Config::from_sources(&sources);
    match &first {
        Ok(config) => {
            assert!((8192..=1024 * 1024).contains(&config.chunk_size));
            assert!(config.inline_limit <= homing::protocol::message::LARGEST_INLINE_LIMIT);
            assert!(config.key.len() <= data.len().max(64) && config.topic.len() <= data.len().max(64));
            if let Ok(id) = config.client_id() {
                assert!(!id.is_empty() && id.len() <= 64);
            }
            for endpoint in [&config.credential_endpoint, &config.data_endpoint, &config.endpoint_url] {
                if let Some(endpoint) = endpoint {
                    let text = format!("{endpoint:?}");
                    assert!(!text.contains("http://"), "{text}");
                }
            }
        }
        Err(error) => {
            assert!(error.message().len() <= ERROR_FACTOR * data.len() + ERROR_TEXT, "{} bytes", error.message().len());
        }
    }
    let second = Config::from_sources(&sources);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}

/// A value is quoted in its error, escaped; each key of a few bytes can make a sentence.
const ERROR_FACTOR: usize = 128;
const ERROR_TEXT: usize = 4096;

//! A folder with samples, and homing in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::device::{Finished, Run};
use crate::support::directory::Directory;

pub struct Scene {
    pub directory: Directory,
    pub config: PathBuf,
}

impl Scene {
    pub fn new() -> Self {
        let directory = Directory::new("init");
        let config = directory.join("etc/homing/config.json");
        Self { directory, config }
    }

    /// Puts a sample there, each of these words in it replaced.
    pub fn sample(&self, name: &str, words: &[(&str, &str)]) -> PathBuf {
        let mut text = fs::read_to_string(samples().join(name)).unwrap();
        let folder = self.directory.path().to_str().unwrap();
        for (word, value) in words.iter().chain(&[("@FOLDER@", folder)]) {
            text = text.replace(word, value);
        }
        self.put(name, &text)
    }

    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// `homing init --config …`, at home in the folder.
    pub fn init(&self, arguments: &[&str]) -> Run {
        let run = Run::without_configuration("init").arg("--config").arg(&self.config);
        run.env("HOME", self.directory.path()).args(arguments)
    }

    /// Fails with this exit code and text, and leaves nothing behind.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], code: i32, text: &str) -> Finished {
        let run = self.init(arguments).finish();
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(text), "no {text:?} in {run:?}");
        let left = fs::read_dir(self.config.parent().unwrap()).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{arguments:?}");
        run
    }

    pub fn written(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(&self.config).unwrap()).unwrap()
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init/samples")
}

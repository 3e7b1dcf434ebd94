//! Where targets put files that the code under test reads: in memory, where there is such a file system.

use std::fs;
use std::path::PathBuf;

/// A path of this process's own. Its folder is there.
pub fn scratch(name: &str) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = parent.join(format!("homing-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
    folder.join(name)
}

//! What other processes do to the files meanwhile.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("homing-partial-file-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A download of three bytes, of which two are there.
    fn begun(&self) -> PartialFile {
        let mut partial = self.open();
        let begun = Begun { etag: "\"e\"".into(), size: 3, last_modified: String::new(), checksum: None };
        partial.begin(begun).unwrap();
        partial.write(b"ab").unwrap();
        partial
    }

    fn open(&self) -> PartialFile {
        PartialFile::open(&self.path("file"), "s3://b/k").unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_another_process_has_begun_does_not_become_the_file() {
    let folder = Folder::new("replaced");
    let mut first = folder.begun();
    fs::remove_file(folder.path("file.part")).unwrap();
    let second = folder.begun();
    first.write(b"c").unwrap();
    let error = first.commit().unwrap_err();
    assert_eq!((error.fault(), error.code()), (Fault::Temporary, "part_replaced"));
    assert_eq!(folder.names(), ["file.part", "file.part.json"]);
    drop(second);
    assert_eq!((folder.text("file.part").as_str(), folder.open().position()), ("ab", 2));
}

#[test]
fn what_another_process_has_begun_is_not_thrown_away() {
    let folder = Folder::new("discarded");
    let mut first = folder.begun();
    fs::remove_file(folder.path("file.part")).unwrap();
    let second = folder.begun();
    first.reject();
    drop(second);
    assert_eq!(folder.names(), ["file.part", "file.part.json"]);

    // One that has begun nothing yet.
    fs::remove_file(folder.path("file.part")).unwrap();
    fs::remove_file(folder.path("file.part.json")).unwrap();
    let idle = folder.open();
    fs::remove_file(folder.path("file.part")).unwrap();
    let second = folder.begun();
    drop(idle);
    drop(second);
    assert_eq!((folder.text("file.part").as_str(), folder.open().position()), ("ab", 2));
}

#[test]
fn a_file_under_another_name_is_not_written_to() {
    let folder = Folder::new("linked");
    let precious = "{\"object\":1}\n";
    fs::write(folder.path("other"), precious).unwrap();
    fs::hard_link(folder.path("other"), folder.path("file.part")).unwrap();
    fs::write(folder.path("file.part.json"), "").unwrap();
    folder.begun().reject();
    assert_eq!((folder.text("other").as_str(), folder.names()), (precious, vec!["other".to_owned()]));
    fs::hard_link(folder.path("other"), folder.path("file.part.json")).unwrap();
    folder.begun().reject();
    assert_eq!((folder.text("other").as_str(), folder.names()), (precious, vec!["other".to_owned()]));

    // A state that counts, but for its other name.
    drop(folder.begun());
    fs::hard_link(folder.path("file.part.json"), folder.path("link")).unwrap();
    let error = PartialFile::open(&folder.path("file"), "s3://b/k").err().unwrap();
    assert_eq!((error.code(), folder.text("file.part").as_str()), ("foreign_file", "ab"));
    fs::remove_file(folder.path("file.part")).unwrap();
    let state = folder.text("link");
    drop(folder.begun());
    assert_eq!((folder.text("link"), folder.open().position()), (state, 2));
}

#[test]
fn a_state_of_another_users_counts_for_nothing() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = Folder::new("another-user");
    drop(folder.begun());
    assert_eq!(folder.open().position(), 2);
    std::os::unix::fs::chown(folder.path("file.part.json"), Some(12_345), None).unwrap();
    let error = PartialFile::open(&folder.path("file"), "s3://b/k").err().unwrap();
    assert_eq!((error.code(), folder.text("file.part").as_str()), ("foreign_file", "ab"));
    fs::remove_file(folder.path("file.part")).unwrap();
    std::os::unix::fs::chown(folder.path("file.part.json"), Some(12_345), None).unwrap();
    drop(folder.begun());
    assert_eq!(fs::metadata(folder.path("file.part.json")).unwrap().uid(), 0);
}

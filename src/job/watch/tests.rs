//! The watcher on real directories.

use super::*;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("homing-watch-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn watcher(&self, manner: Manner) -> Watcher {
        Watcher::open(std::slice::from_ref(&self.0), manner).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The next file, removed as whoever takes it does; bounded so that a file that never comes fails the test.
#[track_caller]
fn next(watcher: &mut Watcher) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(file) = watcher.take() {
            fs::remove_file(&file).unwrap();
            return file.file_name().unwrap().to_str().unwrap().to_owned();
        }
        assert!(Instant::now() < deadline, "no file came");
        watcher.wait(Duration::from_secs(1)).unwrap();
    }
}

#[test]
fn a_file_comes_when_it_is_closed_and_one_that_is_renamed_in_at_once() {
    let folder = Folder::new("closed");
    let mut watcher = folder.watcher(Manner::default());
    let mut slow = File::create(folder.0.join("slow")).unwrap();
    slow.write_all(b"half").unwrap();
    for name in [".hidden", "a.part", "b~", "c.tmp"] {
        fs::write(folder.0.join(name), "x").unwrap();
    }
    fs::create_dir(folder.0.join("folder")).unwrap();
    symlink("slow", folder.0.join("link")).unwrap();
    fs::write(folder.0.join("quick"), "whole").unwrap();
    assert_eq!(next(&mut watcher), "quick");
    fs::rename(folder.0.join("a.part"), folder.0.join("renamed")).unwrap();
    assert_eq!(next(&mut watcher), "renamed");
    assert_eq!(watcher.take(), None);
    slow.write_all(b" and half").unwrap();
    drop(slow);
    assert_eq!(next(&mut watcher), "slow");
    assert_eq!(watcher.take(), None);
}

#[test]
fn one_of_two_writers_is_not_enough() {
    let folder = Folder::new("two");
    let mut watcher = folder.watcher(Manner::default());
    let path = folder.0.join("log");
    let first = File::create(&path).unwrap();
    let second = File::options().append(true).open(&path).unwrap();
    drop(first);
    fs::write(folder.0.join("other"), "x").unwrap();
    // Its closing came after the first writer's.
    assert_eq!(next(&mut watcher), "other");
    assert_eq!(watcher.take(), None);
    drop(second);
    assert_eq!(next(&mut watcher), "log");
}

#[test]
fn a_writer_that_never_closes_needs_a_settling_time() {
    let folder = Folder::new("settle");
    let settle = Some(Duration::from_millis(300));
    let mut watcher = folder.watcher(Manner { settle, ..Manner::default() });
    let mut open = File::create(folder.0.join("open")).unwrap();
    open.write_all(b"all of it").unwrap();
    assert_eq!(watcher.take(), None);
    assert_eq!(next(&mut watcher), "open");
    drop(open);
}

#[test]
fn ten_thousand_at_once_all_come_in_portions() {
    let folder = Folder::new("burst");
    let mut watcher = folder.watcher(Manner::default());
    for number in 0..10_000 {
        fs::write(folder.0.join(number.to_string()), "").unwrap();
    }
    let mut seen: Vec<u32> = (0..10_000).map(|_| next(&mut watcher).parse().unwrap()).collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..10_000));
    assert_eq!(watcher.take(), None);
}

#[test]
fn looking_once_leaves_what_may_be_unfinished() {
    let folder = Folder::new("once");
    fs::write(folder.0.join("young"), "x").unwrap();
    let manner = Manner { once: true, ..Manner::default() };
    assert_eq!(folder.watcher(manner).take_once(None).unwrap(), None);
    let settle = Some(Duration::ZERO);
    for number in 0..1000 {
        fs::write(folder.0.join(number.to_string()), "x").unwrap();
    }
    let mut watcher = folder.watcher(Manner { settle, ..manner });
    let mut count = 0;
    while let Some(file) = watcher.take_once(None).unwrap() {
        // One that cannot be taken is not given again and again.
        if file.ends_with("young") {
            watcher.put_back(&file, Duration::ZERO);
        } else {
            fs::remove_file(file).unwrap();
        }
        count += 1;
    }
    assert_eq!((count, fs::read_dir(&folder.0).unwrap().count()), (1001, 1));
}

#[test]
fn without_inotify_directories_are_looked_at() {
    let folder = Folder::new("poll");
    let (poll, settle) = (Some(Duration::from_millis(20)), Some(Duration::from_millis(100)));
    let mut watcher = folder.watcher(Manner { settle, poll, once: false });
    fs::write(folder.0.join("a"), "x").unwrap();
    assert_eq!(next(&mut watcher), "a");
    fs::write(folder.0.join("b"), "x").unwrap();
    assert_eq!(next(&mut watcher), "b");
}

#[test]
fn a_directory_that_was_replaced_is_watched_again() {
    let folder = Folder::new("replaced");
    let path = folder.0.join("in");
    fs::create_dir(&path).unwrap();
    let mut watcher = Watcher::open(std::slice::from_ref(&path), Manner::default()).unwrap();
    fs::write(path.join("a"), "x").unwrap();
    assert_eq!(next(&mut watcher), "a");
    fs::rename(&path, folder.0.join("out")).unwrap();
    assert_eq!(watcher.take(), None);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("b"), "x").unwrap();
    // Found by looking, whether it was written before the watch began again or after.
    assert_eq!(next(&mut watcher), "b");
}

#[test]
fn what_cannot_be_watched_is_an_error_at_once() {
    let folder = Folder::new("wrong");
    let open = |path: &Path| Watcher::open(&[path.to_owned()], Manner::default()).err().unwrap();
    assert_eq!(open(&folder.0.join("missing")).code(), "no_such_directory");
    fs::write(folder.0.join("file"), "x").unwrap();
    assert_eq!(open(&folder.0.join("file")).code(), "no_directory");
}

/// Far longer than anything here takes; what is found by looking takes 10 s.
const PATIENCE: Duration = Duration::from_secs(60);

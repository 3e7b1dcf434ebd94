//! What every test of the queue's needs, and the tests of the queue as a whole.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with a queue in it and files beside it; removed afterwards.
pub(super) struct Bench {
    pub(super) folder: PathBuf,
    pub(super) queue: Queue,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Limits::NONE)
    }

    pub(super) fn with(limits: Limits) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // In memory where that is possible: hundreds of queues are made, and each synchronizes often.
        let memory = PathBuf::from("/dev/shm");
        let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = root.join(format!("homing-queue-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let queue = Queue::open(&folder.join("queue"), limits).unwrap();
        Self { folder, queue }
    }

    /// As a process that is started next finds it.
    pub(super) fn reopen(&mut self) {
        self.queue = Queue::open(&self.folder.join("queue"), self.queue.limits).unwrap();
    }

    pub(super) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn try_add(&self, name: &str, content: &str, keep: Keep, now: i64) -> Result<Added> {
        let path = self.file(name, content);
        self.queue.add(&path, keep, &metadata(name, content.len()), now)
    }

    pub(super) fn add(&self, name: &str, content: &str) -> EntryId {
        self.try_add(name, content, Keep::Move, NOW).unwrap().id
    }

    /// Names of the files that wait, and their content.
    pub(super) fn pending(&self) -> Vec<(String, String)> {
        let read = |id: &EntryId| {
            let entry = self.queue.read(id).unwrap();
            (entry.metadata.name, fs::read_to_string(entry.data).unwrap())
        };
        self.queue.entries().unwrap().iter().map(read).collect()
    }

    pub(super) fn pending_names(&self) -> Vec<String> {
        self.pending().into_iter().map(|(name, _)| name).collect()
    }

    pub(super) fn failed_names(&self) -> Vec<String> {
        let ids = self.queue.failed().unwrap();
        ids.iter().map(|id| self.queue.read(id).unwrap().metadata.name).collect()
    }

    pub(super) fn in_tmp(&self) -> usize {
        fs::read_dir(self.queue.tmp.path()).unwrap().count()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) const NOW: i64 = 1_795_387_411;

pub(super) fn metadata(name: &str, size: usize) -> Metadata {
    Metadata {
        name: name.to_owned(),
        size: size as u64,
        queued: NOW,
        time: NOW,
        topic: "file/upload".to_owned(),
        message_id: "id".to_owned(),
        ..Metadata::default()
    }
}

/// Everything that could be lost: where the content of the one file is now.
pub(super) fn places(bench: &Bench, source: &Path) -> (bool, usize) {
    let is_whole = |path: &Path| fs::read_to_string(path).is_ok_and(|content| content == CONTENT);
    let entries = bench.queue.entries().unwrap();
    for id in &entries {
        let entry = bench.queue.read(id).unwrap();
        assert!(is_whole(&entry.data), "an entry is torn");
        assert_eq!(entry.metadata, metadata("a", CONTENT.len()));
    }
    assert!(is_whole(source) || !source.exists(), "the source is torn");
    (source.exists(), entries.len())
}

pub(super) const CONTENT: &str = "all of it";

#[test]
fn what_is_queued_is_there_until_it_is_delivered() {
    let mut bench = Bench::new();
    let moved = bench.try_add("a.jpg", "moved", Keep::Move, NOW).unwrap();
    let copied = bench.try_add("b.jpg", "copied!", Keep::Copy, NOW).unwrap();
    assert!(!bench.folder.join("a.jpg").exists());
    assert_eq!(fs::read_to_string(bench.folder.join("b.jpg")).unwrap(), "copied!");
    assert_eq!((moved.was_there, moved.dropped), (false, vec![]));
    let ids = [moved.id, copied.id];
    assert_eq!(bench.queue.entries().unwrap(), ids);
    bench.reopen();
    let expected = Counts { pending: 2, pending_bytes: 12, failed: 0, failed_bytes: 0, oldest: Some(NOW) };
    assert_eq!(bench.queue.counts().unwrap(), expected);
    assert_eq!(bench.pending(), [("a.jpg".into(), "moved".into()), ("b.jpg".into(), "copied!".into())]);
    let entry = bench.queue.read(&moved.id).unwrap();
    assert_eq!((&entry.metadata, entry.id), (&metadata("a.jpg", 5), moved.id));
    assert!(entry.failed.is_none() && entry.upload_state.parent() == entry.data.parent());
    entry.check_unchanged().unwrap();
    fs::write(&entry.upload_state, "parts").unwrap();
    bench.queue.delivered(&moved.id).unwrap();
    // The second of two processes that come to the same end.
    bench.queue.delivered(&moved.id).unwrap();
    assert_eq!((bench.pending_names(), bench.in_tmp()), (vec!["b.jpg".to_owned()], 0));
    assert_eq!(bench.queue.read(&moved.id).unwrap_err().code(), "no_such_entry");
    assert_eq!(bench.queue.find(&copied.id.to_string()).unwrap(), copied.id);
    assert_eq!(bench.queue.find("20261122T224331").unwrap_err().code(), "no_such_entry");
    assert_eq!(size_of::<EntryId>(), 16);
}

#[test]
fn what_another_process_is_building_stays() {
    let bench = Bench::new();
    let draft = draft::Draft::new(&bench.queue.tmp).unwrap();
    let other = Queue::open(bench.queue.path(), Limits::NONE).unwrap();
    assert!(draft.directory().path().exists());
    drop(draft);
    assert_eq!(bench.in_tmp(), 0);
    // Of a process that was killed.
    fs::create_dir(bench.queue.tmp.path().join("1-0")).unwrap();
    fs::write(bench.queue.tmp.path().join("1-0/data"), "half").unwrap();
    other.recover();
    assert_eq!(bench.in_tmp(), 0);
}

#[test]
fn what_is_not_homing_s_stays_and_is_named() {
    let mut bench = Bench::new();
    let id = bench.add("a", "content");
    let queue = bench.queue.path().to_owned();
    let mut foreign = [
        queue.join("pending/note.txt"),
        queue.join("pending/20261122T224331.000009-1"),
        queue.join("failed/lost+found"),
        queue.join("tmp/12-3"),
        queue.join("tmp/thing"),
        queue.join("README"),
    ];
    for path in &foreign {
        fs::write(path, "somebody's").unwrap();
    }
    let link = queue.join("pending/20261122T224331.000008-1");
    symlink(queue.join("pending").join(id.file_name()), &link).unwrap();
    bench.reopen();
    assert_eq!(bench.queue.entries().unwrap(), [id]);
    let mut found = bench.queue.foreign().unwrap();
    found.retain(|path| *path != link);
    assert_eq!(found.len(), foreign.len());
    found.sort();
    foreign.sort();
    assert_eq!(found, foreign);
    assert!(foreign.iter().all(|path| path.exists()));
}

#[test]
fn a_directory_that_others_could_change_is_refused() {
    let bench = Bench::new();
    let queue = bench.queue.path().to_owned();
    let open = || Queue::open(&queue, Limits::NONE).map(drop).map_err(|error| error.code().to_owned());
    for name in ["", "tmp", "moving", "pending", "failed"] {
        let path = queue.join(name);
        for mode in [0o777, 0o1777, 0o770, 0o702] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open(), Err("unsafe_directory".into()), "{name} {mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(open(), Ok(()));
    }
    let elsewhere = bench.folder.join("elsewhere");
    fs::rename(queue.join("pending"), &elsewhere).unwrap();
    symlink(&elsewhere, queue.join("pending")).unwrap();
    assert_eq!(open(), Err("not_a_directory".into()));
    let file = bench.file("file", "");
    assert_eq!(Queue::open(&file, Limits::NONE).unwrap_err().code(), "not_a_directory");
    assert_eq!(Queue::open(&file.join("queue"), Limits::NONE).unwrap_err().code(), "not_a_directory");
    let new = Queue::open(&bench.folder.join("new/deep/queue"), Limits::NONE).unwrap();
    assert_eq!(fs::metadata(new.path()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(new.uploads_path().unwrap().is_dir());
}

#[test]
fn one_delivers_at_a_time() {
    let bench = Bench::new();
    let other = Queue::open(bench.queue.path(), Limits::NONE).unwrap();
    let lock = bench.queue.lock().unwrap();
    assert!(lock.is_some() && other.lock().unwrap().is_none());
    drop(lock);
    let lock = other.lock().unwrap();
    assert!(lock.is_some() && bench.queue.lock().unwrap().is_none());
}

#[test]
fn of_many_that_add_at_once_none_is_lost_and_none_waits_for_a_drainer() {
    let bench = Bench::new();
    let _lock = bench.queue.lock().unwrap().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                let queue = Queue::open(bench.queue.path(), Limits::NONE).unwrap();
                for number in 0..10 {
                    let name = format!("{thread}-{number}");
                    let path = bench.file(&name, &name);
                    queue.add(&path, Keep::Move, &metadata(&name, name.len()), NOW).unwrap();
                }
            });
        }
    });
    let mut names = bench.pending_names();
    names.sort();
    let expected: Vec<String> = (0..4).flat_map(|thread| (0..10).map(move |n| format!("{thread}-{n}"))).collect();
    assert_eq!((names, bench.queue.foreign().unwrap()), (expected, vec![]));
}

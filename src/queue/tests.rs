//! What every test of the queue's needs, and the tests of the queue as a whole.

use super::step::script::{failing_at, impossible, killed_at, recorded};
use super::*;
use rustix::io::Errno;
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
        let folder = std::env::temp_dir().join(format!("homing-queue-{}-{number}", std::process::id()));
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

    fn in_tmp(&self) -> usize {
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
fn each_step_is_on_the_disk_before_the_next() {
    let bench = Bench::new();
    let path = bench.file("a", "content");
    let metadata = metadata("a", 7);
    let is_change = |step: &String| !step.starts_with("open") && !step.starts_with("list");
    let changes = |log: Vec<String>| {
        let log = log.into_iter().filter(is_change);
        let draft = |step: String| {
            let word = step.split_inclusive([' ', '/']).map(|word| {
                let is_draft = draft::is_name(OsStr::new(word.trim_end_matches('/')));
                if is_draft { if word.ends_with('/') { "DRAFT/" } else { "DRAFT" } } else { word }
            });
            word.collect::<String>()
        };
        log.map(draft).collect::<Vec<_>>()
    };
    let folder = bench.folder.file_name().unwrap().to_str().unwrap();
    let (added, log) = recorded(|| bench.queue.add(&path, Keep::Move, &metadata, NOW).unwrap());
    let name = added.id.file_name();
    let written = [
        "synchronize DRAFT/data",
        "create DRAFT/metadata.json.new",
        "write DRAFT/metadata.json.new",
        "synchronize DRAFT/metadata.json.new",
        "rename DRAFT/metadata.json.new",
        "synchronize tmp/DRAFT",
        "rename tmp/DRAFT",
    ];
    let mut expected: Vec<String> = vec!["make the directory tmp/DRAFT".into(), format!("link {folder}/a")];
    expected.extend(written.map(Into::into));
    expected.extend([
        "synchronize queue/moving".into(),
        "synchronize queue/tmp".into(),
        format!("remove {folder}/a"),
        format!("synchronize {}/{folder}", bench.folder.parent().unwrap().file_name().unwrap().to_str().unwrap()),
        format!("rename moving/{name}"),
        "synchronize queue/pending".into(),
        "synchronize queue/moving".into(),
    ]);
    assert_eq!(changes(log), expected);

    fs::write(&path, "content").unwrap();
    let (_, log) = recorded(|| bench.queue.add(&path, Keep::Copy, &metadata, NOW).unwrap());
    let mut expected = vec!["make the directory tmp/DRAFT", "create DRAFT/data", "write DRAFT/data"];
    expected.extend(written);
    expected.extend(["synchronize queue/pending", "synchronize queue/tmp"]);
    assert_eq!(changes(log), expected);

    let (_, log) = recorded(|| bench.queue.fail(&added.id, &Error::new(Fault::Refused, "no", "no"), NOW).unwrap());
    let expected = [
        format!("create {name}/reason.json.new"),
        format!("write {name}/reason.json.new"),
        format!("synchronize {name}/reason.json.new"),
        format!("rename {name}/reason.json.new"),
        format!("synchronize pending/{name}"),
        format!("rename pending/{name}"),
        "synchronize queue/failed".into(),
        "synchronize queue/pending".into(),
    ];
    assert_eq!(changes(log), expected);

    let (_, log) = recorded(|| bench.queue.retry(&added.id, NOW).unwrap());
    let expected = [
        format!("create {name}/metadata.json.new"),
        format!("write {name}/metadata.json.new"),
        format!("synchronize {name}/metadata.json.new"),
        format!("rename {name}/metadata.json.new"),
        format!("synchronize failed/{name}"),
        format!("rename failed/{name}"),
        "synchronize queue/pending".into(),
        "synchronize queue/failed".into(),
        format!("remove {name}/reason.json"),
    ];
    assert_eq!(changes(log), expected);

    let (_, log) = recorded(|| bench.queue.delivered(&added.id).unwrap());
    let log = changes(log);
    assert_eq!(log[..2], [format!("rename pending/{name}"), "synchronize queue/pending".to_owned()]);
    assert_eq!(log[2..].iter().filter(|step| step.starts_with("remove")).count(), 3, "{log:?}");
}

/// Everything that could be lost: where the content of the one file is now.
fn places(bench: &Bench, source: &Path) -> (bool, usize) {
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

const CONTENT: &str = "all of it";

/// How a file comes into the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way3 {
    Linked,
    MovedAcross,
    Copied,
}

fn add_by(bench: &Bench, source: &Path, way: Way3) -> Result<Added> {
    let add = |keep| bench.queue.add(source, keep, &metadata("a", CONTENT.len()), NOW);
    match way {
        Way3::Linked => add(Keep::Move),
        Way3::MovedAcross => impossible("link", Errno::XDEV, || add(Keep::Move)),
        Way3::Copied => add(Keep::Copy),
    }
}

fn steps_of_add(way: Way3) -> usize {
    let bench = Bench::new();
    let source = bench.file("a", CONTENT);
    recorded(|| add_by(&bench, &source, way).unwrap()).1.len()
}

#[test]
fn killed_after_any_step_of_adding_there_is_one_of_source_and_entry() {
    for way in [Way3::Linked, Way3::MovedAcross, Way3::Copied] {
        let mut seen = [0; 2];
        let steps = steps_of_add(way);
        assert!(steps > 15, "{steps}");
        for step in 0..=steps {
            let mut bench = Bench::new();
            let source = bench.file("a", CONTENT);
            let _ = killed_at(step, || add_by(&bench, &source, way));
            bench.reopen();
            let (is_there, entries) = places(&bench, &source);
            let is_right = match way {
                // Never both: the source would be sent again, under another key.
                Way3::Linked | Way3::MovedAcross => is_there == (entries == 0) && entries <= 1,
                Way3::Copied => is_there && entries <= 1,
            };
            assert!(is_right, "{way:?}, step {step}: source {is_there}, {entries} entries");
            assert_eq!((bench.in_tmp(), fs::read_dir(bench.queue.moving.path()).unwrap().count()), (0, 0));
            seen[entries] += 1;
        }
        assert!(seen[0] > 10 && seen[1] > 0, "{seen:?}");
    }
}

#[test]
fn whatever_fails_while_adding_the_source_is_intact() {
    let errors = [
        (Errno::NOSPC, "disk_full"),
        (Errno::IO, "io_error"),
        (Errno::ROFS, "read_only"),
        (Errno::MFILE, "too_many_files"),
        (Errno::NOMEM, "out_of_memory"),
        (Errno::DQUOT, "quota_exceeded"),
    ];
    for way in [Way3::Linked, Way3::MovedAcross, Way3::Copied] {
        for step in 0..steps_of_add(way) {
            for (errno, code) in errors {
                let mut bench = Bench::new();
                let source = bench.file("a", CONTENT);
                let added = failing_at(step, errno, || add_by(&bench, &source, way));
                if let Err(error) = &added {
                    assert!([code, "source_not_removable"].contains(&error.code()), "{error}");
                    assert!(error.message().contains("is not queued and stays as it is"), "{error}");
                    assert!(error.remedy().is_some() && error.exit_code() != 75, "{error}");
                }
                bench.reopen();
                let (is_there, entries) = places(&bench, &source);
                let expected = match added {
                    Ok(_) => (way == Way3::Copied, 1),
                    Err(_) => (true, 0),
                };
                assert_eq!((is_there, entries), expected, "{way:?}, step {step}, {errno}: {added:?}");
            }
        }
    }
}

#[test]
fn killed_after_any_step_of_leaving_an_entry_is_whole_or_gone() {
    type Leave = fn(&Bench, &EntryId) -> Result<()>;
    let ways: [(&str, bool, Leave); 5] = [
        ("delivered", false, |bench, id| bench.queue.delivered(id)),
        ("removed", false, |bench, id| bench.queue.remove(id)),
        ("failed", false, |bench, id| bench.queue.fail(id, &Error::new(Fault::Refused, "no", "no"), NOW)),
        ("retried", true, |bench, id| bench.queue.retry(id, NOW).map(drop)),
        ("updated", false, |bench, id| bench.queue.update(id, &metadata("a", CONTENT.len()))),
    ];
    for (what, from_failed, leave) in ways {
        let prepare = || {
            let bench = Bench::new();
            let id = bench.add("a", CONTENT);
            if from_failed {
                bench.queue.fail(&id, &Error::new(Fault::Refused, "no", "no"), NOW).unwrap();
            }
            (bench, id)
        };
        let (bench, id) = prepare();
        let steps = recorded(|| leave(&bench, &id).unwrap()).1.len();
        for step in 0..=steps {
            let (mut bench, id) = prepare();
            let _ = killed_at(step, || leave(&bench, &id));
            bench.reopen();
            let (_, waiting) = places(&bench, &bench.folder.join("a"));
            let failed = bench.queue.failed().unwrap();
            for id in &failed {
                assert_eq!(fs::read_to_string(bench.queue.read(id).unwrap().data).unwrap(), CONTENT);
            }
            let may_be_gone = ["delivered", "removed"].contains(&what);
            let there = waiting + failed.len();
            assert!(there == 1 || (there == 0 && may_be_gone), "{what}, step {step}: {waiting}, {failed:?}");
            assert_eq!(bench.in_tmp(), 0, "{what}, step {step}");
        }
    }
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
    (found.sort(), foreign.sort());
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

#[test]
fn of_two_that_move_the_same_file_one_does() {
    for _ in 0..10 {
        let bench = Bench::new();
        let path = bench.file("a", CONTENT);
        let add = || {
            let queue = Queue::open(bench.queue.path(), Limits::NONE)?;
            queue.add(&path, Keep::Move, &metadata("a", CONTENT.len()), NOW)
        };
        let moved = std::thread::scope(|scope| {
            let threads = [scope.spawn(add), scope.spawn(add)];
            threads
                .into_iter()
                .filter(|_| true)
                .map(|thread| thread.join().unwrap())
                .filter(|added| added.is_ok())
                .count()
        });
        assert!(moved >= 1 && bench.queue.entries().unwrap().len() == 1);
    }
}

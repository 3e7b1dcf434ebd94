use super::*;
use crate::queue::step::script::{failing_at, impossible, killed_at, recorded};
use crate::queue::tests::{Bench, CONTENT, NOW, metadata, places};
use crate::queue::{Limits, draft};
use std::ffi::OsStr;
use std::os::unix::fs::symlink;

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
    let announced = ["create queue/last-addition", "write queue/last-addition"];
    let mut expected: Vec<String> = vec!["make the directory tmp/DRAFT".into(), format!("link {folder}/a")];
    expected.extend(written[..6].iter().chain(&announced).chain(&written[6..]).map(|step| (*step).into()));
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
    expected.extend(written[..6].iter().chain(&announced).chain(&written[6..]));
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
        announced[0].into(),
        announced[1].into(),
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

/// How a file comes into the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arrival {
    Linked,
    MovedAcross,
    Copied,
}

fn add_by(bench: &Bench, source: &Path, way: Arrival) -> Result<Added> {
    let add = |keep| bench.queue.add(source, keep, &metadata("a", CONTENT.len()), NOW);
    match way {
        Arrival::Linked => add(Keep::Move),
        Arrival::MovedAcross => impossible("link", Errno::XDEV, || add(Keep::Move)),
        Arrival::Copied => add(Keep::Copy),
    }
}

fn steps_of_add(way: Arrival) -> usize {
    let bench = Bench::new();
    let source = bench.file("a", CONTENT);
    recorded(|| add_by(&bench, &source, way).unwrap()).1.len()
}

#[test]
fn killed_after_any_step_of_adding_there_is_one_of_source_and_entry() {
    for way in [Arrival::Linked, Arrival::MovedAcross, Arrival::Copied] {
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
                Arrival::Linked | Arrival::MovedAcross => is_there == (entries == 0) && entries <= 1,
                Arrival::Copied => is_there && entries <= 1,
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
    for way in [Arrival::Linked, Arrival::MovedAcross, Arrival::Copied] {
        for step in 0..steps_of_add(way) {
            // Each error at every second step, two at each: what is done does not depend on which it is.
            for (errno, code) in errors.into_iter().skip(step % 3).step_by(3) {
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
                    Ok(_) => (way == Arrival::Copied, 1),
                    Err(_) => (true, 0),
                };
                assert_eq!((is_there, entries), expected, "{way:?}, step {step}, {errno}: {added:?}");
            }
        }
    }
}

#[test]
fn of_two_that_move_the_same_file_one_does() {
    let bench = Bench::new();
    let queues = [(); 2].map(|()| Queue::open(bench.queue.path(), Limits::NONE).unwrap());
    for round in 1..=300 {
        let path = bench.file("a", CONTENT);
        let start = std::sync::Barrier::new(queues.len());
        let moved = std::thread::scope(|scope| {
            let threads = queues.each_ref().map(|queue| {
                scope.spawn(|| {
                    start.wait();
                    queue.add(&path, Keep::Move, &metadata("a", CONTENT.len()), NOW)
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(moved.iter().any(Result::is_ok), "{moved:?}");
        assert_eq!(bench.queue.entries().unwrap().len(), round, "{moved:?}");
    }
}

#[test]
fn many_at_once_do_not_exceed_the_limit() {
    for _ in 0..20 {
        let limits = Limits { max_bytes: 50, ..Limits::NONE };
        let bench = Bench::with(limits);
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (bench, start) = (&bench, &start);
                scope.spawn(move || {
                    let queue = Queue::open(bench.queue.path(), limits).unwrap();
                    start.wait();
                    for number in 0..10 {
                        let path = bench.file(&format!("{thread}-{number}"), "ten bytes!");
                        let _ = queue.add(&path, Keep::Move, &metadata("a", 10), NOW);
                    }
                });
            }
        });
        assert_eq!(bench.queue.counts().unwrap().pending_bytes, 50);
    }
}

#[test]
fn a_leftover_of_an_earlier_move_is_not_queued_twice() {
    let bench = Bench::new();
    let path = bench.file("a", CONTENT);
    let id = bench.queue.add(&path, Keep::Move, &metadata("a", CONTENT.len()), NOW).unwrap().id;
    // What a disk may do that forgets a removal.
    fs::hard_link(bench.queue.read(&id).unwrap().data, &path).unwrap();
    let again = bench.queue.add(&path, Keep::Move, &metadata("a", CONTENT.len()), NOW + 1).unwrap();
    assert_eq!(again, Added { id, was_there: true, dropped: vec![] });
    assert_eq!((path.exists(), bench.queue.entries().unwrap().len()), (false, 1));
    // Another name for the same file is another file to its owner.
    let other = bench.folder.join("b");
    fs::hard_link(bench.queue.read(&id).unwrap().data, &other).unwrap();
    assert!(!bench.queue.add(&other, Keep::Move, &metadata("b", CONTENT.len()), NOW).unwrap().was_there);
    assert_eq!(bench.pending_names(), ["a", "b"]);
}

#[test]
fn of_a_symbolic_link_the_link_moves_and_its_target_stays() {
    let bench = Bench::new();
    let (target, link) = (bench.file("target", CONTENT), bench.folder.join("latest"));
    symlink(&target, &link).unwrap();
    let id = bench.queue.add(&link, Keep::Move, &metadata("latest", CONTENT.len()), NOW).unwrap().id;
    assert!(fs::symlink_metadata(&link).is_err() && target.exists());
    // Whoever writes to the target does not write into the queue.
    fs::write(&target, "another").unwrap();
    assert_eq!(fs::read_to_string(bench.queue.read(&id).unwrap().data).unwrap(), CONTENT);
}

#[test]
fn a_file_with_another_name_moves_and_is_not_changed_under_that_one() {
    let bench = Bench::new();
    let (path, other) = (bench.file("a", CONTENT), bench.folder.join("latest"));
    fs::hard_link(&path, &other).unwrap();
    let id = bench.queue.add(&path, Keep::Move, &metadata("a", CONTENT.len()), NOW).unwrap().id;
    assert!(!path.exists() && other.exists());
    fs::write(&other, "another").unwrap();
    assert_eq!(fs::read_to_string(bench.queue.read(&id).unwrap().data).unwrap(), CONTENT);
}

#[test]
fn a_copy_is_not_changed_by_whoever_writes_to_the_file() {
    let bench = Bench::new();
    let path = bench.file("a", CONTENT);
    let id = bench.queue.add(&path, Keep::Copy, &metadata("a", CONTENT.len()), NOW).unwrap().id;
    fs::OpenOptions::new().write(true).open(&path).and_then(|mut file| io::Write::write_all(&mut file, b"X")).unwrap();
    assert_eq!(fs::read_to_string(bench.queue.read(&id).unwrap().data).unwrap(), CONTENT);
}

#[test]
fn what_is_no_file_or_another_is_refused() {
    let bench = Bench::new();
    let add = |name: &str, size| {
        let added = bench.queue.add(&bench.folder.join(name), Keep::Move, &metadata("a", size), NOW);
        added.map_err(|error| (error.code().to_owned(), error.exit_code()))
    };
    bench.file("a", CONTENT);
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.folder.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(add("missing", 0), Err(("no_such_file".into(), 66)));
    assert_eq!(add("queue", 0), Err(("is_directory".into(), 65)));
    assert_eq!(add("pipe", 0), Err(("no_regular_file".into(), 65)));
    // It has grown since the way was chosen by its size.
    assert_eq!(add("a", 1), Err(("file_changed".into(), 65)));
    assert!(bench.folder.join("a").exists() && bench.queue.entries().unwrap().is_empty());
}

#[test]
fn a_source_that_changed_after_an_interrupted_copy_is_another_file() {
    for (content, entries) in [("all of It", 1), ("more than all of it", 1)] {
        let mut bench = Bench::new();
        let source = bench.file("a", CONTENT);
        let steps = steps_of_add(Arrival::MovedAcross);
        // Killed when it is complete in moving/, with its source still there.
        let killed = (0..steps).find(|step| {
            let _ = killed_at(*step, || add_by(&bench, &source, Arrival::MovedAcross));
            fs::read_dir(bench.queue.moving.path()).unwrap().count() > 0
        });
        assert!(killed.is_some());
        fs::write(&source, content).unwrap();
        bench.reopen();
        assert_eq!(
            (bench.queue.entries().unwrap().len(), fs::read_to_string(&source).unwrap().as_str()),
            (entries, content)
        );
        assert_eq!(bench.pending(), [("a".to_owned(), CONTENT.to_owned())]);
    }
}

#[test]
fn ids_follow_the_order_of_arrival_whatever_the_clock_says() {
    let bench = Bench::new();
    let clocks = [NOW, NOW + 5, 0, NOW + 5, i64::MIN, 20, NOW + 1_000_000, NOW];
    for (number, now) in clocks.into_iter().enumerate() {
        bench.try_add(&number.to_string(), "x", Keep::Move, now).unwrap();
    }
    assert_eq!(bench.pending_names(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    // One that has failed keeps its id to itself, even with the clock where it was.
    let bench = Bench::new();
    let failed = bench.add("a", "x");
    bench.queue.fail(&failed, &Error::new(Fault::Refused, "no", "no"), NOW).unwrap();
    let second = bench.add("b", "x");
    assert_ne!(failed.to_string(), second.to_string());
    bench.queue.retry(&failed, NOW).unwrap();
    assert_eq!(bench.pending_names(), ["a", "b"]);
}

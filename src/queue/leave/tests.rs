use super::*;
use crate::queue::step::script::{killed_at, recorded};
use crate::queue::tests::{Bench, CONTENT, NOW, metadata, places};
use crate::queue::{Keep, Limits, Metadata, Object, Stored};
use std::fs;

fn refused() -> Error {
    Error::new(Fault::Refused, "AccessDenied", "not allowed")
}

#[test]
fn killed_after_any_step_of_leaving_an_entry_is_whole_or_gone() {
    type Leave = fn(&Bench, &EntryId) -> Result<()>;
    let ways: [(&str, bool, Leave); 5] = [
        ("delivered", false, |bench, id| bench.queue.delivered(id)),
        ("removed", false, |bench, id| bench.queue.remove(id)),
        ("failed", false, |bench, id| bench.queue.fail(id, &refused(), NOW)),
        ("retried", true, |bench, id| bench.queue.retry(id, NOW).map(drop)),
        ("updated", false, |bench, id| bench.queue.update(id, &metadata("a", CONTENT.len()))),
    ];
    for (what, from_failed, leave) in ways {
        let prepare = || {
            let bench = Bench::new();
            let id = bench.add("a", CONTENT);
            if from_failed {
                bench.queue.fail(&id, &refused(), NOW).unwrap();
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
fn what_failed_has_its_reason_beside_it_and_can_be_tried_again() {
    let mut bench = Bench::new();
    let (first, second) = (bench.add("a", "1"), bench.add("b", "22"));
    let tried = Metadata {
        attempts: 3,
        last_attempt: Some(NOW),
        last_error: Some(Reason::new(&refused(), NOW)),
        ..metadata("a", 1)
    };
    bench.queue.update(&first, &tried).unwrap();
    bench.reopen();
    assert_eq!(bench.queue.read(&first).unwrap().metadata, tried);
    bench.queue.fail(&first, &refused(), NOW + 9).unwrap();
    bench.queue.fail(&first, &refused(), NOW + 10).unwrap();
    assert_eq!((bench.pending_names(), bench.failed_names()), (vec!["b".to_owned()], vec!["a".to_owned()]));
    let counts = bench.queue.counts().unwrap();
    assert_eq!((counts.pending_bytes, counts.failed, counts.failed_bytes), (2, 1, 1));
    let failed = bench.queue.read(&first).unwrap().failed;
    assert_eq!(failed, Some(Reason { code: "AccessDenied".into(), message: "not allowed".into(), time: NOW + 9 }));
    assert_eq!(bench.queue.retry(&second, NOW).unwrap_err().code(), "no_such_entry");
    assert_eq!(bench.queue.retry(&first, NOW + 20).unwrap(), first);
    assert_eq!(bench.pending_names(), ["a", "b"]);
    let crate::queue::Entry { metadata: again, failed, .. } = bench.queue.read(&first).unwrap();
    assert_eq!((again, failed), (metadata("a", 1), None));
    for id in [first, second] {
        bench.queue.remove(&id).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bench.queue.remove(&id).unwrap_err().code(), "no_such_entry");
    }
    assert_eq!(bench.queue.counts().unwrap(), crate::queue::Counts::default());
}

#[test]
fn what_was_changed_is_retried_as_it_is_now() {
    let bench = Bench::new();
    let stored = Some(Stored { etag: "e".into(), ..Stored::default() });
    let way = Way::S3(Box::new(Object { bucket: "b".into(), key: "k".into(), stored, ..Object::default() }));
    let path = bench.file("a", CONTENT);
    let metadata = Metadata { way, ..metadata("a", CONTENT.len()) };
    let id = bench.queue.add(&path, Keep::Move, &metadata, NOW).unwrap().id;
    let entry = bench.queue.read(&id).unwrap();
    fs::write(&entry.upload_state, "parts of what it was").unwrap();
    fs::write(&entry.data, "changed").unwrap();
    assert_eq!(entry.check_unchanged().unwrap_err().code(), "file_changed");
    bench.queue.fail(&id, &refused(), NOW).unwrap();
    let new = bench.queue.retry(&id, NOW).unwrap();
    assert_eq!((new.size(), new.to_string()), (7, id.to_string()));
    let entry = bench.queue.read(&new).unwrap();
    assert!(!entry.upload_state.exists() && entry.metadata.size == 7);
    let Way::S3(object) = entry.metadata.way else { panic!("it goes to S3") };
    assert_eq!(object.stored, None);
}

#[test]
fn what_is_being_delivered_is_not_removed() {
    let bench = Bench::new();
    let id = bench.add("a", "1");
    let entry = bench.queue.read(&id).unwrap();
    let error = bench.queue.remove(&id).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("entry_busy", true));
    // Whoever delivers it may.
    bench.queue.delivered(&id).unwrap();
    drop(entry);
    assert_eq!(bench.queue.counts().unwrap().pending, 0);
}

#[test]
fn what_is_too_old_fails_unless_the_clock_was_wrong() {
    let limits = Limits { max_age: Some(100), clock_starts: NOW - 1_000_000, ..Limits::NONE };
    let add_at = |bench: &Bench, name, now| {
        let path = bench.file(name, "1");
        bench.queue.add(&path, Keep::Move, &Metadata { queued: now, ..metadata(name, 1) }, now).unwrap().id
    };
    let queued_at = |now| {
        let bench = Bench::with(limits);
        add_at(&bench, "a", now);
        bench
    };
    for (queued, now, is_old) in [
        (NOW, NOW, false),
        (NOW, NOW + 100, false),
        (NOW, NOW + 101, true),
        // From the future.
        (NOW + 1000, NOW, false),
        // A clock that began at 1970, then or now.
        (20, NOW, false),
        (NOW, 20, false),
    ] {
        let bench = queued_at(queued);
        let expired = bench.queue.expire(now).unwrap();
        assert_eq!(expired.len(), usize::from(is_old), "{queued} {now}");
        assert_eq!(bench.queue.failed().unwrap(), expired);
        for id in expired {
            assert_eq!(bench.queue.read(&id).unwrap().failed.unwrap().code, "too_old");
        }
    }
    let bench = queued_at(NOW);
    let id = bench.queue.entries().unwrap()[0];
    let held = bench.queue.read(&id).unwrap();
    assert_eq!(bench.queue.expire(NOW + 101).unwrap(), []);
    drop(held);
    assert_eq!(bench.queue.expire(NOW + 101).unwrap(), [id]);
    // Put back by hand, it has its time again.
    bench.queue.retry(&id, NOW + 200).unwrap();
    assert_eq!(bench.queue.expire(NOW + 300).unwrap(), []);
    assert_eq!(bench.queue.expire(NOW + 301).unwrap(), [id]);
    assert_eq!(Bench::new().queue.expire(i64::MAX).unwrap(), []);
    // The device was off, its clock began anew, and nobody knows how long an older entry has waited by then.
    let bench = queued_at(NOW);
    let fresh = add_at(&bench, "b", 20);
    assert_eq!(fresh.arrival(), NOW);
    assert_eq!(bench.queue.expire(NOW + 101).unwrap().len(), 1);
    assert_eq!(bench.queue.entries().unwrap(), [fresh]);
    // Put back by hand under such a clock, too.
    bench.queue.fail(&fresh, &refused(), NOW).unwrap();
    bench.queue.retry(&fresh, 20).unwrap();
    assert_eq!(bench.queue.expire(NOW + 101).unwrap(), []);
}

#[test]
fn a_reason_that_cannot_be_written_does_not_keep_an_entry_in_the_way() {
    let bench = Bench::new();
    let id = bench.add("a", CONTENT);
    let full = rustix::io::Errno::NOSPC;
    crate::queue::step::script::impossible("write", full, || bench.queue.fail(&id, &refused(), NOW)).unwrap();
    assert_eq!(bench.queue.read(&id).unwrap().failed.unwrap().code, "unknown");
}

use super::*;
use crate::queue::step::script::with_free;
use crate::queue::tests::{Bench, NOW};
use crate::queue::{Keep, Limits};

fn add(bench: &Bench, name: &str, size: usize) -> Result<Vec<String>> {
    let added = bench.try_add(name, &"x".repeat(size), Keep::Move, NOW)?;
    Ok(added.dropped.into_iter().map(|dropped| dropped.name).collect())
}

fn limited(max_bytes: u64, when_full: WhenFull) -> Bench {
    let bench = Bench::with(Limits { max_bytes, when_full, ..Limits::NONE });
    for name in ["a", "b", "c"] {
        assert_eq!(add(&bench, name, 10), Ok(vec![]));
    }
    bench
}

fn fail(bench: &Bench, name: &str) {
    let ids = bench.queue.entries().unwrap();
    let id = ids.iter().find(|id| bench.queue.read(id).unwrap().metadata.name == name).unwrap();
    bench.queue.fail(id, &Error::new(Fault::Refused, "no", "no"), NOW).unwrap();
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let bench = limited(35, WhenFull::Refuse);
    fail(&bench, "b");
    let error = add(&bench, "d", 6).unwrap_err();
    assert_eq!((error.code(), error.exit_code(), error.retryable()), ("queue_full", 73, true));
    for word in ["20 bytes that wait", "10 that failed", "may hold 35", "6 more"] {
        assert!(error.message().contains(word), "{error}");
    }
    assert!(bench.folder.join("d").exists());
    assert_eq!((bench.pending_names(), bench.failed_names()), (vec!["a".into(), "c".into()], vec!["b".to_owned()]));
    assert_eq!(add(&bench, "d", 5), Ok(vec![]));
    assert!(!add(&bench, "e", 36).unwrap_err().retryable());
    assert_eq!(bench.in_tmp(), 0);
}

#[test]
fn the_oldest_leave_those_that_failed_first() {
    let bench = limited(35, WhenFull::DropOldest);
    assert_eq!(add(&bench, "d", 6), Ok(vec!["a".to_owned()]));
    fail(&bench, "c");
    assert_eq!(add(&bench, "e", 20), Ok(vec!["c".to_owned(), "b".to_owned()]));
    assert_eq!(bench.pending_names(), ["d", "e"]);
    // What could never fit drops nothing.
    assert_eq!(add(&bench, "f", 36).unwrap_err().code(), "queue_full");
    assert_eq!((bench.pending_names(), bench.in_tmp()), (vec!["d".to_owned(), "e".to_owned()], 0));
}

#[test]
fn what_is_being_delivered_is_not_dropped() {
    let bench = limited(30, WhenFull::DropOldest);
    let held = bench.queue.read(&bench.queue.entries().unwrap()[0]).unwrap();
    assert_eq!(add(&bench, "d", 5), Ok(vec!["b".to_owned()]));
    assert_eq!(bench.pending_names(), ["a", "c", "d"]);
    assert_eq!(add(&bench, "e", 30).unwrap_err().code(), "queue_full");
    assert_eq!(bench.pending_names(), ["a"]);
    drop(held);
    assert_eq!(add(&bench, "e", 30), Ok(vec!["a".to_owned()]));
}

#[test]
fn the_disk_keeps_its_reserve_and_nothing_is_dropped_in_vain() {
    for when_full in [WhenFull::Refuse, WhenFull::DropOldest] {
        for limits in [
            Limits { min_free_bytes: 1 << 60, when_full, ..Limits::NONE },
            Limits { min_free_inodes: 1 << 60, when_full, ..Limits::NONE },
        ] {
            let mut bench = limited(u64::MAX, when_full);
            let (free_bytes, free_inodes) = bench.queue.root.free();
            if (limits.min_free_inodes > 0 && free_inodes.is_none()) || free_bytes.is_none() {
                eprintln!("SKIPPED: this file system does not say what is free");
                continue;
            }
            bench.queue.limits = limits;
            for keep in [Keep::Move, Keep::Copy] {
                let error = bench.try_add("d", "1", keep, NOW).unwrap_err();
                assert_eq!((error.code(), error.exit_code()), ("disk_full", 74), "{error}");
                assert!(error.message().contains("are to stay free"), "{error}");
            }
            assert_eq!((bench.pending_names().len(), bench.in_tmp()), (3, 0));
            assert!(bench.folder.join("d").exists());
        }
    }
}

#[test]
fn a_reserve_is_made_again_from_what_is_queued() {
    // A disk with room for six entries, and three are there.
    let six = 6 * on_disk(10);
    for (reserve, when_full, dropped) in [
        (2 * on_disk(10), WhenFull::DropOldest, &[""; 0][..]),
        (5 * on_disk(10) / 2, WhenFull::DropOldest, &["a"]),
        (4 * on_disk(10), WhenFull::DropOldest, &["a", "b"]),
        (4 * on_disk(10), WhenFull::Refuse, &["refused"]),
        // More than there is without the queue: nothing leaves in vain.
        (7 * on_disk(10), WhenFull::DropOldest, &["refused"]),
    ] {
        let mut bench = limited(u64::MAX, when_full);
        bench.queue.limits.min_free_bytes = reserve;
        let pending = bench.queue.pending_path().to_owned();
        let entries = move || std::fs::read_dir(&pending).unwrap().count() as u64;
        let free = move || (Some(six - entries() * on_disk(10)), None);
        let added = with_free(free, || add(&bench, "d", 10));
        let left: Vec<String> = match added {
            Ok(left) => left,
            Err(error) => {
                assert_eq!(error.code(), "disk_full", "{error}");
                vec!["refused".to_owned()]
            }
        };
        assert_eq!(left, dropped, "a reserve of {reserve}, {when_full:?}");
        let mut expected: Vec<&str> = ["a", "b", "c"].into_iter().filter(|name| !dropped.contains(name)).collect();
        expected.extend((dropped != ["refused"]).then_some("d"));
        assert_eq!(bench.pending_names(), expected);
    }
}

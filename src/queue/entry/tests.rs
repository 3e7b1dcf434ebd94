use super::*;
use crate::queue::Limits;
use crate::queue::tests::{Bench, CONTENT, NOW};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn a_damaged_entry_fails_with_its_reason_and_blocks_nobody() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 12] = [
        ("entry_damaged", |path| fs::remove_file(path.join(METADATA)).unwrap()),
        ("entry_damaged", |path| fs::write(path.join(METADATA), "").unwrap()),
        ("entry_damaged", |path| {
            let json = fs::read(path.join(METADATA)).unwrap();
            fs::write(path.join(METADATA), &json[..json.len() / 2]).unwrap();
        }),
        ("entry_damaged", |path| fs::write(path.join(METADATA), [0; 300]).unwrap()),
        ("entry_damaged", |path| fs::write(path.join(METADATA), " ".repeat(RECORD_MAXIMUM + 1)).unwrap()),
        ("entry_damaged", |path| {
            fs::remove_file(path.join(METADATA)).unwrap();
            symlink("data", path.join(METADATA)).unwrap();
        }),
        ("entry_damaged", |path| {
            fs::remove_file(path.join(METADATA)).unwrap();
            fs::create_dir(path.join(METADATA)).unwrap();
        }),
        ("newer_entry", |path| {
            let json = fs::read_to_string(path.join(METADATA)).unwrap();
            fs::write(path.join(METADATA), json.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
        }),
        ("entry_damaged", |path| fs::remove_file(path.join(DATA)).unwrap()),
        ("entry_damaged", |path| {
            fs::remove_file(path.join(DATA)).unwrap();
            symlink(METADATA, path.join(DATA)).unwrap();
        }),
        ("file_changed", |path| fs::write(path.join(DATA), "all of it and more").unwrap()),
        ("file_changed", |path| {
            let file = fs::File::options().write(true).open(path.join(DATA)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1)).unwrap();
        }),
    ];
    for (number, (code, damage)) in damages.into_iter().enumerate() {
        let bench = Bench::new();
        let id = bench.add("a", CONTENT);
        bench.add("b", "whole");
        damage(&bench.queue.pending.path().join(id.file_name()));
        let error = bench.queue.read(&id).unwrap_err();
        assert_eq!((error.code(), error.retryable(), error.exit_code()), (code, false, 65), "{number}: {error}");
        assert!(error.remedy().is_some());
        bench.queue.fail(&id, &error, NOW).unwrap();
        assert_eq!((bench.pending_names(), bench.queue.failed().unwrap()), (vec!["b".to_owned()], vec![id]));
        let reason = fs::read_to_string(bench.queue.failed.path().join(id.file_name()).join(REASON)).unwrap();
        assert!(reason.contains(code), "{reason}");
        let other = Queue::open(bench.queue.path(), Limits::NONE).unwrap();
        assert_eq!(other.counts().unwrap().failed, 1);
        other.remove(&id).unwrap();
        assert_eq!(other.counts().unwrap().failed, 0);
    }
}

#[test]
fn what_is_missing_for_a_while_is_not_the_entry_s_fault() {
    use crate::queue::step::script::{failing_at, recorded};
    use rustix::io::Errno;
    let bench = Bench::new();
    let id = bench.add("a", CONTENT);
    let steps = recorded(|| bench.queue.read(&id).unwrap()).1.len();
    for step in 0..steps {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            let error = failing_at(step, errno, || bench.queue.read(&id)).unwrap_err();
            assert!(error.retryable(), "{error}");
        }
        let error = failing_at(step, Errno::IO, || bench.queue.read(&id)).unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("io_error", false));
    }
}

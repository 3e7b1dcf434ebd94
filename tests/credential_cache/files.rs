//! Files that may not be believed, in a directory that may.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use crate::bench::{Bench, mode, now, superuser};

const SUITE: &str = "files of the credential cache";

#[test]
fn a_damaged_file_is_ignored_and_replaced() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    let file = bench.file(".credentials");
    let good = fs::read(&file).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let damaged: Vec<Vec<u8>> = vec![
        vec![],
        b"{}".to_vec(),
        vec![0; 1000],
        vec![b'['; 9000],
        vec![0xff; 1 << 20],
        good[..good.len() / 2].to_vec(),
        [&good[..], &good].concat(),
        text.replace("fetched\":", "fetched\":9").into(),
        text.replace("\"20", "\"30").into(),
        text.replace("sessionToken\":\"", "sessionToken\":\"\\u000a").into(),
    ];
    for (number, content) in damaged.into_iter().enumerate() {
        fs::write(&file, content).unwrap();
        bench.homing("credentials").run().expect_code(0);
        assert_eq!(bench.asked(), 2 + number as u64, "{number}");
        bench.homing("credentials").run().expect_code(0);
        assert_eq!(bench.asked(), 2 + number as u64, "not replaced: {number}");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    bench.homing("credentials").run().expect_code(0);
}

#[test]
fn a_damaged_refusal_is_none() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.answer(403, r#"{"message":"Access Denied"}"#);
    bench.homing("credentials").run().expect_code(77);
    let file = bench.file(".refusal");
    let text = fs::read_to_string(&file).unwrap();
    let far = format!("\"until\":{}", now() + 86_400);
    let until = text.split(',').find(|field| field.starts_with("\"until\"")).unwrap();
    for (number, content) in
        [String::new(), text[..50].to_owned(), text.replace(":77,", ":0,"), text.replace(until, &far)]
            .iter()
            .enumerate()
    {
        fs::write(&file, content).unwrap();
        bench.homing("credentials").run().expect_code(77);
        assert_eq!(bench.asked(), 2 + number as u64, "{content}");
    }
}

#[test]
fn a_file_that_others_may_read_is_not_used() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    let file = bench.file(".credentials");
    for (number, wide) in [0o604, 0o640, 0o620, 0o602, 0o666].into_iter().enumerate() {
        fs::set_permissions(&file, Permissions::from_mode(wide)).unwrap();
        let run = bench.homing("credentials").arg("-vv").run();
        run.expect_code(0).expect_error("others have access to it");
        assert_eq!(bench.asked(), 2 + number as u64);
        assert_eq!(mode(&file), 0o600, "the new file's mode");
    }
}

#[test]
fn a_file_of_another_user_s_is_not_used() {
    let Some(bench) = Bench::start(SUITE).filter(|_| superuser(SUITE)) else { return };
    bench.homing("credentials").run().expect_code(0);
    let file = bench.file(".credentials");
    chown(&file, Some(NOBODY), None).unwrap();
    bench.homing("credentials").arg("-vv").run().expect_code(0).expect_error("belongs to another user");
    assert_eq!((bench.asked(), fs::metadata(&file).unwrap().uid()), (2, 0));
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    let (file, elsewhere) = (bench.file(".credentials"), bench.runtime.path.join("elsewhere"));
    fs::rename(&file, &elsewhere).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    bench.homing("credentials").run().expect_code(0);
    assert_eq!(bench.asked(), 2, "the link was followed when reading");
    assert_eq!(fs::read(&elsewhere).unwrap(), before, "the link was followed when writing");
    assert!(!file.is_symlink());

    // The same where the new file is prepared: whatever waits there under its name is not written to.
    fs::remove_file(&file).unwrap();
    let unfinished = file.with_extension("credentials.new");
    symlink(&elsewhere, &unfinished).unwrap();
    bench.homing("credentials").run().expect_code(0);
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    assert!(file.is_file() && !unfinished.is_symlink());
}

#[test]
fn a_lock_that_cannot_be_trusted_means_no_cache() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    fs::remove_file(bench.file(".credentials")).unwrap();
    let (lock, elsewhere) = (bench.file(".lock"), bench.runtime.path.join("elsewhere"));
    fs::remove_file(&lock).unwrap();
    symlink(&elsewhere, &lock).unwrap();
    bench.homing("credentials").run().expect_code(0);
    assert!(!elsewhere.exists() && bench.files().len() == 1, "{:?}", bench.files());
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o666)).unwrap();
    bench.homing("credentials").run().expect_code(0);
    assert_eq!((bench.asked(), bench.files().len()), (3, 1));
}

#[test]
fn a_pipe_in_a_file_s_place_holds_nobody_up() {
    let Some(bench) = Bench::start(SUITE) else { return };
    bench.homing("credentials").run().expect_code(0);
    for suffix in [".credentials", ".lock"] {
        let file = bench.file(suffix);
        fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg("-m600").arg(&file).status().unwrap().success());
        bench.homing("credentials").run().expect_code(0);
    }
}

/// The user `nobody` of Debian and most others.
const NOBODY: u32 = 65534;

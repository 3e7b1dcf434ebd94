//! In the middle of a call, and when it is done.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::canary::{SECRET_KEY, SESSION_TOKEN, Search};
use crate::cases::{CASES, Case};
use crate::scene::{Place, Scene};

#[test]
fn secrets_are_in_no_argument_variable_log_or_file() {
    let scene = Scene::new();
    let search = scene.search();
    for case in CASES {
        let place = Place::new();
        let held = scene.hold(case);
        let child = scene.start(&place, &[], case);
        assert!(held.arrived(), "{case:?} asks for nothing");
        check_process(&search, child.id(), case);
        scene.check_files(&place, case, &search);
        held.release();
        let ended = scene.finish(&place, child, case, case.prints);
        assert!(ended.status.success(), "{case:?}: {ended}");
        let printed = search.found_in(&ended.stdout);
        assert_eq!(printed, case.prints, "{case:?}: {ended}");
        assert!(!ended.stderr.is_empty(), "-vvv says nothing: {case:?}: {ended}");
        if let Some(name) = case.writes {
            assert!(!search.found_in(&fs::read(place.path("home").join(name)).unwrap()).is_empty());
        }
    }
}

/// Without this, what was looked at above could have been a process that had nothing to hide yet.
#[test]
fn what_is_held_has_the_secrets_in_its_memory() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can look into a process that is not dumpable");
        return;
    }
    let scene = Scene::new();
    let search = scene.search();
    let case = CASES.iter().find(|case| case.words.starts_with(&["secret", "get"])).unwrap();
    let place = Place::new();
    let held = scene.hold(case);
    let child = scene.start(&place, &[], case);
    assert!(held.arrived());
    let found: Vec<String> =
        memory(child.id()).iter().flat_map(|part| search.found_in(part)).map(str::to_owned).collect();
    held.release();
    scene.finish(&place, child, case, case.prints);
    for name in [SECRET_KEY, SESSION_TOKEN] {
        assert!(found.iter().any(|known| known == name), "{name} is not among {found:?}");
    }
}

/// The writable memory of a process, as far as it can be read.
fn memory(id: u32) -> Vec<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let file = fs::File::open(format!("/proc/{id}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let part = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let length = u64::from_str_radix(end, 16).ok()? - start;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        let count = file.read_at(&mut bytes, start).ok()?;
        bytes.truncate(count);
        Some(bytes)
    };
    writable.filter_map(part).collect()
}

/// What other users and programs can see of a process.
pub(crate) fn check_process(search: &Search, id: u32, case: &Case) {
    let process = PathBuf::from(format!("/proc/{id}"));
    let arguments = fs::read(process.join("cmdline")).unwrap();
    assert!(arguments.starts_with(env!("CARGO_BIN_EXE_homing").as_bytes()), "{case:?} is another program by now");
    assert_eq!(search.found_in(&arguments), [""; 0], "{case:?}");
    // proc(5): what is not dumpable is root's, and only root can read it.
    let own = rustix::process::geteuid();
    assert_eq!(fs::metadata(process.join("environ")).unwrap().uid(), 0, "{case:?} is dumpable");
    match fs::read(process.join("environ")) {
        Ok(variables) => {
            assert!(own.is_root(), "{case:?} is dumpable");
            assert_eq!(search.found_in(&variables), case.given, "{case:?}");
        }
        Err(error) => assert!(!own.is_root(), "{error}"),
    }
}

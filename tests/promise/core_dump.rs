//! No core is written.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::cases::CASES;
use crate::scene::{Place, Scene};

#[test]
fn a_signal_that_dumps_core_leaves_none() {
    let scene = Scene::new();
    let dumps = a_core_can_be_written();
    for (case, signal) in CASES.iter().zip([Signal::ABORT, Signal::QUIT].into_iter().cycle()) {
        let place = Place::new();
        let held = scene.hold(case);
        let child = scene.start(&place, WITHOUT_LIMIT, case);
        assert!(held.arrived(), "{case:?} asks for nothing");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = scene.finish(&place, child, case, &[]);
        held.release();
        assert_eq!(ended.status.signal(), Some(signal.as_raw()), "{case:?}: {ended}");
        assert!(!ended.status.core_dumped(), "{case:?} has dumped core");
        assert!(!dumps || cores(&place).is_empty(), "{case:?}: {:?}", cores(&place));
    }
}

/// Whether this machine writes the core of a program that does not object into its working directory.
fn a_core_can_be_written() -> bool {
    let place = Place::new();
    let mut command = Command::new(WITHOUT_LIMIT[0]);
    command.args(&WITHOUT_LIMIT[1..]).args(["sh", "-c", "kill -ABRT $$"]);
    let status = command.current_dir(place.path("work")).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let is_file = !pattern.starts_with('|') && !pattern.contains('/');
    if status.core_dumped() && is_file {
        assert_eq!(cores(&place).len(), 1, "{:?}", place.files());
        return true;
    }
    eprintln!("cores are not written here (core_pattern {:?}): only the exit status is looked at", pattern.trim());
    false
}

pub(crate) fn cores(place: &Place) -> Vec<std::path::PathBuf> {
    let mut found = place.files();
    found.retain(|path| path.parent() == Some(&place.path("work")) && !path.ends_with("file.bin"));
    found.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with("fetched"));
    found
}

/// Where the hard limit is lower, that is what there is.
pub(crate) const WITHOUT_LIMIT: &[&str] = &["/bin/sh", "-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\""];

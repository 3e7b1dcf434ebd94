//! SIGKILL instead of a system call, one after the other; then the device starts again.
//!
//! What stands at each step: nothing lost, nothing torn, repeats only of the same key and bytes, the queue empty after
//! the next `homing drain`.

use std::collections::HashSet;
use std::process::Command;

use homing_sandbox::Arrival;
use nix::libc;
use nix::sys::signal::Signal;

use crate::figures::{full, report};
use crate::scene::{Original, Scene, Tally};
use crate::stepper::{Made, Place, Stepper};
use crate::tracer::{Verdict, trace};

#[test]
fn of_send_queue() {
    each_step("send --queue", &Scene::new(), 12, |_, _| (), |scene, files| scene.send_queued(files, &[]), usual);
}

#[test]
fn of_send_queue_keep() {
    each_step(
        "send --queue --keep",
        &Scene::new(),
        usize::MAX,
        |_, _| (),
        |scene, files| scene.send_queued(files, &["--keep"]),
        usual,
    );
}

#[test]
fn of_send_queue_to_another_file_system() {
    let Some(scene) = Scene::with_far_queue() else { return };
    each_step(
        "send --queue, other file system",
        &scene,
        usize::MAX,
        |_, _| (),
        |scene, files| scene.send_queued(files, &[]),
        usual,
    );
}

#[test]
fn of_drain() {
    each_step("drain", &Scene::new(), 12, queued, |scene, _| scene.drain(), usual);
}

#[test]
fn of_drain_watch() {
    let scene = Scene::new();
    each_step("drain --watch", &scene, usize::MAX, |_, _| (), |scene, _| scene.drain_watch(), Scene::watched_again);
}

/// What the device does when it starts again, and what is then to be seen.
pub type Recovery = fn(&Scene, &[Original], &[Arrival]) -> Result<Tally, String>;

/// `homing drain`, and in a full run the user's script once more.
pub fn usual(scene: &Scene, files: &[Original], earlier: &[Arrival]) -> Result<Tally, String> {
    if full() { scene.recover(files, earlier) } else { scene.drained(files, earlier) }
}

/// Puts the files into the queue and gets no further: killed at its first connection.
pub fn queued(scene: &Scene, files: &[Original]) {
    let place = Place { number: libc::SYS_socket, changes_disk: false, ordinal: 0 };
    let mut stepper = Stepper::at(place, Verdict::Kill);
    let ended = trace(&scene.send_queued(files, &[]), &mut stepper);
    assert!(stepper.hit, "{ended:?}");
    assert!(files.iter().all(|file| !file.path.exists()), "homing connects before the files are safe");
}

/// Kills `command` at every call that changes the disk, and at every `nth` other.
fn each_step(
    name: &str,
    scene: &Scene,
    nth: usize,
    prepare: impl Fn(&Scene, &[Original]),
    command: impl Fn(&Scene, &[Original]) -> Command,
    recover: Recovery,
) {
    let at_most = if name == "drain --watch" { 40 } else { usize::MAX };
    let files = scene.begin();
    prepare(scene, &files);
    let mut looking = Stepper::looking();
    let whole = trace(&command(scene, &files), &mut looking);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    scene.judge(&files, &[]).unwrap();

    let steps = spread(chosen(&looking.made, nth), at_most);
    let step = |place: &Place| {
        let files = scene.begin();
        prepare(scene, &files);
        let mut stepper = Stepper::at(*place, Verdict::Kill);
        let ended = trace(&command(scene, &files), &mut stepper);
        assert_eq!(stepper.hit, ended.signal == Some(Signal::SIGKILL), "{ended:?}");
        let recovered = recover(scene, &files, &[]);
        (stepper.hit, recovered.map_err(|error| format!("{name}, killed at {place}: {error}")))
    };
    let results: Vec<_> = steps.iter().map(step).collect();
    let broken: Vec<&String> = results.iter().filter_map(|(_, result)| result.as_ref().err()).collect();
    assert!(broken.is_empty(), "{} of {} steps: {broken:#?}", broken.len(), steps.len());
    let hits = results.iter().filter(|(hit, _)| *hit).count();
    // Waiting for others takes more or fewer calls each time; the disk's are the same ones.
    for ((hit, _), place) in results.iter().zip(&steps) {
        assert!(*hit || !place.changes_disk, "{name} never got to {place}");
    }
    assert!(hits * 10 >= steps.len() * 7, "{hits} of {} steps were reached", steps.len());
    let sum = |field: fn(&Tally) -> usize| -> usize {
        results.iter().filter_map(|(_, result)| result.as_ref().ok()).map(field).sum()
    };
    assert!(name.contains("--keep") || sum(|tally| tally.at_both) == 0, "{name}: a file could be sent a second time");
    report(
        &format!("SIGKILL at every system call, {name}"),
        &format!(
            "killed at {hits} of {} calls ({} that change the disk); {} files: 0 lost, 0 torn, {} repeated with \
             the same key, id and bytes, {} still at their source after the restart",
            looking.made.len(),
            steps.iter().filter(|place| place.changes_disk).count(),
            steps.len() * files.len(),
            sum(|tally| tally.repeated),
            sum(|tally| tally.at_source),
        ),
    );
}

/// Every call that changes the disk, and every `nth` other; every one at all in a full run.
pub fn chosen(made: &[Made], nth: usize) -> Vec<Place> {
    let nth = if full() { 1 } else { nth };
    let mut seen = HashSet::new();
    let mut others = 0;
    made.iter()
        .map(|made| made.place)
        .filter(|place| seen.insert(*place))
        .filter(|place| {
            others += usize::from(!place.changes_disk);
            place.changes_disk || others % nth == 0
        })
        .collect()
}

/// At most so many of them from beginning to end; all in a full run.
pub fn spread<T>(all: Vec<T>, at_most: usize) -> Vec<T> {
    let (count, kept) = (all.len(), if full() { all.len() } else { all.len().min(at_most) });
    all.into_iter()
        .enumerate()
        .filter(|(index, _)| (index + 1) * kept / count > index * kept / count)
        .map(|(_, one)| one)
        .collect()
}

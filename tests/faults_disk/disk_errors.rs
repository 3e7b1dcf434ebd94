//! ENOSPC, EIO, EROFS, EMFILE and ENOMEM, one at each call that can give them: an error of homing's own words and
//! exit codes, no panic; the source is intact, and the next run without the fault completes. An entry of the queue that
//! cannot be read (EIO) stays, and does not go to `failed/`: the disk may be well again.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::process::Command;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;

use crate::calls::asks_for_memory;
use crate::figures::{full, report};
use crate::scene::{Original, Scene, finished, regular_files};
use crate::sigkill::queued;
use crate::stepper::{Made, Place, Stepper};
use crate::tracer::{Ended, Verdict, trace};

#[test]
fn of_send_queue() {
    each_error("send --queue", &Scene::new(), &|_, _| (), &|scene, files| scene.send_queued(files, &[]), &recovered);
}

#[test]
fn of_send_queue_to_another_file_system() {
    let Some(scene) = Scene::with_far_queue() else { return };
    let send = |scene: &Scene, files: &[Original]| scene.send_queued(files, &[]);
    each_error("send --queue, other file system", &scene, &|_, _| (), &send, &recovered);
}

#[test]
fn of_drain() {
    each_error("drain", &Scene::new(), &queued, &|scene, _| scene.drain(), &recovered);
}

#[test]
fn of_put() {
    each_error("put", &Scene::new(), &|_, _| (), &put, &|scene, files, code| {
        let before = fs::read(&files[1].path).map_err(|error| error.to_string())?;
        if code != Some(0) {
            finished(put(scene, files))?;
        }
        let objects = scene.sandbox.objects();
        let is_there = objects.iter().any(|object| object.bytes == before.len() as u64);
        if is_there && before == files[1].content { Ok(()) } else { Err(format!("stored: {objects:?}")) }
    });
}

#[test]
fn of_get() {
    each_error(
        "get",
        &Scene::new(),
        &|scene, files| drop(finished(put(scene, files)).unwrap()),
        &get,
        &|scene, files, code| {
            let target = scene.folder().join("got.bin");
            let is_whole = || fs::read(&target).is_ok_and(|content| content == files[1].content);
            if target.exists() && !is_whole() {
                return Err("a part has the file's name".to_owned());
            }
            if code == Some(0) {
                return if is_whole() { Ok(()) } else { Err("it says that it is there".to_owned()) };
            }
            finished(get(scene, files))?;
            if is_whole() { Ok(()) } else { Err("the next run does not complete it".to_owned()) }
        },
    );
}

/// `homing put` of the larger file.
pub fn put(scene: &Scene, files: &[Original]) -> Command {
    let url = format!("s3://{}/put.bin", scene.sandbox.bucket());
    scene.command("put", [files[1].path.as_os_str(), url.as_ref()])
}

/// `homing get` of what [`put`] has stored.
pub fn get(scene: &Scene, _: &[Original]) -> Command {
    let url = format!("s3://{}/put.bin", scene.sandbox.bucket());
    scene.command("get", [url.as_ref(), scene.folder().join("got.bin").as_os_str()])
}

fn recovered(scene: &Scene, files: &[Original], code: Option<i32>) -> Result<(), String> {
    if code == Some(0) {
        let tally = scene.judge(files, &[])?;
        if tally.delivered != files.len() {
            return Err(format!("it says that all is delivered: {tally:?}"));
        }
    }
    let failed = regular_files(&scene.queue().join("failed"));
    if !failed.is_empty() {
        return Err(format!("given up, although only the disk failed: {failed:?}"));
    }
    scene.recover(files, &[]).map(drop)
}

type Prepare<'a> = &'a dyn Fn(&Scene, &[Original]);
type Prepared<'a> = &'a dyn Fn(&Scene, &[Original]) -> Command;
type Recover<'a> = &'a dyn Fn(&Scene, &[Original], Option<i32>) -> Result<(), String>;

fn each_error(name: &str, scene: &Scene, prepare: Prepare<'_>, command: Prepared<'_>, recover: Recover<'_>) {
    let files = scene.begin();
    prepare(scene, &files);
    let mut looking = Stepper::looking();
    let whole = trace(&command(scene, &files), &mut looking);
    assert_eq!(whole.code, Some(0), "{whole:?}");

    let steps = chosen(&looking.made);
    let mut broken = Vec::new();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut hits = 0;
    for (place, errno) in &steps {
        let files = scene.begin();
        prepare(scene, &files);
        let mut stepper = Stepper::at(*place, Verdict::Fail(*errno));
        let ended = trace(&command(scene, &files), &mut stepper);
        hits += usize::from(stepper.hit);
        // What is written in one go is what has arrived from the network by then.
        let is_certain = place.changes_disk && place.number != libc::SYS_write;
        assert!(stepper.hit || !is_certain, "{name} never got to {place}");
        let end = judged(&ended, place).and_then(|end| recover(scene, &files, ended.code).map(|()| end));
        match end {
            Ok(end) => *ends.entry(end).or_default() += 1,
            Err(error) => broken.push(format!("{name}, {errno:?} at {place}: {error}; {ended:?}")),
        }
    }
    assert!(broken.is_empty(), "{} of {} steps: {broken:#?}", broken.len(), steps.len());
    assert!(hits * 10 >= steps.len() * 7, "{hits} of {} steps were reached", steps.len());
    let ends: Vec<String> = ends.iter().map(|(end, count)| format!("{end}: {count}")).collect();
    report(
        &format!("ENOSPC, EIO, EROFS, EMFILE, ENOMEM at every call, {name}"),
        &format!(
            "{hits} errors at {} different calls; every source intact, every next run completed, no panic; \
             exit codes {}",
            steps.iter().map(|(place, _)| place).collect::<HashSet<_>>().len(),
            ends.join(", "),
        ),
    );
}

/// How a run may end: by an exit code of homing's own, with words; or, where there is no memory at all, as Rust ends.
fn judged(ended: &Ended, place: &Place) -> Result<String, String> {
    let is_without_memory = || {
        let words = ["memory allocation of", "Cannot allocate memory"];
        asks_for_memory(place.number) && words.iter().any(|word| ended.printed.contains(word))
    };
    match (ended.code, ended.signal) {
        // Rust's allocator, and its preparation of a thread, know no other way.
        (None, Some(Signal::SIGABRT)) if is_without_memory() => Ok("abort for want of memory".to_owned()),
        _ if ended.printed.contains("panicked") => Err("a panic".to_owned()),
        (Some(0), _) => Ok("0".to_owned()),
        (Some(code), _) if SYSEXITS.contains(&code) && ended.printed.contains("homing: ") => Ok(code.to_string()),
        _ => Err("not one of homing's own ends".to_owned()),
    }
}

/// Every error at each call that changes the disk, and at every other; bounded, one of them at each that changes the
/// disk, each time another, and at each tenth other. What the loader does before the program begins is not homing's.
fn chosen(made: &[Made]) -> Vec<(Place, Errno)> {
    let begin = made.iter().position(|made| made.place.number == libc::SYS_prctl).unwrap_or(0);
    let possible = made[begin..].iter().filter(|made| !made.errors.is_empty());
    let (disk, others): (Vec<&Made>, Vec<&Made>) = possible.partition(|made| made.place.changes_disk);
    if full() {
        let all = |made: &&Made| made.errors.iter().map(|errno| (made.place, *errno)).collect::<Vec<_>>();
        return disk.iter().chain(&others).flat_map(all).collect();
    }
    let turn = |(index, made): (usize, &&Made)| (made.place, made.errors[index % made.errors.len()]);
    disk.iter().enumerate().map(turn).chain(others.iter().step_by(OTHERS).enumerate().map(turn)).collect()
}

/// The exit codes that homing has (sysexits.h).
pub const SYSEXITS: [i32; 9] = [64, 65, 66, 69, 73, 74, 75, 77, 78];
/// Every so manieth call that changes nothing is enough in CI.
const OTHERS: usize = 10;

//! The power goes after each operation on the disk, and what was not fsynced is lost, kept, or zeros ([`disk_model`]).
//!
//! [`disk_model`]: crate::disk_model

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Command;

use homing_sandbox::Arrival;

use crate::disk_model::{Ignored, Logged, Operation, after_power_cut};
use crate::figures::{full, report};
use crate::scene::{Original, Scene, Tally};
use crate::sigkill::{Recovery, queued, usual};
use crate::tracer::trace;
use crate::tree::Tree;
use crate::write_log::Recorder;

#[test]
fn of_send_queue() {
    let send = |scene: &Scene, files: &[Original]| scene.send_queued(files, &[]);
    nothing_is_lost("send --queue", &Scene::new(), |_, _| (), send, usual);
}

#[test]
fn of_send_queue_keep() {
    nothing_is_lost(
        "send --queue --keep",
        &Scene::new(),
        |_, _| (),
        |scene, files| scene.send_queued(files, &["--keep"]),
        usual,
    );
}

#[test]
fn of_send_queue_to_another_file_system() {
    let Some(scene) = Scene::with_far_queue() else { return };
    let send = |scene: &Scene, files: &[Original]| scene.send_queued(files, &[]);
    nothing_is_lost("send --queue, other file system", &scene, |_, _| (), send, usual);
}

#[test]
fn of_drain() {
    nothing_is_lost("drain", &Scene::new(), queued, |scene, _| scene.drain(), usual);
}

#[test]
fn of_drain_watch() {
    let watch = |scene: &Scene, _: &[Original]| scene.drain_watch();
    nothing_is_lost("drain --watch", &Scene::new(), |_, _| (), watch, Scene::watched_again);
}

/// The harness itself: were one kind of fsync left out of the queue, a loss would be found.
#[test]
fn a_loss_is_found_without_fsync() {
    for ignored in [Ignored::DirectorySyncs, Ignored::FileSyncs] {
        let scene = Scene::new();
        let recorded = record(&scene, |_, _| (), |scene, files| scene.send_queued(files, &[]));
        let states = recorded.states(ignored);
        let found = states.iter().position(|state| recorded.check(&scene, state, usual).is_err());
        let found = found.unwrap_or_else(|| panic!("{ignored:?} ignored, and nothing lost in {} states", states.len()));
        let error = recorded.check(&scene, &states[found], usual).unwrap_err();
        report(
            &format!("power cut, self-test, {ignored:?} ignored"),
            &format!("a loss is found in state {found}: {}", short(&error)),
        );
    }
}

/// One fsync after the other taken out: which of them a loss hangs on.
#[test]
fn most_fsyncs_are_needed() {
    if !full() {
        return;
    }
    let scene = Scene::new();
    let recorded = record(&scene, |_, _| (), |scene, files| scene.send_queued(files, &[]));
    let known: HashSet<u64> = recorded.states(Ignored::Nothing).iter().map(State::fingerprint).collect();
    let is_sync = |index: &usize| matches!(recorded.log[*index].operation, Operation::Sync { .. });
    let syncs: Vec<usize> = (0..recorded.log.len()).filter(is_sync).collect();
    let is_needed = |index: &&usize| {
        let mut states = recorded.states(Ignored::One(**index)).into_iter();
        states.any(|state| !known.contains(&state.fingerprint()) && recorded.check(&scene, &state, usual).is_err())
    };
    let needed: Vec<&usize> = syncs.iter().filter(is_needed).collect();
    assert!(needed.len() >= syncs.len() / 4, "{needed:?} of {syncs:?}");
    report(
        "power cut, self-test, each single fsync ignored",
        &format!(
            "each of the {} fsyncs of send --queue taken out: {} times a loss is found",
            syncs.len(),
            needed.len()
        ),
    );
}

/// A run that was recorded.
struct Recorded {
    before: Tree,
    after: Tree,
    log: Vec<Logged>,
    files: Vec<Original>,
    arrivals: Vec<Arrival>,
}

/// What may be on the disk after a power cut.
struct State {
    what: String,
    tree: Tree,
    arrived: usize,
}

fn record(
    scene: &Scene,
    prepare: impl Fn(&Scene, &[Original]),
    command: impl Fn(&Scene, &[Original]) -> Command,
) -> Recorded {
    let files = scene.begin();
    private(&scene.queue());
    prepare(scene, &files);
    private(&scene.kept());
    let arrived = || scene.sandbox.arrivals().len();
    let mut recorder = Recorder::new(&[scene.folder(), scene.queue()], Some(&scene.kept()), arrived);
    let ended = trace(&command(scene, &files), &mut recorder);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    recorder.assert_complete();
    let Recorder { before, log, .. } = &recorder;
    Recorded {
        before: before.clone(),
        after: recorder.live().clone(),
        log: log.clone(),
        files,
        arrivals: scene.sandbox.arrivals(),
    }
}

/// Makes a folder for this user alone.
pub fn private(folder: &Path) {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
}

impl State {
    /// The same for states that do not differ.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.arrived, self.tree.listing()).hash(&mut hasher);
        hasher.finish()
    }
}

impl Recorded {
    /// Every state that differs from the others, for a power cut behind each operation.
    fn states(&self, ignored: Ignored) -> Vec<State> {
        let random = if full() { 20 } else { 3 };
        let mut seen = HashSet::new();
        let mut states = Vec::new();
        for end in 0..=self.log.len() {
            let log = &self.log[..end];
            let arrived = log.last().map_or(0, |logged| logged.arrived);
            for (what, tree) in after_power_cut(&self.before, &self.after, log, ignored, random) {
                let call = log.last().map_or("nothing", |logged| &logged.call);
                let state = State { what: format!("behind operation {end} ({call}), {what}"), tree, arrived };
                if seen.insert(state.fingerprint()) {
                    states.push(state);
                }
            }
        }
        states
    }

    /// Builds the state, starts homing in it, and looks whether anything is lost.
    fn check(&self, scene: &Scene, state: &State, recover: Recovery) -> Result<Tally, String> {
        scene.clear();
        state.tree.build();
        let earlier = &self.arrivals[..state.arrived];
        recover(scene, &self.files, earlier).map_err(|error| format!("{}: {error}", state.what))
    }
}

fn nothing_is_lost(
    name: &str,
    scene: &Scene,
    prepare: impl Fn(&Scene, &[Original]),
    command: impl Fn(&Scene, &[Original]) -> Command,
    recover: Recovery,
) {
    let recorded = record(scene, prepare, command);
    let states = recorded.states(Ignored::Nothing);
    let all = states.len();
    let nth = if full() { 1 } else { all.div_ceil(STATES_IN_CI) };
    let states: Vec<State> = states.into_iter().step_by(nth).collect();
    let results: Vec<_> = states.iter().map(|state| recorded.check(scene, state, recover)).collect();
    let broken: Vec<&String> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert!(broken.is_empty(), "{name}: {} of {} states: {broken:#?}", broken.len(), states.len());
    let tallies = || results.iter().filter_map(|result| result.as_ref().ok());
    let is_in_one_place = name.contains("--keep") || tallies().all(|tally| tally.at_both == 0);
    assert!(is_in_one_place, "{name}: a file could be sent a second time");
    report(
        &format!("power cut, {name}"),
        &format!(
            "{} operations on the disk, {} fsyncs; {} of {all} different states after a power cut: 0 lost, \
             0 torn, {} repeated with the same key, id and bytes",
            recorded.log.len(),
            recorded.log.iter().filter(|logged| logged.call.contains("sync")).count(),
            states.len(),
            tallies().map(|tally| tally.repeated).sum::<usize>(),
        ),
    );
}

fn short(text: &str) -> String {
    text.replace('\n', " ").chars().take(260).collect()
}

/// About 50 ms each.
const STATES_IN_CI: usize = 40;

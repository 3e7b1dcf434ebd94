//! A multipart upload of `homing drain` whose process is killed at a system call, or whose device loses power behind an
//! operation on the disk: the next `homing drain` goes on behind what the device remembers of it.
//!
//! What stands at each step: the file arrives whole, under its key, with the same message; no part is sent that was
//! confirmed and recorded before; and no upload of which S3 has a part stays open. The power goes in a run of its own
//! each time, so that S3 has what it had at that moment.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use homing_sandbox::{Arrival, HttpExchange, PendingUpload, Service};
use serde_json::Value;

use crate::disk_model::{Ignored, after_power_cut};
use crate::figures::{full, report};
use crate::power_cut::private;
use crate::scene::{Original, PART, Scene, bytes, listed, regular_files};
use crate::sigkill::{chosen, queued, spread};
use crate::stepper::Stepper;
use crate::tracer::{Verdict, trace};
use crate::tree::Tree;
use crate::write_log::Recorder;

#[test]
fn goes_on_after_sigkill() {
    let (scene, content) = (Scene::in_parts(), bytes(LENGTH));
    let files = begin(&scene, &content);
    let mut looking = Stepper::looking();
    let whole = trace(&scene.drain(), &mut looking);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    scene.judge(&files, &[]).unwrap();

    let steps = spread(chosen(&looking.made, EVERY), STEPS_IN_CI);
    let mut sum = Sum::default();
    for place in &steps {
        let files = begin(&scene, &content);
        let mut stepper = Stepper::at(*place, Verdict::Kill);
        let ended = trace(&scene.drain(), &mut stepper);
        assert!(stepper.hit || !place.changes_disk, "it never got to {place}: {ended:?}");
        settle(&scene);
        sum.add(goes_on(&scene, &files), &format!("killed at {place}"));
    }
    sum.report("SIGKILL at every system call", looking.made.len());
}

#[test]
fn goes_on_after_a_power_cut() {
    let (scene, content) = (Scene::in_parts(), bytes(LENGTH));
    let (_, operations, _) = cut_behind(&scene, &content, usize::MAX);
    let moments: Vec<usize> = (0..=operations).collect();
    let mut sum = Sum::default();
    let mut all = 0;
    for behind in spread(moments, STEPS_IN_CI) {
        let mut left: Vec<usize> = Vec::new();
        let mut is_first = true;
        while is_first || !left.is_empty() {
            // S3's side is used up by one look at it.
            let (files, _, states) = cut_behind(&scene, &content, behind);
            if is_first {
                // What is not safe is lost; and by turns one of the other states.
                let turn = 1 + behind % states.len().max(2);
                left = (0..states.len())
                    .filter(|index| full() || [1, turn].contains(index) || states.len() == 1)
                    .collect();
                all += states.len();
                is_first = false;
            }
            let (what, tree) = &states[left.pop().unwrap_or(0) % states.len()];
            let _ = fs::remove_dir_all(scene.queue());
            tree.build();
            sum.add(goes_on(&scene, &files), &format!("the power went behind operation {behind}, {what}"));
        }
    }
    sum.report("power cut", all);
}

/// What became of all steps.
#[derive(Default)]
struct Sum {
    steps: usize,
    broken: Vec<String>,
    resumed: usize,
    spared: usize,
    unknown: usize,
    repeated: usize,
}

/// What became of one.
struct Resumed {
    /// Parts that were recorded, and not sent again.
    spared: usize,
    /// The next run went on with the upload.
    is_resumed: bool,
    /// Uploads that S3 has begun, and whose id never reached the device. They have no part.
    unknown: usize,
    repeated: usize,
}

impl Sum {
    fn add(&mut self, result: Result<Resumed, String>, what: &str) {
        self.steps += 1;
        match result {
            Err(error) => self.broken.push(format!("{what}: {error}")),
            Ok(resumed) => {
                self.resumed += usize::from(resumed.is_resumed);
                self.spared += resumed.spared;
                self.unknown += resumed.unknown;
                self.repeated += resumed.repeated;
            }
        }
    }

    fn report(self, row: &str, all: usize) {
        let Self { steps, broken, resumed, spared, unknown, repeated } = self;
        assert!(broken.is_empty(), "{} of {steps} steps: {broken:#?}", broken.len());
        // Else these steps were all before or behind the upload, and prove nothing.
        assert!(
            resumed >= 5 && spared >= 1,
            "{resumed} of {steps} steps resumed an upload, {spared} parts were spared"
        );
        report(
            &format!("{row}, upload in {PARTS} parts by drain"),
            &format!(
                "{steps} of {all} steps; 0 lost, 0 torn, {resumed} went on with the upload, 0 of \
                 {spared} recorded parts sent again, 0 uploads with parts left open ({unknown} without), {repeated} messages \
                 repeated with the same key, id and bytes"
            ),
        );
    }
}

/// A new step, with one file in the queue that goes in parts.
fn begin(scene: &Scene, content: &[u8]) -> Vec<Original> {
    settle(scene);
    scene.begin_empty();
    let files = vec![scene.write("video.bin", content)];
    private(&scene.queue());
    queued(scene, &files);
    files
}

/// Drains until that many operations have been done on the disk. Gives the file, the operations, and what may be on the
/// disk when the power goes then.
fn cut_behind(scene: &Scene, content: &[u8], operations: usize) -> (Vec<Original>, usize, Vec<(String, Tree)>) {
    let files = begin(scene, content);
    let mut recorder = Recorder::new(&[scene.queue()], None, || 0).ending_behind(operations);
    let ended = trace(&scene.drain(), &mut recorder);
    settle(scene);
    if operations == usize::MAX {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        recorder.assert_complete();
    }
    let (before, log, after) = (&recorder.before, &recorder.log, recorder.live());
    let random = if full() { 3 } else { 1 };
    let mut states: Vec<(String, Tree)> = Vec::new();
    for (what, tree) in after_power_cut(before, after, log, Ignored::Nothing, random) {
        if states.iter().all(|(_, known)| known.listing() != tree.listing()) {
            states.push((what, tree));
        }
    }
    (files, log.len(), states)
}

/// Drains what was interrupted, and looks how.
fn goes_on(scene: &Scene, files: &[Original]) -> Result<Resumed, String> {
    let sandbox = &scene.sandbox;
    let (record, pending) = (Record::read(scene), sandbox.pending_uploads());
    let seen = sandbox.exchanges().len();
    let tally = scene.drained(files, &[])?;
    if tally.delivered < files.len() {
        return Err(format!("it does not arrive: {}", listed(&sandbox.arrivals())));
    }
    if !sandbox
        .arrivals()
        .iter()
        .any(|arrival| matches!(arrival, Arrival::Object(object) if object.parts.len() == PARTS))
    {
        return Err(format!("it did not arrive in parts: {}", listed(&sandbox.arrivals())));
    }
    let sent: Vec<u16> = sandbox.exchanges()[seen..].iter().filter_map(part_number).collect();
    let all: BTreeSet<u16> = (1..).take(PARTS).collect();
    let is_known = |upload: &&PendingUpload| record.as_ref().is_some_and(|record| record.upload_id == upload.upload_id);
    let known = pending.iter().find(is_known);
    if let Some(forgotten) = pending.iter().find(|upload| !upload.parts.is_empty() && !is_known(upload)) {
        return Err(format!("S3 has parts of an upload that the device does not remember: {forgotten:?}"));
    }
    let left = sandbox.pending_uploads();
    if let Some(open) = left.iter().find(|upload| is_known(upload) || !upload.parts.is_empty()) {
        return Err(format!("an upload is left open: {open:?}"));
    }
    let recorded = record.as_ref().filter(|_| known.is_some()).map(|record| record.parts.clone()).unwrap_or_default();
    // Each part is recorded when S3 has confirmed it, and before the next is sent.
    if let Some(PendingUpload { parts, .. }) = known
        && (recorded.iter().any(|part| !parts.contains(part)) || parts.len() > recorded.len() + 1)
    {
        return Err(format!("S3 has the parts {parts:?}, and recorded are {recorded:?}"));
    }
    let missing: Vec<u16> = all.difference(&recorded).copied().collect();
    // Behind the upload's completion there is nothing to go on with: nothing is sent, or all of it.
    let is_right = if known.is_some() { sent == missing } else { sent.is_empty() || sent == missing };
    if !is_right {
        return Err(format!("of the parts {missing:?}, {sent:?} were sent"));
    }
    Ok(Resumed { spared: recorded.len(), is_resumed: known.is_some(), unknown: left.len(), repeated: tally.repeated })
}

/// What the device remembers of an upload.
struct Record {
    upload_id: String,
    parts: BTreeSet<u16>,
}

impl Record {
    /// Up to the first line that is not whole; `None`: not even the first is.
    fn read(scene: &Scene) -> Option<Self> {
        let files = regular_files(&scene.queue().join("pending"));
        let text = fs::read(files.iter().find(|path| path.file_name() == Some(OsStr::new("upload.json")))?).ok()?;
        let mut lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .map_while(|line| serde_json::from_slice::<Value>(line.strip_suffix(b"\n")?).ok());
        let upload_id = lines.next()?["upload_id"].as_str()?.to_owned();
        let parts = lines.map_while(|line| u16::try_from(line["part"].as_u64()?).ok()).collect();
        Some(Self { upload_id, parts })
    }
}

/// The number of the part that was sent.
fn part_number(exchange: &HttpExchange) -> Option<u16> {
    let (_, query) =
        exchange.path.split_once('?').filter(|_| exchange.service == Service::S3 && exchange.method == "PUT")?;
    query.split('&').find_map(|pair| pair.strip_prefix("partNumber="))?.parse().ok()
}

/// Waits until S3 is done with all that a process has sent which is no more.
fn settle(scene: &Scene) {
    let deadline = Instant::now() + PATIENCE;
    let is_busy = || {
        let counts = scene.sandbox.counts(Service::S3);
        counts.closed < counts.connections
    };
    while is_busy() {
        assert!(Instant::now() < deadline, "{:?}", scene.sandbox.counts(Service::S3));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Bytes of the file: the last part is a short one.
const LENGTH: usize = PART + 1_000;
const PARTS: usize = LENGTH.div_ceil(PART);
/// Of the calls that do not change the disk, in CI.
const EVERY: usize = 40;
/// At a fifth of a second each.
const STEPS_IN_CI: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

//! SIGTERM and SIGINT at random moments, and readers that have gone (SIGPIPE).

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use homing_sandbox::{Fault, Service, Silence};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::disk_errors::{get, put};
use crate::figures::{full, report};
use crate::scene::{Original, Scene, finished};
use crate::sigkill::queued;

#[test]
fn at_random_moments() {
    let scene = Scene::new();
    let moments = if full() { 1_000 } else { 100 };
    let (mut longest, mut met, mut completed) = (Duration::ZERO, 0, 0);
    let sigint = if is_sigint_ignored() { Signal::SIGTERM } else { Signal::SIGINT };
    let usual: Vec<Duration> = (0..SUBJECTS.len()).map(|index| usual(&scene, index)).collect();
    for moment in 0..moments {
        let index = moment % SUBJECTS.len();
        let (name, prepare, command) = SUBJECTS[index];
        let files = scene.begin();
        prepare(&scene, &files);
        // Every sixth of them finds homing waiting for a server that says nothing.
        let is_silent = moment % 6 == 5;
        if is_silent {
            for service in [Service::S3, Service::Mqtt] {
                scene.sandbox.set_fault(service, Fault::new().silence(Silence::Connection));
            }
        }
        let mut child = command(&scene, &files).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The moment is what is tested; nothing waits for it to be a certain one.
        thread::sleep(usual[index].mul_f64(random(moment) * 1.1));
        let signal = if moment % 2 == 0 { Signal::SIGTERM } else { sigint };
        let context = format!("{name}, moment {moment}, {signal}");
        let (took, was_met) = end(&mut child, signal, &context);
        longest = longest.max(took);
        met += usize::from(was_met);
        for service in [Service::S3, Service::Mqtt] {
            scene.sandbox.clear_fault(service);
        }
        match next_run(&scene, &files, index) {
            Ok(()) => completed += 1,
            Err(error) => panic!("{context}: {error}"),
        }
    }
    assert!(longest < BOUND, "{longest:?}");
    // Those that wait for a silent server at least; a machine that is less busy than before is done earlier.
    assert!(met * 7 >= moments, "only {met} of {moments} signals met a running process");
    report(
        "SIGTERM at 1,000 random moments",
        &format!(
            "{moments} moments of send --queue, drain, drain --follow, put and get, {met} while it ran (a sixth of them waiting for a \
             silent server); ended within {:.1} ms at most; {completed} next runs completed, nothing lost",
            longest.as_secs_f64() * 1e3
        ),
    );
}

#[test]
fn a_reader_that_has_gone_is_an_error_and_no_panic() {
    let scene = Scene::new();
    for (index, (name, prepare, command)) in SUBJECTS[..FOLLOW].iter().enumerate() {
        let files = scene.begin();
        prepare(&scene, &files);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(&scene, &files);
        let output = command.arg("--json").stdout(writer).stderr(Stdio::piped()).output_of();
        assert_eq!(output.0, Some(74), "{name}: {}", output.1);
        assert!(output.1.contains("reader has gone") && !output.1.contains("panicked"), "{name}: {}", output.1);
        next_run(&scene, &files, index).unwrap();
    }
    report(
        "SIGPIPE",
        "send --queue, drain, put, get with a reader that has gone: exit code 74, no panic, nothing lost",
    );
}

/// Whether this test was started to ignore SIGINT, as a shell's background jobs are. homing then inherits that.
fn is_sigint_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (Signal::SIGINT as i32 - 1)) != 0
}

trait OutputOf {
    fn output_of(&mut self) -> (Option<i32>, String);
}

impl OutputOf for Command {
    /// The exit code and standard error, with standard output as it was set.
    fn output_of(&mut self) -> (Option<i32>, String) {
        let output = self.spawn().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

type Subject = (&'static str, fn(&Scene, &[Original]), fn(&Scene, &[Original]) -> Command);

const SUBJECTS: [Subject; 5] = [
    ("send --queue", |_, _| (), |scene, files| scene.send_queued(files, &[])),
    ("drain", queued, |scene, _| scene.drain()),
    ("put", |_, _| (), put),
    ("get", |scene, files| drop(finished(put(scene, files)).unwrap()), get),
    ("drain --follow", queued, |scene, _| scene.command("drain", ["--follow"])),
];
/// Where [`SUBJECTS`] has `drain`, and the one that does not end by itself.
const DRAIN: usize = 1;
const FOLLOW: usize = 4;

/// How long it takes undisturbed.
fn usual(scene: &Scene, index: usize) -> Duration {
    let (_, prepare, command) = SUBJECTS[if index == FOLLOW { DRAIN } else { index }];
    let once = || {
        let files = scene.begin();
        prepare(scene, &files);
        let start = Instant::now();
        finished(command(scene, &files)).unwrap();
        start.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap()
}

/// Sends the signal, and gives how long the end took and whether the process was still running.
fn end(child: &mut Child, signal: Signal, context: &str) -> (Duration, bool) {
    let is_running = child.try_wait().unwrap().is_none();
    let start = Instant::now();
    if is_running {
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    }
    loop {
        if child.try_wait().unwrap().is_some() {
            return (start.elapsed(), is_running);
        }
        if start.elapsed() > BOUND {
            child.kill().unwrap();
            panic!("{context}: not ended after {BOUND:?}");
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// What cron does next completes what was interrupted.
fn next_run(scene: &Scene, files: &[Original], index: usize) -> Result<(), String> {
    match SUBJECTS[index].0 {
        "put" => {
            finished(put(scene, files))?;
            let intact = fs::read(&files[1].path).is_ok_and(|content| content == files[1].content);
            if intact { Ok(()) } else { Err("the source is not as it was".to_owned()) }
        }
        "get" => {
            finished(get(scene, files))?;
            let whole = fs::read(scene.folder().join("got.bin")).is_ok_and(|content| content == files[1].content);
            if whole { Ok(()) } else { Err("the file is not whole".to_owned()) }
        }
        _ => scene.recover(files, &[]).map(drop),
    }
}

/// A number from 0 to 1 that looks random, the same in every run: SplitMix64.
fn random(moment: usize) -> f64 {
    let mut state = (moment as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state ^ (state >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The promise is one second; a machine that is busy with other tests is given more. The figure is printed.
const BOUND: Duration = Duration::from_secs(5);

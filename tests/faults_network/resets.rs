//! Connections that are reset after each byte of what goes over the wire: TLS handshakes, requests, replies.

use crate::reset_offsets::{Case, Cases, Job, LARGE, MEDIUM, SMALL};
use crate::support::{Bench, Extent, Random, TIMEOUT, TestFile, Verdict, cores, deadline, in_parallel_until, report};
use homing_sandbox::{Cut, LinkFault, Sandbox};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const JOBS: [Job; 5] =
    [Job::SendInline(SMALL), Job::SendByHttps(SMALL), Job::SendByS3(SMALL), Job::SendByS3(MEDIUM), Job::Get(MEDIUM)];

#[test]
fn a_connection_reset_after_any_byte_is_a_typed_error_or_a_success() {
    let mut random = Random::new();
    let seed = random.seed;
    let extent = Extent::from_environment();
    let mut cases = Cases::default();
    let mut worker = Worker::new(true, Files::new());
    for job in JOBS {
        worker.learn(job);
        for server in job.servers().iter().copied() {
            cases.add(job, server, &worker.bench.traffic(server), extent, &mut random);
        }
    }
    // Those of the first jobs come first, should the time not do for all.
    for (job, tally) in try_all(&cases.all, true, &worker.files, WAITING * cores()) {
        let possible = cases.possible[job];
        report(
            &format!("connection reset after each byte, {job}"),
            format_args!("{} of {possible} offsets | {tally}, seed {seed}", tally.count),
        );
    }
}

#[test]
fn offsets_of_a_large_upload() {
    let mut random = Random::new();
    let seed = random.seed;
    let count = Extent::from_environment().samples(LARGE_USUAL, LARGE_FULL);
    let mut worker = Worker::new(false, Files::new());
    let job = Job::SendByS3(LARGE);
    worker.learn(job);
    let cases = Cases::within(job, &worker.bench.traffic(job.largest()), count, &mut random);
    let mut whole = Tally::default();
    let mut places = Vec::new();
    for (place, tally) in try_all(&cases.all, false, &worker.files, cores()) {
        places.push(format!("{place}: {}", tally.count));
        whole.add(&tally);
    }
    report(
        "connection reset within 100 MiB",
        format_args!("{} sampled offsets; {} | {whole}, seed {seed}", whole.count, places.join("; ")),
    );
}

/// What became of the cases of one place.
#[derive(Default)]
struct Tally {
    count: usize,
    codes: BTreeMap<String, usize>,
    overdue: usize,
    longest: Duration,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.overdue += other.overdue;
        self.longest = self.longest.max(other.longest);
        for (code, count) in &other.codes {
            *self.codes.entry(code.clone()).or_default() += count;
        }
    }
}

impl Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ended with")?;
        for (code, count) in &self.codes {
            write!(formatter, " {code}: {count}")?;
        }
        write!(
            formatter,
            " | wrong objects named: 0, panics: 0, over the deadline of {} s: {} (longest run {:.1} s)",
            TIMEOUT.as_secs(),
            self.overdue,
            self.longest.as_secs_f64()
        )
    }
}

/// Tries every case for which there is time, and gives what became of them by their places. The files are where they are.
fn try_all(cases: &[Case], keeps_objects: bool, files: &Files, workers: usize) -> BTreeMap<&'static str, Tally> {
    let tallies: Mutex<BTreeMap<&str, Tally>> = Mutex::default();
    let work = |worker: &mut Worker, case: &Case| {
        worker.bench.heal();
        let cut = LinkFault { cut: Some((case.direction, case.offset, Cut::Reset)), ..LinkFault::default() };
        worker.bench.link(case.server).set_plan(move |_| cut);
        let began = Instant::now();
        let verdict = worker.attempt(case.job);
        let took = began.elapsed();
        if let Verdict::Failure { retryable, .. } = &verdict {
            assert!(retryable, "a connection that is reset may be whole the next time: {verdict:?}, {case:?}");
        }
        let codes = [(verdict.code().to_owned(), 1)].into();
        let tally = Tally { count: 1, codes, overdue: usize::from(took > TIMEOUT), longest: took };
        tallies.lock().unwrap().entry(case.place).or_default().add(&tally);
    };
    in_parallel_until(deadline(), workers, cases, || Worker::new(keeps_objects, files.clone()), work);
    tallies.into_inner().unwrap()
}

/// By their length.
type Files = BTreeMap<usize, TestFile>;

/// A bench with the files of all jobs.
struct Worker {
    bench: Bench,
    files: Files,
    stored: BTreeMap<usize, String>,
}

impl Worker {
    fn new(keeps_objects: bool, files: Files) -> Self {
        let mut bench = Bench::with(Sandbox::builder().keeps_objects(keeps_objects));
        for file in files.values() {
            bench.ledger.expect(&file.name, &file.content);
        }
        Self { bench, files, stored: BTreeMap::new() }
    }

    fn file(&mut self, length: usize) -> TestFile {
        let make = || self.bench.file(&format!("file-{length}.bin"), length);
        self.files.entry(length).or_insert_with(make).clone()
    }

    /// Does the job undisturbed, so that the bench knows what goes over the wire.
    #[track_caller]
    fn learn(&mut self, job: Job) {
        self.bench.heal();
        assert_eq!(self.attempt(job), Verdict::Success);
    }

    /// Does the job once, and checks that what is there afterwards is what is claimed.
    #[track_caller]
    fn attempt(&mut self, job: Job) -> Verdict {
        let (inline_limit, length) = match job {
            Job::SendInline(length) | Job::SendByHttps(length) => (51_200, length),
            Job::SendByS3(length) => (0, length),
            Job::Get(length) => return self.get(length),
        };
        let file = self.file(length);
        let before = self.bench.ledger.announced(&file.name);
        let config = self.bench.config.clone();
        if matches!(job, Job::SendByHttps(_)) {
            self.bench.publish_by_https();
        }
        let (run, key) = self.bench.send(&file, inline_limit);
        self.bench.config = config;
        let verdict = run.verdict();
        if verdict.is_success() {
            let arrived = match job {
                Job::SendInline(_) | Job::SendByHttps(_) => self.bench.ledger.announced(&file.name) > before,
                _ => self.bench.ledger.has_object(&key) && self.bench.ledger.announced(&key) > 0,
            };
            assert!(arrived, "a success of which nothing arrived: {run:?}");
        }
        verdict
    }

    #[track_caller]
    fn get(&mut self, length: usize) -> Verdict {
        let file = self.file(length);
        let bucket = self.bench.sandbox.bucket().to_owned();
        let store = self.bench.sandbox.folder().join("s3").join(&bucket);
        let key = self.stored.entry(length).or_insert_with(|| {
            fs::write(store.join(&file.name), &file.content).unwrap();
            file.name.clone()
        });
        let target = self.bench.sandbox.folder().join("fetched.bin");
        let _ = fs::remove_file(&target);
        let mut command = self.bench.command(["get", &format!("s3://{bucket}/{key}")]);
        let run = self.bench.run(command.arg(&target));
        let verdict = run.verdict();
        // Where it is, it is whole.
        match fs::read(&target) {
            Ok(fetched) => assert!(fetched == *file.content && verdict.is_success(), "{run:?}"),
            Err(_) => assert!(!verdict.is_success(), "{run:?}"),
        }
        verdict
    }
}

/// Workers for each processor where a run mostly waits: small files.
const WAITING: usize = 4;
const LARGE_USUAL: usize = 4;
const LARGE_FULL: usize = 10_000;

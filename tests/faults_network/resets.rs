//! Connections that are reset after each byte of what goes over the wire: TLS handshakes, requests, replies.

use crate::support::{Bench, Extent, Random, Server, TestFile, Verdict, in_parallel, report};
use homing_sandbox::{Cut, Direction, LinkFault};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What is done while the connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// The file goes inside a message.
    SendInline(usize),
    /// The file goes to S3, with a message.
    SendByS3(usize),
    /// The object comes from S3.
    Get(usize),
}

impl Job {
    /// Which servers it talks to.
    fn servers(self) -> &'static [Server] {
        match self {
            Self::SendInline(_) => &[Server::Mqtt],
            Self::SendByS3(_) => &Server::ALL,
            Self::Get(_) => &[Server::Credentials, Server::S3],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SendInline(SMALL) => "1 KB inline",
            Self::SendByS3(SMALL) => "1 KB by S3",
            Self::SendByS3(MEDIUM) => "64 KiB + 1 by S3",
            Self::Get(_) => "64 KiB + 1 fetched",
            Self::SendInline(_) | Self::SendByS3(_) => "100 MiB by S3",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Case {
    job: Job,
    server: Server,
    direction: Direction,
    offset: u64,
}

const JOBS: [Job; 4] = [Job::SendInline(SMALL), Job::SendByS3(SMALL), Job::SendByS3(MEDIUM), Job::Get(MEDIUM)];

#[test]
fn a_connection_reset_after_any_byte_is_a_typed_error_or_a_success() {
    let mut random = Random::new();
    let cases = cases(&JOBS, Extent::from_environment(), &mut random);
    let figures = try_all(&cases, 1);
    report("connection reset after each byte", format_args!("{figures}, seed {}", random.seed));
}

#[test]
fn offsets_of_a_large_upload() {
    let mut random = Random::new();
    let extent = Extent::from_environment();
    let count = extent.samples(LARGE_USUAL, LARGE_FULL);
    let cases: Vec<Case> = std::iter::repeat_with(|| {
        // What surrounds the data adds a little: those are the last bytes, and the whole.
        let offset = random.below(LARGE as u64 + LARGE as u64 / 400);
        Case { job: Job::SendByS3(LARGE), server: Server::S3, direction: Direction::ToServer, offset }
    })
    .take(count)
    .collect();
    let figures = try_all(&cases, 1);
    report("connection reset within 100 MiB", format_args!("{figures}, seed {}", random.seed));
}

/// Every byte, or the boundaries with their neighbours and some more.
fn cases(jobs: &[Job], extent: Extent, random: &mut Random) -> Vec<Case> {
    let mut worker = Worker::new();
    let mut cases = Vec::new();
    for job in jobs.iter().copied() {
        worker.bench.heal();
        assert_eq!(worker.attempt(job), Verdict::Success);
        for server in job.servers().iter().copied() {
            let traffic = worker.bench.traffic(server);
            for direction in [Direction::ToServer, Direction::ToClient] {
                let ends = traffic.of(direction);
                // Handshakes differ by some bytes from run to run.
                let last = ends.iter().max().unwrap() + 4;
                let mut offsets: Vec<u64> = match extent {
                    Extent::Everything => (0..=last).collect(),
                    Extent::Samples(_) => {
                        let around = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]);
                        let chance = std::iter::repeat_with(|| random.below(last + 1));
                        around.chain([0, 1, 5]).chain(chance.take(extent.samples(USUAL, 0))).collect()
                    }
                };
                offsets.sort_unstable();
                offsets.dedup();
                cases.extend(offsets.into_iter().map(|offset| Case { job, server, direction, offset }));
            }
        }
    }
    cases
}

fn try_all(cases: &[Case], attempts: u32) -> String {
    let tally: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let tries: Mutex<BTreeMap<&str, usize>> = Mutex::default();
    let longest: Mutex<Duration> = Mutex::default();
    let worker = || {
        let mut worker = Worker::new();
        worker.bench.attempts = attempts;
        worker
    };
    in_parallel(cases, worker, |worker, case| {
        worker.bench.heal();
        let cut = LinkFault { cut: Some((case.direction, case.offset, Cut::Reset)), ..LinkFault::default() };
        worker.bench.link(case.server).set_plan(move |_| cut);
        let began = Instant::now();
        let verdict = worker.attempt(case.job);
        let mut longest = longest.lock().unwrap();
        *longest = longest.max(began.elapsed());
        drop(longest);
        if let Verdict::Failure { retryable, .. } = &verdict {
            assert!(retryable, "a connection that is reset may be whole the next time: {verdict:?}, {case:?}");
        }
        *tally.lock().unwrap().entry(verdict.code().to_owned()).or_default() += 1;
        *tries.lock().unwrap().entry(case.job.name()).or_default() += 1;
    });
    let mut figures = format!("{} resets", cases.len());
    for (name, count) in tries.into_inner().unwrap() {
        let _ = write!(figures, "; {name}: {count}");
    }
    figures += " | ended with";
    for (code, count) in tally.into_inner().unwrap() {
        let _ = write!(figures, " {code}: {count}");
    }
    let longest = longest.into_inner().unwrap().as_secs_f64();
    figures
        + &format!(" | wrong objects named: 0, panics: 0, over the deadline of 30 s: 0 (longest run {longest:.1} s)")
}

/// A bench with the files of all jobs.
struct Worker {
    bench: Bench,
    files: BTreeMap<usize, TestFile>,
    stored: BTreeMap<usize, String>,
}

impl Worker {
    fn new() -> Self {
        Self { bench: Bench::new(), files: BTreeMap::new(), stored: BTreeMap::new() }
    }

    fn file(&mut self, length: usize) -> TestFile {
        let make = || self.bench.file(&format!("file-{length}.bin"), length);
        self.files.entry(length).or_insert_with(make).clone()
    }

    /// Does the job once, and checks that what is there afterwards is what is claimed.
    #[track_caller]
    fn attempt(&mut self, job: Job) -> Verdict {
        let (inline_limit, length) = match job {
            Job::SendInline(length) => (51_200, length),
            Job::SendByS3(length) => (0, length),
            Job::Get(length) => return self.get(length),
        };
        let file = self.file(length);
        let before = self.bench.ledger.announced(&file.name);
        let (run, key) = self.bench.send(&file, inline_limit);
        let verdict = run.verdict();
        if verdict.is_success() {
            let arrived = match job {
                Job::SendInline(_) => self.bench.ledger.announced(&file.name) > before,
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
            Ok(fetched) => assert!(fetched == file.content && verdict.is_success(), "{run:?}"),
            Err(_) => assert!(!verdict.is_success(), "{run:?}"),
        }
        verdict
    }
}

const SMALL: usize = 1024;
const MEDIUM: usize = 64 * 1024 + 1;
const LARGE: usize = 100 * 1024 * 1024;
/// Samples of each server and direction of each job: with the boundaries about 350 in all, 20 seconds of two busy cores.
const USUAL: usize = 8;
const LARGE_USUAL: usize = 4;
const LARGE_FULL: usize = 10_000;

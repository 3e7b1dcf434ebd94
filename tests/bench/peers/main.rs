//! The benchmark: see tests/bench/run, which installs what this needs and starts it.
#![forbid(unsafe_code)]

mod contenders;
mod machine;
mod plan;
mod runs;
mod s3_server;
mod scene;
mod support;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{fs, io};

use homing_bench::results::{Contender, DELAY_MS, Job, MEDIUM, Results, Series};
use homing_bench::{goals, page, picture};
use plan::Plan;
use runs::{Runner, Way};
use scene::{Sample, Scene};
use support::{mosquitto, nginx};

fn main() -> ExitCode {
    let plan = match Plan::read() {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("bench: {error}");
            return ExitCode::from(64);
        }
    };
    let outcome = if plan.render { render() } else { run(&plan) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> io::Result<()> {
    let start = Instant::now();
    let needed = plan.contenders.iter().flat_map(|contender| contenders::programs(contender));
    let missing: Vec<&str> = mosquitto::PROGRAMS
        .iter()
        .chain(nginx::PROGRAMS)
        .chain(needed)
        .copied()
        .filter(|program| contenders::find(program).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(io::Error::other(format!("missing: {}; tests/setup installs them", missing.join(", "))));
    }

    let mut results = Results {
        machine: machine::describe(&plan.homing, &plan.contenders),
        installed_bytes: machine::installed(&plan.homing, &plan.contenders)?,
        ..Results::default()
    };
    let mut scene = Scene::start()?;
    let mut runner = Runner { scene: &mut scene, homing: plan.homing.clone(), verified: 0, failed: 0 };
    results.memory_floor_bytes = runner.memory_floor()?;
    for bytes in &plan.sizes {
        let file = runner.scene.file(*bytes)?;
        let all = plan.contenders_of(*bytes);
        if *bytes <= MEDIUM {
            for contender in all.iter().filter(|contender| contender.job != Job::Limit) {
                if contender.name == "homing-send-cached" {
                    // The one that fetches what the next finds.
                    runner.counted(contender, &file)?;
                }
                let count = runner.counted(contender, &file)?;
                if plan.quick {
                    assert_count(contender, &count)?;
                }
                results.counts.push(count);
            }
        }
        let rounds = plan.rounds_of(*bytes);
        results.series.extend(measure(&mut runner, &all, &file, Way::Direct, rounds)?);
        if plan.delayed && *bytes == MEDIUM {
            let all: Vec<_> = all.iter().copied().filter(|contender| contender.job == Job::Deliver).collect();
            results.series.extend(measure(&mut runner, &all, &file, Way::Delayed, rounds.div_ceil(2))?);
        }
        fs::remove_file(&file.path)?;
    }
    results.verified_deliveries = runner.verified;
    results.failed_runs = runner.failed;

    if plan.quick && results.failed_runs > 0 {
        return Err(io::Error::other("a run failed, see above"));
    }
    println!("{}", page::page(&results));
    for goal in goals::goals(&results) {
        eprintln!("{}", page::goal(&goal));
    }
    eprintln!("{} deliveries, each of them verified, in {} s", results.verified_deliveries, start.elapsed().as_secs());
    if plan.complete {
        write(&results)?;
    } else {
        eprintln!("nothing is written: that takes all contenders and all files");
    }
    Ok(())
}

/// Every contender once a round, beginning with another one each time.
fn measure(
    runner: &mut Runner<'_>,
    contenders: &[&'static Contender],
    file: &Sample,
    way: Way,
    rounds: usize,
) -> io::Result<Vec<Series>> {
    let mut all: Vec<Series> = contenders
        .iter()
        .map(|contender| Series {
            contender: contender.name.to_owned(),
            file_bytes: file.bytes,
            delay_ms: if way == Way::Delayed { DELAY_MS } else { 0 },
            samples: Vec::new(),
        })
        .collect();
    // The first run finds parts of the program not yet in the page cache.
    if way == Way::Direct && file.bytes <= MEDIUM {
        for contender in contenders {
            runner.timed(contender, file, way)?;
        }
    }
    for round in 0..rounds {
        eprint!("\r{} bytes, {way:?}: round {} of {rounds} ", file.bytes, round + 1);
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            all[index].samples.push(runner.timed_twice(contenders[index], file, way)?);
        }
    }
    eprintln!();
    Ok(all)
}

/// What a run without figures can say: that the counts are what they were when the figures were made.
fn assert_count(contender: &Contender, count: &homing_bench::results::Count) -> io::Result<()> {
    let is_inline = count.file_bytes <= contenders::INLINE_LIMIT;
    let expected = match (contender.job, contender.name) {
        (Job::Limit, _) => return Ok(()),
        (Job::Deliver, _) if is_inline => 1,
        (Job::Deliver, "homing-send-cached") => 2,
        (Job::Deliver, _) => 3,
        (Job::Upload, "homing-put" | "homing-put-unsigned") => 1,
        (Job::Upload, _) => count.handshakes.max(1),
    };
    let is_alone = !contender.name.starts_with("homing") || count.tasks.processes == 1;
    if count.handshakes != expected || count.connections != count.handshakes || !is_alone {
        return Err(io::Error::other(format!("{expected} handshakes were expected of one process: {count:?}")));
    }
    Ok(())
}

fn render() -> io::Result<()> {
    let json = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("results.json"))?;
    write(&serde_json::from_slice(&json)?)
}

fn write(results: &Results) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::write(folder.join("results.json"), page::json(results)?)?;
    fs::write(folder.join("RESULTS.md"), page::page(results))?;
    fs::write(folder.join("results.svg"), picture::draw(results))?;
    let readme = folder.join("../../README.md");
    let text = fs::read_to_string(&readme)?;
    match page::with_short_form(&text, results) {
        Some(text) => fs::write(readme, text),
        None => Err(io::Error::other("README.md has lost the two comments that its table stands between")),
    }
}

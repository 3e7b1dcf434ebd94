//! The page, the table in the README, and `results.json`.

use std::fmt::Write as _;

use crate::goals::{self, Goal};
use crate::results::{CONTENDERS, Contender, DELAY_MS, HUGE, Job, LARGE, MEDIUM, Results, SMALL, Series, contender};
use crate::statistics::{Spread, ratio};

/// The results as they are kept.
///
/// # Errors
/// Never in practice: there is nothing in them that JSON does not know.
pub fn json(results: &Results) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(results)? + "\n")
}

/// `RESULTS.md`.
pub fn page(results: &Results) -> String {
    let mut page = String::from(HEAD);
    // Writing to a String cannot fail, here and below.
    let machine = &results.machine;
    let _ = writeln!(
        page,
        "On {} ({} cores), {}, Linux {}. {} deliveries, of each of which the SHA-256 of what had arrived was compared; {} runs \
         failed and were made again.\n",
        machine.processor,
        machine.cores,
        machine.system,
        machine.kernel,
        results.verified_deliveries,
        results.failed_runs
    );
    let versions: Vec<String> = machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(page, "Versions: {}.\n", versions.join(", "));

    page.push_str("## Goals\n\n| what | at most | measured | |\n| --- | ---: | ---: | --- |\n");
    for goal in goals::goals(results) {
        let figure = goal.figure.map_or("–".to_owned(), |figure| format!("{figure:.2}"));
        let reason = goal.in_the_way().map_or(String::new(), |reason| format!("; in the way: {reason}"));
        let _ = writeln!(page, "| {} | {:.2} | {figure} | {}{reason} |", goal.text, goal.limit, goal.verdict());
    }

    page.push_str("\n## Credentials, upload and message\n\n");
    page.push_str(DELIVER);
    for bytes in [SMALL, MEDIUM, LARGE, HUGE] {
        times(&mut page, results, Job::Deliver, bytes, 0, "homing-send");
    }
    times(&mut page, results, Job::Deliver, MEDIUM, DELAY_MS, "homing-send");
    page.push_str("\n## Upload alone\n\n");
    page.push_str(UPLOAD);
    for bytes in [SMALL, MEDIUM, LARGE, HUGE] {
        times(&mut page, results, Job::Upload, bytes, 0, "homing-put");
    }
    page.push_str("\n## The least work that an upload can be\n\n");
    page.push_str(LIMIT);
    for bytes in [LARGE, HUGE] {
        limits(&mut page, results, bytes);
    }

    page.push_str("\n## Network and processes\n\n");
    page.push_str(COUNTS);
    for bytes in [SMALL, MEDIUM] {
        counts(&mut page, results, bytes);
    }
    page.push_str("\n## Installed\n\n");
    page.push_str(INSTALLED);
    page.push_str("| | bytes | |\n| --- | ---: | ---: |\n");
    let own = results.installed_bytes.get("homing-send").copied();
    for known in &CONTENDERS {
        let Some(bytes) = results.installed_bytes.get(known.name) else { continue };
        // It is one program, whatever it is called with.
        if known.name.starts_with("homing") && known.name != "homing-send" {
            continue;
        }
        let title = if known.name == "homing-send" { "homing" } else { known.title };
        let _ = writeln!(
            page,
            "| {title} | {} | {} |",
            megabytes(*bytes as f64),
            times_of(own.map(|own| *bytes as f64 / own as f64))
        );
    }
    page.push_str(FAIRNESS);
    let _ = writeln!(
        page,
        "- Peaks of memory are the kernel's (`getrusage`) of the largest process. It begins with its parent's, so that nobody is \
         below {}, what `true` is said to take.",
        megabytes(results.memory_floor_bytes as f64)
    );
    page
}

/// A goal in one line.
pub fn goal(goal: &Goal) -> String {
    let figure = goal.figure.map_or("–".to_owned(), |figure| format!("{figure:.3}"));
    format!("{:<12} {figure} (at most {:.2}): {}", goal.verdict(), goal.limit, goal.text)
}

/// The README with its table anew; `None` where the README has no place for it.
pub fn with_short_form(readme: &str, results: &Results) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}{END}{after}", short_form(results)))
}

/// The table of the README.
pub fn short_form(results: &Results) -> String {
    let mut table = String::from(
        "\n| credentials, upload of 1 MiB, message | wall | with 50 ms each way | processor | memory | installed | processes |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for known in CONTENDERS.iter().filter(|known| known.job == Job::Deliver && known.name != "homing-send-cached") {
        let Some(series) = results.series(known.name, MEDIUM, 0) else { continue };
        let delayed = results.series(known.name, MEDIUM, DELAY_MS).and_then(Series::wall);
        let processes = results.count(known.name, MEDIUM).map(|count| count.tasks.processes.to_string());
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} |",
            known.title,
            median(series.wall(), seconds),
            median(delayed, seconds),
            median(series.cpu(), seconds),
            median(series.peak(), megabytes),
            results.installed_bytes.get(known.name).map_or("–".to_owned(), |bytes| megabytes(*bytes as f64)),
            processes.unwrap_or_else(|| "–".to_owned()),
        );
    }
    table.push_str(
        "\n| upload alone | 1 MiB: wall | processor | 1 GiB: processor | memory | installed |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for known in CONTENDERS.iter().filter(|known| known.job == Job::Upload) {
        let Some(series) = results.series(known.name, MEDIUM, 0) else { continue };
        let huge = results.series(known.name, HUGE, 0);
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            known.title,
            median(series.wall(), seconds),
            median(series.cpu(), seconds),
            median(huge.and_then(Series::cpu), seconds),
            median(huge.and_then(Series::peak), megabytes),
            results.installed_bytes.get(known.name).map_or("–".to_owned(), |bytes| megabytes(*bytes as f64)),
        );
    }
    let all = goals::goals(results);
    let met = all.iter().filter(|goal| goal.met() == Some(true)).count();
    let _ = writeln!(table, "\n{met} of {} goals are met.", all.len());
    for (goal, reason) in all.iter().filter_map(|goal| Some((goal, goal.in_the_way()?))) {
        let figure = goal.figure.unwrap_or_default();
        let _ = write!(table, "\n- {}: {figure:.2}, and not {:.2}. In the way: {reason}.", goal.text, goal.limit);
    }
    table.push_str(
        "\n\nThe limit is the least work that an upload can be: each byte read, hashed, encrypted and copied once. \
         `tests/bench/RESULTS.md` has all goals, every size, spreads, and how it was measured (one x86-64 machine, real servers \
         over TLS on loopback).\n",
    );
    table
}

fn times(page: &mut String, results: &Results, job: Job, bytes: u64, delay_ms: u64, own: &str) {
    let all: Vec<(&Contender, &Series)> = CONTENDERS
        .iter()
        .filter(|known| known.job == job)
        .filter_map(|known| Some((known, results.series(known.name, bytes, delay_ms)?)))
        .collect();
    let Some((_, first)) = all.first() else { return };
    let own = results.series(own, bytes, delay_ms);
    let late = if delay_ms > 0 { format!(", every byte {delay_ms} ms late each way") } else { String::new() };
    let _ = writeln!(page, "### {}{late}\n\n{} rounds.\n", size(bytes), first.samples.len());
    page.push_str("| | wall | | processor | | memory | |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (known, series) in all {
        let compared = |quantity: fn(&Series) -> Option<Spread>| {
            times_of(own.and_then(quantity).zip(quantity(series)).and_then(|(own, other)| ratio(other, own)))
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            known.title,
            with_spread(series.wall(), seconds),
            compared(Series::wall),
            with_spread(series.cpu(), seconds),
            compared(Series::cpu),
            with_spread(series.peak(), megabytes),
            compared(Series::peak),
        );
    }
    page.push('\n');
}

fn limits(page: &mut String, results: &Results, bytes: u64) {
    let names = ["homing-put", "homing-put-whole", "homing-put-unsigned"].into_iter().filter_map(contender);
    let all: Vec<(&Contender, &Series)> = CONTENDERS
        .iter()
        .filter(|known| known.job == Job::Limit)
        .chain(names)
        .filter_map(|known| Some((known, results.series(known.name, bytes, 0)?)))
        .collect();
    if all.is_empty() {
        return;
    }
    let of = |name: &str| results.series(name, bytes, 0).and_then(Series::cpu);
    let (signed, unsigned) = (of("limit-signed"), of("limit-unsigned"));
    let _ = writeln!(page, "### {}\n", size(bytes));
    page.push_str("| | processor | of it outside the kernel | of the first | of the second |\n| --- | ---: | ---: | ---: | ---: |\n");
    for (known, series) in all {
        let cpu = series.cpu();
        let share = |limit: Option<Spread>| {
            cpu.zip(limit)
                .and_then(|(cpu, limit)| ratio(cpu, limit))
                .map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            known.title,
            with_spread(cpu, seconds),
            median(series.user(), seconds),
            share(signed),
            share(unsigned)
        );
    }
    page.push('\n');
}

fn counts(page: &mut String, results: &Results, bytes: u64) {
    let mut is_first = true;
    for known in &CONTENDERS {
        let Some(count) = results.count(known.name, bytes) else { continue };
        if std::mem::take(&mut is_first) {
            let _ = writeln!(page, "### {}\n", size(bytes));
            page.push_str("| | processes | further threads | TLS handshakes | resumed | round trips | S3's cipher |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
        }
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            known.title,
            count.tasks.processes,
            count.tasks.threads,
            count.handshakes,
            count.resumed,
            count.round_trips,
            count.ciphers.get("S3").map_or("–", String::as_str),
        );
    }
    page.push('\n');
}

fn median(spread: Option<Spread>, form: fn(f64) -> String) -> String {
    spread.map_or("–".to_owned(), |spread| form(spread.median))
}

fn with_spread(spread: Option<Spread>, form: fn(f64) -> String) -> String {
    let Some(spread) = spread else { return "–".to_owned() };
    let (median, least, most) = (form(spread.median), form(spread.least), form(spread.most));
    let unit = median.split_once(' ').map_or("", |(_, unit)| unit);
    let bare = |text: &str| text.strip_suffix(unit).unwrap_or(text).trim_end().to_owned();
    if least == most { median } else { format!("{median} ({}–{})", bare(&least), bare(&most)) }
}

/// How many times as much as homing.
fn times_of(ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) if ratio >= 9.95 => format!("{ratio:.0} ×"),
        Some(ratio) => format!("{ratio:.1} ×"),
        None => "–".to_owned(),
    }
}

/// Three digits that mean something.
fn seconds(seconds: f64) -> String {
    let decimals = if seconds < 0.1 {
        4
    } else if seconds < 1.0 {
        3
    } else if seconds < 10.0 {
        2
    } else {
        1
    };
    format!("{seconds:.decimals$} s")
}

pub(crate) fn megabytes(bytes: f64) -> String {
    let megabytes = bytes / 1e6;
    if megabytes < 10.0 { format!("{megabytes:.1} MB") } else { format!("{megabytes:.0} MB") }
}

fn size(bytes: u64) -> &'static str {
    match bytes {
        SMALL => "5 KB, inside the message where there is one",
        MEDIUM => "1 MiB",
        LARGE => "100 MiB",
        HUGE => "1 GiB",
        _ => "another size",
    }
}

/// What the README's table stands between.
pub const BEGIN: &str = "<!-- tests/bench/run writes from here -->";
/// Its end.
pub const END: &str = "<!-- tests/bench/run writes to here -->";

const HEAD: &str = "# homing beside what devices use today\n\n\
Written by `tests/bench/run`, which installs the others, measures all of them in turn in one run, and takes about ten \
minutes. `results.json` has every single run.\n\n![homing beside the others](results.svg)\n\n";
const DELIVER: &str = "The whole job of a device that has nothing but its certificate: fetch temporary credentials with it, \
upload the file, publish a message that names it. 5 KB travel inside the message. The figures are medians, in parentheses \
the least and the most; the columns behind them are multiples of homing's. `processor` is user and system time of all \
processes, `memory` the peak of what is resident of the largest single process.\n\n";
const UPLOAD: &str = "Everybody is given the same credentials, in the environment; nobody fetches any.\n\n";
const LIMIT: &str = "What a signed upload cannot do without: read each byte from the page cache, hash it (SHA-256), encrypt \
it (AES-128-GCM, in records of 16 KiB), copy it once. Unsigned with trailer, a CRC is in the place of the hash. Done by a \
program that does nothing else, with the code that homing does it with (ring, crc32fast). The last two \
write into a TCP connection on loopback in place of the copy: what the kernel takes for sending is more than a copy, and \
homing pays that too. `homing` hashes and encrypts in the thread that sends, while the kernel sends what it was given before: \
compare processor and wall time of the put in one request, most of which is waiting for the server, with nothing left that a \
second thread could do meanwhile.\n\n";
const COUNTS: &str = "One run through proxies that count. A round trip is an opened TCP connection, or an answer that the \
other side gave; those of connections that are open side by side count each for themselves.\n\n";
const INSTALLED: &str = "On this machine's architecture, beyond a bare Debian: packages with all that they depend on, \
distributions from PyPI with all that they require. Of s5cmd its one program; homing is one program that needs nothing.\n\n";
const FAIRNESS: &str = "\n## How it is measured\n\n\
- The program is the one that ships: `cross/build pc`, optimized for size.\n\
- One machine, the same servers for all: s3s-fs behind TLS for S3, Eclipse Mosquitto for MQTT, nginx with a fixed answer \
as credential provider; real implementations, none of them ours. S3 takes TLS 1.3 with AES-128-GCM from all of them.\n\
- In turn: in each round everybody delivers once, and each round begins with another. Before the first round everybody runs \
once unmeasured. Files are of random bytes and in memory, so is what S3 stores, and what `homing` notes of each part \
that S3 has confirmed, so that an interrupted upload can go on (nobody else does): no disk is measured.\n\
- Everybody has their own defaults: `homing` one connection at a time to S3; boto3 and the AWS CLI 10 parts of 8 MiB at \
once, rclone 4 of 5 MiB from 200 MiB on, s5cmd 5 of 50 MiB; curl and `homing` up to 100 MiB one request. curl signs without a hash of the body. s3s-fs joins the parts of an object when it \
is complete, two fifths of homing's wall time at 1 GiB: hence the line in one request.\n\
- `homing send` fetches credentials in each run (`--no-cache`), as the scripts do; the line with kept credentials is what a \
cron job pays from its second run on.\n\
- The servers share the processors with the clients: wall time at 100 MiB and 1 GiB is as much the server's as the \
client's. Processor time and memory are the client's alone.\n\
- The scripts are in `tests/bench/device`; the Python one imports boto3 only where it uploads.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (figure, text) in [(0.01234, "0.0123 s"), (0.1834, "0.183 s"), (1.834, "1.83 s"), (12.34, "12.3 s")] {
            assert_eq!(seconds(figure), text);
        }
        assert_eq!((megabytes(1_949_416.0), megabytes(107_000_000.0)), ("1.9 MB".to_owned(), "107 MB".to_owned()));
        let spread = Spread { median: 0.5, least: 0.25, most: 2.0 };
        assert_eq!(with_spread(Some(spread), seconds), "0.500 s (0.250–2.00)");
    }

    #[test]
    fn the_readmes_table_replaces_what_was_there_and_nothing_else() {
        let readme = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let results = Results::default();
        let new = with_short_form(&readme, &results).unwrap();
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n") && !new.contains("old"));
        assert_eq!(with_short_form(&new, &results), Some(new));
        assert_eq!(with_short_form("no place", &results), None);
    }
}

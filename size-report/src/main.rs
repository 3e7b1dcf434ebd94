//! Measures what homing costs a device, and writes `size-report/REPORT.md` with its picture.
//!
//! ```text
//! cargo run -p size-report                 measure, and write the report
//! cargo run -p size-report -- --check      measure, and fail when a budget is broken; write nothing
//! cargo run -p size-report -- --build …    build the boards first, with cross/build
//! ```
//!
//! Boards that have not been built (`cross/build all`) are an error: a report with holes compares with nothing.
#![forbid(unsafe_code)]

mod binary;
mod boards;
mod memory;
mod picture;
mod report;

use report::Report;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("size-report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = arguments.iter().find(|argument| !["--check", "--build"].contains(&argument.as_str())) {
        return Err(io::Error::other(format!("unknown argument {unknown}; there are --check and --build")));
    }
    let is = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let boards = boards::read_all(repository)?;
    if is("--build") {
        succeed(Command::new(repository.join("cross/build")).arg("all"), "cross/build")?;
    }

    let target = target_folder(repository)?;
    let mut report = Report { crates: crates(repository)?, ..Report::default() };
    for board in &boards {
        let folder = target.join("boards").join(&board.name);
        let measured = binary::measure(&folder.join("homing"), &folder.join("homing.unstripped"))
            .map_err(|error| io::Error::other(format!("{}: {error}; build it with cross/build all", board.name)))?;
        report.boards.insert(board.name.clone(), measured);
    }
    succeed(
        cargo(repository).args(["build", "--release", "--locked", "--package", "homing-counted"]),
        "building homing-counted",
    )?;
    let homing = target.join("boards").join(NATIVE_BOARD).join("homing");
    report.runs = memory::measure(&homing, &target.join("release/homing-counted"), &FILE_SIZES)?;

    let broken = report::broken_budgets(&report, &boards);
    let page = report::page(&report, last_committed(repository).as_ref(), &boards);
    println!("{page}");
    for what in &broken {
        eprintln!("BUDGET BROKEN: {what}");
    }
    if !is("--check") {
        let folder = repository.join("size-report");
        fs::write(folder.join("REPORT.md"), page)?;
        fs::write(folder.join("report.svg"), picture::draw(&report, &boards))?;
        fs::write(folder.join("report.json"), serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(broken.is_empty())
}

/// The report as git has it; `None` before the first.
fn last_committed(repository: &Path) -> Option<Report> {
    let output =
        Command::new("git").arg("-C").arg(repository).args(["show", "HEAD:size-report/report.json"]).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// How many crates make up the program on a device.
fn crates(repository: &Path) -> io::Result<usize> {
    let output = cargo(repository)
        .args(["tree", "--package", "homing", "--edges", "normal,no-proc-macro", "--prefix", "none", "--locked"])
        .args(["--target", "armv7-unknown-linux-musleabihf", "--format", "{p}"])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A crate that stands in several places is marked from the second on.
    let names: std::collections::BTreeSet<&str> =
        text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    Ok(names.len())
}

fn target_folder(repository: &Path) -> io::Result<PathBuf> {
    let output = cargo(repository).args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("cargo metadata says nothing"))
}

fn cargo(repository: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository);
    command
}

fn succeed(command: &mut Command, what: &str) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{what} failed: {status}"))) }
}

/// The board that this machine runs without an emulator, whose memory would be the emulator's.
const NATIVE_BOARD: &str = "pc";
/// Inside a message; through S3, small and large.
const FILE_SIZES: [u64; 3] = [1024, 1024 * 1024, 100 * 1024 * 1024];

//! Every command of the README and of its reference is run as written: their `sh` blocks in their order, in one shell, as a
//! reader would.
//!
//! AWS itself is moto here; the sandbox is the one of the README. What the blocks leave behind goes into a folder of
//! this test's own, in which the repository appears to be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod aws;
mod blocks;
mod cloud;
mod device;
mod images;
mod terraform;
mod units;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws::Account;
use blocks::blocks;
use support::packages;

#[test]
fn every_command_runs_as_written() {
    if !packages::available("readme", &["moto_server", "aws", "bash", "cargo"]) {
        return;
    }
    let pages = readme_and_reference();
    let mut script = String::from("trap 'kill $(jobs -p)' EXIT\n");
    let mut count = 0;
    for block in blocks(&pages).iter().filter(|block| block.is_run() && block.info != "sh device") {
        count += 1;
        // What stays in the first terminal, until it is ready for the second.
        if block.info == "sh background" {
            let wait = "until [ -e sandbox/config.json ]; do kill -0 $!; sleep 0.1; done";
            script += &format!("{} > background.log &\n{wait}\n", block.text.trim_end());
        } else {
            script += &block.text;
        }
    }
    assert!(count >= 6, "the README has lost its commands");

    let account = Account::start("readme");
    let (success, said) = account.run(&script);
    assert!(success, "{said}");
    assert!(said.contains("mqtt file/upload {\"type\":\"file_content\",\"content\":\""), "{said}");
    assert!(said.contains("s3 sandbox-bucket/sandbox-thing/photo.jpg 1000000 "), "{said}");
    assert!(said.contains("mqtt file/upload {\"type\":\"s3_url\",\"url\":\"https://localhost:"), "{said}");
    assert!(said.contains("second.jpg: queued, not delivered yet") && said.contains("exit code 75\n"), "{said}");
    assert!(
        said.contains("photo.jpg: would be delivered, 1000000 bytes to s3://my-camera-files/camera-1/photo.jpg"),
        "{said}"
    );
    let key = account.directory.join("private.pem.key");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

/// The README, and the page that it leaves the details to.
fn readme_and_reference() -> String {
    let read = |page| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    ["README.md", "boards/REFERENCE.md"].map(read).join("\n")
}

/// A block that is not run says why, or which other suite runs it, in a comment that the reader does not see.
#[test]
fn every_block_is_run_or_says_why_not() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    let mut pages = vec![boards.join("../README.md")];
    for entry in fs::read_dir(&boards).unwrap() {
        let path = entry.unwrap().path();
        let page = if path.is_dir() { path.join("README.md") } else { path };
        if page.is_file() && page.extension().is_some_and(|extension| extension == "md") {
            pages.push(page);
        }
    }
    assert!(pages.len() >= 13, "{pages:?}");
    for page in pages {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            let reason = block.note.contains("not run: ") || block.note.contains("run by ");
            match &*block.info {
                "sh" | "sh background" | "sh device" | "crontab" | "cron.d" | "hcl" => {}
                // What a command prints, or a file has in it.
                "console" | "json" => {}
                "text" | "ini" | "inittab" => assert!(reason, "{}: why is it not run?\n{}", page.display(), block.text),
                other => panic!("{}: nobody runs {other}", page.display()),
            }
        }
    }
}

/// The test command itself cannot be run by a test; that it is there, and is what CI runs, can be looked at.
#[test]
fn the_test_command_is_the_one_that_ci_runs() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(repository.join("README.md")).unwrap();
    assert!(readme.contains("```text\ntests/run\n```"));
    assert!(fs::read_to_string(repository.join(".ci/run")).unwrap().contains("\nCI=true tests/run\n"));
}

/// What the README shows of options and exit codes is what the program knows.
#[test]
fn commands_and_exit_codes_are_those_of_the_program() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for command in homing::cli::commands::COMMANDS {
        assert!(readme.contains(&format!("| `homing {}", command.name)), "{}", command.name);
    }
    use homing::error::Fault;
    for fault in [
        Fault::Usage,
        Fault::Config,
        Fault::Data,
        Fault::NoInput,
        Fault::CannotCreate,
        Fault::Io,
        Fault::Refused,
        Fault::Unavailable,
        Fault::Temporary,
    ] {
        assert!(readme.contains(&format!("\n| {} | ", fault.exit_code())), "{fault:?}");
    }
}

/// The README's table of sizes is the report's.
#[test]
fn sizes_are_those_of_the_report() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(repository.join("README.md")).unwrap();
    let report = fs::read_to_string(repository.join("size-report/REPORT.md")).unwrap();
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `p") && line.contains(" % of ")).collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert!(report.contains(row), "{row}");
    }
}

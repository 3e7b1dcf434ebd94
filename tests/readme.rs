//! Every command of the README is run as written: its `sh` blocks in their order, in one shell, as a reader would.
//!
//! AWS itself is moto here; the sandbox is the one of the README. What the blocks leave behind goes into a folder of
//! this test's own, in which the repository appears to be.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use support::directory::Directory;
use support::packages;
use support::process::{Server, free_port};

#[test]
fn every_command_runs_as_written() {
    if !packages::available("readme", &["moto_server", "aws", "bash", "cargo"]) {
        return;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(repository.join("README.md")).unwrap();
    let blocks = shell_blocks(&readme);
    assert!(blocks.len() >= 5, "the README has lost its commands");

    let directory = Directory::new("readme");
    for entry in [".cargo", "Cargo.toml", "Cargo.lock", "README.md", "src", "tests", "size-report"] {
        symlink(repository.join(entry), directory.join(entry)).unwrap();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    symlink(target, directory.join("target")).unwrap();

    let port = free_port();
    let mut moto =
        Server::start(directory.path(), "moto", "moto_server", ["-H", "127.0.0.1", "-p", &port.to_string()], &[]);
    moto.wait_for_port("127.0.0.1", port);
    // Only `aws` is to see moto: homing refuses endpoints without TLS.
    let programs = directory.join("bin");
    fs::create_dir(&programs).unwrap();
    let aws = format!(
        "#!/bin/sh\nAWS_ENDPOINT_URL=http://127.0.0.1:{port} AWS_ACCESS_KEY_ID=reader AWS_SECRET_ACCESS_KEY=secret AWS_PAGER= exec {} \"$@\"\n",
        packages::find("aws").unwrap().display()
    );
    fs::write(programs.join("aws"), aws).unwrap();
    fs::set_permissions(programs.join("aws"), fs::Permissions::from_mode(0o755)).unwrap();

    let script = format!("set -eux\n{}", blocks.join("\n"));
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(directory.path());
    shell.env("PATH", format!("{}:{path}", programs.display())).env("CARGO_TARGET_DIR", target);
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.starts_with("HOMING_") {
            shell.env_remove(name);
        }
    }
    let output = shell.output().unwrap();
    let (said, trace) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{said}\n{trace}\n{}", output.status, moto.log());

    assert!(said.contains("mqtt file/upload {\"type\":\"file_content\",\"content\":\""), "{said}");
    assert!(said.contains("s3 sandbox-bucket/sandbox-thing/photo.jpg 1000000 "), "{said}");
    assert!(said.contains("mqtt file/upload {\"type\":\"s3_url\",\"url\":\"https://localhost:"), "{said}");
    assert!(
        said.contains("photo.jpg: would be delivered, 1000000 bytes to s3://my-camera-files/camera-1/photo.jpg"),
        "{said}"
    );
    let mode = fs::metadata(directory.join("private.pem.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
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

fn shell_blocks(readme: &str) -> Vec<&str> {
    readme.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

//! The rule for missing packages: a loud line and a skipped suite on a person's machine, a failure in CI.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Whether everything that `suite` needs is installed. `programs` are commands; `boto` stands for the Python
/// environment that tests/setup makes. Where something is missing this says so on the terminal itself (cargo hides what a
/// passing test prints) and gives false; in CI it fails the test.
pub(crate) fn available(suite: &str, programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|name| find(name).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    skip(suite, &format!("{} is missing; run tests/setup", missing.join(", ")));
    false
}

/// Says loudly that `suite` is skipped and why; in CI, fails instead.
pub(crate) fn skip(suite: &str, reason: &str) {
    assert!(!in_ci(), "suite {suite} cannot run: {reason}; nothing may be skipped in CI");
    let _ = writeln!(std::io::stderr(), "SKIPPED: suite {suite}: {reason}");
}

/// The full path of a command. Servers are in /usr/sbin, which is not on every user's PATH; moto_server, the tools for
/// Python packages and the Python that has boto3 are in the environment that tests/setup makes.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let elsewhere = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    // Another moto on PATH may be of another version, with other ideas of authentication.
    let from_python = [BOTO, "moto_server", "pip", "pypi-server", "twine", "uv"].contains(&name);
    python_environments()
        .filter(|_| from_python)
        .chain(elsewhere.filter(|_| !from_python))
        .map(|folder| folder.join(if name == BOTO { "python3" } else { name }))
        .find(|candidate| candidate.is_file())
}

/// Stands for the Python interpreter that has boto3.
pub(crate) const BOTO: &str = "boto3";

fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !value.is_empty() && value != "0" && value != "false")
}

/// Where tests/setup puts its virtual environment: the target folder, wherever that is.
fn python_environments() -> impl Iterator<Item = PathBuf> {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .ancestors()
        .take(3)
        .map(|folder| folder.join("test-python"))
        .chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-python")])
        .filter(|folder| folder.join("installed").is_file())
        .map(|folder| folder.join("bin"))
}

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
/// Python packages and the Python that has boto3 are in the environment that tests/setup makes. For [`NODE_SDK`] and
/// [`HCL`], the folder of their packages.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    if let Some(package) =
        [(NODE_SDK, "@aws-sdk"), (HCL, "@cdktf")].iter().find(|known| known.0 == name).map(|known| known.1)
    {
        return environments("test-node")
            .map(|folder| folder.join("node_modules"))
            .find(|folder| folder.join(package).is_dir());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let elsewhere = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    // Another moto on PATH may be of another version, with other ideas of authentication.
    let from_python = [BOTO, AWS_CLI, "cfn-lint", "moto_server", "pip", "pypi-server", "twine", "uv"].contains(&name);
    environments("test-python")
        .filter(|_| from_python)
        .map(|folder| folder.join("bin"))
        .chain(elsewhere.filter(|_| !from_python))
        .map(|folder| {
            folder.join(match name {
                BOTO => "python3",
                AWS_CLI => "aws",
                name => name,
            })
        })
        .find(|candidate| candidate.is_file())
}

/// Stands for the Python interpreter that has boto3.
pub(crate) const BOTO: &str = "boto3";
/// Stands for the AWS CLI v1 that is installed beside it.
pub(crate) const AWS_CLI: &str = "the AWS CLI v1";
/// Stands for the AWS SDK for JavaScript, for Node.js.
pub(crate) const NODE_SDK: &str = "the AWS SDK for JavaScript";
/// Stands for HashiCorp's parser and formatter of Terraform's language, for Node.js.
pub(crate) const HCL: &str = "the HCL parser";

fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !value.is_empty() && value != "0" && value != "false")
}

/// Where tests/setup puts what is not Debian's: the target folder, wherever that is.
fn environments(name: &str) -> impl Iterator<Item = PathBuf> {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .ancestors()
        .take(3)
        .map(Path::to_owned)
        .chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("target")])
        .map(move |folder| folder.join(name))
        .filter(|folder| folder.join("installed").is_file())
}

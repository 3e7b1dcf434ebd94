//! A shell in a folder of its own, in which the repository appears to be and `aws` is the AWS CLI with moto for AWS.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::directory::Directory;
use crate::support::packages;
use crate::support::process::{Server, free_port};

/// An AWS account of moto's, and the folder and shell of somebody who sets it up.
pub(crate) struct Account {
    /// Where the shell is; what the blocks leave behind is here.
    pub(crate) directory: Directory,
    /// moto's, without TLS.
    pub(crate) endpoint: String,
    target: PathBuf,
    moto: Server,
}

impl Account {
    pub(crate) fn start(label: &str) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = Directory::new(label);
        for entry in
            [".cargo", "Cargo.toml", "Cargo.lock", "README.md", "boards", "cross", "src", "tests", "size-report"]
        {
            symlink(repository.join(entry), directory.join(entry)).unwrap();
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned();
        symlink(&target, directory.join("target")).unwrap();

        let port = free_port();
        let arguments = ["-H", "127.0.0.1", "-p", &port.to_string()];
        let mut moto = Server::start(directory.path(), "moto", "moto_server", arguments, &[]);
        moto.wait_for_port("127.0.0.1", port);
        let endpoint = format!("http://127.0.0.1:{port}");
        // Only `aws` is to see moto: homing refuses endpoints without TLS. On a busy machine moto may take its time, and a
        // second attempt at making something would fail.
        fs::create_dir(directory.join("bin")).unwrap();
        let aws = format!(
            "#!/bin/sh\nAWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID=reader AWS_SECRET_ACCESS_KEY=secret AWS_PAGER= exec {} --cli-read-timeout 600 \"$@\"\n",
            packages::find("aws").unwrap().display()
        );
        let homing = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_homing"));
        for (name, script) in [("aws", aws), ("homing", homing)] {
            let program = directory.join("bin").join(name);
            fs::write(&program, script).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { directory, endpoint, target, moto }
    }

    /// Runs it as one script. Whether it succeeded, and everything that it and moto said.
    pub(crate) fn run(&self, script: &str) -> (bool, String) {
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("set -eux\n{script}")]).current_dir(self.directory.path());
        shell.env("PATH", format!("{}:{path}", self.directory.join("bin").display()));
        shell.env("CARGO_TARGET_DIR", &self.target);
        for (name, _) in std::env::vars() {
            // Cargo tells a test of its package; a reader's shell knows nothing of that, and build scripts would look at it.
            if ["AWS_", "HOMING_", "CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix)) {
                shell.env_remove(name);
            }
        }
        let output = shell.output().unwrap();
        let (said, trace) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let moto = if output.status.success() { String::new() } else { self.moto.log() };
        (output.status.success(), format!("{said}\n{trace}\n{moto}"))
    }
}

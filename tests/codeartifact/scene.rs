//! A sandbox with a package index behind its repository, a home folder, and a package to install.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use homing_sandbox::{Sandbox, SandboxBuilder};
use serde_json::Value;

use crate::support::directory::Directory;
use crate::support::homing::{Homing, homing};
use crate::support::packages;
use crate::support::process::{Server, free_port};
use crate::support::{REGION, process};

/// A device with a home, and everything around it.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) directory: Directory,
    index: Option<Server>,
}

impl Scene {
    /// With a package index, which has [`PACKAGE`].
    pub(crate) fn with_index(suite: &str, builder: SandboxBuilder) -> Option<Self> {
        if !packages::available(suite, &[packages::BOTO, "pip", "pypi-server", "twine", "uv"]) {
            return None;
        }
        let mut scene = Self::without_index(builder);
        let port = free_port();
        fs::create_dir(scene.directory.join("packages")).unwrap();
        scene.build_wheel("packages", PACKAGE);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codeartifact/package_index.py");
        let (packages, log) = (scene.directory.join("packages"), scene.directory.join("requests.jsonl"));
        let python = packages::find(packages::BOTO).unwrap();
        let arguments = [script, port.to_string().into(), packages, log, scene.home(), scene.temporary()];
        let mut server = Server::start(scene.directory.path(), "pypiserver", python.to_str().unwrap(), arguments, &[]);
        server.wait_for_port("127.0.0.1", port);
        scene.sandbox.set_package_index(SocketAddr::from(([127, 0, 0, 1], port)));
        scene.index = Some(server);
        Some(scene)
    }

    /// With an empty repository.
    pub(crate) fn without_index(builder: SandboxBuilder) -> Self {
        let directory = Directory::new("codeartifact");
        for folder in ["home", "tmp"] {
            fs::create_dir(directory.join(folder)).unwrap();
        }
        Self { sandbox: builder.region(REGION).start().unwrap(), directory, index: None }
    }

    /// HOME.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// TMPDIR.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// `homing --config … ARGUMENTS` in this home, with the sandbox's authority for Python's tools as well.
    pub(crate) fn homing(&self, arguments: &[&str]) -> Homing {
        let config = ["--config", self.sandbox.config_path().to_str().unwrap()];
        let call = homing(config.iter().chain(arguments));
        self.environment().into_iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    /// A tool without homing, in the same environment.
    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(packages::find(name).unwrap());
        command.args(arguments).env_clear().envs(self.environment());
        command.output().unwrap()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let ca_file = self.sandbox.certificates().ca.to_str().unwrap().to_owned();
        let mut environment: Vec<_> =
            ["PIP_CERT", "TWINE_CERT", "SSL_CERT_FILE"].map(|name| (name, ca_file.clone())).into();
        environment.push(("HOME", self.home().to_str().unwrap().to_owned()));
        environment.push(("TMPDIR", self.temporary().to_str().unwrap().to_owned()));
        environment.push(("PATH", "/usr/bin:/bin".to_owned()));
        environment.push(("PIP_DISABLE_PIP_VERSION_CHECK", "1".to_owned()));
        environment
    }

    /// The last token that was issued.
    pub(crate) fn token(&self) -> String {
        self.sandbox.package_tokens().pop().unwrap().token
    }

    /// What the index has seen: one object a request.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.directory.join("requests.jsonl")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Where `pip install --target` put the package, which can be imported.
    pub(crate) fn expect_installed(&self, target: &str, package: &str) {
        let output = process::run(
            packages::find(packages::BOTO).unwrap().to_str().unwrap(),
            ["-c", "import sys; sys.path.insert(0, sys.argv[1]); print(__import__(sys.argv[2]).WHO)", target, package],
        );
        assert_eq!(output.trim(), package);
    }

    /// The files in home and temporary folder, and in the sandbox's folder, that have this text in them.
    pub(crate) fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in [self.home(), self.temporary(), self.sandbox.folder().to_owned()] {
            search(&folder, text.as_bytes(), &mut found);
        }
        found
    }

    /// A wheel with one module (Python Packaging User Guide, "Binary distribution format"), by the standard library.
    pub(crate) fn build_wheel(&self, folder: &str, package: &str) -> PathBuf {
        let wheel = self.directory.join(folder).join(format!("{package}-1.0-py3-none-any.whl"));
        let python = packages::find(packages::BOTO).unwrap();
        process::run(python.to_str().unwrap(), ["-c", WHEEL, wheel.to_str().unwrap(), package]);
        wheel
    }

    /// A source of one module that needs [`PACKAGE`] to be built (Python Packaging User Guide, "pyproject.toml
    /// specification" and "Source distribution format"), by the standard library.
    pub(crate) fn build_source(&self, folder: &str, package: &str) {
        let source = self.directory.join(folder).join(format!("{package}-1.0.tar.gz"));
        let python = packages::find(packages::BOTO).unwrap();
        process::run(python.to_str().unwrap(), ["-c", SOURCE, source.to_str().unwrap(), package, PACKAGE, WHEEL]);
    }
}

/// The text of a file.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn search(folder: &Path, text: &[u8], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, text, found);
        } else if fs::read(&path).unwrap_or_default().windows(text.len()).any(|window| window == text) {
            found.push(path);
        }
    }
}

/// The package that the index has.
pub(crate) const PACKAGE: &str = "sampleproject";

const WHEEL: &str = r#"
import sys, zipfile
path, name = sys.argv[1:]
files = {
    f"{name}.py": f"WHO = '{name}'\n",
    f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = f"{name}-1.0.dist-info/RECORD"
files[record] = "".join(f"{file},,\n" for file in [*files, record])
with zipfile.ZipFile(path, "w") as wheel:
    for file, content in files.items():
        wheel.writestr(file, content)
"#;

const SOURCE: &str = r#"
import io, sys, tarfile
path, name, needed, wheel = sys.argv[1:]
backend = f"""
import os, sys
import {needed}

def build_wheel(folder, settings=None, metadata=None):
    file = "{name}-1.0-py3-none-any.whl"
    sys.argv = ["", os.path.join(folder, file), "{name}"]
    exec({wheel!r}, {{}})
    return file
"""
files = {
    "pyproject.toml": f'[build-system]\nrequires = ["{needed}"]\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    "backend.py": backend,
}
with tarfile.open(path, "w:gz") as archive:
    for file, content in files.items():
        member = tarfile.TarInfo(f"{name}-1.0/{file}")
        member.size = len(content.encode())
        archive.addfile(member, io.BytesIO(content.encode()))
"#;

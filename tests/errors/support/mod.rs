//! A sandbox, a configuration for it, files to send, and runs of the binary that are checked.

mod run;
pub mod servers;

pub use run::{Failure, Run};

use homing_sandbox::{Answer, Fault, Sandbox, SandboxBuilder, Service};
use serde_json::Value;
use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file that must stay as it is.
struct Original {
    path: PathBuf,
    /// `None` for files that are too large to be kept in memory: their length and modification time are compared.
    content: Option<Vec<u8>>,
    metadata: fs::Metadata,
}

/// One sandbox with a configuration that works, to be spoilt by a test.
pub struct Scene {
    pub sandbox: Sandbox,
    /// What the configuration file will contain.
    pub config: Value,
    originals: Vec<Original>,
    variables: Vec<(String, String)>,
    secrets: Vec<String>,
    configurations: Cell<usize>,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Sandbox::builder())
    }

    pub fn with(builder: SandboxBuilder) -> Self {
        let sandbox = builder.start().expect("the sandbox starts");
        let config = sandbox.configuration();
        let secrets = ["device_key", "other_key", "rogue_key"]
            .map(|name| match name {
                "device_key" => &sandbox.certificates().device_key,
                "other_key" => &sandbox.certificates().other_key,
                _ => &sandbox.certificates().rogue_key,
            })
            .into_iter()
            .flat_map(|path| key_lines(path))
            .collect();
        let mut scene =
            Self { sandbox, config, originals: vec![], variables: vec![], secrets, configurations: Cell::new(0) };
        // Faults are injected into every attempt; waiting as long as real servers deserve is not needed here.
        for name in ["connect_timeout", "stall_timeout", "publish_timeout", "acknowledge_timeout"] {
            scene.set(name, 20);
        }
        scene
    }

    /// Sets a key of the configuration file.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.config[key] = value.into();
        self
    }

    /// Removes a key from the configuration file.
    pub fn unset(&mut self, key: &str) -> &mut Self {
        self.config.as_object_mut().expect("the configuration is an object").remove(key);
        self
    }

    /// Sets an environment variable of the runs to come.
    pub fn variable(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// No output of any run may contain `text`.
    pub fn keep_secret(&mut self, text: impl Into<String>) -> &mut Self {
        self.secrets.push(text.into());
        self
    }

    /// A path in the scene's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.folder().join(name)
    }

    /// A file to send. Every run checks that it was left alone.
    pub fn file(&mut self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file can be written");
        self.guard(&path, Some(content.to_vec()));
        path
    }

    /// A file that fits into a message.
    pub fn small(&mut self) -> PathBuf {
        self.file("small.jpg", &[0xab; 5000])
    }

    /// A file that goes to S3.
    pub fn large(&mut self) -> PathBuf {
        self.file("large.jpg", &[0xcd; 200_000])
    }

    /// A file of zeros that takes no room on disk.
    pub fn sparse(&mut self, name: &str, size: u64) -> PathBuf {
        let path = self.path(name);
        fs::File::create(&path).and_then(|file| file.set_len(size)).expect("a sparse file can be made");
        self.guard(&path, None);
        path
    }

    /// Gives a service this answer from now on.
    pub fn answer(&self, service: Service, answer: Answer) -> &Self {
        self.sandbox.set_fault(service, Fault::new().answer(answer));
        self
    }

    /// The configuration file as it now stands, written anew.
    pub fn config_file(&self) -> PathBuf {
        let number = self.configurations.replace(self.configurations.get() + 1);
        let path = self.path(&format!("config-{number}.json"));
        fs::write(&path, serde_json::to_vec_pretty(&self.config).expect("JSON")).expect("a file can be written");
        path
    }

    /// The binary with these arguments, the configuration, and no environment but the scene's.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = self.bare_command(arguments);
        command.arg("--config").arg(self.config_file());
        command
    }

    /// The same without the configuration file.
    pub fn bare_command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homing"));
        command.args(arguments).env_clear().stdin(Stdio::null());
        // A refusal is to be each run's own, and each error the first attempt's: `tests/retries` is about the others.
        command.env("HOMING_CREDENTIAL_CACHE", "false").env("HOMING_MAX_ATTEMPTS", "1");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary with these arguments and the configuration.
    pub fn homing(&self, arguments: &[impl AsRef<OsStr>]) -> Run {
        self.finish(&mut self.command(arguments))
    }

    /// `homing send --json FILE`, and that nothing was delivered if it failed.
    pub fn send(&self, file: &Path) -> Run {
        self.send_with(file, &[])
    }

    /// `homing send --json FLAGS FILE`.
    pub fn send_with(&self, file: &Path, flags: &[&str]) -> Run {
        let mut command = self.command(&["send", "--json"]);
        let run = self.finish(command.args(flags).arg(file));
        if run.code != 0 {
            self.assert_nothing_arrived(&run);
        }
        run
    }

    /// Runs a command to its end and checks what holds for every run.
    pub fn finish(&self, command: &mut Command) -> Run {
        let run = Run::of(command);
        self.check(&run);
        run
    }

    /// No secret was printed, nothing panicked, and every file is as it was.
    pub fn check(&self, run: &Run) {
        for secret in &self.secrets {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "a secret is shown: {run:?}");
        }
        assert!(!run.stderr.contains("panicked"), "{run:?}");
        for original in &self.originals {
            let shown = original.path.display();
            let now = fs::metadata(&original.path).unwrap_or_else(|error| panic!("{shown} is gone: {error}"));
            assert_eq!(now.len(), original.metadata.len(), "{shown} has another size");
            assert_eq!(now.modified().ok(), original.metadata.modified().ok(), "{shown} was written to");
            if let Some(content) = &original.content {
                assert!(fs::read(&original.path).ok().as_ref() == Some(content), "{shown} has another content");
            }
        }
    }

    /// Neither an object nor a message.
    pub fn assert_nothing_arrived(&self, run: &Run) {
        let arrivals = self.sandbox.arrivals();
        assert!(arrivals.is_empty(), "something was delivered: {arrivals:?}; {run:?}");
    }

    /// Connections to any service so far.
    pub fn connections(&self) -> u64 {
        Service::ALL.into_iter().map(|service| self.sandbox.counts(service).connections).sum()
    }

    fn guard(&mut self, path: &Path, content: Option<Vec<u8>>) {
        let metadata = fs::metadata(path).expect("the file was just written");
        self.originals.push(Original { path: path.to_owned(), content, metadata });
    }
}

/// The base64 lines of a PEM key, each long enough not to occur by chance.
fn key_lines(path: &Path) -> Vec<String> {
    let pem = fs::read_to_string(path).expect("the sandbox wrote the key");
    let lines: Vec<String> =
        pem.lines().filter(|line| !line.starts_with("-----") && line.len() >= 16).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no key in {}", path.display());
    lines
}

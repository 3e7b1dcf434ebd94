//! A sandbox, each of whose servers is reached through a faulty link, and the binary that is sent there.

use super::ledger::Ledger;
use super::run::Run;
use super::samples::Random;
use homing_sandbox::{Direction, FaultyLink, LinkFault, Sandbox, SandboxBuilder, Service};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The servers of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Credentials,
    S3,
    Mqtt,
    /// The data endpoint's other way.
    Https,
}

impl Server {
    /// Those of a usual delivery.
    pub const ALL: [Self; 3] = [Self::Credentials, Self::S3, Self::Mqtt];
    const EVERY: [Self; 4] = [Self::Credentials, Self::S3, Self::Mqtt, Self::Https];

    pub const fn service(self) -> Service {
        match self {
            Self::Credentials => Service::Credentials,
            Self::S3 => Service::S3,
            Self::Mqtt => Service::Mqtt,
            Self::Https => Service::Publish,
        }
    }
}

/// A file to send, and what is in it.
#[derive(Debug, Clone)]
pub struct TestFile {
    pub name: String,
    pub path: PathBuf,
    pub content: Arc<[u8]>,
}

pub struct Bench {
    pub sandbox: Sandbox,
    pub ledger: Ledger,
    /// What the configuration file contains.
    pub config: Value,
    /// Attempts within a command; 1 switches repetitions off.
    pub attempts: u32,
    links: [FaultyLink; 4],
    /// Keys of objects that nobody asks for any more, once there are some more.
    spent: Vec<String>,
    runs: u64,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Sandbox::builder())
    }

    pub fn with(builder: SandboxBuilder) -> Self {
        let sandbox = builder.start().unwrap();
        let links = Server::EVERY.map(|server| {
            FaultyLink::start(SocketAddr::from((Ipv4Addr::LOCALHOST, sandbox.port(server.service())))).unwrap()
        });
        let mut config = sandbox.configuration();
        // An address, because a name takes a look-up, and often a futile attempt at IPv6.
        let place = |server: Server| format!("127.0.0.1:{}", links[server as usize].port());
        config["credential_endpoint"] = json!(place(Server::Credentials));
        config["data_endpoint"] = json!(place(Server::Mqtt));
        config["endpoints"]["s3"] = json!(format!("https://{}", place(Server::S3)));
        Self { sandbox, ledger: Ledger::default(), config, attempts: 1, links, spent: Vec::new(), runs: 0 }
    }

    /// From now on messages go by HTTPS instead of MQTT.
    pub fn publish_by_https(&mut self) {
        self.config["via"] = json!("https");
        self.config["data_endpoint"] = json!("127.0.0.1");
        self.config["https_port"] = json!(self.link(Server::Https).port());
    }

    pub fn link(&self, server: Server) -> &FaultyLink {
        &self.links[server as usize]
    }

    /// No link does any harm any more, and what has passed is forgotten.
    pub fn heal(&self) {
        for link in &self.links {
            link.set_plan(|_| LinkFault::default());
            link.take_connections();
        }
    }

    /// A file that is expected to arrive as it is.
    pub fn file(&mut self, name: &str, length: usize) -> TestFile {
        let content = Random::seeded(length as u64).bytes(length);
        let path = self.new_file(name, content.clone());
        TestFile { name: name.to_owned(), path, content: content.into() }
    }

    /// The same with this content.
    pub fn new_file(&mut self, name: &str, content: Vec<u8>) -> PathBuf {
        let folder = self.sandbox.folder().join("files");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, &content).unwrap();
        self.ledger.expect(name, &content);
        path
    }

    /// `homing` with these arguments, the configuration, and no environment but ours.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.command_within(arguments, TIMEOUT)
    }

    /// The same with another deadline than the usual one.
    pub fn command_within<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, limit: Duration) -> Command {
        let path = self.sandbox.folder().join("links.json");
        fs::write(&path, serde_json::to_vec(&self.config).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_homing"));
        command.env_clear().env("HOMING_CREDENTIAL_CACHE", "false");
        command.env("AWS_MAX_ATTEMPTS", self.attempts.to_string());
        command.args(arguments).arg("--json").arg("--config").arg(path);
        command.arg("--timeout").arg(limit.as_secs().to_string());
        command
    }

    /// Runs a command and enters what has arrived.
    #[track_caller]
    pub fn run(&mut self, command: &mut Command) -> Run {
        self.run_within(command, TIMEOUT)
    }

    /// The same for a command with that deadline.
    #[track_caller]
    pub fn run_within(&mut self, command: &mut Command, limit: Duration) -> Run {
        let run = Run::of(command, limit);
        self.ledger.enter(self.sandbox.take_arrivals());
        run
    }

    /// `homing send FILE` under a key that no run before had, which is given back.
    #[track_caller]
    pub fn send(&mut self, file: &TestFile, inline_limit: u64) -> (Run, String) {
        let key = self.next_key(file);
        let limit = inline_limit.to_string();
        let mut command = self.command(["send", "--inline-limit", &limit, "--key", &key]);
        let run = self.run(command.arg(&file.path));
        self.spend(key.clone());
        (run, key)
    }

    /// A key that no run before had.
    pub fn next_key(&mut self, file: &TestFile) -> String {
        self.runs += 1;
        // As long in every run, so that what goes over the wire is.
        format!("{:06}/{}", self.runs, file.name)
    }

    /// The bytes that each server's connections have moved in each direction, of runs that went well.
    pub fn traffic(&self, server: Server) -> Traffic {
        let mut traffic = Traffic::default();
        // The run has ended, and so have its connections; the link needs a moment to notice.
        let mut connections = Vec::new();
        for _ in 0..1000 {
            connections.extend(self.link(server).take_connections());
            if connections.len() as u64 >= self.link(server).accepted() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        for connection in connections {
            for (direction, end) in connection.turns {
                traffic.of_mut(direction).push(end);
            }
            let to_server = |(direction, end)| (direction == Direction::ToServer).then_some(end);
            traffic.records_to_server.extend(connection.tls_records.into_iter().filter_map(to_server));
        }
        traffic
    }

    fn spend(&mut self, key: String) {
        self.spent.push(key);
        // A server may still be at work for runs that were cut short.
        if self.spent.len() > KEPT {
            let bucket = self.sandbox.folder().join("s3").join(self.sandbox.bucket());
            for key in self.spent.drain(..KEPT / 2) {
                let _ = fs::remove_file(bucket.join(key));
            }
        }
    }
}

/// Where the turns of a conversation end, in bytes from its beginning; the last is its length.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    pub to_server: Vec<u64>,
    pub to_client: Vec<u64>,
    /// Where the TLS records towards the server end.
    pub records_to_server: Vec<u64>,
}

impl Traffic {
    pub fn of(&self, direction: Direction) -> &[u64] {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    fn of_mut(&mut self, direction: Direction) -> &mut Vec<u64> {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// The deadline of each run. What is cut ends at once; only a machine that is very busy needs this.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Objects that are kept although their run is over.
const KEPT: usize = 64;

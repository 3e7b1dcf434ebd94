//! A running `homing serve`, and a client that speaks HTTP by hand.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::directory::Directory;
use crate::support::homing::{CREDENTIAL_CACHE, Config};
use crate::support::nginx::{Builder, Nginx, Provider};
use crate::support::pki::Authority;
use crate::support::{REGION, ROLE_ALIAS, THING};

/// The keys of [`Serving::with_fixed_keys`].
pub(crate) const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// Longest wait for anything here: only a hang meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// homing, serving. It is killed when this is dropped.
pub(crate) struct Serving {
    pub(crate) child: Child,
    /// What `--print-env` has printed.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) directory: Directory,
    log: PathBuf,
}

impl Serving {
    /// `homing serve --print-env ARGUMENTS…` with the keys above and no way to others.
    pub(crate) fn with_fixed_keys(arguments: &[&str]) -> Self {
        Self::start(fixed_keys().args(["serve", "--print-env"]).args(arguments))
    }

    /// Starts a command that is `homing … serve --print-env …`, and waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Self {
        let directory = Directory::new("serving");
        let log = directory.join("log");
        // A group of its own: faketime starts the program as a child, which is to end with it.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).process_group(0);
        let mut child = command.spawn().unwrap();
        let mut variables = Vec::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // The thing name is the last, where there is one.
        while variables.len() < 2 || has_more(&mut output) {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            let (name, value) = line.trim_end().split_once('=').unwrap_or_else(|| {
                panic!("homing says {line:?}, {:?}\n{}", child.wait(), fs::read_to_string(&log).unwrap())
            });
            variables.push((name.to_owned(), value.to_owned()));
        }
        Self { child, variables, directory, log }
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().find(|(candidate, _)| candidate == name);
        &found.unwrap_or_else(|| panic!("{name} is not in {:?}", self.variables)).1
    }

    pub(crate) fn token(&self) -> &str {
        self.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn authority(&self) -> &str {
        let uri = self.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        uri.strip_prefix("http://").unwrap().strip_suffix("/credentials").unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.authority()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The request that SDKs send.
    pub(crate) fn request(&self) -> String {
        format!("GET /credentials HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n", self.authority(), self.token())
    }

    /// Sends bytes over a new connection and gives the first response.
    pub(crate) fn exchange(&self, request: &str) -> Response {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        read_response(&mut stream).unwrap_or_else(|| panic!("no response to {request:?}"))
    }

    /// The credentials as they are served now.
    pub(crate) fn fetch(&self) -> Response {
        self.exchange(&self.request())
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// What it has said on standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be another's.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
        if thread::panicking() {
            eprintln!("--- homing's log:\n{}", self.log());
        }
    }
}

/// homing with the keys above in its environment and nothing else.
pub(crate) fn fixed_keys() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homing"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env(CREDENTIAL_CACHE, "false");
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    command
}

/// Waits until a process ends by itself.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("homing does not end");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether another line has been printed: all come in one write.
fn has_more(output: &mut BufReader<impl Read>) -> bool {
    !output.buffer().is_empty()
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn access_key(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["AccessKeyId"].as_str().unwrap().to_owned()
    }
}

/// Reads one response; `None` when the connection ends before. A response to HEAD has no body.
pub(crate) fn read_response(stream: &mut TcpStream) -> Option<Response> {
    let head = read_head(stream)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Response { status, head, body: String::from_utf8(body).unwrap() })
}

pub(crate) fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap().to_lowercase())
}

/// A device whose credential provider (nginx, mutual TLS) gives what the test says.
pub(crate) struct Device {
    _directory: Directory,
    pub(crate) config_file: String,
    pub(crate) provider: Nginx,
    pub(crate) port: u16,
}

impl Device {
    pub(crate) fn start(reply: &str) -> Self {
        let directory = Directory::new("serve-device");
        let authority = Authority::new("fleet authority");
        let ca_file = authority.write(&directory, "ca.pem");
        let server = authority.server(&directory, "server", &["localhost"]);
        let identity = authority.device(&directory, "device", THING);
        let mut builder = Builder::new();
        let port = builder.credential_provider(&Provider {
            protocols: "TLSv1.2 TLSv1.3",
            server: &server,
            device_authority: &authority,
            reply,
        });
        let config_file = Config::new(&identity, &ca_file)
            .with("credential_endpoint", format!("localhost:{port}"))
            .with("role_alias", ROLE_ALIAS)
            .with("region", REGION)
            .write(&directory);
        Self {
            config_file: config_file.to_str().unwrap().to_owned(),
            provider: builder.start(),
            port,
            _directory: directory,
        }
    }

    /// `homing --config FILE` with an empty environment.
    pub(crate) fn homing(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_homing"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).args(["--config", &self.config_file]);
        command.env(CREDENTIAL_CACHE, "false");
        command
    }

    /// `homing serve` with its variables printed.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        Serving::start(self.homing().args(["serve", "--print-env"]).args(arguments))
    }

    pub(crate) fn set_reply(&self, reply: Option<&str>) {
        self.provider.set_provider_reply(self.port, reply);
    }

    pub(crate) fn requests(&self) -> usize {
        self.provider.provider_requests(self.port)
    }
}

/// The provider's reply with an access key of this name, for so many seconds from now.
pub(crate) fn reply(access_key: &str, seconds: i64) -> String {
    serde_json::json!({ "credentials": {
        "accessKeyId": access_key,
        "secretAccessKey": SECRET_ACCESS_KEY,
        "sessionToken": "session-token",
        "expiration": in_seconds(seconds),
    }})
    .to_string()
}

/// That many seconds from now, as AWS writes times.
pub(crate) fn in_seconds(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    homing::protocol::time::iso8601(i64::try_from(now.as_secs()).unwrap() + seconds).to_string()
}

/// Tries again until `attempt` gives something.
pub(crate) fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} until {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

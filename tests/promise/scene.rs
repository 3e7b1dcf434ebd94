//! What a run has: a home, a temporary and a runtime directory of its own, and the front as every service there is.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use homing_sandbox::Sandbox;
use serde_json::json;

use crate::broker;
use crate::canary::{BEARER_TOKEN, PACKAGE_TOKEN, SECRET_KEY, SESSION_TOKEN, Search, value};
use crate::cases::Case;
use crate::front::{Front, Held};
use crate::support::directory::Directory;
use crate::support::{ROLE_ALIAS, THING};

/// The services, and the device's identity.
pub(crate) struct Scene {
    pub(crate) front: Front,
    pub(crate) broker: broker::Broker,
    container_port: u16,
    /// Its certificates are used, and nothing else of it.
    sandbox: Sandbox,
    device_key: String,
    directory: Directory,
}

/// The directories of one run.
pub(crate) struct Place {
    directory: Directory,
    /// In memory where there is such a place: homing keeps credentials nowhere else.
    runtime: PathBuf,
}

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::builder().start().unwrap();
        let front = Front::start(sandbox.certificates());
        let broker = broker::Broker::start(sandbox.certificates());
        let device_key = fs::read_to_string(&sandbox.certificates().device_key).unwrap();
        // A middle line of the PEM: the first is the same in all keys.
        let device_key = device_key.lines().nth(2).unwrap().to_owned();
        let container_port = front.plain_port();
        let scene =
            Self { front, broker, container_port, sandbox, device_key, directory: Directory::new("promise-scene") };
        let (port, certificates) = (scene.front.port, scene.sandbox.certificates());
        let config = json!({
            "region": "us-east-1", "thing_name": THING, "role_alias": ROLE_ALIAS, "ca_file": certificates.ca,
            "certificate": certificates.device_certificate, "private_key": certificates.device_key,
            "credential_endpoint": format!("localhost:{port}"), "data_endpoint": "localhost",
            "https_port": port, "mqtt_port": scene.broker.port, "via": "https", "bucket": "device-uploads",
            "path_style": true, "inline_limit": 0,
            // However slow the machine is, nothing times out while it is being held.
            "connect_timeout": 300, "stall_timeout": 300, "publish_timeout": 300, "acknowledge_timeout": 300,
            "endpoints": { "s3": format!("https://localhost:{port}") },
        });
        scene.directory.write("config.json", config.to_string());
        scene
    }

    /// The search for every canary, and for the device's key.
    pub(crate) fn search(&self) -> Search {
        Search::new(&[(PRIVATE_KEY, &self.device_key)])
    }

    /// The same, and for a token that `homing serve` has made.
    pub(crate) fn search_with(&self, token: &str) -> Search {
        Search::new(&[(PRIVATE_KEY, &self.device_key), ("token of serve", token)])
    }

    /// `homing -vvv WORDS`, ready to be started in `place`; behind `before`, which runs it.
    pub(crate) fn command(&self, place: &Place, before: &[&str], words: &[&str], given: &[&str]) -> Command {
        let mut all: Vec<&str> = before.to_vec();
        let config = self.directory.join("config.json");
        all.extend([env!("CARGO_BIN_EXE_homing"), "-vvv", "--config", config.to_str().unwrap()]);
        all.extend(words);
        let mut command = Command::new(all[0]);
        command.args(&all[1..]).env_clear().env("PATH", "/usr/bin:/bin").current_dir(place.path("work"));
        command.env("HOME", place.path("home")).env("TMPDIR", place.path("tmp"));
        command.env("XDG_RUNTIME_DIR", &place.runtime).env("XDG_CACHE_HOME", place.path("home/cache"));
        command.env("AWS_ENDPOINT_URL", format!("https://localhost:{}", self.front.port));
        if given.contains(&BEARER_TOKEN) {
            let uri = format!("http://127.0.0.1:{}/container", self.container_port);
            command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
            command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", value(BEARER_TOKEN));
        }
        if given.contains(&SECRET_KEY) {
            command.env("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE");
            command.env("AWS_SECRET_ACCESS_KEY", value(SECRET_KEY)).env("AWS_SESSION_TOKEN", value(SESSION_TOKEN));
        }
        command.stdin(Stdio::piped()).stdout(place.output("stdout")).stderr(place.output("stderr"));
        command
    }

    /// Starts a case; see [`Self::command`].
    pub(crate) fn start(&self, place: &Place, before: &[&str], case: &Case) -> Child {
        let mut child = self.command(place, before, case.words, case.given).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may end before it has read everything.
        let _ = stdin.write_all(case.stdin.as_bytes());
        child
    }

    /// Holds the case's request, before it is started.
    pub(crate) fn hold(&self, case: &Case) -> Held {
        let (held, server) = Held::new();
        match case.target {
            "MQTT" => self.broker.hold(server.0, server.1),
            target => self.front.hold(target, server),
        }
        held
    }

    /// Runs a case to its end and checks what holds in any event: of the canaries `prints` alone are in what it printed,
    /// and of the files the cache's and the one that it was to write have some of them.
    pub(crate) fn finish(&self, place: &Place, mut child: Child, case: &Case, prints: &[&str]) -> Ended {
        let status = child.wait().unwrap();
        let ended = place.ended(status);
        let search = self.search();
        let mut printed = search.found_in(&ended.stdout);
        printed.retain(|name| !prints.contains(name));
        assert!(printed.is_empty(), "{case:?} prints {printed:?}: {ended}");
        let told = search.found_in(ended.stderr.as_bytes());
        assert!(told.is_empty(), "{case:?} tells {told:?}: {ended}");
        assert!(!ended.stderr.contains("panicked at"), "{case:?}: {ended}");
        self.check_files(place, case, &search);
        ended
    }

    /// Of the files below HOME, TMPDIR, the working and the runtime directory, only those that may have a canary have one.
    pub(crate) fn check_files(&self, place: &Place, case: &Case, search: &Search) {
        for path in place.files() {
            let found = search.found_in(&fs::read(&path).unwrap());
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            let is_cache =
                path.starts_with(&place.runtime) && path.extension().is_some_and(|name| name == "credentials");
            let is_asked_for = case.writes.is_some_and(|name| path == place.path("home").join(name));
            let allowed: &[&str] = match (is_cache, is_asked_for) {
                (true, _) => &[SECRET_KEY, SESSION_TOKEN],
                (_, true) => &[PACKAGE_TOKEN],
                _ => &[],
            };
            let others: Vec<_> = found.iter().filter(|name| !allowed.contains(name)).collect();
            assert!(others.is_empty(), "{case:?}: {} has {others:?}", path.display());
            assert!(found.is_empty() || mode == 0o600, "{case:?}: {} has mode {mode:o}", path.display());
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let directory = Directory::new("promise");
        for name in ["home", "home/cache", "tmp", "work", "run", "output"] {
            fs::create_dir(directory.join(name)).unwrap();
        }
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let memory = Path::new("/dev/shm").join(format!("homing-promise-{}-{number}", std::process::id()));
        let runtime = if fs::create_dir(&memory).is_ok() { memory } else { directory.join("run") };
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(directory.join("work/file.bin"), vec![7; 2000]).unwrap();
        Self { directory, runtime }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Everything below HOME, TMPDIR, the working and the runtime directory.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in [self.path("home"), self.path("tmp"), self.path("work"), self.runtime.clone()] {
            collect(&folder, &mut found);
        }
        found
    }

    /// What a run has printed so far.
    pub(crate) fn ended(&self, status: ExitStatus) -> Ended {
        let stderr = String::from_utf8_lossy(&fs::read(self.path("output/stderr")).unwrap()).into_owned();
        Ended { status, stdout: fs::read(self.path("output/stdout")).unwrap(), stderr }
    }

    fn output(&self, name: &str) -> File {
        File::create(self.path("output").join(name)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(formatter, "{}\n--- stdout\n{stdout}\n--- stderr\n{}", self.status, self.stderr)
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}

const PRIVATE_KEY: &str = "private key";

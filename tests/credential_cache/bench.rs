//! A sandbox, a directory in memory that stands for `$XDG_RUNTIME_DIR`, and runs of homing at a time of their own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use homing::protocol::time::iso8601;
use homing_sandbox::{Answer, Fault, Sandbox, Service};

use crate::support::homing::{CREDENTIAL_CACHE, Homing, prepare};
use crate::support::packages;

/// What a test has.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    /// `$XDG_RUNTIME_DIR` of its runs.
    pub(crate) runtime: Memory,
    /// When it began, in seconds since the Unix epoch: the minute 0 of [`Self::at`].
    pub(crate) began: i64,
}

impl Bench {
    /// `None`, with a loud line, where nothing is in memory.
    pub(crate) fn start(suite: &str) -> Option<Self> {
        let runtime = Memory::new(suite)?;
        Some(Self { sandbox: Sandbox::builder().start().unwrap(), runtime, began: now() })
    }

    /// Prepares `homing COMMAND --config …` with the cache switched on.
    pub(crate) fn homing(&self, command: &str) -> Homing {
        self.cached(Command::new(BINARY), command)
    }

    /// The same `seconds` after the beginning, however long the test has taken. The sandbox's clocks go along.
    pub(crate) fn at(&self, seconds: i64, command: &str) -> Homing {
        let time = self.began + seconds;
        for service in [Service::Credentials, Service::S3] {
            self.sandbox.set_clock_offset(service, time - now());
        }
        let mut faked = Command::new(packages::find("faketime").unwrap());
        let absolute = format!("@{}", iso8601(time).replace('T', " ").trim_end_matches('Z'));
        faked.args(["-m", "--exclude-monotonic", "-f", &absolute, BINARY]);
        // The times of files are what they are.
        self.cached(faked, command).env("TZ", "UTC").env("NO_FAKE_STAT", "1")
    }

    /// The same by a script in a mount namespace of its own, which `prepare`s it with shell commands and then runs homing
    /// as `"$@"`. What is mounted there is gone with it. `$BENCH` is the sandbox's folder, on no kind of memory.
    pub(crate) fn in_namespace(&self, script: &str, command: &str) -> Homing {
        let mut unshare = Command::new(packages::find("unshare").unwrap());
        unshare.args(namespace_flags().unwrap()).args(["sh", "-euc", script, "sh", BINARY]);
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        self.cached(unshare, command).env("PATH", path).env("BENCH", self.sandbox.folder())
    }

    /// How many requests the credential provider has read.
    pub(crate) fn asked(&self) -> u64 {
        self.sandbox.counts(Service::Credentials).requests
    }

    /// The credential provider's answer from now on.
    pub(crate) fn answer(&self, status: u16, body: impl Into<Vec<u8>>) {
        let answer = Answer::new(status, "application/json", body);
        self.sandbox.set_fault(Service::Credentials, Fault::new().answer(answer));
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> &Path {
        self.sandbox.config_path()
    }

    /// `$XDG_RUNTIME_DIR/homing`.
    pub(crate) fn cache(&self) -> PathBuf {
        self.runtime.path.join("homing")
    }

    /// The only file of this kind in the cache.
    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        let mut found = self.files();
        found.retain(|path| path.to_str().unwrap().ends_with(suffix));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// Everything in the cache; nothing where there is none.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_below(&self.cache())
    }

    fn cached(&self, mut program: Command, command: &str) -> Homing {
        program.arg(command).arg("--config").arg(self.sandbox.config_path());
        prepare(program).env(CREDENTIAL_CACHE, "true").env("XDG_RUNTIME_DIR", &self.runtime.path)
    }
}

/// A private directory on tmpfs, removed at the end.
pub(crate) struct Memory {
    pub(crate) path: PathBuf,
}

impl Memory {
    fn new(suite: &str) -> Option<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let roots = own.into_iter().chain(["/dev/shm", "/run"].map(PathBuf::from));
        for root in roots.filter(|root| is_memory(root)) {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = root.join(format!("homing-test-{}-{number}", std::process::id()));
            if fs::create_dir(&path).is_ok() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
                return Some(Self { path });
            }
        }
        packages::skip(suite, "no tmpfs here that this user may write to");
        None
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether a mount namespace can be made here.
pub(crate) fn namespaces(suite: &str) -> bool {
    let possible = packages::available(suite, &["unshare", "mount"]) && namespace_flags().is_some();
    if !possible {
        packages::skip(suite, "no mount namespace can be made here");
    }
    possible
}

/// Whether `faketime` is here.
pub(crate) fn clock(suite: &str) -> bool {
    packages::available(suite, &["faketime"])
}

/// Whether this is the superuser, who may give files away.
pub(crate) fn superuser(suite: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        packages::skip(suite, "only root can give files away");
    }
    is_root
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The access rights of a file or folder.
pub(crate) fn mode(path: impl AsRef<OsStr>) -> u32 {
    fs::symlink_metadata(Path::new(&path)).unwrap().permissions().mode() & 0o7777
}

/// The seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn is_memory(path: &Path) -> bool {
    // TMPFS_MAGIC of statfs(2).
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u32 == 0x0102_1994)
}

fn namespace_flags() -> Option<&'static [&'static str]> {
    const KINDS: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let works = |flags: &&&[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(**flags).args(["sh", "-c", "mount -t tmpfs none /run"]);
        unshare.output().is_ok_and(|output| output.status.success())
    };
    KINDS.iter().find(works).copied()
}

const BINARY: &str = env!("CARGO_BIN_EXE_homing");

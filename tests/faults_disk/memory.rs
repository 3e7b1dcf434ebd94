//! 64 MiB for everything: as a limit on the address space (`ulimit -v`) and as a control group, files and buffers of
//! the kernel included; with a sparse file that is larger, in a full run one of 5 GiB, which is PutObject's maximum.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::figures::{full, report};
use crate::scene::{Original, Scene};
use homing_sandbox::Sandbox;

#[test]
fn in_64_mib_of_address_space() {
    let scene = Scene::new();
    let limited = |kibibytes: u64, command: Command| {
        let mut shell = wrapped(&format!("ulimit -v {kibibytes}"), command);
        shell.output().unwrap()
    };
    assert!(!limited(LIMIT / 1024, glutton()).status.success(), "the limit does not hold");
    let files = scene.begin();
    let output = limited(LIMIT / 1024, scene.send_queued(&files, &[]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(scene.judge(&files, &[]).unwrap().delivered, 2);

    let large = sparse(&scene, 256 << 20);
    // S3 sends spaces while it joins the parts; the sandbox says nothing until 5 GiB are joined.
    let output = limited(LIMIT / 1024, large.put(&scene, &["--stall-timeout", "900"]));
    assert!(output.status.success(), "{output:?}");
    large.assert_stored(&scene);

    // How much it really needs.
    let works = |kibibytes: u64| {
        let files = scene.begin();
        limited(kibibytes, scene.send_queued(&files, &[])).status.success()
    };
    let (mut too_little, mut enough) = (1024, LIMIT / 1024);
    while enough - too_little > 1024 {
        let middle = u64::midpoint(too_little, enough);
        if works(middle) {
            enough = middle;
        } else {
            too_little = middle;
        }
    }
    report(
        "64 MiB by ulimit -v; 5 GiB sparse file",
        &format!(
            "ulimit -v 65536: send --queue works (needs {:.1} MiB of address space in this build), put of a sparse file of \
             {} in parts works",
            enough as f64 / 1024.0,
            large.shown()
        ),
    );
}

#[test]
fn in_a_control_group_of_64_mib() {
    let Some(group) = ControlGroup::new() else {
        // CI's container may have none; the address space is limited everywhere.
        report("64 MiB by control group; 5 GiB sparse file", "no control group of memory may be made here: not run");
        return;
    };
    assert!(!group.run(glutton()).status.success(), "the limit does not hold");
    let scene = Scene::with(Sandbox::builder().keeps_objects(false));
    let files = scene.begin();
    let output = group.run(scene.send_queued(&files, &[]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(scene.judge(&files, &[]).unwrap().delivered, 2);
    let large = sparse(&scene, 96 << 20);
    // By a single request, where the other test's goes in parts.
    let output = group.run(large.put(&scene, &["--multipart-threshold", "5368709120"]));
    assert!(output.status.success(), "{output:?}");
    large.assert_stored(&scene);
    report(
        "64 MiB by control group; 5 GiB sparse file",
        &format!(
            "send --queue works, put of a sparse file of {} by one request works (the kernel's own pages of the \
             file included, which fill the group: peak {:.1} MiB)",
            large.shown(),
            group.peak() as f64 / f64::from(1 << 20)
        ),
    );
}

/// A file that takes no room.
struct Sparse(Original, u64);

fn sparse(scene: &Scene, in_ci: u64) -> Sparse {
    scene.begin();
    let size = if full() { 5 << 30 } else { in_ci };
    let file = scene.write("sparse.bin", &[]);
    File::options().write(true).open(&file.path).unwrap().set_len(size).unwrap();
    Sparse(file, size)
}

impl Sparse {
    fn put(&self, scene: &Scene, flags: &[&str]) -> Command {
        let url = format!("s3://{}/sparse.bin", scene.sandbox.bucket());
        let mut command = scene.command("put", ["--timeout", "0"]);
        command.args(flags).arg(&self.0.path).arg(url);
        command
    }

    fn assert_stored(&self, scene: &Scene) {
        let objects = scene.sandbox.objects();
        assert!(objects.iter().any(|object| object.bytes == self.1), "{objects:?}");
        assert_eq!(fs::metadata(&self.0.path).unwrap().len(), self.1);
    }

    fn shown(&self) -> String {
        if self.1 < 1 << 30 { format!("{} MiB", self.1 >> 20) } else { format!("{} GiB", self.1 >> 30) }
    }
}

/// A control group with a limit, version 2 or 1; removed when it is dropped.
struct ControlGroup {
    folder: PathBuf,
    peak: &'static str,
}

impl ControlGroup {
    fn new() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = |prefix: &str| {
            own.lines().find_map(|line| line.strip_prefix(prefix)).map(|path| path.trim_start_matches('/').to_owned())
        };
        let of_memory = own
            .lines()
            .find_map(|line| line.split_once(":memory:"))
            .map(|(_, path)| path.trim_start_matches('/').to_owned());
        let places = [
            (path("0::").map(|path| Path::new("/sys/fs/cgroup").join(path)), "memory.max", "memory.peak"),
            (
                of_memory.map(|path| Path::new("/sys/fs/cgroup/memory").join(path)),
                "memory.limit_in_bytes",
                "memory.max_usage_in_bytes",
            ),
        ];
        places.into_iter().find_map(|(parent, limit, peak)| {
            let folder = parent?.join(format!("homing-test-{}", std::process::id()));
            fs::create_dir(&folder).ok()?;
            let group = Self { folder, peak };
            // The kernel makes the files of a control group; elsewhere it is but a folder.
            let limit =
                File::options().write(true).open(group.folder.join(limit)).and_then(|mut file| write!(file, "{LIMIT}"));
            limit.is_ok().then_some(group)
        })
    }

    fn run(&self, command: Command) -> std::process::Output {
        let enter = format!("echo $$ >'{}'", self.folder.join("cgroup.procs").display());
        wrapped(&enter, command).output().unwrap()
    }

    /// The most bytes that were in use at once.
    fn peak(&self) -> u64 {
        fs::read_to_string(self.folder.join(self.peak)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The command behind `first`, in a shell that becomes it.
fn wrapped(first: &str, command: Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first} && exec \"$@\""), "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Takes more memory than there is: `tail` keeps a line until it ends.
fn glutton() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "head -c 128m /dev/zero | tail -n 1 >/dev/null"]);
    command
}

/// What a small device may have to spare.
const LIMIT: u64 = 64 << 20;

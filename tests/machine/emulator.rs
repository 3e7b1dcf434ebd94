//! A whole 32-bit ARM machine: Debian's armhf kernel and busybox under `qemu-system-arm`, with a network in which the
//! host's loopback is 10.0.2.2.

use std::fs;
use std::path::{Path, PathBuf};

use crate::initramfs::Initramfs;
use crate::support::directory::Directory;
use crate::support::packages;
use crate::support::process::Server;

/// Everything that a machine is started from, or `None` where something is missing: then the suite is skipped with a
/// loud line, or fails in CI.
pub(crate) struct Parts {
    folder: PathBuf,
    pub(crate) homing: PathBuf,
}

impl Parts {
    /// Finds the kernel and busybox (tests/setup), the emulator, and the board's binary (cross/build).
    pub(crate) fn find(suite: &str) -> Option<Self> {
        if !packages::available(suite, &[EMULATOR]) {
            return None;
        }
        let Some(folder) = target_file("machine/fetched") else {
            packages::skip(suite, "the machine's kernel is missing; run tests/setup");
            return None;
        };
        let Some(homing) = target_file("boards/pi-32/homing") else {
            packages::skip(suite, "the pi-32 binary is missing; run cross/build pi-32");
            return None;
        };
        Some(Self { folder: folder.parent().unwrap().to_owned(), homing })
    }

    /// A file that tests/machine/setup fetched.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An initramfs with busybox, the network's modules and homing, which runs `script` as its only process.
    pub(crate) fn initramfs(&self, script: &str) -> Initramfs {
        let mut initramfs = Initramfs::new();
        for folder in ["bin", "data", "etc", "lib", "proc", "sys", "tmp", "usr", "usr/bin", "var", "var/spool"] {
            initramfs.folder(folder, 0o755);
        }
        initramfs.file("bin/busybox", 0o755, &fs::read(self.path("busybox")).unwrap());
        initramfs.file("usr/bin/homing", 0o755, &fs::read(&self.homing).unwrap());
        initramfs.folder("modules", 0o755);
        for module in MODULES {
            let file = format!("modules/{module}.ko");
            initramfs.file(&file, 0o644, &fs::read(self.path(&file)).unwrap());
        }
        initramfs.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\n");
        initramfs.file("etc/group", 0o644, b"root:x:0:\n");
        initramfs.file("etc/hosts", 0o644, format!("127.0.0.1 localhost\n{HOST} {HOST_NAME}\n").as_bytes());
        initramfs.file("init", 0o755, format!("{START}\n{script}\n{END}").as_bytes());
        initramfs
    }
}

/// How a machine is started.
pub(crate) struct Settings {
    /// RAM in MiB.
    pub(crate) memory: u32,
    /// What the machine's clock says when it is switched on: `utc` for this machine's time, or a date and time.
    pub(crate) clock: &'static str,
}

/// A running machine; it is switched off when this is dropped.
pub(crate) struct Machine {
    server: Server,
    log: PathBuf,
}

impl Machine {
    /// Switches a machine on; its console goes to a log in `directory`.
    pub(crate) fn start(parts: &Parts, directory: &Directory, initramfs: Initramfs, settings: &Settings) -> Self {
        let initrd = directory.write("initramfs", initramfs.finish());
        let kernel = parts.path("vmlinuz");
        let (memory, clock) = (settings.memory.to_string(), format!("base={}", settings.clock));
        #[rustfmt::skip]
        let arguments = [
            "-M", "virt,highmem=off", "-cpu", "cortex-a7", "-m", &memory, "-rtc", &clock,
            "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
            "-kernel", kernel.to_str().unwrap(), "-initrd", initrd.to_str().unwrap(),
            "-append", "console=ttyAMA0 quiet panic=-1",
            "-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net",
        ];
        let server = Server::start(directory.path(), "machine", EMULATOR, arguments, &[]);
        Self { server, log: directory.join("machine.log") }
    }

    /// What the machine has written on its console so far.
    pub(crate) fn console(&self) -> String {
        console(&self.log)
    }

    /// Waits until the machine has said this (its script's `say`), and gives the rest of the line. Fails, with the
    /// console, when the machine ends before, or never says it.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        let log = self.log.clone();
        let said = |console: &str| {
            let line = console.lines().find_map(|line| line.strip_prefix("machine: ")?.strip_prefix(words));
            line.map(|rest| rest.trim().to_owned())
        };
        // A line counts when it is complete.
        let complete = |console: String| console.rfind('\n').map_or_else(String::new, |end| console[..end].to_owned());
        self.server.wait_until(&format!("it says {words:?}"), || said(&complete(console(&log))).is_some());
        said(&complete(self.console())).unwrap()
    }
}

fn console(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).replace('\r', "")
}

/// A file below the target folder, wherever that is.
pub(crate) fn target_file(name: &str) -> Option<PathBuf> {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .ancestors()
        .take(3)
        .map(|folder| folder.join(name))
        .chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(name)])
        .find(|file| file.is_file())
}

const EMULATOR: &str = "qemu-system-arm";
/// What qemu's virt machine needs to reach the network, in the order in which they are loaded.
const MODULES: [&str; 4] = ["failover", "net_failover", "virtio_net", "virtio_mmio"];
/// The machine that the emulator runs on, seen from inside.
const HOST: &str = "10.0.2.2";
/// What the host's servers are called inside.
pub(crate) const HOST_NAME: &str = "sandbox.test";

/// What every machine does first.
const START: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/local/bin:/usr/bin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in failover net_failover virtio_net virtio_mmio; do insmod /modules/$module.ko; done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
say() { echo "machine: $*"; }
say "is up with $(sed -n 's/^MemTotal: *//p' /proc/meminfo) at $(date -u +%Y-%m-%dT%H:%M:%S)"
"#;
/// The first process may not end; the test switches the machine off.
const END: &str = "say 'has nothing more to do'\nwhile :; do sleep 60; done\n";

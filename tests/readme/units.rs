//! `boards/systemd`: the units are valid, hold the program as tightly as their page says, and the program lives with that:
//! every system call, address family and file to be written that it uses, seen by strace, is one that they allow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::device::Device;
use crate::support::packages;

#[test]
fn the_units_are_valid_and_the_program_lives_with_them() {
    let programs = ["systemd-analyze", "systemctl", "strace", "useradd"];
    let Some(device) = Device::start("systemd page", &programs) else { return };
    let (send, drain) = (Unit::read("homing-send.service"), Unit::read("homing-drain.service"));
    let mut script = device.page("boards/systemd/README.md").script;
    script += "cd /etc/systemd/system\n";
    script +=
        "systemd-analyze verify --man=no homing-send.service homing-send.timer homing-send.path homing-drain.service\n";
    for unit in [&send, &drain] {
        script += &format!("systemd-analyze security --offline=true --threshold=20 {}\n", unit.name);
    }
    for link in [
        "timers.target.wants/homing-send.timer",
        "paths.target.wants/homing-send.path",
        "multi-user.target.wants/homing-drain.service",
    ] {
        script += &format!("test -e {link}\n");
    }
    script += "take_picture\nchmod 644 /run/camera/latest.jpg\ncd /\n";
    script += &format!("{}\n{} || [ $? = 75 ]\n", send.directories(), send.traced());
    // The one that stays is ended when the file is gone from the directory and the queue.
    script += &format!("rm -rf /run/homing\n{}\n{} &\nstrace=$!\n", drain.directories(), drain.traced());
    script += "cp /run/camera/latest.jpg /var/spool/outgoing/.hidden; chown homing /var/spool/outgoing/.hidden\n";
    script += "mv /var/spool/outgoing/.hidden /var/spool/outgoing/second.jpg\n";
    script += "until grep -qs '\"result\":\"success\"' /run/homing-drain/status.json && [ ! -e /var/spool/outgoing/second.jpg ] && \
               [ -z \"$(ls /var/lib/homing/queue/pending 2>/dev/null)\" ]; do kill -0 $strace; /bin/sleep 0.1; done\n";
    script += "kill $(cat /proc/$strace/task/$strace/children); wait $strace || true\n";
    script += "cp /run/*.trace \"$FOLDER\"\n";
    let said = device.run_successfully(&script);

    let objects = device.objects();
    assert!(objects.contains(&"camera-1/latest.jpg".to_owned()), "{objects:?}\n{said}");
    assert!(objects.contains(&"camera-1/second.jpg".to_owned()), "{objects:?}\n{said}");
    for unit in [send, drain] {
        unit.check_trace(&fs::read_to_string(device.file(&format!("{}.trace", unit.name))).unwrap());
    }
}

/// A unit of `boards/systemd`.
struct Unit {
    name: &'static str,
    text: String,
}

impl Unit {
    fn read(name: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/systemd").join(name);
        Self { name, text: fs::read_to_string(path).unwrap() }
    }

    /// Every value of a setting that may be given several times.
    fn values(&self, key: &str) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
    }

    fn value(&self, key: &str) -> &str {
        let values = self.values(key);
        assert_eq!(values.len(), 1, "{}: {key}", self.name);
        values[0]
    }

    /// Makes what systemd makes before the start.
    fn directories(&self) -> String {
        let [state, runtime] = ["StateDirectory", "RuntimeDirectory"].map(|key| self.value(key));
        format!("install -d -m 700 -o homing /var/lib/{state} /run/{runtime}")
    }

    /// The unit's own command as its user, watched.
    fn traced(&self) -> String {
        let user = self.value("User");
        // strace stays root: of a program that has turned core dumps off nobody else may read the arguments.
        format!(
            "env -i PATH=\"$PATH\" strace -f -y -s 200 -u {user} -o /run/{}.trace {}",
            self.name,
            self.value("ExecStart")
        )
    }

    fn check_trace(&self, trace: &str) {
        let allowed = self.allowed_calls();
        let families: Vec<&str> = self.value("RestrictAddressFamilies").split(' ').collect();
        let mut writable = vec![
            "/dev/null".to_owned(),
            "/tmp/".to_owned(),
            format!("/var/lib/{}", self.value("StateDirectory")),
            format!("/run/{}", self.value("RuntimeDirectory")),
        ];
        writable.extend(self.values("ReadWritePaths").iter().map(|path| (*path).to_owned()));
        let mut seen = BTreeSet::new();
        for line in trace.lines() {
            // The process id, then CALL(ARGUMENTS) = RESULT; what is not a call is a signal, an exit, or the rest of a call.
            let Some((_, call)) = line.split_once(' ') else { continue };
            let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
            if !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
                continue;
            }
            assert!(allowed.contains(name), "{} does not allow {name}", self.name);
            seen.insert(name.to_owned());
            if name == "socket" {
                let family = arguments.split(',').next().unwrap();
                assert!(families.contains(&family), "{} does not allow {family}", self.name);
            }
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| arguments.contains(flag));
            if ["open", "openat"].contains(&name) && writes && !arguments.contains(") = -1 ") {
                let path = arguments.split('"').nth(1).unwrap_or_else(|| panic!("no path: {line}"));
                // Of a path below an open folder strace has said which folder that is: 9</var/lib/homing>.
                let folder = arguments.split(['<', '>']).nth(1).unwrap_or_default();
                let path = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
                let fits = writable.iter().any(|folder| path.starts_with(folder));
                assert!(fits, "{} does not let {path} be written: {line}", self.name);
            }
        }
        assert!(["execve", "socket", "openat"].iter().all(|name| seen.contains(*name)), "{seen:?}");
    }

    /// `SystemCallFilter`: a list to allow, and one to take away from it.
    fn allowed_calls(&self) -> BTreeSet<String> {
        let groups = groups_of_calls();
        let mut allowed = BTreeSet::new();
        for filter in self.values("SystemCallFilter") {
            let forbidden = filter.starts_with('~');
            for name in filter.trim_start_matches('~').split(' ') {
                for call in expand(name, &groups) {
                    if forbidden {
                        allowed.remove(&call);
                    } else {
                        allowed.insert(call);
                    }
                }
            }
        }
        assert!(allowed.len() > 100 && !allowed.contains("reboot"), "{}", allowed.len());
        allowed
    }
}

fn expand(name: &str, groups: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    match groups.get(name) {
        Some(members) => members.iter().flat_map(|member| expand(member, groups)).collect(),
        None => vec![name.to_owned()],
    }
}

/// systemd's own groups of system calls.
fn groups_of_calls() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(packages::find("systemd-analyze").unwrap()).arg("syscall-filter").output().unwrap();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut group = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let member = line.trim();
        if line.starts_with('@') {
            member.clone_into(&mut group);
        } else if line.starts_with(' ') && !member.starts_with('#') {
            groups.entry(group.clone()).or_default().push(member.to_owned());
        }
    }
    groups
}

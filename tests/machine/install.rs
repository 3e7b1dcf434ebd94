//! boards/install.sh into image roots, by busybox's shell and by dash. On a running system it is tested inside the
//! emulated machine (see the cron suite).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::directory::Directory;
use crate::support::packages;

#[test]
fn installing_twice_is_installing_once() {
    for shell in shells() {
        for layout in [Layout::Debian, Layout::Alpine, Layout::Busybox] {
            let image = Image::new(layout);
            let before = image.tree();
            image.install(shell, &["--send", "/data/photo.jpg", "--every", "10"]);
            let once = image.tree();
            image.install(shell, &["--send", "/data/photo.jpg", "--every", "10"]);
            assert_eq!(image.tree(), once, "{shell:?} {layout:?}");
            // Without --send what was said before counts.
            image.install(shell, &[]);
            assert_eq!(image.tree(), once, "{shell:?} {layout:?}");

            image.run(shell, &["--uninstall"], 0);
            assert!(!image.root.join("usr/local/bin/homing").exists());
            assert!(!image.root.join("usr/local/bin/docker-credential-homing").is_symlink());
            assert!(image.root.join("etc/homing/config.json").exists(), "the configuration is the user's");
            assert!(!image.crontab().contains("homing"), "{}", image.crontab());
            image.run(shell, &["--uninstall", "--purge"], 0);
            let mut after = image.tree();
            // Folders of the system's own may stay.
            after.retain(|path, entry| !entry.is_folder() || before.contains_key(path));
            assert_eq!(after, before, "{shell:?} {layout:?}");
        }
    }
}

/// Docker finds homing under a name of Docker's own.
#[test]
fn the_credential_helper_is_a_link_to_the_program() {
    for shell in shells() {
        let image = Image::new(Layout::Debian);
        image.install(shell, &[]);
        let helper = image.root.join("usr/local/bin/docker-credential-homing");
        assert_eq!(fs::read_link(&helper).unwrap(), Path::new("homing"));
        let output = Command::new(&helper).arg("version").env_clear().output().unwrap();
        assert!(output.stdout.starts_with(b"docker-credential-homing "), "{output:?}");
    }
}

#[test]
fn owners_and_modes_keep_the_key_from_others() {
    for shell in shells() {
        let image = Image::new(Layout::Debian);
        image.install(shell, &["--user", "camera"]);
        let tree = image.tree();
        // Only root can give files away; for others the modes are tested.
        let camera = if is_root() { (0, 1002) } else { own_ids() };
        let queue = if is_root() { (1001, 1002) } else { own_ids() };
        let root = if is_root() { (0, 0) } else { own_ids() };
        for (path, mode, owner) in [
            ("usr/local/bin/homing", 0o755, root),
            ("etc/homing", 0o750, camera),
            ("etc/homing/config.json", 0o640, camera),
            ("var/lib/homing", 0o700, queue),
            ("etc/cron.d/homing", 0o644, root),
        ] {
            let entry = &tree[Path::new(path)];
            assert_eq!((entry.mode, entry.owner), (mode, owner), "{shell:?} {path}");
        }
        let image = Image::new(Layout::Busybox);
        image.install(shell, &[]);
        assert_eq!(image.tree()[Path::new("var/spool/cron/crontabs/root")].mode, 0o600);
    }
}

#[test]
fn what_a_person_wrote_stays() {
    for shell in shells() {
        let image = Image::new(Layout::Busybox);
        let crontab = image.root.join("var/spool/cron/crontabs/root");
        fs::create_dir_all(crontab.parent().unwrap()).unwrap();
        fs::write(&crontab, "0 3 * * * /usr/bin/backup 100\\%\n").unwrap();
        image.install(shell, &["--send", "/data/a.jpg"]);
        fs::write(image.root.join("etc/homing/config.json"), "{\"bucket\":\"mine\"}").unwrap();
        fs::write(image.root.join("etc/homing/private.pem.key"), "a key").unwrap();
        image.install(shell, &["--send", "/data/b.jpg"]);
        assert_eq!(fs::read_to_string(image.root.join("etc/homing/config.json")).unwrap(), "{\"bucket\":\"mine\"}");
        let lines = image.crontab();
        assert!(lines.starts_with("0 3 * * * /usr/bin/backup 100\\%\n"), "{lines}");
        assert!(lines.contains("*/5 * * * * /usr/local/bin/homing -v send /data/b.jpg") && !lines.contains("a.jpg"));
        image.run(shell, &["--uninstall"], 0);
        assert_eq!(image.crontab(), "0 3 * * * /usr/bin/backup 100\\%\n");
        assert_eq!(fs::read_to_string(image.root.join("etc/homing/private.pem.key")).unwrap(), "a key");
    }
}

#[test]
fn mistakes_are_named_and_change_nothing() {
    for shell in shells() {
        let image = Image::new(Layout::Debian);
        let before = image.tree();
        for (arguments, code, words) in [
            (&["--send", "photo.jpg"][..], 64, "full path"),
            (&["--send", "/data/100%.jpg"], 64, "/data/100%.jpg"),
            (&["--send", "/data/a b.jpg"], 64, "/data/a b.jpg"),
            (&["--send", "/data/a.jpg", "--every", "0"], 64, "--every 0"),
            (&["--send", "/data/a.jpg", "--every", "60"], 64, "--every 60"),
            (&["--every", "5"], 64, "--send"),
            (&["--send"], 64, "--send needs a value"),
            (&["--purge"], 64, "--uninstall"),
            (&["--send", "/data/a.jpg", "--no-cron"], 64, "--no-cron"),
            (&["--binary", "/nowhere/homing"], 66, "/nowhere/homing"),
            (&["--user", "nobody-here"], 67, "nobody-here"),
            (&["install"], 64, "install"),
        ] {
            let said = image.run(shell, arguments, code);
            assert!(said.contains(words), "{shell:?} {arguments:?}: {said}");
            assert_eq!(image.tree(), before, "{shell:?} {arguments:?}");
        }
    }
}

/// The configuration to fill in is one that homing reads, and of which it names every empty value.
#[test]
fn homing_names_each_value_that_is_to_be_filled_in() {
    for shell in shells() {
        let image = Image::new(Layout::Debian);
        image.install(shell, &[]);
        let output = Command::new(env!("CARGO_BIN_EXE_homing"))
            .args(["--config", image.root.join("etc/homing/config.json").to_str().unwrap(), "send", "/etc/hostname"])
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        for key in ["thing_name", "credential_endpoint", "data_endpoint", "role_alias", "bucket"] {
            assert!(said.contains(key), "{key} is not named: {said}");
        }
    }
}

#[test]
fn every_board_has_the_same_installer() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    let mut count = 0;
    for entry in fs::read_dir(&boards).unwrap() {
        let board = entry.unwrap().path();
        if board.join("board.toml").exists() {
            count += 1;
            assert_eq!(fs::read_link(board.join("install.sh")).unwrap(), Path::new("../install.sh"), "{board:?}");
        }
    }
    assert!(count >= 4);
}

#[test]
fn shellcheck_finds_nothing() {
    if !packages::available("shellcheck", &["shellcheck"]) {
        return;
    }
    let scripts = ["boards/install.sh", "boards/debian/build", "tests/machine/setup"];
    let output = Command::new("shellcheck").args(scripts).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Where a system keeps its crontabs.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Debian,
    Alpine,
    Busybox,
}

/// The root folder of an image.
struct Image {
    root: PathBuf,
    layout: Layout,
    _directory: Directory,
}

/// What a file is, for comparisons.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    owner: (u32, u32),
    /// Of a link, where it leads; `None` for a folder.
    content: Option<Vec<u8>>,
}

impl Entry {
    fn is_folder(&self) -> bool {
        self.content.is_none()
    }
}

impl Image {
    fn new(layout: Layout) -> Self {
        let directory = Directory::new("image");
        let root = directory.join("root with a space");
        for folder in ["etc", "usr", "var"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        match layout {
            Layout::Debian => fs::create_dir(root.join("etc/cron.d")).unwrap(),
            Layout::Alpine => fs::create_dir(root.join("etc/crontabs")).unwrap(),
            Layout::Busybox => {}
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\ncamera:x:1001:1002::/:/bin/sh\n").unwrap();
        Self { root, layout, _directory: directory }
    }

    fn install(&self, shell: &[&str], arguments: &[&str]) -> String {
        let arguments = [&["--binary", env!("CARGO_BIN_EXE_homing")], arguments].concat();
        self.run(shell, &arguments, 0)
    }

    fn run(&self, shell: &[&str], arguments: &[&str], code: i32) -> String {
        let output = Command::new(packages::find(shell[0]).unwrap())
            .args(&shell[1..])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/install.sh"))
            .args(["--root", self.root.to_str().unwrap()])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{shell:?} {arguments:?}: {said}");
        said
    }

    fn crontab(&self) -> String {
        let path = match self.layout {
            Layout::Debian => "etc/cron.d/homing",
            Layout::Alpine => "etc/crontabs/root",
            Layout::Busybox => "var/spool/cron/crontabs/root",
        };
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    fn tree(&self) -> BTreeMap<PathBuf, Entry> {
        let mut tree = BTreeMap::new();
        let mut waiting = vec![self.root.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let content = match fs::read_link(&path) {
                    Ok(leads_to) => Some(leads_to.into_os_string().into_encoded_bytes()),
                    Err(_) => metadata.is_file().then(|| fs::read(&path).unwrap()),
                };
                let mode = metadata.permissions().mode() & 0o7777;
                let owner = (metadata.uid(), metadata.gid());
                tree.insert(path.strip_prefix(&self.root).unwrap().to_owned(), Entry { mode, owner, content });
                if metadata.is_dir() {
                    waiting.push(path);
                }
            }
        }
        tree
    }
}

/// The shells that are here; both in CI.
fn shells() -> impl Iterator<Item = &'static [&'static str]> {
    const SHELLS: [&[&str]; 2] = [&["busybox", "sh"], &["dash"]];
    SHELLS.into_iter().filter(|shell| packages::available("installing", &shell[..1]))
}

fn own_ids() -> (u32, u32) {
    let me = fs::metadata("/proc/self").unwrap();
    (me.uid(), me.gid())
}

fn is_root() -> bool {
    own_ids().0 == 0
}

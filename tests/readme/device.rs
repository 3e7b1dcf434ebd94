//! The pages of `boards/` for a device, run as written: in a mount namespace whose `/etc`, `/var`, `/usr/local` and `/run`
//! are the device's, as root, with the sandbox for AWS. What they change there is gone with the namespace.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use homing_sandbox::{Message, Sandbox};

use crate::blocks::{blocks, of_kind};
use crate::support::content;
use crate::support::directory::Directory;
use crate::support::packages;

#[test]
fn cron_sends_what_the_page_says() {
    let Some(device) = Device::start("cron page", &[]) else { return };
    let page = device.page("boards/cron/README.md");
    let mut script = page.script.clone();
    // The page's lines, and the one that the installer has written, as cron runs them.
    let installed = "\"$(sed -n '/^[^#]/p' /etc/cron.d/homing)\"";
    script += &format!("test {installed} = '{}'\n", of_kind(&page.text, "cron.d")[0].trim_end());
    script += "take_picture\ncp /run/camera/latest.jpg \"/run/camera/$(date +%Y-%m-%d).jpg\"\n";
    let lines: Vec<String> = of_kind(&page.text, "crontab")
        .iter()
        .chain(&of_kind(&page.text, "cron.d"))
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(lines.len() >= 6, "{lines:?}");
    for line in &lines {
        script += &cron_runs(line);
    }
    script += "test ! -e /run/homing-needs-a-person\ncat /run/logger\n";
    let said = device.run_successfully(&script);
    // Two lines that send the picture, one that sends another, and the script's own.
    assert_eq!(device.objects().len(), 4, "{said}");
    assert!(!said.contains("failed"), "{said}");
}

#[test]
fn what_the_migration_page_says_instead_delivers() {
    let Some(device) = Device::start("migration page", &[]) else { return };
    let page = device.page("boards/MIGRATION.md");
    let said = device.run_successfully(&format!("{}cmp copy.jpg /run/camera/latest.jpg\n", page.script));
    let objects = device.objects();
    for key in ["camera-1/latest.jpg", "latest.jpg", "camera-1/camera.tar.gz"] {
        assert!(objects.iter().any(|object| object == key), "{key}: {objects:?}\n{said}");
    }
    let is_status = |message: &Message| message.topic == "camera/status" && message.payload == br#"{"state":"up"}"#;
    let messages = device.sandbox.messages().into_iter().filter(is_status).count();
    assert_eq!(messages, 2, "{said}");
}

#[test]
fn the_readmes_lines_for_a_device_deliver() {
    let Some(device) = Device::start("README's device", &["curl"]) else { return };
    let put = |key: &str| format!("homing put $FOLDER/latest.jpg s3://{BUCKET}/{key}\n");
    let mut script = String::from("export CURL_CA_BUNDLE=/etc/homing/ca.pem\n");
    script += "head -c 6000000 /dev/urandom >video.mp4\ngzip <install.sh >log.gz\n";
    script += &(put("firmware/v2.bin") + &put("camera.json") + &put("camera-1/latest.jpg"));
    script += &format!("tar cz install.sh | homing put - s3://{BUCKET}/site.tar.gz\n");
    let mut count = 0;
    for block in blocks(&crate::readme_and_reference()) {
        if block.info == "sh device" {
            script += &format!("take_picture\n{}", block.text);
        } else if block.info == "crontab" {
            script += &block.text.lines().map(cron_runs).collect::<String>();
        } else {
            continue;
        }
        count += 1;
    }
    assert!(count >= 7, "the README has lost its lines for a device");
    script += "cmp /var/lib/firmware.bin $FOLDER/latest.jpg; cmp /etc/camera.json $FOLDER/latest.jpg\n";
    script += "cmp /srv/install.sh install.sh\n";
    let said = device.run_successfully(&script);
    let objects = device.objects();
    for key in ["video.mp4", "logs.tar.gz", "camera-1/log.gz", "camera-1/video.mp4", "camera-1/latest.jpg"] {
        assert!(objects.iter().any(|object| object == key), "{key}: {objects:?}\n{said}");
    }
    // Put above, sent by two lines of crontabs, and queued by one block.
    assert_eq!(objects.iter().filter(|object| *object == "camera-1/latest.jpg").count(), 4, "{objects:?}\n{said}");
}

/// A page's text, and its commands as one script.
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) script: String,
}

/// A device, whose AWS is a sandbox.
pub(crate) struct Device {
    directory: Directory,
    sandbox: Sandbox,
}

impl Device {
    /// `None`, loudly, where there is no root to make namespaces, or one of `programs` is missing.
    pub(crate) fn start(suite: &str, programs: &[&str]) -> Option<Self> {
        if !packages::available(suite, &[programs, &["bash", "unshare", "mount", "tar"]].concat()) {
            return None;
        }
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            packages::skip(suite, "only root can stand for a device's root");
            return None;
        }
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = Directory::new("device");
        let sandbox = Sandbox::builder().thing_name("camera-1").bucket(BUCKET).start().unwrap();

        let device = Self { directory, sandbox };
        device.make_working_directory(repository);
        device.make_configuration();
        device.make_stubs();
        device.directory.write("latest.jpg", content::bytes(300_000));
        Some(device)
    }

    /// A page of the repository; before each block a new picture is taken where the last one is gone.
    pub(crate) fn page(&self, path: &str) -> Page {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let run = blocks(&text).into_iter().filter(|block| block.is_run());
        let script = run.map(|block| format!("take_picture\n{}", block.text)).collect();
        Page { text, script }
    }

    /// `target/boards/BOARD/homing`, as cross/build makes it; a program of this machine stands for one of the board's.
    pub(crate) fn make_boards(&self, boards: &[&str], binary: &Path) {
        for board in boards {
            let folder = self.directory.join("working/target/boards").join(board);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(binary, folder.join("homing")).unwrap();
        }
    }

    /// A file that a script has left in `$FOLDER`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Runs a script on the device and gives all that it said.
    pub(crate) fn run_successfully(&self, script: &str) -> String {
        let script = format!("{PREPARE}\n{script}");
        let output = Command::new(packages::find("unshare").unwrap())
            .args(["--mount", "bash", "-euxc", &script])
            .current_dir(self.directory.path())
            .env_clear()
            .envs([("HOME", "/root"), ("FOLDER", self.directory.path().to_str().unwrap())])
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{:?}:\n{said}", output.status);
        said
    }

    /// The keys of the objects that came, in their order.
    pub(crate) fn objects(&self) -> Vec<String> {
        self.sandbox.objects().into_iter().map(|object| object.key).collect()
    }

    /// What has been copied to the device, and a clone of the repository.
    fn make_working_directory(&self, repository: &Path) {
        let working = self.directory.join("working");
        fs::create_dir(&working).unwrap();
        fs::copy(repository.join("boards/install.sh"), working.join("install.sh")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_homing"), working.join("homing")).unwrap();
        symlink(repository.join("boards/systemd"), working.join("systemd")).unwrap();
        for name in ["boards", "LICENSE-MIT", "LICENSE-APACHE"] {
            symlink(repository.join(name), working.join(name)).unwrap();
        }
    }

    /// `/etc/homing`: the sandbox's configuration with a device's usual paths.
    fn make_configuration(&self) {
        let mut config = self.sandbox.configuration();
        let folder = self.directory.join("etc-homing");
        fs::create_dir(&folder).unwrap();
        for (key, name) in
            [("certificate", "device.pem.crt"), ("private_key", "private.pem.key"), ("ca_file", "ca.pem")]
        {
            fs::copy(config[key].as_str().unwrap(), folder.join(name)).unwrap();
            config[key] = format!("/etc/homing/{name}").into();
        }
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
    }

    /// What a test machine has not: a running systemd, a logger, and the patience to sleep.
    fn make_stubs(&self) {
        let folder = self.directory.join("stubs");
        fs::create_dir(&folder).unwrap();
        for (name, script) in
            [("systemctl", SYSTEMCTL), ("logger", "cat >>/run/logger"), ("sleep", "[ \"$1\" -lt 60 ]")]
        {
            let path = folder.join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// What cron gives to the shell: without the five fields of the time, and the user where a system's file has one; a
/// percent sign without its backslash, and nothing behind one that has none.
fn crontab_command(line: &str) -> String {
    let mut rest = line;
    for _ in 0..5 {
        rest = rest.split_once(' ').unwrap().1;
    }
    let command = rest.strip_prefix("root ").unwrap_or(rest);
    let end = command.match_indices('%').map(|(index, _)| index).find(|index| !command[..*index].ends_with('\\'));
    command[..end.unwrap_or(command.len())].replace("\\%", "%")
}

/// Runs a line as cron does, when there is a new picture.
fn cron_runs(line: &str) -> String {
    let command = quoted(&crontab_command(line));
    format!("take_picture\nenv -i HOME=/root SHELL=/bin/sh PATH=\"$STUBS:/usr/bin:/bin\" sh -c {command}\n")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

const BUCKET: &str = "my-camera-files";

/// Memory over the folders that pages write to.
const PREPARE: &str = r#"
mount -t tmpfs none /mnt
for folder in etc var usr/local; do
    mkdir -p /mnt/$folder/upper /mnt/$folder/work
    mount -t overlay overlay -o lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work /$folder
done
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs none /srv
mkdir -p /run/camera /etc/cron.d
rm -rf /etc/homing /var/lib/homing
cp -r etc-homing /etc/homing
chmod 600 /etc/homing/private.pem.key
cp working/homing /usr/local/bin/homing
export STUBS="$FOLDER/stubs" PATH="$FOLDER/stubs:$PATH"
take_picture() { [ -e /run/camera/latest.jpg ] || cp "$FOLDER/latest.jpg" /run/camera/latest.jpg; }
cd working
"#;

/// Enabling a unit works without systemd; starting it, or telling the manager, does not.
const SYSTEMCTL: &str = r#"
case "$1" in
    daemon-reload) ;;
    enable) shift; [ "$1" != --now ] || shift; SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl enable "$@" ;;
    *) echo "systemctl $*: nobody has said what this does" >&2; exit 64 ;;
esac
"#;

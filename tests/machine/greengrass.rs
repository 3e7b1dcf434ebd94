//! boards/greengrass/recipe.yaml, run as the nucleus runs a component: as an unprivileged user, by `sh`, with
//! Greengrass's environment, credentials from the token exchange service.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use homing_sandbox::{Sandbox, Service};
use serde_json::{Value, json};

use crate::board;
use crate::emulator::{Machine, Parts, Settings};
use crate::nucleus::{self, Folders};
use crate::support::content::bytes;
use crate::support::directory::Directory;
use crate::support::packages::{self, BOTO};
use crate::support::process::run;

#[test]
fn the_recipe_has_what_greengrass_asks_for() {
    let Some(recipe) = recipe() else { return };
    assert_eq!(recipe["RecipeFormatVersion"], "2020-01-25");
    assert_eq!(recipe["ComponentVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(recipe["ComponentDependencies"]["aws.greengrass.TokenExchangeService"]["DependencyType"], "HARD");
    let manifests = recipe["Manifests"].as_array().unwrap();
    let architectures: Vec<&str> =
        manifests.iter().map(|manifest| manifest["Platform"]["architecture"].as_str().unwrap()).collect();
    assert_eq!(architectures, ["arm", "aarch64"]);
    for manifest in manifests {
        assert_eq!(manifest["Platform"]["os"], "linux");
        assert_eq!(manifest["Lifecycle"], manifests[0]["Lifecycle"]);
        let artifact = &manifest["Artifacts"][0];
        assert_eq!(artifact["Unarchive"], "ZIP");
        let uri = artifact["URI"].as_str().unwrap();
        let version = format!("/{}/{}/", recipe["ComponentName"].as_str().unwrap(), env!("CARGO_PKG_VERSION"));
        assert!(uri.starts_with("s3://BUCKET/") && uri.contains(&version), "{uri}");
    }
}

#[test]
fn a_component_delivers_with_the_token_exchange_services_credentials() {
    for via in ["mqtt", "https"] {
        let Some(core) = CoreDevice::new() else { return };
        for (name, length) in [("small.bin", 1000), ("large.bin", 300_000)] {
            let content = bytes(length);
            let file = core.write(name, &content);
            let output = core.run(&file, json!({ "via": via }));
            assert!(output.status.success(), "{via}, {name}: {output:?}");
            core.expect_no_secret(&output);
        }
        let objects = core.sandbox.objects();
        assert_eq!(objects.len(), 1);
        let stored = core.sandbox.folder().join("s3").join(core.sandbox.bucket()).join(&objects[0].key);
        assert_eq!(fs::read(stored).unwrap(), bytes(300_000));
        let messages = core.messages();
        assert_eq!((&messages[0]["type"], &messages[0]["name"]), (&json!("file_content"), &json!("small.bin")));
        assert_eq!((&messages[1]["type"], &messages[1]["key"]), (&json!("s3_url"), &json!(objects[0].key)));
        assert!(core.sandbox.counts(Service::Container).requests > 0, "{via}");
        assert_eq!(core.sandbox.counts(Service::Credentials).connections, 0, "{via}");
    }
}

#[test]
fn a_component_delivers_from_a_32_bit_machine() {
    let (Some(recipe), Some(parts)) = (recipe(), Parts::find("Greengrass component on a 32-bit machine")) else {
        return;
    };
    let (directory, sandbox) = (Directory::new("component"), board::sandbox());
    let manifests = recipe["Manifests"].as_array().unwrap();
    let manifest = manifests.iter().find(|manifest| manifest["Platform"]["architecture"] == "arm").unwrap();
    let artifact = directory.join("homing.zip");
    run("python3", ["-m", "zipfile", "-c", artifact.to_str().unwrap(), parts.homing.to_str().unwrap()]);

    let mut configuration = recipe["ComponentConfiguration"]["DefaultConfiguration"].clone();
    configuration["file"] = "/data/it's a reading.log".into();
    let all = board::configuration(&sandbox);
    let homing = configuration["homing"].as_object_mut().unwrap();
    for key in ["certificate", "private_key", "ca_file", "data_endpoint", "bucket", "path_style", "endpoints"] {
        homing.insert(key.to_owned(), all[key].clone());
    }
    let root = Path::new("/greengrass/v2");
    let folders = Folders {
        artifacts: root.join("packages/artifacts"),
        unarchived: root.join("packages/artifacts-unarchived"),
        work: root.join("work"),
    };
    let script = manifest["Lifecycle"]["Run"]["Script"].as_str().unwrap();
    let script = nucleus::interpolate(script, &configuration, &folders);

    let endpoint = sandbox.container_endpoint();
    let port = sandbox.port(Service::Container);
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*endpoint.full_uri),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", &endpoint.authorization_token),
        ("AWS_REGION", all["region"].as_str().unwrap()),
        ("AWS_IOT_THING_NAME", sandbox.thing_name()),
    ];
    let exports: String = variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    // The service listens on the device's own loopback.
    let service = format!("nc -ll -p {port} -e /bin/nc 10.0.2.2 {port} &\n");
    let mut initramfs = parts.initramfs(&format!("{service}{exports}{RUN_AS_NOBODY}"));
    initramfs.file("homing.zip", 0o644, &fs::read(artifact).unwrap());
    initramfs.file("script", 0o644, script.as_bytes());
    board::add_files(&mut initramfs, "etc/homing", &sandbox);
    let mut machine = Machine::start(&parts, &directory, initramfs, &Settings { memory: 64, clock: "utc" });

    assert_eq!(machine.wait_for("the component ended with"), "0", "{}", machine.console());
    let objects = sandbox.objects();
    assert_eq!((objects.len(), objects[0].bytes), (1, 228_894), "{}", machine.console());
    let message: Value = serde_json::from_slice(&sandbox.messages()[0].payload).unwrap();
    assert_eq!(message["name"], "it's a reading.log");
    assert!(sandbox.counts(Service::Container).requests > 0);
    assert_eq!(sandbox.counts(Service::Credentials).connections, 0);
    assert!(!machine.console().contains(&endpoint.authorization_token));
}

/// The shell must take no character of a value for its own.
#[test]
fn any_character_in_a_value_survives() {
    let Some(core) = CoreDevice::new() else { return };
    let names = [
        r"it's.txt",
        r#"a "quoted" name.txt"#,
        "$(touch run) `touch run` ${HOME}.txt",
        r"back\slash\\ \n.txt",
        "a; touch run & touch run | touch run > run # .txt",
        "été à 20 °C *?[a-z].txt",
        " leading and trailing ",
        "END",
    ];
    for name in names {
        let file = core.write(name, name.as_bytes());
        let topic = format!("devices/{}", name.replace(['/', '+', '#', '{', '}'], ""));
        let output = core.run(&file, json!({ "topic": topic }));
        assert!(output.status.success(), "{name:?}: {output:?}");
        assert_eq!(core.messages().last().unwrap()["name"], name);
        assert_eq!(core.sandbox.messages().last().unwrap().topic, topic);
    }
    let in_work: Vec<_> = fs::read_dir(&core.folders.work).unwrap().collect();
    assert!(in_work.is_empty(), "a value was run: {in_work:?}");
}

#[test]
fn what_is_missing_in_the_configuration_is_named() {
    let Some(core) = CoreDevice::new() else { return };
    let file = core.write("a.txt", b"a");
    let output = core.run(&file, json!({ "bucket": "", "data_endpoint": "" }));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("bucket") && stderr.contains("data_endpoint"), "{stderr}");
}

/// A core device of the sandbox's, on which the component is installed.
struct CoreDevice {
    sandbox: Sandbox,
    recipe: Value,
    root: PathBuf,
    folders: Folders,
    user: Option<u32>,
}

impl CoreDevice {
    /// Installs the component; `None` where the suite cannot run.
    fn new() -> Option<Self> {
        let recipe = recipe()?;
        let sandbox = Sandbox::builder().start().unwrap();
        // Where an unprivileged user can go: the target folder may be in somebody's home.
        let root = sandbox.folder().with_file_name(format!("{}-core", sandbox.folder().file_name()?.to_str()?));
        let id = format!("homing.Send/{}", env!("CARGO_PKG_VERSION"));
        let folders = Folders {
            artifacts: root.join("packages/artifacts").join(&id),
            unarchived: root.join("packages/artifacts-unarchived").join(&id),
            work: root.join("work/homing.Send"),
        };
        let device = root.join("device");
        for folder in [&folders.artifacts, &folders.unarchived, &folders.work, &device] {
            fs::create_dir_all(folder).unwrap();
        }
        // Only root can become somebody else; whoever is not root is unprivileged already.
        let is_root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        let core = Self { sandbox, recipe, root, folders, user: is_root.then_some(NOBODY) };
        for from in [
            &core.sandbox.certificates().device_certificate,
            &core.sandbox.certificates().device_key,
            &core.sandbox.certificates().ca,
        ] {
            core.hand_over(&device.join(from.file_name().unwrap()), &fs::read(from).unwrap(), 0o400);
        }
        let archive = core.folders.artifacts.join("homing.zip");
        run("python3", ["-m", "zipfile", "-c", archive.to_str().unwrap(), env!("CARGO_BIN_EXE_homing")]);
        let permission = &core.recipe["Manifests"][0]["Artifacts"][0]["Permission"];
        nucleus::unarchive(&archive, &core.folders, permission, core.user);
        Some(core)
    }

    /// Writes a file that the component's user may read.
    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.root.join("device").join(name);
        self.hand_over(&path, content, 0o400);
        path
    }

    fn hand_over(&self, path: &Path, content: &[u8], mode: u32) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        if let Some(user) = self.user {
            chown(path, Some(user), Some(user)).unwrap();
        }
    }

    /// Runs the component with a deployment's configuration merged into the recipe's own.
    fn run(&self, file: &Path, merge: Value) -> Output {
        let mut configuration = self.recipe["ComponentConfiguration"]["DefaultConfiguration"].clone();
        configuration["file"] = file.to_str().unwrap().into();
        let all = self.sandbox.configuration();
        let homing = configuration["homing"].as_object_mut().unwrap();
        for key in ["data_endpoint", "https_port", "bucket", "path_style", "endpoints"] {
            homing.insert(key.to_owned(), all[key].clone());
        }
        for (key, name) in
            [("certificate", "device.pem.crt"), ("private_key", "private.pem.key"), ("ca_file", "ca.pem")]
        {
            homing.insert(key.to_owned(), self.root.join("device").join(name).to_str().unwrap().into());
        }
        homing.extend(merge.as_object().unwrap().clone());
        let script = self.recipe["Manifests"][0]["Lifecycle"]["Run"]["Script"].as_str().unwrap();
        let script = nucleus::interpolate(script, &configuration, &self.folders);

        let endpoint = self.sandbox.container_endpoint();
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(&self.folders.work).env_clear();
        shell
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/nonexistent")
            .env("AWS_REGION", all["region"].as_str().unwrap())
            .env("AWS_DEFAULT_REGION", all["region"].as_str().unwrap())
            .env("AWS_IOT_THING_NAME", self.sandbox.thing_name())
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.full_uri)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", endpoint.authorization_token)
            .env("SVCUID", "0123456789ABCDEF")
            .env("GGC_VERSION", "2.14.0")
            .env("GG_ROOT_CA_PATH", "/greengrass/v2/rootCA.pem");
        if let Some(user) = self.user {
            shell.uid(user).gid(user);
        }
        shell.output().unwrap()
    }

    fn messages(&self) -> Vec<Value> {
        self.sandbox.messages().iter().map(|message| serde_json::from_slice(&message.payload).unwrap()).collect()
    }

    fn expect_no_secret(&self, output: &Output) {
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!said.contains(&self.sandbox.container_endpoint().authorization_token), "{said}");
    }
}

impl Drop for CoreDevice {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn recipe() -> Option<Value> {
    packages::available("Greengrass component", &[BOTO, "python3", "sh"])
        .then(|| nucleus::read_recipe(&Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/greengrass/recipe.yaml")))
}

/// `nobody`, whom every system has.
const NOBODY: u32 = 65534;

/// What the nucleus does on the device, with busybox's tools: modes in the archive do not count.
const RUN_AS_NOBODY: &str = r#"
echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
unarchived=/greengrass/v2/packages/artifacts-unarchived/homing
mkdir -p $unarchived
unzip -q /homing.zip -d $unarchived
chown -R nobody /etc/homing $unarchived && chmod 500 $unarchived/homing
seq 1 40000 >"/data/it's a reading.log"
su -p -s /bin/sh nobody -c "$(cat /script)"
say "the component ended with $?"
"#;

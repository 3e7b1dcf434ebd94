//! `homing get`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use homing_sandbox::{Fault, HttpExchange, Sandbox, Service};
use serde_json::json;

use crate::aws_names::Aws;
use crate::support::{Finished, Run, bytes, sandbox, write};

#[test]
fn objects_of_any_size_arrive_byte_for_byte() {
    let scene = Scene::new();
    for size in [0, 1, 65_537, 20 * MIB] {
        let content = bytes(size);
        scene.store("some key/ü", &content);
        let file = scene.path(&format!("{size}.bin"));
        let line = scene.get("some key/ü", &file, &["--json"]).succeed().json_lines().remove(0);
        let etag = line["etag"].as_str().unwrap().to_owned();
        assert_eq!(
            line,
            json!({
                "file": file, "result": "received", "via": "s3", "bucket": "sandbox-bucket", "key": "some key/ü",
                "etag": etag, "bytes": size,
            })
        );
        assert!(!etag.is_empty() && !etag.contains('"'), "{etag}");
        assert!(fs::read(&file).unwrap() == content, "{size} bytes differ");
        assert_eq!(scene.leftovers(), [] as [String; 0]);
        // As any other new file.
        let ordinary = write(scene.sandbox.folder(), "ordinary", b"");
        assert_eq!(mode(&file), mode(&ordinary));
    }
}

#[test]
fn standard_output_gets_the_bytes_and_nothing_else() {
    let scene = Scene::new();
    let content = bytes(300_000);
    scene.store("k", &content);
    let mut command = scene.get("k", Path::new("-"), &["-v"]).into_command();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout == content);
}

#[test]
fn in_a_directory_the_last_part_of_the_key_is_the_name() {
    let scene = Scene::new();
    scene.store("a/b/c d.bin", b"content");
    let line = scene.get("a/b/c d.bin", &scene.folder, &["--json"]).succeed().json_lines().remove(0);
    let file = scene.path("c d.bin");
    assert_eq!(line["file"], json!(file));
    assert_eq!(fs::read(file).unwrap(), b"content");
}

#[test]
fn a_broken_connection_is_resumed_where_it_broke() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    scene.store("k", &content);
    scene.sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(8 * MIB as u64).times(1));
    let file = scene.path("k");
    let run = scene.get("k", &file, &["-v"]).succeed();
    assert!(run.stderr.contains("resuming at byte"), "{run:?}");
    assert!(fs::read(&file).unwrap() == content);
    let [first, second] = &scene.exchanges()[..] else { panic!("{:?}", scene.exchanges()) };
    assert_eq!((first.status, header(first, "range"), header(first, "if-match")), (200, None, None));
    assert_eq!(second.status, 206);
    let from = first_byte(second);
    assert!((1..=8 * MIB).contains(&from), "{from}");
    assert!(header(second, "if-match").is_some_and(|etag| etag.starts_with('"')));

    // To standard output, too, where nothing can be read back.
    scene.sandbox.clear_records();
    scene.sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(8 * MIB as u64).times(1));
    let output = scene.get("k", Path::new("-"), &[]).into_command().output().unwrap();
    assert!(output.status.success() && output.stdout == content, "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(scene.exchanges().len(), 2);
}

#[test]
fn the_next_command_resumes_what_one_gave_up() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    scene.store("k", &content);
    let file = scene.path("k");
    let there = scene.break_off("k", &file);
    assert_eq!((mode(&part(&file)), mode(&state(&file))), (0o600, 0o600));
    assert!(!file.exists());

    scene.get("k", &file, &[]).succeed();
    assert!(fs::read(&file).unwrap() == content);
    let exchanges = scene.exchanges();
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    assert_eq!((exchange.status, first_byte(exchange)), (206, there));
    assert_eq!(scene.leftovers(), [] as [String; 0]);
}

#[test]
fn a_download_that_lacked_only_its_end_asks_for_the_last_byte() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    scene.store("k", &content);
    let file = scene.path("k");
    scene.break_off("k", &file);
    fs::write(part(&file), &content).unwrap();
    scene.get("k", &file, &[]).succeed();
    assert!(fs::read(&file).unwrap() == content);
    let exchanges = scene.exchanges();
    assert_eq!((exchanges.len(), exchanges[0].status, first_byte(&exchanges[0])), (1, 206, content.len() - 1));
}

#[test]
fn what_was_resumed_is_verified_as_a_whole() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    for (algorithm, is_damaged) in
        [("crc32", false), ("crc32c", true), ("crc64nvme", true), ("sha256", false), ("sha256", true)]
    {
        scene.store_with("k", &content, &["--checksum", algorithm]);
        let file = scene.path("k");
        scene.break_off("k", &file);
        if is_damaged {
            let mut there = fs::read(part(&file)).unwrap();
            there[1000] ^= 1;
            fs::write(part(&file), there).unwrap();
        }
        let run = scene.get("k", &file, &["--json", "-vv"]).finish();
        assert_eq!(scene.exchanges()[0].status, 206, "{run:?}");
        if is_damaged {
            assert_eq!(run.code, Some(75), "{run:?}");
            let error = &run.json_lines()[0]["error"];
            assert_eq!((&error["code"], &error["retryable"]), (&json!("checksum_mismatch"), &json!(true)));
            assert!(error["message"].as_str().unwrap().contains("k.part' was removed"), "{error}");
            assert_eq!((file.exists(), scene.leftovers()), (false, vec![]));
            scene.get("k", &file, &[]).succeed();
        } else {
            assert_eq!(run.code, Some(0), "{run:?}");
            assert!(run.stderr.contains(&format!("{} ", algorithm.to_uppercase())), "{run:?}");
        }
        assert!(fs::read(&file).unwrap() == content);
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn an_object_that_was_replaced_meanwhile_is_fetched_from_its_beginning() {
    let scene = Scene::new();
    scene.store("k", &bytes(12 * MIB));
    let file = scene.path("k");
    let there = scene.break_off("k", &file);
    let newer = bytes(12 * MIB + 1);
    scene.store("k", &newer);
    scene.get("k", &file, &[]).succeed();
    assert!(fs::read(&file).unwrap() == newer);
    let exchanges = scene.exchanges();
    let [refused, whole] = &exchanges[..] else { panic!("{exchanges:?}") };
    assert_eq!((refused.status, first_byte(refused)), (412, there));
    assert_eq!((whole.status, header(whole, "range")), (200, None));

    // Shorter than what is there.
    fs::remove_file(&file).unwrap();
    scene.break_off("k", &file);
    scene.store("k", b"short");
    scene.get("k", &file, &[]).succeed();
    assert_eq!(fs::read(&file).unwrap(), b"short");
}

#[test]
fn another_object_is_not_resumed_with_what_is_there() {
    let scene = Scene::new();
    scene.store("k", &bytes(12 * MIB));
    let file = scene.path("file");
    scene.break_off("k", &file);
    let other = bytes(100_000);
    scene.store("other", &other);
    scene.get("other", &file, &[]).succeed();
    assert!(fs::read(&file).unwrap() == other);
    assert_eq!(header(&scene.exchanges()[0], "range"), None);
}

/// A file system may keep a file's length and lose its content when the power goes.
#[test]
fn after_a_reboot_only_what_was_surely_on_the_disk_counts() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    scene.store("k", &content);
    let file = scene.path("k");
    let there = scene.break_off("k", &file);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let text = fs::read_to_string(state(&file)).unwrap();
    assert!(text.contains(boot.trim()) && text.contains(&format!("\"synced\":{there}}}")), "{text}");
    let text = text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
    fs::write(state(&file), text.replace(&format!("\"synced\":{there}}}"), "\"synced\":54321}")).unwrap();
    let mut damaged = fs::read(part(&file)).unwrap();
    damaged[54_321..].fill(0);
    fs::write(part(&file), damaged).unwrap();
    scene.get("k", &file, &[]).succeed();
    assert!(fs::read(&file).unwrap() == content);
    assert_eq!(first_byte(&scene.exchanges()[0]), 54_321);
}

#[test]
fn the_file_that_is_there_stays_until_the_new_one_is_whole() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    scene.store("k", &content);
    let file = write(&scene.folder, "file", b"before");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let link = scene.path("link");
    symlink(&file, &link).unwrap();
    scene.break_off("k", &link);
    assert_eq!(fs::read(&file).unwrap(), b"before");
    scene.get("k", &link, &[]).succeed();
    assert!(fs::read(&file).unwrap() == content);
    assert_eq!((mode(&file), fs::read_link(&link).unwrap()), (0o640, file));
}

#[test]
fn nothing_is_fetched_while_it_has_not_changed() {
    let scene = Scene::new();
    scene.store("k", &bytes(200_000));
    let file = scene.path("file");
    let get = |expected: &str, status: u16| {
        scene.sandbox.clear_records();
        let run = scene.get("k", &file, &["--if-changed", "--json"]).succeed();
        assert_eq!(run.json_lines()[0]["result"], expected, "{run:?}");
        assert_eq!(scene.exchanges().last().unwrap().status, status);
        assert_eq!(scene.leftovers(), [".file.homing-etag"]);
    };
    get("received", 200);
    get("not-changed", 304);
    let text = scene.get("k", &file, &["--if-changed", "-v"]).succeed().stdout;
    assert_eq!(text, format!("{}: not changed, still s3://sandbox-bucket/k\n", file.display()));
    scene.store("k", &bytes(200_001));
    get("received", 200);
    assert!(fs::read(&file).unwrap() == bytes(200_001));
    get("not-changed", 304);

    // What somebody else did to the file is undone.
    fs::write(&file, bytes(200_002)).unwrap();
    get("received", 200);
    get("not-changed", 304);
    fs::remove_file(&file).unwrap();
    get("received", 200);
    fs::write(scene.path(".file.homing-etag"), "{\"object\":\"s3://sandbox-bucket/k\",").unwrap();
    get("received", 200);
    // Another object under the same name.
    scene.store("l", &bytes(10));
    scene.get("l", &file, &["--if-changed"]).succeed();
    assert_eq!(fs::read(&file).unwrap(), bytes(10));
}

#[test]
fn an_unchanged_file_is_left_alone_whatever_was_begun_before() {
    let scene = Scene::new();
    let content = bytes(12 * MIB);
    scene.store("k", &content);
    let file = scene.path("file");
    scene.get("k", &file, &["--if-changed"]).succeed();
    scene.store("k", &bytes(12 * MIB + 1));
    scene.break_off_with("k", &file, &["--if-changed"]);
    // And back again.
    scene.store("k", &content);
    let run = scene.get("k", &file, &["--if-changed", "--json"]).succeed();
    assert_eq!(run.json_lines()[0]["result"], "not-changed", "{run:?}");
    assert_eq!(scene.leftovers(), [".file.homing-etag"]);
    assert!(fs::read(&file).unwrap() == content);
}

#[test]
fn a_version_is_asked_for_by_its_id() {
    let scene = Scene::new();
    scene.store("k", b"content");
    scene.get("k", &scene.path("k"), &["--version-id", "a+b/c"]).succeed();
    assert!(scene.exchanges()[0].path.ends_with("/k?versionId=a%2Bb%2Fc"), "{:?}", scene.exchanges());
}

#[test]
fn s3_itself_is_asked_for_the_checksum_and_other_stores_when_told() {
    let scene = Scene::new();
    scene.store("k", b"content");
    scene.get("k", &scene.path("k"), &[]).succeed();
    scene.get("k", &scene.path("k"), &["--checksum", "crc64nvme"]).succeed();
    let modes: Vec<_> = scene.exchanges().iter().map(|exchange| header(exchange, "x-amz-checksum-mode")).collect();
    assert_eq!(modes, [None, Some("ENABLED".to_owned())]);

    let aws = Aws::start();
    let file = write(&scene.folder, "file", b"content");
    aws.run("put").arg(file).arg("s3://sandbox-bucket/k").succeed();
    aws.run("get").arg("s3://sandbox-bucket/k").arg(scene.path("k")).succeed();
    let exchange = gets(&aws.sandbox).remove(0);
    assert_eq!(header(&exchange, "x-amz-checksum-mode").as_deref(), Some("ENABLED"));
}

/// The variants of S3's endpoints, as the proxy is asked for them.
#[test]
fn fips_and_dual_stack_endpoints_are_called() {
    let scene = Scene::new();
    for (flags, host) in [
        (&["--use-fips-endpoint"][..], "sandbox-bucket.s3-fips.eu-west-1.amazonaws.com"),
        (&["--use-dualstack-endpoint"], "sandbox-bucket.s3.dualstack.eu-west-1.amazonaws.com"),
        (
            &["--use-fips-endpoint", "--use-dualstack-endpoint", "--path-style"],
            "s3-fips.dualstack.eu-west-1.amazonaws.com",
        ),
        (&["--region", "us-iso-east-1"], "sandbox-bucket.s3.us-iso-east-1.c2s.ic.gov"),
    ] {
        let aws = Aws::start();
        let run = aws.run("get").args(flags).arg("s3://sandbox-bucket/k").arg(scene.path("k")).finish();
        assert_ne!(run.code, Some(0));
        let target = format!("{host}:443");
        assert!(aws.targets().contains(&target), "{flags:?}: {:?} {run:?}", aws.targets());
    }
}

#[test]
fn progress_is_drawn_on_a_terminal() {
    let scene = Scene::new();
    scene.store("a/recording.mp4", &bytes(48 * MIB));
    let shown = scene.on_a_terminal("a/recording.mp4");
    let last = shown.rfind(" of 48.0 MiB").unwrap_or_else(|| panic!("{shown:?}"));
    assert!(shown[..last].contains("recording.mp4  "), "{shown:?}");
    let outcome = shown.rfind("received, 50331648 bytes from s3://sandbox-bucket/a/recording.mp4").unwrap();
    assert!(shown[last..outcome].contains("\r\x1b[K"), "{shown:?}");

    scene.store("small", &bytes(MIB));
    let shown = scene.on_a_terminal("small");
    assert!(shown.contains("received, 1048576 bytes") && !shown.contains("MiB"), "{shown:?}");
}

/// A sandbox with objects, and a folder to fetch them into.
struct Scene {
    sandbox: Sandbox,
    folder: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let sandbox = sandbox();
        let folder = sandbox.folder().join("fetched");
        fs::create_dir(&folder).unwrap();
        Self { sandbox, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Stores an object, and forgets that it did.
    fn store(&self, key: &str, content: &[u8]) {
        self.store_with(key, content, &[]);
    }

    fn store_with(&self, key: &str, content: &[u8], flags: &[&str]) {
        let file = write(self.sandbox.folder(), "source", content);
        Run::new(&self.sandbox, "put").args(flags).arg(file).arg(format!("s3://sandbox-bucket/{key}")).succeed();
        self.sandbox.clear_records();
    }

    fn get(&self, key: &str, file: &Path, flags: &[&str]) -> Run {
        Run::new(&self.sandbox, "get").args(flags).arg(format!("s3://sandbox-bucket/{key}")).arg(file)
    }

    /// A command whose connections break until it gives up. Gives how many bytes it has left behind.
    fn break_off(&self, key: &str, file: &Path) -> usize {
        self.break_off_with(key, file, &[])
    }

    fn break_off_with(&self, key: &str, file: &Path, flags: &[&str]) -> usize {
        self.sandbox.clear_records();
        self.sandbox.set_fault(Service::S3, Fault::new().reset_after_reply(3 * MIB as u64));
        let run: Finished = self.get(key, file, &[flags, &["--json"]].concat()).finish();
        self.sandbox.clear_fault(Service::S3);
        assert_eq!(run.code, Some(69), "{run:?}");
        let error = &run.json_lines()[0]["error"];
        assert_eq!(error["retryable"], true, "{error}");
        assert_eq!(self.exchanges().len(), 3, "{run:?}");
        let there = usize::try_from(fs::metadata(part(file)).unwrap().len()).unwrap();
        let advice = format!("resumes behind the {there} of ");
        assert!(error["remedy"].as_str().unwrap().contains(&advice), "{error}");
        assert!(there > 0);
        self.sandbox.clear_records();
        there
    }

    fn exchanges(&self) -> Vec<HttpExchange> {
        gets(&self.sandbox)
    }

    /// Files of homing's own in the folder.
    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".part") || name.contains("homing")).collect()
    }

    /// What `get` writes to a terminal, as `script` of util-linux records it.
    fn on_a_terminal(&self, key: &str) -> String {
        let command = self.get(key, &self.folder, &[]).into_command();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let quoted: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let record = self.sandbox.folder().join("typescript");
        let mut script = std::process::Command::new("script");
        script.args(["--quiet", "--return", "--command", &quoted.join(" ")]).arg(&record);
        let output = script.stdin(std::process::Stdio::null()).output().expect("script, of the package bsdutils");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&fs::read(record).unwrap()).into_owned()
    }
}

fn gets(sandbox: &Sandbox) -> Vec<HttpExchange> {
    let is_get = |exchange: &HttpExchange| exchange.service == Service::S3 && exchange.method == "GET";
    sandbox.exchanges().into_iter().filter(is_get).collect()
}

fn header(exchange: &HttpExchange, name: &str) -> Option<String> {
    exchange.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

#[track_caller]
fn first_byte(exchange: &HttpExchange) -> usize {
    let range = header(exchange, "range").unwrap_or_else(|| panic!("no range: {exchange:?}"));
    range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

fn part(file: &Path) -> PathBuf {
    with_suffix(file, ".part")
}

fn state(file: &Path) -> PathBuf {
    with_suffix(file, ".part.json")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    format!("{}{suffix}", file.display()).into()
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

const MIB: usize = 1024 * 1024;

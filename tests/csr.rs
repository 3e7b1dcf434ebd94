//! `homing csr`: the real binary makes a key and a request; openssl judges them, an authority signs, and the certificate
//! delivers a file.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test that takes it")]
#![allow(clippy::duplicate_mod, reason = "both supports have the sample bytes")]

#[path = "delivery/support.rs"]
#[allow(dead_code, unused_imports, reason = "the support is shared with the suite `delivery`, which uses more of it")]
mod device;
mod support;

use device::{Run, file};
use homing_sandbox::Sandbox;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use support::directory::Directory;
use support::process::run;

fn csr(arguments: &[&str]) -> Run {
    Run::without_configuration("csr").args(arguments)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Whether the request's signature is its key's. openssl's exit code is 0 either way in some versions.
fn verifies(request: &Path) -> bool {
    let output = Command::new("openssl").args(["req", "-verify", "-noout", "-in"]).arg(request).output().unwrap();
    String::from_utf8_lossy(&output.stderr).contains("verify OK")
}

fn make(directory: &Directory, name: &str) -> (PathBuf, PathBuf) {
    let key = directory.join("keys/private.pem.key");
    csr(&["--thing-name", name, "--private-key", key.to_str().unwrap()]).succeed();
    let request = key.with_extension("csr");
    (key, request)
}

#[test]
fn openssl_verifies_the_request_and_finds_its_key_and_name() {
    let directory = Directory::new("csr");
    let (key, request) = make(&directory, "camera-1");
    assert_eq!((mode(&key), mode(&request), mode(key.parent().unwrap())), (0o600, 0o644, 0o700));
    assert!(verifies(&request));
    let openssl = |arguments: &[&str], file: &Path| {
        run("openssl", arguments.iter().copied().chain(["-in", file.to_str().unwrap()]))
    };
    let said = openssl(&["req", "-verify", "-noout", "-text"], &request);
    assert!(said.contains("CN = camera-1") || said.contains("CN=camera-1"), "{said}");
    assert!(said.contains("prime256v1") && said.contains("ecdsa-with-SHA256"), "{said}");
    let of_request = openssl(&["req", "-pubkey", "-noout"], &request);
    assert_eq!(of_request, openssl(&["pkey", "-pubout"], &key));
    assert!(fs::read_to_string(&key).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(openssl(&["pkey", "-check", "-noout"], &key).contains("Key is valid"));
}

#[test]
fn a_request_that_was_changed_does_not_verify() {
    let directory = Directory::new("csr");
    let (_, request) = make(&directory, "camera-1");
    let text = fs::read_to_string(&request).unwrap();
    let text: Vec<&str> = text.lines().collect();
    // A digit of the name, in the middle of the second line at the latest.
    let changed = text.join("\n").replacen("Y2FtZXJh", "Y2FtZXJi", 1).replacen("NhbWVyYS", "NhbWVyYi", 1).replacen(
        "jYW1lcmEt",
        "jYW1lcmIt",
        1,
    );
    assert_ne!(changed, text.join("\n"), "the name is not found");
    fs::write(&request, changed + "\n").unwrap();
    assert!(!verifies(&request));
}

/// The way to a delivered file, with openssl in place of `aws iot create-certificate-from-csr`.
#[test]
fn the_signed_certificate_delivers_a_file() {
    let directory = Directory::new("csr");
    let sandbox = Sandbox::builder().start().unwrap();
    let (key, request) = make(&directory, "sandbox-thing");
    let certificate = directory.join("device.pem.crt");
    let extensions = directory.write("extensions", "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n");
    let authority = sandbox.certificates();
    let mut sign = vec!["x509".as_ref(), "-req".as_ref(), "-days".as_ref(), "1".as_ref(), "-CAcreateserial".as_ref()];
    for (flag, path) in [
        ("-in", &request),
        ("-CA", &authority.ca),
        ("-CAkey", &authority.ca_key),
        ("-extfile", &extensions),
        ("-out", &certificate),
    ] {
        sign.extend([flag.as_ref(), path.as_os_str()]);
    }
    run("openssl", sign);
    let large = file(&sandbox, "photo.jpg", 60_000);
    let deliver = |key: &Path| {
        Run::new(&sandbox, "send").arg("--certificate").arg(&certificate).arg("--private-key").arg(key).arg(&large)
    };
    deliver(&key).succeed();
    assert_eq!(sandbox.messages().len(), 1);
    // Another key is not this certificate's.
    let other = directory.join("other.key");
    csr(&["--thing-name", "x", "--private-key", other.to_str().unwrap()]).succeed();
    assert_eq!(deliver(&other).finish().code, Some(78));
}

#[test]
fn nothing_is_overwritten_without_force() {
    let directory = Directory::new("csr");
    let (key, request) = make(&directory, "camera-1");
    let before = (fs::read(&key).unwrap(), fs::read(&request).unwrap());
    let arguments = ["--thing-name", "camera-1", "--private-key", key.to_str().unwrap()];
    let again = csr(&arguments).finish();
    assert_eq!(again.code, Some(73), "{again:?}");
    assert!(again.stderr.contains("private.pem.key") && again.stderr.contains("--force"), "{again:?}");
    // The key is not made either where only the request is in the way.
    let other = directory.join("keys/other.key");
    let in_the_way =
        csr(&["--thing-name", "a", "--private-key", other.to_str().unwrap(), request.to_str().unwrap()]).finish();
    assert_eq!((in_the_way.code, other.exists()), (Some(73), false), "{in_the_way:?}");
    assert_eq!(before, (fs::read(&key).unwrap(), fs::read(&request).unwrap()));
    csr(&arguments).arg("--force").succeed();
    assert!(before.0 != fs::read(&key).unwrap() && before.1 != fs::read(&request).unwrap());
    assert_eq!(mode(&key), 0o600);
    let names = fs::read_dir(key.parent().unwrap()).unwrap().count();
    assert_eq!(names, 2, "no drafts are left");
}

/// Of many at once one makes the key that is there; none replaces another's.
#[test]
fn of_several_at_once_one_wins_and_its_request_fits_its_key() {
    let directory = Directory::new("csr");
    let key = directory.join("a.key");
    let codes: Vec<Option<i32>> = thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| csr(&["--thing-name", "camera-1", "--private-key", key.to_str().unwrap()]).finish().code)
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 73))), "{codes:?}");
    let request = key.with_extension("csr");
    assert!(verifies(&request));
    let of_request = run("openssl", ["req", "-pubkey", "-noout", "-in", request.to_str().unwrap()]);
    assert_eq!(of_request, run("openssl", ["pkey", "-pubout", "-in", key.to_str().unwrap()]));
}

#[test]
fn it_says_what_to_do_next_and_nothing_of_the_key() {
    let directory = Directory::new("csr");
    let key = directory.join("private.pem.key");
    let at = key.to_str().unwrap();
    let said =
        csr(&["-vvv", "--thing-name", "camera-1", "--private-key", at, "--certificate", "/etc/homing/cam.pem.crt"])
            .succeed();
    let next = "aws iot create-certificate-from-csr --set-as-active --certificate-signing-request file://private.pem.csr --certificate-pem-outfile cam.pem.crt";
    assert!(said.stdout.contains(next) && said.stdout.contains("/etc/homing/cam.pem.crt"), "{said:?}");
    let text = fs::read_to_string(&key).unwrap();
    let secret = text.lines().nth(1).unwrap();
    assert!(!said.stdout.contains(&secret[40..]) && !said.stderr.contains(&secret[40..]));

    let json = csr(&["--force", "--json", "--thing-name", "camera-1", "--private-key", at]).succeed().json_lines();
    let names: Vec<&str> = ["private_key", "request"].map(|name| json[0][name].as_str().unwrap()).into();
    assert_eq!(names, [at, directory.join("private.pem.csr").to_str().unwrap()]);
    assert!(json[0]["next"].as_str().unwrap().contains("device.pem.crt"), "{}", Value::from(json.clone()));

    let piped = csr(&["--force", "--thing-name", "camera-1", "--private-key", at, "-"]).succeed();
    assert!(
        piped.stdout.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n")
            && piped.stdout.ends_with("-----END CERTIFICATE REQUEST-----\n")
    );
}

#[test]
fn the_command_that_is_printed_can_be_pasted() {
    let directory = Directory::new("csr");
    let key = directory.join("it's my key.pem");
    let run = csr(&["--thing-name", "camera-1", "--private-key", key.to_str().unwrap()]).succeed();
    let line = run.stdout.lines().find(|line| line.contains("aws iot")).unwrap();
    // As a shell takes it apart.
    let script = format!("aws() {{ printf '%s\\n' \"$@\"; }}; {line}");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.lines().any(|word| word == "file://it's my key.csr"), "{words}{run:?}");
}

#[test]
fn names_that_no_certificate_can_have_are_refused() {
    let directory = Directory::new("csr");
    let key = directory.join("a.key");
    let at = key.to_str().unwrap();
    let long = "n".repeat(65);
    for (arguments, code, text) in [
        (vec!["--private-key", at, "--thing-name", &long], 78, "--common-name"),
        (vec!["--private-key", at, "--thing-name", "a", "--common-name", ""], 78, "--common-name"),
        (vec!["--private-key", at, "--common-name", "  "], 78, "is empty"),
        (vec!["--private-key", at, "--common-name", "camera\n1"], 78, "control characters"),
        (vec!["--private-key", at], 78, "thing_name"),
        (vec!["--thing-name", "a"], 78, "private_key"),
        (vec!["--thing-name", "a", "--private-key", at, at], 64, "cannot be the key and the request"),
        (vec!["--thing-name", "a", "--private-key", at, "b", "c"], 64, "one FILE"),
        (vec!["--thing-name", "a", "--private-key", "/proc/nowhere/a.key"], 73, "/proc/nowhere"),
    ] {
        let run = csr(&arguments).finish();
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(text), "{arguments:?}: {run:?}");
        assert!(!key.exists());
    }
    csr(&["--private-key", at, "--thing-name", &long, "--common-name", &"ß".repeat(64)]).succeed();
    assert!(verifies(&key.with_extension("csr")));
}

//! `homing get`: what goes wrong names its cause, and never leaves a wrong file.

use crate::support::{Run, Scene, servers};
use homing_sandbox::{Answer, Service};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A scene with a folder to fetch into.
struct Folder {
    scene: Scene,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let mut scene = Scene::new();
        // What is resumed, and when that ends, is the subject.
        scene.variable("HOMING_MAX_ATTEMPTS", "3");
        let path = scene.path("fetched");
        fs::create_dir(&path).unwrap();
        Self { scene, path }
    }

    fn file(&self) -> PathBuf {
        self.path.join("file")
    }

    /// `homing get s3://sandbox-bucket/KEY FILE --json`
    fn get(&self, key: &str, file: &Path) -> Run {
        let mut command = self.scene.command(&["get", "--json"]);
        self.scene.finish(command.arg(format!("s3://sandbox-bucket/{key}")).arg(file))
    }

    /// The same to the file, with what this raw server sends; it sees the request's head, and how many came before.
    fn get_from(&mut self, serve: impl Fn(&mut servers::Tls, &str, usize) + Send + Sync + 'static) -> Run {
        let requests = AtomicUsize::new(0);
        let port = servers::tls(self.scene.sandbox.certificates(), move |mut stream| {
            if let Ok(head) = servers::read_head(&mut stream) {
                serve(&mut stream, &head, requests.fetch_add(1, Ordering::SeqCst));
            }
        });
        self.scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
        self.get("key", &self.file())
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).unwrap().next().is_none()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The head of a good reply, and `body`, of which the head says that it has `length` bytes.
fn reply(status: &str, headers: &[&str], length: usize, body: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {status}\r\nETag: \"0123\"\r\nContent-Length: {length}\r\n").into_bytes();
    for header in headers {
        reply.extend_from_slice(header.as_bytes());
        reply.extend_from_slice(b"\r\n");
    }
    reply.extend_from_slice(b"\r\n");
    reply.extend_from_slice(body);
    reply
}

fn end(stream: &mut servers::Tls) {
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

#[test]
fn an_object_that_does_not_exist_is_told() {
    let folder = Folder::new();
    let failure = folder.get("no/such", &folder.file()).failed(66, "NoSuchKey");
    failure.names(&["s3://sandbox-bucket/no/such", "404"]).advises("spelling").may_pass(false);
    assert!(folder.is_empty());
}

#[test]
fn a_refusal_names_the_permission_to_read() {
    let folder = Folder::new();
    folder.scene.answer(Service::S3, Answer::s3_error(403, "AccessDenied", "Access Denied"));
    let failure = folder.get("key", &folder.file()).failed(77, "AccessDenied");
    failure.names(&["s3://sandbox-bucket/key"]).advises("s3:GetObject").advises("s3:ListBucket");
    folder.scene.answer(Service::S3, Answer::s3_error(403, "InvalidObjectState", "The operation is not valid"));
    folder.get("key", &folder.file()).failed(77, "InvalidObjectState").advises("restore");
    folder.scene.answer(Service::S3, Answer::slow_down());
    folder.get("key", &folder.file()).failed(75, "SlowDown").may_pass(true);
    folder.scene.answer(Service::S3, Answer::permanent_redirect("sandbox-bucket", "ap-northeast-1"));
    folder.get("key", &folder.file()).failed(78, "PermanentRedirect").advises("set region to ap-northeast-1");
    folder.scene.answer(Service::S3, Answer::captive_portal());
    folder.get("key", &folder.file()).failed(69, "unexpected_reply").advises("not S3");
    assert!(folder.is_empty());
}

#[test]
fn the_file_that_is_there_survives_every_failure() {
    let folder = Folder::new();
    fs::write(folder.file(), "before").unwrap();
    folder.get("no/such", &folder.file()).failed(66, "NoSuchKey");
    assert_eq!((fs::read(folder.file()).unwrap(), folder.names()), (b"before".to_vec(), vec!["file".to_owned()]));
}

#[test]
fn damaged_bytes_become_no_file() {
    let mut folder = Folder::new();
    fs::write(folder.file(), "before").unwrap();
    // CRC-32 of "content" is another one.
    let run = folder.get_from(|stream, _, _| {
        let headers = ["x-amz-checksum-crc32: AAAAAA==", "x-amz-checksum-type: FULL_OBJECT"];
        servers::write(stream, &reply("200 OK", &headers, 7, b"content"));
        end(stream);
    });
    let failure = run.failed(75, "checksum_mismatch");
    failure.names(&["s3://sandbox-bucket/key", "CRC32", "AAAAAA==", "file.part' was removed"]).may_pass(true);
    assert_eq!((fs::read(folder.file()).unwrap(), folder.names()), (b"before".to_vec(), vec!["file".to_owned()]));
    // That of parts says nothing about the whole.
    let run = folder.get_from(|stream, _, _| {
        servers::write(stream, &reply("200 OK", &["x-amz-checksum-crc32: AAAAAA==-3"], 7, b"content"));
        end(stream);
    });
    assert_eq!((run.code, fs::read(folder.file()).unwrap()), (0, b"content".to_vec()));
}

#[test]
fn damaged_bytes_on_standard_output_are_told() {
    let mut folder = Folder::new();
    let port = servers::tls(folder.scene.sandbox.certificates(), |mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            servers::write(&mut stream, &reply("200 OK", &["x-amz-checksum-crc32: AAAAAA=="], 7, b"content"));
            end(&mut stream);
        }
    });
    folder.scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    let run = folder.scene.homing(&["get", "s3://sandbox-bucket/key", "-"]);
    run.failed_without_outcome(75).names(&["CRC32", "standard output is to be thrown away"]);
    assert_eq!(run.stdout, "content");
}

#[test]
fn a_reply_that_ends_early_is_resumed_and_then_given_up() {
    let mut folder = Folder::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    // Each answer has one byte more, and ends in good order.
    let run = folder.get_from(move |stream, head, number| {
        count.fetch_add(1, Ordering::SeqCst);
        let answer = if number == 0 {
            assert!(!head.contains("range: "), "{head}");
            reply("200 OK", &[], 100, b"a")
        } else {
            assert!(head.contains(&format!("range: bytes={number}-\r\n")) && head.contains("if-match: \"0123\"\r\n"));
            let range = format!("Content-Range: bytes {number}-99/100");
            reply("206 Partial Content", &[&range], 100 - number, b"b")
        };
        servers::write(stream, &answer);
        end(stream);
    });
    let failure = run.failed(69, "truncated_reply");
    failure.names(&["localhost"]).advises("resumes behind the 3 of 100 bytes").may_pass(true);
    assert_eq!((seen.load(Ordering::SeqCst), fs::read(folder.path.join("file.part")).unwrap()), (3, b"abb".to_vec()));
    assert_eq!(folder.names(), ["file.part", "file.part.json"]);
}

#[test]
fn without_progress_attempts_end_as_well() {
    let mut folder = Folder::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let run = folder.get_from(move |stream, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        servers::write(stream, &reply("200 OK", &[], 100, b""));
        end(stream);
    });
    run.failed(69, "truncated_reply").may_pass(true);
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    assert!(folder.is_empty());
}

#[test]
fn a_server_that_falls_silent_half_way_is_given_up_and_what_is_there_kept() {
    let mut folder = Folder::new();
    folder.scene.set("stall_timeout", 1);
    let run = folder.get_from(|stream, _, number| {
        let range = format!("Content-Range: bytes {number}-99/100");
        let status = if number == 0 { "200 OK" } else { "206 Partial Content" };
        servers::write(stream, &reply(status, &[&range], 100 - number, b"a"));
        let _ = stream.sock.peek(&mut [0]);
    });
    run.failed(69, "timeout").names(&["stopped half way"]).advises("resumes behind the 3 of 100 bytes");
}

#[test]
fn a_server_that_knows_no_ranges_begins_again() {
    let mut folder = Folder::new();
    let run = folder.get_from(|stream, _, number| {
        let body: &[u8] = if number == 0 { b"0123" } else { b"0123456789" };
        servers::write(stream, &reply("200 OK", &[], 10, body));
        end(stream);
    });
    run.succeeded();
    assert_eq!(fs::read(folder.file()).unwrap(), b"0123456789");
}

#[test]
fn standard_output_cannot_begin_again() {
    let mut folder = Folder::new();
    for (status, headers) in [("200 OK", &[][..]), ("412 Precondition Failed", &[])] {
        let requests = AtomicUsize::new(0);
        let port = servers::tls(folder.scene.sandbox.certificates(), move |mut stream| {
            if servers::read_head(&mut stream).is_ok() {
                let first = requests.fetch_add(1, Ordering::SeqCst) == 0;
                let status = if first { "200 OK" } else { status };
                servers::write(&mut stream, &reply(status, headers, 10, b"0123"));
                end(&mut stream);
            }
        });
        folder.scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
        let run = folder.scene.homing(&["get", "s3://sandbox-bucket/key", "-"]);
        run.failed_without_outcome(if status.starts_with('2') { 75 } else { 69 });
        assert_eq!(run.stdout, "0123", "{run:?}");
    }
}

#[test]
fn a_range_that_was_not_asked_for_is_refused() {
    for range in ["bytes 0-9/10", "bytes 4-8/10", "bytes 4-9/11", "bytes 5-9/10", "bytes */10", "nonsense"] {
        let mut folder = Folder::new();
        let run = folder.get_from(move |stream, _, number| {
            let answer = match number {
                0 => reply("200 OK", &[], 10, b"0123"),
                _ => reply("206 Partial Content", &[&format!("Content-Range: {range}")], 6, b"456789"),
            };
            servers::write(stream, &answer);
            end(stream);
        });
        run.failed(69, "unexpected_reply").names(&["206", "s3://sandbox-bucket/key"]).advises("not S3");
        assert_eq!(fs::read(folder.path.join("file.part")).unwrap(), b"0123", "{range}");
    }
}

#[test]
fn a_rest_of_another_object_is_not_taken() {
    let mut folder = Folder::new();
    let run = folder.get_from(|stream, _, number| {
        let answer = match number {
            0 => reply("200 OK", &["Last-Modified: Wed, 12 Oct 2009 17:50:00 GMT"], 10, b"0123"),
            // The same ETag, but not the same object: a store that takes If-Match lightly.
            1 => reply("206 Partial Content", &["Content-Range: bytes 4-10/11"], 7, b"456789a"),
            _ => reply("200 OK", &[], 11, b"ABCDEFGHIJK"),
        };
        servers::write(stream, &answer);
        end(stream);
    });
    run.succeeded();
    assert_eq!(fs::read(folder.file()).unwrap(), b"ABCDEFGHIJK");
}

#[test]
fn an_object_that_is_always_another_is_given_up() {
    let mut folder = Folder::new();
    let run = folder.get_from(|stream, _, number| {
        let answer = match number {
            0 => reply("200 OK", &[], 10, b"0123"),
            _ => b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n".to_vec(),
        };
        servers::write(stream, &answer);
        end(stream);
    });
    // 200, 412, and 412 to a request that has no condition.
    run.failed(77, "http_412").advises("replaced meanwhile");
    assert!(folder.is_empty());
}

#[test]
fn replies_without_what_s3_always_says_are_refused() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nETag: \"0\"\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nETag: \"0\"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\nETag: \"0\"\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/2\r\n\r\nx",
        "HTTP/1.1 304 Not Modified\r\nETag: \"0\"\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nETag: \"0\"\r\n\r\n",
    ] {
        let mut folder = Folder::new();
        let run = folder.get_from(move |stream, _, _| {
            servers::write(stream, head.as_bytes());
            end(stream);
        });
        assert_eq!(run.code, 69, "{head}: {run:?}");
        assert!(folder.is_empty(), "{head}: {:?}", folder.names());
    }
}

#[test]
fn oversized_headers_are_refused() {
    let mut folder = Folder::new();
    let run = folder.get_from(|stream, _, _| {
        let header = format!("x-amz-meta-a: {}", "a".repeat(20_000));
        servers::write(stream, &reply("200 OK", &[&header], 1, b"x"));
        end(stream);
    });
    run.failed(69, "oversized_reply").names(&["localhost"]);
    assert!(folder.is_empty());
}

#[test]
fn what_cannot_be_written_is_told_before_anybody_is_asked() {
    let folder = Folder::new();
    let file = folder.path.join("no/such/file");
    folder.get("key", &file).failed(73, "cannot_create").names(&["no/such/file.part"]).advises("directory");
    let long = folder.path.join("x".repeat(250));
    folder.get("key", &long).failed(73, "cannot_create").advises("shorter");
    let link = folder.path.join("link");
    symlink("/no/such/file", &link).unwrap();
    folder.get("key", &link).failed(73, "dangling_link").names(&["link"]);
    folder.get("key", Path::new("/dev/null")).failed(73, "no_regular_file").advises("-");
    for key in ["a/..", "a/.", "a/"] {
        folder.get(key, &folder.path).failed(73, "no_file_name").names(&["fetched"]).advises("name the file");
    }
    fs::create_dir(folder.path.join("key")).unwrap();
    folder.get("key", &folder.path).failed(73, "no_regular_file").names(&["fetched/key"]);
    assert_eq!((folder.scene.connections(), folder.names()), (0, vec!["key".to_owned(), "link".to_owned()]));
}

#[test]
fn a_directory_that_may_not_be_written_to_is_told() {
    let folder = Folder::new();
    fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = folder.scene.command(&["get", "--json", "s3://sandbox-bucket/key"]);
    command.arg(folder.file());
    // Root may write everywhere.
    let run = if rustix::process::geteuid().is_root() {
        fs::set_permissions(folder.scene.path("fetched"), fs::Permissions::from_mode(0o555)).unwrap();
        let mut unprivileged = Command::new("setpriv");
        unprivileged.args(["--bounding-set=-all", "--inh-caps=-all", "--"]).arg(command.get_program());
        unprivileged.args(command.get_args()).env_clear();
        folder.scene.finish(&mut unprivileged)
    } else {
        folder.scene.finish(&mut command)
    };
    run.failed(73, "cannot_create").names(&["file.part", "Permission denied"]).advises("write to the directory");
    assert_eq!(folder.scene.connections(), 0);
}

#[test]
fn a_file_of_that_name_that_is_somebody_elses_is_left_alone() {
    let folder = Folder::new();
    let part = folder.path.join("file.part");
    fs::write(&part, "a browser's").unwrap();
    folder.get("key", &folder.file()).failed(73, "foreign_file").names(&["file.part"]).advises("rename");
    assert_eq!(fs::read(&part).unwrap(), b"a browser's");
    fs::remove_file(&part).unwrap();
    symlink(folder.path.join("elsewhere"), &part).unwrap();
    folder.get("key", &folder.file()).failed(73, "cannot_create").names(&["file.part"]);
    assert_eq!(folder.names(), ["file.part"]);
    assert_eq!(folder.scene.connections(), 0);
}

#[test]
fn a_file_where_the_state_goes_that_is_somebody_elses_is_left_alone() {
    let folder = Folder::new();
    let state = folder.path.join("file.part.json");
    for content in ["{\"parts\":[]}", "[]", "notes", "{ \"object\": 1 }"] {
        fs::write(&state, content).unwrap();
        folder.get("key", &folder.file()).failed(73, "foreign_file").names(&["file.part.json"]).advises("rename");
        assert_eq!(fs::read_to_string(&state).unwrap(), content);
        assert_eq!(folder.names(), ["file.part.json"]);
    }
    assert_eq!(folder.scene.connections(), 0);
    // What a power cut leaves of a state is no reason to refuse.
    for content in ["", "{\"obj", "\0\0\0\0\0\0\0\0\0\0\0\0"] {
        fs::write(&state, content).unwrap();
        folder.get("no/such", &folder.file()).failed(66, "NoSuchKey");
        assert!(folder.is_empty(), "{content:?}: {:?}", folder.names());
    }
}

#[test]
fn two_commands_do_not_write_the_same_file() {
    let folder = Folder::new();
    let part = File::create(folder.path.join("file.part")).unwrap();
    part.lock().unwrap();
    folder.get("key", &folder.file()).failed(75, "busy").names(&["file.part", "another process"]).may_pass(true);
    assert_eq!(folder.scene.connections(), 0);
    assert_eq!(folder.names(), ["file.part"]);
}

#[test]
fn a_full_disk_is_told() {
    let mut folder = Folder::new();
    // What is announced is looked at before it is fetched.
    let run = folder.get_from(|stream, _, _| {
        servers::write(stream, &reply("200 OK", &[], 1 << 60, b"x"));
        end(stream);
    });
    run.failed(74, "disk_full").names(&["1152921504606846976 bytes are to come", "are free"]).advises("make room");
    assert!(folder.is_empty());

    // Standard output on a full disk.
    let run = {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = folder_with_object(&mut folder).stdout(full).output().unwrap();
        Run::from_output(output, std::time::Duration::ZERO)
    };
    folder.scene.check(&run);
    run.failed_without_outcome(74).names(&["standard output", "No space left"]).advises("make room");
}

/// `homing get … -` of an object that is there.
fn folder_with_object(folder: &mut Folder) -> Command {
    let port = folder.scene.sandbox.port(Service::S3);
    folder.scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    let source = folder.scene.large();
    let mut put = folder.scene.command(&["put"]);
    folder.scene.finish(put.arg(source).arg("s3://sandbox-bucket/key")).succeeded();
    folder.scene.command(&["get", "s3://sandbox-bucket/key", "-"])
}

#[test]
fn a_disk_that_is_full_half_way_is_told_and_left_as_it_was() {
    let mut folder = Folder::new();
    drop(folder_with_object(&mut folder));
    let config = folder.scene.config_file();
    // As many blocks as the object needs, so that there is room for it, but not for what describes it as well.
    let script = "mount -t tmpfs -o size=196k none \"$1\" && cd \"$1\" && touch other && \
                  \"$2\" get --json --config \"$3\" s3://sandbox-bucket/key file; code=$?; ls; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(&folder.path);
    command.arg(env!("CARGO_BIN_EXE_homing")).arg(config);
    if !Command::new("unshare").args(["--map-root-user", "--mount", "true"]).status().is_ok_and(|done| done.success()) {
        eprintln!("SKIPPED: a_disk_that_is_full_half_way: namespaces are not allowed here");
        return;
    }
    let run = Run::of(command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"));
    assert_eq!(run.code, 74, "{run:?}");
    assert!(run.stdout.contains("\"disk_full\"") && run.stdout.contains("cannot write to 'file.part'"), "{run:?}");
    assert!(run.stdout.ends_with("\nother\n"), "{run:?}");
}

#[test]
fn a_reader_that_goes_away_is_an_error() {
    let mut folder = Folder::new();
    let mut command = folder_with_object(&mut folder);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    let run = Run::from_output(output, std::time::Duration::ZERO);
    run.failed_without_outcome(74).names(&["standard output", "its reader has gone"]);
}

#[test]
fn no_output_and_no_file_has_a_secret_in_it() {
    const SECRET_KEY: &str = "secret-access-key-canary-7Jq2";
    const TOKEN: &str = "session-token-canary-Zx81";
    let mut folder = Folder::new();
    folder.scene.keep_secret(SECRET_KEY);
    folder.scene.variable("AWS_ACCESS_KEY_ID", "ASIACANARYCANARY0000").variable("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    folder.scene.variable("AWS_SESSION_TOKEN", TOKEN);
    let run = |folder: &Folder, arguments: &[&str]| {
        let mut command = folder.scene.command(arguments);
        folder.scene.finish(command.args(["-vvv", "--credentials", "environment"]))
    };
    // The URL is what was asked for: it has the token, and nothing else has.
    let presigned = run(&folder, &["presign", "s3://sandbox-bucket/key"]);
    assert!(presigned.succeeded().stdout.contains(TOKEN) && !presigned.stderr.contains(TOKEN), "{presigned:?}");
    folder.scene.keep_secret(TOKEN);
    let file = folder.file();
    let get = ["get", "--json", "s3://sandbox-bucket/key", file.to_str().unwrap()];
    run(&folder, &get).failed(77, "InvalidAccessKeyId");
    // A download that breaks off leaves files behind.
    let port = servers::tls(folder.scene.sandbox.certificates(), |mut stream| {
        if servers::read_head(&mut stream).is_ok() {
            servers::write(&mut stream, &reply("200 OK", &[], 100, b"content"));
            end(&mut stream);
        }
    });
    folder.scene.set("endpoints", json!({ "s3": format!("https://localhost:{port}") }));
    run(&folder, &get).failed(69, "truncated_reply");
    for name in folder.names() {
        let content = fs::read_to_string(folder.path.join(&name)).unwrap();
        assert!(!content.contains(SECRET_KEY) && !content.contains(TOKEN), "{name}: {content}");
    }
    assert_eq!(folder.names(), ["file.part", "file.part.json"]);
}

#[test]
fn a_configuration_that_cannot_be_used_fails_each_file() {
    let mut folder = Folder::new();
    folder.scene.unset("region").unset("credential_endpoint").unset("data_endpoint");
    folder.get("key", &folder.file()).failed(78, "missing_setting").names(&["region"]).advises("--region");
    assert!(folder.is_empty());
}

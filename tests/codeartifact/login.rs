//! `homing codeartifact login` and `logout` with real pip and twine, and what they do to the tools' files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use homing_sandbox::{Answer, Fault, Sandbox, Service};

use crate::scene::{PACKAGE, Scene, read};
use crate::support::homing::Homing;
use crate::support::packages;

#[test]
fn pip_installs_after_a_login_and_the_file_is_as_before_after_the_logout() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    let original = "# the owner's\n[global]\nindex-url =\n    https://example.invalid/simple\ntimeout = 5\n\n[install]\nno-compile = yes\n";
    let file = write(&scene, ".config/pip/pip.conf", original, 0o640);

    let run = login(&scene, "pip").arg("-vvv").run();
    run.expect_code(0).expect_nowhere(&scene.token());
    assert!(run.stdout.starts_with("pip uses sandbox-domain/sandbox-repo until 20"), "{run}");
    assert_eq!(mode(&file), 0o600);
    assert!(read(&file).contains("\ntimeout = 5\n\n[install]\n"));
    let target = scene.directory.join("installed");
    let output = scene.tool("pip", &["install", "-vvv", "--target", target.to_str().unwrap(), PACKAGE]);
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains(&scene.token()));
    scene.expect_installed(target.to_str().unwrap(), PACKAGE);
    for request in scene.requests() {
        assert_eq!(request["files"], serde_json::json!([file]), "{request}");
    }

    logout(&scene, "pip").run().expect_code(0);
    assert_eq!((read(&file).as_str(), mode(&file)), (original, 0o640));
    assert_eq!(scene.files_with(&scene.token()), no_files());
    assert_eq!(scene.tool("pip", &["config", "get", "install.no-compile"]).stdout, b"yes\n");
}

#[test]
fn twine_uploads_after_a_login() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    let original = "[distutils]\nindex-servers =\n  pypi\n  mine\n\n[mine]\nrepository = https://example.invalid/\n";
    let file = write(&scene, ".pypirc", original, 0o600);
    login(&scene, "twine").run().expect_code(0).expect_nowhere(&scene.token());
    let wheel = scene.build_wheel("", "uploaded");
    let upload = ["upload", "--non-interactive", "--repository", "codeartifact", wheel.to_str().unwrap()];
    let output = scene.tool("twine", &upload);
    assert!(output.status.success(), "{output:?}");
    assert!(scene.directory.join("packages/uploaded-1.0-py3-none-any.whl").is_file());
    logout(&scene, "twine").run().expect_code(0);
    assert_eq!(read(&file), original);
    assert_eq!(scene.files_with(&scene.token()), no_files());
}

/// Python itself reads what was written, and what it read before it still reads.
#[test]
fn configparser_agrees() {
    if !packages::available("codeartifact", &["python3"]) {
        return;
    }
    for original in [
        "",
        "[global]\n  indented = 1\n  more : 2\n",
        "[install]\na = 1\n  b\n\n  c\n[other]\nx=y",
        "[global]\r\nIndex_Url = z\r\n\r\n[global.more]\r\nk = v\r\n",
        "[DEFAULT]\nd = 1\n[codeartifact]\nusername = me\npassword = p%w\n",
        "[distutils]\nindex-servers = pypi\n# comment\n    other\n",
    ] {
        let scene = Scene::without_index(Sandbox::builder());
        let (pip, twine) =
            (write(&scene, ".config/pip/pip.conf", original, 0o600), write(&scene, ".pypirc", original, 0o600));
        let before = configparser(&pip);
        for _ in 0..2 {
            login(&scene, "pip").run().expect_code(0);
            login(&scene, "twine").run().expect_code(0);
        }
        let token = scene.token();
        let (pip_now, twine_now) = (configparser(&pip), configparser(&twine));
        for value in before.lines().filter(|line| !OURS.iter().any(|name| line.to_lowercase().contains(name))) {
            assert!(
                pip_now.lines().any(|line| line == value) && twine_now.lines().any(|line| line == value),
                "{value}\n{pip_now}"
            );
        }
        assert!(
            pip_now
                .lines()
                .any(|line| line.to_lowercase().starts_with("global index") && line.contains("https://aws:")),
            "{pip_now}"
        );
        assert!(twine_now.contains(&format!("codeartifact password {token}\n")), "{twine_now}");
        assert!(twine_now.contains("codeartifact username aws\n"), "{twine_now}");
        let servers = twine_now.lines().find(|line| line.starts_with("distutils index-servers ")).unwrap();
        assert_eq!(servers.matches("|codeartifact").count(), 1, "{servers}");
        logout(&scene, "pip").run().expect_code(0);
        logout(&scene, "twine").run().expect_code(0);
        assert_eq!((read(&pip).as_str(), read(&twine).as_str()), (original, original));
    }
}

#[test]
fn a_file_that_was_not_there_is_gone_again() {
    let scene = Scene::without_index(Sandbox::builder());
    for (tool, name) in [("pip", ".config/pip/pip.conf"), ("twine", ".pypirc")] {
        let file = scene.home().join(name);
        // Nothing to take back, and nothing made.
        logout(&scene, tool).run().expect_code(0);
        login(&scene, tool).run().expect_code(0);
        assert_eq!(mode(&file), 0o600);
        logout(&scene, tool).run().expect_code(0);
        assert!(!file.exists());
        login(&scene, tool).run().expect_code(0);
        let added = format!("{}[mine]\na = 1\n", read(&file));
        fs::write(&file, added).unwrap();
        logout(&scene, tool).run().expect_code(0);
        assert_eq!(read(&file), "[mine]\na = 1\n");
    }
}

#[test]
fn a_password_that_was_added_meanwhile_stays_private() {
    let scene = Scene::without_index(Sandbox::builder());
    for (tool, name, added) in [
        ("twine", ".pypirc", "[mine]\nusername = me\npassword = mine\n"),
        ("pip", ".config/pip/pip.conf", "[install]\nextra-index-url = https://me:mine@example.invalid/simple\n"),
    ] {
        let file = write(&scene, name, "[other]\na = 1\n", 0o644);
        login(&scene, tool).run().expect_code(0);
        fs::write(&file, format!("{}{added}", read(&file))).unwrap();
        logout(&scene, tool).run().expect_code(0);
        assert_eq!((read(&file), mode(&file)), (format!("[other]\na = 1\n{added}"), 0o600));
    }
}

#[test]
fn an_index_that_counts_before_is_told() {
    let scene = Scene::without_index(Sandbox::builder());
    let file = write(&scene, ".config/pip/pip.conf", "[global]\nindex-url = https://example.invalid/\n", 0o600);
    let run = login(&scene, "pip").arg("-v").run();
    run.expect_code(0);
    assert!(!run.stderr.contains("counts before"), "{run}");
    for section in ["install", "download", "wheel"] {
        fs::write(&file, format!("[{section}]\nindex_url = https://me:canary@example.invalid/\n")).unwrap();
        let run = login(&scene, "pip").arg("-v").run();
        run.expect_code(0).expect_nowhere("canary").expect_error("counts before");
        run.expect_error(&format!("[{section}] of {}", file.display()));
    }
}

#[test]
fn the_file_is_the_one_that_pip_reads() {
    let scene = Scene::without_index(Sandbox::builder());
    let named = scene.directory.join("named.conf");
    login(&scene, "pip").env("PIP_CONFIG_FILE", &named).run().expect_code(0);
    assert!(read(&named).contains("index-url"));
    logout(&scene, "pip").env("PIP_CONFIG_FILE", &named).run().expect_code(0);
    let folder = scene.directory.join("xdg");
    login(&scene, "pip").env("XDG_CONFIG_HOME", &folder).run().expect_code(0);
    assert!(read(folder.join("pip/pip.conf")).contains("index-url"));
    login(&scene, "pip").env("PIP_CONFIG_FILE", "/dev/null").run().expect_code(78).expect_error("pip reads no files");
    login(&scene, "pip").env("HOME", "").run().expect_code(78).expect_error("HOME is not set");
}

#[test]
fn a_link_is_followed_and_stays_one() {
    let scene = Scene::without_index(Sandbox::builder());
    let real = write(&scene, "dotfiles/pypirc", "[pypi]\nusername = me\n", 0o600);
    symlink("dotfiles/pypirc", scene.home().join(".pypirc")).unwrap();
    login(&scene, "twine").run().expect_code(0);
    assert!(read(&real).contains(&scene.token()));
    logout(&scene, "twine").run().expect_code(0);
    assert_eq!(read(&real), "[pypi]\nusername = me\n");
    assert!(scene.home().join(".pypirc").is_symlink());
}

#[test]
fn what_cannot_be_changed_is_left_as_it_is() {
    let scene = Scene::without_index(Sandbox::builder());
    let file = write(&scene, ".config/pip/pip.conf", "[global]\ntimeout 5\n", 0o644);
    login(&scene, "pip").run().expect_code(78).expect_error("pip.conf', line 2").expect_error("left as it is");
    assert_eq!((read(&file).as_str(), mode(&file)), ("[global]\ntimeout 5\n", 0o644));
    fs::write(&file, [0xff, 0xfe]).unwrap();
    login(&scene, "pip").run().expect_code(78).expect_error("not UTF-8");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    login(&scene, "pip").run().expect_code(78).expect_error("is no file");
    fs::remove_dir(&file).unwrap();

    // A folder that homing cannot make.
    write(&scene, "plain", "", 0o600);
    let below = scene.home().join("plain/pip.conf");
    login(&scene, "pip").env("PIP_CONFIG_FILE", below).run().expect_code(73).expect_error("cannot write");
    // A refusal comes before anything is written.
    scene.sandbox.set_fault(Service::CodeArtifact, Fault::new().answer(Answer::captive_portal()));
    login(&scene, "pip").run().expect_code(69);
    assert!(!file.exists());
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_file_of_another_user_is_refused() {
    let scene = Scene::without_index(Sandbox::builder());
    let file = write(&scene, ".pypirc", "[pypi]\n", 0o644);
    // Only root can give a file away.
    if chown(&file, Some(12345), None).is_err() {
        return;
    }
    for call in [login(&scene, "twine"), logout(&scene, "twine")] {
        call.run().expect_code(78).expect_error("another user (uid 12345)");
    }
    assert_eq!(read(&file), "[pypi]\n");
}

#[test]
fn a_login_of_another_program_is_replaced_for_good() {
    let scene = Scene::without_index(Sandbox::builder());
    let old = "https://aws:old-token@dom-111122223333.d.codeartifact.eu-west-1.amazonaws.com/pypi/repo/simple/";
    let file = write(&scene, ".config/pip/pip.conf", &format!("[global]\nindex-url = {old}\ntimeout = 5\n"), 0o644);
    login(&scene, "pip").run().expect_code(0);
    assert!(!read(&file).contains("old-token"));
    logout(&scene, "pip").run().expect_code(0);
    assert_eq!(read(&file), "[global]\ntimeout = 5\n");

    // And homing's own, where a program that drops comments has rewritten the file: `pip config set` does.
    login(&scene, "pip").run().expect_code(0);
    let stripped: Vec<String> = read(&file).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    fs::write(&file, stripped.join("\n")).unwrap();
    logout(&scene, "pip").run().expect_code(0);
    assert_eq!(read(&file), "[global]\ntimeout = 5");
}

#[test]
fn a_logout_needs_no_configuration() {
    let scene = Scene::without_index(Sandbox::builder());
    let file = write(&scene, ".pypirc", "", 0o600);
    login(&scene, "twine").run().expect_code(0);
    let words = ["codeartifact", "logout", "--tool", "twine", "--config", "/nonexistent"];
    crate::support::homing::homing(words).env("HOME", scene.home()).run().expect_code(0);
    assert_eq!(read(&file), "");
}

fn login(scene: &Scene, tool: &str) -> Homing {
    scene.homing(&[
        "codeartifact",
        "login",
        "--tool",
        tool,
        "--domain",
        "sandbox-domain",
        "--repository",
        "sandbox-repo",
    ])
}

fn logout(scene: &Scene, tool: &str) -> Homing {
    scene.homing(&["codeartifact", "logout", "--tool", tool])
}

/// `SECTION OPTION VALUE` a line, with `|` for line feeds in values.
fn configparser(file: &Path) -> String {
    let script = "
import configparser, sys
parser = configparser.RawConfigParser()
with open(sys.argv[1]) as file:
    parser.read_file(file)
for section in parser.sections():
    for option, value in parser.items(section):
        print(section, option, '|' + '|'.join(value.split('\\n')) if 'servers' in option else value.replace('\\n', '|'))
";
    let output = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}\n{output:?}", read(file));
    String::from_utf8(output.stdout).unwrap()
}

fn write(scene: &Scene, name: &str, content: &str, mode: u32) -> PathBuf {
    let file = scene.home().join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

fn no_files() -> Vec<PathBuf> {
    Vec::new()
}

/// What the two logins change.
const OURS: [&str; 4] = ["index", "codeartifact username", "codeartifact password", "codeartifact repository"];

//! Real git and real pip, run by `homing exec --git`, against a real git server that wants the token.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use base64::Engine as _;

use crate::git_server::{self, GitServer};
use crate::service::{GIT_TOKEN, PATH, Secrets, contains, files_with, service};
use crate::support::directory::Directory;
use crate::support::packages;
use crate::support::process::run;

#[test]
fn git_clones_with_the_token_and_nobody_sees_it() {
    let Some((service, server)) = servers() else { return };
    let home = Home::new();
    // What people have in their home: git would hand the token on to be written to a file.
    home.write(".gitconfig", "[credential]\n\thelper = store\n");
    let script = "git clone --quiet \"$0\" clone && git -C clone remote -v && cat clone/pyproject.toml";
    let git = format!("{}=GithubToken:mypat", server.host);
    let words = ["exec", "-vvv", "--git", &git, "--", "sh", "-c", script, &server.url()];
    let mut command = home.prepare(service.command(&words), server);
    for trace in ["GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE_SETUP", "GIT_TRACE2"] {
        command.env(trace, "1");
    }
    let output = finish(command);

    assert!(contains(&output.stdout, "private-package"), "{output:?}");
    let said = [output.stdout, output.stderr].concat();
    // The ground: git did ask homing, and would have shown what it was told.
    assert!(contains(&said, "git-credential --git-variable") && contains(&said, "Authorization: Basic <redacted>"));
    expect_no_token(&said, "what was printed");
    home.expect_no_token();
    assert!(!home.join(".git-credentials").exists());
    let log = server.access_log();
    assert!(log.contains(" x-access-token "), "{log}");
    expect_no_token(log.as_bytes(), "the server's log");
    let command_lines = server.command_lines();
    assert!(command_lines.contains(&format!("clone --quiet {}", server.url())), "{command_lines}");
    expect_no_token(command_lines.as_bytes(), "a command line");
}

#[test]
fn pip_installs_a_private_package_from_git() {
    let Some((service, server)) = servers() else { return };
    let home = Home::new();
    let environment = home.join("environment");
    run("python3", ["-m", "venv", "--without-pip", environment.to_str().unwrap()]);
    let pip = packages::find(packages::BOTO).unwrap().with_file_name("pip3");
    let git = format!("{}=GithubToken:mypat", server.host);
    let (package, log) = (format!("git+{}", server.url()), home.join("pip.log"));
    let words = [
        &["exec", "-vvv", "--git", &git, "--", pip.to_str().unwrap(), "--python", environment.to_str().unwrap()],
        &["-vvv", "install", "--log", log.to_str().unwrap(), &package][..],
    ];
    let mut command = home.prepare(service.command(&words.concat()), server);
    command.env("PIP_NO_INDEX", "1").env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("GIT_TRACE", "1");
    let output = finish(command);

    let said = [output.stdout, output.stderr].concat();
    assert!(contains(&said, "Successfully installed private-package-1.0"), "{}", String::from_utf8_lossy(&said));
    assert!(contains(&said, "git-credential --git-variable"), "{}", String::from_utf8_lossy(&said));
    expect_no_token(&said, "what was printed");
    home.expect_no_token();
    assert!(fs::read_to_string(&log).unwrap().contains("private-package"));
    expect_no_token(server.command_lines().as_bytes(), "a command line");
    let python = environment.join("bin/python");
    let word =
        Command::new(python).args(["-c", "import private_package; print(private_package.WORD)"]).output().unwrap();
    assert_eq!(word.stdout, b"installed\n", "{word:?}");
}

#[test]
fn a_git_configuration_can_name_homing_as_its_helper() {
    let Some((service, server)) = servers() else { return };
    let home = Home::new();
    let helper = format!("!{} git-credential --git {}=GithubToken:mypat", env!("CARGO_BIN_EXE_homing"), server.host);
    home.write(".gitconfig", format!("[credential]\n\thelper = \"{helper}\"\n"));
    let mut command = home.prepare(service.prepared(Command::new(packages::find("git").unwrap())), server);
    command.args(["ls-remote", &server.url()]).env("GIT_TRACE", "1").env("GIT_TERMINAL_PROMPT", "0");
    let output = finish(command);
    assert!(contains(&output.stdout, "refs/heads/main"), "{output:?}");
    expect_no_token(&output.stderr, "what was printed");
    home.expect_no_token();
}

#[test]
fn a_wrong_token_is_an_error_and_no_question() {
    let Some((service, server)) = servers() else { return };
    let home = Home::new();
    let list = |git: &str| {
        let words = ["exec", "--git", git, "--", "git", "ls-remote", &server.url()];
        home.prepare(service.command(&words), server).stdin(Stdio::null()).output().unwrap()
    };
    let refused = list(&format!("{}=GithubToken:wrong", server.host));
    assert_eq!(refused.status.code(), Some(128), "{refused:?}");
    assert!(contains(&refused.stderr, "Authentication failed") && !contains(&refused.stderr, "canary"), "{refused:?}");
    // For another host there is no answer.
    let unasked = list("git.example=GithubToken:mypat");
    assert_eq!(unasked.status.code(), Some(128), "{unasked:?}");
    assert!(contains(&unasked.stderr, "terminal prompts disabled"), "{unasked:?}");
}

#[test]
fn a_username_is_given_and_settings_that_are_there_stay() {
    let Some((service, server)) = servers() else { return };
    let home = Home::new();
    home.write(".gitconfig", "[credential]\n\tusername = somebody\n");
    let script = "git ls-remote \"$0\" && git config test.kept && git config test.older";
    let git = format!("robot@{}=GithubToken:mypat", server.host);
    let words = ["exec", "--git", &git, "--", "sh", "-c", script, &server.url()];
    let mut command = home.prepare(service.command(&words), server);
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "test.kept").env("GIT_CONFIG_VALUE_0", "yes");
    // As `git -c` hands it on.
    command.env("GIT_CONFIG_PARAMETERS", r"'test.older=it'\''s'");
    let output = finish(command);
    assert!(output.stdout.ends_with(b"refs/heads/main\nyes\nit's\n"), "{output:?}");
    assert!(server.access_log().contains(" robot "), "{}", server.access_log());
}

/// git 2.30, which Debian 11 has, reads `GIT_CONFIG_PARAMETERS` only.
#[test]
fn an_older_git_is_told_as_well() {
    let Some((service, server)) = servers() else { return };
    let home = Home::new();
    let script = "unset GIT_CONFIG_COUNT; git ls-remote \"$0\"";
    let git = format!("{}=GithubToken:mypat", server.host);
    let words = ["exec", "--git", &git, "--", "sh", "-c", script, &server.url()];
    let output = finish(home.prepare(service.command(&words), server));
    assert!(output.stdout.ends_with(b"refs/heads/main\n"), "{output:?}");
}

/// A home with nothing in it but what a test puts there.
struct Home {
    directory: Directory,
}

impl Home {
    fn new() -> Self {
        let directory = Directory::new("home");
        fs::create_dir(directory.join("tmp")).unwrap();
        Self { directory }
    }

    fn join(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        self.directory.write(name, content);
    }

    /// Lets a command live here, and git know the server's authority.
    fn prepare(&self, mut command: Command, server: &GitServer) -> Command {
        let git = packages::find("git").unwrap();
        command.env("PATH", format!("{}:{PATH}", git.parent().unwrap().display()));
        command.env("HOME", self.directory.path()).env("TMPDIR", self.join("tmp")).current_dir(self.directory.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_SSL_CAINFO", &server.ca_file);
        command
    }

    fn expect_no_token(&self) {
        for token in [GIT_TOKEN.to_owned(), encoded()] {
            assert_eq!(files_with(self.directory.path(), &token), 0, "a file has the token in it");
        }
    }
}

fn finish(mut command: Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn expect_no_token(text: &[u8], what: &str) {
    for token in [GIT_TOKEN.to_owned(), encoded()] {
        assert!(!contains(text, &token), "{what} has the token in it: {}", String::from_utf8_lossy(text));
    }
}

/// The token as basic authentication sends it.
fn encoded() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{GIT_TOKEN}"))
}

fn servers() -> Option<(&'static Secrets, &'static GitServer)> {
    static SERVER: LazyLock<Option<GitServer>> =
        LazyLock::new(|| packages::available("git", git_server::PROGRAMS).then(GitServer::start));
    Some((service()?, SERVER.as_ref()?))
}

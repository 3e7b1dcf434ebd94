//! `homing serve -- COMMAND` and `homing exec --aws --refresh`: the command's environment, its signals and its end.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::serving::{SECRET_ACCESS_KEY, fixed_keys, wait};
use crate::support::packages;

/// The two ways to run a command.
const WAYS: [&[&str]; 2] = [&["serve", "--"], &["exec", "--aws", "--refresh", "--"]];

#[test]
fn the_command_gets_the_two_variables_and_no_keys() {
    for way in WAYS {
        let mut command = fixed_keys();
        command.args(["--region", "eu-west-1", "--thing-name", "thing-1"]).args(way).arg("env");
        command.env("AWS_PROFILE", "other").env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/other");
        command.env("AWS_WEB_IDENTITY_TOKEN_FILE", "/other").env("OTHER", "stays");
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));

        assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
        let uri = value("AWS_CONTAINER_CREDENTIALS_FULL_URI").unwrap();
        assert!(uri.starts_with("http://127.0.0.1:") && uri.ends_with("/credentials"), "{uri}");
        assert_eq!(value("AWS_CONTAINER_AUTHORIZATION_TOKEN").unwrap().len(), 64);
        assert_eq!(value("AWS_REGION"), Some("eu-west-1"));
        assert_eq!(value("AWS_DEFAULT_REGION"), Some("eu-west-1"));
        assert_eq!(value("AWS_IOT_THING_NAME"), Some("thing-1"));
        assert_eq!(value("OTHER"), Some("stays"));
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ] {
            assert_eq!(value(name), None);
        }
        assert!(!text.contains(SECRET_ACCESS_KEY));
    }
}

#[test]
fn the_command_can_fetch_the_credentials() {
    if !packages::available("serve", &["curl"]) {
        return;
    }
    let script = r#"exec curl -sS --noproxy '*' -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" \
        "$AWS_CONTAINER_CREDENTIALS_FULL_URI""#;
    for way in WAYS {
        let output = fixed_keys().args(way).args(["sh", "-c", script]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let json: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        assert_eq!(json["SecretAccessKey"], SECRET_ACCESS_KEY);
    }
}

#[test]
fn the_exit_code_is_the_commands() {
    for way in WAYS {
        let code = |script: &str| fixed_keys().args(way).args(["sh", "-c", script]).status().unwrap().code();
        assert_eq!(code("exit 0"), Some(0));
        assert_eq!(code("exit 42"), Some(42));
        assert_eq!(code("kill -TERM $$"), Some(128 + 15));
        assert_eq!(code("kill -KILL $$"), Some(128 + 9));
        let of = |program: &str| fixed_keys().args(way).arg(program).output().unwrap().status.code();
        assert_eq!(of("/nowhere/at/all"), Some(127));
        assert_eq!(of("no-such-command-anywhere"), Some(127));
        assert_eq!(of("/etc/passwd"), Some(126));
    }
}

#[test]
fn signals_are_passed_on() {
    for way in WAYS {
        for (signal, name) in [
            (Signal::TERM, "TERM"),
            (Signal::INT, "INT"),
            (Signal::HUP, "HUP"),
            (Signal::QUIT, "QUIT"),
            (Signal::USR1, "USR1"),
            (Signal::USR2, "USR2"),
        ] {
            let script = format!("trap 'exit 7' {name}; echo ready; while :; do sleep 0.05; done");
            let mut child = start(fixed_keys().args(way).args(["sh", "-c", &script]));
            kill_process(Pid::from_child(&child), signal).unwrap();
            assert_eq!(wait(&mut child).code(), Some(7), "{name}");
        }
    }
}

#[test]
fn a_signal_that_ends_the_command_ends_homing() {
    let mut child = start(fixed_keys().args(["serve", "--", "sh", "-c", "echo ready; exec sleep 600"]));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = wait(&mut child);
    assert_eq!((status.code(), status.signal()), (Some(143), None));
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    // As nohup(1) does. The inner shell is only ready if SIGHUP has not ended it.
    let script = "trap '' HUP; exec \"$@\"";
    let inner = "kill -HUP $$; echo ready; while :; do sleep 0.05; done";
    let homing = fixed_keys();
    let mut command = Command::new("sh");
    command.env_clear().envs(homing.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-c", script, "sh"]).arg(homing.get_program()).args(["serve", "--", "sh", "-c", inner]);
    let mut child = start(&mut command);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(wait(&mut child).code(), Some(143));
}

#[test]
fn ctrl_c_is_left_to_the_terminal() {
    if !packages::available("serve", &["python3"]) {
        return;
    }
    let interrupts = |child: &str| {
        let homing = fixed_keys();
        let mut python = Command::new("python3");
        python.env_clear().envs(homing.get_envs().filter_map(|(name, value)| Some((name, value?))));
        python.args(["-c", TERMINAL]).arg(homing.get_program()).args(["serve", "--", "python3", "-c", child]);
        let output = python.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
        text.split("interrupts: ").nth(1).unwrap_or_else(|| panic!("{text}")).trim().to_owned()
    };
    // The terminal itself interrupts its foreground processes, of which the command is one.
    assert_eq!(interrupts(COUNT_INTERRUPTS), "1");
    // homing does not do it a second time: a command that has left the terminal is not interrupted.
    assert_eq!(interrupts(&format!("import os; os.setsid()\n{COUNT_INTERRUPTS}")), "0");
}

#[test]
fn without_a_command_homing_ends_when_it_is_told_to() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut serving = crate::serving::Serving::with_fixed_keys(&[]);
        assert_eq!(serving.fetch().status, 200);
        serving.signal(signal);
        assert_eq!(serving.wait().code(), Some(0));
    }
}

/// Starts a command that says when it is ready, and waits for that.
fn start(command: &mut Command) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

/// Says how often it was interrupted when SIGUSR1 comes, and ends with SIGTERM. Without print(), which a signal handler may
/// not call while another is under way.
const COUNT_INTERRUPTS: &str = r#"
import os, signal
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"interrupts: %d\n" % count))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
os.write(1, b"ready\n")
while True:
    signal.pause()
"#;
/// Runs a command on a terminal of its own, presses Ctrl-C when it is ready, and sends it SIGUSR1 when the terminal has
/// done with that, which it shows. What is unread when the command ends is lost with the terminal.
const TERMINAL: &str = r#"
import os, pty, signal, sys
command = sys.argv[1:]
process, terminal = pty.fork()
if process == 0:
    os.execv(command[0], command)
seen = b""
def read_until(text):
    global seen
    while text not in seen or not seen.endswith(b"\n"):
        data = os.read(terminal, 1000)
        assert data, seen
        seen += data
read_until(b"ready")
os.write(terminal, b"\x03")
while b"^C" not in seen:
    seen += os.read(terminal, 1000)
os.kill(process, signal.SIGUSR1)
read_until(b"interrupts: ")
os.kill(process, signal.SIGTERM)
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"#;

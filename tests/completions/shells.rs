//! The files in the programs that they are for.

use crate::share;
use crate::support::packages::{available, find};
use crate::support::process::run;
use std::process::{Command, Output};

#[test]
fn the_manual_page_has_no_mistakes() {
    if !available("completions", &["mandoc"]) {
        return;
    }
    let page = share().join("homing.1");
    let output = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(&page).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = run("mandoc", ["-Tascii".as_ref(), page.as_os_str()]);
    assert!(text.lines().count() > 300 && text.contains("a file cannot be created, or the queue is full"), "{text}");
}

#[test]
fn bash_completes_commands_flags_values_and_files() {
    let script = share().join("homing.bash");
    run("bash", ["-n".as_ref(), script.as_os_str()]);
    let complete = |words: &[&str]| {
        let line = format!(
            "source {}; complete -p homing >/dev/null || exit 3; COMP_WORDS=(homing {}); COMP_CWORD={}; _homing; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len()
        );
        let output = Command::new("bash").args(["--norc", "-c", &line]).current_dir(share()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut found: Vec<String> = text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
        found.sort();
        found.dedup();
        found
    };
    assert_eq!(complete(&["pre"]), ["presign"]);
    assert!(complete(&[""]).len() > 15);
    assert_eq!(complete(&["send", "--inli"]), ["--inline-limit"]);
    assert_eq!(complete(&["publish", "--inli"]), [""; 0], "not one of its own");
    assert_eq!(complete(&["send", "--via", ""]), ["https", "mqtt"]);
    assert_eq!(complete(&["send", "--via", "=", "h"]), ["https"]);
    assert_eq!(complete(&["send", "--via", "="]), ["https", "mqtt"]);
    assert_eq!(complete(&["--via", "https", "se"]), ["secret", "send", "serve"]);
    assert_eq!(complete(&["--via", "https", "queue", "re"]), ["remove", "retry"]);
    assert_eq!(complete(&["queue", "list", "hom"]), ["homing.1", "homing.bash", "homing.fish"]);
    assert_eq!(complete(&["help", "dra"]), ["drain"]);
    assert_eq!(complete(&["init", "--from", "dev"]), ["device-client"]);
    assert_eq!(complete(&["send", "--ca-file", "homing.b"]), ["homing.bash"]);
    assert_eq!(complete(&["send", "homing.f"]), ["homing.fish"]);
    assert_eq!(complete(&["send", "--bucket", "ho"]), [""; 0], "a bucket is no file");
    assert_eq!(complete(&["exec", "--aws", "--", "mktem"]), ["mktemp"]);
    assert_eq!(complete(&["-q", "1", "stat"]), ["status"]);
}

#[test]
fn fish_completes_commands_flags_and_values() {
    if !available("completions", &["fish"]) {
        return;
    }
    let script = share().join("homing.fish");
    run("fish", ["--no-execute".as_ref(), script.as_os_str()]);
    let complete = |line: &str| {
        let command = format!("source {}; complete -C '{line}'", script.display());
        let output = Command::new("fish").args(["--no-config", "-c", &command]).current_dir(share()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete("homing pre"), ["presign"]);
    assert_eq!(complete("homing send --inli"), ["--inline-limit"]);
    assert_eq!(complete("homing publish --inli"), [""; 0]);
    assert_eq!(complete("homing send --via h"), ["https"]);
    assert_eq!(complete("homing queue re"), ["remove", "retry"]);
    assert_eq!(complete("homing send homing.f"), ["homing.fish"]);
    assert_eq!(complete("homing send --bucket homing.f"), [""; 0]);
    assert_eq!(complete("homing help dra"), ["drain"]);
}

/// Typed into an interactive zsh on a terminal of its own, with a function in homing's place that says what it got.
#[test]
fn zsh_completes_commands_flags_and_values() {
    if !available("completions", &["zsh"]) {
        return;
    }
    run("zsh", ["-n".as_ref(), share().join("_homing").as_os_str()]);
    let lines = [
        ("homing presi\t", "presign"),
        ("homing send --inli\t7", "send --inline-limit=7"),
        ("homing send --via=ht\t", "send --via=https"),
        ("homing send --via ht\t", "send --via https"),
        ("homing queue ret\t", "queue retry"),
        ("homing help dra\t", "help drain"),
        ("homing init --from dev\t", "init --from device-client"),
        ("homing send _hom\t", "send _homing"),
        ("homing exec --aws -- mktem\t", "exec --aws -- mktemp"),
        ("homing publish --inli\t", "publish --inli"),
    ];
    let said = zsh(&lines.map(|(typed, _)| typed));
    for (typed, expected) in lines {
        assert!(said.contains(&format!("GOT<{expected}>")), "{typed:?}: {said}");
    }
}

/// What an interactive zsh, with a terminal of its own, says when this is typed.
fn zsh(typed: &[&str]) -> String {
    let script = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= RPROMPT=; unsetopt zle_bracketed_paste beep; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; homing() { print -r -- \"GOT<\$*>\" }; cd $1; mktemp() { : }; print REA''DY"
zpty -r -m shell said '*READY*'
shift
for line; do
    zpty -w shell "$line"
done
zpty -w shell "print E''ND"
zpty -r -m shell said '*END*'
print -r -- "$said"
zpty -d shell
"#;
    let output = Command::new(find("zsh").unwrap())
        .args(["-f", "-c", script, "zsh"])
        .arg(share().as_os_str())
        .args(typed)
        .env("TERM", "dumb")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

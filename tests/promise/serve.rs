//! `homing serve`: while it fetches, while it serves, and at its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::canary::{SECRET_KEY, SESSION_TOKEN};
use crate::cases::SERVE;
use crate::core_dump::{WITHOUT_LIMIT, cores};
use crate::held::check_process;
use crate::scene::{Place, Scene};

#[test]
fn a_server_keeps_its_secrets() {
    let scene = Scene::new();
    for signal in [Signal::TERM, Signal::ABORT] {
        let place = Place::new();
        let held = scene.hold(&SERVE);
        let mut command = scene.command(&place, WITHOUT_LIMIT, SERVE.words, SERVE.given);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        assert!(held.arrived(), "it fetches nothing");
        check_process(&scene.search(), child.id(), &SERVE);
        held.release();

        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut uri, mut token) = (String::new(), String::new());
        while uri.is_empty() || token.is_empty() {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "{}", place.ended(child.wait().unwrap()));
            match line.trim_end().split_once('=') {
                Some(("AWS_CONTAINER_CREDENTIALS_FULL_URI", value)) => uri = value.to_owned(),
                Some(("AWS_CONTAINER_AUTHORIZATION_TOKEN", value)) => token = value.to_owned(),
                _ => {}
            }
        }
        let search = scene.search_with(&token);
        let authority = uri.strip_prefix("http://").unwrap().strip_suffix("/credentials").unwrap();
        let ask = |path: &str, token: &str| {
            let mut stream = TcpStream::connect(authority).unwrap();
            let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
            stream.write_all(format!("{head}Authorization: {token}\r\n\r\n").as_bytes()).unwrap();
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply).unwrap();
            reply
        };
        assert_eq!(search.found_in(&ask("/credentials", &token)), [SECRET_KEY, SESSION_TOKEN]);
        let mut other = token.clone();
        other.replace_range(..1, "x");
        for (path, token) in [("/credentials", other.as_str()), ("/", &token), ("/credentials", "")] {
            assert_eq!(search.found_in(&ask(path, token)), [""; 0], "{path} {token}");
        }

        check_process(&search, child.id(), &SERVE);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = scene.finish(&place, child, &SERVE, &[]);
        assert_eq!(search.found_in(ended.stderr.as_bytes()), [""; 0], "{ended}");
        scene.check_files(&place, &SERVE, &search);
        assert_eq!(ended.status.signal().is_some(), signal == Signal::ABORT, "{ended}");
        assert!(!ended.status.core_dumped() && cores(&place).is_empty(), "{ended}");
    }
}

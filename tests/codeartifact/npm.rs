//! `homing exec --codeartifact --format npm` with real npm, which takes the token from a variable whose name is a URL.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use homing_sandbox::{Sandbox, Service};

use crate::scene::Scene;
use crate::support::packages;

#[test]
fn npm_finds_its_registry() {
    if !packages::available("codeartifact", &["npm"]) {
        return;
    }
    let scene = Scene::without_index(Sandbox::builder());
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    scene.sandbox.set_package_index(registry.local_addr().unwrap());
    thread::spawn(move || registry.incoming().for_each(|stream| answer(stream.unwrap())));

    let words = ["exec", "-vvv", "--codeartifact", "sandbox-domain/sandbox-repo", "--format", "npm", "--"];
    let view = ["npm", "view", "sample", "version", "--loglevel=silly"];
    let run = scene
        .homing(&[&words[..], &view].concat())
        .env("npm_config_cafile", &scene.sandbox.certificates().ca)
        .env("npm_config_fetch_retries", "0")
        .run();
    run.expect_code(0).expect_nowhere(&scene.token());
    assert_eq!(run.stdout, "1.2.3\n");
    // It wrote a log and a cache.
    assert_eq!(scene.files_with(&scene.token()), [""; 0].map(std::path::PathBuf::from));
    let of_repository = |path: &str| path == "/npm/sandbox-repo/sample";
    let exchanges = scene.sandbox.exchanges();
    assert!(
        exchanges.iter().any(|exchange| exchange.service == Service::Repositories && of_repository(&exchange.path))
    );
}

/// Whatever is asked for: a package with one version. The sandbox has looked at the token.
fn answer(mut stream: impl Read + Write) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let length = PACKAGE.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(PACKAGE.as_bytes())).unwrap();
}

/// npm's registry API, "getting package metadata".
const PACKAGE: &str = r#"{"name":"sample","dist-tags":{"latest":"1.2.3"},"versions":{"1.2.3":{"name":"sample","version":"1.2.3","dist":{"tarball":"https://localhost/","shasum":"0"}}}}"#;

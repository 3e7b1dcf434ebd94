//! Who may know whom, read from the sources: `main → job → {aws, net} → protocol`.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of the crate's root may import from it.
const ALLOWED: &[(&str, &[&str])] = &[
    // Sans-IO: nothing of ours, so that it can be read, tested and taken elsewhere alone.
    ("protocol", &[]),
    // Whether trying again may help is classed in protocol::retry.
    ("error", &["protocol"]),
    ("aws", &["protocol", "error"]),
    // BUILD_TIME is a constant of the root.
    ("net", &["protocol", "error", "BUILD_TIME"]),
    ("options", &["protocol", "error", "config"]),
    ("config", &["protocol", "error", "options"]),
    ("cli", &["protocol", "error", "options", "config"]),
    // To the system's logger as well.
    ("logging", &["net"]),
    ("progress", &[]),
    // Files on this device's disk; what is in them is the deliverer's.
    ("queue", &["protocol", "error"]),
    // The program's allocator: part of the binary, not of the library.
    ("record_memory", &[]),
    ("program", &["error", "config", "cli", "job", "logging"]),
    (
        "job",
        &["protocol", "error", "aws", "net", "queue", "options", "config", "cli", "logging", "progress", "BUILD_TIME"],
    ),
];

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (path, code) in sources() {
        let module = module(&path);
        if module == "main" || module == "lib" {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{}: say in ALLOWED what it may import", path.display()));
        for import in imports(&code) {
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_that_is_spoken_of_exists() {
    let modules: BTreeMap<String, PathBuf> = sources().into_iter().map(|(path, _)| (module(&path), path)).collect();
    for (name, _) in ALLOWED {
        assert!(modules.contains_key(*name), "{name}");
    }
}

#[test]
fn only_net_opens_sockets() {
    let mut wrong = Vec::new();
    for (path, code) in sources().into_iter().filter(|(path, _)| module(path) != "net") {
        for word in [
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "UnixListener",
            "UnixDatagram",
            "ToSocketAddrs",
            "rustix::net",
        ] {
            if code.contains(word) {
                wrong.push(format!("{} speaks of {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn protocol_is_sans_io() {
    let mut wrong = Vec::new();
    for (path, code) in sources().into_iter().filter(|(path, _)| module(path) == "protocol") {
        for word in [
            "std::fs",
            "std::net",
            "std::io",
            "std::env",
            "std::thread",
            "std::process",
            "Instant::now",
            "SystemTime::now",
            "OffsetDateTime::now",
        ] {
            if code.contains(word) {
                wrong.push(format!("{} uses {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_goes_around_by_super() {
    for (path, code) in sources() {
        // From `net/http.rs`, `super` is `net` and `super::super` the root.
        let levels = path.components().count() - usize::from(path.ends_with("mod.rs"));
        let to_the_root = "super::".repeat(levels);
        assert!(!code.contains(&to_the_root), "{} reaches the root by super", path.display());
    }
}

#[test]
fn jobs_are_given_commands_and_parse_none() {
    for (path, code) in
        sources().into_iter().filter(|(path, _)| !["main", "program", "cli"].contains(&module(path).as_str()))
    {
        assert!(!code.contains("cli::parse") && !code.contains("args_os"), "{}", path.display());
    }
}

#[test]
fn only_main_exits() {
    for (path, code) in sources() {
        assert!(!code.contains("process::exit") && !code.contains("process::abort"), "{}", path.display());
        assert!(module(&path) == "main" || !code.contains("ExitCode"), "{}", path.display());
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    let library = fs::read_to_string(root().join("lib.rs")).unwrap();
    assert!(library.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    // The binary is a crate of its own, with one module that cannot do without.
    for (path, code) in sources().into_iter().filter(|(path, _)| module(path) != "record_memory") {
        assert!(!code.contains("unsafe {") && !code.contains("unsafe fn"), "{}", path.display());
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::error::{Error, Fault};\nuse crate::{aws, net::http::Client};\nlet a = crate::BUILD_TIME;\n// crate::comment\npub(crate) fn f() {}\n";
    assert_eq!(imports(&without_comments(code)), ["error", "aws", "net", "BUILD_TIME"]);
}

#[test]
fn unit_tests_are_left_out() {
    let code = "use crate::error;\n#[cfg(test)]\nmod tests {\n    use crate::net;\n}\n";
    assert_eq!(imports(&without_tests(code)), ["error"]);
}

/// Every source file of the crate, relative to `src`, without comments and unit tests.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    assert!(found.len() > 40, "{found:?}");
    found.sort();
    // Unit tests in a file of their own.
    found.retain(|path| !path.ends_with("tests.rs"));
    let read = |path: PathBuf| {
        let code = fs::read_to_string(root().join(&path)).unwrap();
        (path, without_comments(&without_tests(&code)))
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
}

/// The module of the crate's root that a file belongs to.
fn module(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// The names that stand behind `crate::`, in order; those within `crate::{…}` too.
fn imports(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (position, _) in code.match_indices("crate::") {
        let rest = &code[position + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => names.push(name(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (index, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        letter if start && !letter.is_whitespace() => {
                            names.push(name(&list[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names
}

fn name(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// What stands before the unit tests, which come last in every file.
fn without_tests(code: &str) -> String {
    let tests = code.match_indices("#[cfg(test)]\n").find(|(position, marker)| {
        let item = code[position + marker.len()..].lines().next().unwrap_or_default();
        item.contains("mod ") && item.ends_with('{')
    });
    tests.map_or(code, |(position, _)| &code[..position]).to_owned()
}

fn without_comments(code: &str) -> String {
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

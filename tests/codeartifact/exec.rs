//! `homing exec --codeartifact` with real pip, twine and uv: the token is in the tool's environment and nowhere else.

use std::fs;

use homing_sandbox::Sandbox;
use serde_json::json;

use crate::scene::{PACKAGE, Scene};
use crate::support::homing::Outcome;
use crate::support::packages;

const REPOSITORY: [&str; 3] = ["exec", "--codeartifact", "sandbox-domain/sandbox-repo"];

#[test]
fn pip_installs_and_only_its_environment_has_the_token() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder().package_token_length(8192)) else { return };
    let target = scene.directory.join("installed");
    let run = exec(&scene, &["-vvv"], "pip", &["install", "-vvv", "--target", target.to_str().unwrap(), PACKAGE]);

    run.expect_code(0).expect_nowhere(&scene.token());
    scene.expect_installed(target.to_str().unwrap(), PACKAGE);
    // pip says where it looked.
    assert!(run.stdout.contains("Looking in indexes: https://localhost"), "{run}");
    let requests = scene.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in requests {
        assert_eq!((&request["arguments"], &request["files"]), (&json!([]), &json!([])), "{request}");
        // homing itself is gone: it has become pip.
        let holders = request["environments"].as_array().unwrap();
        assert!(!holders.is_empty() && holders.iter().all(is_python), "{request}");
    }
    assert_eq!(scene.files_with(&scene.token()), [""; 0].map(std::path::PathBuf::from));
}

/// pip runs another pip for what a source needs to be built, and gives it the index as an argument.
#[test]
fn what_a_source_is_built_with_comes_from_the_repository_and_no_argument_has_the_token() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    scene.build_source("packages", "sourced");
    // What the user has for other hosts stays, and for this one does not count.
    let own = "machine other.invalid login me password canary-own\nmachine localhost login me password wrong\n";
    fs::write(scene.home().join(".netrc"), own).unwrap();
    for (number, flags) in [&[][..], &["--extra"], &["--aws", "--refresh"]].into_iter().enumerate() {
        let target = scene.directory.join(format!("installed-{number}"));
        let install = ["install", "-vvv", "--no-cache-dir", "--target", target.to_str().unwrap(), "sourced"];
        let pip = packages::find("pip").unwrap();
        let words = [&REPOSITORY[..], &["-vvv"], flags, &["--", pip.to_str().unwrap()], &install].concat();
        let call = scene.homing(&words);
        let run = if flags == ["--extra"] { call.env("PIP_INDEX_URL", empty_index(&scene)) } else { call }.run();
        run.expect_code(0).expect_nowhere(&scene.token()).expect_nowhere("canary-own");
        scene.expect_installed(target.to_str().unwrap(), "sourced");
    }
    let requests = scene.requests();
    assert!(requests.iter().any(|request| request["path"].as_str().unwrap().contains(PACKAGE)), "{requests:?}");
    for request in requests {
        assert_eq!((&request["arguments"], &request["files"]), (&json!([]), &json!([])), "{request}");
    }
    let script = "cat $NETRC";
    let kept = scene.homing(&[&REPOSITORY[..], &["--", "sh", "-c", script]].concat()).run();
    assert_eq!(kept.stdout, format!("{own}\n\nmachine localhost login aws password {}\n", scene.token()));
    let named = scene.directory.write("netrc", "machine a login b password c");
    let kept = scene.homing(&[&REPOSITORY[..], &["--", "sh", "-c", script]].concat()).env("NETRC", named).run();
    assert!(kept.stdout.starts_with("machine a login b password c\n\nmachine localhost "), "{kept}");
}

/// The ground of the test above: a token in an argument, as it is done today, is found.
#[test]
fn a_token_in_an_argument_would_be_seen() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    scene.homing(&["codeartifact", "token", "sandbox-domain"]).run().expect_code(0);
    let endpoint = scene.homing(&["codeartifact", "endpoint", "sandbox-domain/sandbox-repo"]).run().stdout;
    let index = endpoint.trim().replace("https://", &format!("https://aws:{}@", scene.token())) + "simple/";
    fs::write(scene.home().join("note"), scene.token()).unwrap();
    let target = scene.directory.join("installed");
    let output = scene.tool("pip", &["install", "--index-url", &index, "--target", target.to_str().unwrap(), PACKAGE]);
    assert!(output.status.success(), "{output:?}");
    let request = scene.requests().remove(0);
    assert!(request["arguments"].as_array().unwrap().iter().any(is_python), "{request}");
    assert_eq!(request["files"], json!([scene.home().join("note")]));
}

#[test]
fn without_the_token_nothing_is_installed() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    let endpoint = scene.homing(&["codeartifact", "endpoint", "sandbox-domain/sandbox-repo"]).run().stdout;
    let index = format!("{}simple/", endpoint.trim());
    let output = scene.tool("pip", &["install", "--no-input", "--index-url", &index, "--target", "x", PACKAGE]);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(scene.requests().len(), 0);
}

#[test]
fn an_extra_index_stands_beside_the_user_s_own() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    let target = scene.directory.join("installed");
    let own = scene.directory.join("own");
    fs::create_dir_all(own.join("simple/other")).unwrap();
    scene.build_wheel("own/simple/other", "other");
    fs::write(own.join("simple/other/index.html"), "<a href=\"other-1.0-py3-none-any.whl\">other</a>").unwrap();
    let url = format!("file://{}/simple", own.display());
    let arguments = ["install", "--target", target.to_str().unwrap(), PACKAGE, "other"];
    let pip = packages::find("pip").unwrap();
    let words = [&REPOSITORY[..], &["--extra", "--", pip.to_str().unwrap()], &arguments].concat();
    scene.homing(&words).env("PIP_INDEX_URL", url).run().expect_code(0).expect_nowhere(&scene.token());
    scene.expect_installed(target.to_str().unwrap(), PACKAGE);
    scene.expect_installed(target.to_str().unwrap(), "other");
}

/// pip's variable takes the place of the extra indexes that its files have: Raspberry Pi OS has one.
#[test]
fn an_extra_index_of_pip_s_files_stays_as_well() {
    let scene = Scene::without_index(Sandbox::builder());
    let extra = |value: &str, flag: &[&str]| {
        let file = scene.directory.write("pip.conf", value);
        let words = [&REPOSITORY[..], flag, &["--", "sh", "-c", "echo $PIP_EXTRA_INDEX_URL"]].concat();
        scene.homing(&words).env("PIP_CONFIG_FILE", file)
    };
    let own = "[global]\nextra-index-url = https://a.invalid/\n  https://b.invalid/\n";
    let stdout = extra(own, &["--extra"]).run().stdout;
    assert!(stdout.starts_with("https://a.invalid/ https://b.invalid/ https://localhost:"), "{stdout}");
    assert_eq!(extra(own, &[]).run().stdout, "\n");
    let install = format!("[install]\nextra_index_url = https://c.invalid/\n{own}");
    let stdout = extra(&install, &["--extra"]).run().stdout;
    assert!(stdout.starts_with("https://c.invalid/ https://localhost:"), "{stdout}");
    let stdout = extra(own, &["--extra"]).env("PIP_EXTRA_INDEX_URL", "https://d.invalid/").run().stdout;
    assert!(stdout.starts_with("https://d.invalid/ https://localhost:"), "{stdout}");
}

#[test]
fn twine_uploads_and_uv_installs() {
    let Some(scene) = Scene::with_index("codeartifact", Sandbox::builder()) else { return };
    let wheel = scene.build_wheel("", "uploaded");
    let run = exec(&scene, &["-vvv"], "twine", &["upload", "--verbose", wheel.to_str().unwrap()]);
    run.expect_code(0).expect_nowhere(&scene.token());
    assert!(scene.directory.join("packages/uploaded-1.0-py3-none-any.whl").is_file(), "{run}");

    let target = scene.directory.join("installed");
    let python = packages::find(packages::BOTO).unwrap();
    let install = ["pip", "install", "-v", "--python", python.to_str().unwrap(), "--target", target.to_str().unwrap()];
    let run = exec(&scene, &[], "uv", &[&install[..], &["uploaded"]].concat());
    run.expect_code(0).expect_nowhere(&scene.token());
    scene.expect_installed(target.to_str().unwrap(), "uploaded");
    let run = exec(&scene, &["--extra"], "uv", &[&install[..], &[PACKAGE]].concat());
    run.expect_code(0).expect_nowhere(&scene.token());
    scene.expect_installed(target.to_str().unwrap(), PACKAGE);

    let wheel = scene.build_wheel("", "published");
    exec(&scene, &[], "uv", &["publish", wheel.to_str().unwrap()]).expect_code(0).expect_nowhere(&scene.token());
    assert!(scene.directory.join("packages/published-1.0-py3-none-any.whl").is_file());
    for request in scene.requests() {
        assert_eq!((&request["arguments"], &request["files"]), (&json!([]), &json!([])), "{request}");
    }
    for token in scene.sandbox.package_tokens() {
        assert_eq!(scene.files_with(&token.token), [""; 0].map(std::path::PathBuf::from));
    }
}

#[test]
fn each_format_has_its_own_variables() {
    let scene = Scene::without_index(Sandbox::builder());
    let variables = |format: &str| {
        let words = [&REPOSITORY[..], &["--format", format, "--duration", "900", "--", "env", "-0"]].concat();
        let run = scene.homing(&words).run();
        run.expect_code(0);
        let mut before = scene.homing(&["exec", "--aws", "--", "env"]).run().stdout;
        before.push('\n');
        let is_own = |name: &str| before.contains(&format!("\n{name}=")) || before.starts_with(&format!("{name}="));
        let mut names: Vec<String> = run
            .stdout
            .split('\0')
            .filter_map(|line| line.split_once('=').map(|(name, _)| name.to_owned()))
            .filter(|name| !is_own(name))
            .collect();
        names.sort();
        assert!(run.stdout.contains(&scene.token()));
        names
    };
    let registry =
        format!("//localhost:{}/npm/sandbox-repo/", scene.sandbox.port(homing_sandbox::Service::Repositories));
    assert_eq!(variables("npm"), [format!("npm_config_{registry}:_authToken"), "npm_config_registry".to_owned()]);
    assert_eq!(variables("maven"), ["CODEARTIFACT_AUTH_TOKEN"]);
    let pypi = variables("pypi");
    let prefixes = ["NETRC", "PIP_", "TWINE_", "UV_"];
    assert!(
        pypi.len() == 9 && pypi.iter().all(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))),
        "{pypi:?}"
    );
}

#[test]
fn a_refusal_runs_nothing() {
    let scene = Scene::without_index(Sandbox::builder());
    let marker = scene.home().join("ran");
    let words = ["exec", "--codeartifact", "other-domain/sandbox-repo", "--", "touch", marker.to_str().unwrap()];
    scene.homing(&words).run().expect_code(77).expect_error("GetServiceBearerToken");
    assert!(!marker.exists());
}

/// An index without a package.
fn empty_index(scene: &Scene) -> String {
    let folder = scene.directory.join("empty/simple");
    fs::create_dir_all(&folder).unwrap();
    format!("file://{}", folder.display())
}

fn exec(scene: &Scene, flags: &[&str], tool: &str, arguments: &[&str]) -> Outcome {
    let tool = packages::find(tool).unwrap();
    scene.homing(&[&REPOSITORY[..], flags, &["--", tool.to_str().unwrap()], arguments].concat()).run()
}

fn is_python(name: &serde_json::Value) -> bool {
    name.as_str().unwrap().starts_with("python")
}

//! A network in which nothing is reachable but VPC endpoints, whose names are not CodeArtifact's own.

use std::net::SocketAddr;

use homing_sandbox::{ConnectProxy, Sandbox, Service};

use crate::scene::{PACKAGE, Scene};
use crate::support::REGION;
use crate::support::homing::Homing;
use crate::support::packages;

const API: &str = "vpce-0a1b2c3d-api.codeartifact.us-east-1.vpce.amazonaws.com";
const REPOSITORIES: &str = "vpce-0a1b2c3d-repo.d.codeartifact.us-east-1.vpce.amazonaws.com";

#[test]
fn pip_installs_and_only_the_endpoints_are_connected_to() {
    let builder = Sandbox::builder().server_name(API).server_name(REPOSITORIES);
    let Some(scene) = Scene::with_index("codeartifact", builder) else { return };
    let network = Network::around(&scene);
    let target = scene.directory.join("installed");
    let pip = packages::find("pip").unwrap();
    let run = network
        .homing(&scene, &["exec", "--codeartifact", "sandbox-domain/sandbox-repo", "--domain-owner", "111122223333"])
        .arg("--")
        .arg(pip)
        .arg("install")
        .arg("--target")
        .arg(&target)
        .arg(PACKAGE)
        .run();
    run.expect_code(0).expect_nowhere(&scene.token());
    scene.expect_installed(target.to_str().unwrap(), PACKAGE);
    let credentials = format!("localhost:{}", scene.sandbox.port(Service::Credentials));
    assert_eq!(network.targets(), [format!("{API}:443"), format!("{REPOSITORIES}:443"), credentials]);
    // The owner says where the repository is; nobody need be asked.
    assert_eq!(scene.sandbox.counts(Service::CodeArtifact).requests, 1);
}

#[test]
fn the_repository_s_url_has_the_domain_in_its_path() {
    let scene = Scene::without_index(Sandbox::builder().server_name(API));
    let network = Network::around(&scene);
    let words = ["codeartifact", "endpoint", "sandbox-domain/sandbox-repo", "--format", "npm"];
    let run = network.homing(&scene, &words).arg("--domain-owner").arg("111122223333").run();
    run.expect_code(0);
    assert_eq!(run.stdout, format!("https://{REPOSITORIES}/npm/d/sandbox-domain-111122223333/sandbox-repo/\n"));
    // The sandbox's own endpoint, which is asked for otherwise, does not name the owner.
    network.homing(&scene, &words).run().expect_code(64).expect_error("give --domain-owner");
    assert_eq!(network.targets().iter().filter(|target| !target.starts_with("localhost:")).count(), 1);
}

/// Names that nothing but this proxy knows.
struct Network(ConnectProxy);

impl Network {
    fn around(scene: &Scene) -> Self {
        let proxy = ConnectProxy::start().unwrap();
        for (name, service) in [(API, Service::CodeArtifact), (REPOSITORIES, Service::Repositories)] {
            let address = SocketAddr::from(([127, 0, 0, 1], scene.sandbox.port(service)));
            proxy.route(&format!("{name}:443"), address);
        }
        Self(proxy)
    }

    /// The options stand where a configuration file would have them.
    fn homing(&self, scene: &Scene, words: &[&str]) -> Homing {
        let repositories = format!("https://{REPOSITORIES}");
        let endpoints = ["--endpoint-url", API, "--repository-endpoint-url", &repositories, "--region", REGION];
        scene.homing(&[words, &endpoints].concat()).env("HTTPS_PROXY", format!("http://{}", self.0.address()))
    }

    /// Where to connections were made, each once.
    fn targets(&self) -> Vec<String> {
        let mut targets: Vec<String> = self.0.requests().into_iter().map(|request| request.target).collect();
        targets.sort_by_key(|target| target.starts_with("localhost"));
        targets.dedup();
        targets
    }
}

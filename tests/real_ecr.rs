//! Registry passwords from moto's ECR, used by skopeo (Debian) to log in to a real registry and to copy an image to it and
//! back, with homing as its credential helper.
//!
//! The registry has the name of one of ECR's: a CONNECT proxy leads that name to this machine. moto has no ECR Public, so
//! that for this one service the test answers itself, after it has looked at the request.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock, Mutex};

use homing_sandbox::ConnectProxy;
use serde_json::{Value, json};
use support::boto::Keys;
use support::directory::Directory;
use support::homing::{Config, Homing, homing, prepare};
use support::http::{self, Request};
use support::moto::{self, Moto};
use support::nginx::{Builder, Nginx, Provider};
use support::packages;
use support::pki::Authority;
use support::registry::{self, PASSWORD, Registry};
use support::{REGION, ROLE_ALIAS, THING};

#[test]
fn the_password_alone_is_printed_and_nothing_tells_it_otherwise() {
    let Some(service) = service() else { return };
    let keys = service.session();

    let outcome = call(service, &keys, &["ecr", "password", "-vvv"]).run();

    outcome.expect_code(0).expect_error("good until 2015-01-01T00:00:00Z");
    assert_eq!(outcome.stdout, format!("{PASSWORD}\n"));
    assert!(outcome.stderr.lines().count() >= 4, "-vvv said nothing: {outcome}");
    for secret in [PASSWORD, &keys.secret_access_key, keys.session_token.as_deref().unwrap()] {
        assert!(!outcome.stderr.contains(secret), "{outcome}");
    }
}

#[test]
fn what_ecr_refuses_says_why() {
    let Some(service) = service() else { return };
    let mut keys = service.session();
    keys.secret_access_key.push('x');
    let arguments = ["ecr", "password"];
    let outcome = call(service, &keys, &arguments).run();
    outcome.expect_code(77).expect_error("registry password: ECR answered 403").expect_nowhere(&keys.secret_access_key);

    let outcome = call(service, &service.powerless_session(), &arguments).run();

    // moto's refusal is XML here, without the name that AWS's has.
    outcome.expect_code(77).expect_error("ECR answered 403").expect_error("allow ecr:GetAuthorizationToken");
    assert_eq!(outcome.stdout, "");
}

#[test]
fn the_helper_answers_as_the_protocol_says() {
    let Some(service) = service() else { return };
    let keys = service.session();
    let ask = |action: &str, server: &str| helper(service, &keys, action).stdin(server).run();

    for server in [REGISTRY.to_owned(), format!("https://{REGISTRY}"), format!("{REGISTRY}\n")] {
        let outcome = ask("get", &server);
        outcome.expect_code(0);
        let expected = json!({ "ServerURL": server.trim_end(), "Username": "AWS", "Secret": PASSWORD });
        assert_eq!(serde_json::from_str::<Value>(&outcome.stdout).unwrap(), expected);
        assert_eq!(outcome.stderr, "");
    }
    let outcome = ask("list", "");
    outcome.expect_code(0);
    let expected = json!({ format!("https://{REGISTRY}"): "AWS" });
    assert_eq!(serde_json::from_str::<Value>(&outcome.stdout).unwrap(), expected);

    for server in ["ghcr.io", "https://index.docker.io/v1/", &format!("{REGISTRY}.evil.example")] {
        let outcome = ask("get", server);
        outcome.expect_code(1);
        assert_eq!(outcome.stdout, "credentials not found in native keychain\n");
        assert_eq!(outcome.stderr, "");
    }
    let outcome = ask("get", "\n");
    assert!(outcome.code != 0 && outcome.stdout == "no credentials server URL\n", "{outcome}");

    let password = json!({ "ServerURL": REGISTRY, "Username": "AWS", "Secret": "canary" }).to_string();
    let outcome = ask("store", &password);
    assert!(outcome.code != 0 && outcome.stdout.starts_with("not implemented"), "{outcome}");
    outcome.expect_nowhere("canary");
    let ignored = helper(service, &keys, "store").env("AWS_ECR_IGNORE_CREDS_STORAGE", "true").stdin(password).run();
    assert_eq!((ignored.code, &*ignored.stdout), (0, ""));
    let outcome = ask("erase", REGISTRY);
    assert_eq!((outcome.code, &*outcome.stdout), (0, ""));
    let outcome = ask("version", "");
    assert_eq!(outcome.stdout, format!("docker-credential-homing (homing) {}\n", env!("CARGO_PKG_VERSION")));
    outcome.expect_code(0);
}

/// Docker shows what a helper says on standard output.
#[test]
fn the_helper_tells_its_errors_where_docker_looks_for_them() {
    let Some(service) = service() else { return };
    let refused = helper(service, &service.powerless_session(), "get").stdin(REGISTRY).run();
    refused.expect_code(77);
    assert!(
        refused.stdout.contains("answered 403") && refused.stdout.contains("ecr:GetAuthorizationToken"),
        "{refused}"
    );
    assert_eq!((refused.stdout.lines().count(), &*refused.stderr), (1, ""));

    let unconfigured = prepare(by_name()).arg("get").env("HOMING_CONFIG_JSON", "{\"a\":1}").stdin(REGISTRY).run();
    unconfigured.expect_code(78);
    assert!(unconfigured.stdout.contains("there is no such setting"), "{unconfigured}");
    // What is none of ECR's needs no configuration.
    let other = prepare(by_name()).arg("get").env("HOMING_CONFIG_JSON", "{\"a\":1}").stdin("quay.io").run();
    assert_eq!(other.stdout, "credentials not found in native keychain\n");

    let keys = service.session();
    let told = call(service, &keys, &["docker-credential", "get", "-vvv"]).stdin(REGISTRY).run();
    told.expect_code(0);
    assert!(told.stdout.contains(PASSWORD) && !told.stderr.contains(PASSWORD), "{told}");
    assert!(!told.stderr.contains(&keys.secret_access_key) && told.stderr.lines().count() >= 4, "{told}");
}

/// The region is the one in the registry's name, whatever the device's own is.
#[test]
fn the_region_is_that_of_the_registry() {
    let Some(service) = service() else { return };
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let requests = Arc::clone(&seen);
    let upstream = service.plain_port;
    let port = http::serve(move |request| {
        requests.lock().unwrap().push(request.clone());
        request.forward(upstream)
    });
    let authority = Authority::new("ECR authority");
    let directory = Directory::new("ecr");
    let names = ["api.ecr.eu-west-3.amazonaws.com", "ecr-fips.us-west-1.api.aws"];
    let (front, port) = tls_front(&authority, &directory, &names, port);
    let proxy = ConnectProxy::start().unwrap();
    for (server, host, region) in [
        ("123456789012.dkr.ecr.eu-west-3.amazonaws.com", names[0], "eu-west-3"),
        ("123456789012.dkr-ecr-fips.us-west-1.on.aws", names[1], "us-west-1"),
    ] {
        proxy.route(&format!("{host}:443"), (Ipv4Addr::LOCALHOST, port).into());
        let outcome = prepare(by_name())
            .arg("get")
            .env("HOMING_CREDENTIALS", "environment")
            .env("HOMING_REGION", REGION)
            .env("HOMING_CA_FILE", authority.write(&directory, "ca.pem"))
            .env("HTTPS_PROXY", format!("http://{}", proxy.address()))
            .keys(&service.session())
            .stdin(server)
            .run();
        outcome.expect_code(0);
        let request = seen.lock().unwrap().pop().unwrap_or_else(|| panic!("{outcome}\n{}", front.log()));
        assert_eq!(request.header("host"), Some(host));
        assert!(
            request.header("authorization").unwrap().contains(&format!("/{region}/ecr/aws4_request")),
            "{request:?}"
        );
    }
}

#[test]
fn the_public_registry_has_its_own_service() {
    let Some(service) = service() else { return };
    const PUBLIC_PASSWORD: &str = "public-password-canary";
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let requests = Arc::clone(&seen);
    // base64 of AWS:public-password-canary
    let body = json!({ "authorizationData": { "authorizationToken": "QVdTOnB1YmxpYy1wYXNzd29yZC1jYW5hcnk=", "expiresAt": 1.712174803517E9 }});
    let port = http::serve(move |request| {
        requests.lock().unwrap().push(request.clone());
        http::reply("200 OK", &[("Content-Type", "application/x-amz-json-1.1")], &body.to_string())
    });
    let authority = Authority::new("ECR authority");
    let directory = Directory::new("ecr-public");
    let host = "api.ecr-public.us-east-1.amazonaws.com";
    let (_front, port) = tls_front(&authority, &directory, &[host], port);
    let proxy = ConnectProxy::start().unwrap();
    proxy.route(&format!("{host}:443"), (Ipv4Addr::LOCALHOST, port).into());
    let run = |homing: Homing| {
        homing
            .env("HOMING_CREDENTIALS", "environment")
            .env("HOMING_REGION", "eu-west-1")
            // ECR's own, which is another service.
            .env("AWS_ENDPOINT_URL_ECR", "https://localhost:1")
            .env("HOMING_CA_FILE", authority.write(&directory, "ca.pem"))
            .env("HTTPS_PROXY", format!("http://{}", proxy.address()))
            .keys(&service.session())
            .run()
    };

    let printed = run(homing(["ecr", "password", "--public", "-vvv"]));
    let answered = run(prepare(by_name()).arg("get").stdin("public.ecr.aws"));

    printed.expect_code(0);
    assert_eq!(printed.stdout, format!("{PUBLIC_PASSWORD}\n"));
    assert!(!printed.stderr.contains(PUBLIC_PASSWORD), "{printed}");
    let expected = json!({ "ServerURL": "public.ecr.aws", "Username": "AWS", "Secret": PUBLIC_PASSWORD });
    assert_eq!(serde_json::from_str::<Value>(&answered.stdout).unwrap(), expected, "{answered}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    for request in &*seen {
        assert_eq!(request.header("x-amz-target"), Some("SpencerFrontendService.GetAuthorizationToken"));
        assert!(request.header("authorization").unwrap().contains("/us-east-1/ecr-public/aws4_request"), "{request:?}");
        assert_eq!(request.body, b"{}");
    }
}

/// The whole way: certificate, credential provider, STS's session, ECR's password, registry. skopeo runs homing by its
/// other name, and nothing of the password is left in a file.
#[test]
fn an_image_is_copied_to_a_registry_and_back_with_nothing_but_the_certificate() {
    let Some(service) = service() else { return };
    let device = Device::start(service);
    let image = device.image();

    let outcome = device.skopeo(&["copy", "--dest-cert-dir", &device.trust, &image, &remote("camera/app:1")]);

    assert!(outcome.status.success(), "{outcome:?}\n{}", device.registry.log());
    let copy = format!("oci:{}:1", device.directory.join("copy").display());
    let outcome = device.skopeo(&["copy", "--src-cert-dir", &device.trust, &remote("camera/app:1"), &copy]);
    assert!(outcome.status.success(), "{outcome:?}\n{}", device.registry.log());
    assert_eq!(layers(&device.directory.join("copy")), layers(&device.directory.join("image")));
    assert!(device.registry.log().contains("auth.user.name=AWS"), "{}", device.registry.log());
    let holders = files_with(&device.home, PASSWORD.as_bytes());
    assert!(holders.is_empty(), "{holders:?}");
}

#[test]
fn without_the_helper_or_with_a_role_that_may_not_the_registry_refuses() {
    let Some(service) = service() else { return };
    let device = Device::start(service);
    let image = device.image();
    let arguments = ["copy", "--dest-cert-dir", &device.trust, &image, &remote("camera/app:1")];

    fs::write(device.home.join("auth.json"), "{}").unwrap();
    let outcome = device.skopeo(&arguments);
    assert!(!outcome.status.success() && text(&outcome).contains("authentication required"), "{outcome:?}");

    // What homing says gets through to whoever reads skopeo's errors.
    device.configure(&service.powerless_session().provider_reply());
    let outcome = device.skopeo(&arguments);
    assert!(!outcome.status.success() && text(&outcome).contains("allow ecr:GetAuthorizationToken"), "{outcome:?}");
}

/// What `boards/RECIPES.md` gives in place of `aws ecr get-login-password`, with skopeo's login in place of docker's.
#[test]
fn the_password_is_piped_into_a_login() {
    let Some(service) = service() else { return };
    let device = Device::start(service);
    // With a helper skopeo would ask it to keep the password.
    fs::write(device.home.join("auth.json"), "{}").unwrap();
    let line = format!(
        "homing ecr password | skopeo login --authfile auth.json --cert-dir {} --username AWS --password-stdin {REGISTRY}",
        device.trust
    );

    let outcome = device.command("sh").args(["-c", &line]).output().unwrap();

    assert!(outcome.status.success() && text(&outcome).contains("Login Succeeded"), "{outcome:?}");
    let wrong = line.replace("homing ecr password", "echo wrong");
    let outcome = device.command("sh").args(["-c", &wrong]).output().unwrap();
    assert!(!outcome.status.success(), "{outcome:?}");
}

/// A device with a certificate and nothing else, a registry, and skopeo.
struct Device {
    registry: Registry,
    home: PathBuf,
    /// The folder with the authority that skopeo is to trust.
    trust: String,
    proxy: ConnectProxy,
    authority: Authority,
    endpoint: String,
    provider: Mutex<Option<Nginx>>,
    directory: Directory,
}

impl Device {
    fn start(service: &Moto) -> Self {
        let directory = Directory::new("ecr-device");
        let authority = Authority::new("fleet authority");
        let registry = Registry::start(&authority.server(&directory, "registry", &[REGISTRY]));
        let proxy = ConnectProxy::start().unwrap();
        proxy.route(&format!("{REGISTRY}:443"), (Ipv4Addr::LOCALHOST, registry.port).into());
        let (home, trust, bin) = (directory.join("home"), directory.join("trust"), directory.join("bin"));
        for folder in [&home, &trust, &bin] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(trust.join("ca.crt"), authority.pem()).unwrap();
        // As the installer makes it.
        symlink(BINARY, bin.join("homing")).unwrap();
        symlink("homing", bin.join("docker-credential-homing")).unwrap();
        // homing trusts both: its own servers, and moto.
        fs::write(
            directory.join("ca.pem"),
            authority.pem().to_owned() + &fs::read_to_string(&service.ca_file).unwrap(),
        )
        .unwrap();
        let trust = trust.to_str().unwrap().to_owned();
        let endpoint = service.endpoint();
        let device = Self { registry, home, trust, proxy, authority, endpoint, provider: Mutex::new(None), directory };
        device.configure(&service.session().provider_reply());
        device
    }

    /// Sets homing and skopeo up anew, with these credentials at the provider.
    fn configure(&self, reply: &str) {
        let server = self.authority.server(&self.directory, "provider", &["localhost"]);
        let identity = self.authority.device(&self.directory, "device", THING);
        let mut builder = Builder::new();
        let port = builder.credential_provider(&Provider {
            protocols: "TLSv1.2 TLSv1.3",
            server: &server,
            device_authority: &self.authority,
            reply,
        });
        *self.provider.lock().unwrap() = Some(builder.start());
        let config = Config::new(&identity, &self.directory.join("ca.pem"))
            .with("credential_endpoint", format!("localhost:{port}"))
            .with("role_alias", ROLE_ALIAS)
            .with("endpoints", json!({ "ecr": self.endpoint }))
            .write(&self.directory);
        fs::rename(config, self.home.join("homing.json")).unwrap();
        let helpers = json!({ "credHelpers": { REGISTRY: "homing" } });
        fs::write(self.home.join("auth.json"), helpers.to_string()).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(packages::find(program).unwrap());
        let path = std::env::var("PATH").unwrap();
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", self.directory.join("bin").display()))
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", &self.home)
            .env("HOMING_CONFIG", self.home.join("homing.json"))
            .env("HTTPS_PROXY", format!("http://{}", self.proxy.address()))
            .env("NO_PROXY", "localhost")
            .current_dir(&self.home);
        command
    }

    fn skopeo(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("skopeo");
        command.args(["--insecure-policy", arguments[0], "--authfile", "auth.json"]).args(&arguments[1..]);
        command.output().unwrap()
    }

    /// A real image, with one file in its one layer.
    fn image(&self) -> String {
        let (root, folder) = (self.directory.join("root"), self.directory.join("image"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::write(root.join("hello"), "a camera's program\n").unwrap();
        let tar = Command::new("tar").arg("-C").arg(&root).args(["-cf", "-", "hello"]).output().unwrap();
        assert!(tar.status.success(), "{tar:?}");
        let blob = |kind: &str, content: &[u8]| {
            let digest = ring::digest::digest(&ring::digest::SHA256, content);
            let name: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            fs::write(folder.join("blobs/sha256").join(&name), content).unwrap();
            let media_type = format!("application/vnd.oci.image.{kind}");
            json!({ "mediaType": media_type, "digest": format!("sha256:{name}"), "size": content.len() })
        };
        let layer = blob("layer.v1.tar", &tar.stdout);
        let config = json!({ "architecture": "arm", "os": "linux", "config": {}, "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] }});
        let config = blob("config.v1+json", config.to_string().as_bytes());
        let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer] });
        let mut manifest = blob("manifest.v1+json", manifest.to_string().as_bytes());
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "1" });
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string())
            .unwrap();
        format!("oci:{}:1", folder.display())
    }
}

/// The digests of an image's uncompressed layers, which stay when they are compressed on the way.
fn layers(folder: &Path) -> Value {
    let read = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        read(folder.join("blobs/sha256").join(digest))
    };
    let manifest = blob(&read(folder.join("index.json"))["manifests"][0]);
    let layers = blob(&manifest["config"])["rootfs"]["diff_ids"].clone();
    assert_eq!(layers.as_array().unwrap().len(), 1);
    layers
}

fn files_with(folder: &Path, text: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).unwrap_or_default().windows(text.len()).any(|window| window == text) {
            found.push(path);
        }
    }
    found
}

fn remote(image: &str) -> String {
    format!("docker://{REGISTRY}/{image}")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// homing with these keys in the environment and moto as ECR.
fn call(service: &Moto, keys: &Keys, arguments: &[&str]) -> Homing {
    set(homing(arguments), service, keys)
}

/// The same by its other name, as Docker starts it.
fn helper(service: &Moto, keys: &Keys, action: &str) -> Homing {
    set(prepare(by_name()).arg(action), service, keys)
}

fn by_name() -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(BINARY);
    command.arg0("/usr/local/bin/docker-credential-homing");
    command
}

fn set(homing: Homing, service: &Moto, keys: &Keys) -> Homing {
    homing
        .env("HOMING_CREDENTIALS", "environment")
        .env("HOMING_REGION", REGION)
        .env("HOMING_CA_FILE", &service.ca_file)
        .env("AWS_ENDPOINT_URL_ECR", service.endpoint())
        .keys(keys)
}

/// TLS under these names in front of a plain server.
fn tls_front(authority: &Authority, directory: &Directory, names: &[&str], port: u16) -> (Nginx, u16) {
    let mut builder = Builder::new();
    let port = builder.tls_front(&authority.server(directory, "front", names), port);
    (builder.start(), port)
}

/// One service for all tests.
fn service() -> Option<&'static Moto> {
    static SERVICE: LazyLock<Option<Moto>> = LazyLock::new(|| {
        let programs = [moto::PROGRAMS, registry::PROGRAMS].concat();
        packages::available("ecr", &programs).then(|| {
            let service = Moto::start();
            service.allow("registry", &["ecr:GetAuthorizationToken"], "*");
            service
        })
    });
    SERVICE.as_ref()
}

/// moto's one account, in the region of all tests here.
const REGISTRY: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
const BINARY: &str = env!("CARGO_BIN_EXE_homing");

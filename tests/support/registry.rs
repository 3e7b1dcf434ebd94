//! Docker's registry with TLS, which lets in nobody but the user AWS with the password that moto's ECR gives.

use serde_json::json;

use super::directory::Directory;
use super::pki::Identity;
use super::process::{Server, free_port};

/// The programs that a suite with a registry and a client for it needs.
pub(crate) const PROGRAMS: &[&str] = &["docker-registry", "skopeo", "tar"];
/// What moto's ECR gives for its one account.
pub(crate) const PASSWORD: &str = "123456789012-auth-token";

/// A running registry.
pub(crate) struct Registry {
    /// Its TLS port.
    pub(crate) port: u16,
    server: Server,
    _directory: Directory,
}

impl Registry {
    /// Starts it with this certificate.
    pub(crate) fn start(identity: &Identity) -> Self {
        let directory = Directory::new("registry");
        let users = directory.write("users", format!("AWS:{PASSWORD_BCRYPT}\n"));
        let port = free_port();
        // Its configuration is YAML, of which JSON is a part.
        let settings = json!({
            "version": 0.1,
            "log": { "accesslog": { "disabled": false } },
            "storage": { "filesystem": { "rootdirectory": directory.join("images") } },
            "http": {
                "addr": format!("127.0.0.1:{port}"),
                "tls": { "certificate": identity.certificate, "key": identity.key },
            },
            "auth": { "htpasswd": { "realm": "registry", "path": users } },
        });
        let file = directory.write("registry.yml", settings.to_string());
        let arguments = ["serve".as_ref(), file.as_os_str()];
        let mut server = Server::start(directory.path(), "registry", "docker-registry", arguments, &[]);
        server.wait_for_port("127.0.0.1", port);
        Self { port, server, _directory: directory }
    }

    /// What it has logged: a line for each request, among others.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

/// bcrypt of [`PASSWORD`], with the least cost that there is: the registry takes no other hash.
const PASSWORD_BCRYPT: &str = "$2b$04$PPY0jPq6.XJ3kJ9dWa5kAeK63dHclRYYgEO/lsCCHyxlriIOSty2u";

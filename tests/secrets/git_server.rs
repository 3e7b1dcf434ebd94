//! git's own server, `git http-backend`, behind nginx with basic authentication over TLS, as GitHub looks from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::service::GIT_TOKEN;
use crate::support::directory::Directory;
use crate::support::nginx::{Builder, Nginx};
use crate::support::packages;
use crate::support::pki::Authority;
use crate::support::process::{Server, free_port, run};

/// The programs that the tests with a git server need, beside those of moto.
pub(crate) const PROGRAMS: &[&str] = &["git", "fcgiwrap", "nginx"];

/// A running git server with one private repository, `owner/private.git`, a Python package.
pub(crate) struct GitServer {
    /// Host and port, as in its URLs.
    pub(crate) host: String,
    pub(crate) ca_file: PathBuf,
    pub(crate) directory: Directory,
    _front: Nginx,
    _backend: Server,
}

impl GitServer {
    /// Starts it. It lets in `x-access-token` and `robot`, both with [`GIT_TOKEN`].
    pub(crate) fn start() -> Self {
        let directory = Directory::new("git-server");
        make_repository(&directory);
        let port = free_port();
        let arguments = ["-c", "2", "-s", &format!("tcp:127.0.0.1:{port}")];
        let mut backend = Server::start(directory.path(), "fcgiwrap", "fcgiwrap", arguments, &[]);
        backend.wait_for_port("127.0.0.1", port);

        let authority = Authority::new("git authority");
        let ca_file = authority.write(&directory, "ca.pem");
        let users =
            directory.write("users", format!("x-access-token:{{PLAIN}}{GIT_TOKEN}\nrobot:{{PLAIN}}{GIT_TOKEN}\n"));
        let directives = format!(
            r#"
        auth_basic git; auth_basic_user_file {users};
        access_log {log};
        location / {{
        fastcgi_pass 127.0.0.1:{port};
        fastcgi_param SCRIPT_FILENAME {script};
        fastcgi_param GIT_PROJECT_ROOT {root};
        fastcgi_param GIT_HTTP_EXPORT_ALL 1;
        fastcgi_param PATH_INFO $uri;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length;
        fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
        fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
        fastcgi_param REMOTE_USER $remote_user;
        }}
        "#,
            users = users.display(),
            log = directory.join("access").display(),
            script = make_script(&directory).display(),
            root = directory.path().display(),
        );
        let mut builder = Builder::new();
        let port = builder.server(&authority.server(&directory, "server", &["localhost"]), &directives);
        let front = builder.start();
        Self { host: format!("localhost:{port}"), ca_file, directory, _front: front, _backend: backend }
    }

    /// The repository's URL.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/owner/private.git", self.host)
    }

    /// The requests that it has had, with the username of each.
    pub(crate) fn access_log(&self) -> String {
        fs::read_to_string(self.directory.join("access")).unwrap_or_default()
    }

    /// The command lines of every process on this machine, noted whenever a request came.
    pub(crate) fn command_lines(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.directory.join("command-lines")).unwrap_or_default()).into_owned()
    }
}

/// Notes the machine's command lines, then serves the request.
fn make_script(directory: &Directory) -> PathBuf {
    let notes = directory.join("command-lines");
    let backend = Path::new(run("git", ["--exec-path"]).trim()).join("git-http-backend");
    let script = format!(
        "#!/bin/sh\nfor file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$file; echo; done 2>/dev/null >>{}\nexec {}\n",
        notes.display(),
        backend.display()
    );
    let path = directory.write("serve", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A package whose build backend is its own, of the standard library alone, so that pip needs nothing else.
fn make_repository(directory: &Directory) {
    let bare = directory.join("owner/private.git");
    let work = directory.join("work");
    fs::create_dir(&work).unwrap();
    fs::write(work.join("pyproject.toml"), PYPROJECT).unwrap();
    fs::write(work.join("backend.py"), BACKEND).unwrap();
    let git = |arguments: &[&str]| {
        let mut command = Command::new(packages::find("git").unwrap());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", directory.path());
        command.args(["-c", "user.name=owner", "-c", "user.email=owner@example.com"]).args(arguments);
        let output = command.current_dir(&work).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=a package"]);
    git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
}

const PYPROJECT: &str = r#"[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "private-package"
version = "1.0"
"#;

/// PEP 517's one mandatory hook for wheels.
const BACKEND: &str = r#"import os, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "private_package-1.0-py3-none-any.whl"
    info = "private_package-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr("private_package.py", "WORD = 'installed'\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: private-package\nVersion: 1.0\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: own\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "private_package.py,,\n" + "".join(info + file + ",,\n" for file in ("METADATA", "WHEEL", "RECORD")))
    return name
"#;

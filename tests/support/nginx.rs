//! nginx in three parts: the credential provider (mutual TLS), TLS in front of a server that speaks plain HTTP, and the
//! stream module, which sends connections on one port to different servers by their ALPN protocol, as AWS IoT's 443 does.

use std::fmt::Write;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;

use super::directory::Directory;
use super::pki::{Authority, Identity};
use super::process::{Server, free_port};
use super::{ROLE_ALIAS, THING, packages};

/// The programs that a suite with nginx needs.
pub(crate) const PROGRAMS: &[&str] = &["nginx"];

/// A running nginx.
pub(crate) struct Nginx {
    server: Server,
    directory: Directory,
}

/// Collects what one nginx is to do, then starts it.
pub(crate) struct Builder {
    directory: Directory,
    http: String,
    stream: String,
    ports: Vec<(String, u16)>,
}

/// What the credential provider asks of a connection.
pub(crate) struct Provider<'a> {
    /// `TLSv1.2`, `TLSv1.3`, or both.
    pub(crate) protocols: &'a str,
    pub(crate) server: &'a Identity,
    /// Whom it trusts for device certificates.
    pub(crate) device_authority: &'a Authority,
    /// The body of a successful answer.
    pub(crate) reply: &'a str,
}

impl Builder {
    /// An nginx that does nothing yet.
    pub(crate) fn new() -> Self {
        Self { directory: Directory::new("nginx"), http: String::new(), stream: String::new(), ports: Vec::new() }
    }

    /// Adds a credential provider: answers `GET /role-aliases/ALIAS/credentials` for [`ROLE_ALIAS`] when the thing name
    /// header is [`THING`], and 403 otherwise, over mutual TLS. Gives its port.
    pub(crate) fn credential_provider(&mut self, provider: &Provider<'_>) -> u16 {
        let port = free_port();
        let reply = self.directory.write(&format!("reply-{port}.json"), provider.reply);
        let devices = provider.device_authority.write(&self.directory, &format!("devices-{port}.pem"));
        let _ = write!(
            self.http,
            r#"
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols {protocols};
        {certificate}
        ssl_client_certificate {devices};
        ssl_verify_client on;
        ssl_verify_depth 3;
        access_log provider-{port} requests;
        default_type application/json;
        if ($http_x_amzn_iot_thingname != "{THING}") {{ return 403 '{{"message":"Access Denied"}}'; }}
        if ($request_method != GET) {{ return 405; }}
        location = /role-aliases/{ROLE_ALIAS}/credentials {{ alias {reply}; }}
        location / {{ return 403 '{{"message":"Access Denied"}}'; }}
    }}
"#,
            protocols = provider.protocols,
            certificate = certificate(provider.server),
            devices = devices.display(),
            reply = reply.display(),
        );
        self.ports.push(("127.0.0.1".to_owned(), port));
        port
    }

    /// Adds TLS in front of the plain HTTP server on `upstream`, and gives its port.
    pub(crate) fn tls_front(&mut self, server: &Identity, upstream: u16) -> u16 {
        let port = free_port();
        let _ = write!(
            self.http,
            r#"
    server {{
        listen 127.0.0.1:{port} ssl;
        {certificate}
        client_max_body_size 0;
        location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_set_header Host $http_host; }}
    }}
"#,
            certificate = certificate(server),
        );
        self.ports.push(("127.0.0.1".to_owned(), port));
        port
    }

    /// Adds a server over TLS with these directives, and gives its port.
    pub(crate) fn server(&mut self, server: &Identity, directives: &str) -> u16 {
        let port = free_port();
        let certificate = certificate(server);
        let _ = writeln!(self.http, "server {{ listen 127.0.0.1:{port} ssl; {certificate} {directives} }}");
        self.ports.push(("127.0.0.1".to_owned(), port));
        port
    }

    /// Adds AWS IoT's HTTPS publish endpoint: mutual TLS that takes nothing but the ALPN protocol `x-amzn-http-ca` (or a
    /// client without ALPN), and an answer in AWS's form to `POST /topics/…`. Each request goes to [`Nginx::requests`].
    pub(crate) fn https_publish(&mut self, server: &Identity, device_authority: &Authority) -> u16 {
        let (port, front, answer) = (free_port(), free_port(), free_port());
        let devices = device_authority.write(&self.directory, &format!("devices-{port}.pem"));
        let _ = write!(
            self.stream,
            r#"
    server {{
        listen 127.0.0.1:{port} ssl;
        {certificate}
        ssl_client_certificate {devices};
        ssl_verify_client on;
        ssl_alpn x-amzn-http-ca;
        proxy_pass 127.0.0.1:{front};
    }}
"#,
            certificate = certificate(server),
            devices = devices.display(),
        );
        let _ = write!(
            self.http,
            r#"
    server {{
        listen 127.0.0.1:{front};
        access_log requests requests;
        client_body_buffer_size 256k;
        location /topics/ {{ proxy_pass http://127.0.0.1:{answer}; }}
        location / {{ return 404 '{{"message":"Not Found","traceId":"2b8f"}}'; }}
    }}
    server {{
        listen 127.0.0.1:{answer};
        default_type application/json;
        return 200 '{{"message":"OK","traceId":"5f0c0a0e-6a8f-4d6c-9d0b-3a2b1c4d5e6f"}}';
    }}
"#,
        );
        self.ports.push(("127.0.0.1".to_owned(), port));
        port
    }

    /// Adds a port at `address` that looks at the ALPN protocols of the TLS hello: `x-amzn-mqtt-ca` goes to the broker,
    /// `x-amzn-http-ca` to the HTTPS publish endpoint, and anything else is closed.
    pub(crate) fn alpn_switch(&mut self, host: &str, port: u16, mqtt: u16, https: u16) {
        let nowhere = free_port();
        let _ = write!(
            self.stream,
            r#"
    map $ssl_preread_alpn_protocols $by_alpn {{
        x-amzn-mqtt-ca 127.0.0.1:{mqtt};
        x-amzn-http-ca 127.0.0.1:{https};
        default 127.0.0.1:{nowhere};
    }}
    server {{
        listen {host}:{port};
        ssl_preread on;
        proxy_pass $by_alpn;
    }}
"#,
        );
        self.ports.push((host.to_owned(), port));
    }

    /// Starts it, and returns when it listens on all its ports.
    pub(crate) fn start(self) -> Nginx {
        let module = stream_module().map_or(String::new(), |path| format!("load_module {};", path.display()));
        let settings = format!(
            r#"{module}
# One process, so that a kill by its own id leaves nothing behind.
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    log_format requests escape=json '{{"method":"$request_method","uri":"$request_uri","body":"$request_body"}}';
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{http}
}}
stream {{
{stream}
}}
"#,
            http = self.http,
            stream = self.stream,
        );
        let file = self.directory.write("nginx.conf", settings);
        let prefix = format!("{}/", self.directory.path().display());
        let arguments = ["-p", &prefix, "-e", "stderr", "-c", file.to_str().unwrap()];
        let mut server = Server::start(self.directory.path(), "nginx", "nginx", arguments, &[]);
        for (host, port) in &self.ports {
            server.wait_for_port(host, *port);
        }
        Nginx { server, directory: self.directory }
    }
}

impl Nginx {
    /// From now on the credential provider on `port` answers this; `None`: 404.
    pub(crate) fn set_provider_reply(&self, port: u16, reply: Option<&str>) {
        let place = self.directory.join(format!("reply-{port}.json"));
        match reply {
            // Renamed into place, so that nobody gets half of it.
            Some(reply) => std::fs::rename(self.directory.write("reply.new", reply), place).unwrap(),
            None => std::fs::remove_file(place).unwrap(),
        }
    }

    /// How many requests for credentials the credential provider on `port` has answered.
    pub(crate) fn provider_requests(&self, port: u16) -> usize {
        // nginx logs a request right behind its answer, before it turns to anything else, such as this.
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        let log = std::fs::read_to_string(self.directory.join(format!("provider-{port}"))).unwrap_or_default();
        log.lines().filter(|line| line.contains("/role-aliases/")).count()
    }

    /// The requests that the HTTPS publish endpoint has answered.
    pub(crate) fn requests(&self) -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(self.directory.join("requests")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What nginx has written to its error log.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }
}

fn certificate(identity: &Identity) -> String {
    format!("ssl_certificate {}; ssl_certificate_key {};", identity.certificate.display(), identity.key.display())
}

/// Debian's stream module; an nginx with the module compiled in has none.
fn stream_module() -> Option<&'static Path> {
    assert!(packages::find("nginx").is_some(), "nginx is not installed");
    ["/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.is_file())
}

//! Eclipse Mosquitto as AWS IoT Core's broker: mutual TLS, the certificate's common name as user, an access list.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::directory::Directory;
use super::pki::{Authority, Identity};
use super::process::{Server, free_port};
use super::{THING, packages};

/// The programs that a suite with this broker needs.
pub(crate) const PROGRAMS: &[&str] = &["mosquitto", "mosquitto_sub"];

/// A broker on loopback.
pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    server: Server,
    observer: Identity,
    ca_file: PathBuf,
    directory: Directory,
}

/// A subscriber of another maker (mosquitto_sub), already subscribed.
pub(crate) struct Observer {
    child: Option<Child>,
}

/// A message that arrived at an observer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    /// The quality of service that the publisher used (the observer subscribes with 1, the higher one here).
    pub(crate) qos: u8,
    pub(crate) payload: Vec<u8>,
}

impl Mosquitto {
    /// Starts a broker that trusts `authority` and has a certificate of it for `server_names`. A device whose common name
    /// is [`THING`] may publish to `file/upload` and to anything below `dt/`; the observer may read everything.
    pub(crate) fn start(authority: &Authority, server_names: &[&str]) -> Self {
        let directory = Directory::new("mosquitto");
        let ca_file = authority.write(&directory, "ca.pem");
        let identity = authority.server(&directory, "server", server_names);
        let observer = authority.device(&directory, "observer", "observer");
        let access = directory.write(
            "acl",
            format!("user {THING}\ntopic write file/upload\ntopic write dt/#\nuser observer\ntopic read #\n"),
        );
        let port = free_port();
        let settings = format!(
            "listener {port} 127.0.0.1\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\n\
             require_certificate true\nuse_identity_as_username true\nallow_anonymous false\nacl_file {access}\n\
             persistence false\nlog_dest stderr\nlog_type all\n{user}",
            ca = ca_file.display(),
            certificate = identity.certificate.display(),
            key = identity.key.display(),
            access = access.display(),
            user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" },
        );
        let settings = directory.write("mosquitto.conf", settings);
        let mut server =
            Server::start(directory.path(), "mosquitto", "mosquitto", ["-c".as_ref(), settings.as_os_str()], &[]);
        server.wait_for_port("127.0.0.1", port);
        Self { port, server, observer, ca_file, directory }
    }

    /// Subscribes to `topic` and returns when the broker has acknowledged that. The observer ends after `count` messages.
    pub(crate) fn observe(&mut self, topic: &str, count: usize) -> Observer {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let client_id = format!("observer-{}-end", COUNTER.fetch_add(1, Ordering::Relaxed));
        let mut child = Command::new(packages::find("mosquitto_sub").unwrap())
            .args(["-V", "mqttv5", "-h", "localhost", "-p", &self.port.to_string(), "-i", &client_id])
            .args(["-t", topic, "-q", "1", "-C", &count.to_string(), "-W", OBSERVER_SECONDS, "-F", "%t %q %x"])
            .arg("--cafile")
            .arg(&self.ca_file)
            .arg("--cert")
            .arg(&self.observer.certificate)
            .arg("--key")
            .arg(&self.observer.key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = self.directory.join("mosquitto.log");
        self.server.wait_until(&format!("{client_id} is subscribed"), || {
            assert!(child.try_wait().unwrap().is_none(), "mosquitto_sub ended before its subscription");
            let log = std::fs::read(&log).unwrap();
            String::from_utf8_lossy(&log).contains(&format!("Sending SUBACK to {client_id}"))
        });
        Observer { child: Some(child) }
    }

    /// What the broker has logged.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }

    /// Waits until the broker has logged `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let log = self.directory.join("mosquitto.log");
        self.server.wait_until(&format!("it logs {text:?}"), || {
            String::from_utf8_lossy(&std::fs::read(&log).unwrap()).contains(text)
        });
    }
}

impl Observer {
    /// The messages, once all of them have arrived; fails when they do not.
    pub(crate) fn messages(mut self) -> Vec<Message> {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "mosquitto_sub ended with {} and had only: {text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        text.lines().map(parse_message).collect()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn parse_message(line: &str) -> Message {
    let mut parts = line.split(' ');
    let mut part = || parts.next().unwrap_or_default();
    let (topic, qos, hex) = (part(), part(), part());
    let byte = |index: usize| u8::from_str_radix(&hex[index..index + 2], 16).unwrap();
    Message {
        topic: topic.to_owned(),
        qos: qos.parse().unwrap(),
        payload: (0..hex.len()).step_by(2).map(byte).collect(),
    }
}

/// Longest wait of an observer for its messages, in seconds.
const OBSERVER_SECONDS: &str = "60";

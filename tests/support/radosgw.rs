//! Ceph's object gateway: an S3 and STS service of another maker, which checks header and chunk signatures and its own
//! session tokens. One monitor, one storage daemon in memory, one gateway with TLS.

use std::path::PathBuf;

use serde_json::json;

use super::boto::{Client, Keys};
use super::directory::Directory;
use super::packages;
use super::pki::Authority;
use super::process::{Server, free_port, run};
use super::{BUCKET, ROLE_ALIAS};

/// The programs that a suite with radosgw needs.
pub(crate) const PROGRAMS: &[&str] =
    &["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool", "ceph-authtool", packages::BOTO];

/// A running cluster.
pub(crate) struct Radosgw {
    pub(crate) port: u16,
    /// Trust for its certificate, which is for `localhost` and 127.0.0.1.
    pub(crate) ca_file: PathBuf,
    gateway: Server,
    // Dropped after the gateway, in this order; the folder last.
    _storage: Server,
    _monitor: Server,
    directory: Directory,
}

impl Radosgw {
    /// Starts the cluster, makes [`BUCKET`] and a role that may put and get objects there and nothing else.
    pub(crate) fn start() -> Self {
        let directory = Directory::new("radosgw");
        let authority = Authority::new("object store authority");
        let ca_file = authority.write(&directory, "ca.pem");
        let (monitor_port, port) = (free_port(), free_port());
        let settings = write_settings(&directory, &authority, monitor_port, port);
        let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        let keyring = path("keyring");
        for (name, capabilities) in [
            ("mon.", &["--cap", "mon", "allow *"][..]),
            ("client.admin", &["--cap", "mon", "allow *", "--cap", "osd", "allow *"]),
            ("client.rgw", &["--cap", "mon", "allow *", "--cap", "osd", "allow *"]),
            ("osd.0", &["--cap", "mon", "allow profile osd", "--cap", "osd", "allow *"]),
        ] {
            let create = if name == "mon." { &["--create-keyring"][..] } else { &[] };
            let arguments = [&keyring, "--gen-key", "-n", name];
            run("ceph-authtool", create.iter().chain(&arguments).chain(capabilities));
        }
        let monitors = path("monmap");
        let address = format!("[v2:127.0.0.1:{monitor_port}]");
        run("monmaptool", ["--create", "--fsid", CLUSTER_ID, "--addv", "a", &address, &monitors]);
        run("ceph-mon", ["-c", &settings, "--mkfs", "-i", "a", "--monmap", &monitors, "--keyring", &keyring]);
        let daemon = |name: &str, program: &str, arguments: &[&str]| {
            let arguments = ["-c", &settings, "-f"].into_iter().chain(arguments.iter().copied());
            Server::start(directory.path(), name, program, arguments, &[])
        };

        let mut monitor = daemon("ceph-mon", "ceph-mon", &["-i", "a"]);
        monitor.wait_for_port("127.0.0.1", monitor_port);
        let ceph =
            |arguments: &[&str]| run("ceph", ["-c", &settings, "--connect-timeout", "120"].iter().chain(arguments));
        ceph(&["osd", "new", STORAGE_ID]);
        run("ceph-osd", ["-c", &settings, "-i", "0", "--mkfs", "--osd-uuid", STORAGE_ID]);
        let mut storage = daemon("ceph-osd", "ceph-osd", &["-i", "0"]);
        ceph(&["osd", "crush", "add", "osd.0", "1", "root=default", "host=local"]);
        storage.wait_until("the storage daemon is up", || ceph(&["osd", "stat"]).contains("1 up"));

        let admin =
            |arguments: &[&str]| run("radosgw-admin", ["-c", &settings, "-n", "client.rgw"].iter().chain(arguments));
        let (access, secret) = (format!("--access-key={ACCESS_KEY_ID}"), format!("--secret={SECRET_ACCESS_KEY}"));
        admin(&["user", "create", "--uid=owner", "--display-name=owner", &access, &secret]);
        let (role, trust) = (format!("--role-name={ROLE_ALIAS}"), format!("--assume-role-policy-doc={TRUST_POLICY}"));
        admin(&["role", "create", &role, "--path=/", &trust]);
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject"],
            "Resource": [format!("arn:aws:s3:::{BUCKET}/*"), format!("arn:aws:s3:::{MISSING_BUCKET}/*")],
        }]});
        admin(&["role-policy", "put", &role, "--policy-name=put", &format!("--policy-doc={policy}")]);

        let mut gateway = daemon("radosgw", "radosgw", &["-n", "client.rgw"]);
        gateway.wait_for_port("127.0.0.1", port);
        let cluster = Self { port, ca_file, gateway, _storage: storage, _monitor: monitor, directory };
        cluster.owner().call("s3", "create_bucket", json!({ "Bucket": BUCKET }));
        cluster.owner().call("s3", "create_bucket", json!({ "Bucket": FOREIGN_BUCKET }));
        cluster
    }

    /// Its endpoint, by name.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// boto3 with the keys of the user who owns the buckets.
    pub(crate) fn owner(&self) -> Client {
        self.client(Keys {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
            session_token: None,
        })
    }

    /// boto3 with these keys.
    pub(crate) fn client(&self, keys: Keys) -> Client {
        Client { endpoint: self.endpoint(), ca_file: self.ca_file.clone(), keys: Some(keys), environment: Vec::new() }
    }

    /// Temporary keys of the device's role, valid for so many seconds.
    pub(crate) fn session(&self, seconds: u32) -> Keys {
        self.owner().assume_role(&format!("arn:aws:iam:::role/{ROLE_ALIAS}"), seconds)
    }

    /// What the gateway has logged.
    pub(crate) fn log(&self) -> String {
        let requests = std::fs::read(self.directory.join("client.rgw.log")).unwrap_or_default();
        self.gateway.log() + &String::from_utf8_lossy(&requests)
    }
}

/// A bucket that nobody made, but that the role's policy allows: the answer is NoSuchBucket.
pub(crate) const MISSING_BUCKET: &str = "missing-bucket";
/// A bucket that the role's policy does not allow: the answer is AccessDenied.
pub(crate) const FOREIGN_BUCKET: &str = "foreign-bucket";

fn write_settings(directory: &Directory, authority: &Authority, monitor_port: u16, port: u16) -> String {
    let identity = authority.server(directory, "server", &["localhost", "127.0.0.1"]);
    let folder = directory.path().display();
    std::fs::create_dir(directory.join("mon")).unwrap();
    std::fs::create_dir(directory.join("osd")).unwrap();
    let settings = format!(
        "[global]
fsid = {CLUSTER_ID}
mon host = [v2:127.0.0.1:{monitor_port}]
mon initial members = a
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd heartbeat addr = 127.0.0.1
keyring = {folder}/keyring
run dir = {folder}
log file = {folder}/$name.log
crash dir = {folder}
# A path in a deep target folder would be too long for a socket's name.
admin socket =
pid file =
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {STORAGE_BYTES}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
# A full disk is the machine's owner's business; the monitor would stop at 5 % free.
mon data avail warn = 1
mon data avail crit = 0
[client.rgw]
rgw frontends = beast ssl_endpoint=127.0.0.1:{port} ssl_certificate={certificate} ssl_private_key={key}
rgw s3 auth use sts = true
rgw sts key = 0123456789abcdef
rgw sts min session duration = 1
rgw run sync thread = false
",
        certificate = identity.certificate.display(),
        key = identity.key.display(),
    );
    directory.write("ceph.conf", settings).to_str().unwrap().to_owned()
}

const CLUSTER_ID: &str = "6b7a3b1c-6b0f-4f0e-9a51-2f1d7a2f6c11";
const STORAGE_ID: &str = "0f4e9a51-6b0f-4f0e-8c11-7a2f6c112f1d";
const ACCESS_KEY_ID: &str = "OWNEROWNEROWNEROWNER";
const SECRET_ACCESS_KEY: &str = "the-secret-of-the-owner-in-this-test";
/// What the storage daemon claims to have; it takes only the memory that objects need.
const STORAGE_BYTES: u64 = 2 << 30;
const TRUST_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/owner"]},"Action":["sts:AssumeRole"]}]}"#;

//! The servers that everybody delivers to, the files, and the settings that say where the servers are.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use homing_bench::results::{Count, DELAY_MS, Tasks};
use homing_bench::tls_hello::{is_client_hello, server_hello};
use homing_sandbox::{DelayProxy, Direction};
use ring::digest::{Context, SHA256};
use serde_json::json;
use tempfile::TempDir;

use crate::s3_server::{ACCESS_KEY_ID, S3Server, SECRET_ACCESS_KEY};
use crate::support::content;
use crate::support::directory::Directory;
use crate::support::mosquitto::Mosquitto;
use crate::support::nginx::{self, Nginx, Provider};
use crate::support::pki::{Authority, Identity};
use crate::support::process::run;
use crate::support::{BUCKET, REGION, ROLE_ALIAS, THING};

/// Everything that is there before the first run, and goes with the last.
pub(crate) struct Scene {
    pub(crate) direct: Place,
    pub(crate) counted: Place,
    pub(crate) delayed: Place,
    pub(crate) ca_file: PathBuf,
    pub(crate) session_token: String,
    /// Where the limit's socket goes: a reader that throws everything away.
    pub(crate) sink: u16,
    pub(crate) mosquitto: Mosquitto,
    counters: [(&'static str, DelayProxy); 3],
    _delays: [(&'static str, DelayProxy); 3],
    _s3: S3Server,
    _nginx: Nginx,
    /// On the disk, as a device's own folders are.
    pub(crate) folder: Directory,
    /// In memory: the disk is not what is measured.
    memory: TempDir,
}

/// One way to the servers: their ports, and the files that tell programs of them.
pub(crate) struct Place {
    pub(crate) s3: u16,
    /// homing's configuration for `send`.
    pub(crate) device: PathBuf,
    /// homing's configuration for `put`: no certificate, credentials come from the environment.
    pub(crate) upload: PathBuf,
    /// The scripts' settings.
    pub(crate) settings: PathBuf,
    /// Where homing keeps credentials for the next run, if it is allowed to, and which parts S3 has: in memory, too.
    pub(crate) runtime: PathBuf,
}

/// A file to be delivered.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Scene {
    pub(crate) fn start() -> io::Result<Self> {
        let memory = match Path::new(MEMORY).is_dir() {
            true => tempfile::Builder::new().prefix("homing-bench-").tempdir_in(MEMORY)?,
            false => tempfile::Builder::new().prefix("homing-bench-").tempdir()?,
        };
        fs::create_dir_all(memory.path().join("s3").join(BUCKET))?;
        fs::create_dir(memory.path().join("files"))?;
        let folder = Directory::new("bench");
        // boto3 and the AWS CLI would ask for a host named after the bucket.
        folder.write("aws-config", "[default]\ns3 =\n    addressing_style = path\n");
        let authority = Authority::new("benchmark authority");
        let ca_file = authority.write(&folder, "ca.pem");
        let server = authority.server(&folder, "server", &["localhost"]);
        let device = authority.device(&folder, "device", THING);
        // As long as AWS's own.
        let session_token = "IQoJb3JpZ2luX2VjEBench".repeat(41);

        let s3 = S3Server::start(&memory.path().join("s3"), &server, &session_token)?;
        let mosquitto = Mosquitto::start(&authority, &["localhost"]);
        let expiration = run("date", ["-u", "-d", "+1 hour", "+%Y-%m-%dT%H:%M:%SZ"]);
        let reply = json!({ "credentials": {
            "accessKeyId": ACCESS_KEY_ID, "secretAccessKey": SECRET_ACCESS_KEY, "sessionToken": session_token,
            "expiration": expiration.trim(),
        }});
        let mut nginx = nginx::Builder::new();
        let credentials = nginx.credential_provider(&Provider {
            protocols: "TLSv1.3",
            server: &server,
            device_authority: &authority,
            reply: &reply.to_string(),
        });
        let nginx = nginx.start();

        let ports = [("credentials", credentials), ("S3", s3.port), ("MQTT", mosquitto.port)];
        let proxies = |delay: Duration| -> io::Result<[(&'static str, DelayProxy); 3]> {
            let proxy = |index: usize| -> io::Result<(&'static str, DelayProxy)> {
                let (name, port) = ports[index];
                let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                Ok((name, DelayProxy::start(target, delay)?))
            };
            Ok([proxy(0)?, proxy(1)?, proxy(2)?])
        };
        let (counters, delays) = (proxies(Duration::ZERO)?, proxies(Duration::from_millis(DELAY_MS))?);
        let settings = Settings { folder: &folder, memory: memory.path(), ca_file: &ca_file, device: &device };
        let place = |name: &str, proxies: &[(&str, DelayProxy); 3]| {
            let [credentials, s3, mqtt] = proxies.each_ref().map(|(_, proxy)| proxy.port());
            settings.write(name, credentials, s3, mqtt)
        };
        Ok(Self {
            direct: settings.write("direct", credentials, s3.port, mosquitto.port)?,
            counted: place("counted", &counters)?,
            delayed: place("delayed", &delays)?,
            ca_file: ca_file.clone(),
            session_token,
            sink: sink()?,
            mosquitto,
            counters,
            _delays: delays,
            _s3: s3,
            _nginx: nginx,
            folder,
            memory,
        })
    }

    /// Makes a file of bytes that do not repeat, and that nothing can compress.
    pub(crate) fn file(&self, bytes: u64) -> io::Result<Sample> {
        let path = self.memory.path().join("files").join(format!("file-{bytes}.bin"));
        let mut file = File::create(&path)?;
        let mut left = bytes;
        while left > 0 {
            // Blocks of different lengths have different content: the generator begins with the length.
            let length = left.min(BLOCK + left / BLOCK);
            file.write_all(&content::bytes(usize::try_from(length).map_err(io::Error::other)?))?;
            left -= length;
        }
        let sha256 = sha256_of_file(&path)?;
        Ok(Sample { path, bytes, sha256 })
    }

    /// Where the object of this key is stored.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.memory.path().join("s3").join(BUCKET).join(key)
    }

    /// How many connections each of the counting proxies has seen.
    pub(crate) fn seen(&self) -> [usize; 3] {
        self.counters.each_ref().map(|(_, proxy)| proxy.connections().len())
    }

    /// What went over the counting proxies since then.
    pub(crate) fn count(&self, contender: &str, file_bytes: u64, tasks: Tasks, seen: [usize; 3]) -> Count {
        let mut count = Count {
            contender: contender.to_owned(),
            file_bytes,
            tasks,
            connections: 0,
            handshakes: 0,
            resumed: 0,
            round_trips: 0,
            ciphers: BTreeMap::new(),
        };
        for ((service, proxy), seen) in self.counters.iter().zip(seen) {
            for connection in proxy.connections().iter().skip(seen) {
                count.connections += 1;
                let answers = connection.turns.iter().filter(|turn| turn.direction == Direction::ToClient).count();
                count.round_trips += 1 + answers as u64;
                count.handshakes += u64::from(is_client_hello(&connection.first_of_client));
                if let Some(hello) = server_hello(&connection.first_of_server) {
                    count.resumed += u64::from(hello.resumed);
                    count.ciphers.insert((*service).to_owned(), format!("{} {}", hello.version, hello.cipher));
                }
            }
        }
        count
    }
}

struct Settings<'a> {
    folder: &'a Directory,
    memory: &'a Path,
    ca_file: &'a Path,
    device: &'a Identity,
}

impl Settings<'_> {
    fn write(&self, name: &str, credentials: u16, s3: u16, mqtt: u16) -> io::Result<Place> {
        let runtime = self.memory.join(format!("run-{name}"));
        DirBuilder::new().mode(0o700).create(&runtime)?;
        let (ca_file, device) = (self.ca_file, self.device);
        let endpoints = json!({ "s3": format!("https://localhost:{s3}") });
        // s3s-fs joins a gibibyte's parts before it says anything; S3 itself sends spaces meanwhile.
        let upload = json!({
            "region": REGION, "ca_file": ca_file, "path_style": true, "endpoints": endpoints, "stall_timeout": 240,
        });
        let mut send = upload.clone();
        let more = json!({
            "thing_name": THING, "certificate": device.certificate, "private_key": device.key, "role_alias": ROLE_ALIAS,
            "credential_endpoint": format!("localhost:{credentials}"), "data_endpoint": format!("localhost:{mqtt}"),
            "bucket": BUCKET,
        });
        if let (Some(send), Some(more)) = (send.as_object_mut(), more.as_object()) {
            send.extend(more.clone());
        }
        let settings = format!(
            "THING={THING}\nROLE_ALIAS={ROLE_ALIAS}\nREGION={REGION}\nBUCKET={BUCKET}\nCA_FILE={}\nCERTIFICATE={}\n\
             PRIVATE_KEY={}\nCREDENTIAL_ENDPOINT=localhost:{credentials}\nS3_ENDPOINT=localhost:{s3}\nDATA_HOST=localhost\n\
             DATA_PORT={mqtt}\n",
            ca_file.display(),
            device.certificate.display(),
            device.key.display()
        );
        Ok(Place {
            s3,
            device: self.folder.write(&format!("{name}-device.json"), send.to_string()),
            upload: self.folder.write(&format!("{name}-upload.json"), upload.to_string()),
            settings: self.folder.write(&format!("{name}-settings"), settings),
            runtime,
        })
    }
}

/// SHA-256 of a file, in lower-case hexadecimal.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut context = Context::new(&SHA256);
    let mut block = vec![0; 64 * 1024];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()),
            length => context.update(&block[..length]),
        }
    }
}

/// Accepts connections and throws away what comes.
fn sink() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        let mut block = vec![0; 256 * 1024];
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            while stream.read(&mut block).is_ok_and(|length| length > 0) {}
        }
    });
    Ok(port)
}

/// Linux's own file system in memory.
const MEMORY: &str = "/dev/shm";
/// Bytes of a file that are made at a time.
const BLOCK: u64 = 8 * 1024 * 1024;

//! What was measured, as it is kept in `results.json`: every single run, so that anybody can compute other figures of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::Spread;

/// One run of one command.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds from its start to its end.
    pub wall_s: f64,
    /// Seconds of processor time in user mode, of it and of every process that it started and waited for.
    pub user_s: f64,
    /// The same in the kernel.
    pub system_s: f64,
    /// Bytes resident at the peak, of the largest process among them.
    pub peak_bytes: u64,
}

/// What one command started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// Processes, itself included.
    pub processes: u64,
    /// Threads beside the first of each process.
    pub threads: u64,
}

/// The runs of one contender with one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name, one of [`CONTENDERS`].
    pub contender: String,
    /// The file's length.
    pub file_bytes: u64,
    /// How late every byte was each way, in milliseconds.
    pub delay_ms: u64,
    /// In the order in which they were made.
    pub samples: Vec<Sample>,
}

/// What one run of one contender did on the network and in the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Its name, one of [`CONTENDERS`].
    pub contender: String,
    /// The file's length.
    pub file_bytes: u64,
    /// What it started.
    pub tasks: Tasks,
    /// TCP connections.
    pub connections: u64,
    /// TLS handshakes.
    pub handshakes: u64,
    /// Those of them that resumed an earlier session.
    pub resumed: u64,
    /// How often one side waited for the other: opened connections, and each time the server answered. Connections that are
    /// open side by side count each for itself.
    pub round_trips: u64,
    /// TLS version and cipher suite by service, as the servers chose them.
    pub ciphers: BTreeMap<String, String>,
}

/// The machine and the programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of them.
    pub cores: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The distribution.
    pub system: String,
    /// The versions of the programs by their names.
    pub versions: BTreeMap<String, String>,
}

/// Everything that one run of the benchmark found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The machine and the programs.
    pub machine: Machine,
    /// Bytes that each contender's programs take on a bare Debian.
    pub installed_bytes: BTreeMap<String, u64>,
    /// Bytes resident at the peak of a program that does nothing, measured in the same way: no figure can be below.
    pub memory_floor_bytes: u64,
    /// The timed runs.
    pub series: Vec<Series>,
    /// The counted runs.
    pub counts: Vec<Count>,
    /// Runs whose delivery was verified: all of them.
    pub verified_deliveries: u64,
    /// Runs that failed and were made again.
    #[serde(default)]
    pub failed_runs: u64,
}

impl Results {
    /// The timed runs of `contender` with a file of this length and a delay in milliseconds.
    pub fn series(&self, contender: &str, file_bytes: u64, delay_ms: u64) -> Option<&Series> {
        self.series.iter().find(|series| {
            series.contender == contender && series.file_bytes == file_bytes && series.delay_ms == delay_ms
        })
    }

    /// The counted run of `contender` with a file of this length.
    pub fn count(&self, contender: &str, file_bytes: u64) -> Option<&Count> {
        self.counts.iter().find(|count| count.contender == contender && count.file_bytes == file_bytes)
    }
}

impl Series {
    /// Seconds from start to end.
    pub fn wall(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.wall_s))
    }

    /// Seconds of processor time, user's and system's.
    pub fn cpu(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.user_s + sample.system_s))
    }

    /// Seconds of processor time outside the kernel.
    pub fn user(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.user_s))
    }

    /// Bytes resident at the peak.
    pub fn peak(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|sample| sample.peak_bytes as f64))
    }
}

/// A contender as readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contender {
    /// Its name in `results.json` and on the command line.
    pub name: &'static str,
    /// Its name for readers.
    pub title: &'static str,
    /// What it does.
    pub job: Job,
}

/// What a contender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Fetches credentials with the device's certificate, uploads, publishes a message; a small file inside the message.
    Deliver,
    /// Uploads, with credentials that it is given.
    Upload,
    /// No upload at all: the least work that one can be.
    Limit,
}

/// Every contender, in the order of the tables.
pub const CONTENDERS: [Contender; 14] = [
    Contender { name: "homing-send", title: "`homing send`", job: Job::Deliver },
    Contender {
        name: "homing-send-cached",
        title: "`homing send`, credentials kept from the last run",
        job: Job::Deliver,
    },
    Contender { name: "sh", title: "sh: curl, jq, mosquitto_pub", job: Job::Deliver },
    Contender { name: "python", title: "Python: boto3, AWSIoTPythonSDK", job: Job::Deliver },
    Contender { name: "homing-put", title: "`homing put`", job: Job::Upload },
    Contender { name: "homing-put-whole", title: "`homing put`, in one request as curl", job: Job::Upload },
    Contender { name: "homing-put-unsigned", title: "`homing put`, unsigned with trailer", job: Job::Upload },
    Contender { name: "aws", title: "AWS CLI v1", job: Job::Upload },
    Contender { name: "rclone", title: "rclone", job: Job::Upload },
    Contender { name: "s5cmd", title: "s5cmd", job: Job::Upload },
    Contender { name: "limit-signed", title: "limit: SHA-256, AES-128-GCM, one copy", job: Job::Limit },
    Contender { name: "limit-unsigned", title: "limit: CRC-32, AES-128-GCM, one copy", job: Job::Limit },
    Contender {
        name: "limit-signed-socket",
        title: "the first, the copy being into a loopback socket",
        job: Job::Limit,
    },
    Contender {
        name: "limit-unsigned-socket",
        title: "the second, the copy being into a loopback socket",
        job: Job::Limit,
    },
];

/// The contender of this name.
pub fn contender(name: &str) -> Option<&'static Contender> {
    CONTENDERS.iter().find(|contender| contender.name == name)
}

/// Bytes: a camera's thumbnail, inside the message.
pub const SMALL: u64 = 5_000;
/// Bytes: a photo.
pub const MEDIUM: u64 = 1024 * 1024;
/// Bytes: a video; with `homing`'s default just not sent in parts.
pub const LARGE: u64 = 100 * 1024 * 1024;
/// Bytes: a day's recording.
pub const HUGE: u64 = 1024 * 1024 * 1024;
/// Milliseconds each way of the delayed runs: a mobile network, or another continent.
pub const DELAY_MS: u64 = 50;

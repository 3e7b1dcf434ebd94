//! The one table of everything that can be set: configuration keys and command flags.
//!
//! The command line parser, the JSON reader, the environment, the help texts and every error message
//! read this table, so a new setting is one entry here and one field where it is used.

use crate::protocol::plan::{MAXIMUM_PART_SIZE, MAXIMUM_PUT_SIZE, MINIMUM_PART_SIZE};

/// Names an option. The discriminant is its place in [`OPTIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is described once, in the table below")]
pub enum Id {
    Region,
    ThingName,
    Certificate,
    PrivateKey,
    CaFile,
    CaReplace,
    Strict,
    CredentialEndpoint,
    DataEndpoint,
    RoleAlias,
    Credentials,
    Bucket,
    Key,
    Topic,
    InlineLimit,
    Via,
    ClientId,
    Qos,
    Payload,
    Checksum,
    ChunkSize,
    PathStyle,
    EndpointUrl,
    UseFipsEndpoint,
    UseDualstackEndpoint,
    MqttPort,
    HttpsPort,
    KeepAlive,
    Timeout,
    ConnectTimeout,
    StallTimeout,
    PublishTimeout,
    AcknowledgeTimeout,
    MaxAttempts,
    EndpointSecretsmanager,
    EndpointDynamodb,
    EndpointEcr,
    EndpointCodeartifact,
    EndpointSts,
    QueueDir,
    QueueMaxBytes,
    QueueMaxAge,
    QueueMinFreeBytes,
    QueueMinFreeInodes,
    QueueWhenFull,
    Config,
    ConfigJson,
    StatusFile,
    Syslog,
    Json,
    Verbose,
    Help,
    Version,
    DryRun,
    ContentType,
    Metadata,
    StorageClass,
    Tag,
    Sse,
    SseKmsKeyId,
    IfNoneMatch,
    Message,
    File,
    Lines,
    Format,
    MinTtl,
    CredentialCache,
    NoCache,
    Presign,
    Expires,
    PartSize,
    MultipartThreshold,
    AbortStale,
    OlderThan,
    Put,
    VersionId,
    IfChanged,
    Field,
    VersionStage,
    DomainOwner,
    Domain,
    Repository,
    Duration,
    Tool,
    RepositoryEndpointUrl,
    Codeartifact,
    Extra,
    Plain,
    Queue,
    Keep,
    Now,
    Item,
    Condition,
    Names,
    Values,
    Public,
    Write,
    From,
    Force,
    CommonName,
    Listen,
    Follow,
    Watch,
    Settle,
    Poll,
    Expose,
    TokenFile,
    PrintEnv,
    Aws,
    Refresh,
    Secret,
    Git,
    GitVariable,
}

/// What values an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; the word stands for it in help texts.
    Text(&'static str),
    /// The name of a file or directory; need not be UTF-8.
    Path,
    /// A host name or address with an optional port, or the same after `https://`.
    Endpoint,
    /// A whole number with its unit (empty where it has none) and its range, both ends allowed.
    Integer {
        /// What is counted; empty for a bare number.
        unit: &'static str,
        /// The least value.
        minimum: u64,
        /// The greatest value.
        maximum: u64,
    },
    /// `true` or `false`; as a flag, the bare flag means `true`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A flag that takes no value and may be repeated.
    Count,
}

/// Under which heading of a help text an option stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// What the command itself is told.
    Command,
    /// Headers that are stored with an S3 object.
    Object,
    /// Who the device is and whom it trusts.
    Identity,
    /// Where things are delivered.
    Delivery,
    /// Where files wait, and how many.
    Queue,
    /// How connections behave.
    Connection,
    /// Where settings come from and what is printed.
    General,
}

/// The commands, as a set: each is one bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commands(u32);

/// `homing send`.
pub const SEND: Commands = Commands(1);
/// `homing put`.
pub const PUT: Commands = Commands(1 << 1);
/// `homing publish`.
pub const PUBLISH: Commands = Commands(1 << 2);
/// `homing credentials`.
pub const CREDENTIALS: Commands = Commands(1 << 3);
/// `homing get`.
pub const GET: Commands = Commands(1 << 4);
/// `homing presign`.
pub const PRESIGN: Commands = Commands(1 << 5);
/// `homing serve`.
pub const SERVE: Commands = Commands(1 << 6);
/// `homing exec`.
pub const EXEC: Commands = Commands(1 << 7);
/// `homing secret`.
pub const SECRET: Commands = Commands(1 << 8);
/// `homing codeartifact`.
pub const CODEARTIFACT: Commands = Commands(1 << 9);
/// `homing ecr`.
pub const ECR: Commands = Commands(1 << 10);
/// `homing docker-credential`, also as `docker-credential-homing`.
pub const DOCKER_CREDENTIAL: Commands = Commands(1 << 11);
/// `homing git-credential`.
pub const GIT_CREDENTIAL: Commands = Commands(1 << 12);
/// `homing dynamodb`.
pub const DYNAMODB: Commands = Commands(1 << 13);
/// `homing drain`.
pub const DRAIN: Commands = Commands(1 << 14);
/// `homing queue`.
pub const QUEUE: Commands = Commands(1 << 15);
/// `homing check`.
pub const CHECK: Commands = Commands(1 << 16);
/// `homing init`.
pub const INIT: Commands = Commands(1 << 17);
/// `homing csr`.
pub const CSR: Commands = Commands(1 << 18);
/// `homing status`.
pub const STATUS: Commands = Commands(1 << 19);
/// Every command.
pub const ALL: Commands = Commands((1 << 20) - 1);
/// The commands that talk to AWS.
pub const NETWORKED: Commands = Commands(ALL.0 & !QUEUE.0 & !INIT.0 & !CSR.0 & !STATUS.0);
/// The commands that use AWS credentials.
pub const CREDENTIALED: Commands = Commands(NETWORKED.0 & !PUBLISH.0);
/// The commands that call an AWS service with a signed request.
pub const CALLING: Commands = Commands(CREDENTIALED.0 & !CREDENTIALS.0 & !SERVE.0);
/// The commands that move or name S3 objects.
pub const OBJECTS: Commands = Commands(SEND.0 | DRAIN.0 | PUT.0 | GET.0 | PRESIGN.0 | CHECK.0);
/// The commands whose outcome `--status-file` tells.
pub const REPORTED: Commands = Commands(SEND.0 | PUT.0 | GET.0 | PUBLISH.0 | DRAIN.0);
/// Known to the configuration file only: no command reads it yet.
pub const NONE: Commands = Commands(0);

impl Commands {
    /// The commands of both sets.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have a command in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt {
    /// Its name in code.
    pub id: Id,
    /// Its JSON key; a dot separates an object's key from the key in it. Empty: it is no configuration.
    pub key: &'static str,
    /// Its flag without the two dashes. Empty: it can be set in JSON only.
    pub flag: &'static str,
    /// Its one-letter flag.
    pub short: Option<char>,
    /// Its environment variables; the first that is set and not empty counts.
    pub variables: &'static [&'static str],
    /// What values it takes.
    pub kind: Kind,
    /// The value when nothing sets it, as it would be written. Empty: none.
    pub default: &'static str,
    /// What it is, in one line; a command may say it in words of its own ([`crate::cli::commands`]).
    pub help: &'static str,
    /// Its heading in help texts.
    pub group: Group,
    /// The commands that use it.
    pub commands: Commands,
}

impl Id {
    /// The option's entry in the table.
    pub const fn option(self) -> &'static Opt {
        &OPTIONS[self as usize]
    }
}

impl Opt {
    /// Whether its value comes from the configuration (flag, variable or JSON), for whatever command.
    pub const fn is_configuration(&self) -> bool {
        !self.key.is_empty()
    }

    /// Whether its flag may be given again and adds to what was given before.
    pub const fn is_repeatable(&self) -> bool {
        matches!(self.id, Id::Metadata | Id::Tag | Id::Verbose | Id::Secret | Id::Git | Id::GitVariable | Id::Watch)
    }

    /// Whether the flag stands alone, without a value.
    pub const fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Bool | Kind::Count)
    }

    /// What its value is called in a usage line: `SECONDS`, `FILE`, `mqtt|https`.
    pub fn placeholder(&self) -> String {
        match self.kind {
            Kind::Text(word) => word.to_owned(),
            Kind::Path if matches!(self.id, Id::Watch | Id::QueueDir) => "DIRECTORY".to_owned(),
            Kind::Path => "FILE".to_owned(),
            Kind::Endpoint => "HOST[:PORT]".to_owned(),
            Kind::Integer { unit: "", .. } => "NUMBER".to_owned(),
            Kind::Integer { unit, .. } => unit.to_ascii_uppercase(),
            Kind::Choice(words) => words.join("|"),
            Kind::Bool | Kind::Count => String::new(),
        }
    }

    /// Every way to set it, for an error that says it is missing.
    pub fn ways_to_set(&self, file: &str) -> String {
        let mut ways = format!("set it with --{}", self.flag);
        for variable in self.variables {
            ways.push_str(", ");
            ways.push_str(variable);
        }
        if !self.key.is_empty() {
            ways.push_str(&format!(", or the key \"{}\" in {file}", self.key));
        }
        ways
    }
}

/// The option of this JSON key, with dots for nested ones. `endpoint_url` is `endpoints.s3`, too, so that its
/// flag's and variable's name can be written as a key as every other can.
pub fn by_key(key: &str) -> Option<&'static Opt> {
    let key = if key == "endpoint_url" { Id::EndpointUrl.option().key } else { key };
    OPTIONS.iter().find(|option| !option.key.is_empty() && option.key == key)
}

/// The option of this flag, given without its dashes.
pub fn by_flag(flag: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| !option.flag.is_empty() && option.flag == flag)
}

/// The option of this one-letter flag.
pub fn by_short(letter: char) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.short == Some(letter))
}

/// Every option, in the order of [`Id`] and of the help texts.
pub const OPTIONS: &[Opt] = &[
    Opt {
        variables: &["HOMING_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
        commands: CALLING.or(SERVE),
        ..key(
            Id::Region,
            "region",
            "region",
            Kind::Text("REGION"),
            "AWS region of the service; when unset, the one in an AWS IoT endpoint's name",
        )
    },
    Opt {
        variables: &["HOMING_THING_NAME", "AWS_IOT_THING_NAME"],
        commands: NETWORKED.or(CSR),
        ..key(Id::ThingName, "thing_name", "thing-name", Kind::Text("NAME"), "this device's thing name in AWS IoT")
    },
    Opt {
        variables: &["HOMING_CERTIFICATE"],
        ..key(Id::Certificate, "certificate", "certificate", Kind::Path, "device certificate (chain), PEM")
    },
    Opt {
        variables: &["HOMING_PRIVATE_KEY"],
        commands: NETWORKED.or(CSR),
        ..key(
            Id::PrivateKey,
            "private_key",
            "private-key",
            Kind::Path,
            "the certificate's private key, PEM, readable by its owner only",
        )
    },
    Opt {
        variables: &["HOMING_CA_FILE", "AWS_CA_BUNDLE"],
        ..key(Id::CaFile, "ca_file", "ca-file", Kind::Path, "further certificate authorities to trust, PEM")
    },
    Opt {
        variables: &["HOMING_CA_REPLACE"],
        default: "false",
        ..key(
            Id::CaReplace,
            "ca_replace",
            "ca-replace",
            Kind::Bool,
            "trust ca_file only, not Amazon's built-in authorities",
        )
    },
    Opt {
        variables: &["HOMING_STRICT"],
        default: "false",
        ..key(
            Id::Strict,
            "strict",
            "strict",
            Kind::Bool,
            "take warnings (such as a world-readable private key) as errors",
        )
    },
    Opt {
        variables: &["HOMING_CREDENTIAL_ENDPOINT"],
        commands: CREDENTIALED,
        ..key(
            Id::CredentialEndpoint,
            "credential_endpoint",
            "credential-endpoint",
            Kind::Endpoint,
            "AWS IoT credential provider of the account",
        )
    },
    Opt {
        variables: &["HOMING_DATA_ENDPOINT"],
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::DataEndpoint,
            "data_endpoint",
            "data-endpoint",
            Kind::Endpoint,
            "AWS IoT data endpoint of the account (iot:Data-ATS)",
        )
    },
    Opt {
        variables: &["HOMING_ROLE_ALIAS"],
        commands: CREDENTIALED,
        ..key(
            Id::RoleAlias,
            "role_alias",
            "role-alias",
            Kind::Text("NAME"),
            "AWS IoT role alias whose role the device takes",
        )
    },
    Opt {
        variables: &["HOMING_CREDENTIALS"],
        commands: CREDENTIALED,
        ..key(
            Id::Credentials,
            "credentials",
            "credentials",
            Kind::Choice(&["role-alias", "container", "environment"]),
            "use this source of AWS credentials only; when unset, the first of them that is configured",
        )
    },
    Opt {
        variables: &["HOMING_BUCKET"],
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(CHECK),
        ..key(Id::Bucket, "bucket", "bucket", Kind::Text("NAME"), "S3 bucket for files over inline_limit")
    },
    Opt {
        variables: &["HOMING_KEY"],
        default: "{thing}/{name}",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(CHECK),
        ..key(
            Id::Key,
            "key",
            "key",
            Kind::Text("TEMPLATE"),
            "S3 object key; {thing} {name} {date} {time} {sha256} {ext} are filled in",
        )
    },
    Opt {
        variables: &["HOMING_TOPIC"],
        default: "file/upload",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(CHECK),
        ..key(
            Id::Topic,
            "topic",
            "topic",
            Kind::Text("TEMPLATE"),
            "MQTT topic of the message; the same placeholders as in key",
        )
    },
    Opt {
        variables: &["HOMING_INLINE_LIMIT"],
        default: "51200",
        group: Group::Delivery,
        commands: SEND.or(DRAIN),
        ..key(
            Id::InlineLimit,
            "inline_limit",
            "inline-limit",
            Kind::Integer { unit: "bytes", minimum: 0, maximum: crate::config::limits::INLINE_LIMIT_MAXIMUM },
            "a file of at most this size travels inside the message; 0: every file goes to S3",
        )
    },
    Opt {
        variables: &["HOMING_VIA"],
        default: "mqtt",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(Id::Via, "via", "via", Kind::Choice(&["mqtt", "https"]), "how messages are published")
    },
    Opt {
        variables: &["HOMING_CLIENT_ID"],
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::ClientId,
            "client_id",
            "client-id",
            Kind::Text("ID"),
            "MQTT client id; when unset, thing_name with -homing behind it",
        )
    },
    Opt {
        short: Some('q'),
        variables: &["HOMING_QOS"],
        default: "1",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::Qos,
            "qos",
            "qos",
            Kind::Integer { unit: "", minimum: 0, maximum: 1 },
            "MQTT quality of service; 1: delivered when acknowledged, 0: not acknowledged",
        )
    },
    Opt {
        variables: &["HOMING_PAYLOAD"],
        default: "signed",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUT),
        ..key(
            Id::Payload,
            "payload",
            "payload",
            Kind::Choice(&["signed", "signed-trailer", "unsigned-trailer"]),
            "how uploaded bytes are protected",
        )
    },
    Opt {
        variables: &["HOMING_CHECKSUM"],
        default: "none",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUT).or(GET),
        ..key(
            Id::Checksum,
            "checksum",
            "checksum",
            Kind::Choice(&["none", "crc32", "crc32c", "crc64nvme", "sha256"]),
            "checksum sent behind the bytes, which S3 verifies and stores",
        )
    },
    Opt {
        variables: &["HOMING_CHUNK_SIZE"],
        default: "65536",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUT),
        ..key(
            Id::ChunkSize,
            "chunk_size",
            "chunk-size",
            Kind::Integer {
                unit: "bytes",
                minimum: crate::config::limits::CHUNK_SIZE_MINIMUM,
                maximum: crate::config::limits::CHUNK_SIZE_MAXIMUM,
            },
            "bytes read, signed and sent at a time; memory grows with it",
        )
    },
    Opt {
        variables: &["HOMING_PATH_STYLE"],
        default: "false",
        group: Group::Delivery,
        commands: OBJECTS,
        ..key(
            Id::PathStyle,
            "path_style",
            "path-style",
            Kind::Bool,
            "put the bucket's name in the path, not in the host name",
        )
    },
    Opt {
        variables: &["HOMING_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", AWS_ENDPOINT_URL],
        group: Group::Delivery,
        commands: CALLING,
        ..key(
            Id::EndpointUrl,
            "endpoints.s3",
            "endpoint-url",
            Kind::Endpoint,
            "VPC endpoint or compatible service to use in place of AWS's own",
        )
    },
    Opt {
        variables: &["HOMING_USE_FIPS_ENDPOINT", "AWS_USE_FIPS_ENDPOINT"],
        default: "false",
        group: Group::Delivery,
        commands: CALLING,
        ..key(
            Id::UseFipsEndpoint,
            "use_fips_endpoint",
            "use-fips-endpoint",
            Kind::Bool,
            "call the services' FIPS 140 validated endpoints",
        )
    },
    Opt {
        variables: &["HOMING_USE_DUALSTACK_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"],
        default: "false",
        group: Group::Delivery,
        commands: CALLING,
        ..key(
            Id::UseDualstackEndpoint,
            "use_dualstack_endpoint",
            "use-dualstack-endpoint",
            Kind::Bool,
            "call the services' endpoints that answer over IPv6, too",
        )
    },
    Opt {
        variables: &["HOMING_MQTT_PORT"],
        group: Group::Connection,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::MqttPort,
            "mqtt_port",
            "mqtt-port",
            PORT,
            "port for MQTT; when unset, data_endpoint's own or 8883; 443 uses ALPN",
        )
    },
    Opt {
        variables: &["HOMING_HTTPS_PORT"],
        group: Group::Connection,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::HttpsPort,
            "https_port",
            "https-port",
            PORT,
            "port for --via https; when unset, data_endpoint's own or 8443; 443 uses ALPN",
        )
    },
    Opt {
        variables: &["HOMING_KEEP_ALIVE"],
        default: "60",
        group: Group::Connection,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::KeepAlive,
            "keep_alive",
            "keep-alive",
            // AWS IoT Core allows 30 to 1,200 s and takes less as 30; other brokers take less as it is.
            Kind::Integer { unit: "seconds", minimum: 5, maximum: 1200 },
            "MQTT keep-alive: the longest silence before the broker is pinged",
        )
    },
    Opt {
        variables: &["HOMING_TIMEOUT"],
        default: "0",
        group: Group::Connection,
        ..key(
            Id::Timeout,
            "timeout",
            "timeout",
            seconds(0, WEEK),
            "the longest the whole command may take; 0: as long as it makes progress",
        )
    },
    Opt {
        variables: &["HOMING_CONNECT_TIMEOUT"],
        default: "30",
        group: Group::Connection,
        ..key(
            Id::ConnectTimeout,
            "connect_timeout",
            "connect-timeout",
            seconds(1, HOUR),
            "the longest wait for a connection (name, TCP, TLS, MQTT)",
        )
    },
    Opt {
        variables: &["HOMING_STALL_TIMEOUT"],
        default: "30",
        group: Group::Connection,
        commands: CREDENTIALED,
        ..key(
            Id::StallTimeout,
            "stall_timeout",
            "stall-timeout",
            seconds(1, HOUR),
            "the longest wait in which no byte moves on a connection",
        )
    },
    Opt {
        variables: &["HOMING_PUBLISH_TIMEOUT"],
        default: "20",
        group: Group::Connection,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::PublishTimeout,
            "publish_timeout",
            "publish-timeout",
            seconds(1, HOUR),
            "the longest sending one message may take",
        )
    },
    Opt {
        variables: &["HOMING_ACKNOWLEDGE_TIMEOUT"],
        default: "20",
        group: Group::Connection,
        commands: SEND.or(DRAIN).or(PUBLISH).or(CHECK),
        ..key(
            Id::AcknowledgeTimeout,
            "acknowledge_timeout",
            "acknowledge-timeout",
            seconds(1, HOUR),
            "the longest wait for a message's acknowledgement",
        )
    },
    Opt {
        variables: &["HOMING_MAX_ATTEMPTS", "AWS_MAX_ATTEMPTS"],
        default: "3",
        group: Group::Connection,
        ..key(
            Id::MaxAttempts,
            "max_attempts",
            "max-attempts",
            // Each is up to 20 s after the one before: a hundred are half an hour.
            Kind::Integer { unit: "", minimum: 1, maximum: 100 },
            "how often one request is tried in all, with a growing wait in between",
        )
    },
    // `--endpoint-url` of a command that calls one of these services is its flag.
    service(
        Id::EndpointSecretsmanager,
        "endpoints.secretsmanager",
        &["AWS_ENDPOINT_URL_SECRETS_MANAGER", AWS_ENDPOINT_URL],
        "Secrets Manager endpoint",
    ),
    service(
        Id::EndpointDynamodb,
        "endpoints.dynamodb",
        &["AWS_ENDPOINT_URL_DYNAMODB", AWS_ENDPOINT_URL],
        "DynamoDB endpoint",
    ),
    service(Id::EndpointEcr, "endpoints.ecr", &["AWS_ENDPOINT_URL_ECR", AWS_ENDPOINT_URL], "ECR endpoint"),
    service(
        Id::EndpointCodeartifact,
        "endpoints.codeartifact",
        &["AWS_ENDPOINT_URL_CODEARTIFACT", AWS_ENDPOINT_URL],
        "CodeArtifact endpoint",
    ),
    service(
        Id::EndpointSts,
        "endpoints.sts",
        &["AWS_ENDPOINT_URL_STS", AWS_ENDPOINT_URL],
        "STS endpoint, which homing check alone asks",
    ),
    // Part of the configuration file's format, so that one file serves every version; checked, not used.
    Opt {
        default: "/var/lib/homing/queue",
        ..queue(
            Id::QueueDir,
            "queue.dir",
            "queue-dir",
            &["HOMING_QUEUE_DIR"],
            Kind::Path,
            "directory of the queue; made when it is not there, for its owner only",
        )
    },
    Opt {
        default: "1073741824",
        ..queue(
            Id::QueueMaxBytes,
            "queue.max_bytes",
            "queue-max-bytes",
            &["HOMING_QUEUE_MAX_BYTES"],
            bytes(1 << 50),
            "most bytes of files in the queue; 0: no such limit",
        )
    },
    queue(
        Id::QueueMaxAge,
        "queue.max_age",
        "queue-max-age",
        &["HOMING_QUEUE_MAX_AGE"],
        seconds(0, 520 * WEEK),
        "what waits longer than this is not delivered any more; 0 or unset: no such limit",
    ),
    Opt {
        default: "10485760",
        ..queue(
            Id::QueueMinFreeBytes,
            "queue.min_free_bytes",
            "queue-min-free-bytes",
            &["HOMING_QUEUE_MIN_FREE_BYTES"],
            bytes(1 << 50),
            "free bytes that the queue leaves to others on its disk",
        )
    },
    Opt {
        default: "100",
        ..queue(
            Id::QueueMinFreeInodes,
            "queue.min_free_inodes",
            "queue-min-free-inodes",
            &["HOMING_QUEUE_MIN_FREE_INODES"],
            Kind::Integer { unit: "", minimum: 0, maximum: 1 << 50 },
            "free inodes that the queue leaves to others on its disk",
        )
    },
    Opt {
        default: "refuse",
        ..queue(
            Id::QueueWhenFull,
            "queue.when_full",
            "queue-when-full",
            &["HOMING_QUEUE_WHEN_FULL"],
            Kind::Choice(&["refuse", "drop-oldest"]),
            "at a limit: refuse the new file, which stays where it is, or delete the oldest in the queue",
        )
    },
    Opt {
        variables: &["HOMING_CONFIG"],
        default: crate::config::DEFAULT_FILE,
        ..flag(Id::Config, "config", Kind::Path, Group::General, ALL, "read settings from this JSON file")
    },
    Opt {
        variables: &["HOMING_CONFIG_JSON"],
        ..flag(
            Id::ConfigJson,
            "config-json",
            Kind::Text("TEXT"),
            Group::General,
            ALL,
            "read settings from this JSON text, not from a file",
        )
    },
    Opt {
        variables: &["HOMING_STATUS_FILE"],
        group: Group::General,
        commands: REPORTED.or(STATUS),
        ..key(
            Id::StatusFile,
            "status_file",
            "status-file",
            Kind::Path,
            "write what became of the run, and how full the queue is, into this file as JSON, for monitoring",
        )
    },
    Opt {
        variables: &["HOMING_SYSLOG"],
        default: "false",
        group: Group::General,
        ..key(
            Id::Syslog,
            "syslog",
            "syslog",
            Kind::Bool,
            "tell the system's logger of warnings, errors and delivered files, too: at /dev/log, or at the socket HOMING_SYSLOG_SOCKET",
        )
    },
    flag(Id::Json, "json", Kind::Bool, Group::General, ALL, "print each outcome as a line of JSON"),
    Opt {
        short: Some('v'),
        ..flag(
            Id::Verbose,
            "verbose",
            Kind::Count,
            Group::General,
            ALL,
            "say what is done; -vv in detail, -vvv with TLS",
        )
    },
    Opt { short: Some('h'), ..flag(Id::Help, "help", Kind::Bool, Group::General, ALL, "print this text") },
    Opt { short: Some('V'), ..flag(Id::Version, "version", Kind::Bool, Group::General, ALL, "print the version") },
    Opt {
        short: Some('n'),
        ..flag(
            Id::DryRun,
            "dry-run",
            Kind::Bool,
            Group::Command,
            SEND.or(PUT),
            "say what would be sent where, and send nothing",
        )
    },
    object(Id::ContentType, "content-type", Kind::Text("TYPE"), "media type; when unset, by the file name's extension"),
    object(Id::Metadata, "metadata", Kind::Text("KEY=VALUE"), "user metadata, ASCII; may be repeated"),
    object(Id::StorageClass, "storage-class", Kind::Text("CLASS"), "storage class, such as STANDARD_IA or GLACIER_IR"),
    object(Id::Tag, "tag", Kind::Text("KEY=VALUE"), "object tag; may be repeated, at most 10 times"),
    object(Id::Sse, "sse", Kind::Choice(&["AES256", "aws:kms", "aws:kms:dsse"]), "server-side encryption"),
    object(Id::SseKmsKeyId, "sse-kms-key-id", Kind::Text("ID"), "KMS key for --sse aws:kms: its id, alias or ARN"),
    object(
        Id::IfNoneMatch,
        "if-none-match",
        Kind::Bool,
        "never overwrite an object that exists. The metadata homing-id tells this file's own object, should S3's answer be lost (needs s3:GetObject)",
    ),
    Opt {
        short: Some('m'),
        ..flag(Id::Message, "message", Kind::Text("TEXT"), Group::Command, PUBLISH, "publish this text")
    },
    Opt {
        short: Some('f'),
        ..flag(
            Id::File,
            "file",
            Kind::Path,
            Group::Command,
            PUBLISH.or(DYNAMODB),
            "read the message from this file; - is standard input",
        )
    },
    Opt {
        short: Some('l'),
        ..flag(
            Id::Lines,
            "lines",
            Kind::Bool,
            Group::Command,
            PUBLISH.or(DYNAMODB),
            "every line of the input is a message",
        )
    },
    flag(
        Id::Format,
        "format",
        // Each command has its own words.
        Kind::Text("FORMAT"),
        Group::Command,
        CREDENTIALS.or(CODEARTIFACT).or(EXEC),
        "the format of packages: pypi (the default), npm, maven, nuget, generic, ruby, swift or cargo",
    ),
    Opt {
        variables: &["HOMING_MIN_TTL"],
        commands: CREDENTIALED,
        ..key(
            Id::MinTtl,
            "min_ttl",
            "min-ttl",
            seconds(0, crate::config::limits::CREDENTIAL_LIFE_MAXIMUM),
            "take no credentials that live shorter than this; an error where there are none",
        )
    },
    Opt {
        variables: &["HOMING_CREDENTIAL_CACHE"],
        default: "true",
        commands: CREDENTIALED,
        ..key(
            Id::CredentialCache,
            "credential_cache",
            "credential-cache",
            Kind::Bool,
            "keep the role alias's credentials, or its refusal, in memory for the next runs: in $XDG_RUNTIME_DIR/homing or /run/homing, on tmpfs only; true unless set to false",
        )
    },
    flag(
        Id::NoCache,
        "no-cache",
        Kind::Bool,
        Group::Command,
        CREDENTIALED,
        "ask for credentials now, whatever earlier runs got; the same as --credential-cache=false",
    ),
    flag(
        Id::Presign,
        "presign",
        Kind::Bool,
        Group::Command,
        SEND.or(DRAIN),
        "put a presigned URL into the message, so that whoever reads it can fetch the object",
    ),
    Opt {
        default: "3600",
        ..flag(
            Id::Expires,
            "expires",
            seconds(1, WEEK),
            Group::Command,
            SEND.or(DRAIN).or(PRESIGN),
            "how long a presigned URL is good; it ends with the credentials that signed it in any case",
        )
    },
    Opt {
        variables: &["HOMING_PART_SIZE"],
        default: "8388608",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUT),
        ..key(
            Id::PartSize,
            "part_size",
            "part-size",
            Kind::Integer { unit: "bytes", minimum: MINIMUM_PART_SIZE, maximum: MAXIMUM_PART_SIZE },
            "bytes of a part where a file goes to S3 in parts; what an interruption costs at most; larger for a file of more than 10,000 parts",
        )
    },
    Opt {
        variables: &["HOMING_MULTIPART_THRESHOLD"],
        default: "104857600",
        group: Group::Delivery,
        commands: SEND.or(DRAIN).or(PUT),
        ..key(
            Id::MultipartThreshold,
            "multipart_threshold",
            "multipart-threshold",
            Kind::Integer { unit: "bytes", minimum: MINIMUM_PART_SIZE, maximum: MAXIMUM_PUT_SIZE },
            "a larger file goes to S3 in parts, which an interruption does not undo",
        )
    },
    flag(
        Id::AbortStale,
        "abort-stale",
        Kind::Bool,
        Group::Command,
        PUT,
        "send nothing: abort multipart uploads that were begun long ago and never ended, whose parts S3 charges for",
    ),
    Opt {
        default: "604800",
        ..flag(
            Id::OlderThan,
            "older-than",
            seconds(0, 520 * WEEK),
            Group::Command,
            PUT,
            "with --abort-stale: only those that were begun longer ago than this",
        )
    },
    flag(Id::Put, "put", Kind::Bool, Group::Command, PRESIGN, "a URL to store the object with, not to fetch it"),
    flag(
        Id::VersionId,
        "version-id",
        Kind::Text("ID"),
        Group::Command,
        GET.or(PRESIGN).or(SECRET),
        "this version, not the current one",
    ),
    flag(
        Id::IfChanged,
        "if-changed",
        Kind::Bool,
        Group::Command,
        GET,
        "fetch nothing while S3 still has what FILE was fetched from; remembered in .FILE.homing-etag",
    ),
    flag(
        Id::Field,
        "field",
        Kind::Text("KEY"),
        Group::Command,
        SECRET,
        "print this key's value of a secret that is a JSON object; a dot goes into an object in it",
    ),
    Opt {
        default: "AWSCURRENT",
        ..flag(
            Id::VersionStage,
            "version-stage",
            Kind::Text("LABEL"),
            Group::Command,
            SECRET,
            "the version with this label, such as AWSPREVIOUS",
        )
    },
    flag(
        Id::DomainOwner,
        "domain-owner",
        Kind::Text("ACCOUNT"),
        Group::Command,
        CODEARTIFACT.or(EXEC),
        "AWS account number that owns the CodeArtifact domain; when unset, the credentials' own",
    ),
    flag(Id::Domain, "domain", Kind::Text("DOMAIN"), Group::Command, CODEARTIFACT, "the CodeArtifact domain"),
    flag(
        Id::Repository,
        "repository",
        Kind::Text("REPOSITORY"),
        Group::Command,
        CODEARTIFACT,
        "the repository in the domain; DOMAIN/REPOSITORY as an argument says both",
    ),
    flag(
        Id::Duration,
        "duration",
        seconds(0, 12 * HOUR),
        Group::Command,
        CODEARTIFACT.or(EXEC),
        "how long the CodeArtifact token is good; 0: as long as the credentials, else at least 900; when unset, 12 hours",
    ),
    flag(
        Id::Tool,
        "tool",
        Kind::Choice(&["pip", "twine"]),
        Group::Command,
        CODEARTIFACT,
        "the tool whose configuration is written (login) or restored (logout)",
    ),
    Opt {
        variables: &["HOMING_REPOSITORY_ENDPOINT_URL"],
        group: Group::Delivery,
        commands: CODEARTIFACT.or(EXEC),
        ..key(
            Id::RepositoryEndpointUrl,
            "repository_endpoint_url",
            "repository-endpoint-url",
            Kind::Endpoint,
            "VPC endpoint for CodeArtifact's repositories, where it has no private DNS",
        )
    },
    flag(
        Id::Codeartifact,
        "codeartifact",
        Kind::Text("DOMAIN/REPOSITORY"),
        Group::Command,
        EXEC,
        "let the command find this CodeArtifact repository, by variables of pip, twine, uv or npm",
    ),
    flag(
        Id::Extra,
        "extra",
        Kind::Bool,
        Group::Command,
        EXEC,
        "with --codeartifact: add it to the indexes that pip and uv have, and replace none",
    ),
    flag(Id::Plain, "plain", Kind::Bool, Group::Command, DYNAMODB, "the item is plain JSON; numbers keep their digits"),
    flag(
        Id::Queue,
        "queue",
        Kind::Bool,
        Group::Command,
        SEND,
        "put the files into the queue on this device's disk, then deliver what is there; what could not be delivered \
         stays there for homing drain (exit code 75)",
    ),
    flag(
        Id::Keep,
        "keep",
        Kind::Bool,
        Group::Command,
        SEND,
        "with --queue: queue a copy and leave the file where it is; otherwise it moves into the queue",
    ),
    flag(
        Id::Now,
        "now",
        Kind::Bool,
        Group::Command,
        SEND.or(DRAIN),
        "try at once, without the wait that follows runs in which AWS did not answer",
    ),
    flag(Id::Item, "item", Kind::Text("JSON"), Group::Command, DYNAMODB, "the item itself"),
    flag(
        Id::Condition,
        "condition",
        Kind::Text("EXPRESSION"),
        Group::Command,
        DYNAMODB,
        "write only where this holds for the item that is there, such as attribute_not_exists(id)",
    ),
    flag(
        Id::Names,
        "names",
        Kind::Text("JSON"),
        Group::Command,
        DYNAMODB,
        "what the names in --condition that begin with # stand for",
    ),
    flag(
        Id::Values,
        "values",
        Kind::Text("JSON"),
        Group::Command,
        DYNAMODB,
        "what the names in --condition that begin with : stand for, in the form of the item",
    ),
    flag(Id::Public, "public", Kind::Bool, Group::Command, ECR, "the password of the public registry, public.ecr.aws"),
    flag(
        Id::Write,
        "write",
        Kind::Bool,
        Group::Command,
        CHECK,
        "also store an empty object (its file's name is homing-check) and publish a message of type \"check\"",
    ),
    flag(
        Id::From,
        "from",
        Kind::Choice(&["greengrass", "device-client"]),
        Group::Command,
        INIT,
        "take the settings from Greengrass's configuration, or from the AWS IoT Device Client's, where it usually is",
    ),
    flag(Id::Force, "force", Kind::Bool, Group::Command, INIT.or(CSR), "replace files that are there"),
    flag(
        Id::CommonName,
        "common-name",
        Kind::Text("NAME"),
        Group::Command,
        CSR,
        "the name in the request, at most 64 characters; when unset, the thing name",
    ),
    Opt {
        default: "127.0.0.1:0",
        ..flag(
            Id::Listen,
            "listen",
            Kind::Text("ADDRESS:PORT"),
            Group::Command,
            SERVE,
            "where to listen; port 0: a free one",
        )
    },
    flag(
        Id::Follow,
        "follow",
        Kind::Bool,
        Group::Command,
        DRAIN,
        "do not end: deliver what comes into the queue as soon as it is there, until a signal comes",
    ),
    flag(
        Id::Watch,
        "watch",
        Kind::Path,
        Group::Command,
        DRAIN,
        "queue the files that appear in this directory, each when it is complete; may be repeated",
    ),
    flag(
        Id::Settle,
        "settle",
        seconds(0, HOUR),
        Group::Command,
        DRAIN,
        "with --watch: a file is complete when it has not changed for so long, closed or not",
    ),
    flag(Id::Poll, "poll", seconds(1, HOUR), Group::Command, DRAIN, "with --follow: look this often, without inotify"),
    flag(
        Id::Expose,
        "expose",
        Kind::Bool,
        Group::Command,
        SERVE,
        "listen at an address that AWS SDKs do not accept, unencrypted, too",
    ),
    flag(
        Id::TokenFile,
        "token-file",
        Kind::Path,
        Group::Command,
        SERVE,
        "the token that clients have to show; made with a random one, for its owner only, where it is not there",
    ),
    flag(
        Id::PrintEnv,
        "print-env",
        Kind::Bool,
        Group::Command,
        SERVE,
        "print the variables that clients need, one NAME=VALUE a line, then serve",
    ),
    flag(
        Id::Aws,
        "aws",
        Kind::Bool,
        Group::Command,
        EXEC,
        "give the command AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    ),
    flag(
        Id::Refresh,
        "refresh",
        Kind::Bool,
        Group::Command,
        EXEC,
        "with --aws: credentials that are renewed while the command runs, as homing serve gives them",
    ),
    flag(
        Id::Secret,
        "secret",
        Kind::Text("VARIABLE=ID[:KEY]"),
        Group::Command,
        EXEC,
        "give the command this secret, or one KEY of it, in VARIABLE; may be repeated",
    ),
    flag(
        Id::Git,
        "git",
        Kind::Text("[USER@]HOST=ID[:KEY]"),
        Group::Command,
        EXEC.or(GIT_CREDENTIAL),
        "git's password for https://HOST is this secret, or one KEY of it; may be repeated",
    ),
    flag(
        Id::GitVariable,
        "git-variable",
        Kind::Text("[USER@]HOST=VARIABLE"),
        Group::Command,
        GIT_CREDENTIAL,
        "git's password for https://HOST is in this variable, as homing exec --git sets it",
    ),
];

/// AWS's variable for the endpoint of every service.
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
const HOUR: u64 = 3600;
const WEEK: u64 = 7 * 24 * HOUR;
const PORT: Kind = Kind::Integer { unit: "", minimum: 1, maximum: 65535 };

const fn seconds(minimum: u64, maximum: u64) -> Kind {
    Kind::Integer { unit: "seconds", minimum, maximum }
}

const fn bytes(maximum: u64) -> Kind {
    Kind::Integer { unit: "bytes", minimum: 0, maximum }
}

const fn key(id: Id, key: &'static str, flag: &'static str, kind: Kind, help: &'static str) -> Opt {
    let (group, commands) = (Group::Identity, NETWORKED);
    Opt { id, key, flag, short: None, variables: &[], kind, default: "", help, group, commands }
}

const fn queue(
    id: Id,
    key: &'static str,
    flag: &'static str,
    variables: &'static [&'static str],
    kind: Kind,
    help: &'static str,
) -> Opt {
    let (group, commands) = (Group::Queue, SEND.or(DRAIN).or(QUEUE).or(CHECK).or(STATUS));
    Opt { id, key, flag, short: None, variables, kind, default: "", help, group, commands }
}

const fn service(id: Id, name: &'static str, variables: &'static [&'static str], help: &'static str) -> Opt {
    Opt { variables, ..json_only(id, name, Kind::Endpoint, help) }
}

const fn json_only(id: Id, key: &'static str, kind: Kind, help: &'static str) -> Opt {
    let group = Group::Delivery;
    Opt { id, key, flag: "", short: None, variables: &[], kind, default: "", help, group, commands: NONE }
}

const fn flag(id: Id, flag: &'static str, kind: Kind, group: Group, commands: Commands, help: &'static str) -> Opt {
    Opt { id, key: "", flag, short: None, variables: &[], kind, default: "", help, group, commands }
}

const fn object(id: Id, name: &'static str, kind: Kind, help: &'static str) -> Opt {
    flag(id, name, kind, Group::Object, SEND.or(PUT).or(DRAIN), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_at_its_own_place() {
        for (place, option) in OPTIONS.iter().enumerate() {
            assert_eq!(option.id as usize, place, "{:?}", option.id);
            assert_eq!(option.id.option().id, option.id);
        }
    }

    #[test]
    fn names_are_unique() {
        for (place, option) in OPTIONS.iter().enumerate() {
            for other in &OPTIONS[place + 1..] {
                assert!(option.key.is_empty() || option.key != other.key, "{}", option.key);
                assert!(option.flag.is_empty() || option.flag != other.flag, "{}", option.flag);
                assert!(option.short.is_none() || option.short != other.short, "{:?}", option.short);
                let shared = |name: &&&str| **name != AWS_ENDPOINT_URL && other.variables.contains(*name);
                assert_eq!(option.variables.iter().find(shared), None);
            }
        }
    }

    #[test]
    fn key_flag_and_variable_have_the_same_name() {
        for option in OPTIONS.iter().filter(|option| option.is_configuration() && !option.flag.is_empty()) {
            if option.id != Id::EndpointUrl {
                assert_eq!(option.key.replace(['_', '.'], "-"), option.flag);
            }
            let variable = format!("HOMING_{}", option.flag.replace('-', "_").to_ascii_uppercase());
            assert_eq!(option.variables.first(), Some(&variable.as_str()));
        }
    }

    #[test]
    fn further_variables_are_those_of_aws() {
        for option in OPTIONS {
            assert!(option.variables.iter().skip(1).all(|name| name.starts_with("AWS_")), "{:?}", option.id);
        }
    }

    #[test]
    fn help_is_one_line_and_says_something() {
        for option in OPTIONS {
            assert!(
                !option.help.is_empty() && !option.help.contains('\n') && !option.help.ends_with('.'),
                "{:?}",
                option.id
            );
        }
    }

    #[test]
    fn defaults_are_values_of_their_kind() {
        for option in OPTIONS.iter().filter(|option| !option.default.is_empty()) {
            match option.kind {
                Kind::Integer { minimum, maximum, .. } => {
                    let value: u64 = option.default.parse().unwrap();
                    assert!((minimum..=maximum).contains(&value), "{:?}", option.id);
                }
                Kind::Bool => assert!(matches!(option.default, "true" | "false")),
                Kind::Choice(words) => assert!(words.contains(&option.default)),
                Kind::Text(_) | Kind::Path | Kind::Endpoint | Kind::Count => {}
            }
        }
    }
}

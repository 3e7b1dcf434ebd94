//! Flags, environment variables and a JSON document become one checked [`Config`].
//!
//! For every setting the first of these counts: its flag, its variables (`HOMING_…`, then AWS's own), the
//! document (`--config-json`, or the file of `--config`, by default [`DEFAULT_FILE`] where that exists), its
//! default. Every mistake is reported, not just the first, each with where the value came from.

mod endpoint;
mod json;
pub mod limits;
mod monitoring;
mod origin;
mod sources;
pub mod suggest;
pub mod values;

pub use endpoint::{Endpoint, IotKind};
pub use monitoring::Monitoring;
pub use origin::Origin;
pub use sources::Sources;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Fault, Result};
use crate::options::{Id, Kind};
use crate::protocol::checksum::ChecksumAlgorithm;
use crate::protocol::chunked::PayloadMode;
use origin::Problem;
use sources::Settings;

/// The configuration file that is read when none is named; it need not exist.
pub const DEFAULT_FILE: &str = "/etc/homing/config.json";
/// What no message, by MQTT or HTTPS, can be sent without.
pub const MESSAGE_SETTINGS: [Id; 3] = [Id::DataEndpoint, Id::Certificate, Id::PrivateKey];
/// What PEM begins with: a file's content, and never its name.
pub const PEM: &str = "-----BEGIN";

/// Everything that can be configured, checked. What only some commands need is an `Option`; a method of the
/// same name gives it, or the error that says how to set it.
#[derive(Debug, Clone)]
pub struct Config {
    /// AWS region.
    pub region: Option<String>,
    /// Thing name in AWS IoT.
    pub thing_name: Option<String>,
    /// File of the device certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// File of the private key, PEM.
    pub private_key: Option<PathBuf>,
    /// File of further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether `ca_file` replaces the built-in authorities.
    pub ca_replace: bool,
    /// Whether warnings are errors.
    pub strict: bool,
    /// The credential provider.
    pub credential_endpoint: Option<Endpoint>,
    /// The data endpoint; its port, if any, is for MQTT as for HTTPS.
    pub data_endpoint: Option<Endpoint>,
    /// The role alias.
    pub role_alias: Option<String>,
    /// The only source of credentials to use; `None`: the first that is configured.
    pub credentials: Option<CredentialSource>,
    /// Seconds that credentials must still live, 0 to 43,200; `None`: as long as they are good.
    pub min_ttl: Option<u64>,
    /// Whether credentials from the role alias, and refusals, are kept for the next runs.
    pub credential_cache: bool,
    /// S3 bucket.
    pub bucket: Option<String>,
    /// Template of the object key.
    pub key: String,
    /// Template of the topic.
    pub topic: String,
    /// The most bytes that travel inside a message.
    pub inline_limit: u64,
    /// How messages are published.
    pub via: Via,
    /// MQTT client id, where one was set; see [`Config::client_id`].
    pub client_id: Option<String>,
    /// MQTT quality of service.
    pub qos: Qos,
    /// How uploaded bytes are protected.
    pub payload: PayloadMode,
    /// Bytes of a chunk, 8,192 to 1 MiB.
    pub chunk_size: usize,
    /// The largest file, in bytes, that goes to S3 in one piece; at most 5 GiB.
    pub multipart_threshold: u64,
    /// Bytes of a part, 5 MiB to 5 GiB.
    pub part_size: u64,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// A store in place of S3's own endpoint.
    pub endpoint_url: Option<Endpoint>,
    /// An endpoint in place of Secrets Manager's own.
    pub endpoint_secretsmanager: Option<Endpoint>,
    /// An endpoint in place of DynamoDB's own.
    pub endpoint_dynamodb: Option<Endpoint>,
    /// An endpoint in place of ECR's own.
    pub endpoint_ecr: Option<Endpoint>,
    /// An endpoint in place of CodeArtifact's own.
    pub endpoint_codeartifact: Option<Endpoint>,
    /// An endpoint in place of STS's own.
    pub endpoint_sts: Option<Endpoint>,
    /// A VPC endpoint for CodeArtifact's repositories that has no private DNS.
    pub repository_endpoint_url: Option<Endpoint>,
    /// Whether AWS's FIPS endpoints are called.
    pub use_fips_endpoint: bool,
    /// Whether AWS's dual-stack endpoints are called.
    pub use_dualstack_endpoint: bool,
    /// MQTT port, where one was set; see [`Config::mqtt_port`].
    pub mqtt_port: Option<u16>,
    /// HTTPS publish port, where one was set; see [`Config::https_port`].
    pub https_port: Option<u16>,
    /// MQTT keep-alive, seconds.
    pub keep_alive: u16,
    /// For the whole command; `None`: no such limit.
    pub timeout: Option<Duration>,
    /// For a connection to be there.
    pub connect_timeout: Duration,
    /// For a connection without any byte moved.
    pub stall_timeout: Duration,
    /// For sending a message.
    pub publish_timeout: Duration,
    /// For its acknowledgement.
    pub acknowledge_timeout: Duration,
    /// Attempts at one request in all, 1 to 100.
    pub max_attempts: u32,
    /// Where files wait, and how many.
    pub queue: QueueConfig,
    /// What is allowed but probably not meant, each a sentence; with `strict` they are errors already.
    pub warnings: Vec<String>,
    origins: Vec<Origin>,
    document: String,
}

/// A configuration that is looked at rather than used.
#[derive(Debug)]
pub struct Examined {
    /// What of it can be used.
    pub config: Config,
    /// Every setting that something sets, as text.
    pub values: Vec<(Id, OsString)>,
    /// What is wrong with it.
    pub mistakes: Option<Error>,
}

/// Where files wait until they are delivered, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// The queue's directory.
    pub dir: PathBuf,
    /// Bytes of the files in it, at most.
    pub max_bytes: Option<u64>,
    /// How long a file is worth delivering.
    pub max_age: Option<Duration>,
    /// Bytes that stay free on the disk; 0: no such limit.
    pub min_free_bytes: u64,
    /// Inodes that stay free; 0: no such limit.
    pub min_free_inodes: u64,
    /// At a limit the oldest entry goes; otherwise the new file is refused.
    pub drop_oldest: bool,
}

/// How messages are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// MQTT over TLS.
    Mqtt,
    /// `POST /topics/…` of the data endpoint.
    Https,
}

/// MQTT quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// 0: sent, not acknowledged.
    AtMostOnce,
    /// 1: done when acknowledged.
    AtLeastOnce,
}

/// Where AWS credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialSource {
    /// The credential provider, by device certificate and role alias.
    RoleAlias,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `_RELATIVE_URI`.
    Container,
    /// `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
}

impl Config {
    /// Reads this process's environment and the file that applies, and checks everything. `flags` are
    /// the configuration flags in the order given; of several, the last counts.
    ///
    /// # Errors
    /// [`Fault::Config`] with every mistake that was found.
    pub fn load(flags: &[(Id, OsString)]) -> Result<Self> {
        Self::from_sources(&Sources::of_process(flags))
    }

    /// The same from given sources.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_sources(sources: &Sources<'_>) -> Result<Self> {
        let Examined { config, mistakes, .. } = Self::examine(sources);
        mistakes.map_or(Ok(config), Err)
    }

    /// The same for whoever wants to look at what there is, whatever is wrong with it: a value that cannot be used
    /// counts as not set.
    pub fn examine(sources: &Sources<'_>) -> Examined {
        let mut problems = Vec::new();
        let settings = Settings::gather(sources, &mut problems);
        let values = settings.values();
        let mut config = Self::from_settings(settings, &mut problems);
        if config.strict {
            problems.extend(config.warnings.drain(..).map(|warning| Problem::new("strict", warning)));
        }
        let mistakes = (!problems.is_empty()).then(|| report(problems));
        Examined { config, values, mistakes }
    }

    /// Where the setting's value came from.
    pub fn origin(&self, id: Id) -> &Origin {
        self.origins.get(id as usize).unwrap_or(&Origin::Default)
    }

    /// The setting with its value's origin, for an error about a file or endpoint: `certificate (--certificate)`.
    pub fn described(&self, id: Id) -> String {
        format!("{} ({})", id.option().key, self.origin(id))
    }

    /// What the configuration document is called in messages.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// The region.
    ///
    /// # Errors
    /// Here and below: [`Fault::Config`], with every way to set it.
    pub fn region(&self) -> Result<&str> {
        self.required(Id::Region, self.region.as_deref())
    }

    /// The thing name.
    pub fn thing_name(&self) -> Result<&str> {
        self.required(Id::ThingName, self.thing_name.as_deref())
    }

    /// The device certificate's file.
    pub fn certificate(&self) -> Result<&std::path::Path> {
        self.required(Id::Certificate, self.certificate.as_deref())
    }

    /// The private key's file.
    pub fn private_key(&self) -> Result<&std::path::Path> {
        self.required(Id::PrivateKey, self.private_key.as_deref())
    }

    /// The credential provider.
    pub fn credential_endpoint(&self) -> Result<&Endpoint> {
        self.required(Id::CredentialEndpoint, self.credential_endpoint.as_ref())
    }

    /// The data endpoint.
    pub fn data_endpoint(&self) -> Result<&Endpoint> {
        self.required(Id::DataEndpoint, self.data_endpoint.as_ref())
    }

    /// The role alias.
    pub fn role_alias(&self) -> Result<&str> {
        self.required(Id::RoleAlias, self.role_alias.as_deref())
    }

    /// The bucket.
    pub fn bucket(&self) -> Result<&str> {
        self.required(Id::Bucket, self.bucket.as_deref())
    }

    /// The MQTT client id: the one set, or the thing name with `-homing` behind it. The bare thing name would
    /// disconnect Greengrass, or whatever else connects as this thing.
    pub fn client_id(&self) -> Result<String> {
        if let Some(id) = &self.client_id {
            return Ok(id.clone());
        }
        let thing_name = self.required(Id::ThingName, self.thing_name.as_deref())?;
        let id = format!("{thing_name}{CLIENT_ID_SUFFIX}");
        values::client_id(&id).map_err(|what| {
            let message = format!("client_id, made from thing_name ({}): \"{id}\" {what}", self.origin(Id::ThingName));
            Error::new(Fault::Config, "client_id_too_long", message)
                .with_remedy(Id::ClientId.option().ways_to_set(&self.document))
        })?;
        Ok(id)
    }

    /// The port for MQTT: `mqtt_port`, else the data endpoint's own, else 8883.
    pub fn mqtt_port(&self) -> u16 {
        self.mqtt_port.or(self.data_endpoint.as_ref().and_then(|endpoint| endpoint.port)).unwrap_or(MQTT_TLS_PORT)
    }

    /// The port for publishing over HTTPS: `https_port`, else the data endpoint's own, else 8443.
    pub fn https_port(&self) -> u16 {
        self.https_port.or(self.data_endpoint.as_ref().and_then(|endpoint| endpoint.port)).unwrap_or(HTTPS_PUBLISH_PORT)
    }

    /// Checks that all of these are set, and otherwise names all that are not at once.
    ///
    /// # Errors
    /// [`Fault::Config`].
    pub fn require(&self, ids: &[Id]) -> Result<()> {
        let mut missing: Vec<Error> = ids.iter().filter(|id| !self.is_set(**id)).map(|id| self.missing(*id)).collect();
        match missing.len() {
            0 => Ok(()),
            1 => Err(missing.remove(0)),
            _ => Err(report(
                missing
                    .into_iter()
                    .map(|error| {
                        Problem::new("missing_setting", error.message()).remedy(error.remedy().unwrap_or_default())
                    })
                    .collect(),
            )
            .with_remedy(MISSING_REMEDY)),
        }
    }

    /// Checks that all is set that any message takes, and `further`, and otherwise names all that is not at once.
    ///
    /// # Errors
    /// [`Fault::Config`].
    pub fn require_for_messages(&self, further: &[Id]) -> Result<()> {
        let mut needed = MESSAGE_SETTINGS.to_vec();
        let is_mqtt = self.via == Via::Mqtt;
        if is_mqtt && self.client_id.is_none() && !further.contains(&Id::ThingName) {
            needed.insert(0, Id::ThingName);
        }
        needed.extend(further);
        self.require(&needed)?;
        if is_mqtt { self.client_id().map(drop) } else { Ok(()) }
    }

    fn is_set(&self, id: Id) -> bool {
        *self.origin(id) != Origin::Default || !id.option().default.is_empty()
    }

    fn required<T>(&self, id: Id, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.missing(id))
    }

    fn missing(&self, id: Id) -> Error {
        let option = id.option();
        Error::new(Fault::Config, "missing_setting", format!("{} is not set ({})", option.key, option.help))
            .with_remedy(option.ways_to_set(&self.document))
    }

    fn from_settings(settings: Settings, problems: &mut Vec<Problem>) -> Self {
        let mut reader = Reader { settings: &settings, problems, warnings: Vec::new() };
        let endpoint_url = reader.endpoint(Id::EndpointUrl);
        let is_aws = endpoint_url.as_ref().is_none_or(Endpoint::is_aws);
        let credential_endpoint = reader.iot_endpoint(Id::CredentialEndpoint);
        let data_endpoint = reader.iot_endpoint(Id::DataEndpoint);
        let mut origins = settings.origins();
        let mut region = reader.text(Id::Region, values::region);
        if region.is_none() && *settings.origin(Id::Region) == Origin::Default {
            for (id, endpoint) in [(Id::CredentialEndpoint, &credential_endpoint), (Id::DataEndpoint, &data_endpoint)] {
                if let (None, Some(found)) = (&region, endpoint.as_ref().and_then(Endpoint::iot_region)) {
                    region = Some(found.to_owned());
                    origins[Id::Region as usize] = Origin::Derived(id.option().key);
                }
            }
        }
        let inline_limit = reader.integer(Id::InlineLimit);
        // Of use to Monitoring; checked here.
        reader.path(Id::StatusFile);
        reader.bool(Id::Syslog);
        let queue = QueueConfig {
            dir: reader.path(Id::QueueDir).unwrap_or_else(|| Id::QueueDir.option().default.into()),
            max_bytes: Some(reader.integer(Id::QueueMaxBytes)).filter(|bytes| *bytes != 0),
            max_age: Some(reader.seconds(Id::QueueMaxAge)).filter(|age| !age.is_zero()),
            min_free_bytes: reader.integer(Id::QueueMinFreeBytes),
            min_free_inodes: reader.integer(Id::QueueMinFreeInodes),
            drop_oldest: reader.choice(Id::QueueWhenFull) == Some("drop-oldest"),
        };
        let config = Self {
            region,
            thing_name: reader.text(Id::ThingName, values::thing_name),
            certificate: reader.path(Id::Certificate),
            private_key: reader.path(Id::PrivateKey),
            ca_file: reader.path(Id::CaFile),
            ca_replace: reader.bool(Id::CaReplace),
            strict: reader.bool(Id::Strict),
            credential_endpoint,
            data_endpoint,
            role_alias: reader.text(Id::RoleAlias, values::role_alias),
            credentials: reader.choice(Id::Credentials).map(|word| match word {
                "container" => CredentialSource::Container,
                "environment" => CredentialSource::Environment,
                _ => CredentialSource::RoleAlias,
            }),
            min_ttl: Some(reader.integer(Id::MinTtl)).filter(|seconds| *seconds != 0),
            credential_cache: reader.bool(Id::CredentialCache),
            bucket: reader.text(Id::Bucket, |name| values::bucket(name, is_aws)),
            key: reader.text(Id::Key, values::key_template).unwrap_or_default(),
            topic: reader.text(Id::Topic, values::topic_template).unwrap_or_default(),
            inline_limit,
            via: if reader.choice(Id::Via) == Some("https") { Via::Https } else { Via::Mqtt },
            client_id: reader.text(Id::ClientId, values::client_id),
            qos: if reader.integer(Id::Qos) == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce },
            payload: reader.payload(),
            // At most 1 MiB, and a port at most 65,535, by the table's range: nothing is cut by these casts.
            chunk_size: reader.integer(Id::ChunkSize) as usize,
            multipart_threshold: reader.integer(Id::MultipartThreshold),
            part_size: reader.integer(Id::PartSize),
            path_style: reader.bool(Id::PathStyle),
            endpoint_url,
            endpoint_secretsmanager: reader.endpoint(Id::EndpointSecretsmanager),
            endpoint_dynamodb: reader.endpoint(Id::EndpointDynamodb),
            endpoint_ecr: reader.endpoint(Id::EndpointEcr),
            endpoint_codeartifact: reader.endpoint(Id::EndpointCodeartifact),
            endpoint_sts: reader.endpoint(Id::EndpointSts),
            repository_endpoint_url: reader.endpoint(Id::RepositoryEndpointUrl),
            use_fips_endpoint: reader.bool(Id::UseFipsEndpoint),
            use_dualstack_endpoint: reader.bool(Id::UseDualstackEndpoint),
            mqtt_port: Some(reader.integer(Id::MqttPort) as u16).filter(|port| *port != 0),
            https_port: Some(reader.integer(Id::HttpsPort) as u16).filter(|port| *port != 0),
            keep_alive: reader.integer(Id::KeepAlive) as u16,
            timeout: Some(reader.seconds(Id::Timeout)).filter(|timeout| !timeout.is_zero()),
            connect_timeout: reader.seconds(Id::ConnectTimeout),
            stall_timeout: reader.seconds(Id::StallTimeout),
            publish_timeout: reader.seconds(Id::PublishTimeout),
            acknowledge_timeout: reader.seconds(Id::AcknowledgeTimeout),
            // At most 100.
            max_attempts: reader.integer(Id::MaxAttempts) as u32,
            queue,
            warnings: Vec::new(),
            origins,
            document: settings.document.clone(),
        };
        if config.ca_replace && config.ca_file.is_none() {
            let origin = settings.origin(Id::CaReplace);
            reader.problems.push(
                Problem::new("conflict", format!("{origin}: ca_replace is on, but there is no ca_file to trust in place of the built-in authorities"))
                    .remedy(Id::CaFile.option().ways_to_set(&settings.document)),
            );
        }
        Self { warnings: reader.warnings, ..config }
    }
}

/// Turns the settings' texts into values and notes what is wrong with them.
struct Reader<'a> {
    settings: &'a Settings,
    problems: &'a mut Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The value as text; a default where it has one.
    fn raw(&mut self, id: Id) -> Option<&'a str> {
        let option = id.option();
        let Some(setting) = self.settings.get(id) else {
            return Some(option.default).filter(|default| !default.is_empty());
        };
        match setting.value.to_str() {
            Some("") => self.problems.push(Problem::new("empty", format!("{}: the value is empty", setting.origin))),
            Some(text) => return Some(text),
            None => self.problems.push(Problem::new("not_utf8", format!("{}: the value is not UTF-8", setting.origin))),
        }
        None
    }

    fn invalid(&mut self, id: Id, value: &str, what: &str) {
        let origin = self.settings.origin(id);
        // What somebody wrote as user:password@host is not repeated.
        let shown = if value.contains('@') { "the value".to_owned() } else { quoted(value) };
        let problem = Problem::new("invalid_value", format!("{origin}: {shown} {what}"));
        self.problems.push(problem);
    }

    fn text(&mut self, id: Id, rule: impl Fn(&str) -> values::Verdict) -> Option<String> {
        let text = self.raw(id)?;
        match rule(text) {
            Ok(()) => Some(text.to_owned()),
            Err(what) => {
                self.invalid(id, text, &what);
                None
            }
        }
    }

    fn path(&mut self, id: Id) -> Option<PathBuf> {
        let setting = self.settings.get(id)?;
        if setting.value.is_empty() {
            self.problems.push(Problem::new("empty", format!("{}: the file name is empty", setting.origin)));
            return None;
        }
        if setting.value.as_encoded_bytes().windows(PEM.len()).any(|part| part == PEM.as_bytes()) {
            // It may be the private key, and is not repeated.
            let message = format!("{}: expected the name of a file, found the PEM text itself", setting.origin);
            self.problems.push(Problem::new("invalid_value", message).remedy("write it into a file, mode 0600"));
            return None;
        }
        Some(PathBuf::from(&setting.value))
    }

    fn bool(&mut self, id: Id) -> bool {
        match self.raw(id) {
            Some("true" | "1") => true,
            Some("false" | "0") | None => false,
            Some(other) => {
                self.invalid(id, other, "is neither true nor false");
                false
            }
        }
    }

    /// Zero where it is not set, has no default, or is wrong.
    fn integer(&mut self, id: Id) -> u64 {
        let (Some(text), Kind::Integer { unit, minimum, maximum }) = (self.raw(id), id.option().kind) else { return 0 };
        let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(number) if digits_only && (minimum..=maximum).contains(&number) => number,
            Ok(number) if digits_only => {
                let space = if unit.is_empty() { "" } else { " " };
                let reason = match id {
                    Id::InlineLimit => {
                        "; in base64, with the JSON and the topic around it at their longest, a larger file could exceed the 131072 bytes that AWS IoT Core takes"
                    }
                    Id::ChunkSize if number < minimum => "; S3 takes no smaller chunks",
                    Id::ChunkSize => "; a chunk is held in memory whole",
                    _ => "",
                };
                self.invalid(id, text, &format!("is out of range: {minimum} to {maximum}{space}{unit}{reason}"));
                0
            }
            _ => {
                let of = if unit.is_empty() { String::new() } else { format!(" of {unit}") };
                self.invalid(id, text, &format!("is no whole number{of} ({minimum} to {maximum})"));
                0
            }
        }
    }

    fn seconds(&mut self, id: Id) -> Duration {
        Duration::from_secs(self.integer(id))
    }

    /// One of the option's words.
    fn choice(&mut self, id: Id) -> Option<&'static str> {
        let (text, Kind::Choice(words)) = (self.raw(id)?, id.option().kind) else { return None };
        let found = words.iter().copied().find(|word| *word == text);
        if found.is_none() {
            self.invalid(id, text, &format!("is none of {}", words.join(", ")));
        }
        found
    }

    fn endpoint(&mut self, id: Id) -> Option<Endpoint> {
        let text = self.raw(id)?;
        match Endpoint::parse(text) {
            Ok(endpoint) => Some(endpoint),
            Err(what) => {
                self.invalid(id, text, what);
                None
            }
        }
    }

    /// An endpoint of AWS IoT, whose name may show that it is the wrong one.
    fn iot_endpoint(&mut self, id: Id) -> Option<Endpoint> {
        let endpoint = self.endpoint(id)?;
        let (right, looks_like) = match (id, endpoint.iot_kind()) {
            (Id::CredentialEndpoint, Some(IotKind::Data | IotKind::LegacyData)) => {
                ("iot:CredentialProvider", "the data endpoint")
            }
            (Id::CredentialEndpoint, Some(IotKind::Other)) => ("iot:CredentialProvider", "another endpoint of AWS IoT"),
            (Id::DataEndpoint, Some(IotKind::CredentialProvider)) => {
                ("iot:Data-ATS", "the credential provider's endpoint")
            }
            (Id::DataEndpoint, Some(IotKind::Other)) => ("iot:Data-ATS", "another endpoint of AWS IoT"),
            (Id::DataEndpoint, Some(IotKind::LegacyData)) => {
                self.warnings.push(format!(
                    "{}: \"{endpoint}\" looks like the legacy data endpoint (iot:Data), whose certificate is signed by \
                     a VeriSign/Symantec authority that is no longer trusted; the ATS one is named by: aws iot describe-endpoint \
                     --endpoint-type iot:Data-ATS",
                    self.settings.origin(id)
                ));
                return Some(endpoint);
            }
            _ => return Some(endpoint),
        };
        let origin = self.settings.origin(id);
        let name = id.option().key;
        self.problems.push(
            Problem::new(
                "wrong_endpoint",
                format!("{origin}: \"{endpoint}\" looks like {looks_like}, not like the {name}"),
            )
            .remedy(format!("find the right one with: aws iot describe-endpoint --endpoint-type {right}")),
        );
        None
    }

    /// A checksum asks for a trailer, and a trailer for a checksum.
    fn payload(&mut self) -> PayloadMode {
        let payload = self.choice(Id::Payload);
        // The words of the table are the algorithms' names, and "none".
        let checksum = self.choice(Id::Checksum).and_then(|word| word.parse::<ChecksumAlgorithm>().ok());
        match (payload, checksum) {
            (Some("unsigned-trailer"), checksum) => {
                PayloadMode::UnsignedTrailer(checksum.unwrap_or(ChecksumAlgorithm::Crc32))
            }
            (Some("signed-trailer"), checksum) => {
                PayloadMode::SignedTrailer(checksum.unwrap_or(ChecksumAlgorithm::Crc32))
            }
            (_, Some(checksum)) => PayloadMode::SignedTrailer(checksum),
            (_, None) => PayloadMode::Signed,
        }
    }
}

/// One error of all the mistakes.
fn report(mut problems: Vec<Problem>) -> Error {
    if problems.len() == 1 {
        let problem = problems.remove(0);
        let error = Error::new(Fault::Config, problem.code, problem.message);
        return error.with_remedy(if problem.remedy.is_empty() { SETTINGS_REMEDY.to_owned() } else { problem.remedy });
    }
    let mut message = format!("{} mistakes in the configuration:", problems.len());
    for problem in &problems {
        message.push_str("\n  - ");
        message.push_str(&problem.message);
        if !problem.remedy.is_empty() {
            message.push_str("\n    try: ");
            message.push_str(&problem.remedy);
        }
    }
    Error::new(Fault::Config, "bad_configuration", message).with_remedy(SETTINGS_REMEDY)
}

/// A value between quotes, its control characters escaped and its length bounded.
fn quoted(value: &str) -> String {
    let mut shown = String::from("\"");
    shown.extend(value.chars().take(VALUE_SHOWN_MAXIMUM).flat_map(|letter| {
        let is_plain = !letter.is_control();
        is_plain.then_some(letter).into_iter().chain((!is_plain).then(|| letter.escape_default()).into_iter().flatten())
    }));
    shown.push_str(if value.chars().nth(VALUE_SHOWN_MAXIMUM).is_some() { "…\"" } else { "\"" });
    shown
}

/// For a device on which nothing, or little, is configured yet.
const MISSING_REMEDY: &str =
    "let `homing init` write the file; `homing help send` lists the settings, `homing check` looks at them";
/// For mistakes whose message says all but where to read more.
const SETTINGS_REMEDY: &str = "correct it there; `homing help send` lists the settings and what each takes";

/// The default client id's end.
const CLIENT_ID_SUFFIX: &str = "-homing";
/// MQTT over TLS (IANA `secure-mqtt`, AWS IoT Core).
const MQTT_TLS_PORT: u16 = 8883;
/// AWS IoT Core's port for HTTPS with a client certificate.
const HTTPS_PUBLISH_PORT: u16 = 8443;
/// Enough to recognise a value on a terminal's line.
const VALUE_SHOWN_MAXIMUM: usize = 80;

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;

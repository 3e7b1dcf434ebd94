//! The main job: each file inside a message, or into S3 with a message that names it.
//!
//! ```text
//! open and measure every file ── plan by size
//!        │
//!        ├─ thread: TCP, TLS, CONNECT to the data endpoint ────────────┐
//!        ├─ thread: TCP, TLS to S3 ──────────────┐                     │
//!        └─ credentials (TCP, TLS, one request) ─┴─ put, file by file ─┴─ publish, PUBACK
//! ```
//!
//! Files are delivered one after the other over the same connections. One file's failure does not stop the
//! others.

use super::Screen;
use super::attempts::attempted;
use super::messenger::Messenger;
use super::network::Network;
use super::outcome::{Outcome, Via, worst};
use super::place::Place;
use super::presign::presigned;
use super::signer::Signer;
use super::source::Source;
use super::upload::{Uploader, check_size};
use crate::aws::iot_publish;
use crate::aws::s3_presigned::{Access, PresignedObject};
use crate::cli::Send;
use crate::config::{self, Config};
use crate::error::{Error, Fault, Result};
use crate::net::stream::unix_time;
use crate::options::Id;
use crate::protocol::message::{FileContent, S3Url, WriteError};
use crate::protocol::plan::{Plan, plan};
use crate::protocol::request::QUERY_CAPACITY;
use crate::protocol::template::{self, KEY_CAPACITY, TOPIC_CAPACITY, TemplateError, Values};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Sends every file, prints each one's outcome, and gives the exit code: the worst of them.
///
/// # Errors
/// What concerns no single file: the configuration, or an unwritable standard output.
pub fn run(config: &Config, command: &Send, screen: &mut Screen) -> Result<u8> {
    let mut files: Vec<File<'_>> = command.files.iter().map(|path| File::prepare(path, config)).collect();
    require_settings(config, &files)?;
    if !command.dry_run && files.iter().any(|file| file.ready.is_ok()) {
        deliver(config, command, &mut files, screen)?;
    }
    for file in &files {
        if command.dry_run || file.ready.is_err() {
            file.report(config, command.dry_run, screen)?;
        }
    }
    Ok(worst(files.iter().filter_map(|file| file.result.as_ref().err())))
}

fn require_settings(config: &Config, files: &[File<'_>]) -> Result<()> {
    let ready = || files.iter().filter_map(|file| file.ready.as_ref().ok());
    let mut needed = Vec::with_capacity(8);
    if ready().next().is_some() {
        needed.extend([Id::DataEndpoint, Id::Certificate, Id::PrivateKey]);
        if config.via == config::Via::Mqtt {
            config.client_id()?;
        }
    }
    if ready().any(|ready| ready.plan != Plan::Inline) {
        needed.extend([Id::Bucket, Id::Region]);
    }
    config.require(&needed)
}

fn deliver(config: &Config, command: &Send, files: &mut [File<'_>], screen: &mut Screen) -> Result<()> {
    let network = Network::new(config)?;
    let capacity = |file: &File<'_>| Some(file.ready.as_ref().ok()?.message_capacity(config, command));
    let capacity = files.iter().filter_map(capacity).max();
    let mut messenger = Messenger::open(config, &network, capacity.unwrap_or(0))?;
    let to_s3 = files.iter().any(|file| file.ready.as_ref().is_ok_and(|ready| ready.plan != Plan::Inline));
    let mut printed = Ok(());
    // Without credentials no file reaches S3, but what goes inline still does.
    let mut store = to_s3.then(|| open_store(config, &network));
    for file in files.iter_mut() {
        let Ok(ready) = &mut file.ready else { continue };
        file.result = match (ready.plan, &mut store) {
            (Plan::Inline, _) | (_, None) => ready.send_inline(config, &mut messenger),
            (_, Some(Ok(store))) => ready.send_by_s3(config, &network, store, command, &mut messenger),
            (_, Some(Err(error))) => Err(error.clone()),
        };
        // Nobody reads the outcomes any more? The files are to arrive all the same.
        printed = printed.and(file.report(config, false, screen));
    }
    messenger.close();
    printed
}

/// Opens the connection to S3 while the credentials are being fetched.
fn open_store(config: &Config, network: &Network<'_>) -> Result<Uploader> {
    let client = network.public_client()?;
    let place = Place::from_config(config, config.bucket()?)?;
    client.warm_up(&place.bucket().authority()?);
    let signer = Signer::obtain(config, network)?;
    Uploader::new(config, client, signer, place)
}

/// One file on its way.
struct File<'a> {
    path: &'a Path,
    ready: Result<Ready>,
    result: Result<Via>,
}

/// A file that was opened, measured and addressed.
struct Ready {
    source: Source,
    plan: Plan,
    topic: heapless::String<TOPIC_CAPACITY>,
    /// Empty for what goes inline.
    key: heapless::String<KEY_CAPACITY>,
    etag: String,
    /// The time in the message and in the templates: one for all of them.
    time: i64,
}

impl<'a> File<'a> {
    fn prepare(path: &'a PathBuf, config: &Config) -> Self {
        let ready = Ready::new(path, config);
        // Replaced as soon as the file is attempted.
        let result = ready.as_ref().map(|ready| ready.via(config)).map_err(Clone::clone);
        Self { path, ready, result }
    }

    fn report(&self, config: &Config, dry_run: bool, screen: &mut Screen) -> Result<()> {
        let ready = self.ready.as_ref().ok();
        let by_s3 = ready.is_some_and(|ready| ready.plan != Plan::Inline);
        screen.outcome(&Outcome {
            file: Some(self.path),
            result: self.result.as_ref().map(|via| *via),
            dry_run,
            bucket: config.bucket.as_deref().filter(|_| by_s3).unwrap_or_default(),
            key: ready.map_or("", |ready| &ready.key),
            etag: ready.map_or("", |ready| &ready.etag),
            bytes: ready.map(|ready| ready.source.size),
            topic: ready.map_or("", |ready| &ready.topic),
        })
    }
}

impl Ready {
    fn new(path: &Path, config: &Config) -> Result<Self> {
        let mut source = Source::open(path)?;
        let plan = plan(source.size, Some(config.inline_limit));
        if plan != Plan::Inline {
            check_size(&source)?;
        }
        let needs_hash =
            template::uses_sha256(&config.topic) || (plan != Plan::Inline && template::uses_sha256(&config.key));
        let sha256 = needs_hash.then(|| source.sha256()).transpose()?;
        let time = unix_time();
        let values =
            Values { thing: config.thing_name.as_deref(), name: &source.name, time, sha256: sha256.as_deref() };
        let topic =
            template::render(&config.topic, &values).map_err(|error| unaddressed(config, Id::Topic, path, &error))?;
        iot_publish::check_topic(&topic).map_err(|error| error.context(config.described(Id::Topic)))?;
        let key = match plan {
            Plan::Inline => heapless::String::new(),
            _ => template::render(&config.key, &values).map_err(|error| unaddressed(config, Id::Key, path, &error))?,
        };
        Ok(Self { source, plan, topic, key, etag: String::new(), time })
    }

    fn via(&self, config: &Config) -> Via {
        match (self.plan, config.via) {
            (Plan::Inline, config::Via::Mqtt) => Via::Mqtt,
            (Plan::Inline, config::Via::Https) => Via::Https,
            _ => Via::S3,
        }
    }

    /// The length of the message that is to come, or its maximum, in bytes.
    fn message_capacity(&self, config: &Config, command: &Send) -> usize {
        match self.plan {
            Plan::Inline => usize::try_from(self.file_content(config).encoded_length()).unwrap_or(usize::MAX),
            _ if command.presign.is_some() => S3_MESSAGE_MAXIMUM + QUERY_CAPACITY,
            _ => S3_MESSAGE_MAXIMUM,
        }
    }

    fn file_content<'a>(&'a self, config: &'a Config) -> FileContent<'a> {
        FileContent {
            name: &self.source.name,
            size: self.source.size,
            thing: config.thing_name.as_deref(),
            time: self.time,
        }
    }

    fn send_inline(&mut self, config: &Config, messenger: &mut Messenger) -> Result<Via> {
        let via = self.via(config);
        let (thing, time) = (config.thing_name.clone(), self.time);
        let mut source = self.source.reopened()?;
        let write = move |buffer: &mut [u8]| {
            source.rewind()?;
            let (name, size) = (source.name.clone(), source.size);
            FileContent { name: &name, size, thing: thing.as_deref(), time }
                .write(buffer, |room| source.read(room))
                .map_err(|error| match error {
                    WriteError::Read(error) => error,
                    WriteError::SizeChanged { read } => source.changed(read),
                    WriteError::Full(full) => too_long(full.needed),
                })
        };
        messenger.publish(&self.topic, write)?;
        Ok(via)
    }

    fn send_by_s3(
        &mut self,
        config: &Config,
        network: &Network<'_>,
        store: &mut Uploader,
        command: &Send,
        messenger: &mut Messenger,
    ) -> Result<Via> {
        let stored = attempted(network, || store.put(&mut self.source, &self.key, &command.object))?;
        self.etag.clone_from(&stored.etag);
        let bucket = store.place().bucket();
        let announced = |error: Error| {
            error.context(format_args!("the object s3://{}/{} is stored, but not announced", bucket.name, self.key))
        };
        let (url, expires) = match command.presign {
            None => (Zeroizing::new(bucket.object_url(&self.key)?), None),
            Some(expires) => {
                // Naming the version would need another permission, s3:GetObjectVersion.
                let object = PresignedObject { bucket, key: &self.key, access: Access::Get { version_id: None } };
                let presigned = presigned(&object, store.signer(), expires).map_err(announced)?;
                (presigned.url, Some(presigned.expires))
            }
        };
        let message = S3Url {
            url: &url,
            expires,
            name: &self.source.name,
            size: self.source.size,
            checksum: stored.checksum.as_ref().map(|(algorithm, value)| (algorithm.as_str(), value.as_str())),
            etag: Some(stored.etag.as_str()),
            thing: config.thing_name.as_deref(),
            time: self.time,
            bucket: bucket.name,
            key: &self.key,
            version_id: stored.version_id.as_deref(),
        };
        let mut text = Zeroizing::new(vec![0; message.encoded_length()]);
        message.write(&mut text).map_err(|full| too_long(full.needed))?;
        let write = move |buffer: &mut [u8]| {
            buffer.get_mut(..text.len()).ok_or_else(|| too_long(text.len()))?.copy_from_slice(&text);
            Ok(text.len())
        };
        messenger.publish(&self.topic, write).map_err(announced)?;
        Ok(Via::S3)
    }
}

fn unaddressed(config: &Config, id: Id, path: &Path, error: &TemplateError<'_>) -> Error {
    let to_set = if *error == TemplateError::NoValue("thing") { Id::ThingName } else { id };
    Error::new(
        Fault::Config,
        "template_failed",
        format!("{}, applied to '{}': {error}", config.described(id), path.display()),
    )
    .with_remedy(to_set.option().ways_to_set(config.document()))
}

fn too_long(needed: usize) -> Error {
    Error::new(
        Fault::Data,
        "message_too_large",
        format!("the message would have {needed} bytes, more than there is room for"),
    )
    .with_remedy("lower inline_limit, or shorten the file's name")
}

/// A key of 1,024 bytes, each escaped to 6 in `key` and encoded to 3 in `url` (whose host has at most 260); a name of 255 bytes, each escaped to
/// 6; bucket, thing, checksum, version id (1,024) and field names.
const S3_MESSAGE_MAXIMUM: usize = 1024 * 6 + 1024 * 3 + 255 * 6 + 4096;

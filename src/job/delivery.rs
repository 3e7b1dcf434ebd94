//! One file to its address: inside a message, or into S3 and then a message that names it.
//!
//! ```text
//! Address::of ── everything that a repeat must not change: topic, key, time, message_id, headers
//!      │
//! Deliverer ─┬─ Inline ─────────────────────────────┬─ announce: publish, PUBACK
//!            └─ S3 ── store: put, S3 confirms ──────┘
//! ```

use super::drain_policy::{Step, Verdict, verdict};
use super::messenger::Messenger;
use super::network::Network;
use super::outcome::Via;
use super::place::Place;
use super::presign::presigned;
use super::signer::Signer;
use super::source::Source;
use super::upload::{Uploader, check_size, with_own_id};
use crate::aws::iot_publish;
use crate::aws::s3_presigned::{Access, PresignedObject};
use crate::aws::s3_put::PutObjectOutcome;
use crate::cli::{Expires, ObjectHeaders};
use crate::config::{self, Config};
use crate::error::{Error, Fault, Result};
use crate::net::stream::unix_time;
use crate::options::Id;
use crate::protocol::message::{AWS_IOT_PAYLOAD_LIMIT, FileContent, S3Url, WriteError, message_id};
use crate::protocol::plan::{Plan, plan};
use crate::protocol::request::QUERY_CAPACITY;
use crate::protocol::template::{self, KEY_CAPACITY, TOPIC_CAPACITY, TemplateError, Values};
use ring::rand::{SecureRandom, SystemRandom};
use std::path::Path;
use zeroize::Zeroizing;

/// The way a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Inside one message.
    Inline,
    /// As an S3 object, with a message that names it.
    S3,
}

/// Where and as what a file goes: fixed before the first attempt, and the same in every repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The file's name without its directory.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its way.
    pub way: Way,
    /// The topic of the message.
    pub topic: String,
    /// The bucket; empty for what goes inline, or where none is set.
    pub bucket: String,
    /// The object's key; empty for what goes inline.
    pub key: String,
    /// The time in the message and in the templates, in seconds since the Unix epoch.
    pub time: i64,
    /// 32 hexadecimal digits by which consumers know a repeat.
    pub message_id: String,
    /// Headers of the object.
    pub headers: ObjectHeaders,
    /// How long the presigned URL in the message is good; it is signed anew in each repeat.
    pub presign: Option<Expires>,
}

impl Address {
    /// Gives `source` its address by the configuration's templates.
    ///
    /// # Errors
    /// A template has no value for it; the file is too large for S3, or cannot be read; the system gives no random
    /// numbers.
    pub fn of(source: &mut Source, config: &Config, headers: &ObjectHeaders, presign: Option<Expires>) -> Result<Self> {
        let way = match plan(source.size, Some(config.inline_limit)) {
            Plan::Inline => Way::Inline,
            Plan::Single | Plan::Multipart => Way::S3,
        };
        if way == Way::S3 {
            check_size(source)?;
        }
        let needs_hash = template::uses_sha256(&config.topic) || (way == Way::S3 && template::uses_sha256(&config.key));
        let sha256 = needs_hash.then(|| source.sha256()).transpose()?;
        let time = unix_time();
        let values =
            Values { thing: config.thing_name.as_deref(), name: &source.name, time, sha256: sha256.as_deref() };
        let unaddressed = |id, error: &TemplateError<'_>| unaddressed(config, id, &source.path, error);
        let topic: heapless::String<TOPIC_CAPACITY> =
            template::render(&config.topic, &values).map_err(|error| unaddressed(Id::Topic, &error))?;
        iot_publish::check_topic(&topic).map_err(|error| error.context(config.described(Id::Topic)))?;
        let key: heapless::String<KEY_CAPACITY> = match way {
            Way::Inline => heapless::String::new(),
            Way::S3 => template::render(&config.key, &values).map_err(|error| unaddressed(Id::Key, &error))?,
        };
        let bucket = config.bucket.as_deref().filter(|_| way == Way::S3).unwrap_or_default();
        let message_id = new_message_id()?;
        Ok(Self {
            name: source.name.clone(),
            size: source.size,
            way,
            topic: topic.as_str().to_owned(),
            bucket: bucket.to_owned(),
            key: key.as_str().to_owned(),
            time,
            headers: with_own_id(headers, &message_id),
            message_id,
            presign,
        })
    }

    /// How it goes out, as outcomes name it.
    pub fn via(&self, config: &Config) -> Via {
        match (self.way, config.via) {
            (Way::Inline, config::Via::Mqtt) => Via::Mqtt,
            (Way::Inline, config::Via::Https) => Via::Https,
            (Way::S3, _) => Via::S3,
        }
    }

    /// The length of the message that is to come, or its maximum, in bytes.
    pub fn message_capacity(&self, config: &Config) -> usize {
        match self.way {
            Way::Inline => {
                usize::try_from(self.file_content(config.thing_name.as_deref()).encoded_length()).unwrap_or(usize::MAX)
            }
            Way::S3 if self.presign.is_some() => S3_MESSAGE_MAXIMUM + QUERY_CAPACITY,
            Way::S3 => S3_MESSAGE_MAXIMUM,
        }
    }

    fn file_content<'a>(&'a self, thing: Option<&'a str>) -> FileContent<'a> {
        FileContent { name: &self.name, size: self.size, thing, time: self.time, message_id: &self.message_id }
    }
}

/// Delivers files one after the other over the same connections, which are opened when they are first needed.
pub struct Deliverer<'n> {
    config: &'n Config,
    network: &'n Network<'n>,
    message_capacity: usize,
    messenger: Option<Messenger>,
    uploader: Option<Result<Uploader>>,
}

impl<'n> Deliverer<'n> {
    /// Opens nothing yet. No message will be longer than `message_capacity` bytes.
    pub fn new(config: &'n Config, network: &'n Network<'n>, message_capacity: usize) -> Self {
        Self { config, network, message_capacity, messenger: None, uploader: None }
    }

    /// The same for messages of any length.
    pub fn for_any_message(config: &'n Config, network: &'n Network<'n>) -> Self {
        Self::new(config, network, AWS_IOT_PAYLOAD_LIMIT)
    }

    /// Begins to connect for messages, in the background.
    ///
    /// # Errors
    /// A missing setting, or an unusable certificate.
    pub fn open_messenger(&mut self) -> Result<()> {
        if self.messenger.is_none() {
            self.messenger = Some(Messenger::open(self.config, self.network, self.message_capacity)?);
        }
        Ok(())
    }

    /// Connects to S3 for `bucket` while credentials are fetched. A failure is remembered: there is no second attempt.
    ///
    /// # Errors
    /// No credentials, or no such endpoint.
    pub fn open_store(&mut self, bucket: &str) -> Result<()> {
        let opened = self.uploader.get_or_insert_with(|| open_uploader(self.config, self.network, bucket));
        match opened {
            Ok(_) => Ok(()),
            Err(error) => Err(error.clone()),
        }
    }

    /// Puts the file into S3, and returns when S3 has confirmed it. `state` is the file that remembers what of a large one
    /// is there already, for the next run.
    ///
    /// # Errors
    /// As [`Deliverer::open_store`]; the file cannot be read; S3 cannot be reached or refuses.
    pub fn store(&mut self, source: &mut Source, address: &Address, state: Option<&Path>) -> Result<PutObjectOutcome> {
        self.open_store(&address.bucket)?;
        let network = self.network;
        let uploader = self.uploader_for(&address.bucket)?;
        if state.is_some() {
            // With what stays in the queue stays what S3 has of it.
            uploader.gives_up = |error| verdict(Step::Put, error) == Verdict::GiveUp;
        }
        uploader.put_resumable(network, source, &address.key, &address.headers, state)
    }

    /// Publishes the message: the file itself, or where it is `stored`.
    ///
    /// # Errors
    /// The file cannot be read; there are no credentials for a presigned URL; what stands in the way of the
    /// connection; the other side's refusal.
    pub fn announce(&mut self, source: &Source, address: &Address, stored: Option<&PutObjectOutcome>) -> Result<()> {
        match stored {
            None => self.send_inline(source, address),
            Some(stored) => self.announce_object(address, stored).map_err(|error| {
                error.context(format_args!(
                    "the object s3://{}/{} is stored, but not announced",
                    address.bucket, address.key
                ))
            }),
        }
    }

    /// Publishes the file itself, `content`: for what was checked after it was read.
    ///
    /// # Errors
    /// As [`Deliverer::announce`].
    pub fn announce_content(&mut self, content: Vec<u8>, address: &Address) -> Result<()> {
        let thing = self.config.thing_name.clone();
        let topic = address.topic.clone();
        let address = address.clone();
        let write = move |buffer: &mut [u8]| {
            let mut rest = content.as_slice();
            let read = |room: &mut [u8]| {
                let (part, behind) = rest.split_at(rest.len().min(room.len()));
                room[..part.len()].copy_from_slice(part);
                rest = behind;
                Ok(part.len())
            };
            address.file_content(thing.as_deref()).write(buffer, read).map_err(|error| match error {
                WriteError::Read(error) => error,
                WriteError::SizeChanged { read } => changed(&address, read),
                WriteError::Full(full) => too_long(full.needed),
            })
        };
        self.publish(&topic, write)
    }

    /// Ends the connections in good order.
    pub fn close(self) {
        if let Some(messenger) = self.messenger {
            messenger.close();
        }
    }

    fn send_inline(&mut self, source: &Source, address: &Address) -> Result<()> {
        let thing = self.config.thing_name.clone();
        let address = address.clone();
        let mut source = source.reopened()?;
        let topic = address.topic.clone();
        let write = move |buffer: &mut [u8]| {
            source.rewind()?;
            address.file_content(thing.as_deref()).write(buffer, |room| source.read(room)).map_err(
                |error| match error {
                    WriteError::Read(error) => error,
                    WriteError::SizeChanged { read } => source.changed(read),
                    WriteError::Full(full) => too_long(full.needed),
                },
            )
        };
        self.publish(&topic, write)
    }

    fn announce_object(&mut self, address: &Address, stored: &PutObjectOutcome) -> Result<()> {
        let place = Place::from_config(self.config, &address.bucket)?;
        let bucket = place.bucket();
        let (url, expires) = match address.presign {
            None => (Zeroizing::new(bucket.object_url(&address.key)?), None),
            Some(expires) => {
                self.open_store(&address.bucket)?;
                let signer = self.uploader_for(&address.bucket)?.signer().clone();
                // Naming the version would need another permission, s3:GetObjectVersion.
                let object = PresignedObject { bucket, key: &address.key, access: Access::Get { version_id: None } };
                let presigned = presigned(&object, &signer, expires)?;
                (presigned.url, Some(presigned.expires))
            }
        };
        let message = S3Url {
            url: &url,
            expires,
            name: &address.name,
            size: address.size,
            checksum: stored.checksum.as_ref().map(|(algorithm, value)| (algorithm.as_str(), value.as_str())),
            etag: Some(stored.etag.as_str()).filter(|etag| !etag.is_empty()),
            thing: self.config.thing_name.as_deref(),
            time: address.time,
            message_id: &address.message_id,
            bucket: bucket.name,
            key: &address.key,
            version_id: stored.version_id.as_deref(),
        };
        // A presigned URL is a secret.
        let mut text = Zeroizing::new(vec![0; message.encoded_length()]);
        message.write(&mut text).map_err(|full| too_long(full.needed))?;
        let write = move |buffer: &mut [u8]| {
            let room = buffer.get_mut(..text.len()).ok_or_else(|| too_long(text.len()))?;
            room.copy_from_slice(&text);
            Ok(text.len())
        };
        self.publish(&address.topic, write)
    }

    fn publish(&mut self, topic: &str, write: impl super::messenger::Payload) -> Result<()> {
        self.open_messenger()?;
        match &mut self.messenger {
            Some(messenger) => messenger.publish(topic, write),
            None => Err(not_open()),
        }
    }

    /// The connection to S3, turned to `bucket`.
    fn uploader_for(&mut self, bucket: &str) -> Result<&mut Uploader> {
        let Some(Ok(uploader)) = &mut self.uploader else { return Err(not_open()) };
        if uploader.place().bucket().name != bucket {
            uploader.turn_to(Place::from_config(self.config, bucket)?);
        }
        Ok(uploader)
    }
}

/// Opens the connection to S3 while the credentials are being fetched.
fn open_uploader(config: &Config, network: &Network<'_>, bucket: &str) -> Result<Uploader> {
    let client = network.public_client()?;
    let place = Place::from_config(config, bucket)?;
    client.warm_up(&place.bucket().authority()?);
    let signer = Signer::obtain(config, network)?;
    Uploader::new(config, client, signer, place)
}

/// 32 hexadecimal digits that nothing else has.
///
/// # Errors
/// The system gives no random numbers.
pub fn new_message_id() -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(Fault::Temporary, "no_random_numbers", "the system gives no random numbers"))?;
    Ok(message_id(bytes).as_str().to_owned())
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

fn changed(address: &Address, size_now: u64) -> Error {
    let message = format!("'{}' had {} bytes when it was queued, and now has {size_now}", address.name, address.size);
    Error::new(Fault::Data, "file_changed", message)
}

fn too_long(needed: usize) -> Error {
    Error::new(
        Fault::Data,
        "message_too_large",
        format!("the message would have {needed} bytes, more than there is room for"),
    )
    .with_remedy("lower inline_limit, or shorten the file's name")
}

/// Cannot be: it has just been opened.
fn not_open() -> Error {
    Error::new(Fault::Temporary, "not_connected", "the connection is not open")
}

/// A key of 1,024 bytes, each escaped to 6 in `key` and encoded to 3 in `url` (whose host has at most 260); a name of 255 bytes, each escaped to
/// 6; bucket, thing, checksum, version id (1,024), message id and field names.
const S3_MESSAGE_MAXIMUM: usize = 1024 * 6 + 1024 * 3 + 255 * 6 + 4096;

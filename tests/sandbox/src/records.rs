//! What the sandbox has seen: objects stored, messages published, requests answered, connections made.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The services of the sandbox, as faults and counters name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// AWS IoT's credential provider (mutual TLS).
    Credentials,
    /// S3 (TLS).
    S3,
    /// The MQTT broker (mutual TLS).
    Mqtt,
    /// The HTTPS publish endpoint of the data endpoint (mutual TLS).
    Publish,
    /// The container credentials endpoint (plain HTTP).
    Container,
    /// CodeArtifact's API (TLS).
    CodeArtifact,
    /// CodeArtifact's repositories (TLS).
    Repositories,
    /// STS (TLS).
    Sts,
}

impl Service {
    /// Every service, in the order in which they are listed to a person.
    pub const ALL: [Self; 8] = [
        Self::Credentials,
        Self::S3,
        Self::Mqtt,
        Self::Publish,
        Self::Container,
        Self::CodeArtifact,
        Self::Repositories,
        Self::Sts,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::S3 => "s3",
            Self::Mqtt => "mqtt",
            Self::Publish => "publish",
            Self::Container => "container",
            Self::CodeArtifact => "codeartifact",
            Self::Repositories => "repositories",
            Self::Sts => "sts",
        }
    }
}

/// One S3 object whose put (or multipart upload) was answered with success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The size of the stored object in bytes, without any chunk framing.
    pub bytes: u64,
    /// SHA-256 of the stored bytes, lower-case hex.
    pub sha256: String,
    /// `Content-Type`, when one was sent.
    pub content_type: Option<String>,
    /// `x-amz-meta-*`, names without the prefix.
    pub metadata: BTreeMap<String, String>,
    /// `x-amz-storage-class`, when one was sent.
    pub storage_class: Option<String>,
    /// `x-amz-tagging`, as sent (a query string).
    pub tagging: Option<String>,
    /// `x-amz-server-side-encryption`.
    pub server_side_encryption: Option<String>,
    /// `x-amz-server-side-encryption-aws-kms-key-id`.
    pub sse_kms_key_id: Option<String>,
    /// Whether the bucket was named in the host (virtual-hosted style) rather than in the path.
    pub virtual_hosted: bool,
    /// Bytes of each part of a multipart upload; empty for a single put.
    pub parts: Vec<u64>,
    /// The checksum of the object, in base64, of a multipart upload that was begun with one.
    pub checksum: Option<String>,
    /// Every header of the request, names in lower case; of a multipart upload that which began it.
    pub headers: Vec<(String, String)>,
    /// The trailers behind the last chunk, names in lower case.
    pub trailers: Vec<(String, String)>,
}

impl Object {
    /// The value of a request header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A multipart upload that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// The numbers of the parts that are there.
    pub parts: Vec<u16>,
}

/// How a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// MQTT 3.1.1 or 5.
    Mqtt,
    /// `POST /topics/…`.
    Https,
}

/// One published message that the sandbox accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How it came in.
    pub via: Via,
    /// The topic, decoded.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The quality of service the publisher asked for: 0 or 1 (2 also over MQTT).
    pub qos: u8,
    /// The MQTT client identifier; empty over HTTPS.
    pub client_id: String,
    /// The common name of the device certificate the connection was made with.
    pub thing_name: Option<String>,
}

/// An object or a message, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "objects are as usual as messages, and there are few of either")]
pub enum Arrival {
    /// Stored in S3.
    Object(Object),
    /// Published.
    Message(Message),
}

impl std::fmt::Display for Arrival {
    /// `s3 <bucket>/<key> <bytes> <sha256>` or `mqtt <topic> <payload>`; a payload that is no UTF-8 is shown lossily.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(object) => {
                write!(formatter, "s3 {}/{} {} {}", object.bucket, object.key, object.bytes, object.sha256)
            }
            Self::Message(message) => {
                let kind = match message.via {
                    Via::Mqtt => "mqtt",
                    Via::Https => "https",
                };
                write!(formatter, "{kind} {} {}", message.topic, String::from_utf8_lossy(&message.payload))
            }
        }
    }
}

/// One HTTP request and what it was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpExchange {
    /// The service that was asked.
    pub service: Service,
    /// The method.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// The request's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The status of the reply.
    pub status: u16,
    /// When the request's head had arrived.
    pub at: Instant,
}

/// How often a service was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// TCP connections accepted.
    pub connections: u64,
    /// Those of them that are over, with all that was done for them; HTTP only.
    pub closed: u64,
    /// Connections whose TLS handshake failed (for instance for want of a trusted client certificate).
    pub failed_handshakes: u64,
    /// HTTP requests, or MQTT CONNECT packets, that were read.
    pub requests: u64,
}

/// The shared notebook of one sandbox.
#[derive(Clone, Default)]
pub(crate) struct Records {
    shared: Arc<(Mutex<Book>, Condvar)>,
}

#[derive(Default)]
struct Book {
    arrivals: Vec<Arrival>,
    exchanges: Vec<HttpExchange>,
    counts: BTreeMap<Service, Counts>,
}

impl Records {
    pub(crate) fn arrived(&self, arrival: Arrival) {
        self.book().arrivals.push(arrival);
        self.shared.1.notify_all();
    }

    pub(crate) fn exchanged(&self, exchange: HttpExchange) {
        self.book().exchanges.push(exchange);
    }

    pub(crate) fn count(&self, service: Service, change: impl FnOnce(&mut Counts)) {
        change(self.book().counts.entry(service).or_default());
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.book().arrivals.clone()
    }

    pub(crate) fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.book().arrivals)
    }

    pub(crate) fn exchanges(&self) -> Vec<HttpExchange> {
        self.book().exchanges.clone()
    }

    pub(crate) fn counts(&self, service: Service) -> Counts {
        self.book().counts.get(&service).copied().unwrap_or_default()
    }

    /// Waits until more than `seen` arrivals are there or the time is over, and gives those behind `seen`.
    pub(crate) fn wait_beyond(&self, seen: usize, timeout: Duration) -> Vec<Arrival> {
        let deadline = Instant::now() + timeout;
        let mut book = self.book();
        while book.arrivals.len() <= seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Vec::new();
            }
            book = self.shared.1.wait_timeout(book, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        book.arrivals[seen..].to_vec()
    }

    pub(crate) fn clear(&self) {
        let mut book = self.book();
        *book = Book::default();
    }

    /// A panic while the lock is held cannot leave the lists half changed.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

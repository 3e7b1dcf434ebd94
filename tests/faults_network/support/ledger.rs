//! What has arrived, compared with what was sent: no message may name an object that is not there as it should be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use homing_sandbox::{Arrival, Message, Object};
use ring::digest;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Everything that was sent and everything that has arrived, in one sandbox.
#[derive(Default)]
pub struct Ledger {
    /// SHA-256 and length of each file, by name.
    sent: HashMap<String, (String, u64)>,
    /// SHA-256 and length of each object, by key.
    objects: HashMap<String, (String, u64)>,
    /// How often each file was announced (or came inline), by key or name.
    announced: HashMap<String, u32>,
    /// The message identifiers it was announced with.
    message_ids: HashMap<String, HashSet<String>>,
}

impl Ledger {
    pub fn expect(&mut self, name: &str, content: &[u8]) {
        self.sent.insert(name.to_owned(), (sha256(content), content.len() as u64));
    }

    /// Enters what has arrived, in order.
    ///
    /// # Panics
    /// An object that is another than the file; a message that names none, or another; a file in a message that is not
    /// the one that was sent.
    #[track_caller]
    pub fn enter(&mut self, arrivals: Vec<Arrival>) {
        for arrival in arrivals {
            match arrival {
                Arrival::Object(object) => self.enter_object(object),
                Arrival::Message(message) => self.enter_message(&message),
            }
        }
    }

    /// How often a message came for the object of this key, or for the file of this name.
    pub fn announced(&self, key: &str) -> u32 {
        self.announced.get(key).copied().unwrap_or(0)
    }

    /// Whether the object is stored as it should be.
    pub fn has_object(&self, key: &str) -> bool {
        self.objects.contains_key(key)
    }

    /// How many different files were announced, and how many messages came for them.
    pub fn announcements(&self) -> (usize, u32) {
        (self.announced.len(), self.announced.values().sum())
    }

    /// How many different messages there were, each with its repeats.
    pub fn different_messages(&self) -> usize {
        self.message_ids.values().map(HashSet::len).sum()
    }

    #[track_caller]
    fn enter_object(&mut self, object: Object) {
        let arrived = (object.sha256, object.bytes);
        let name = object.key.rsplit('/').next().unwrap();
        assert_eq!(self.sent.get(name), Some(&arrived), "another object than the file is stored as {}", object.key);
        self.objects.insert(object.key, arrived);
    }

    #[track_caller]
    fn enter_message(&mut self, message: &Message) {
        let message: Value = serde_json::from_slice(&message.payload).unwrap();
        let name = message["name"].as_str().unwrap();
        let expected = self.sent.get(name).unwrap_or_else(|| panic!("a message of nothing that was sent: {message}"));
        assert_eq!(message["size"].as_u64(), Some(expected.1), "{message}");
        let place = match message["type"].as_str() {
            Some("file_content") => {
                let content = STANDARD.decode(message["content"].as_str().unwrap()).unwrap();
                assert_eq!(sha256(&content), expected.0, "another content came for {name}");
                name
            }
            Some("s3_url") => {
                let key = message["key"].as_str().unwrap();
                assert!(message["url"].as_str().unwrap().ends_with(key), "URL and key differ: {message}");
                assert_eq!(self.objects.get(key), Some(expected), "no such object is there, but announced: {message}");
                key
            }
            _ => panic!("an unknown message: {message}"),
        };
        *self.announced.entry(place.to_owned()).or_default() += 1;
        let message_id = message["message_id"].as_str().unwrap().to_owned();
        self.message_ids.entry(place.to_owned()).or_default().insert(message_id);
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

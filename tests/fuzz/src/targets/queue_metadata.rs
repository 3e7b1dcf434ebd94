//! `metadata.json` and `reason.json` of a queue's entry: what is read and written again is the same, what cannot be read
//! is the entry's own fault and holds nobody up, and no error is long.

use crate::scratch::scratch;
use homing::error::Fault;
use homing::queue::{EntryId, Keep, Limits, Metadata, Object, Queue, Way};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

pub fn run(data: &[u8]) {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    let Scene { queue, pending, failed, metadata, reason } = SCENE.get_or_init(Scene::new);
    fs::write(metadata, data).expect("the scratch folder takes a small file");
    match queue.read(pending) {
        Ok(entry) => {
            let mut expected = entry.metadata.clone();
            if let Some(reason) = &mut expected.last_error {
                reason.message.truncate(reason.message.floor_char_boundary(MESSAGE_MAXIMUM));
            }
            drop(entry);
            match queue.update(pending, &expected) {
                Ok(()) => assert_eq!(queue.read(pending).expect("was written by the queue").metadata, expected),
                Err(error) => assert_eq!(error.code(), "metadata_too_long", "{error}"),
            }
        }
        Err(error) => {
            assert!(matches!(error.fault(), Fault::Data | Fault::Io) && !error.retryable(), "{error:?}");
            assert!(error.message().len() < ERROR_TEXT_MAXIMUM, "{error}");
        }
    }
    fs::write(reason, data).expect("the scratch folder takes a small file");
    let entry = queue.read(failed).expect("a damaged reason is no reason not to look at the entry");
    assert!(entry.failed.is_some());
    assert_eq!((queue.entries().ok(), queue.failed().ok()), (Some(vec![*pending]), Some(vec![*failed])));
}

struct Scene {
    queue: Queue,
    pending: EntryId,
    failed: EntryId,
    metadata: PathBuf,
    reason: PathBuf,
}

impl Scene {
    /// One entry that waits, and one that has failed.
    fn new() -> Self {
        let queue = Queue::open(&scratch("queue"), Limits::NONE).expect("a new queue");
        let add = |name: &str| {
            let source = scratch(name);
            fs::write(&source, "photo").expect("room for five bytes");
            // What the seeds say of the file.
            let file = File::options().write(true).open(&source).expect("it was written just now");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(MODIFIED)).expect("it is ours");
            let object = Object { bucket: "b".to_owned(), key: "k".to_owned(), ..Object::default() };
            let way = Way::S3(Box::new(object));
            let metadata = Metadata { name: name.to_owned(), size: 5, way, ..Metadata::default() };
            queue.add(&source, Keep::Move, &metadata, MODIFIED.cast_signed()).expect("there is room").id
        };
        let (pending, failed) = (add("pending"), add("failed"));
        let error = homing::error::Error::new(Fault::Refused, "AccessDenied", "no");
        queue.fail(&failed, &error, MODIFIED.cast_signed()).expect("it is there");
        let (of_pending, of_failed) =
            (queue.read(&pending).expect("it is there").data, queue.read(&failed).expect("it is there").data);
        let beside = |data: PathBuf, name: &str| data.with_file_name(name);
        Self {
            queue,
            pending,
            failed,
            metadata: beside(of_pending, "metadata.json"),
            reason: beside(of_failed, "reason.json"),
        }
    }
}

/// 2027-01-15.
const MODIFIED: u64 = 1_800_000_000;
/// As much of an error's text as is kept.
const MESSAGE_MAXIMUM: usize = 1000;
const ERROR_TEXT_MAXIMUM: usize = 2048;

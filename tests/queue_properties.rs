//! The queue against a model in memory: whatever is done in whatever order, both hold the same.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, its helpers included")]

use homing::error::{Error, Fault};
use homing::queue::{Entry, EntryId, Keep, Limits, Metadata, Queue, WhenFull};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, Clone)]
enum Action {
    Add { size: usize, keep: bool },
    Tick(i64),
    Deliver(prop::sample::Index),
    Fail(prop::sample::Index),
    Retry(prop::sample::Index),
    Remove(prop::sample::Index),
    Note(prop::sample::Index, u32),
    Hold(prop::sample::Index),
    Release,
    Expire,
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0_usize..600, any::<bool>()).prop_map(|(size, keep)| Action::Add { size, keep }),
        2 => (-100_i64..100).prop_map(Action::Tick),
        2 => index().prop_map(Action::Deliver),
        2 => index().prop_map(Action::Fail),
        1 => index().prop_map(Action::Retry),
        1 => index().prop_map(Action::Remove),
        1 => (index(), any::<u32>()).prop_map(|(index, attempts)| Action::Note(index, attempts)),
        1 => index().prop_map(Action::Hold),
        1 => Just(Action::Release),
        1 => Just(Action::Expire),
        1 => Just(Action::Reopen),
    ]
}

/// An entry, in memory.
#[derive(Debug, Clone)]
struct Known {
    id: EntryId,
    name: String,
    content: Vec<u8>,
    attempts: u32,
    retried: Option<i64>,
}

#[derive(Debug, Default)]
struct Model {
    pending: Vec<Known>,
    failed: Vec<Known>,
    held: Option<EntryId>,
}

impl Model {
    /// What has to leave for `size` more bytes, in this order, and whether there is room then.
    fn room(&self, size: u64, limits: &Limits) -> (Vec<EntryId>, bool) {
        let all = || self.failed.iter().chain(&self.pending);
        let mut over = all().map(|known| known.id.size()).sum::<u64>() + size;
        let mut leave = Vec::new();
        if over <= limits.max_bytes {
            return (leave, true);
        }
        if limits.when_full == WhenFull::Refuse || size > limits.max_bytes {
            return (leave, false);
        }
        for known in all().filter(|known| Some(known.id) != self.held) {
            over -= known.id.size();
            leave.push(known.id);
            if over <= limits.max_bytes {
                return (leave, true);
            }
        }
        (leave, false)
    }

    fn forget(&mut self, id: EntryId) {
        self.pending.retain(|known| known.id != id);
        self.failed.retain(|known| known.id != id);
    }
}

struct Scene {
    folder: PathBuf,
    queue: Queue,
    limits: Limits,
    model: Model,
    held: Option<Entry>,
    now: i64,
    files: u32,
}

impl Scene {
    fn new(limits: Limits) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        // In memory where that is possible: what is synchronized is another test's matter.
        let memory = PathBuf::from("/dev/shm");
        let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!("homing-queue-properties-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let queue = Queue::open(&folder.join("queue"), limits).unwrap();
        Self { folder, queue, limits, model: Model::default(), held: None, now: NOW, files: 0 }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Add { size, keep } => self.add(*size, if *keep { Keep::Copy } else { Keep::Move }),
            Action::Tick(seconds) => self.now += seconds,
            Action::Deliver(index) => {
                let Some(id) = pick(index, &self.model.pending) else { return };
                self.queue.delivered(&id).unwrap();
                self.model.forget(id);
            }
            Action::Fail(index) => {
                let Some(id) = pick(index, &self.model.pending) else { return };
                self.queue.fail(&id, &Error::new(Fault::Refused, "no", "no"), self.now).unwrap();
                move_between(&mut self.model.pending, &mut self.model.failed, id);
            }
            Action::Retry(index) => {
                let Some(id) = pick(index, &self.model.failed) else { return };
                assert_eq!(self.queue.retry(&id, self.now).unwrap(), id);
                move_between(&mut self.model.failed, &mut self.model.pending, id);
                let known = self.model.pending.iter_mut().find(|known| known.id == id).unwrap();
                (known.attempts, known.retried) = (0, Some(self.now));
            }
            Action::Remove(index) => {
                let all: Vec<Known> = self.model.pending.iter().chain(&self.model.failed).cloned().collect();
                let Some(id) = pick(index, &all) else { return };
                match self.queue.remove(&id) {
                    Ok(()) => {
                        assert_ne!(self.model.held, Some(id));
                        self.model.forget(id);
                    }
                    Err(error) => assert_eq!((error.code(), self.model.held), ("entry_busy", Some(id))),
                }
            }
            Action::Note(index, attempts) => {
                let Some(id) = pick(index, &self.model.pending) else { return };
                let mut metadata = self.queue.read(&id).unwrap().metadata;
                metadata.attempts = *attempts;
                self.queue.update(&id, &metadata).unwrap();
                self.model.pending.iter_mut().find(|known| known.id == id).unwrap().attempts = *attempts;
            }
            Action::Hold(index) => {
                let Some(id) = pick(index, &self.model.pending) else { return };
                self.held = Some(self.queue.read(&id).unwrap());
                self.model.held = Some(id);
            }
            Action::Release => (self.held, self.model.held) = (None, None),
            Action::Expire => self.expire(),
            Action::Reopen => self.queue = Queue::open(self.queue.path(), self.limits).unwrap(),
        }
    }

    fn add(&mut self, size: usize, keep: Keep) {
        self.files += 1;
        let name = format!("file {}", self.files);
        let content: Vec<u8> = (0..size).map(|index| (index as u32 * 31 + self.files) as u8).collect();
        let source = self.folder.join(&name);
        fs::write(&source, &content).unwrap();
        let metadata = Metadata { name: name.clone(), size: size as u64, queued: self.now, ..Metadata::default() };
        let (leave, fits) = self.model.room(size as u64, &self.limits);
        let added = self.queue.add(&source, keep, &metadata, self.now);
        for id in &leave {
            self.model.forget(*id);
        }
        let last = self.model.pending.last().map(|known| known.id);
        assert_eq!(source.exists(), keep == Keep::Copy || !fits, "{added:?}");
        if source.exists() {
            assert_eq!(fs::read(&source).unwrap(), content);
        }
        match added {
            Err(error) => assert_eq!((error.code(), fits), ("queue_full", false), "{error}"),
            Ok(added) => {
                assert!(fits && !added.was_there);
                assert_eq!(added.dropped.iter().map(|dropped| dropped.id).collect::<Vec<_>>(), leave);
                assert!(last.is_none_or(|last| added.id > last) && added.id.arrival() >= self.now);
                assert_eq!(added.id.size(), size as u64);
                self.model.pending.push(Known { id: added.id, name, content, attempts: 0, retried: None });
            }
        }
    }

    fn expire(&mut self) {
        let age = |since: i64| u64::try_from(self.now - since).unwrap_or(0);
        let max_age = self.limits.max_age.unwrap_or(u64::MAX);
        let is_old = |known: &&Known| {
            age(known.id.arrival()) > max_age
                && known.retried.is_none_or(|retried| age(retried) > max_age)
                && Some(known.id) != self.model.held
        };
        let old: Vec<EntryId> = self.model.pending.iter().filter(is_old).map(|known| known.id).collect();
        assert_eq!(self.queue.expire(self.now).unwrap(), old);
        for id in old {
            move_between(&mut self.model.pending, &mut self.model.failed, id);
        }
    }

    fn check(&self) {
        let ids = |known: &[Known]| known.iter().map(|known| known.id).collect::<Vec<_>>();
        assert_eq!(self.queue.entries().unwrap(), ids(&self.model.pending));
        assert_eq!(self.queue.failed().unwrap(), ids(&self.model.failed));
        for (known, has_failed) in self
            .model
            .pending
            .iter()
            .map(|known| (known, false))
            .chain(self.model.failed.iter().map(|known| (known, true)))
        {
            let entry = self.queue.read(&known.id).unwrap();
            assert_eq!((entry.failed.is_some(), entry.metadata.attempts), (has_failed, known.attempts));
            assert_eq!((&entry.metadata.name, fs::read(&entry.data).unwrap()), (&known.name, known.content.clone()));
        }
        let bytes = |known: &[Known]| known.iter().map(|known| known.content.len() as u64).sum::<u64>();
        let counts = self.queue.counts().unwrap();
        assert_eq!((counts.pending, counts.failed), (self.model.pending.len(), self.model.failed.len()));
        assert_eq!(
            (counts.pending_bytes, counts.failed_bytes),
            (bytes(&self.model.pending), bytes(&self.model.failed))
        );
        assert!(counts.pending_bytes + counts.failed_bytes <= self.limits.max_bytes);
        assert_eq!(counts.oldest, self.model.pending.first().map(|known| known.id.arrival()));
        assert_eq!(self.queue.foreign().unwrap(), [""; 0].map(Into::<PathBuf>::into));
        assert_eq!(entries_in(&self.queue.path().join("tmp")), 0);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn entries_in(path: &Path) -> usize {
    fs::read_dir(path).unwrap().count()
}

fn pick(index: &prop::sample::Index, known: &[Known]) -> Option<EntryId> {
    (!known.is_empty()).then(|| index.get(known).id)
}

fn move_between(from: &mut Vec<Known>, to: &mut Vec<Known>, id: EntryId) {
    let place = from.iter().position(|known| known.id == id).unwrap();
    to.push(from.remove(place));
    to.sort_by_key(|known| known.id);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_its_model_does(
        actions in prop::collection::vec(action(), 1..60),
        max_bytes in prop_oneof![Just(u64::MAX), 0_u64..3000],
        max_age in prop::option::of(0_u64..200),
        drops in any::<bool>(),
    ) {
        let when_full = if drops { WhenFull::DropOldest } else { WhenFull::Refuse };
        let mut scene = Scene::new(Limits { max_bytes, max_age, when_full, ..Limits::NONE });
        for action in &actions {
            scene.act(action);
            scene.check();
        }
    }
}

/// As many as CI has time for; with `HOMING_FAULTS=full`, twenty times as many.
fn cases() -> u32 {
    if std::env::var_os("HOMING_FAULTS").is_some_and(|value| value == "full") { 2000 } else { 100 }
}

const NOW: i64 = 1_795_387_411;

//! Which files of a directory are complete: decided from events, looks at the files, and times that others bring. No
//! files, no clock.
//!
//! ```text
//! created ──▶ being written ── closed, or renamed in ──▶ complete
//!                  │  ▲
//!  events were lost ▼  │ somebody has it open for writing
//! found by looking ──── unchanged for a while ─────────▶ complete
//! ```
//!
//! With a settling time closing says nothing: every file is complete when it has been unchanged for that long.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// What changes when somebody writes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Which file it is: another may have taken its name.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// When its bytes were last changed, seconds and nanoseconds since the Unix epoch. Programs can set it.
    pub modified: (i64, i64),
    /// When it was last changed in any way, the same. Programs cannot set it.
    pub changed: (i64, i64),
    /// It is a user's whose processes cannot be looked at, so that nobody is seen to have it open.
    pub is_hidden: bool,
}

/// How a file became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It was made just now, and whoever made it may be writing to it.
    Created,
    /// Somebody closed it after writing, or it was renamed into the directory.
    Written,
    /// It was there when the directory was looked at.
    Found,
}

/// What is to be done about a file that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is complete.
    Complete,
    /// It is complete unless somebody has it open for writing.
    CompleteUnlessOpen,
    /// Not yet; it is looked at again by itself.
    NotYet,
}

/// How files are judged.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Every file has to be unchanged for that long; `None`: what is closed after writing, or renamed in, is complete.
    pub settle: Option<Duration>,
    /// How long a file that was found has to be unchanged where `settle` says nothing.
    pub found_settle: Duration,
    /// The same where a writer would not be seen.
    pub hidden_settle: Duration,
}

/// The files of a directory that are not complete yet, as far as there is room for them.
#[derive(Debug)]
pub struct Candidates {
    rules: Rules,
    files: BTreeMap<OsString, Candidate>,
    missed: bool,
}

#[derive(Debug)]
struct Candidate {
    news: News,
    /// As it was when last looked at, and since when it has been so.
    seen: Option<(Snapshot, Duration)>,
    /// When to look at it again; `Duration::MAX`: an event will say.
    due: Duration,
}

impl Candidates {
    /// None yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, files: BTreeMap::new(), missed: false }
    }

    /// Takes note of a file, at `now` (any clock that never goes back; so is every time here). What is found without
    /// being new is left to what is known of it.
    pub fn note(&mut self, name: &OsStr, news: News, now: Duration) {
        let due = if news == News::Created && self.rules.settle.is_none() { Duration::MAX } else { now };
        if let Some(known) = self.files.get_mut(name) {
            if news != News::Found {
                (known.news, known.due) = (news, due);
            }
        } else if self.files.len() < TRACKED_MAXIMUM {
            self.files.insert(name.to_owned(), Candidate { news, seen: None, due });
        } else {
            self.missed = true;
        }
    }

    /// Nothing that is known of them counts any more: events were lost, and each has to be found again.
    pub fn forget(&mut self) {
        self.files.clear();
        self.missed = true;
    }

    /// Whether files became known for which there was no room, so that the directory has to be looked at again. Asking
    /// is taken as doing so.
    pub fn take_missed(&mut self) -> bool {
        self.files.len() < TRACKED_MAXIMUM && std::mem::take(&mut self.missed)
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.files.len() >= TRACKED_MAXIMUM
    }

    /// At most `limit` files to look at now.
    pub fn due(&self, now: Duration, limit: usize) -> Vec<OsString> {
        let due = self.files.iter().filter(|(_, candidate)| candidate.due <= now);
        due.take(limit).map(|(name, _)| name.clone()).collect()
    }

    /// When the next file is to be looked at.
    pub fn next_due(&self) -> Option<Duration> {
        self.files.values().map(|candidate| candidate.due).min().filter(|due| *due != Duration::MAX)
    }

    /// Every name that is known, to see which are still there.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.files.keys().map(OsString::as_os_str)
    }

    /// Judges a file by how it is at `now`. `age` is how long ago it was changed by the system's clock, where that can
    /// be trusted.
    pub fn judge(&mut self, name: &OsStr, snapshot: Snapshot, age: Option<Duration>, now: Duration) -> Verdict {
        let Some(candidate) = self.files.get_mut(name) else { return Verdict::NotYet };
        if self.rules.settle.is_none() && candidate.news != News::Found {
            return match candidate.news {
                News::Written => Verdict::CompleteUnlessOpen,
                _ => Verdict::NotYet,
            };
        }
        let found_settle = if snapshot.is_hidden { self.rules.hidden_settle } else { self.rules.found_settle };
        let needed = self.rules.settle.unwrap_or(found_settle);
        let since = match candidate.seen {
            Some((seen, since)) if seen == snapshot => since,
            _ => now,
        };
        candidate.seen = Some((snapshot, since));
        candidate.due = since.saturating_add(needed);
        if candidate.due > now && age.is_none_or(|age| age < needed) {
            return Verdict::NotYet;
        }
        if self.rules.settle.is_some() { Verdict::Complete } else { Verdict::CompleteUnlessOpen }
    }

    /// Somebody has the file open for writing: it is complete when it is closed, or when it was found again unchanged.
    pub fn is_open(&mut self, name: &OsStr, now: Duration) {
        if let Some(candidate) = self.files.get_mut(name) {
            if candidate.news == News::Written {
                candidate.news = News::Created;
                candidate.due = Duration::MAX;
            } else {
                candidate.seen = None;
                candidate.due = now.saturating_add(self.rules.found_settle);
            }
        }
    }

    /// The file was taken, or is none to take.
    pub fn remove(&mut self, name: &OsStr) {
        self.files.remove(name);
    }

    /// The file could not be taken: it is looked at again at `again`.
    pub fn put_back(&mut self, name: &OsStr, again: Duration) {
        self.note(name, News::Found, again);
        if let Some(candidate) = self.files.get_mut(name) {
            candidate.due = again;
        }
    }
}

/// Whether files of this name are left alone: hidden ones, and what programs call a file that they have not finished.
pub fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    let is_auto_saved = name.starts_with('#') && name.ends_with('#');
    name.starts_with('.') || is_auto_saved || UNFINISHED.iter().any(|ending| name.ends_with(ending))
}

/// How the names of unfinished files end: of editors (`~`), browsers, download and transfer tools.
pub const UNFINISHED: &[&str] = &["~", ".part", ".partial", ".filepart", ".crdownload", ".tmp", ".temp"];
/// Names of files, some hundred bytes each, that are kept in memory for a directory. What is beyond waits in the
/// directory until there is room.
const TRACKED_MAXIMUM: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    const SECOND: Duration = Duration::from_secs(1);

    fn candidates(settle: Option<Duration>) -> Candidates {
        Candidates::new(Rules { settle, found_settle: 10 * SECOND, hidden_settle: 70 * SECOND })
    }

    fn snapshot(size: u64) -> Snapshot {
        Snapshot { inode: 1, size, modified: (7, 0), changed: (7, 0), is_hidden: false }
    }

    fn name() -> &'static OsStr {
        OsStr::new("a.jpg")
    }

    #[test]
    fn a_file_that_is_being_written_is_complete_when_closed_and_not_before() {
        let mut files = candidates(None);
        files.note(name(), News::Created, Duration::ZERO);
        for second in [0, 1, 1_000_000] {
            assert!(files.due(second * SECOND, 9).is_empty());
            // Neither by being looked at for another reason.
            files.note(name(), News::Found, second * SECOND);
            let age = Some(1_000_000 * SECOND);
            assert_eq!(files.judge(name(), snapshot(1), age, second * SECOND), Verdict::NotYet);
        }
        assert_eq!(files.next_due(), None);
        files.note(name(), News::Written, 5 * SECOND);
        assert_eq!(files.due(5 * SECOND, 9), [name()]);
        assert_eq!(files.judge(name(), snapshot(1), None, 5 * SECOND), Verdict::CompleteUnlessOpen);
    }

    #[test]
    fn one_closed_by_one_writer_while_another_goes_on_waits_for_the_other() {
        let mut files = candidates(None);
        files.note(name(), News::Written, SECOND);
        assert_eq!(files.judge(name(), snapshot(1), None, SECOND), Verdict::CompleteUnlessOpen);
        files.is_open(name(), SECOND);
        assert_eq!((files.due(100 * SECOND, 9).len(), files.next_due()), (0, None));
        files.note(name(), News::Written, 100 * SECOND);
        assert_eq!(files.judge(name(), snapshot(2), None, 100 * SECOND), Verdict::CompleteUnlessOpen);
    }

    #[test]
    fn one_that_was_found_has_to_be_unchanged_for_a_while() {
        let mut files = candidates(None);
        files.note(name(), News::Found, Duration::ZERO);
        assert_eq!(files.judge(name(), snapshot(1), None, Duration::ZERO), Verdict::NotYet);
        assert_eq!(files.next_due(), Some(10 * SECOND));
        // It has grown: the time begins anew.
        assert_eq!(files.judge(name(), snapshot(2), None, 10 * SECOND), Verdict::NotYet);
        assert_eq!(files.judge(name(), snapshot(2), None, 19 * SECOND), Verdict::NotYet);
        assert_eq!(files.judge(name(), snapshot(2), None, 20 * SECOND), Verdict::CompleteUnlessOpen);
        files.is_open(name(), 20 * SECOND);
        assert_eq!(files.next_due(), Some(30 * SECOND));
        assert_eq!(files.judge(name(), snapshot(2), None, 30 * SECOND), Verdict::NotYet);
        assert_eq!(files.judge(name(), snapshot(2), None, 40 * SECOND), Verdict::CompleteUnlessOpen);
    }

    #[test]
    fn any_change_counts_and_another_file_of_the_same_name_does_too() {
        let first = snapshot(1);
        for other in [
            Snapshot { size: 2, ..first },
            Snapshot { inode: 2, ..first },
            Snapshot { modified: (7, 1), ..first },
            Snapshot { changed: (8, 0), ..first },
        ] {
            let mut files = candidates(Some(3 * SECOND));
            files.note(name(), News::Found, Duration::ZERO);
            assert_eq!(files.judge(name(), first, None, Duration::ZERO), Verdict::NotYet);
            assert_eq!(files.judge(name(), other, None, 3 * SECOND), Verdict::NotYet, "{other:?}");
            assert_eq!(files.judge(name(), other, None, 6 * SECOND), Verdict::Complete, "{other:?}");
        }
    }

    #[test]
    fn an_old_file_need_not_be_waited_for_where_the_clock_says_so() {
        let mut files = candidates(None);
        files.note(name(), News::Found, Duration::ZERO);
        assert_eq!(files.judge(name(), snapshot(1), Some(9 * SECOND), Duration::ZERO), Verdict::NotYet);
        let verdict = files.judge(name(), snapshot(1), Some(10 * SECOND), Duration::ZERO);
        assert_eq!(verdict, Verdict::CompleteUnlessOpen);
    }

    #[test]
    fn where_a_writer_would_not_be_seen_it_takes_longer() {
        let mut files = candidates(None);
        let hidden = Snapshot { is_hidden: true, ..snapshot(1) };
        files.note(name(), News::Found, Duration::ZERO);
        assert_eq!(files.judge(name(), hidden, Some(69 * SECOND), Duration::ZERO), Verdict::NotYet);
        assert_eq!(files.judge(name(), hidden, None, 69 * SECOND), Verdict::NotYet);
        assert_eq!(files.judge(name(), hidden, None, 70 * SECOND), Verdict::CompleteUnlessOpen);
        // Closing it tells as much of another user's file.
        files.note(name(), News::Written, 71 * SECOND);
        assert_eq!(files.judge(name(), hidden, None, 71 * SECOND), Verdict::CompleteUnlessOpen);
    }

    #[test]
    fn with_a_settling_time_closing_says_nothing() {
        let mut files = candidates(Some(5 * SECOND));
        files.note(name(), News::Created, Duration::ZERO);
        assert_eq!(files.due(Duration::ZERO, 9), [name()]);
        assert_eq!(files.judge(name(), snapshot(1), None, Duration::ZERO), Verdict::NotYet);
        files.note(name(), News::Written, 2 * SECOND);
        assert_eq!(files.judge(name(), snapshot(2), None, 2 * SECOND), Verdict::NotYet);
        assert_eq!(files.judge(name(), snapshot(2), None, 6 * SECOND), Verdict::NotYet);
        // Whether it is open does not matter: there are writers that never close.
        assert_eq!(files.judge(name(), snapshot(2), None, 7 * SECOND), Verdict::Complete);
    }

    #[test]
    fn after_lost_events_every_file_has_to_be_found_again() {
        let mut files = candidates(None);
        files.note(name(), News::Written, Duration::ZERO);
        files.note(OsStr::new("b"), News::Created, Duration::ZERO);
        files.forget();
        assert_eq!((files.names().count(), files.next_due()), (0, None));
        assert!(files.take_missed() && !files.take_missed());
        // One whose closing was among the lost events is complete all the same, when found unchanged.
        files.note(OsStr::new("b"), News::Found, SECOND);
        assert_eq!(files.judge(OsStr::new("b"), snapshot(1), None, SECOND), Verdict::NotYet);
        assert_eq!(files.judge(OsStr::new("b"), snapshot(1), None, 11 * SECOND), Verdict::CompleteUnlessOpen);
    }

    #[test]
    fn however_many_files_come_at_once_memory_is_bounded_and_none_is_forgotten() {
        let mut files = candidates(None);
        for number in 0..10_000 {
            files.note(OsStr::new(&format!("{number}.jpg")), News::Written, Duration::ZERO);
        }
        assert_eq!(files.names().count(), TRACKED_MAXIMUM);
        assert!(files.is_full() && !files.take_missed());
        let due = files.due(Duration::ZERO, 256);
        assert_eq!(due.len(), 256);
        due.iter().for_each(|name| files.remove(name));
        // There is room again: the directory is looked at for those that are in it still.
        assert!(files.take_missed());
        assert!(!files.take_missed());
    }

    #[test]
    fn one_that_could_not_be_taken_is_tried_again_later() {
        let mut files = candidates(None);
        files.note(name(), News::Written, Duration::ZERO);
        files.put_back(name(), 60 * SECOND);
        assert!(files.due(59 * SECOND, 9).is_empty());
        assert_eq!((files.due(60 * SECOND, 9).len(), files.next_due()), (1, Some(60 * SECOND)));
        assert_eq!(files.judge(name(), snapshot(1), None, 60 * SECOND), Verdict::CompleteUnlessOpen);
        files.remove(name());
        files.put_back(name(), 70 * SECOND);
        assert_eq!(files.next_due(), Some(70 * SECOND));
    }

    #[test]
    fn unfinished_and_hidden_names_are_left_alone() {
        for ignored in
            [".a.jpg.Xy12", ".hidden", "a~", "a.part", "A.PART", "a.tmp", "a.jpg.crdownload", "#a#", "a.Temp"]
        {
            assert!(is_ignored(OsStr::new(ignored)), "{ignored}");
        }
        for taken in ["a", "a.jpg", "apart", "part", "a.tmp.gz", "~a", "#a", "a#", "a.part1.rar"] {
            assert!(!is_ignored(OsStr::new(taken)), "{taken}");
        }
        assert!(is_ignored(OsStr::from_bytes(b"\xff.part")));
        assert!(!is_ignored(OsStr::from_bytes(b"\xff.jpg")));
    }
}

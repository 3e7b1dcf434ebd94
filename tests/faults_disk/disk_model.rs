//! What may be on the disk after a power cut, given what was written before.
//!
//! The model promises less than any journaling file system does, about what POSIX does:
//!
//! - What a file got (data, length) is safe when the file was fsynced after it. Before, each write may be there, be
//!   missing, or be there as zeros (ext4 with `data=writeback`, a file extended but not filled), in any combination,
//!   however many later ones are there.
//! - A directory's entry (made, linked, removed) is safe when that directory was fsynced after it; an fsync of the file
//!   does not make its name safe. Before, each change may be there or not, in any combination: a later one without an
//!   earlier one, and without the data of the file that it names.
//! - A rename is one step until one of the directories is fsynced. When the new name's is, all of it is safe; when only
//!   the old name's is, the old name is gone for good, and the new one may be missing.
//! - What is safe stays as it is, times of modification included. Disks that lie about having written are not considered.

use crate::tree::{Inode, Tree};

/// One change of the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A directory gets an entry.
    Set { directory: Inode, name: String, inode: Inode },
    /// A directory loses an entry.
    Clear { directory: Inode, name: String },
    /// An entry moves.
    Rename { from: (Inode, String), to: (Inode, String), inode: Inode },
    /// A file gets data.
    Write { inode: Inode, offset: u64, data: Vec<u8> },
    /// A file gets another length.
    Truncate { inode: Inode, length: u64 },
    /// fsync or fdatasync of a file or of a directory.
    Sync { inode: Inode },
    /// Everything is brought to the disk.
    SyncAll,
}

/// An operation of a run.
#[derive(Debug, Clone)]
pub struct Logged {
    pub operation: Operation,
    /// How much had arrived at the other side by then.
    pub arrived: usize,
    /// The system call's name.
    pub call: String,
}

/// Which fsyncs are taken for nothing, to see that the harness notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    Nothing,
    FileSyncs,
    DirectorySyncs,
    /// The one at this place of the log.
    One(usize),
}

/// What becomes of an operation that is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Done,
    Lost,
    /// Zeros instead of data.
    Zeros,
}

/// The fate of each operation that is not safe, by its place in the log.
type Fates<'a> = Box<dyn Fn(usize) -> Fate + 'a>;

/// What may be there when the power goes behind the operations of `log`, each with a word for it.
pub fn after_power_cut(
    before: &Tree,
    after: &Tree,
    log: &[Logged],
    ignored: Ignored,
    random: usize,
) -> Vec<(String, Tree)> {
    let unsafe_ones: Vec<usize> = (0..log.len())
        .filter(|index| changes(&log[*index].operation) && !is_safe(after, log, *index, ignored))
        .collect();
    let is_data = |index: usize| matches!(log[index].operation, Operation::Write { .. } | Operation::Truncate { .. });
    let mut fates: Vec<(String, Fates<'_>)> = vec![
        ("everything".into(), Box::new(|_| Fate::Done)),
        ("nothing unsafe".into(), Box::new(|_| Fate::Lost)),
        ("names without data".into(), Box::new(move |index| if is_data(index) { Fate::Lost } else { Fate::Done })),
        ("names with zeros".into(), Box::new(move |index| if is_data(index) { Fate::Zeros } else { Fate::Done })),
        ("data without names".into(), Box::new(move |index| if is_data(index) { Fate::Done } else { Fate::Lost })),
    ];
    for &one in &unsafe_ones {
        let what = format!("{} {one}", log[one].call);
        let lost = move |index| if index == one { Fate::Lost } else { Fate::Done };
        let alone = move |index| if index == one { Fate::Done } else { Fate::Lost };
        fates.push((format!("all but {what}"), Box::new(lost)));
        fates.push((format!("{what} alone"), Box::new(alone)));
        if is_data(one) {
            let zeros = move |index| if index == one { Fate::Zeros } else { Fate::Done };
            fates.push((format!("zeros by {what}"), Box::new(zeros)));
        }
    }
    for seed in 0..random {
        let toss = move |index: usize| match mixed(index, seed) % 3 {
            0 => Fate::Lost,
            1 if is_data(index) => Fate::Zeros,
            _ => Fate::Done,
        };
        fates.push((format!("random {seed}"), Box::new(toss)));
    }
    let build = |fate: &dyn Fn(usize) -> Fate| {
        let mut tree = before.with_blanks(after);
        for (index, logged) in log.iter().enumerate() {
            let fate = if unsafe_ones.contains(&index) { fate(index) } else { Fate::Done };
            match (&logged.operation, fate) {
                (operation, Fate::Done) => tree.apply(operation),
                (Operation::Rename { from: (directory, name), .. }, _)
                    if is_synced(after, log, index, *directory, ignored) =>
                {
                    tree.apply(&Operation::Clear { directory: *directory, name: name.clone() });
                }
                (Operation::Write { inode, offset, data }, Fate::Zeros) => {
                    let data = vec![0; data.len()];
                    tree.apply(&Operation::Write { inode: *inode, offset: *offset, data });
                }
                _ => {}
            }
        }
        tree
    };
    fates.into_iter().map(|(what, fate)| (what, build(&*fate))).collect()
}

fn changes(operation: &Operation) -> bool {
    !matches!(operation, Operation::Sync { .. } | Operation::SyncAll)
}

fn is_safe(tree: &Tree, log: &[Logged], index: usize, ignored: Ignored) -> bool {
    let by = match &log[index].operation {
        Operation::Set { directory, .. } | Operation::Clear { directory, .. } => *directory,
        Operation::Rename { to, .. } => to.0,
        Operation::Write { inode, .. } | Operation::Truncate { inode, .. } => *inode,
        Operation::Sync { .. } | Operation::SyncAll => return true,
    };
    is_synced(tree, log, index, by, ignored)
}

/// Whether a file or directory was fsynced behind an operation.
fn is_synced(tree: &Tree, log: &[Logged], index: usize, wanted: Inode, ignored: Ignored) -> bool {
    let is_ignored = match ignored {
        Ignored::Nothing | Ignored::One(_) => false,
        Ignored::FileSyncs => !tree.is_directory(wanted),
        Ignored::DirectorySyncs => tree.is_directory(wanted),
    };
    !is_ignored
        && log.iter().enumerate().skip(index).any(|(place, logged)| match logged.operation {
            Operation::Sync { inode } => inode == wanted && ignored != Ignored::One(place),
            Operation::SyncAll => true,
            _ => false,
        })
}

/// A number that looks random: SplitMix64's output function.
fn mixed(index: usize, seed: usize) -> u64 {
    let mut state = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed as u64 * 0x5851_f42d);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

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

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// A file or a directory, whatever its names.
pub type Inode = usize;

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
}

/// What becomes of an operation that is not safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Done,
    Lost,
    /// Zeros instead of data.
    Zeros,
}

#[derive(Debug, Clone)]
enum Node {
    File { content: Vec<u8>, modified: Option<SystemTime>, kept: Option<PathBuf> },
    Directory(BTreeMap<String, Inode>),
}

/// Files and directories.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The folders that are looked at.
    pub roots: Vec<(PathBuf, Inode)>,
}

impl Tree {
    pub fn new_file(&mut self) -> Inode {
        self.nodes.push(Node::File { content: Vec::new(), modified: None, kept: None });
        self.nodes.len() - 1
    }

    pub fn new_directory(&mut self) -> Inode {
        self.nodes.push(Node::Directory(BTreeMap::new()));
        self.nodes.len() - 1
    }

    pub fn set_modified(&mut self, inode: Inode, time: SystemTime) {
        if let Node::File { modified, .. } = &mut self.nodes[inode] {
            *modified = Some(time);
        }
    }

    /// The file itself is kept under this name, and used again: it has to stay the same one (device and inode).
    pub fn set_kept(&mut self, inode: Inode, path: PathBuf) {
        if let Node::File { kept, .. } = &mut self.nodes[inode] {
            *kept = Some(path);
        }
    }

    /// A path of the file below the roots.
    pub fn path(&self, inode: Inode) -> Option<PathBuf> {
        self.roots.iter().find_map(|(root, directory)| self.path_in(*directory, root, inode))
    }

    fn path_in(&self, directory: Inode, path: &Path, wanted: Inode) -> Option<PathBuf> {
        let Node::Directory(entries) = &self.nodes[directory] else { return None };
        entries.iter().find_map(|(name, child)| {
            let path = path.join(name);
            if *child == wanted { Some(path) } else { self.path_in(*child, &path, wanted) }
        })
    }

    pub fn content(&self, inode: Inode) -> &[u8] {
        match &self.nodes[inode] {
            Node::File { content, .. } => content,
            Node::Directory(_) => &[],
        }
    }

    pub fn is_directory(&self, inode: Inode) -> bool {
        matches!(self.nodes[inode], Node::Directory(_))
    }

    pub fn entry(&self, directory: Inode, name: &str) -> Option<Inode> {
        match &self.nodes[directory] {
            Node::Directory(entries) => entries.get(name).copied(),
            Node::File { .. } => None,
        }
    }

    /// What an absolute path names; `None`: nothing, or nothing below the roots.
    pub fn find(&self, path: &Path) -> Option<Inode> {
        self.roots.iter().find_map(|(root, inode)| self.walk(*inode, path.strip_prefix(root).ok()?))
    }

    /// What a relative path names.
    pub fn walk(&self, start: Inode, path: &Path) -> Option<Inode> {
        path.components().try_fold(start, |inode, component| match component {
            Component::CurDir => Some(inode),
            Component::Normal(name) => self.entry(inode, name.to_str()?),
            _ => None,
        })
    }

    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Set { directory, name, inode } => drop(self.entries(*directory).insert(name.clone(), *inode)),
            Operation::Clear { directory, name } => drop(self.entries(*directory).remove(name)),
            Operation::Rename { from, to, inode } => {
                self.entries(from.0).remove(&from.1);
                self.entries(to.0).insert(to.1.clone(), *inode);
            }
            Operation::Write { inode, offset, data } => {
                let start = usize::try_from(*offset).unwrap();
                let content = self.file(*inode);
                content.resize(content.len().max(start + data.len()), 0);
                content[start..start + data.len()].copy_from_slice(data);
            }
            Operation::Truncate { inode, length } => self.file(*inode).resize(usize::try_from(*length).unwrap(), 0),
            Operation::Sync { .. } | Operation::SyncAll => {}
        }
    }

    fn entries(&mut self, inode: Inode) -> &mut BTreeMap<String, Inode> {
        match &mut self.nodes[inode] {
            Node::Directory(entries) => entries,
            Node::File { .. } => panic!("a file has no entries"),
        }
    }

    fn file(&mut self, inode: Inode) -> &mut Vec<u8> {
        match &mut self.nodes[inode] {
            Node::File { content, .. } => content,
            Node::Directory(_) => panic!("a directory has no content"),
        }
    }

    /// Every path below the roots with what is there.
    pub fn listing(&self) -> Vec<(PathBuf, Option<&[u8]>)> {
        let mut listed = Vec::new();
        for (index, (_, inode)) in self.roots.iter().enumerate() {
            self.list(*inode, PathBuf::from(index.to_string()), &mut listed);
        }
        listed
    }

    fn list<'a>(&'a self, inode: Inode, path: PathBuf, listed: &mut Vec<(PathBuf, Option<&'a [u8]>)>) {
        match &self.nodes[inode] {
            Node::File { content, .. } => listed.push((path, Some(content))),
            Node::Directory(entries) => {
                for (name, child) in entries {
                    self.list(*child, path.join(name), listed);
                }
                listed.push((path, None));
            }
        }
    }

    /// Makes it on the disk, where it was.
    pub fn build(&self) {
        let mut made = BTreeMap::new();
        for (root, inode) in &self.roots {
            self.build_at(*inode, root, &mut made);
        }
    }

    fn build_at(&self, inode: Inode, path: &Path, made: &mut BTreeMap<Inode, PathBuf>) {
        match &self.nodes[inode] {
            Node::File { content, modified, kept } => {
                if let Some(same) = made.get(&inode).or(kept.as_ref()) {
                    return fs::hard_link(same, path).unwrap();
                }
                fs::write(path, content).unwrap();
                fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
                if let Some(modified) = modified {
                    File::options().write(true).open(path).unwrap().set_modified(*modified).unwrap();
                }
                made.insert(inode, path.to_owned());
            }
            Node::Directory(entries) => {
                fs::create_dir_all(path).unwrap();
                fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
                for (name, child) in entries {
                    self.build_at(*child, &path.join(name), made);
                }
            }
        }
    }
}

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
    let mut fates: Vec<(String, Box<dyn Fn(usize) -> Fate>)> = vec![
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
        let mut tree = Tree { roots: before.roots.clone(), nodes: blank(before, after) };
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

/// Everything that there will be, as it was before: what is new has no content and no entries yet.
fn blank(before: &Tree, after: &Tree) -> Vec<Node> {
    let mut nodes = before.nodes.clone();
    nodes.extend(after.nodes[nodes.len()..].iter().map(|node| match node {
        Node::File { modified, .. } => Node::File { content: Vec::new(), modified: *modified, kept: None },
        Node::Directory(_) => Node::Directory(BTreeMap::new()),
    }));
    nodes
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
        Ignored::Nothing => false,
        Ignored::FileSyncs => !tree.is_directory(wanted),
        Ignored::DirectorySyncs => tree.is_directory(wanted),
    };
    !is_ignored
        && log[index..].iter().any(|logged| match logged.operation {
            Operation::Sync { inode } => inode == wanted,
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

//! Files and directories in memory, and on the disk again.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::disk_model::Operation;

/// A file or a directory, whatever its names.
pub type Inode = usize;

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

    /// This, with everything that `after` has beyond it: new files without content, new directories without entries.
    pub fn with_blanks(&self, after: &Self) -> Self {
        let mut nodes = self.nodes.clone();
        nodes.extend(after.nodes[nodes.len()..].iter().map(|node| match node {
            Node::File { modified, .. } => Node::File { content: Vec::new(), modified: *modified, kept: None },
            Node::Directory(_) => Node::Directory(BTreeMap::new()),
        }));
        Self { nodes, roots: self.roots.clone() }
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

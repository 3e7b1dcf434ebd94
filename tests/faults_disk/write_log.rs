//! What a run does to the disk, operation by operation, read from its system calls.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::libc;

use crate::calls::{FICLONE, descriptor, name};
use crate::disk_model::{Logged, Operation};
use crate::tracer::{Call, Memory, Verdict, Watcher};
use crate::tree::{Inode, Tree};

/// Records every operation below some folders.
pub struct Recorder<'a> {
    /// As it was before the run.
    pub before: Tree,
    pub log: Vec<Logged>,
    /// As it is after what was recorded.
    live: Tree,
    /// How much has arrived at the sandbox so far.
    arrived: Box<dyn Fn() -> usize + 'a>,
    descriptors: HashMap<i32, usize>,
    open: Vec<OpenFile>,
    /// The process is killed behind that many operations.
    ends_behind: usize,
}

#[derive(Clone, Copy)]
struct OpenFile {
    inode: Inode,
    offset: u64,
    appends: bool,
}

impl<'a> Recorder<'a> {
    /// Begins with what is in `roots` now. The files in the first of them get a second name in `kept`, where there is one.
    pub fn new(roots: &[PathBuf], kept: Option<&Path>, arrived: impl Fn() -> usize + 'a) -> Self {
        let mut before = Tree::default();
        let mut known = HashMap::new();
        for (index, root) in roots.iter().enumerate() {
            let inode = take_in(&mut before, root, &mut known, kept.filter(|_| index == 0));
            before.roots.push((root.clone(), inode));
        }
        let live = before.clone();
        Self {
            before,
            log: Vec::new(),
            live,
            arrived: Box::new(arrived),
            descriptors: HashMap::new(),
            open: Vec::new(),
            ends_behind: usize::MAX,
        }
    }

    /// Kills the process behind that many operations.
    pub fn ending_behind(self, operations: usize) -> Self {
        Self { ends_behind: operations, ..self }
    }

    /// Whether the operations that were recorded make, all together, what is on the disk now.
    pub fn assert_complete(&self) {
        let mut now = Tree::default();
        for (root, _) in &self.live.roots {
            let inode = take_in(&mut now, root, &mut HashMap::new(), None);
            now.roots.push((root.clone(), inode));
        }
        assert_eq!(self.live.listing(), now.listing(), "an operation was not recorded");
    }

    /// As it is now.
    pub fn live(&self) -> &Tree {
        &self.live
    }

    fn does(&mut self, call: &Call, operation: Operation) {
        self.live.apply(&operation);
        if let Operation::Write { inode, .. } | Operation::Sync { inode } | Operation::Truncate { inode, .. } =
            operation
            && let Some(metadata) = self.live.path(inode).and_then(|path| fs::metadata(path).ok())
        {
            self.live.set_modified(inode, metadata.modified().unwrap());
        }
        self.log.push(Logged { operation, arrived: (self.arrived)(), call: name(call.number) });
    }

    /// The directory and the name that arguments `index` and `index + 1` say, below one of the roots.
    fn named(&self, call: &Call, index: usize, memory: &Memory) -> Option<(Inode, String)> {
        let folder = descriptor(call, index);
        self.split(Some(folder), &memory.text(call.arguments[index + 1]))
    }

    fn split(&self, folder: Option<i32>, text: &str) -> Option<(Inode, String)> {
        let path = Path::new(text);
        let name = path.file_name()?.to_str()?.to_owned();
        let parent = path.parent()?;
        if path.is_absolute() {
            return Some((self.live.find(parent)?, name));
        }
        let start = self.open.get(*self.descriptors.get(&folder?)?)?.inode;
        Some((self.live.walk(start, parent)?, name))
    }

    fn file(&self, call: &Call, index: usize) -> Option<usize> {
        self.descriptors.get(&descriptor(call, index)).copied()
    }

    fn opened(&mut self, call: &Call, place: Option<(Inode, String)>, text: &str, flags: i32) {
        let number = i32::try_from(call.result).unwrap();
        self.descriptors.remove(&number);
        let whole = self.live.find(Path::new(text));
        let inode = if flags & libc::O_TMPFILE == libc::O_TMPFILE {
            let (folder, name) = match place {
                Some(place) => place,
                None => return,
            };
            // Made in a directory that is there, without a name.
            if self.live.entry(folder, &name).is_none() {
                return;
            }
            self.live.new_file()
        } else if let Some(inode) = place.as_ref().and_then(|(folder, name)| self.live.entry(*folder, name)).or(whole) {
            if flags & libc::O_TRUNC != 0 {
                self.does(call, Operation::Truncate { inode, length: 0 });
            }
            inode
        } else if let (Some((directory, name)), true) = (place, flags & libc::O_CREAT != 0) {
            let inode = self.live.new_file();
            self.does(call, Operation::Set { directory, name, inode });
            inode
        } else {
            return;
        };
        self.descriptors.insert(number, self.open.len());
        self.open.push(OpenFile { inode, offset: 0, appends: flags & libc::O_APPEND != 0 });
    }

    /// Writes `data` where the file stands, or at `position`.
    fn wrote(&mut self, call: &Call, file: usize, position: Option<u64>, data: Vec<u8>) {
        let open = self.open[file];
        let offset = match position {
            Some(position) => position,
            None if open.appends => self.live.content(open.inode).len() as u64,
            None => open.offset,
        };
        if position.is_none() {
            self.open[file].offset = offset + data.len() as u64;
        }
        self.does(call, Operation::Write { inode: open.inode, offset, data });
    }

    /// What a copy inside the kernel has taken from a file.
    fn taken(&mut self, file: usize, position: Option<u64>, length: usize) -> Vec<u8> {
        let open = self.open[file];
        let offset = position.unwrap_or(open.offset);
        if position.is_none() {
            self.open[file].offset += length as u64;
        }
        let start = usize::try_from(offset).unwrap();
        self.live.content(open.inode)[start..start + length].to_vec()
    }
}

impl Watcher for Recorder<'_> {
    fn enter(&mut self, _: &Call, _: &Memory) -> Verdict {
        if self.log.len() < self.ends_behind { Verdict::Make } else { Verdict::Kill }
    }

    fn leave(&mut self, call: &Call, memory: &Memory) {
        if call.result < 0 {
            return;
        }
        let arguments = &call.arguments;
        let length = usize::try_from(call.result).unwrap_or(0);
        let text = |index: usize| memory.text(arguments[index]);
        match call.number {
            libc::SYS_openat => {
                let place = self.named(call, 0, memory);
                self.opened(call, place, &text(1), arguments[2] as i32);
            }
            libc::SYS_open => self.opened(call, self.split(None, &text(0)), &text(0), arguments[1] as i32),
            libc::SYS_close => drop(self.descriptors.remove(&descriptor(call, 0))),
            libc::SYS_fcntl if [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].contains(&(arguments[1] as i32)) => {
                if let Some(file) = self.file(call, 0) {
                    self.descriptors.insert(call.result as i32, file);
                }
            }
            libc::SYS_lseek => {
                if let Some(file) = self.file(call, 0) {
                    self.open[file].offset = call.result as u64;
                }
            }
            libc::SYS_read => {
                if let Some(file) = self.file(call, 0) {
                    self.open[file].offset += length as u64;
                }
            }
            libc::SYS_write => {
                if let Some(file) = self.file(call, 0) {
                    self.wrote(call, file, None, memory.bytes(arguments[1], length));
                }
            }
            libc::SYS_pwrite64 => {
                if let Some(file) = self.file(call, 0) {
                    self.wrote(call, file, Some(arguments[3]), memory.bytes(arguments[1], length));
                }
            }
            libc::SYS_writev => {
                if let Some(file) = self.file(call, 0) {
                    let word = |address| u64::from_ne_bytes(memory.bytes(address, 8).try_into().unwrap());
                    let vectors = (0..arguments[2]).map(|index| arguments[1] + 16 * index);
                    let mut data: Vec<u8> =
                        vectors.flat_map(|at| memory.bytes(word(at), word(at + 8) as usize)).collect();
                    data.truncate(length);
                    self.wrote(call, file, None, data);
                }
            }
            libc::SYS_copy_file_range => {
                if let (Some(from), Some(to)) = (self.file(call, 0), self.file(call, 2))
                    && length > 0
                {
                    assert!(arguments[1] == 0 && arguments[3] == 0, "positions of copy_file_range are not read");
                    let data = self.taken(from, None, length);
                    self.wrote(call, to, None, data);
                }
            }
            libc::SYS_sendfile => {
                if let (Some(to), Some(from)) = (self.file(call, 0), self.file(call, 1))
                    && length > 0
                {
                    assert!(arguments[2] == 0, "the position of sendfile is not read");
                    let data = self.taken(from, None, length);
                    self.wrote(call, to, None, data);
                }
            }
            libc::SYS_ioctl if arguments[1] == FICLONE => {
                if let (Some(to), Some(from)) = (self.file(call, 0), self.file(call, 2)) {
                    let data = self.live.content(self.open[from].inode).to_vec();
                    self.wrote(call, to, Some(0), data);
                }
            }
            libc::SYS_ftruncate => {
                if let Some(file) = self.file(call, 0) {
                    let inode = self.open[file].inode;
                    self.does(call, Operation::Truncate { inode, length: arguments[1] });
                }
            }
            libc::SYS_fsync | libc::SYS_fdatasync => {
                if let Some(file) = self.file(call, 0) {
                    let inode = self.open[file].inode;
                    self.does(call, Operation::Sync { inode });
                }
            }
            libc::SYS_syncfs | libc::SYS_sync => self.does(call, Operation::SyncAll),
            libc::SYS_rename => self.renamed(call, self.split(None, &text(0)), self.split(None, &text(1))),
            libc::SYS_renameat | libc::SYS_renameat2 => {
                assert!(call.number == libc::SYS_renameat || arguments[4] & u64::from(libc::RENAME_EXCHANGE) == 0);
                self.renamed(call, self.named(call, 0, memory), self.named(call, 2, memory));
            }
            libc::SYS_link => self.linked(call, &text(0), self.split(None, &text(0)), self.split(None, &text(1))),
            libc::SYS_linkat => {
                self.linked(call, &text(1), self.named(call, 0, memory), self.named(call, 2, memory));
            }
            libc::SYS_unlink | libc::SYS_rmdir => self.unlinked(call, self.split(None, &text(0))),
            libc::SYS_unlinkat => self.unlinked(call, self.named(call, 0, memory)),
            libc::SYS_mkdir => self.made_directory(call, self.split(None, &text(0))),
            libc::SYS_mkdirat => self.made_directory(call, self.named(call, 0, memory)),
            _ => {}
        }
    }
}

impl Recorder<'_> {
    fn renamed(&mut self, call: &Call, from: Option<(Inode, String)>, to: Option<(Inode, String)>) {
        if let (Some(from), Some(to)) = (from, to) {
            let inode = self.live.entry(from.0, &from.1).expect("what is renamed is there");
            self.does(call, Operation::Rename { from, to, inode });
        }
    }

    fn linked(&mut self, call: &Call, text: &str, from: Option<(Inode, String)>, to: Option<(Inode, String)>) {
        let Some((directory, name)) = to else { return };
        let by_descriptor = text.rsplit_once("/fd/").and_then(|(_, number)| number.parse().ok());
        let inode = match by_descriptor.and_then(|number: i32| self.descriptors.get(&number)) {
            Some(file) => self.open[*file].inode,
            None if text.is_empty() => self.open[self.file(call, 0).expect("an open file")].inode,
            None => {
                let (folder, name) = from.expect("only files below the roots are linked");
                self.live.entry(folder, &name).expect("what is linked is there")
            }
        };
        self.does(call, Operation::Set { directory, name, inode });
    }

    fn unlinked(&mut self, call: &Call, place: Option<(Inode, String)>) {
        if let Some((directory, name)) = place {
            self.does(call, Operation::Clear { directory, name });
        }
    }

    fn made_directory(&mut self, call: &Call, place: Option<(Inode, String)>) {
        if let Some((directory, name)) = place {
            let inode = self.live.new_directory();
            self.does(call, Operation::Set { directory, name, inode });
        }
    }
}

/// Reads a folder with everything in it; a file with several names is one.
fn take_in(tree: &mut Tree, path: &Path, known: &mut HashMap<(u64, u64), Inode>, kept: Option<&Path>) -> Inode {
    let metadata = fs::symlink_metadata(path).unwrap();
    let identity = (metadata.dev(), metadata.ino());
    if let Some(inode) = known.get(&identity) {
        return *inode;
    }
    let inode = if metadata.is_dir() { tree.new_directory() } else { tree.new_file() };
    known.insert(identity, inode);
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let child = take_in(tree, &entry.path(), known, kept);
            let name = entry.file_name().into_string().unwrap();
            tree.apply(&Operation::Set { directory: inode, name, inode: child });
        }
    } else {
        tree.apply(&Operation::Write { inode, offset: 0, data: fs::read(path).unwrap() });
        tree.set_modified(inode, metadata.modified().unwrap());
        if let Some(folder) = kept {
            let kept = folder.join(inode.to_string());
            fs::hard_link(path, &kept).unwrap();
            tree.set_kept(inode, kept);
        }
    }
    inode
}

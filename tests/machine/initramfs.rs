//! The first root file system of a machine, in the form the kernel reads ("newc", Documentation/driver-api/early-userspace/
//! buffer-format.rst). Written here rather than by cpio, so that owners, modes and devices need no root.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An archive in the making. A file's folders must be added before it.
pub(crate) struct Initramfs {
    archive: Vec<u8>,
    entries: u32,
}

impl Initramfs {
    /// An archive with the one device that the kernel opens before anything is mounted.
    pub(crate) fn new() -> Self {
        let mut archive = Self { archive: Vec::new(), entries: 0 };
        archive.folder("dev", 0o755);
        archive.add("dev/console", CHARACTER_DEVICE | 0o600, (5, 1), b"");
        archive
    }

    /// Adds a folder.
    pub(crate) fn folder(&mut self, path: &str, mode: u32) {
        self.add(path, FOLDER | mode, (0, 0), b"");
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.add(path, FILE | mode, (0, 0), content);
    }

    /// Adds everything in a folder of this machine, below `path`, owned by root there.
    pub(crate) fn tree(&mut self, path: &str, from: &Path) {
        self.folder(path, 0o755);
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let inside = format!("{path}/{}", entry.file_name().to_str().unwrap());
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                self.tree(&inside, &entry.path());
            } else if metadata.is_symlink() {
                let target = fs::read_link(entry.path()).unwrap();
                self.add(&inside, LINK | 0o777, (0, 0), target.to_str().unwrap().as_bytes());
            } else {
                self.file(&inside, metadata.permissions().mode() & 0o777, &fs::read(entry.path()).unwrap());
            }
        }
    }

    /// The archive, complete.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.add("TRAILER!!!", 0, (0, 0), b"");
        self.archive
    }

    fn add(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(content.len()).unwrap();
        let name_size = u32::try_from(path.len()).unwrap() + 1;
        let (owner, group, links, modified, checksum) = (0, 0, 1, 0, 0);
        let mut header = String::from("070701");
        for field in
            [self.entries, mode, owner, group, links, modified, size, 0, 0, device.0, device.1, name_size, checksum]
        {
            write!(header, "{field:08x}").unwrap();
        }
        self.archive.extend_from_slice(header.as_bytes());
        self.archive.extend_from_slice(path.as_bytes());
        self.archive.push(0);
        self.pad();
        self.archive.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.archive.resize(self.archive.len().next_multiple_of(4), 0);
    }
}

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

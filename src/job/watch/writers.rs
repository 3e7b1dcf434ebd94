//! Which files somebody has open for writing, as far as can be told: from /proc, of the processes that this one may look
//! at. Root may look at all of them, others at their own user's; those of another container or machine are not seen.

use rustix::fs::OFlags;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The names of those of `files`, a few in one directory, that are open for writing.
///
/// One look at all processes, whatever the number of files: some hundred to some thousand system calls.
pub fn open_for_writing(files: &[(OsString, Metadata)]) -> Vec<OsString> {
    let mut open = Vec::new();
    if files.is_empty() {
        return open;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.filter(|entry| is_number(&entry.file_name())) {
        let descriptors = process.path().join("fd");
        for descriptor in fs::read_dir(&descriptors).into_iter().flatten().flatten() {
            let link = descriptor.path();
            // The name first: looking at a file itself may wait for a server that is gone.
            let Some(name) = fs::read_link(&link).ok().and_then(|target| target.file_name().map(OsStr::to_owned))
            else {
                continue;
            };
            let Some((_, file)) = files.iter().find(|(file, _)| *file == name).filter(|_| !open.contains(&name)) else {
                continue;
            };
            let same = fs::metadata(&link).is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()));
            let flags = process.path().join("fdinfo").join(descriptor.file_name());
            if same && is_for_writing(&flags) {
                log::debug!("{} has '{}' open for writing", process.path().display(), Path::new(&name).display());
                open.push(name);
            }
        }
    }
    open
}

fn is_number(name: &OsStr) -> bool {
    name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
}

/// Reads the octal `flags:` of proc_pid_fdinfo(5). One that cannot be read counts as open for writing.
fn is_for_writing(fdinfo: &Path) -> bool {
    let text = fs::read_to_string(fdinfo).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| OFlags::from_bits_retain(flags).intersects(OFlags::WRONLY | OFlags::RDWR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};

    #[test]
    fn writers_are_seen_and_readers_are_none() {
        let folder = std::env::temp_dir().join(format!("homing-writers-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let names = ["written", "appended", "read", "closed"].map(OsStr::new);
        names.iter().for_each(|name| fs::write(folder.join(name), "1").unwrap());
        let written = File::create(folder.join("written")).unwrap();
        let appended = OpenOptions::new().read(true).append(true).open(folder.join("appended")).unwrap();
        let read = File::open(folder.join("read")).unwrap();
        let files = names.map(|name| (name.to_owned(), fs::metadata(folder.join(name)).unwrap()));
        let mut open = open_for_writing(&files);
        open.sort();
        assert_eq!(open, ["appended", "written"]);
        // A file of the same name elsewhere is another.
        let elsewhere = names.map(|name| (name.to_owned(), fs::metadata(&folder).unwrap()));
        assert!(open_for_writing(&elsewhere).is_empty());
        drop((written, appended, read));
        assert!(open_for_writing(&files).is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }
}

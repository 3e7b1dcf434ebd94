//! Another program's file that a secret goes into: replaced whole, readable by its owner alone, by one process at a
//! time.

use super::partial_file::is_same_file;
use crate::error::{Error, Fault, Result};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A file about to be replaced. While this lives, no other homing changes it.
pub struct PrivateFile {
    path: PathBuf,
    content: Option<Content>,
    /// What is going to replace it, beside it; its lock is the file's.
    draft: PathBuf,
    file: File,
}

struct Content {
    text: Zeroizing<String>,
    mode: u32,
}

impl PrivateFile {
    /// Locks and reads a file; it need not exist, and neither need its folder. Symbolic links are followed.
    ///
    /// # Errors
    /// [`Fault::Config`]: it belongs to another user, or is no text file. [`Fault::Io`], [`Fault::CannotCreate`].
    pub fn open(path: &Path) -> Result<Self> {
        let path = resolved(path.to_owned());
        let cannot_create = |error| cannot_write(&path, &error);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot_create)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".homing-new");
        let draft = folder.join(name);
        let file = lock(&draft).map_err(cannot_create)?;
        let mut opened = Self { path, content: None, draft, file };
        // From here on a draft that stays unused is removed.
        opened.content = read(&opened.path)?;
        Ok(opened)
    }

    /// Where it really is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; `None`: there is no such file.
    pub fn text(&self) -> Option<&str> {
        self.content.as_ref().map(|content| content.text.as_str())
    }

    /// Its permission bits; `None`: there is no such file.
    pub fn mode(&self) -> Option<u32> {
        self.content.as_ref().map(|content| content.mode)
    }

    /// Puts `text` in its place, with these permission bits. Whoever reads it meanwhile, or loses power, has the old
    /// content or the new, whole.
    ///
    /// # Errors
    /// [`Fault::CannotCreate`]: the file is as it was.
    pub fn replace(mut self, text: &str, mode: u32) -> Result<()> {
        let written = self
            .file
            .set_permissions(Permissions::from_mode(mode))
            .and_then(|()| self.file.set_len(0))
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.draft, &self.path));
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    /// Removes the file.
    ///
    /// # Errors
    /// [`Fault::CannotCreate`]: the file is as it was.
    pub fn delete(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|error| cannot_write(&self.path, &error))
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // It is still ours to remove only when it has not become the file.
        if is_at(&self.file, &self.draft).unwrap_or(false) {
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// The file that the last of a chain of symbolic links names, which may not exist yet. A ring of links is left to
/// whoever opens it.
fn resolved(mut path: PathBuf) -> PathBuf {
    for _ in 0..LINKS_FOLLOWED {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().map_or(target.clone(), |folder| folder.join(target));
    }
    path
}

/// Opens the draft, or takes over one that was left behind, and waits until it is ours alone.
fn lock(draft: &Path) -> io::Result<File> {
    for _ in 0..LOCK_ATTEMPTS {
        let file = match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(draft) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                match OpenOptions::new().write(true).open(draft) {
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    opened => opened?,
                }
            }
            opened => opened?,
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || !is_own(&metadata) || metadata.nlink() > 1 {
            return Err(io::Error::other(format!("'{}' is in the way: remove it", draft.display())));
        }
        file.lock()?;
        // Whoever had the lock before may have renamed or removed it.
        if is_at(&file, draft)? {
            return Ok(file);
        }
    }
    Err(io::Error::other(format!("'{}' is replaced again and again", draft.display())))
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok(is_same_file(&there, &open)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> Result<Option<Content>> {
    let shown = path.display();
    let unreadable = |error: io::Error| {
        Error::new(Fault::Io, "read_failed", format!("cannot read '{shown}': {error}"))
            .with_remedy("check the path, and that this user may read it")
    };
    let refused = |code: &'static str, what: String| Error::new(Fault::Config, code, format!("'{shown}' {what}"));
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("not_a_file", "is no file".to_owned()));
    }
    if !is_own(&metadata) {
        let owner = metadata.uid();
        return Err(refused("foreign_file", format!("belongs to another user (uid {owner}), and is left as it is"))
            .with_remedy("run homing as that user"));
    }
    if metadata.len() > LENGTH_MAXIMUM {
        return Err(refused("file_too_long", "is too long for a configuration file".to_owned()));
    }
    // Whole at once, so that no shorter copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    (&mut file).take(LENGTH_MAXIMUM).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = str::from_utf8(&bytes).map_err(|_| refused("not_utf8", "is not UTF-8, and is left as it is".into()))?;
    let mode = metadata.permissions().mode() & 0o777;
    Ok(Some(Content { text: Zeroizing::new(text.to_owned()), mode }))
}

fn is_own(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::new(Fault::CannotCreate, "cannot_write", format!("cannot write '{}': {error}", path.display()))
        .with_remedy("check that this user may write there, and that the disk has room and is not read-only")
}

/// Read and written by its owner alone.
pub const PRIVATE: u32 = 0o600;
/// As many as Linux follows (path_resolution(7)).
const LINKS_FOLLOWED: usize = 40;
/// Each attempt that fails means that another homing has just finished.
const LOCK_ATTEMPTS: usize = 1000;
/// Configuration files have some hundred bytes; tokens some thousand. What is longer is another file.
const LENGTH_MAXIMUM: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("homing-private-file-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> =
                fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_private_from_the_start() {
        let folder = Folder::new("new");
        let path = folder.0.join("sub/pip.conf");
        let file = PrivateFile::open(&path).unwrap();
        assert_eq!((file.text(), file.mode()), (None, None));
        assert_eq!(mode(&folder.0.join("sub/pip.conf.homing-new")), 0o600);
        file.replace("secret", PRIVATE).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("secret", 0o600));
        let file = PrivateFile::open(&path).unwrap();
        assert_eq!((file.text(), file.mode()), (Some("secret"), Some(0o600)));
        file.replace("open", 0o644).unwrap();
        assert_eq!(mode(&path), 0o644);
        PrivateFile::open(&path).unwrap().delete().unwrap();
        assert_eq!(fs::read_dir(folder.0.join("sub")).unwrap().count(), 0);
    }

    #[test]
    fn links_stay_links() {
        let folder = Folder::new("links");
        let (real, first, second) = (folder.0.join("real"), folder.0.join("first"), folder.0.join("second"));
        symlink("second", &first).unwrap();
        symlink(&real, &second).unwrap();
        for text in ["new", "newer"] {
            PrivateFile::open(&first).unwrap().replace(text, PRIVATE).unwrap();
            assert_eq!(fs::read_to_string(&real).unwrap(), text);
        }
        assert_eq!(folder.names(), ["first", "real", "second"]);
        assert_eq!(fs::read_link(&first).unwrap(), Path::new("second"));
        symlink("ring", folder.0.join("ring")).unwrap();
        assert!(PrivateFile::open(&folder.0.join("ring")).is_err());
    }

    #[test]
    fn one_that_is_given_up_leaves_nothing_behind() {
        let folder = Folder::new("given-up");
        let path = folder.0.join("pip.conf");
        // Of a run that was killed: taken over, and gone afterwards.
        fs::write(folder.0.join("pip.conf.homing-new"), "a token").unwrap();
        drop(PrivateFile::open(&path).unwrap());
        assert_eq!(folder.names(), [""; 0]);
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(PrivateFile::open(&path).err().unwrap().code(), "not_utf8");
        assert_eq!(folder.names(), ["pip.conf"]);
        fs::create_dir(folder.0.join("folder")).unwrap();
        assert_eq!(PrivateFile::open(&folder.0.join("folder")).err().unwrap().fault(), Fault::Config);
    }

    #[test]
    fn a_draft_of_somebody_else_s_making_is_not_written_to() {
        let folder = Folder::new("draft");
        let other = folder.0.join("other");
        fs::write(&other, "precious").unwrap();
        symlink(&other, folder.0.join("pip.conf.homing-new")).unwrap();
        assert_eq!(PrivateFile::open(&folder.0.join("pip.conf")).err().unwrap().fault(), Fault::CannotCreate);
        fs::remove_file(folder.0.join("pip.conf.homing-new")).unwrap();
        fs::hard_link(&other, folder.0.join("pip.conf.homing-new")).unwrap();
        assert!(PrivateFile::open(&folder.0.join("pip.conf")).err().unwrap().message().contains("in the way"));
        assert_eq!(fs::read_to_string(other).unwrap(), "precious");
    }

    #[test]
    fn of_two_at_once_none_is_lost() {
        let folder = Folder::new("two");
        let path = folder.0.join("counter");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let file = PrivateFile::open(&path).unwrap();
                        let count: u32 = file.text().unwrap_or("0").parse().unwrap();
                        file.replace(&(count + 1).to_string(), PRIVATE).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_to_string(path).unwrap(), "100");
    }
}

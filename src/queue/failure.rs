//! A file operation that failed, as an error that says which file it was, whose fault it is, and what to do.

use crate::error::{Error, Fault};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// One file operation that failed.
#[derive(Debug)]
pub(super) struct Failure {
    action: &'static str,
    path: PathBuf,
    errno: Errno,
}

impl Failure {
    /// `action` as in "cannot … 'path'".
    pub(super) fn new(action: &'static str, path: impl Into<PathBuf>, errno: Errno) -> Self {
        Self { action, path: path.into(), errno }
    }

    /// The same for an error of the standard library's.
    pub(super) fn from_io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::new(action, path, Errno::from_io_error(error).unwrap_or(Errno::IO))
    }

    pub(super) fn errno(&self) -> Errno {
        self.errno
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is nothing of that name.
    pub(super) fn is_missing(&self) -> bool {
        self.errno == Errno::NOENT
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let Failure { action, path, errno } = failure;
        let (fault, code, is_passing, remedy) = match errno {
            Errno::NOSPC => (Fault::Io, "disk_full", true, "make room on that disk"),
            Errno::DQUOT => (Fault::Io, "quota_exceeded", true, "raise this user's quota on that disk, or make room"),
            Errno::ROFS => {
                (Fault::Io, "read_only", true, "mount the disk writable again; dmesg says why it was made read-only")
            }
            Errno::IO => (Fault::Io, "io_error", false, "check the disk or memory card: dmesg shows its errors"),
            Errno::MFILE | Errno::NFILE => {
                (Fault::Io, "too_many_files", true, "raise the limit of open files (ulimit -n), or end other programs")
            }
            Errno::NOMEM => (Fault::Io, "out_of_memory", true, "give this process more memory, or end other programs"),
            Errno::ACCESS | Errno::PERM => (
                Fault::CannotCreate,
                "permission_denied",
                false,
                "run homing as the user whose file this is, or let this user do that",
            ),
            Errno::FBIG => {
                (Fault::Io, "file_too_large", false, "keep the queue on another file system: FAT takes at most 4 GiB")
            }
            Errno::NAMETOOLONG => (Fault::CannotCreate, "name_too_long", false, "give the queue a shorter path"),
            _ => (Fault::Io, "io_error", false, "check the path and the disk: dmesg shows its errors"),
        };
        let message = format!("cannot {action} '{}': {}", path.display(), io::Error::from(errno));
        Self::new(fault, code, message).with_retryable(is_passing).with_remedy(remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_which_file_and_what_to_do() {
        for (errno, code, exit_code, retryable) in [
            (Errno::NOSPC, "disk_full", 74, true),
            (Errno::DQUOT, "quota_exceeded", 74, true),
            (Errno::ROFS, "read_only", 74, true),
            (Errno::IO, "io_error", 74, false),
            (Errno::MFILE, "too_many_files", 74, true),
            (Errno::NFILE, "too_many_files", 74, true),
            (Errno::NOMEM, "out_of_memory", 74, true),
            (Errno::ACCESS, "permission_denied", 73, false),
            (Errno::PERM, "permission_denied", 73, false),
            (Errno::FBIG, "file_too_large", 74, false),
            (Errno::NAMETOOLONG, "name_too_long", 73, false),
            (Errno::NXIO, "io_error", 74, false),
        ] {
            let error = Error::from(Failure::new("write", "/queue/tmp/1-0/data", errno));
            assert_eq!((error.code(), error.exit_code(), error.retryable()), (code, exit_code, retryable));
            assert!(error.message().starts_with("cannot write '/queue/tmp/1-0/data': "), "{error}");
            // 75 would tell a script that the file is queued.
            assert!(error.remedy().is_some() && error.exit_code() != 75);
        }
    }
}

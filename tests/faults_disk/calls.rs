//! What a system call does: its name, the files that it is about, whether it changes the disk, how it can fail.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use crate::tracer::{Call, Memory};

/// The open files of a process, as its calls have told.
#[derive(Default)]
pub struct Descriptors {
    paths: HashMap<i32, PathBuf>,
    /// The path of the `open` that is under way.
    opening: Option<PathBuf>,
}

impl Descriptors {
    /// To be called before each call.
    pub fn enter(&mut self, call: &Call, memory: &Memory) {
        match call.number {
            libc::SYS_openat => self.opening = Some(self.path(call, 0, memory)),
            libc::SYS_open => self.opening = Some(PathBuf::from(memory.text(call.arguments[0]))),
            _ => {}
        }
    }

    /// To be called after each call.
    pub fn leave(&mut self, call: &Call) {
        let descriptor = descriptor(call, 0);
        match call.number {
            libc::SYS_openat | libc::SYS_open => {
                if let (Some(path), Ok(opened)) = (self.opening.take(), i32::try_from(call.result))
                    && opened >= 0
                {
                    self.paths.insert(opened, path);
                }
            }
            libc::SYS_close => drop(self.paths.remove(&descriptor)),
            libc::SYS_dup | libc::SYS_dup2 | libc::SYS_dup3 | libc::SYS_fcntl => {
                let duplicates = call.number != libc::SYS_fcntl
                    || [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].contains(&(call.arguments[1] as i32));
                let path = self.paths.get(&descriptor).cloned();
                if let (true, Some(path), Ok(copy)) = (duplicates, path, i32::try_from(call.result))
                    && copy >= 0
                {
                    self.paths.insert(copy, path);
                }
            }
            // Sockets, pipes and the like take the lowest numbers that are free, too.
            _ => {}
        }
    }

    /// The path that arguments `index` (a directory's descriptor) and `index + 1` name.
    pub fn path(&self, call: &Call, index: usize, memory: &Memory) -> PathBuf {
        let text = memory.text(call.arguments[index + 1]);
        let directory = descriptor(call, index);
        match self.paths.get(&directory) {
            // An absolute path stays what it is.
            Some(folder) if text.is_empty() => folder.clone(),
            Some(folder) if directory != libc::AT_FDCWD => folder.join(text),
            _ => PathBuf::from(text),
        }
    }

    /// The file behind argument `index`, a descriptor; `None` for what is no file.
    pub fn file(&self, call: &Call, index: usize) -> Option<&Path> {
        self.paths.get(&descriptor(call, index)).map(PathBuf::as_path)
    }

    /// Whether the call changes a file or a directory, or brings one to the disk.
    pub fn changes_disk(&self, call: &Call) -> bool {
        let is_file = |index| self.file(call, index).is_some_and(|path| !path.starts_with("/dev"));
        match call.number {
            libc::SYS_openat => opens_to_create(call.arguments[2]),
            libc::SYS_open => opens_to_create(call.arguments[1]),
            libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 | libc::SYS_pwritev | libc::SYS_sendfile => {
                is_file(0)
            }
            libc::SYS_copy_file_range | libc::SYS_splice => is_file(2),
            libc::SYS_ioctl => call.arguments[1] == FICLONE && is_file(0),
            libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs | libc::SYS_sync_file_range => true,
            libc::SYS_ftruncate | libc::SYS_truncate | libc::SYS_fallocate => true,
            libc::SYS_fchmod | libc::SYS_chmod | libc::SYS_fchmodat | libc::SYS_utimensat => true,
            number => NAME_CHANGES.contains(&number),
        }
    }
}

/// Argument `index` as a file descriptor.
pub fn descriptor(call: &Call, index: usize) -> i32 {
    call.arguments[index] as i32
}

/// Whether an `open` with these flags may make a file, or empty one.
pub fn opens_to_create(flags: u64) -> bool {
    let creates = libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
    flags as i32 & creates != 0
}

/// The errors of the disk, of memory and of limits that the manual page of a call lists, or that its file system gives.
pub fn errors(call: &Call, changes_disk: bool) -> &'static [Errno] {
    use Errno::{EAGAIN, EIO, EMFILE, ENOMEM, ENOSPC, EROFS};
    match call.number {
        libc::SYS_openat | libc::SYS_open if changes_disk => &[ENOSPC, EIO, EROFS, EMFILE, ENOMEM],
        libc::SYS_openat | libc::SYS_open => &[EIO, EMFILE, ENOMEM],
        libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 | libc::SYS_copy_file_range | libc::SYS_sendfile
            if changes_disk =>
        {
            &[ENOSPC, EIO, ENOMEM]
        }
        libc::SYS_fsync | libc::SYS_fdatasync => &[ENOSPC, EIO, EROFS],
        libc::SYS_ftruncate | libc::SYS_fallocate => &[ENOSPC, EIO],
        libc::SYS_chmod | libc::SYS_fchmod | libc::SYS_fchmodat => &[EIO, EROFS],
        number if NAME_CHANGES.contains(&number) => &[ENOSPC, EIO, EROFS, ENOMEM],
        libc::SYS_read | libc::SYS_pread64 | libc::SYS_getdents64 => &[EIO],
        libc::SYS_statx | libc::SYS_fstat | libc::SYS_newfstatat | libc::SYS_stat | libc::SYS_lstat => &[EIO, ENOMEM],
        libc::SYS_statfs | libc::SYS_fstatfs => &[EIO, ENOMEM],
        libc::SYS_flock => &[ENOMEM],
        libc::SYS_socket | libc::SYS_socketpair => &[EMFILE, ENOMEM],
        libc::SYS_pipe2 | libc::SYS_eventfd2 | libc::SYS_epoll_create1 | libc::SYS_dup | libc::SYS_memfd_create => {
            &[EMFILE, ENOMEM]
        }
        libc::SYS_clone | libc::SYS_clone3 => &[EAGAIN, ENOMEM],
        libc::SYS_connect | libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_recvfrom | libc::SYS_poll => &[ENOMEM],
        // brk(2) has no error number: where there is no memory it says where the break is.
        libc::SYS_mmap | libc::SYS_mremap => &[ENOMEM],
        _ => &[],
    }
}

/// Whether the call asks for memory: where there is none the process ends at once, as Rust's allocator has it.
pub fn asks_for_memory(number: i64) -> bool {
    [libc::SYS_mmap, libc::SYS_mremap].contains(&number)
}

/// Calls that change directories.
pub const NAME_CHANGES: [i64; 13] = [
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_mknodat,
];

/// `_IOW(0x94, 9, int)` of linux/fs.h.
pub const FICLONE: u64 = 0x4004_9409;

/// A call's name, for messages.
pub fn name(number: i64) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("call {number}"), |(_, name)| (*name).to_owned())
}

macro_rules! names {
    ($($name:ident)*) => {
        &[$((libc::$name, {
            let (_, name) = stringify!($name).split_at("SYS_".len());
            name
        })),*]
    };
}

const NAMES: &[(i64, &str)] = names![
    SYS_access SYS_arch_prctl SYS_bind SYS_brk SYS_chmod SYS_clock_nanosleep SYS_clone SYS_clone3 SYS_close SYS_connect
    SYS_copy_file_range SYS_dup SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_wait SYS_eventfd2 SYS_execve SYS_exit
    SYS_exit_group SYS_faccessat2 SYS_fadvise64 SYS_fallocate SYS_fchmod SYS_fchmodat SYS_fcntl SYS_fdatasync SYS_flock
    SYS_fstat SYS_fstatfs SYS_fsync SYS_ftruncate SYS_futex SYS_getcwd SYS_getdents64 SYS_geteuid SYS_getpeername
    SYS_getpid SYS_getrandom SYS_getsockname SYS_getsockopt SYS_getuid SYS_inotify_add_watch SYS_inotify_init1 SYS_ioctl
    SYS_link SYS_linkat SYS_lseek SYS_lstat SYS_madvise SYS_mkdir SYS_mkdirat SYS_mmap SYS_mprotect SYS_mremap SYS_munmap
    SYS_newfstatat SYS_open SYS_openat SYS_pipe2 SYS_poll SYS_ppoll SYS_prctl SYS_pread64 SYS_prlimit64 SYS_pwrite64
    SYS_read SYS_readlink SYS_recvfrom SYS_recvmsg SYS_rename SYS_renameat SYS_renameat2 SYS_rmdir SYS_rseq
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_sched_getaffinity SYS_sched_yield SYS_sendfile SYS_sendmmsg
    SYS_sendmsg SYS_sendto SYS_set_robust_list SYS_set_tid_address SYS_setsockopt SYS_shutdown SYS_sigaltstack SYS_socket
    SYS_stat SYS_statfs SYS_statx SYS_sync_file_range SYS_syncfs SYS_truncate SYS_umask SYS_uname SYS_unlink SYS_unlinkat
    SYS_utimensat SYS_wait4 SYS_write SYS_writev
];

//! The moment before each file operation: a test may record it, and let it, or it and all that follow, fail.

use super::failure::Failure;
use std::path::Path;

/// Called before `action` is done to `path`.
#[cfg(not(test))]
#[inline]
pub(super) fn step(_action: &'static str, _path: &Path) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
pub(super) use script::step;

#[cfg(test)]
pub(super) mod script {
    use super::*;
    use rustix::io::Errno;
    use std::cell::RefCell;

    /// What happens to the operations of this thread.
    #[derive(Default)]
    struct Script {
        log: Vec<String>,
        /// The operation, counted from 0, that fails; and whether nothing works from then on.
        fault: Option<(usize, Errno, bool)>,
        /// Actions that always fail.
        impossible: Option<(&'static str, Errno)>,
    }

    /// Bytes and inodes.
    type Free = (Option<u64>, Option<u64>);

    thread_local! {
        static SCRIPT: RefCell<Script> = RefCell::default();
        static FREE: RefCell<Option<Box<dyn Fn() -> Free>>> = const { RefCell::new(None) };
    }

    /// What is said to be free on the disk.
    pub(in super::super) fn free() -> Option<Free> {
        FREE.with_borrow(|free| free.as_ref().map(|free| free()))
    }

    /// Does something while the disk says that so much is free.
    pub(in super::super) fn with_free<T>(free: impl Fn() -> Free + 'static, action: impl FnOnce() -> T) -> T {
        FREE.set(Some(Box::new(free)));
        let done = action();
        FREE.set(None);
        done
    }

    pub(in super::super) fn step(action: &'static str, path: &Path) -> Result<(), Failure> {
        SCRIPT.with_borrow_mut(|script| {
            let number = script.log.len();
            let parts: Vec<_> =
                path.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy()).collect();
            script
                .log
                .push(format!("{action} {}", parts.iter().rev().map(AsRef::as_ref).collect::<Vec<_>>().join("/")));
            match (script.impossible, script.fault) {
                (Some((impossible, errno)), _) if impossible == action => Err(Failure::new(action, path, errno)),
                (_, Some((at, errno, for_good))) if number == at || (for_good && number > at) => {
                    Err(Failure::new(action, path, errno))
                }
                _ => Ok(()),
            }
        })
    }

    /// Does `action`, and gives what it did, operation by operation.
    pub(in super::super) fn recorded<T>(action: impl FnOnce() -> T) -> (T, Vec<String>) {
        SCRIPT.with_borrow_mut(|script| script.log.clear());
        let done = action();
        (done, SCRIPT.with_borrow_mut(|script| std::mem::take(&mut script.log)))
    }

    /// Does `action`, whose operation `number` fails.
    pub(in super::super) fn failing_at<T>(number: usize, errno: Errno, action: impl FnOnce() -> T) -> T {
        with_fault(Some((number, errno, false)), action)
    }

    /// Does `action`, of which only the first `number` operations have an effect: as if the process was killed then.
    pub(in super::super) fn killed_at<T>(number: usize, action: impl FnOnce() -> T) -> T {
        with_fault(Some((number, Errno::IO, true)), action)
    }

    /// Does something while an action is never possible.
    pub(in super::super) fn impossible<T>(what: &'static str, errno: Errno, action: impl FnOnce() -> T) -> T {
        SCRIPT.with_borrow_mut(|script| script.impossible = Some((what, errno)));
        let done = action();
        SCRIPT.with_borrow_mut(|script| script.impossible = None);
        done
    }

    fn with_fault<T>(fault: Option<(usize, Errno, bool)>, action: impl FnOnce() -> T) -> T {
        SCRIPT.with_borrow_mut(|script| (script.log.clear(), script.fault = fault).1);
        let done = action();
        SCRIPT.with_borrow_mut(|script| script.fault = None);
        done
    }
}

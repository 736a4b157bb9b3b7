//! Locks on files, where the file system has them.
//!
//! A lock only keeps two processes from writing to one place at once. Network file systems of
//! clusters are often mounted without locks; the work then goes on without that protection, and one
//! line on the standard error says so.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Once;

/// Error numbers by which Linux says that a file system has no such locks.
mod errno {
    /// A lock of a file that is open for reading only, such as a folder, on NFS.
    pub const EBADF: i32 = 9;
    /// NFS without a lock daemon.
    pub const ENOLCK: i32 = 37;
    /// Lustre mounted without `-o flock`.
    pub const ENOSYS: i32 = 38;
    /// Others.
    pub const EOPNOTSUPP: i32 = 95;
}

/// What a failed attempt to lock a file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Another process holds the lock.
    Busy,
    /// The file system has no locks.
    Unsupported,
    /// A signal came first.
    Interrupted,
    /// An error like any other.
    Failed,
}

impl Refusal {
    /// What the system's answer to an attempt to lock means.
    fn of(error: &io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::WouldBlock, _) => Self::Busy,
            (ErrorKind::Interrupted, _) => Self::Interrupted,
            (ErrorKind::Unsupported, _) => Self::Unsupported,
            (_, Some(errno::EBADF | errno::ENOLCK | errno::ENOSYS | errno::EOPNOTSUPP)) => {
                Self::Unsupported
            }
            _ => Self::Failed,
        }
    }
}

/// Locks `file`, which lies in or is `folder`, unless another process holds it: then returns false.
/// The lock is released when the file is closed. On a file system without locks this warns, once a
/// process, and returns true.
///
/// # Errors
/// What the system says.
pub fn try_lock(file: &File, folder: &Path) -> io::Result<bool> {
    attempt(folder, &mut io::stderr(), &WARNED, || {
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })
    })
}

/// Locks `file`, which lies in or is `folder`, after whoever holds it; otherwise like [`try_lock`].
///
/// # Errors
/// What the system says.
pub fn lock(file: &File, folder: &Path) -> io::Result<()> {
    attempt(folder, &mut io::stderr(), &WARNED, || file.lock()).map(drop)
}

static WARNED: Once = Once::new();

/// Calls `lock` until no signal interrupts it, and acts on the answer.
fn attempt(
    folder: &Path,
    errors: &mut impl Write,
    warned: &Once,
    mut lock: impl FnMut() -> io::Result<()>,
) -> io::Result<bool> {
    loop {
        let Err(error) = lock() else { return Ok(true) };
        match Refusal::of(&error) {
            Refusal::Interrupted => {}
            Refusal::Busy => return Ok(false),
            Refusal::Failed => return Err(error),
            Refusal::Unsupported => {
                warned.call_once(|| {
                    let line = format!(
                        "warning: {}: its file system has no file locking ({error}); going on without, \
                         so start nothing else that writes to the same folders\n",
                        shown(folder)
                    );
                    // Nobody may be reading.
                    let _ = errors.write_all(line.as_bytes());
                });
                return Ok(true);
            }
        }
    }
}

/// A folder in words: the parent of a bare name is empty.
fn shown(folder: &Path) -> std::path::Display<'_> {
    match folder.as_os_str().is_empty() {
        true => Path::new(".").display(),
        false => folder.display(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_a_lock_that_is_held() {
        for (number, meant) in [
            (38, Refusal::Unsupported), // ENOSYS
            (95, Refusal::Unsupported), // EOPNOTSUPP
            (37, Refusal::Unsupported), // ENOLCK
            (9, Refusal::Unsupported),  // EBADF
            (11, Refusal::Busy),        // EWOULDBLOCK
            (4, Refusal::Interrupted),  // EINTR
            (5, Refusal::Failed),       // EIO
            (13, Refusal::Failed),      // EACCES
        ] {
            assert_eq!(Refusal::of(&system(number)), meant, "{}", system(number));
        }
        assert_eq!(Refusal::of(&ErrorKind::Unsupported.into()), Refusal::Unsupported);
    }

    #[test]
    fn work_goes_on_without_locks_and_says_so_once() {
        let (mut said, warned) = (Vec::new(), Once::new());
        for folder in ["runs/a", "runs/b"] {
            let taken = attempt(Path::new(folder), &mut said, &warned, || Err(system(38)));
            assert!(taken.unwrap());
        }
        assert_eq!(
            String::from_utf8(said).unwrap(),
            "warning: runs/a: its file system has no file locking (Function not implemented (os error 38)); \
             going on without, so start nothing else that writes to the same folders\n"
        );
        assert_eq!(shown(Path::new("")).to_string(), ".");
    }

    #[test]
    fn other_answers_are_acted_on_without_a_word() {
        let (mut said, warned) = (Vec::new(), Once::new());
        let mut answers = vec![Ok(()), Err(system(4)), Err(system(4))];
        let place = Path::new("runs");
        assert!(attempt(place, &mut said, &warned, || answers.pop().unwrap()).unwrap());
        assert!(answers.is_empty(), "a signal is no answer");
        assert!(!attempt(place, &mut said, &warned, || Err(system(11))).unwrap());
        let error = attempt(place, &mut said, &warned, || Err(system(5))).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        assert!(said.is_empty() && !warned.is_completed());
    }

    #[test]
    fn one_holds_a_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || File::options().create(true).truncate(false).write(true).open(&path).unwrap();
        let (first, second) = (open(), open());
        lock(&first, folder.path()).unwrap();
        assert!(!try_lock(&second, folder.path()).unwrap());
        drop(first);
        assert!(try_lock(&second, folder.path()).unwrap());
    }
}

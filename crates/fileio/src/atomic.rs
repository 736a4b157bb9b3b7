//! Atomic, crash-safe file writes.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::lock;

/// Puts `bytes` at `path`; see [`write_with`].
///
/// # Errors
/// Those of [`write_with`].
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    write_with(path, |file| file.write_all(bytes.as_ref()))
}

/// Puts what `write` writes at `path`: staged beside it, forced to the disk, renamed into place, and
/// the rename forced to the disk. Another process that does the same is waited for. A link is
/// followed; a device or pipe is written to as it is.
///
/// # Errors
/// What the system or `write` says; a file at `path` is then as it was.
pub fn write_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let found = fs::metadata(path).ok().map(|found| found.file_type());
    if found.is_some_and(|kind| !kind.is_file() && !kind.is_dir()) {
        let mut file = BufWriter::new(File::options().write(true).open(path)?);
        return write(&mut file).and_then(|()| file.flush());
    }
    // What is not there yet, or a link to nothing, is itself.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let staged = staged(&real);
    let mut file = BufWriter::new(open(&staged)?);
    let written = write(&mut file)
        .and_then(|()| file.flush())
        .and_then(|()| file.get_ref().sync_all())
        .and_then(|()| fs::rename(&staged, &real));
    if written.is_err() {
        // The first failure is the news; a disk that is full is still a little emptier.
        let _ = fs::remove_file(&staged);
        return written;
    }
    // A bare name has an empty parent.
    let folder = real.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn staged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The staged file, empty, and ours until it is closed.
fn open(staged: &Path) -> io::Result<File> {
    loop {
        let file = File::options().create(true).truncate(false).write(true).open(staged)?;
        lock::lock(&file, staged.parent().unwrap_or(staged))?;
        // Whoever held it before may have renamed it: then it is a finished file now, not ours.
        let (opened, place) = (file.metadata()?, fs::metadata(staged));
        if place.is_ok_and(|place| (place.dev(), place.ino()) == (opened.dev(), opened.ino())) {
            if opened.len() > 0 {
                file.set_len(0)?;
            }
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::thread;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, "old").unwrap();
        let error = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(error.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(staged(&path), "a long half of a file").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_followed_and_a_device_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.json"), folder.path().join("b.json"));
        write(&path, "old").unwrap();
        symlink(&path, &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(link.is_symlink());
        write(Path::new("/dev/null"), "gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(write(folder.path(), "a folder").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn writers_of_one_file_never_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        thread::scope(|scope| {
            for byte in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write(path, vec![byte; 5000]).unwrap();
                        let found = fs::read(path).unwrap();
                        assert!(found == vec![found[0]; 5000], "{} bytes", found.len());
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

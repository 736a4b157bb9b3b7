//! Files that are there whole or not at all, whatever happens to the process or the machine.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::NnError;

/// Writes a file beside its place (`NAME.part`), forces it to the disk, renames it into place and
/// forces the rename to the disk. A failure leaves what was in the place before.
pub(crate) fn write(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), NnError> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".part");
    let staged = Path::new(&staged);
    let mut file =
        File::create(staged).map(BufWriter::new).map_err(NnError::io("create", staged))?;
    let written = write(&mut file)
        .and_then(|()| file.flush())
        .and_then(|()| file.get_ref().sync_all())
        .map_err(NnError::io("write", path));
    if let Err(error) = written {
        drop(file);
        // The first failure is the news; a disk that is full is still a little emptier.
        let _ = fs::remove_file(staged);
        return Err(error);
    }
    fs::rename(staged, path).map_err(NnError::io("rename into place", path))?;
    // A bare name has an empty parent.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

/// Forces a folder's names to the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), NnError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(NnError::io("force to disk", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let error = write(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(error.unwrap_err().to_string().starts_with("write "));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

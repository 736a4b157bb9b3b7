//! A history file that only grows, and that can be cut back to where a checkpoint saw it.
//!
//! Every line is flushed as it is written, so a killed run leaves whole lines and at most one torn
//! one. A [`Offset`] remembers length and checksum; resuming checks that the file still begins with
//! those bytes and drops the rest, which the resumed iterations write again. Keeping the lines
//! inside checkpoints instead would make each of them as long as the history.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flexmac_fileio::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Remedy, RunFolderError};

/// How far a history had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The file's name in the run folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Of that length, in hexadecimal.
    pub sha256: String,
}

#[derive(Debug)]
pub(crate) struct HistoryLog {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    digest: Sha256,
}

impl HistoryLog {
    /// Opens a history, empty or old, and holds a lock on it while the process lives.
    pub fn open(path: PathBuf) -> Result<Self, RunFolderError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false) // whether to is decided once the lock is held
            .open(&path)
            .map_err(RunFolderError::io("open for writing", &path))?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let path = path.parent().unwrap_or(&path).to_owned();
            return Err(RunFolderError::Locked { path });
        }
        // A file system without locks only loses this protection.
        Ok(Self { path, file: BufWriter::new(file), bytes: 0, digest: Sha256::new() })
    }

    /// Empties the file and writes its header line, if it has one.
    pub fn start(&mut self, header: &str) -> Result<(), RunFolderError> {
        self.cut(0)?;
        self.digest = Sha256::new();
        if header.is_empty() { Ok(()) } else { self.append(header) }
    }

    /// Checks that the file begins as marked, without touching it.
    pub fn check(&mut self, mark: &Offset) -> Result<(), RunFolderError> {
        let kept = fs::read(&self.path).map_err(RunFolderError::io("read", &self.path))?;
        let refuse = |expected, found| {
            let remedy = Remedy::Shorter;
            let path = self.path.clone();
            Err(RunFolderError::RunFile { what: "history", path, expected, found, remedy })
        };
        let Some(kept) = usize::try_from(mark.bytes).ok().and_then(|bytes| kept.get(..bytes))
        else {
            return refuse(format!("at least {} bytes", mark.bytes), kept.len().to_string());
        };
        let digest = Sha256::new_with_prefix(kept);
        let found = hex(&digest.clone().finalize());
        if found != mark.sha256 {
            let expected = format!("SHA-256 {} of the first {} bytes", mark.sha256, mark.bytes);
            return refuse(expected, found);
        }
        self.digest = digest;
        Ok(())
    }

    /// Drops all after the first `bytes` bytes, which have been checked.
    pub fn cut(&mut self, bytes: u64) -> Result<(), RunFolderError> {
        self.bytes = bytes;
        self.file
            .get_ref()
            .set_len(bytes)
            .and_then(|()| self.file.seek(SeekFrom::Start(bytes)))
            .and_then(|_| self.file.get_ref().sync_all())
            .map_err(RunFolderError::io("cut back", &self.path))
    }

    /// Adds a line.
    pub fn append(&mut self, line: &str) -> Result<(), RunFolderError> {
        let line = format!("{line}\n");
        self.digest.update(&line);
        self.bytes += line.len() as u64;
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(RunFolderError::io("write", &self.path))
    }

    /// Forces all lines to the disk and says how far they reach.
    pub fn mark(&mut self) -> Result<Offset, RunFolderError> {
        self.file.get_ref().sync_all().map_err(RunFolderError::io("force to disk", &self.path))?;
        Ok(Offset {
            file: file_name(&self.path),
            bytes: self.bytes,
            sha256: hex(&self.digest.clone().finalize()),
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_cut_and_an_altered_history_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.csv");
        let mut journal = HistoryLog::open(path.clone()).unwrap();
        journal.start("a,b").unwrap();
        journal.append("1,2").unwrap();
        let mark = journal.mark().unwrap();
        journal.append("3,4").unwrap();
        assert!(matches!(
            HistoryLog::open(path.clone()).unwrap_err(),
            RunFolderError::Locked { path } if path == folder.path()
        ));
        drop(journal);
        fs::write(&path, "a,b\n1,2\n3,").unwrap();
        let mut journal = HistoryLog::open(path.clone()).unwrap();
        journal.check(&mark).unwrap();
        journal.cut(mark.bytes).unwrap();
        assert_eq!(journal.mark().unwrap(), mark);
        journal.append("5,6").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,2\n5,6\n");
        let whole = journal.mark().unwrap();
        fs::write(&path, "a,b\n1,3\n5,6\n").unwrap();
        let error = journal.check(&whole).unwrap_err().to_string();
        assert!(error.contains("h.csv: expected SHA-256"), "{error}");
        fs::write(&path, "a,").unwrap();
        let error = journal.check(&whole).unwrap_err().to_string();
        assert!(error.contains("expected at least 12 bytes, found 2"), "{error}");
    }
}

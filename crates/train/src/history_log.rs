//! An append-only history file that can be truncated to its length at a checkpoint.
//!
//! Each line is flushed when it is written, so a killed run leaves complete lines and at most one
//! incomplete one. A checkpoint stores an [`Offset`]: the file's length and checksum. A resume
//! checks that the file still begins with those bytes and drops the rest, which the resumed
//! iterations write again. Storing the lines in checkpoints instead would make each checkpoint as
//! long as the history.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flexmac_fileio::{hex, lock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Remedy, RunFolderError};

/// Length and checksum of a history at a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The file's name in the run folder.
    pub file: String,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of these bytes, in hexadecimal.
    pub sha256: String,
}

/// A history file, locked and open for appending.
#[derive(Debug)]
pub(crate) struct HistoryLog {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    digest: Sha256,
}

impl HistoryLog {
    /// Opens or creates a history file and locks it until the log is dropped.
    pub fn open(path: PathBuf) -> Result<Self, RunFolderError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false) // only after the lock is held
            .open(&path)
            .map_err(RunFolderError::io("open for writing", &path))?;
        let folder = path.parent().unwrap_or(&path);
        if !lock::try_lock(&file, folder).map_err(RunFolderError::io("lock", &path))? {
            return Err(RunFolderError::Locked { path: folder.to_owned() });
        }
        Ok(Self { path, file: BufWriter::new(file), bytes: 0, digest: Sha256::new() })
    }

    /// Empties the file and writes its header line, unless that is empty.
    pub fn start(&mut self, header: &str) -> Result<(), RunFolderError> {
        self.truncate(0)?;
        self.digest = Sha256::new();
        if header.is_empty() { Ok(()) } else { self.append(header) }
    }

    /// Checks that the file begins with the bytes of `offset`, to which the caller then truncates
    /// it. Does not change the file.
    pub fn check(&mut self, offset: &Offset) -> Result<(), RunFolderError> {
        let kept = fs::read(&self.path).map_err(RunFolderError::io("read", &self.path))?;
        let refuse = |expected, found, remedy| {
            let path = self.path.clone();
            Err(RunFolderError::RunFile { what: "history", path, expected, found, remedy })
        };
        let Some(kept) = usize::try_from(offset.bytes).ok().and_then(|bytes| kept.get(..bytes))
        else {
            let expected = format!("at least {} bytes", offset.bytes);
            return refuse(expected, kept.len().to_string(), Remedy::Shorter);
        };
        let digest = Sha256::new_with_prefix(kept);
        let found = hex(&digest.clone().finalize());
        if found != offset.sha256 {
            let expected = format!("SHA-256 {} of the first {} bytes", offset.sha256, offset.bytes);
            return refuse(expected, found, Remedy::PutBack);
        }
        self.digest = digest;
        Ok(())
    }

    /// Drops everything after the first `bytes` bytes, which the caller has checked.
    pub fn truncate(&mut self, bytes: u64) -> Result<(), RunFolderError> {
        self.bytes = bytes;
        self.file
            .get_ref()
            .set_len(bytes)
            .and_then(|()| self.file.seek(SeekFrom::Start(bytes)))
            .and_then(|_| self.file.get_ref().sync_all())
            .map_err(RunFolderError::io("truncate", &self.path))
    }

    /// Appends a line.
    pub fn append(&mut self, line: &str) -> Result<(), RunFolderError> {
        let line = format!("{line}\n");
        self.digest.update(&line);
        self.bytes += line.len() as u64;
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.flush())
            .map_err(RunFolderError::io("write", &self.path))
    }

    /// Forces all lines to the disk and returns the present offset.
    pub fn sync(&mut self) -> Result<Offset, RunFolderError> {
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
    fn an_incomplete_line_is_dropped_and_an_altered_history_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.csv");
        let mut log = HistoryLog::open(path.clone()).unwrap();
        log.start("a,b").unwrap();
        log.append("1,2").unwrap();
        let offset = log.sync().unwrap();
        log.append("3,4").unwrap();
        assert!(matches!(
            HistoryLog::open(path.clone()).unwrap_err(),
            RunFolderError::Locked { path } if path == folder.path()
        ));
        drop(log);
        fs::write(&path, "a,b\n1,2\n3,").unwrap();
        let mut log = HistoryLog::open(path.clone()).unwrap();
        log.check(&offset).unwrap();
        log.truncate(offset.bytes).unwrap();
        assert_eq!(log.sync().unwrap(), offset);
        log.append("5,6").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,2\n5,6\n");
        let whole = log.sync().unwrap();
        fs::write(&path, "a,b\n1,3\n5,6\n").unwrap();
        let error = log.check(&whole).unwrap_err().to_string();
        assert!(error.contains("h.csv: expected SHA-256"), "{error}");
        fs::write(&path, "a,").unwrap();
        let error = log.check(&whole).unwrap_err().to_string();
        assert!(error.contains("expected at least 12 bytes, found 2"), "{error}");
    }
}

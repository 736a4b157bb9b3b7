//! Why a data set could not be read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a data set could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A setting outside its range.
    #[error("training: expected {name} {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its legal range in words.
        expected: String,
        /// The value given.
        found: String,
    },
    /// An I/O error on a file or folder.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A data set whose files do not exist.
    #[error("data {name}: expected {expected}, found nothing there; {hint}")]
    Missing {
        /// The data set.
        name: String,
        /// The file or files that should exist.
        expected: String,
        /// How to get it.
        hint: String,
    },
    /// A data file whose contents do not match its format or its published checksum.
    #[error("data file {path}: expected {expected}, found {found}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A line of an image list that is malformed, or whose picture cannot be read.
    #[error("data file {path}, line {line}: expected {expected}, found {found}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
}

impl DatasetError {
    /// Wraps an I/O error with the action and the path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

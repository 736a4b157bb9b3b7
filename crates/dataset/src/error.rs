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
    /// A file or folder that could not be used.
    #[error("{action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A data set that is not where it was looked for.
    #[error("data {name}: expected {expected}, found nothing there; {hint}")]
    Missing {
        /// The data set.
        name: String,
        /// The file or files looked for.
        expected: String,
        /// How to get it.
        hint: String,
    },
    /// A data file that is not what its format or source says.
    #[error("data file {path}: expected {expected}, found {found}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A line of a data file that is not what the format says.
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
    /// Wraps an I/O error with what was being done to which path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

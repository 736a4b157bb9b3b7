//! The error type of the crate.

use std::path::{Path, PathBuf};

/// Why the cost of a run could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of a run, a synthesis or a measurement that cannot be read.
    #[error(transparent)]
    Record(#[from] flexmac_record::RecordError),
    /// A file with unexpected content.
    #[error("{path}: expected {expected}, found {found}")]
    File {
        /// The file, and the line if known.
        path: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A run that does not fit the array.
    #[error("{what}: expected {expected}, found {found}")]
    Misfit {
        /// What does not fit.
        what: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A network that cannot be planned.
    #[error(transparent)]
    Network(#[from] flexmac_nn::NnError),
}

impl Error {
    pub(crate) fn file(path: &Path, expected: &str, found: impl ToString) -> Self {
        Self::File {
            path: path.display().to_string(),
            expected: expected.to_owned(),
            found: found.to_string(),
        }
    }
}

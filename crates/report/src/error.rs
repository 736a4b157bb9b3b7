//! The crate's one error type.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a run could not be read or its page not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run that is not there.
    #[error("run {folder}: expected {file}, found no such file")]
    Missing {
        /// The folder given.
        folder: PathBuf,
        /// The file looked for in it.
        file: &'static str,
    },
    /// A file that cannot be read, or contradicts the rest of the run.
    #[error(transparent)]
    Record(#[from] flexmac_record::RecordError),
    /// A generated design that could not be read.
    #[error("design {path}")]
    Design {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: flexmac_rtlgen::RtlgenError,
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
    /// The page's template failed, a fault of this program.
    #[error("page template: {message}")]
    Template {
        /// What the template engine says.
        message: String,
    },
}

impl ReportError {
    /// Wraps an I/O error with what was being done to which path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

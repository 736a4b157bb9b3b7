//! The error type of the crate.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a run could not be read, or a page could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run is missing.
    #[error("run {folder}: expected {file}, found no such file")]
    Missing {
        /// The folder given.
        folder: PathBuf,
        /// The missing file.
        file: &'static str,
    },
    /// A file cannot be read, or contradicts the rest of the run.
    #[error(transparent)]
    Record(#[from] flexmac_record::RecordError),
    /// A generated design cannot be read.
    #[error("design {path}")]
    Design {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: flexmac_rtlgen::RtlgenError,
    },
    /// An I/O operation failed.
    #[error("{action} {path}")]
    Io {
        /// The operation.
        action: &'static str,
        /// Its file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The template of the page failed, which is a bug of this program.
    #[error("page template: {message}")]
    Template {
        /// Message of the template engine.
        message: String,
    },
}

impl ReportError {
    /// Wraps an I/O error with the operation and the path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

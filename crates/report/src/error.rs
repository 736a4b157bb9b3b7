//! The crate's one error type.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a run could not be read or its page not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run that is not there.
    #[error("run {folder}: expected {file}, found no such file; {hint}")]
    Missing {
        /// The folder given.
        folder: PathBuf,
        /// The file looked for in it.
        file: &'static str,
        /// What to try.
        hint: &'static str,
    },
    /// Text that is not the JSON it should be.
    #[error("{path}, line {line}, column {column}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: usize,
        /// Column in the line, from 1.
        column: usize,
        /// What the parser says, position apart.
        message: String,
    },
    /// A value that contradicts the rest of the run.
    #[error("{path}, line {line}: expected {expected}, found {found}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: usize,
        /// What would fit.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A run without a single iteration.
    #[error("{path}: expected at least one iteration, found an empty file")]
    Empty {
        /// The history.
        path: PathBuf,
    },
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

    /// Places a JSON error in a file whose text began at line `first`.
    pub(crate) fn parse(path: &Path, first: usize, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // The parser appends the position within the text it was given.
        let message = match text.rfind(" at line ") {
            Some(end) => text[..end].to_owned(),
            None => text,
        };
        let line = first + error.line().saturating_sub(1);
        Self::Parse { path: path.to_owned(), line, column: error.column(), message }
    }

    /// Names what is wrong in a line of a file.
    pub(crate) fn value(
        path: &Path,
        line: usize,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self::Value { path: path.to_owned(), line, expected, found }
    }
}

//! Why a file of a run, a synthesis or a measurement could not be read.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::schema::SCHEMA;

/// Why a file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A file that cannot be opened, is too large, or is not text.
    #[error("read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Text that is not JSON, or JSON without the fields of this kind of file.
    #[error("{}, line {line}, column {column}: expected {expected}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: usize,
        /// Column in the line, from 1.
        column: usize,
        /// The kind of file.
        expected: &'static str,
        /// The parser's message, without the position.
        message: String,
    },
    /// A value that contradicts the rest of the file, or another file of the run.
    #[error("{}, line {line}: expected {expected}, found {found}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: usize,
        /// What would fit.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A history without an iteration.
    #[error("{}: expected at least one iteration, found an empty file", path.display())]
    Empty {
        /// The history.
        path: PathBuf,
    },
    /// A file of a later schema version.
    #[error(
        "{}, line {line}: schema: expected at most {SCHEMA}, found {found}: written by a newer flexmac",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Line of the field, from 1.
        line: usize,
        /// The version in the file.
        found: u64,
    },
}

impl RecordError {
    /// Names the file that could not be read.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// Places a JSON error in a file. `first` is the line of the file where the parsed text begins.
    pub(crate) fn parse(
        path: &Path,
        first: usize,
        expected: &'static str,
        error: &serde_json::Error,
    ) -> Self {
        let text = error.to_string();
        // The parser appends the position within the text that it was given.
        let message = match text.rfind(" at line ") {
            Some(end) => text[..end].to_owned(),
            None => text,
        };
        let line = first + error.line().saturating_sub(1);
        Self::Parse { path: path.to_owned(), line, column: error.column(), expected, message }
    }

    /// Names a wrong value in a line of a file.
    pub fn value(path: &Path, line: usize, expected: impl ToString, found: impl ToString) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self::Value { path: path.to_owned(), line, expected, found }
    }
}

//! The error type of the crate. Each variant names the operation, the place and what to try.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a synthesis run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value that cannot be used.
    #[error("{field}: found {found}, expected {expected}")]
    Config {
        /// Field of [`crate::SynthConfig`].
        field: &'static str,
        /// The offending value.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },

    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// Another run is using the output folder.
    #[error("{} is in use by another run; wait for it or choose another output folder", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },

    /// A tool is not installed.
    #[error("{tool} not found in PATH ({path}); install it with: {install}")]
    MissingTool {
        /// Program name.
        tool: &'static str,
        /// The PATH that was searched.
        path: String,
        /// Command that installs it on Debian.
        install: &'static str,
    },

    /// The cell library does not exist.
    #[error("no cell library at {}; {hint}", path.display())]
    MissingLibrary {
        /// The path that was tried.
        path: PathBuf,
        /// What to try.
        hint: &'static str,
    },

    /// A tool ran and failed.
    #[error("{tool} failed ({status}); log: {}\n{}", log.display(), lines.join("\n"))]
    ToolFailed {
        /// Program name.
        tool: &'static str,
        /// Exit code or signal, in words.
        status: String,
        /// Complete output of the tool.
        log: PathBuf,
        /// The first relevant lines of the log.
        lines: Vec<String>,
    },

    /// A tool exceeded its time limit and was stopped.
    #[error("{tool} was stopped after {} s; log: {}", limit.as_secs_f64(), log.display())]
    Timeout {
        /// Program name.
        tool: &'static str,
        /// The limit.
        limit: Duration,
        /// Complete output until then.
        log: PathBuf,
    },

    /// A tool's output or a library cannot be parsed.
    #[error("{}:{line}: expected {expected}, found {found}", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// Line, counted from 1; 0 if the file ended too early to name one.
        line: usize,
        /// What was expected.
        expected: String,
        /// What was there.
        found: String,
    },

    /// The mapped netlist has cells that the library does not define.
    #[error("{} unmapped cell types after synthesis: {}; see {}", cells.len(), cells.join(", "), report.display())]
    Unmapped {
        /// Cell types.
        cells: Vec<String>,
        /// The report that lists them.
        report: PathBuf,
    },

    /// Two independent sources disagree about a number.
    #[error("{what}: {first} by {first_source}, but {second} by {second_source}")]
    Disagree {
        /// The quantity and its unit.
        what: &'static str,
        /// First value.
        first: f64,
        /// Where the first value comes from.
        first_source: &'static str,
        /// Second value.
        second: f64,
        /// Where the second value comes from.
        second_source: &'static str,
    },
}

/// Adds the operation and the path to an I/O error.
pub(crate) fn io_error(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}

/// A parse error without its file: parsers are pure functions of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Line, counted from 1; 0 if the text ended too early to name one.
    pub line: usize,
    /// What was expected.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl ParseError {
    /// Builds a parse error. A long `found` is shortened to stay on one line.
    pub fn new(line: usize, expected: impl Into<String>, found: &str) -> Self {
        let mut shown: String = found.trim().chars().take(80).collect();
        if shown.is_empty() {
            shown = "nothing".to_owned();
        }
        Self { line, expected: expected.into(), found: shown }
    }

    /// Adds the file.
    pub fn at(self, file: impl Into<PathBuf>) -> Error {
        Error::Parse {
            file: file.into(),
            line: self.line,
            expected: self.expected,
            found: self.found,
        }
    }
}

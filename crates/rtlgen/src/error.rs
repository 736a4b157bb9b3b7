//! Why a design could not be generated or read back.

use std::path::PathBuf;

use flexmac_array::ConfigErrors;
use thiserror::Error;

/// Why a design could not be generated or read back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RtlgenError {
    /// The configuration breaks rules.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A file could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The configuration of a design cannot be read.
    #[error(transparent)]
    Record(#[from] flexmac_record::RecordError),
    /// The output folder holds something that `gen` did not put there.
    #[error(
        "write {}: the folder holds {}, which is no part of a generated design", path.display(), entry.display()
    )]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        entry: PathBuf,
    },
    /// What the names of a design should begin with is no such name.
    #[error(
        "prefix: expected lower-case letters, digits and single underscores, at most 32, that begin with a \
         letter, and end with none of the words that a module or a register begins with (float, irq), found {found:?}"
    )]
    Prefix {
        /// What was given.
        found: String,
    },
    /// Names of a design begin with the prefix already.
    #[error("prefix {prefix}: expected one that no name of the design begins with, found {found}")]
    PrefixTaken {
        /// The prefix.
        prefix: String,
        /// A name of the design.
        found: String,
    },
    /// A template does not render: a fault of this program, not of its input.
    #[error("template {name}: {message}")]
    Template {
        /// The template.
        name: &'static str,
        /// The engine's message.
        message: String,
    },
}

//! Errors of making a set.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a set could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageStyleError {
    /// Some of Debian's photographs do not exist.
    #[error(
        "photographs: expected {expected} of Debian's {packages}, found {found}: {missing} is \
         missing; apt-get install {packages}"
    )]
    PhotosMissing {
        /// Number of photographs in the packages.
        expected: usize,
        /// Names of the packages, separated by spaces.
        packages: String,
        /// Number of photographs found.
        found: usize,
        /// The first that is missing.
        missing: PathBuf,
    },
    /// Too few different photographs to have one for training and one for testing.
    #[error("photographs: expected at least 2 different ones, found {found} in {folders}")]
    TooFewPhotos {
        /// Number of different photographs.
        found: usize,
        /// The folders searched.
        folders: String,
    },
    /// A photograph that cannot be decoded or is too small.
    #[error("photograph {path}: expected {expected}, found {found}")]
    Photo {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The caller set the stop flag.
    #[error("image-style: stopped; nothing was kept")]
    Stopped,
    /// A setting outside its range.
    #[error("image-style: expected {name} {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its legal range in words.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// The set's folder already holds something, or is a file.
    #[error("image-style: expected {path} to be new or an empty folder, found {found}")]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What is in it.
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
}

impl ImageStyleError {
    /// Wraps an I/O error with the action and the path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
